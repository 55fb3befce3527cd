"""Forward tangents grow as those of networks with drawn matrices, layer by layer, and as known exponents say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import digamma

from tests.kernels.simulation import activation, layers
from tests.oracles import tangent_growth
from tests.rows import ACTIVATIONS
from tests.thinning import thinned
from vgtheory.kernels.arguments import Layers, Samples
from vgtheory.kernels.tangents import tangent_samples

SIX, SIXTEEN, UNEVEN = (6,) * 5, (16,) * 5, (5, 9, 4, 12, 6)
CASES = [
    (family, name, widths, sigma_b, directions)
    for family in ("gaussian", "orthogonal")
    for name, widths, sigma_b, directions in (
        ("tanh", SIX, 0.3, 2),
        ("gelu", SIXTEEN, 0.0, 3),
        ("tanh", UNEVEN, 0.3, 3),
        ("tanh", SIX, 0.0, 6),
    )
]
SIGMA_W = {"tanh": 0.7, "gelu": 1.5}  # larger ones saturate tanh, and its slope makes up for what the weights add
# Each of the at most 32 p-values per case must exceed this: with all cases, a false alarm has probability 1e-6.
LIMIT = 1e-6 / (32 * len(CASES))


def tangents(family, name, widths, sigma_w, sigma_b, directions, samples, block=1, seed=7, first=0):
    depth = len(widths) - 1
    growth = np.empty((samples, -(-depth // block), directions))
    which = Samples(np.uint64(seed), first)
    scales = layers(widths, sigma_w, sigma_b)
    tangent_samples(activation(name), family == "orthogonal", scales, depth, which, block, growth)
    return growth


def brute(family, name, widths, sigma_w, sigma_b, directions, samples):
    _, phi, slope, _, _ = ACTIVATIONS[name]
    rng = np.random.default_rng(3)
    return tangent_growth(family, phi, slope, widths, sigma_w, sigma_b, directions, samples, rng)


def p_values(a, b):
    """Return the Kolmogorov–Smirnov p-values of every layer and direction, and of sums over layers and directions."""
    columns = [s.reshape(len(s), -1) for s in (a, b)]
    joint = [np.stack([s.sum(axis=(1, 2)), s[:, 0, 0] - s[:, -1, -1], s[:, :, 0].sum(axis=1)], axis=1) for s in (a, b)]
    first, second = (np.concatenate(pair, axis=1).round(9) for pair in zip(columns, joint, strict=True))
    return [stats.ks_2samp(u, v, method="asymp").pvalue for u, v in zip(first.T, second.T, strict=True)]


@pytest.mark.parametrize("case", thinned(((case,) for case in CASES), 6))
def test_law_is_that_of_drawn_matrices_and_two_percent_would_be_noticed(case):
    family, name, widths, sigma_b, directions = case
    a = brute(family, name, widths, SIGMA_W[name], sigma_b, directions, 10_000)
    b = tangents(family, name, widths, SIGMA_W[name], sigma_b, directions, 40_000)
    wrong = tangents(family, name, widths, 1.02 * SIGMA_W[name], sigma_b, directions, 40_000)
    assert min(p_values(a, b)) > LIMIT
    assert min(p_values(a, wrong)) < LIMIT


def test_linear_gaussian_networks_have_newmans_exponents():
    # Newman (1986): λ_j = ln σ_w + ½ (ψ((N − j + 1)/2) + ln(2/N)); steps are independent, of variance ψ'/4.
    width, depth, samples = 12, 4000, 4
    growth = tangents("gaussian", "identity", (width,) * (depth + 1), 1.5, 0.0, width, samples, block=depth)
    freedom = width - np.arange(width)
    expected = np.log(1.5) + 0.5 * (digamma(freedom / 2) + np.log(2 / width))
    error = np.sqrt(0.25 * 5.0 / (depth * samples))  # ψ'(1/2) = 4.93
    assert_allclose(growth.sum(axis=1).mean(axis=0) / depth, expected, atol=6 * error)


def test_orthogonal_linear_networks_stretch_nothing_but_by_sigma_w():
    growth = tangents("orthogonal", "identity", (8,) * 301, 1e5, 0.0, 8, 2, block=10)
    assert_allclose(growth, 10 * np.log(1e5), atol=1e-10)


def test_the_volume_of_all_tangents_is_the_determinant():
    # ln|det J| = Σ_l (ln|det W_l| + Σ_i ln|φ'(h_i)|): for ±σ_w·Haar and leaky slopes it counts negative units.
    growth = tangents("orthogonal", "identity", (5,) * 41, 0.5, 0.3, 5, 3)
    assert_allclose(growth.sum(axis=2), 5 * np.log(0.5), atol=1e-11)


def test_tangents_that_a_layer_kills_are_minus_infinity():
    growth = tangents("gaussian", "relu", (4,) * 40, 1.4, 0.0, 4, 200)
    assert np.isneginf(growth[:, :, 3]).any()
    assert not np.isnan(growth).any()


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_a_sample_has_the_same_bits_in_any_chunk_and_blocks_add_up(family):
    whole = tangents(family, "tanh", (30,) * 22, 1.5, 0.1, 3, 6)
    part = tangents(family, "tanh", (30,) * 22, 1.5, 0.1, 3, 2, first=3)
    assert_array_equal(part, whole[3:5])
    blocks = tangents(family, "tanh", (30,) * 22, 1.5, 0.1, 3, 6, block=10)
    assert blocks.shape == (6, 3, 3)
    assert_allclose(blocks[:, 2], whole[:, 20], rtol=1e-12)
    assert_allclose(blocks.sum(axis=1), whole.sum(axis=1), rtol=1e-12)


def test_scales_that_all_layers_share_are_given_once():
    short = np.empty((4, 3, 2))
    scales = Layers(np.array([12]), np.array([1.3]), np.array([0.2]))
    tangent_samples(activation("tanh"), False, scales, 7, Samples(np.uint64(7), 0), 3, short)
    assert_array_equal(short, tangents("gaussian", "tanh", (12,) * 8, 1.3, 0.2, 2, 4, block=3))
