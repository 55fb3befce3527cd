"""Gains and critical points where Gaussian means are infinite, against the closed forms of exp(c x²)."""

import numpy as np
import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import UnsupportedError


@pytest.mark.parametrize("act", ["exp(x**2)", "exp(x**2/4)", "cosh(x**2)", "exp(x**4)"])
def test_a_mean_shown_to_be_infinite_gives_gain_zero(act):
    found = vg.gains(act)
    assert (found.rms, found.std, found.backward) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("c", [1 / 16, 1 / 8])
def test_below_the_variance_of_divergence_gains_are_the_closed_forms(c):
    """E e^{2c z²} = (1 − 4c)^{−1/2} and E (2c z)² e^{2c z²} = 4c² (1 − 4c)^{−3/2}."""
    found = vg.gains(f"exp({c}*x**2)")
    assert found.rms == pytest.approx((1 - 4 * c) ** 0.25, rel=1e-10)
    assert found.backward == pytest.approx((1 - 4 * c) ** 0.75 / (2 * c), rel=1e-10)
    assert found.std == pytest.approx(((1 - 4 * c) ** -0.5 - 1 / (1 - 2 * c)) ** -0.5, rel=1e-9)


@pytest.mark.parametrize("act", ["exp(x**2/4.0001)", "exp(30*x)", "exp(exp(x))", "Max(x-40, 0)"])
def test_a_finite_mean_that_is_not_computed_is_refused(act):
    with pytest.raises(UnsupportedError):
        vg.gains(act)


def test_the_zero_function_needs_every_gain_infinite():
    found = vg.gains("0*x")
    assert (found.rms, found.std, found.backward) == (np.inf, np.inf, np.inf)
    three = vg.gains("3")
    assert (three.rms, three.std, three.backward) == (pytest.approx(1 / 3), np.inf, np.inf)


@pytest.mark.parametrize(("c", "sigma_b"), thinned([(1.0, 0.0), (0.25, 0.0), (1.0, 0.3), (0.5, 0.2)], 2))
def test_critical_points_beyond_the_highest_moments(c, sigma_b):
    """q = (1 − 4cq)/(4c²q) + σ_b² is a quadratic in q, σ_w^−2 = 4c²q (1 − 4cq)^{−3/2}; E φ'⁶ ends at q = 1/12c."""
    half = (1 / c - sigma_b**2) / 2
    q = -half + (half**2 + 1 / (4 * c**2)) ** 0.5
    assert q > 1 / (12 * c)
    found = vg.critical(f"exp({c}*x**2)", sigma_b)
    assert found.q == pytest.approx(q, rel=1e-9)
    assert found.sigma_w == pytest.approx((4 * c**2 * q * (1 - 4 * c * q) ** -1.5) ** -0.5, rel=1e-9)


@pytest.mark.parametrize(
    ("act", "sigma_b"), thinned([("exp(x**2)", 1.0), ("exp(x**2) - 1", 0.0), ("sin(x**2)", 0.0)], 3)
)
def test_no_critical_point_is_not_claimed_where_none_could_be_looked_for(act, sigma_b):
    with pytest.raises(UnsupportedError, match=r"from q = .* to .*beyond the means"):
        vg.critical(act, sigma_b)
