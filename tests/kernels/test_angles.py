"""Several inputs and gradients at once have the law of drawn matrices: lengths, angles and what mixes them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from tests.kernels.simulation import activation, layers
from tests.oracles import several_gradients
from tests.rows import ACTIVATIONS
from tests.thinning import thinned
from vgtheory.kernels.angles import angle_samples
from vgtheory.kernels.arguments import Samples

TWO = np.linalg.cholesky([[1.0, 0.3], [0.3, 1.0]])
THREE = np.linalg.cholesky([[1.0, 0.3, -0.5], [0.3, 1.0, 0.2], [-0.5, 0.2, 1.0]])
SAME = np.array([[1.0], [1.0]])
SIX, SIXTEEN, UNEVEN, NARROW = (6,) * 5, (16,) * 5, (5, 9, 4, 12, 6), (3,) * 4
ORDINARY = [
    ("gaussian", "tanh", SIX, 0.3, TWO, 1),
    ("orthogonal", "tanh", SIX, 0.3, TWO, 1),
    ("gaussian", "gelu", SIXTEEN, 0.0, THREE, 2),
    ("orthogonal", "gelu", SIXTEEN, 0.0, THREE, 2),
]
FURTHER = [
    ("gaussian", "tanh", SIXTEEN, 0.0, TWO, 2),
    ("orthogonal", "gelu", SIXTEEN, 0.3, TWO, 1),
    ("gaussian", "tanh", UNEVEN, 0.3, TWO, 1),
    ("orthogonal", "tanh", UNEVEN, 0.3, TWO, 2),
    ("orthogonal", "tanh", UNEVEN, 0.0, THREE, 1),
    # More vectors than directions: rows that are combinations of others.
    ("gaussian", "tanh", NARROW, 0.0, THREE, 2),
    ("orthogonal", "tanh", NARROW, 0.3, THREE, 2),
    ("orthogonal", "tanh", NARROW, 0.0, SAME, 3),
]
SIGMA_W = {"tanh": 1.3, "gelu": 1.5}
# Each of the at most 120 p-values per case must exceed this: with all cases, a false alarm has probability 1e-6.
LIMIT = 1e-6 / (120 * (len(ORDINARY) + len(FURTHER)))


def exact(family, name, widths, sigma_w, sigma_b, start, outputs, samples, seed=7, first=0):
    which = Samples(np.uint64(seed), first)
    scales = layers(widths, sigma_w, sigma_b)
    return angle_samples(activation(name), family == "orthogonal", scales, which, start, outputs, samples)


def brute(family, name, widths, sigma_w, sigma_b, start, outputs, samples, **options):
    _, phi, slope, _, _ = ACTIVATIONS[name]
    rng = np.random.default_rng(3)
    return several_gradients(
        family, phi, slope, widths, sigma_w, sigma_b, start, outputs, samples, rng, **options
    )  # fmt: skip


def statistics(s):
    """Return every layer's lengths and angles, and mixtures of several layers and kinds, as columns."""
    columns = {}
    for name, values in s.items():
        flat = values.reshape(*values.shape[:2], -1)
        keep = np.arange(flat.shape[2])
        if "cos" in name or name == "correlation":
            side = values.shape[2]
            keep = np.flatnonzero(np.tri(side, k=-1).ravel())
        for layer in range(flat.shape[1]):
            columns |= {(name, layer + 1, int(i)): flat[:, layer, i] for i in keep}
    columns["gradient and length"] = s["log_gradient"][:, 0, 0] + s["log_q"][:, -1, -1]
    columns["angles below and above"] = s["gradient_cosine"][:, 0, 0, -1] + s["correlation"][:, -1, 0, -1]
    log_size = s["log_gradient"][:, :, [0, -1]].sum(axis=2) + s["log_signal"][:, :, [0, -1]].sum(axis=2)
    angle = s["gradient_cosine"][:, :, 0, -1] * s["signal_cosine"][:, :, 0, -1]
    columns["kernel"] = np.sum(np.exp(log_size) * angle, axis=1)
    return columns


def p_values(a, b):
    first, second = statistics(a), statistics(b)
    return {key: stats.ks_2samp(first[key].round(9), second[key].round(9), method="asymp").pvalue for key in first}


def samples(widths):
    return (20_000, 60_000) if max(widths) < 16 else (8000, 20_000)


def assert_same_law(family, name, widths, sigma_b, start, outputs):
    few, many = samples(widths)
    a = brute(family, name, widths, SIGMA_W[name], sigma_b, start, outputs, few)
    b = exact(family, name, widths, SIGMA_W[name], sigma_b, start, outputs, many)
    failed = {key: p for key, p in p_values(a, b).items() if not p > LIMIT}
    assert not failed


@pytest.mark.parametrize("case", thinned(((case,) for case in ORDINARY), 3))
def test_law_is_that_of_drawn_matrices(case):
    assert_same_law(*case)


@pytest.mark.slow
@pytest.mark.parametrize("case", FURTHER)
def test_law_is_that_of_drawn_matrices_in_further_shapes(case):
    assert_same_law(*case)


@pytest.mark.parametrize("case", thinned(((case,) for case in ORDINARY), 3))
def test_the_comparison_notices_a_weight_scale_wrong_by_two_percent(case):
    family, name, widths, *rest = case
    few, many = samples(widths)
    a = brute(family, name, widths, SIGMA_W[name], *rest, few)
    b = exact(family, name, widths, 1.02 * SIGMA_W[name], *rest, many)
    assert min(p_values(a, b).values()) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_the_comparison_notices_a_backward_pass_with_fresh_weights(family):
    a = brute(family, "tanh", SIX, 1.3, 0.0, TWO, 1, 20_000, fresh_backward=True)
    b = exact(family, "tanh", SIX, 1.3, 0.0, TWO, 1, 60_000)
    assert min(p_values(a, b).values()) < LIMIT


@pytest.mark.slow
def test_the_comparison_notices_an_angle_between_the_inputs_wrong_by_two_percent():
    other = np.linalg.cholesky([[1.0, 0.32], [0.32, 1.0]])
    a = brute("gaussian", "gelu", SIXTEEN, 1.5, 0.0, TWO, 1, 20_000)
    b = exact("gaussian", "gelu", SIXTEEN, 1.5, 0.0, other, 1, 60_000)
    assert min(p_values(a, b).values()) < LIMIT


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_linear_orthogonal_networks_keep_every_angle_and_one_input_is_one_of_several(family):
    result = exact("orthogonal", "identity", (24,) * 101, 1.0, 0.0, THREE, 2, 3)
    assert_allclose(result["correlation"], np.broadcast_to(THREE @ THREE.T, (3, 100, 3, 3)), atol=1e-11)
    same_output = np.kron(np.ones((3, 3)), np.eye(2))
    assert_allclose(result["gradient_cosine"], np.broadcast_to(same_output, (3, 100, 6, 6)), atol=1e-10)
    twice = exact(family, "tanh", (24,) * 21, 1.4, 0.1, SAME, 1, 3)
    assert_allclose(twice["correlation"], 1.0, atol=1e-12)
    assert_allclose(twice["gradient_cosine"], 1.0, atol=1e-12)
    assert_allclose(twice["log_gradient"][..., 0], twice["log_gradient"][..., 1], atol=1e-12)


@pytest.mark.parametrize("factor", [1e-60, 1e60])
def test_scales_beyond_float64_are_carried(factor):
    depth = 200
    base, scaled = (exact("gaussian", "relu", (64,) * (depth + 1), 1.4 * f, 0.0, TWO, 1, 2) for f in (1.0, factor))
    down = np.log(factor) * np.arange(depth - 1, -1, -1)[:, None]
    assert_allclose(scaled["log_gradient"], base["log_gradient"] + down, rtol=1e-12, atol=1e-8)
    assert_allclose(scaled["correlation"], base["correlation"], atol=1e-10)
    assert_allclose(scaled["gradient_cosine"], base["gradient_cosine"], atol=1e-10)


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_a_sample_has_the_same_bits_in_any_chunk(family):
    whole = exact(family, "tanh", (30,) * 6, 1.5, 0.1, THREE, 2, 6)
    part = exact(family, "tanh", (30,) * 6, 1.5, 0.1, THREE, 2, 2, first=3)
    for name, values in part.items():
        assert_array_equal(values, whole[name][3:5])
        assert np.isfinite(values).all()
