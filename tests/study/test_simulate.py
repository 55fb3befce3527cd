"""simulate: what it returns, what it refuses, and that its bits depend on network, seed and sample alone."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from numpy.testing import assert_allclose

from tests.kernels.simulation import p_values
from tests.oracles import network_gradients
from vgtheory._errors import ConflictError, InputError, UnsupportedError, VgtheoryError
from vgtheory.model import blocks
from vgtheory.model.architecture import Norm, Skip
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study import experiment as module
from vgtheory.study.simulate import simulate

NAMES = {"gradient": "log_gradient_norm", "weight": "log_weight_gradient_norm", "q": "q"}


def network(activation="tanh", weights=None, width=24, depth=12, **parts):
    return Network(activation, weights or Weights.gaussian(1.5, 0.1), width=width, depth=depth, **parts)


def test_result_is_labelled_and_says_where_it_comes_from():
    result = simulate(network(), 5, seed=9)
    assert dict(result.sizes) == {"sample": 5, "layer": 12}
    assert set(result) == set(NAMES.values())
    assert result["layer"].values.tolist() == list(range(1, 13))
    assert all({"long_name", "units"} <= set(variable.attrs) for variable in result.data_vars.values())
    assert result.attrs["method"] == "exact"
    assert result.attrs["seed"] == 9
    assert {"vgtheory", "numba", "numpy"} <= set(json.loads(result.attrs["versions"]))
    assert json.loads(result.attrs["spec"]) == network().spec


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_result_survives_a_netcdf_file(tmp_path, seed):
    result = simulate(network(), 2, seed=seed)
    result.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as back:
        assert back.equals(result)
        assert int(back.attrs["seed"]) == seed
        assert back.attrs["spec"] == network().spec_json


@pytest.mark.parametrize("weights", [Weights.gaussian(1.5, 0.1), Weights.orthogonal(1.2), Weights.pytorch_default()])
def test_bits_do_not_depend_on_workers_or_on_the_number_of_samples(monkeypatch, weights):
    net = network(weights=weights)
    reference = simulate(net, 20, seed=3)
    monkeypatch.setattr(module, "chunk_size", lambda cost: 3)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(4) as four:
        assert simulate(net, 20, seed=3, executor=one).identical(reference)
        assert simulate(net, 20, seed=3, executor=four).identical(reference)
    assert simulate(net, 8, seed=3).identical(reference.isel(sample=slice(8)))
    assert not simulate(net, 20, seed=4).equals(reference)


@pytest.mark.parametrize("weights", [Weights.gaussian(1.5, 0.1), Weights.orthogonal(1.2)])
def test_single_precision_says_so_and_its_bits_depend_on_nothing_else(monkeypatch, weights):
    net = network(weights=weights)
    reference = simulate(net, 20, seed=3, precision="single")
    assert reference.attrs["precision"] == "single"
    assert reference.attrs["method"] == "exact"
    assert "32-bit" in reference.attrs["generator"]
    assert simulate(net, 2).attrs["precision"] == "double"
    monkeypatch.setattr(module, "chunk_size", lambda cost: 3)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(4) as four:
        assert simulate(net, 20, seed=3, precision="single", executor=one).identical(reference)
        assert simulate(net, 20, seed=3, precision="single", executor=four).identical(reference)
    assert simulate(net, 8, seed=3, precision="single").identical(reference.isel(sample=slice(8)))
    assert not simulate(net, 20, seed=3).equals(reference)


def test_single_precision_is_of_the_exact_method_even_where_a_chain_is_known():
    relu = Network("relu", Weights.he(), width=24, depth=12)
    assert simulate(relu, 2).attrs["method"] == "chain"
    assert simulate(relu, 2, precision="single").attrs["method"] == "exact"
    for options in ({"method": "dense"}, {"method": "chain"}, {"inputs": 2}, {"batch": 4}):
        with pytest.raises(InputError, match='precision="single" together with'):
            simulate(relu, 2, precision="single", **options)
    for wrong in ("half", "float32", None, 32):
        with pytest.raises(InputError, match="precision must be one of double, single"):
            simulate(relu, 2, precision=wrong)


@pytest.mark.parametrize("kind", ["gaussian", "orthogonal"])
def test_both_precisions_sample_one_law(kind):
    def logs(sigma_w, **options):
        net = Network("gelu", getattr(Weights, kind)(sigma_w, 0.2), width=(5, 9, 3, 12, 4), depth=4)
        found = simulate(net, 20_000, **options)
        return {key: found[name].values for key, name in NAMES.items()}

    single = logs(1.4, precision="single")
    assert min(p_values(logs(1.4), single, digits=4).values()) > 1e-6 / 60  # false alarm below 1e-6
    assert min(p_values(logs(1.4 * 1.02), single, digits=4).values()) < 1e-6 / 60


def test_checkpoints_of_another_network_seed_or_method_are_refused(tmp_path):
    net = network()
    first = simulate(net, 4, checkpoint=tmp_path)
    assert simulate(net, 4, checkpoint=tmp_path).identical(first)
    assert simulate(net, 2, checkpoint=tmp_path).identical(first.isel(sample=slice(2)))
    for other, options in (
        (network(depth=13), {}),
        (net, {"seed": 1}),
        (net, {"method": "dense"}),
        (net, {"precision": "single"}),
    ):
        with pytest.raises(ConflictError):
            simulate(other, 4, checkpoint=tmp_path, **options)


@pytest.mark.parametrize(
    ("weights", "bias"), [(Weights.xavier(0.3), "gaussian"), (Weights.pytorch_default(), "uniform")]
)
def test_uniform_weights_take_the_dense_path_and_have_its_law(weights, bias):
    widths = (6,) * 6
    net = network("tanh", weights, width=6, depth=5)
    result = simulate(net, 20_000)
    assert result.attrs["method"] == "dense"
    (sigma_w, sigma_b) = net.sigmas[0]

    def slope(h):
        return 1 - np.tanh(h) ** 2

    rng = np.random.default_rng(1)
    brute = network_gradients("uniform", np.tanh, slope, widths, sigma_w, sigma_b, 6000, rng, bias_family=bias)
    ours = {key: result[name].values for key, name in NAMES.items()}
    assert min(p_values(brute, ours).values()) > 1e-6 / 60  # false alarm below 1e-6
    with pytest.raises(UnsupportedError, match=r"uniform weights are not that; use vg.simulate"):
        simulate(net, 2, method="exact")


@pytest.mark.parametrize("kind", ["gaussian", "orthogonal"])
def test_both_methods_sample_one_law(kind):
    net = Network("gelu", getattr(Weights, kind)(1.4, 0.2), width=(5, 9, 3, 12, 4), depth=4)
    exact, dense = (simulate(net, 20_000, method=method) for method in ("exact", "dense"))
    first, second = ({key: ds[name].values for key, name in NAMES.items()} for ds in (exact, dense))
    assert min(p_values(first, second).values()) > 1e-6 / 60  # false alarm below 1e-6


def test_homogeneous_activations_may_leave_float64_and_others_say_so():
    deep = simulate(network("relu", Weights.gaussian(30), width=32, depth=2000), 2)
    assert deep["log_gradient_norm"].values.max() > 5000
    assert np.isposinf(deep["q"].values[:, -1]).all()
    vanishing = simulate(network("tanh", Weights.gaussian(0.01), width=32, depth=2000), 2)
    assert vanishing["log_gradient_norm"].values.min() < -9000
    steps = np.diff(vanishing["log_gradient_norm"].values.mean(axis=0))
    assert_allclose(steps.mean(), -np.log(0.01), atol=0.05)


@pytest.mark.parametrize("method", ["exact", "dense"])
@pytest.mark.parametrize("sigma_w", [0.3, 3.0])
def test_a_signal_that_leaves_float64_is_said_to_do_so(method, sigma_w):
    with pytest.raises(UnsupportedError, match="range of float64"):
        simulate(network("x**3", Weights.gaussian(sigma_w), width=8, depth=50), 2, method=method)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "samples must be a whole number from 1 to 10,000,000 (got 0)"),
        ({"samples": 10**7 + 1}, "samples"),
        ({"samples": 2.5}, "(got 2.5)"),
        ({"samples": True}, "(got True)"),
        ({"seed": -1}, "(got -1)"),
        ({"seed": 2**64}, "seed"),
        ({"seed": "1"}, "(got '1')"),
        ({"method": "fast"}, "(got 'fast')"),
        ({"network": "tanh"}, "network must be a Network (got 'tanh')"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(InputError) as caught:
        simulate(**{"network": network(), "samples": 2, **options})
    assert message in str(caught.value)


def test_results_beyond_memory_are_refused_before_any_work():
    with pytest.raises(InputError, match=r"GiB.*take at most"):
        simulate(network(width=2, depth=10**6), 10**7)


def test_symbols_are_refused():
    with pytest.raises(InputError):
        simulate(network(depth=sp.Symbol("L", integer=True, positive=True)), 2)
    with pytest.raises(InputError):
        simulate(network(weights=Weights.gaussian(sp.Symbol("sigma", positive=True))), 2)


def test_numpy_integers_are_accepted():
    assert simulate(network(), np.int64(2), seed=np.uint64(2**64 - 1)).sizes["sample"] == 2


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "Abs(x)"])
def test_homogeneous_networks_without_bias_take_the_chain_and_keep_their_law(name):
    net = network(name, Weights.gaussian(1.4), width=12, depth=8)
    chain, vectors = simulate(net, 20_000), simulate(net, 20_000, method="exact")
    assert chain.attrs["method"] == "chain"
    assert vectors.attrs["method"] == "exact"
    a, b = ({short: result[long].values for short, long in NAMES.items()} for result in (chain, vectors))
    assert min(p_values(a, b).values()) > 1e-8
    assert simulate(net, 4, seed=2).equals(simulate(net, 8, seed=2).isel(sample=slice(4)))


@pytest.mark.parametrize(
    ("activation", "weights", "chosen"),
    [
        ("tanh", Weights.gaussian(1), "exact"),
        ("relu", Weights.gaussian(1, 0.1), "exact"),
        ("relu", Weights.orthogonal(1), "exact"),
        ("relu", Weights.uniform(1), "dense"),
        ("Min(x, 0)", Weights.gaussian(1), "exact"),
    ],
)
def test_the_chain_is_refused_where_it_does_not_hold(activation, weights, chosen):
    net = network(activation, weights, width=3, depth=2)
    assert simulate(net, 2).attrs["method"] == chosen
    with pytest.raises(UnsupportedError, match="chain"):
        simulate(net, 2, method="chain")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gaussian", "orthogonal"])
def test_both_methods_sample_one_law_of_a_network_with_every_part(kind):
    net = Network(
        "gelu", getattr(Weights, kind)(1.4, 0.2), 12, 6, skip=Skip("1/sqrt(depth)", matrices=2), norm="layer",
        dropout=0.1,
    )  # fmt: skip
    exact, dense = (simulate(net, 20_000, method=method) for method in ("exact", "dense"))
    assert simulate(net, 2).attrs["method"] == "exact"
    first, second = ({key: ds[name].values for key, name in NAMES.items()} for ds in (exact, dense))
    assert min(p_values(first, second).values()) > 1e-6 / 60  # false alarm below 1e-6
    wrong = simulate(replace(net, skip=Skip(1.03 / 6**0.5, matrices=2)), 20_000)
    assert min(p_values({key: wrong[name].values for key, name in NAMES.items()}, second).values()) < 1e-6 / 60


@pytest.mark.parametrize(
    ("activation", "weights", "width", "depth"),
    [
        ("tanh", Weights.gaussian(1.5, 0.1), 12, 4),
        ("relu", Weights.gaussian(1.3), 9, 3),
        ("gelu", Weights.orthogonal(1.4, 0.2), 5, 9),  # more layers than units
    ],
)
def test_tied_weights_that_are_asked_have_the_law_of_drawn_ones(activation, weights, width, depth):
    net = Network(activation, weights.tie(), width, depth)
    exact, dense = (simulate(net, 8000, method=method) for method in ("exact", "dense"))
    assert simulate(net, 2).attrs["method"] == ("exact" if 3 * depth <= width else "dense")
    first, second = ({key: ds[name].values for key, name in NAMES.items()} for ds in (exact, dense))
    assert min(p_values(first, second).values()) > 1e-6 / 40  # false alarm below 1e-6
    wrong = simulate(replace(net, weights=replace(net.weights, sigma_w=1.06 * net.weights.sigma_w)), 8000)
    assert min(p_values({key: wrong[name].values for key, name in NAMES.items()}, second).values()) < 1e-6 / 40


@pytest.mark.slow
def test_tied_weights_are_asked_at_any_width_and_any_worker():
    net = Network("relu", Weights.gaussian(0.5).tie(), 20_000, 500)  # signals far below float64, 3 GB if it were drawn
    found = simulate(replace(net, depth=12), 3, seed=3)
    assert found.attrs["method"] == "exact"
    with ThreadPoolExecutor(3) as pool:
        many = simulate(replace(net, depth=12), 5, seed=3, executor=pool)
    assert many.isel(sample=slice(3)).equals(found)
    deep = simulate(replace(net, width=1500), 1)
    assert deep["q"].values[0, -1] == 0 < np.isfinite(deep["log_gradient_norm"]).all()
    with pytest.raises(InputError, match=r"e\.g\. depth="):
        simulate(replace(net, width=1_000_000, depth=300_000), 1, method="exact")


def test_parts_are_what_the_result_is_about():
    plain = network("relu", Weights.he(), width=16, depth=6)
    for parts in ({"skip": 0.5}, {"norm": "rms"}, {"norm": Norm("layer", eps=1e-5)}, {"dropout": 0.3}):
        net = replace(plain, **parts)
        result = simulate(net, 4, seed=2)
        assert result.attrs["method"] == "exact"
        assert Network.from_spec(json.loads(result.attrs["spec"])) == net
        assert not result["q"].equals(simulate(plain, 4, seed=2, method="exact")["q"])
        assert simulate(net, 8, seed=2).isel(sample=slice(4)).equals(result)
        with pytest.raises(UnsupportedError, match="chain"):
            simulate(net, 2, method="chain")
    uniform = simulate(Network("tanh", Weights.xavier(), 8, 3, skip=1, dropout=0.1), 2)
    assert uniform.attrs["method"] == "dense"


def test_parts_that_are_not_simulated_are_refused():
    with pytest.raises(UnsupportedError, match="batch norm needs a batch"):
        simulate(network(norm="batch"), 2)
    with pytest.raises(UnsupportedError, match="tied weights with a second matrix"):
        simulate(network(weights=Weights.gaussian(1).tie(), skip=Skip(1, matrices=2)), 2)
    with pytest.raises(UnsupportedError, match="tied weights beside skip connections are drawn"):
        simulate(network(weights=Weights.gaussian(1).tie(), skip=1), 2, method="exact")


def test_a_branch_of_scale_zero_gets_no_gradient():
    result = simulate(network("x**3", skip=0), 3)
    assert np.isneginf(result["log_gradient_norm"].values).all()


def test_several_networks_are_a_dimension_and_each_what_it_is_alone(tmp_path):
    networks = [network(), network("relu", Weights.he()), network(width=[24] * 12 + [3])]
    seen = []
    result = simulate(networks, 5, seed=4, checkpoint=tmp_path, progress=lambda *done: seen.append(done))
    assert result["network"].values.tolist() == ["tanh (1)", "relu", "tanh (3)"]
    assert result.attrs["method"] == "exact, chain"
    assert json.loads(result.attrs["spec"]) == [net.spec for net in networks]
    assert seen[-1] == (15, 15)
    for k, net in enumerate(networks):
        alone = simulate(net, 5, seed=4)
        for name in alone:
            assert np.array_equal(result[name].values[k], alone[name].values)
    again = []
    more = simulate([networks[1], networks[0]], 5, seed=4, checkpoint=tmp_path, progress=lambda *d: again.append(d))
    assert more.isel(network=1).log_gradient_norm.equals(
        result.isel(network=0).log_gradient_norm.assign_coords(network="tanh")
    )
    assert simulate(networks, 3, inputs=2).sizes["network"] == 3


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ([], "no networks"),
        ([network(), network(depth=13)], "networks of depths 12, 13"),
        ([network(), "relu"], "network must be a Network"),
        ("relu", "network must be a Network"),
        (None, "network must be a Network"),
        ({"a": 1}, "network must be a Network"),
    ],
)
def test_what_is_no_network_and_no_networks_is_refused(networks, message):
    with pytest.raises(InputError, match=message):
        simulate(networks, 4)


ANSWERED = {("batch", "None"), ("half_width", "None"), ("half_width", "3"), ("inputs", "3"), ("outputs", "3"),
            ("samples", "3"), ("seed", "3")}  # fmt: skip


@pytest.mark.parametrize("value", [None, 3, "tanh", [1, 2], {}, np.eye(2), xr.Dataset()])
@pytest.mark.parametrize("name", ["network", "samples", "seed", "method", "inputs", "outputs", "batch", "half_width"])
def test_any_argument_gets_an_answer_or_one_of_the_packages_errors(name, value):
    arguments = {"network": network(width=4, depth=2), "samples": 2, name: value}
    if (name, str(value)) in ANSWERED:
        assert simulate(**arguments).sizes["layer"] == 2
    else:
        with pytest.raises(VgtheoryError, match=rf"^({name}\b|batch=|simulate \(batch\): )"):
            simulate(**arguments)


@pytest.mark.parametrize(
    ("width", "depth", "samples", "message"),
    [
        (10**6, 10**6, 1, "take a smaller width or depth: one sample of this one takes about"),
        (10**6, 10**3, 10**5, r"samples must be a study of up to 24 hours .* take at most [\d,]+ samples"),
        (512, 10**5, 10**7, "half of this machine's memory|up to 24 hours"),
    ],
)
def test_work_of_days_is_refused_before_it_begins_with_an_estimate(width, depth, samples, message):
    with pytest.raises(InputError, match=message):
        simulate(network(width=width, depth=depth), samples)


def test_matrices_count_in_the_estimate():
    with pytest.raises(InputError, match="one sample of this one takes about"):
        simulate(network(width=10**5, depth=1000), 1, method="dense")
    with ThreadPoolExecutor(1) as pool, pytest.raises(InputError, match="one sample"):
        simulate(network(width=10**5, depth=1000), 1, method="dense", executor=pool)


def test_several_networks_of_blocks_are_a_dimension_too():
    made = [Network(block, width=6, depth=3) for block in (blocks.lstm(Weights.gaussian(1)), blocks.gru(Weights.he()))]
    found = simulate(made, 3, seed=5)
    assert found.network.values.tolist() == ["LSTM", "GRU, reset after"]
    assert set(found.stream.values) == {"h", "c"}
    for k, network in enumerate(made):
        alone = simulate(network, 3, seed=5)
        for stream in alone.stream.values:
            here = found.log_stream_gradient_norm.isel(network=k).sel(stream=stream)
            np.testing.assert_array_equal(here, alone.log_stream_gradient_norm.sel(stream=stream))
    assert np.isnan(found.log_stream_gradient_norm.isel(network=1).sel(stream="c")).all()
