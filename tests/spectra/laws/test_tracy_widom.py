"""Tracy–Widom laws against published means and variances, Painlevé II, and their own draws."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad, solve_ivp
from scipy.special import airy

from vgtheory import laws
from vgtheory._errors import InputError


# Bornemann (2010), "On the numerical evaluation of distributions in random matrix theory", table of moments.
@pytest.mark.parametrize(
    ("beta", "mean", "variance"),
    [
        (1, -1.2065335745820, 1.6077810345810),
        (2, -1.7710868074, 0.8131947928),
        (4, -2.3068848932, 0.5177237208),
    ],
)
def test_mean_and_variance_as_published(beta, mean, variance):
    law = laws.tracy_widom(beta)
    assert law.mean() == pytest.approx(mean, abs=1e-10)
    assert law.var() == pytest.approx(variance, abs=1e-10)


def test_beta_two_against_painleve():
    """F₂(s) = exp(−∫_s^∞ (x − s) q² dx), q'' = xq + 2q³, q ~ Ai (Tracy & Widom 1994); stable backwards to −3."""
    value, slope, *_ = airy(8.0)

    def field(x, y):
        q, dq, inner, _ = y
        return [dq, x * q + 2 * q**3, -q * q, -inner]

    found = solve_ivp(field, (8, -3), [value, slope, 0, 0], rtol=1e-12, atol=1e-16, dense_output=True, method="DOP853")
    points = np.linspace(-3, 4, 15)
    np.testing.assert_allclose(laws.tracy_widom(2).cdf(points), np.exp(-found.sol(points)[3]), atol=1e-8)


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_density_mass_quantiles_and_draws(beta):
    law = laws.tracy_widom(beta)
    assert quad(law.pdf, *law.support(), epsabs=1e-11, limit=200, points=[-5, 0, 5])[0] == pytest.approx(1, abs=1e-10)
    q = np.linspace(1e-4, 1 - 1e-4, 301)
    assert np.abs(law.cdf(law.ppf(q)) - q).max() < 1e-12
    assert (np.diff(law.cdf(np.linspace(-9, 9, 400))) > -1e-13).all()
    draws = law.rvs(50_000, random_state=5)  # false-alarm rate 1e-6; 2 % of the draws misplaced must be seen
    assert stats.kstest(draws, law.cdf).pvalue > 1e-6
    draws[:1000] = 10.0
    assert stats.kstest(draws, law.cdf).pvalue < 1e-6


@pytest.mark.parametrize("beta", [0, 3, -1, "2"])
def test_other_beta_are_refused(beta):
    with pytest.raises(InputError, match="beta"):
        laws.tracy_widom(beta)
