"""Every weight law of the dense simulation has the law of matrices that NumPy draws; rows have their own laws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from tests.kernels.simulation import activation, layers, norms, p_values
from tests.rows import ACTIVATIONS
from vgtheory.kernels.arguments import Samples
from vgtheory.kernels.dense import dense_samples
from vgtheory.kernels.entries import rademacher_entries, sparse_entries, truncated_entries, uniform_entries
from vgtheory.kernels.matrices import drawn_matrices, given_matrices
from vgtheory.kernels.signals import ROWS


def truncated(rng, shape, cut):
    z = stats.truncnorm.rvs(-cut, cut, size=shape, random_state=rng)
    return z / stats.truncnorm.std(-cut, cut)


def low_rank(rng, shape, rank, noise):
    samples, fan_out, fan_in = shape
    u, v = rng.standard_normal((samples, fan_out, rank)), rng.standard_normal((samples, rank, fan_in))
    return np.sqrt((1 - noise) / rank) * (u @ v) + np.sqrt(noise) * rng.standard_normal(shape)


# Unit-variance matrices (samples, N_l, N_{l-1}) as NumPy and SciPy draw them.
DRAWN = {
    "gaussian": lambda rng, shape: rng.standard_normal(shape),
    "uniform": lambda rng, shape: rng.uniform(-np.sqrt(3), np.sqrt(3), shape),
    "rademacher": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
    "truncated_normal": lambda rng, shape: truncated(rng, shape, 2.0),
    "sparse": lambda rng, shape: rng.standard_normal(shape) * (rng.random(shape) < 0.4) / np.sqrt(0.4),
    "low_rank": lambda rng, shape: low_rank(rng, shape, 3, 0.25),
    "exactly low_rank": lambda rng, shape: low_rank(rng, shape, 2, 0.0),
}
OPTIONS = {
    "truncated_normal": {"cut": 2.0},
    "sparse": {"density": 0.4},
    "low_rank": {"rank": 3.0, "noise": 0.25},
    "exactly low_rank": {"rank": 2.0, "noise": 0.0},
}
SIX, UNEVEN = (6,) * 6, (5, 9, 3, 12, 4)
FIRST = [
    ("rademacher", "tanh", SIX, 0.3, False),
    ("exactly low_rank", "tanh", SIX, 0.3, False),
    ("uniform", "gelu", SIX, 0.3, True),
]
FURTHER = [
    ("rademacher", "gelu", UNEVEN, 0.0, False),
    ("truncated_normal", "tanh", UNEVEN, 0.3, False),
    ("truncated_normal", "relu", SIX, 0.0, False),
    ("sparse", "tanh", SIX, 0.3, False),
    ("sparse", "gelu", UNEVEN, 0.3, False),
    ("low_rank", "tanh", UNEVEN, 0.3, False),
    ("low_rank", "gelu", SIX, 0.0, False),
    ("gaussian", "tanh", SIX, 0.3, True),
    ("low_rank", "tanh", SIX, 0.0, True),
]
# At most 25 p-values per case: with all cases, a false alarm has probability 1e-6.
LIMIT = 1e-6 / (25 * len(FIRST + FURTHER))


def brute(matrices, biases, x, phi, slope, g):
    """The three results of networks with these matrices (layer: samples × N_l × N_{l-1}), inputs and gradients."""
    inputs, preactivations = [], []
    for w, b in zip(matrices, biases, strict=True):
        inputs.append(x)
        preactivations.append(np.einsum("sij,sj->si", w, x) + b)
        x = phi(preactivations[-1])
    result = {name: np.empty((len(x), len(matrices))) for name in ("gradient", "weight", "q")}
    with np.errstate(divide="ignore"):
        for k in range(len(matrices) - 1, -1, -1):
            delta = slope(preactivations[k]) * g
            result["gradient"][:, k] = np.log(np.linalg.norm(delta, axis=1))
            result["weight"][:, k] = result["gradient"][:, k] + np.log(np.linalg.norm(inputs[k], axis=1))
            result["q"][:, k] = np.mean(preactivations[k] ** 2, axis=1)
            g = np.einsum("sij,si->sj", matrices[k], delta)
    return result


def on_sphere(rng, samples, n, radius):
    x = rng.standard_normal((samples, n))
    return x * (radius / np.linalg.norm(x, axis=1, keepdims=True))


def drawn(family, name, widths, sigma_w, sigma_b, samples, tied):
    rng = np.random.default_rng(5)
    _, phi, slope, _, _ = ACTIVATIONS[name]
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    matrices = [DRAWN[family](rng, (samples, *s)) * sigma_w / np.sqrt(s[1]) for s in shapes]
    biases = [sigma_b * rng.standard_normal((samples, s[0])) for s in shapes]
    if tied:
        matrices, biases = matrices[:1] * len(shapes), biases[:1] * len(shapes)
    x, g = on_sphere(rng, samples, widths[0], np.sqrt(widths[0])), on_sphere(rng, samples, widths[-1], 1.0)
    return brute(matrices, biases, x, phi, slope, g)


def dense(law, name, widths, sigma_w, sigma_b, samples, first=0):
    out = norms(samples, len(widths) - 1)
    dense_samples(activation(name), law, layers(widths, sigma_w, sigma_b), Samples(np.uint64(7), first), out)
    return out._asdict()


def law_of(family, tied=False):
    return drawn_matrices(family.removeprefix("exactly "), OPTIONS.get(family, {}), tied=tied)


@pytest.mark.parametrize(
    ("family", "name", "widths", "sigma_b", "tied"),
    [*FIRST, *(pytest.param(*case, marks=pytest.mark.slow) for case in FURTHER)],
)
def test_law_is_that_of_drawn_matrices_and_two_percent_would_be_noticed(family, name, widths, sigma_b, tied):
    a = drawn(family, name, widths, 1.4, sigma_b, 20_000, tied)
    b = dense(law_of(family, tied), name, widths, 1.4, sigma_b, 60_000)
    failed = {key: p for key, p in p_values(a, b).items() if not p > LIMIT}
    assert not failed
    wrong = dense(law_of(family, tied), name, widths, 1.03 * 1.4, sigma_b, 60_000)
    assert min(p_values(a, wrong).values()) < LIMIT


def test_recurrent_weights_differ_from_fresh_ones_where_they_should():
    fresh, tied = (dense(law_of("gaussian", s), "tanh", (6,) * 9, 1.5, 0.0, 20_000) for s in (False, True))
    assert_array_equal(fresh["q"][:, 0], tied["q"][:, 0])
    assert min(p_values(fresh, tied).values()) < LIMIT


def test_given_matrices_are_multiplied_as_they_are():
    rng = np.random.default_rng(6)
    widths, samples = (7, 4, 9, 5), 4
    _, phi, slope, _, _ = ACTIVATIONS["tanh"]
    matrices = [rng.normal(size=s) for s in zip(widths[1:], widths[:-1], strict=True)]
    biases = [rng.normal(size=n) for n in widths[1:]]
    ours = dense(given_matrices(matrices, biases), "tanh", widths, 1.0, 1.0, samples)
    # The same draws of the input and of the gradient at the output: a linear network of one layer W = I shows them.
    for name in ("gradient", "weight", "q"):
        assert np.isfinite(ours[name]).all()
    many = dense(given_matrices(matrices, biases), "tanh", widths, 1.0, 1.0, 60_000)
    x, g = on_sphere(rng, 20_000, 7, np.sqrt(7)), on_sphere(rng, 20_000, 5, 1.0)
    truth = brute([w[None].repeat(20_000, 0) for w in matrices], biases, x, phi, slope, g)
    assert min(p_values(truth, many).values()) > LIMIT
    wrong = [1.03 * matrices[0], *matrices[1:]]
    assert min(p_values(truth, dense(given_matrices(wrong, biases), "tanh", widths, 1.0, 1.0, 60_000)).values()) < LIMIT


def test_given_matrices_without_chance_in_the_input_agree_to_rounding():
    # One input: x_0 = ±1, so that q is a number without chance.
    rng = np.random.default_rng(8)
    widths = (1, 6, 3)
    matrices = [rng.normal(size=s) for s in zip(widths[1:], widths[:-1], strict=True)]
    biases = [np.zeros(6), np.zeros(3)]
    _, phi, _, _, _ = ACTIVATIONS["tanh"]
    ours = dense(given_matrices(matrices, biases), "tanh", widths, 1.0, 0.0, 8)
    h = matrices[0][:, 0]
    assert_allclose(ours["q"][:, 0], np.mean(h**2), rtol=1e-13)
    assert_allclose(ours["q"][:, 1], np.mean((matrices[1] @ phi(h)) ** 2), rtol=1e-13)


@pytest.mark.parametrize("family", ["rademacher", "truncated_normal", "sparse", "low_rank"])
def test_scales_beyond_float64_are_carried(family):
    depth, widths = 150, (16,) * 151
    base = dense(law_of(family), "identity", widths, 1.4, 0.0, 2)
    scaled = dense(law_of(family), "identity", widths, 1.4e-60, 0.0, 2)
    down = np.log(1e-60) * np.arange(depth - 1, -1, -1)
    assert_allclose(scaled["gradient"], base["gradient"] + down, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("family", list(OPTIONS))
def test_a_sample_has_the_same_bits_in_any_chunk(family):
    law = law_of(family)
    whole = dense(law, "tanh", (33, 20, 41), 1.5, 0.1, 6)
    part = dense(law, "tanh", (33, 20, 41), 1.5, 0.1, 2, first=3)
    for name, values in part.items():
        assert_array_equal(values, whole[name][3:5])


def rows(entries, numbers, size, count):
    out = np.empty((count, size))
    for i in range(count):
        entries(out[i], np.array(numbers, float), np.uint64(3), 5, 2, ROWS + i)
    return out


LIMIT_OF_ROWS = 1e-6 / 40


def p_of_mean_square(x, fourth):
    """The p-value of x having unit variance, for numbers of this fourth moment."""
    return 2 * stats.norm.sf(abs(np.mean(x**2) - 1) * np.sqrt(x.size / (fourth - 1)))


@pytest.mark.parametrize("size", [1, 3, 130, 1024])
def test_uniform_rows_are_uniform_and_independent(size):
    x = rows(uniform_entries, [0], size, 200_000 // size)
    assert stats.kstest(x.ravel(), stats.uniform(-np.sqrt(3), 2 * np.sqrt(3)).cdf).pvalue > LIMIT_OF_ROWS
    assert p_of_mean_square(x, 1.8) > LIMIT_OF_ROWS > p_of_mean_square(1.01 * x, 1.8)
    if size > 1:
        correlation = np.mean(x[:, 1:] * x[:, :-1]) * np.sqrt(x[:, 1:].size)
        assert 2 * stats.norm.sf(abs(correlation)) > LIMIT_OF_ROWS


@pytest.mark.parametrize("size", [1, 63, 64, 65, 129, 300])
def test_signs_are_fair_at_every_place(size):
    x = rows(rademacher_entries, [0], size, 20_000)
    assert set(np.unique(x)) == {-1.0, 1.0}
    assert stats.chi2.sf(np.sum(x.sum(axis=0) ** 2) / 20_000, size) > LIMIT_OF_ROWS
    products = (x[:, 1:] * x[:, :-1]).sum(axis=0)
    assert size == 1 or stats.chi2.sf(np.sum(products**2) / 20_000, size - 1) > LIMIT_OF_ROWS


@pytest.mark.parametrize("cut", [0.1, 1.0, 2.0, 4.0])
def test_truncated_rows_have_scipys_law_and_unit_variance(cut):
    numbers = drawn_matrices("truncated_normal", {"cut": cut}).data
    x = rows(truncated_entries, numbers, 500, 400)
    law = stats.truncnorm(-cut, cut, scale=1 / stats.truncnorm.std(-cut, cut))
    assert abs(x).max() <= cut * numbers[1]
    assert stats.kstest(x.ravel(), law.cdf).pvalue > LIMIT_OF_ROWS
    fourth = law.moment(4)
    assert p_of_mean_square(x, fourth) > LIMIT_OF_ROWS > p_of_mean_square(1.02 * x, fourth)
    assert numbers[1] == pytest.approx(1 / stats.truncnorm.std(-cut, cut), rel=1e-6)


@pytest.mark.parametrize("density", [1e-3, 0.1, 0.6, 1.0])
def test_sparse_rows_have_binomial_counts_everywhere_and_normal_values(density):
    numbers = drawn_matrices("sparse", {"density": density}).data
    x = rows(sparse_entries, numbers, 40, 20_000)
    places = (x != 0).sum(axis=0)
    if density == 1:
        assert (places == 20_000).all()
    else:
        spread = (places - 20_000 * density) / np.sqrt(20_000 * density * (1 - density))
        assert stats.chi2.sf(np.sum(spread**2), 40) > LIMIT_OF_ROWS
        pairs = np.sum((x[:, 1:] != 0) & (x[:, :-1] != 0))
        assert stats.binomtest(int(pairs), 39 * 20_000, density**2).pvalue > LIMIT_OF_ROWS
    values = x[x != 0] * np.sqrt(density)
    assert stats.kstest(values, "norm").pvalue > LIMIT_OF_ROWS
