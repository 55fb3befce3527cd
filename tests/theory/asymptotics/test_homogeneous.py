"""Exact laws against published per-layer moments, simulation of their factors, and dense networks."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import polygamma

import vgtheory as vg
from tests.oracles import network_gradients
from tests.thinning import thinned
from vgtheory._errors import UnsupportedError
from vgtheory.model.capabilities import works
from vgtheory.theory.asymptotics.finite_width import finite_width, skewness_on_the_sphere
from vgtheory.theory.asymptotics.homogeneous import exact_norms, log_square_sum
from vgtheory.theory.asymptotics.moments import table_of

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "mean_field.json").read_text())["values"]
LAYERS = [v for v in REFERENCE if v["name"].startswith("finite-width")]


@pytest.mark.parametrize("row", LAYERS, ids=lambda v: f"N={v['inputs']['n']}")
def test_one_layer_is_the_published_one(row):
    """Published: ln of χ²(N)/N, and of 2χ²(n)/N, n ~ Binomial(N, ½) given n ≥ 1."""
    n, value = row["inputs"]["n"], row["value"]
    linear, relu = log_square_sum(1.0, 1.0, n), log_square_sum(1.0, 0.0, n)
    assert linear == pytest.approx((value["linear_mean"] + np.log(n), value["linear_var"]), rel=1e-11)
    expected = (value["relu_mean_given_alive"] + np.log(n / 2), value["relu_var_given_alive"])
    assert relu == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("width", [1, 2, 7, 100, 10**4])
def test_unequal_slopes_reach_both_limits_and_scale(width):
    """The Laplace transform's quadrature at slopes 1 and 1 − 1e-9 against χ²; scaling both slopes adds a constant."""
    assert log_square_sum(1.0, 1 - 1e-9, width) == pytest.approx(log_square_sum(1.0, 1.0, width), rel=1e-6, abs=1e-9)
    mean, variance = log_square_sum(0.3, 1.0, width)
    assert log_square_sum(1.5, 5.0, width) == pytest.approx((mean + 2 * np.log(5), variance), rel=1e-10)


def test_unequal_slopes_against_sampling():
    rng = np.random.default_rng(5)
    coins, normals = rng.random((200_000, 6)) < 0.5, rng.standard_normal((200_000, 6))
    sample = np.log((np.where(coins, 1, 0.2) ** 2 * normals**2).sum(axis=1))
    mean, variance = log_square_sum(1.0, 0.2, 6)
    assert abs(sample.mean() - mean) < 4.5 * np.sqrt(variance / len(sample))
    assert abs(sample.var() / variance - 1) < 4.5 * np.sqrt(3 / len(sample))


@pytest.mark.parametrize(
    ("name", "slopes", "family", "widths", "sigma_b"),
    thinned(
        [
            ("relu", (1, 0), "gaussian", [12, 8, 20, 10, 16], 0.0),
            ("leaky_relu", (1, 0.01), "gaussian", [9, 6, 14, 8], 0.7),
            ("relu", (1, 0), "orthogonal", [10] * 5, 0.0),
            ("abs(x)", (1, -1), "orthogonal", [6] * 4, 0.3),
        ],
        2,
    ),
)
def test_small_networks_multiplied_out(name, slopes, family, widths, sigma_b):
    """Exact at any width: 20 000 networks of a few units each; false-alarm rate of all bounds together below 1e-3."""
    up, down = slopes
    out = network_gradients(
        family,
        lambda h: np.where(h > 0, up * h, down * h),
        lambda h: np.where(h > 0, up, down) * 1.0,
        widths,
        1.2,
        sigma_b,
        20_000,
        np.random.default_rng(6),
    )
    net = vg.Network(name, getattr(vg.Weights, family)(1.2, sigma_b), tuple(widths), len(widths) - 1)
    exact = exact_norms(net)
    gradient, weight = 2 * out["gradient"], 2 * out["weight"]
    alive = np.isfinite(gradient).all(axis=1)
    dead = (~alive).mean()
    assert abs(dead - exact.dead_probability) <= 4.5 * np.sqrt(max(exact.dead_probability, 1e-9) / len(alive))
    check(gradient[alive], exact.mean, exact.variance)
    if sigma_b == 0:
        check(weight[alive], exact.weight_mean, exact.weight_variance)
    else:
        assert exact.weight_mean is None


def check(sample, mean, variance):
    n, spread = len(sample), sample.var(axis=0)
    fourth = ((sample - sample.mean(axis=0)) ** 4).mean(axis=0)
    assert (np.abs(sample.mean(axis=0) - mean) <= 4.5 * np.sqrt(spread / n) + 1e-12).all()
    assert (np.abs(spread - variance) <= 4.5 * np.sqrt((fourth - spread**2) / n) + 1e-12).all()
    # Power: 2 % of the spread, or 0.05 standard deviations of the mean, would have been seen where there is a spread.
    seen = variance > 1e-9
    assert (4.5 * np.sqrt(1 / n) < 0.05) or not seen.any()


def test_exact_laws_agree_with_the_expansion_at_large_width():
    net = vg.Network("leaky_relu", vg.Weights.gaussian(1.2, 0.1), 10**4, 30)
    exact, terms = exact_norms(net), vg.predict(net)
    assert terms.attrs["method"] == "exact law"
    from_terms = finite_width(net)
    assert exact.variance == pytest.approx(from_terms.variance, rel=2e-3)
    assert exact.mean - from_terms.wide_mean == pytest.approx(from_terms.mean - from_terms.wide_mean, rel=2e-3)


def test_where_there_is_no_exact_law():
    assert not works(vg.Network("tanh", vg.Weights.he(), 4, 2), "predict (exact law)")
    assert not works(vg.Network("relu", vg.Weights.uniform(1), 4, 2), "predict (exact law)")
    with pytest.raises(UnsupportedError, match="an exact law needs"):
        exact_norms(vg.Network("tanh", vg.Weights.he(), 4, 2))


@pytest.mark.parametrize("slope", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_the_order_beyond_of_directions_is_that_of_the_exact_law(slope):
    # Of leaky ReLU Σ φ'² ξ²/Σ ξ² has the exact variance Var ln X − ψ'(N/2), as it is independent of Σ ξ².
    m = table_of(f"max(x, {slope}*x)").at(np.zeros(1))
    widths = np.array([1000, 2000])
    exact = np.array([log_square_sum(1.0, slope, int(n))[1] - polygamma(1, n / 2) for n in widths])
    size = widths * (exact * widths / (3 * (m.slope_fourth - 1)) - 1)
    beyond = 2 * size[1] - size[0]  # without the order after
    assert abs(beyond) == pytest.approx(float(skewness_on_the_sphere(m)[0]), rel=2e-3)
