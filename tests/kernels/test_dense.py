"""The dense simulation has the law of networks with drawn matrices, also where weights are not rotation-invariant."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from tests.kernels.simulation import activation, layers, norms, p_values
from tests.oracles import network_gradients
from tests.rows import ACTIVATIONS
from tests.thinning import thinned
from vgtheory.kernels.arguments import Samples
from vgtheory.kernels.dense import dense_samples
from vgtheory.kernels.matrices import drawn_matrices

FAMILIES = ("gaussian", "uniform", "orthogonal")
SIX, SIXTEEN, UNEVEN = (6,) * 7, (16,) * 5, (5, 9, 3, 12, 4)
CASES = [
    ("gaussian", "tanh", SIX, 0.3, "gaussian"),
    ("gaussian", "relu", UNEVEN, 0.0, "gaussian"),
    ("uniform", "tanh", SIX, 0.0, "gaussian"),
    ("uniform", "relu", SIXTEEN, 0.3, "uniform"),
    ("uniform", "gelu", UNEVEN, 0.3, "gaussian"),
    ("orthogonal", "tanh", SIX, 0.3, "gaussian"),
    ("orthogonal", "gelu", UNEVEN, 0.0, "gaussian"),
    ("orthogonal", "relu", SIXTEEN, 0.0, "gaussian"),
]
# At most 25 p-values per case: with all cases, a false alarm has probability 1e-6.
LIMIT = 1e-6 / (25 * len(CASES))


def dense(family, name, widths, sigma_w, sigma_b, samples, bias="gaussian", first=0):
    out = norms(samples, len(widths) - 1)
    law = drawn_matrices(family, {}, bias)
    dense_samples(activation(name), law, layers(widths, sigma_w, sigma_b), Samples(np.uint64(7), first), out)
    return out._asdict()


def brute(family, name, widths, sigma_w, sigma_b, samples, bias):
    _, phi, slope, _, _ = ACTIVATIONS[name]
    rng = np.random.default_rng(4)
    return network_gradients(family, phi, slope, widths, sigma_w, sigma_b, samples, rng, bias_family=bias)


@pytest.mark.parametrize(("family", "name", "widths", "sigma_b", "bias"), thinned(CASES, 6))
def test_law_is_that_of_drawn_matrices_and_two_percent_would_be_noticed(family, name, widths, sigma_b, bias):
    few = 8000 if widths == SIXTEEN else 20_000  # narrow and shallow networks show 2 % least
    a = brute(family, name, widths, 1.4, sigma_b, few, bias)
    b = dense(family, name, widths, 1.4, sigma_b, 3 * few, bias)
    failed = {key: p for key, p in p_values(a, b).items() if not p > LIMIT}
    assert not failed
    wrong = dense(family, name, widths, 1.02 * 1.4, sigma_b, 3 * few, bias)
    assert min(p_values(a, wrong).values()) < LIMIT


def test_uniform_weights_differ_from_gaussian_ones_where_they_should():
    # Width 1: h_1 = w is itself uniform, respectively normal.
    h = [np.sqrt(dense(family, "tanh", (1, 1), 1.0, 0.0, 4000)["q"][:, 0]) for family in ("uniform", "gaussian")]
    assert stats.kstest(h[0], stats.uniform(0, np.sqrt(3)).cdf).pvalue > 1e-6
    assert stats.kstest(h[1], stats.halfnorm.cdf).pvalue > 1e-6
    assert stats.ks_2samp(h[0], h[1], method="asymp").pvalue < 1e-6


@pytest.mark.parametrize("widths", [(7,) * 41, (4, 9, 9, 9, 9), (9, 9, 9, 9, 4)])
def test_reflections_multiply_to_a_frame(widths):
    # Where the frame's columns (rows) are orthonormal the way up (down) keeps lengths: linear network, no bias.
    result = dense("orthogonal", "identity", widths, 1.5, 0.0, 3)
    depth = len(widths) - 1
    if widths[-1] >= widths[0]:
        expected = 2 * np.log(1.5) * np.arange(1, depth + 1)
        assert_allclose(np.log(result["q"]), np.tile(expected, (3, 1)), atol=1e-11)
    if widths[-1] <= widths[0]:
        expected = np.log(1.5) * np.arange(depth - 1, -1, -1)
        assert_allclose(result["gradient"], np.tile(expected, (3, 1)), atol=1e-11)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("name", "factor"), [("relu", 1e-3), ("identity", 1e-60), ("identity", 1e60)])
def test_scales_beyond_float64_are_carried(family, name, factor):
    depth, widths = 150, (16,) * 151
    base = dense(family, name, widths, 1.4, 0.0, 2)
    scaled = dense(family, name, widths, 1.4 * factor, 0.0, 2)
    down = np.log(factor) * np.arange(depth - 1, -1, -1)
    assert_allclose(scaled["gradient"], base["gradient"] + down, rtol=1e-12, atol=1e-9)
    assert_allclose(scaled["weight"], base["weight"] + np.log(factor) * (depth - 1), rtol=1e-12, atol=1e-9)
    assert np.max(np.abs(scaled["gradient"])) > 700


def test_dead_networks_are_minus_infinity_from_the_layer_that_died():
    result = dense("uniform", "relu", (2,) * 13, 2**0.5, 0.0, 300)
    gradient = result["gradient"]
    assert not np.isnan(gradient).any()
    dead = np.isneginf(gradient)
    assert dead[:, 0].any()
    assert not dead[:, 0].all()
    assert (dead[:, :-1] >= dead[:, 1:]).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sample_has_the_same_bits_in_any_chunk(family):
    whole = dense(family, "tanh", (33, 20, 41), 1.5, 0.1, 6)
    part = dense(family, "tanh", (33, 20, 41), 1.5, 0.1, 2, first=3)
    for name, values in part.items():
        assert_array_equal(values, whole[name][3:5])
