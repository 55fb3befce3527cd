"""Several inputs, and tangents: what they return, what they refuse, their bits, and that they agree with simulate."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose
from scipy import stats

import vgtheory as vg
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.spectra.growth import exponents
from vgtheory.study import experiment
from vgtheory.study.sample import sample
from vgtheory.study.simulate import simulate


def network(activation="tanh", weights=None, width=24, depth=12, **parts):
    return vg.Network(activation, weights or vg.Weights.gaussian(1.5, 0.1), width=width, depth=depth, **parts)


def test_several_is_labelled_and_says_where_it_comes_from():
    cosines = [[1.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 1.0]]
    result = simulate(network(), 4, inputs=vg.Inputs(correlation=cosines), outputs=2, seed=9)
    assert dict(result.sizes) == {
        "sample": 4, "layer": 12, "input": 3, "other_input": 3, "output": 2, "other_output": 2
    }  # fmt: skip
    assert all({"long_name", "units"} <= set(variable.attrs) for variable in result.data_vars.values())
    assert json.loads(result.attrs["spec"]) == network().spec
    assert json.loads(result.attrs["input_correlation"]) == cosines
    assert_allclose(result.correlation.values, result.correlation.values.transpose(0, 1, 3, 2))


def test_a_number_of_inputs_is_that_many_orthogonal_ones():
    found = simulate(network(), 3, inputs=3, seed=2)
    assert found.identical(simulate(network(), 3, inputs=vg.Inputs(correlation=np.eye(3)), seed=2))
    assert found.attrs["input_correlation"] == json.dumps(np.eye(3).tolist())
    assert dict(simulate(network(), 3, outputs=2).sizes)["output"] == 2


def test_the_kernel_is_what_norms_and_angles_say_and_positive():
    result = simulate(network(), 3, inputs=vg.Inputs(correlation=0.4), outputs=2)
    sizes = np.exp(result.log_weight_gradient_norm.values.reshape(3, 12, 4))
    kernel = result.ntk.values.reshape(3, 12, 4, 4)
    assert_allclose(np.diagonal(kernel, axis1=2, axis2=3), sizes**2, rtol=1e-12)
    assert np.linalg.eigvalsh(kernel.sum(axis=1)).min() > 0
    assert (abs(kernel) <= sizes[..., :, None] * sizes[..., None, :] * (1 + 1e-12)).all()


def test_one_input_of_several_has_the_law_of_simulate():
    several, one = simulate(network(), 4000, inputs=vg.Inputs(correlation=0.4)), simulate(network(), 4000, seed=5)
    pairs = [
        (several.log_gradient_norm.isel(input=1, output=0), one.log_gradient_norm),
        (several.log_weight_gradient_norm.isel(input=0, output=0), one.log_weight_gradient_norm),
        (several.q.isel(input=1), one.q),
    ]
    found = [stats.ks_2samp(a.values[:, k], b.values[:, k]).pvalue for a, b in pairs for k in (0, 6, 11)]
    assert min(found) > 1e-7


def test_bits_depend_neither_on_workers_nor_on_the_number_of_samples(monkeypatch, tmp_path):
    whole = simulate(network(), 10, inputs=vg.Inputs(correlation=0.3), seed=3)
    growth = sample(network(), of="growth", samples=10, directions=2, seed=3)
    monkeypatch.setattr(experiment, "chunk_size", lambda cost: 3)
    with ThreadPoolExecutor(3) as three:
        assert simulate(
            network(), 10, inputs=vg.Inputs(correlation=0.3), seed=3, executor=three, checkpoint=tmp_path / "a"
        ).identical(whole)
        assert sample(network(), of="growth", samples=10, directions=2, seed=3, executor=three).identical(growth)
    assert simulate(network(), 10, inputs=vg.Inputs(correlation=0.3), seed=3, checkpoint=tmp_path / "a").identical(
        whole
    )
    assert simulate(network(), 4, inputs=vg.Inputs(correlation=0.3), seed=3).identical(whole.isel(sample=slice(4)))
    assert sample(network(), of="growth", samples=4, directions=2, seed=3).log_growth.equals(
        growth.log_growth.isel(sample=slice(4))
    )


@pytest.mark.slow
def test_the_correlation_map_tends_to_its_mean_field_limit():
    act, sigma_w, sigma_b = "tanh", 1.5, 0.3
    net = network(act, vg.Weights.gaussian(sigma_w, sigma_b), width=2000, depth=3)
    seen = simulate(net, 40, inputs=vg.Inputs(correlation=0.4)).correlation.isel(input=0, other_input=1)
    kernel, _ = vg.calculus.dual_kernel(vg.activation(act))
    q1 = sigma_w**2 + sigma_b**2
    c1 = (sigma_w**2 * 0.4 + sigma_b**2) / q1
    length = float(vg.calculus.length_map(vg.activation(act)).at(q=q1).value())
    second = sigma_w**2 * float(kernel.at(q1=q1, q2=q1, c=c1).value()) + sigma_b**2
    c2 = second / (sigma_w**2 * length + sigma_b**2)
    error = seen.std("sample") / 40**0.5
    assert abs(seen.mean("sample")[0] - c1) < 6 * error[0]
    assert abs(seen.mean("sample")[1] - c2) < 6 * error[1] + 1e-3


def test_dead_vectors_have_no_angle_and_no_kernel():
    result = simulate(network("relu", vg.Weights.he(), width=2, depth=12), 200, inputs=vg.Inputs(correlation=0.3))
    dead = np.isneginf(result.log_gradient_norm.values[:, 0, 0, 0])
    assert dead.any()
    assert np.isnan(result.gradient_cosine.values[dead, 0, 0, 0, 1, 0]).all()
    assert (result.ntk.values[dead, 0, 0, 0] == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": 25}, "25 independent inputs of width 24"),
        ({"inputs": 0}, "(got 0)"),
        ({"inputs": "2"}, "(got '2')"),
        ({"inputs": vg.Inputs(variance=2.0, correlation=0.5)}, "for recurrent cells"),
        ({"inputs": vg.Inputs(kind="same")}, "for recurrent cells"),
        ({"outputs": 25}, "outputs must be a whole number from 1 to 24 (got 25)"),
        ({"outputs": None}, "(got None)"),
        ({"outputs": True, "inputs": 1}, "(got True)"),
        ({"method": "dense"}, 'several inputs or outputs together with method="dense"'),
        ({"batch": 8}, "batch together with inputs or outputs"),
        ({"samples": 0}, "(got 0)"),
        ({"network": network(depth=sp.Symbol("L", integer=True, positive=True))}, "symbolic L"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(InputError) as caught:
        simulate(**{"network": network(), "inputs": vg.Inputs(correlation=0.5), "samples": 2, **options})
    assert message in str(caught.value)


VERBS = [lambda n: simulate(n, 2, inputs=2), lambda n: sample(n, of="growth", samples=2)]


@pytest.mark.parametrize("verb", VERBS)
def test_weights_of_scale_0_are_refused(verb):
    with pytest.raises(UnsupportedError, match="weights that are all 0 pass nothing on"):
        verb(network(weights=vg.Weights.gaussian(0, 1)))


@pytest.mark.parametrize("verb", VERBS)
def test_networks_that_need_their_matrices_are_refused(verb):
    with pytest.raises(UnsupportedError, match="uniform weights"):
        verb(network(weights=vg.Weights.xavier()))
    with pytest.raises(UnsupportedError, match="layer norm"):
        verb(network(norm="layer"))
    with pytest.raises(UnsupportedError, match="range of float64"):
        verb(network("x**3", vg.Weights.gaussian(3), width=8, depth=50))
    with pytest.raises(UnsupportedError, match="range of float64"):
        verb(network("x**3", vg.Weights.gaussian(0.1), width=8, depth=50))


def test_tangents_are_labelled_and_refuse_too_many_directions():
    result = sample(network(depth=2000), of="growth", samples=3, directions=2, seed=4)
    assert dict(result.sizes) == {"sample": 3, "block": 63, "direction": 2}
    assert result.layer.values[-1] == 2000
    assert json.loads(result.attrs["spec"]) == network(depth=2000).spec
    assert (result.exponent.diff("direction") < 0).all()
    with pytest.raises(InputError, match=r"directions must be .* \(got 25\)"):
        sample(network(), of="growth", samples=2, directions=25)


def test_the_leading_exponent_is_the_growth_of_the_gradient():
    net = network("tanh", vg.Weights.gaussian(2.0, 0.1), width=32, depth=4000)
    leading = sample(net, of="growth", samples=4, seed=1)
    gradient = simulate(net, 4).log_gradient_norm
    rate = (gradient.isel(layer=0) - gradient.isel(layer=-1)).values / 3999
    error = float(leading.exponent_stderr[0]) + rate.std(ddof=1) / 2
    assert abs(float(leading.exponent[0]) - rate.mean()) < 6 * error


@pytest.mark.parametrize(("samples", "blocks"), [(3, 30), (40, 5)])
def test_standard_errors_of_exponents_cover(samples, blocks):
    rng = np.random.default_rng(2)
    ends = 20 * np.arange(1, blocks + 1)
    inside = 0
    for _ in range(400):
        growth = rng.normal(0.3 * 20, 2.0, (samples, blocks, 1))
        mean, error, _ = exponents(growth, ends)
        inside += abs(mean[0] - 0.3) < 1.96 * error[0]
    assert stats.binomtest(inside, 400, 0.945).pvalue > 1e-6
