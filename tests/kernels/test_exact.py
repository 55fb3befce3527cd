"""The exact simulation has the law of networks with drawn matrices: every layer, jointly, with and without bias."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from tests.kernels.simulation import activation, layers, norms, p_values
from tests.oracles import network_gradients
from tests.rows import ACTIVATIONS
from tests.thinning import thinned
from vgtheory.kernels.arguments import Samples
from vgtheory.kernels.exact import exact_samples

SIX, SIXTEEN, UNEVEN, TWO, ONE = (6,) * 9, (16,) * 7, (5, 9, 3, 12, 4), (2,) * 5, (1,) * 4
ORDINARY = [
    (family, name, widths, sigma_b)
    for family in ("gaussian", "orthogonal")
    for name in ("tanh", "relu", "gelu")
    for widths, sigma_b in ((SIX, 0.0), (SIXTEEN, 0.3))
]
FURTHER = [
    (family, name, widths, sigma_b)
    for family in ("gaussian", "orthogonal")
    for name in ("tanh", "relu", "gelu")
    for widths, sigma_b in ((SIX, 0.3), (SIXTEEN, 0.0), (UNEVEN, 0.0), (UNEVEN, 0.3))
] + [
    # Not GELU: in so narrow a network one unit far to the left sends the signal below 1e-308.
    (family, name, widths, sigma_b)
    for family in ("gaussian", "orthogonal")
    for name in ("tanh", "relu")
    for widths, sigma_b in ((TWO, 0.0), (TWO, 0.3), (ONE, 0.0), (ONE, 0.3))
]
FURTHER = FURTHER[::3]  # every activation, family, shape and bias, in every third combination
# A bias that outweighs orthogonal matrices, in layers so narrow that a gradient sees how W x lies to h = W x + b.
LARGE_BIAS = [("orthogonal", "tanh", TWO, 1.5), ("orthogonal", "relu", (2, 4, 2, 4), 1.5)]
# Each of the at most 30 p-values per case must exceed this: with all cases, a false alarm has probability 1e-6.
LIMIT = 1e-6 / (30 * (len(ORDINARY) + len(FURTHER) + len(LARGE_BIAS)))
SIGMA_W = {"tanh": 1.3, "relu": 2**0.5, "gelu": 1.5, "identity": 1.0}


def exact(family, name, widths, sigma_w, sigma_b, samples, seed=7, first=0, **options):
    out = norms(samples, len(widths) - 1)
    which = Samples(np.uint64(seed), first)
    exact_samples(activation(name), family == "orthogonal", layers(widths, sigma_w, sigma_b), which, out, **options)
    return out._asdict()


def brute(family, name, widths, sigma_w, sigma_b, samples, **options):
    _, phi, slope, _, _ = ACTIVATIONS[name]
    rng = np.random.default_rng(3)
    return network_gradients(family, phi, slope, widths, sigma_w, sigma_b, samples, rng, **options)


def samples(widths):
    """Enough that 2 % of σ_w cannot hide: networks of width 6 vary more."""
    return (12_000, 50_000) if max(widths) <= 6 else (4000, 12_000)


def assert_same_law(family, name, widths, sigma_b):
    few, many = samples(widths)
    a = brute(family, name, widths, SIGMA_W[name], sigma_b, few)
    b = exact(family, name, widths, SIGMA_W[name], sigma_b, many)
    failed = {key: p for key, p in p_values(a, b).items() if not p > LIMIT}
    assert not failed


@pytest.mark.parametrize(("family", "name", "widths", "sigma_b"), thinned(ORDINARY, 7))
def test_law_is_that_of_drawn_matrices(family, name, widths, sigma_b):
    assert_same_law(family, name, widths, sigma_b)


@pytest.mark.parametrize(("family", "name", "widths", "sigma_b"), LARGE_BIAS)
def test_law_under_a_bias_that_outweighs_orthogonal_matrices(family, name, widths, sigma_b):
    assert_same_law(family, name, widths, sigma_b)


@pytest.mark.parametrize(("family", "name", "widths", "sigma_b"), LARGE_BIAS)
def test_the_comparison_notices_a_gradient_that_sees_only_h(family, name, widths, sigma_b):
    few, many = samples(widths)
    a = brute(family, name, widths, SIGMA_W[name], sigma_b, few, aligned=True)
    b = exact(family, name, widths, SIGMA_W[name], sigma_b, many)
    assert min(p_values(a, b).values()) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize(("family", "name", "widths", "sigma_b"), FURTHER)
def test_law_is_that_of_drawn_matrices_in_further_shapes(family, name, widths, sigma_b):
    assert_same_law(family, name, widths, sigma_b)


@pytest.mark.parametrize(("family", "name", "widths", "sigma_b"), thinned(ORDINARY, 7))
def test_the_comparison_notices_a_weight_scale_wrong_by_two_percent(family, name, widths, sigma_b):
    few, many = samples(widths)
    a = brute(family, name, widths, SIGMA_W[name], sigma_b, few)
    b = exact(family, name, widths, 1.02 * SIGMA_W[name], sigma_b, many)
    assert min(p_values(a, b).values()) < LIMIT


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_the_comparison_notices_a_backward_pass_with_fresh_weights(family):
    # The common approximation: forward and backward weights independent, which drops κx from the backward rule.
    a = brute(family, "tanh", SIX, 1.3, 0.0, 4000, fresh_backward=True)
    b = exact(family, "tanh", SIX, 1.3, 0.0, 12_000)
    assert min(p_values(a, b).values()) < LIMIT


@pytest.mark.parametrize("sigma_w", [0.5, 1.0, 3.0])
def test_orthogonal_linear_gradient_is_a_power_of_sigma_w(sigma_w):
    depth = 300
    result = exact("orthogonal", "identity", (40,) * (depth + 1), sigma_w, 0.0, 2)
    powers = np.log(sigma_w) * np.arange(depth - 1, -1, -1)
    assert_allclose(result["gradient"], np.tile(powers, (2, 1)), atol=1e-10)
    lengths = np.log(sigma_w) * np.arange(depth)
    assert_allclose(result["weight"], powers + lengths + 0.5 * np.log(40) + np.zeros((2, 1)), atol=1e-10)
    assert_allclose(np.log(result["q"]), np.tile(2 * np.log(sigma_w) * np.arange(1, depth + 1), (2, 1)), atol=1e-10)


@pytest.mark.parametrize("name", ["relu", "identity"])
def test_weight_times_gradient_is_the_same_in_every_layer_of_a_chain(name):
    # Euler's identity, W_l ∂ℓ/∂W_l = x_L ∂ℓ/∂x_L, in networks of width 1: |W_l| = |h_l|/|h_{l−1}| where a unit is on.
    result = exact("gaussian", name, (1,) * 7, 2.0, 0.0, 400)
    alive = np.isfinite(result["gradient"][:, 0])
    assert alive.sum() > 3
    log_h = 0.5 * np.log(result["q"][alive])
    product = result["weight"][alive][:, 1:] + np.diff(log_h, axis=1)
    assert_allclose(product, np.tile(product[:, :1], (1, 5)), atol=1e-9)


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
@pytest.mark.parametrize(("name", "factor"), [("relu", 1e-3), ("relu", 2.5), ("identity", 1e-60), ("identity", 1e60)])
def test_scales_beyond_float64_are_carried(family, name, factor):
    # φ is positively homogeneous: with the same random numbers, σ_w only multiplies.
    depth, width = 1000, 24
    widths = (width,) * (depth + 1)
    base = exact(family, name, widths, 1.4, 0.0, 2)
    scaled = exact(family, name, widths, 1.4 * factor, 0.0, 2)
    down = np.log(factor) * np.arange(depth - 1, -1, -1)
    assert_allclose(scaled["gradient"], base["gradient"] + down, rtol=1e-12, atol=1e-9)
    assert_allclose(scaled["weight"], base["weight"] + np.log(factor) * (depth - 1), rtol=1e-12, atol=1e-9)
    assert np.max(np.abs(scaled["gradient"])) > 700


def test_small_signals_reach_the_linear_limit_of_tanh():
    # Beyond the first layers tanh is the identity; the law of a linear network then holds exactly, far below 1e-308.
    depth = 3000
    widths = (16,) * (depth + 1)
    tanh, linear = (exact("gaussian", name, widths, 0.3, 0.0, 1)["gradient"][0] for name in ("tanh", "identity"))
    assert tanh[0] < -3000
    assert_allclose(np.diff(tanh)[100:2900], np.diff(linear)[100:2900], atol=1e-9)


def test_dead_networks_are_minus_infinity_and_nothing_else_is():
    # A network lives if in each of its 20 layers one of 3 units is on; their signs are fair coins.
    result = exact("gaussian", "relu", (3,) * 21, 2**0.5, 0.0, 20_000)
    dead = np.isneginf(result["gradient"][:, 0])
    assert np.isfinite(result["gradient"][~dead]).all()
    assert not np.isnan(result["gradient"]).any()
    assert stats.binomtest(int(np.sum(~dead)), len(dead), (7 / 8) ** 20).pvalue > 1e-6


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_zero_weights_stop_every_gradient_but_the_last(family):
    result = exact(family, "tanh", (8,) * 4, 0.0, 0.5, 3)
    assert np.isneginf(result["gradient"][:, :-1]).all()
    assert np.isfinite(result["gradient"][:, -1]).all()
    assert (result["q"] > 0).all()


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("width", [1, 3, 1023, 1024, 1025, 3000])
def test_a_sample_has_the_same_bits_in_any_chunk(family, width):
    whole = exact(family, "tanh", (width,) * 5, 1.5, 0.1, 6)
    part = exact(family, "tanh", (width,) * 5, 1.5, 0.1, 2, first=3)
    for name, values in part.items():
        assert_array_equal(values, whole[name][3:5])
        assert np.isfinite(values).all()


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("segment", [1, 2, 7, 20])
def test_bits_do_not_depend_on_how_many_layers_are_kept(family, segment):
    whole = exact(family, "gelu", (24,) * 22, 1.5, 0.1, 3)
    parts = exact(family, "gelu", (24,) * 22, 1.5, 0.1, 3, segment=segment)
    for name, values in whole.items():
        assert_array_equal(parts[name], values)
