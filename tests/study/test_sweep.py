"""sweep: a grid of simulations, each the same to the last bit as a call of its own."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from vgtheory._errors import ConflictError, InputError, UnsupportedError, VgtheoryError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.simulate import simulate
from vgtheory.study.summary import summarise
from vgtheory.study.sweep import sweep
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation


def network(activation="tanh", sigma_w=1.5, sigma_b=0.1, width=8, depth=6):
    return Network(activation, Weights.gaussian(sigma_w, sigma_b), width=width, depth=depth)


def mean_of(net, samples):
    return summarise(simulate(net, samples))["log_q_mean"]


def test_every_point_is_the_summary_of_a_simulation_of_its_own():
    over = {"depth": [3, 6], "sigma_w": [1, 1.5], "width": np.array([4, 8]), "sigma_b": [0.0, 0.3]}
    result = sweep(network(), 5, seed=7, over=over)
    assert result["log_q_mean"].dims == ("depth", "sigma_w", "width", "sigma_b", "layer")
    for depth, sigma_w, width, sigma_b in itertools.product((3, 6), (1.0, 1.5), (4, 8), (0.0, 0.3)):
        alone = summarise(simulate(network("tanh", sigma_w, sigma_b, width, depth), 5, seed=7))
        point = result.sel(depth=depth, sigma_w=sigma_w, width=width, sigma_b=sigma_b)
        assert set(point.data_vars) == {*alone.data_vars, "change", "change_stderr", "change_half_width", "change_std"}
        for name in alone:
            assert_array_equal(point[name].values[:depth], alone[name].values)
            beyond = point[name].values[depth:]
            assert (beyond == 0).all() if name == "dead" else np.isnan(beyond).all()


def test_a_summary_is_that_of_the_samples():
    result = sweep(network(), 9, over={"depth": [2, 6]})
    for depth in (2, 6):
        alone = simulate(network(depth=depth), 9)
        point = result.sel(depth=depth).isel(layer=slice(depth))
        for name, values in (
            ("log_gradient_norm", alone["log_gradient_norm"].values),
            ("log_weight_gradient_norm", alone["log_weight_gradient_norm"].values),
            ("log_q", np.log(alone["q"].values)),
        ):
            assert_allclose(point[f"{name}_mean"], values.mean(axis=0), rtol=1e-13)
            assert_allclose(point[f"{name}_std"], values.std(axis=0, ddof=1), rtol=1e-12)
            assert_allclose(point[f"{name}_stderr"], values.std(axis=0, ddof=1) / 3, rtol=1e-12)
            assert_array_equal(point[f"{name}_quantile"], np.sort(values, axis=0)[[0, 4, 8]].T)
        assert not point["dead"].any()


def test_dead_networks_are_counted_and_left_out_of_means():
    net = Network("relu", Weights.he(), width=8, depth=12)
    result = sweep(net, 200, over={"width": [1, 2, 3]})
    for width in (1, 2, 3):
        values = simulate(Network("relu", Weights.he(), width, 12), 200)["log_gradient_norm"].values[:, 0]
        alive = values[np.isfinite(values)]
        point = result.sel(width=width, layer=1)
        assert point["dead"] == 200 - alive.size > 0
        assert_allclose(point["log_gradient_norm_mean"], alive.mean() if alive.size else np.nan, rtol=1e-13)
        assert point["log_gradient_norm_quantile"].sel(quantile=0.05) == -np.inf


@pytest.mark.filterwarnings("error")
def test_one_network_has_a_mean_and_no_deviation():
    result = sweep(network(), 1, over={"sigma_w": [1]})
    assert np.isfinite(result["log_q_mean"]).all()
    assert np.isnan(result["log_q_std"]).all()
    assert np.isnan(result["log_q_stderr"]).all()


@pytest.mark.parametrize(
    ("activation", "name"),
    [("leaky_relu", "alpha"), (Activation("a*tanh(x/a)", a=2), "a"), (Activation("tanh(a*x)", a=sp.Symbol("c")), "a")],
)
def test_activation_parameters_can_be_swept(activation, name):
    result = sweep(network(activation), 4, over={name: [0.25, 0.5]})
    source = activation if isinstance(activation, str) else activation.name
    for value in (0.25, 0.5):
        made = to_activation(source, **{name: value})
        assert_array_equal(result["log_q_mean"].sel({name: value}), mean_of(network(made), 4))


def test_swept_quantities_may_be_symbols_in_the_network():
    s, depth = sp.symbols("s L", positive=True)
    result = sweep(network(sigma_w=s, depth=depth), 3, over={"sigma_w": [1.5], "depth": [6]})
    assert_array_equal(result["log_q_mean"].values[0, 0], mean_of(network(), 3))


def test_initialisers_keep_their_shape_where_the_width_is_swept():
    net = Network("tanh", Weights.pytorch_default(), width=8, depth=4)
    result = sweep(net, 3, over={"width": [5]})
    alone = Network("tanh", Weights.pytorch_default(), 5, 4)
    assert_array_equal(result["log_q_mean"].values[0], mean_of(alone, 3))
    assert result.attrs["method"] == "dense"


def test_a_grid_resumes_and_grows(tmp_path):
    folder = tmp_path / "grid"
    first = sweep(network(), 4, over={"sigma_w": [1, 2]}, checkpoint=folder)
    assert len(list(folder.iterdir())) == 2
    ran = []

    class Counting(ThreadPoolExecutor):
        def submit(self, function, *arguments):
            ran.append(arguments)
            return super().submit(function, *arguments)

    with Counting(2) as pool:
        again = sweep(network(), 4, over={"sigma_w": [1, 2]}, checkpoint=folder, executor=pool)
        assert not ran
        more = sweep(network(), 4, over={"sigma_w": [1, 1.5, 2]}, checkpoint=folder, executor=pool)
        assert {str(payload["prepared"].network.weights.sigma_w) for _, payload, *_ in ran} == {"3/2"}
    assert again.identical(first)
    assert more.sel(sigma_w=[1, 2]).equals(first)
    with pytest.raises(ConflictError):
        sweep(network(), 4, seed=1, over={"sigma_w": [1, 2]}, checkpoint=folder)


def test_progress_runs_over_the_whole_grid():
    seen = []
    sweep(network(), 4, over={"sigma_w": [1, 2], "depth": [2, 3]}, progress=lambda *done: seen.append(done))
    assert seen[-1] == (16, 16)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {16}


def test_result_survives_a_netcdf_file(tmp_path):
    result = sweep(network(), 2, over={"sigma_w": [1, 2]})
    result.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as back:
        assert back.equals(result)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "over must be values by name (got None)"),
        ({"over": {}}, "over must be values by name (got {})"),
        ({"over": ["sigma_w"]}, "values by name"),
        ({"over": {"sigma": [1]}}, "over 'sigma': expected one of sigma_w, sigma_b, width, depth"),
        ({"over": {"sigma_w": []}}, "a list of different numbers"),
        ({"over": {"sigma_w": 1.5}}, "a list of different numbers"),
        ({"over": {"sigma_w": "12"}}, "a list of different numbers"),
        ({"over": {"sigma_w": [1, 1.0]}}, "a list of different numbers"),
        ({"over": {"sigma_w": [1, "2"]}}, "sigma_w must be a finite number (got '2')"),
        ({"over": {"sigma_w": [1, np.nan]}}, "a finite number"),
        ({"over": {"sigma_w": [1, sp.Symbol("s")]}}, "a finite number"),
        ({"over": {"sigma_w": [1, -1]}}, "sigma_w"),
        ({"over": {"depth": [0]}}, "(got 0)"),
        ({"over": {"width": [2.5]}}, "(got 2.5)"),
        ({"over": {"depth": [1]}, "samples": 0}, "(got 0)"),
        ({"over": {"depth": [1]}, "samples": None}, "(got None)"),
        ({"over": {"depth": [10**6], "sigma_w": range(1, 2001)}}, "take fewer points"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(InputError) as caught:
        sweep(network(), **{"samples": 2, **options})
    assert message in str(caught.value)


def test_what_one_point_cannot_do_is_refused():
    with pytest.raises(UnsupportedError):
        sweep(Network("tanh", Weights.uniform(1), 4, 2), 2, over={"sigma_w": [1]}, method="exact")
    with pytest.raises(InputError):
        sweep("tanh", 2, over={"sigma_w": [1]})
    with pytest.raises(InputError, match="parameters of an activation made from a formula"):
        sweep(network(Activation("tanh(a*x)", name="mine", a=1)), 2, over={"a": [1, 2]})


@pytest.mark.parametrize("value", [None, 3, "tanh", [1, 2], {}, np.eye(2)])
@pytest.mark.parametrize("name", ["network", "samples", "seed", "over", "method"])
def test_any_argument_gets_an_answer_or_one_of_the_packages_errors(name, value):
    arguments = {"network": network(), "samples": 2, "over": {"sigma_w": [1]}, name: value}
    if (name, str(value)) in {("samples", "3"), ("seed", "3")}:
        assert sweep(**arguments).sizes["sigma_w"] == 1
    else:
        with pytest.raises(VgtheoryError, match=rf"^{name}\b"):
            sweep(**arguments)


def test_a_function_of_what_is_swept_may_return_networks_of_layers():
    result = sweep(lambda act: network(act), 4, over={"act": ["tanh", "relu"]})
    for name in ("tanh", "relu"):
        assert_array_equal(result["log_q_mean"].sel(act=name), mean_of(network(name), 4))


def test_inputs_are_those_of_the_simulation():
    found = sweep(network(), 4, over={"sigma_w": [1, 2]}, inputs=2)
    assert found["log_gradient_norm_mean"].dims == ("sigma_w", "layer", "input", "output")
    with pytest.raises(InputError, match="inputs"):
        sweep(network(), 4, over={"sigma_w": [1]}, inputs="nonsense")
