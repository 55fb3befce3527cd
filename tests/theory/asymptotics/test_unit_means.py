"""Slopes that are unbounded, zero or tiny: means against Gamma functions and mpmath, and what is made of them."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import gamma, hyp2f1

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.symbolic.catalogue import activation
from vgtheory.theory.asymptotics.correlation_table import correlation_table
from vgtheory.theory.asymptotics.moments import table_of
from vgtheory.theory.asymptotics.unit_means import fourier, slope_square_at_zero


def absolute_moment(power):
    """Return E |z|^power for z ~ N(0, 1), power > −1."""
    return 2 ** (power / 2) * gamma((power + 1) / 2) / np.pi**0.5


def slope_square(k):
    return k**2 * absolute_moment(2 * k - 2)


@pytest.mark.parametrize("k", [0.501, 0.51, 0.55, 0.75, 0.9, 1.3, 2.5])
def test_mean_square_slopes_of_powers(k):
    m = table_of(f"abs(x)**{k}").direct(np.zeros(1))
    assert_allclose(np.exp(m.log_slope_square), slope_square(k), rtol=1e-12)
    assert_allclose(np.exp(m.log_square), absolute_moment(2 * k), rtol=1e-12)
    fourth = k**4 * absolute_moment(4 * k - 4) / slope_square(k) ** 2 if k > 0.75 else np.inf
    assert_allclose(m.slope_fourth, fourth, rtol=1e-11)
    assert_allclose(vg.gains(f"abs(x)**{k}").backward, slope_square(k) ** -0.5, rtol=1e-12)


@pytest.mark.parametrize("k", [0.55, 0.75])
@pytest.mark.parametrize("q", [0.3, 40.0])
def test_an_unbounded_slope_away_from_zero_keeps_its_digits(k, q):
    # E (k sign(t)|t|^{k−1} + ½)², t = h − 1, with t = u^{1/(2k−1)}, in which the integrand is bounded.
    m, k_exact = 1 / (2 * mpmath.mpf(repr(k)) - 1), mpmath.mpf(repr(k))

    def integrand(side, u):
        t = u**m
        density = mpmath.exp(-((1 + side * t) ** 2) / (2 * q)) / mpmath.sqrt(2 * mpmath.pi * q)
        return (side * k_exact * t ** (k_exact - 1) + mpmath.mpf(1) / 2) ** 2 * density * m * u ** (m - 1)

    edges = [mpmath.mpf(e) ** (2 * k_exact - 1) for e in (1e-30, 1e-6, 0.01, 0.3, 1, 3, 8, 20, 60)]
    # Below t = 1e-30 the slope is k t^{k−1} to 1e-13.
    rest = 2 * k**2 * edges[0] / (2 * k_exact - 1) * mpmath.exp(-1 / (2 * q)) / mpmath.sqrt(2 * mpmath.pi * q)
    exact = rest + sum(mpmath.quad(lambda u, s=s: integrand(s, u), edges) for s in (1, -1))
    found = table_of(f"abs(x-1)**{k} + x/2").at(np.log([q]))
    assert_allclose(np.exp(found.log_slope_square), float(exact), rtol=1e-10)


@pytest.mark.parametrize("formula", thinned(["sqrt(abs(x))", "abs(x)**0.3 + x", "sqrt(abs(x - 2))"], 3))
def test_where_the_mean_square_slope_is_infinite_everything_says_so(formula):
    point = vg.fixed_points(formula, 0.5, 0.1)[-1]
    assert point.chi == np.inf
    assert vg.gains(formula).backward == 0
    with pytest.raises(NoSolutionError, match="∞"):
        vg.critical(formula, 0.1)
    with pytest.raises(NoSolutionError, match="∞"):
        vg.meanfield.critical_curve(formula)
    with pytest.raises(UnsupportedError, match="infinite"):
        vg.predict(vg.Network(formula, vg.Weights.gaussian(0.5, 0.1), 20, 4))


@pytest.mark.parametrize("formula", ["abs(x)**0.7 + x/2", "abs(x)**0.75"])
def test_where_fourth_moments_are_infinite_the_mean_field_alone_is_predicted(formula):
    network = vg.Network(formula, vg.Weights.gaussian(0.6, 0.1), 200, 4)
    found = vg.predict(network)
    assert np.isnan(found.log_gradient_norm_std).all()
    assert "infinite" in found.attrs["reliable"]
    assert np.isfinite(found.log_gradient_norm).all()
    with pytest.raises(UnsupportedError, match="infinite"):
        vg.predict(network, method="order 1/N")
    assert not (np.isnan(vg.predict(replace(network, activation="abs(x)**0.9")).log_gradient_norm_std)).any()


def test_correlations_under_an_infinite_slope_are_those_of_the_hypergeometric_function():
    # E |u|^½|v|^½ = q^½ E|z|^½² 2F1(−¼, −¼; ½; c²) for u, v of variance q and correlation c.
    point = vg.fixed_points("sqrt(abs(x))", 1, 0.1)[-1]

    def mapped(c):
        return (point.q**0.5 * absolute_moment(0.5) ** 2 * hyp2f1(-0.25, -0.25, 0.5, c**2) + 0.01) / point.q

    assert mapped(point.c) == pytest.approx(point.c, rel=1e-12)
    step = 1e-3 * (1 - point.c)
    slope = (mapped(point.c + step) - mapped(point.c - step)) / (2 * step)
    assert point.xi_c == pytest.approx(-1 / np.log(slope), rel=1e-5)


def test_the_critical_point_of_a_power_is_exact():
    # E φ²/E φ'² = q (2k − 1)/k² = 8q/9, so q = 8q/9 + σ_b².
    point = vg.critical("abs(x)**0.75", 0.1)
    assert point.q == pytest.approx(0.09, rel=1e-12)
    assert point.sigma_w == pytest.approx((slope_square(0.75) * 0.09**-0.25) ** -0.5, rel=1e-12)


@pytest.mark.parametrize("constant", ["3", "-0.5 + x - x"])
def test_a_constant_has_no_gradient_and_settles_at_once(constant):
    (point,) = vg.fixed_points(constant, 1, 0.1)
    assert (point.chi, point.chi_q, point.xi_q, point.xi_c, point.c) == (0, 0, 0, 0, 1)
    assert vg.gains(constant).std == np.inf
    assert vg.gains(constant).backward == np.inf


@pytest.mark.parametrize(("step", "low", "high"), [("sign(x)", -1, 1), ("step", 0, 1), ("sign(x)*2+1", -1, 3)])
def test_a_step_has_no_gradient_though_correlations_approach_slowly(step, low, high):
    (point,) = vg.fixed_points(step, 1, 0.1)
    assert (point.chi, point.xi_q) == (0, 0)
    # E φ(u)φ(v) = mean² + ((high − low)/2)² (2/π) asin c.
    mean, half = (low + high) / 2, (high - low) / 2
    c = point.c
    assert (mean**2 + half**2 * 2 / np.pi * np.arcsin(c) + 0.01) / point.q == pytest.approx(c, rel=1e-9)
    assert point.xi_c == pytest.approx(-1 / np.log(half**2 * 2 / np.pi / (1 - c**2) ** 0.5 / point.q), rel=1e-6)
    with pytest.raises(NoSolutionError, match="slope 0"):
        vg.critical(step, 0.1)


@pytest.mark.parametrize("factor", [1e-30, 1e-9, 1e9, 1e30])
def test_gains_scale_with_the_activation(factor):
    one, other = vg.gains("tanh"), vg.gains(f"{factor:g}*tanh(x)")
    for name in ("rms", "std", "backward", "small_signal"):
        assert getattr(other, name) * factor == pytest.approx(getattr(one, name), rel=1e-12)
    moments, scaled = table_of("tanh").direct(np.zeros(1)), table_of(f"{factor:g}*tanh(x)").direct(np.zeros(1))
    assert_allclose(np.stack(scaled)[[1, 2, 3, 5, 6, 7, 8, 9]], np.stack(moments)[[1, 2, 3, 5, 6, 7, 8, 9]], rtol=1e-9)


@pytest.mark.parametrize("shift", ["1", "-1000", "0.001"])
def test_what_is_added_to_an_activation_leaves_its_spread(shift):
    assert vg.gains(f"1e-9*tanh(x) + {shift}").std == pytest.approx(1e9 * vg.gains("tanh").std, rel=1e-12)


@pytest.mark.parametrize(
    ("formula", "value"), [("tanh", 1.0), ("relu", 0.5), ("abs(x)**1.5", 0.0), ("sqrt(abs(x))", np.inf), ("3*x+2", 9.0)]
)
def test_slope_at_zero(formula, value):
    assert slope_square_at_zero(vg.activation(formula)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("k", [1, 5, 30, 100])
def test_gains_of_oscillations_follow_from_the_characteristic_function(k):
    """E cos kz = e^(−k²/2): the variance oscillates twice as fast as φ, whose mean may be 0 on any panels."""
    sine, cosine = vg.gains(f"sin({k}*x)"), vg.gains(f"cos({k}*x) + 3")
    assert_allclose(sine.std**-2, -np.expm1(-2.0 * k**2) / 2, rtol=1e-14)
    assert_allclose(cosine.std**-2, np.expm1(-float(k**2)) ** 2 / 2, rtol=1e-14)


@pytest.mark.parametrize("w", [3.0, 1000.0, 1e5])
def test_waves_that_are_short_beside_the_lengths_have_the_means_of_a_period(w):
    """E sin²(w h) = (1 − e^{−2w²q})/2, E cos² = (1 + e^{−2w²q})/2, and 3/8, 5/16, 1/8 of the higher powers far out."""
    q = np.array([30.0, 160.0, 1e6]) / w**2  # √q of 0.9, 2.01 and 159 periods
    m = table_of(f"sin({w:.0f}*x)").direct(np.log(q[1:] if w == 1e5 else q))  # below that no panel is narrow enough
    small = np.exp(-2 * w**2 * (q[1:] if w == 1e5 else q))
    assert_allclose(np.exp(m.log_square), (1 - small) / 2, rtol=1e-12)
    assert_allclose(np.exp(m.log_slope_square) / w**2, (1 + small) / 2, rtol=1e-12)
    assert_allclose([m.fourth, m.slope_fourth], 1.5, rtol=1e-12)
    assert_allclose(m.slope_sixth, 2.5, rtol=1e-12)
    assert_allclose(m.cross, 0.5, rtol=1e-12)
    assert_allclose([m.elasticity, m.slope_elasticity, m.curvature], 0, atol=1e-10)


def test_fast_waves_are_predicted_and_have_a_spectrum():
    network = vg.Network("sin(1000*x)", vg.Weights.gaussian(1, 0.1), 200, 6)
    assert {"predict", "spectrum", "eigenvalues"} <= set(vg.capabilities(network).verb.values)
    predicted = vg.predict(network).log_gradient_norm.values
    drawn = vg.simulate(network, 400).log_gradient_norm
    error = drawn.std("sample", ddof=1).values / 20
    assert (np.abs(drawn.mean("sample").values - predicted) < 5 * error + 1e-12).all()  # 1e-5 of false alarms
    assert vg.spectrum(network).mean_square == pytest.approx((1000**2 / 2) ** 6, rel=1e-9)


@pytest.mark.parametrize("name", ["sin(7*x)", "sin(7*x) + cos(14*x)/3 + 1/2"])
def test_correlations_of_short_waves_from_their_fourier_series(name):
    """c* as the Hermite series has it, and E cos(wu) cos(wv) = e^{−w²q(1−c)}/2 where that has only rounding left."""
    table, q, sigma_w = correlation_table(activation(name)), np.array([4.0, 9.0]), np.array([1.0, 2.0])
    chi = sigma_w**2 * np.exp(table_of(name).at(np.log(q)).log_slope_square)
    c, log_slope = table.fixed(np.log(q), chi, sigma_w)
    hermite, log_hermite = table._roots(np.log(q), chi, sigma_w)
    assert_allclose(c, hermite, rtol=1e-12)
    assert_allclose(log_slope[0], log_hermite[0], atol=1e-4)  # of e^{−21}: ten digits of 1
    lowest = np.log(sigma_w**2 * 49 / 2) - 49 * q * (1 - c)
    assert_allclose(log_slope, lowest, atol=1e-9 if name == "sin(7*x)" else 1e-6)


def test_fixed_points_and_exponents_of_fast_waves():
    (point,) = vg.fixed_points("sin(1000*x)", 1.0, 0.1)
    assert_allclose([point.q, point.chi], [0.51, 5e5], rtol=1e-12)  # E sin² = E cos² = ½
    assert_allclose(point.c, 0.01 / 0.51, rtol=1e-10)  # what inputs share is their bias
    network = vg.Network("sin(1000*x)", vg.Weights.gaussian(1.0, 0.1), 64, 10)
    assert_allclose(vg.lyapunov(network).top, np.log(5e5) / 2, rtol=1e-12)


@pytest.mark.parametrize("k", [60, 64, 100, 128, 1000, 10007])
@pytest.mark.parametrize("unit", ["1", "pi"])
def test_short_waves_on_long_ones_are_not_taken_for_longer_ones(k, unit):
    """E (sin + sin k)² = 1, E φ'² = (1 + k²) ω²/2, E φ⁴ = 9/4; powers of φ' as (1, k) ω cos of independent phases."""
    act, w2 = activation(f"sin({unit}*x) + sin({k}*{unit}*x)"), 1.0 if unit == "1" else np.pi**2
    m = table_of(act).direct(np.full(1, 8.0))
    a, b = 1 / (1 + k**2), k**2 / (1 + k**2)  # shares of E φ'²
    assert_allclose(np.exp(m.log_square), 1, rtol=1e-12)
    assert_allclose(np.exp(m.log_slope_square), (1 + k**2) * w2 / 2, rtol=1e-12)
    assert_allclose(m.fourth, 2.25, rtol=1e-12)
    assert_allclose(m.slope_fourth, 1.5 * (a * a + b * b) + 6 * a * b, rtol=1e-12)
    assert_allclose(m.slope_sixth, 2.5 * (a**3 + b**3) + 22.5 * a * b, rtol=1e-12)  # 15 E cos⁴ E cos² · 8 = 45/2
    assert_allclose([m.elasticity, m.slope_elasticity], 0, atol=1e-12)
    found = fourier(act, 2 * np.pi / w2**0.5)
    expected = np.zeros(len(found))
    expected[[1, k]] = 0.5
    assert_allclose(np.abs(found), expected, atol=1e-10)


@pytest.mark.parametrize("k", [64, 100, 128])
def test_functions_of_short_waves_have_the_means_of_independent_phases(k):
    """E (tanh(sin u) + sin(v)/2)² = E tanh² + 1/8, where the formula's own waves are not its shortest."""
    square = mpmath.quad(lambda u: mpmath.tanh(mpmath.sin(u)) ** 2, [0, mpmath.pi / 2]) * 2 / mpmath.pi
    m = table_of(f"tanh(sin({k}*x)) + sin(x)/2").direct(np.full(1, 18.0))
    assert_allclose(np.exp(m.log_square), float(square) + 0.125, rtol=1e-12)


def test_a_cosine_that_is_one_at_every_step_has_no_mean():
    found = fourier(activation("cos(64*x) + sin(x)"), 2 * np.pi)
    assert_allclose(found[[0, 1, 64]], [0, -0.5j, 0.5], atol=1e-13)


def test_waves_that_the_formula_does_not_write_are_found(monkeypatch):
    """From 64 steps on, whatever the formula says: sums that share no points, and the series beside φ, tell them."""
    monkeypatch.setattr("vgtheory.theory.asymptotics.unit_means._first_steps", lambda act, cycle: 64)
    act = activation("sin(128*x) + sin(x)/2")
    m = table_of(act).direct(np.full(1, 18.0))
    assert_allclose(np.exp(m.log_square), 0.625, rtol=1e-12)
    assert abs(fourier(act, 2 * np.pi)[128]) == pytest.approx(0.5, rel=1e-12)


def test_lengths_under_a_short_wave_on_a_long_one_stay():
    network = vg.Network("sin(128*x) + sin(x)", vg.Weights.gaussian(30.0, 2.0), 100, 5)
    assert_allclose(vg.predict(network).q, 904, rtol=1e-12)  # 900 E φ² + 4 in every layer


def test_waves_that_are_too_short_for_their_period_are_refused():
    with pytest.raises(UnsupportedError, match="changes too fast over its period"):
        table_of("sin(x) + sin(30011*x)").direct(np.full(1, 18.0))
