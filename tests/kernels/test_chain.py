"""The scalar chain has the law of networks with drawn matrices: every layer and jointly, dead networks included."""

import numpy as np
import pytest
from scipy import special, stats

from tests.kernels.simulation import layers, norms, p_values
from tests.oracles import network_gradients
from tests.thinning import thinned
from vgtheory.kernels.arguments import Samples
from vgtheory.kernels.chain import alias_table, chain_samples

SLOPES = {"relu": (1.0, 0.0), "leaky": (1.0, 0.2), "abs": (1.0, -1.0), "line": (1.0, 1.0), "flipped": (-0.5, 2.0)}
SIX, SIXTEEN, UNEVEN, TWO = (6,) * 9, (16,) * 7, (5, 9, 3, 12, 4), (2,) * 5
CASES = [(name, widths) for name in SLOPES for widths in (SIX, SIXTEEN)] + [
    (name, widths) for name in ("relu", "leaky") for widths in (UNEVEN, TWO, (1,) * 4)
]
# Each of the at most 30 p-values per case must exceed this: with all cases, a false alarm has probability 1e-6.
LIMIT = 1e-6 / (30 * len(CASES))


def chain(slopes, widths, sigma_w, samples, seed=7):
    out = norms(samples, len(widths) - 1)
    chain_samples(slopes, layers(widths, sigma_w), Samples(np.uint64(seed), 0), out)
    return out._asdict()


def brute(slopes, widths, sigma_w, samples):
    a, b = slopes
    rng = np.random.default_rng(3)
    return network_gradients(
        "gaussian",
        lambda h: np.where(h > 0, a * h, b * h),
        lambda h: np.where(h > 0, a, b),
        widths,
        sigma_w,
        0.0,
        samples,
        rng,
    )


def samples(widths):
    """Enough that 2 % of σ_w cannot hide: narrow networks vary more."""
    return (12_000, 100_000) if max(widths) <= 6 else (4000, 50_000)


@pytest.mark.parametrize(("name", "widths"), thinned(CASES, 6))
def test_law_is_that_of_drawn_matrices(name, widths):
    few, many = samples(widths)
    a, b = brute(SLOPES[name], widths, 1.3, few), chain(SLOPES[name], widths, 1.3, many)
    failed = {key: p for key, p in p_values(a, b).items() if not p > LIMIT}
    assert not failed


@pytest.mark.parametrize(("name", "widths"), thinned(CASES[:10], 6))
def test_the_comparison_notices_a_weight_scale_wrong_by_two_percent(name, widths):
    few, many = samples(widths)
    a, b = brute(SLOPES[name], widths, 1.3, few), chain(SLOPES[name], widths, 1.02 * 1.3, many)
    assert min(p_values(a, b).values()) < LIMIT


@pytest.mark.parametrize("width", [1, 8, 9, 63, 64, 65, 127, 128, 129, 300])
def test_lengths_of_the_first_layer_are_chi_square(width):
    # |x| keeps every square: N q_1 / σ² ~ χ²(N), from the sum of two variates that the binomial splits.
    q = chain((1.0, -1.0), (width,) * 2, 1.0, 200_000)["q"][:, 0] * width
    assert stats.kstest(q, stats.chi2(width).cdf).pvalue > 1e-8


@pytest.mark.parametrize("width", [2, 9, 64, 65, 128, 129, 300])
def test_units_that_are_on_are_fair_coins(width):
    # ReLU: ‖x_1‖² ~ χ²(n), n ~ Binomial(N, ½), seen where the layer above is alive.
    result = chain((1.0, 0.0), (width, width, 1), 1.0, 100_000)
    alive = np.isfinite(result["gradient"][:, 1])
    assert abs(alive.mean() - 0.5 * (1 - 0.5**width)) < 6 * 0.5 / 100_000**0.5
    squares = np.exp(2 * (result["weight"][alive, 1] - result["gradient"][alive, 1]))

    def p_value(chance):
        on = np.arange(1, width + 1)
        weights = stats.binom(width, chance).pmf(on)
        grid = np.quantile(squares, np.linspace(0, 1, 4001))
        cdf = (weights[:, None] * stats.chi2(on[:, None]).cdf(grid)).sum(axis=0) / weights.sum()
        return stats.kstest(squares, lambda x: np.interp(x, grid, cdf)).pvalue

    assert p_value(0.5) > 1e-8
    if width >= 64:
        assert p_value(0.51) < 1e-8


@pytest.mark.parametrize("trials", [1, 2, 3, 7, 64, 511, 4096])
def test_the_alias_table_holds_the_binomial_probabilities(trials):
    limits, others, shift, least = alias_table(trials)
    share = limits / 2.0 ** float(shift)
    chance = np.zeros(len(limits))
    np.add.at(chance, np.arange(len(limits)), share)
    np.add.at(chance, others, 1.0 - share)
    values = least + np.arange(len(limits))
    np.testing.assert_allclose(chance / len(limits), stats.binom(trials, 0.5).pmf(values), atol=1e-14)
    assert stats.binom(trials, 0.5).cdf(least - 1) < 1e-22


@pytest.mark.parametrize("name", ["relu", "leaky"])
def test_a_sample_has_the_same_bits_in_any_chunk_and_lane(name):
    widths = (5, 300, 64, 9, 64, 2000)
    out, part = norms(21, 5), norms(2, 5)
    for results, first in ((out, 0), (part, 7)):
        chain_samples(SLOPES[name], layers(widths, 1.4), Samples(np.uint64(3), first), results)
    for whole, some in zip(out, part, strict=True):
        np.testing.assert_array_equal(some, whole[7:9])


@pytest.mark.parametrize("depth", [63, 64, 65, 200])
def test_deep_results_are_whole(depth):
    """A linear network: ‖x_l‖² = N q_l, and ln‖∂ℓ/∂W_l‖ − ln‖δ_l‖ = ln‖x_{l−1}‖, across all blocks of layers."""
    out = chain(SLOPES["line"], (20,) * (depth + 1), 1.1, 75)
    log_length = out["weight"] - out["gradient"]
    np.testing.assert_allclose(log_length[:, 0], 0.5 * np.log(20), rtol=1e-12)
    np.testing.assert_allclose(log_length[:, 1:], 0.5 * np.log(20 * out["q"][:, :-1]), rtol=1e-11, atol=1e-12)
    # ∂ℓ/∂h_l changes by the same factor in law from layer to layer: E ln(χ²_20/20)/2 + ln 1.1; 1e-6 false alarms.
    steps = (out["gradient"][:, 0] - out["gradient"][:, -1]) / (depth - 1)
    expected = 0.5 * (special.digamma(10) + np.log(2 / 20)) + np.log(1.1)
    error = 0.5 * np.sqrt(special.polygamma(1, 10) / (75 * (depth - 1)))
    assert abs(steps.mean() - expected) < 4.9 * error
