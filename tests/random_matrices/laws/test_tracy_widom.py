"""Tracy–Widom laws against published means and variances, Painlevé II, and their own draws."""

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from scipy import stats
from scipy.integrate import quad, solve_ivp
from scipy.special import airy

from tests.thinning import thinned
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


@pytest.mark.parametrize("beta", thinned([1, 2, 4], 2))
def test_density_mass_quantiles_and_draws(beta):
    law = laws.tracy_widom(beta)
    assert quad(law.pdf, -16, 16, epsabs=1e-12, limit=200, points=[-5, 0, 5])[0] == pytest.approx(1, abs=1e-11)
    q = np.linspace(1e-4, 1 - 1e-4, 301)
    assert np.abs(law.cdf(law.ppf(q)) - q).max() < 1e-12
    assert (np.diff(law.cdf(np.linspace(-9, 9, 400))) > -1e-13).all()
    draws = law.rvs(50_000, random_state=5)  # false-alarm rate 1e-6; 2 % of the draws misplaced must be seen
    assert stats.kstest(draws, law.cdf).pvalue > 1e-6
    draws[:1000] = 10.0
    assert stats.kstest(draws, law.cdf).pvalue < 1e-6


def _rule(count, lo, hi):
    """Gauss–Legendre nodes and weights on [lo, hi] in balls."""
    half = (arb(hi) - lo) / 2
    pairs = [arb.legendre_p_root(count, k, weight=True) for k in range(count)]
    return [(lo + half * (1 + x), half * w) for x, w in pairs]


def _determinants(s, count, top, bits):
    """ln F₁, ln F₂ and ln F₄ at √2 x = s, by determinants of V in ball arithmetic."""
    with ctx.workprec(bits):
        rule = _rule(count, s, top)
        rows = [[arb.airy_ai((x + y) / 2) * (v * w).sqrt() / 2 for y, w in rule] for x, v in rule]
        one = arb_mat([[(i == j) - rows[i][j] for j in range(count)] for i in range(count)]).det()
        two = arb_mat([[(i == j) + rows[i][j] for j in range(count)] for i in range(count)]).det()
        whole = arb(1)
        values = (one, one * two, (one + two) / 2)
        return [(float(v.log().mid()), float((whole - v).log().mid()) if v < 1 else None) for v in values]


def _airy_kernel(s, count, top, bits):
    """ln F₂(s) by the determinant of Airy's kernel in ball arithmetic."""
    with ctx.workprec(bits):
        rule = _rule(count, s, top)
        ai = [(x, arb.airy_ai(x), arb.airy_ai(x, derivative=1), w.sqrt()) for x, w in rule]

        def entry(i, j):
            (x, a, da, v), (y, b, db, w) = ai[i], ai[j]
            kernel = da * da - x * a * a if i == j else (a * db - da * b) / (x - y)
            return (i == j) - v * w * kernel

        matrix = arb_mat([[entry(i, j) for j in range(count)] for i in range(count)])
        return float(matrix.det().log().mid())


def test_upper_tail_at_fifteen_in_balls():
    """1 − F to 1e-11 relative where F rounds to 1."""
    for beta, (_, above) in zip((1, 2, 4), _determinants(15, 40, 30, 400), strict=True):
        x = 15 / np.sqrt(2) if beta == 4 else 15.0
        assert laws.tracy_widom(beta).logsf(x) == pytest.approx(above, abs=1e-11)
        assert laws.tracy_widom(beta).logsf(x) != pytest.approx(above + 1e-9, abs=1e-11)


@pytest.mark.slow
def test_tails_on_both_sides_in_balls():
    assert laws.tracy_widom(2).logcdf(-15.0) == pytest.approx(_airy_kernel(-15, 130, 40, 900), abs=1e-10)
    for s, count, top in ((-7, 70, 40), (20, 40, 40)):
        for beta, found in zip((1, 2, 4), _determinants(s, count, top, 400), strict=True):
            law, x = laws.tracy_widom(beta), s / np.sqrt(2) if beta == 4 else s
            assert (law.logcdf, law.logsf)[s > 0](x) == pytest.approx(found[s > 0], abs=1e-11)


@pytest.mark.parametrize("beta", thinned([1, 2, 4], 2))
def test_tails_and_densities_in_logs(beta):
    law = laws.tracy_widom(beta)
    x = np.array([-200.0, -40.0, -15.0, -9.0, -3.0, -0.5, 2.0, 12.0, 15.0, 60.0, 80.0, 300.0, 1e4])
    for value in (law.logpdf(x), law.logcdf(x), law.logsf(x)):
        assert np.isfinite(value).all()
    step = 1e-4
    for at in x:
        tail = law.logcdf if at < -1 else law.logsf
        slope = abs(tail(at + step) - tail(at - step)) / (2 * step)
        assert law.logpdf(at) - tail(at) == pytest.approx(np.log(slope), abs=3e-5)
    q = np.array([1e-300, 1e-30, 1e-8, 0.2, 0.6, 0.99])
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, rtol=1e-11)
    np.testing.assert_allclose(law.sf(law.isf(q)), q, rtol=1e-11)
    assert (law.ppf(0), law.ppf(1)) == law.support() == (-np.inf, np.inf)
    np.testing.assert_array_equal(law.cdf([-np.inf, np.inf, np.nan]), [0, 1, np.nan])
    assert np.isnan(law.ppf([-0.1, 1.1])).all()


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_both_representations_meet(beta):
    """Painlevé II on one side, Airy's kernel on the other: F and its density to the left and right of the switch."""
    law = laws.tracy_widom(beta)
    switch = -1.25 / (np.sqrt(2) if beta == 4 else 1)
    left, right = switch - 1e-9, switch + 1e-9
    assert law.cdf(right) - law.cdf(left) == pytest.approx(2e-9 * law.pdf(switch), abs=3e-14)
    assert law.pdf(right) == pytest.approx(law.pdf(left), rel=1e-8)


def test_leading_terms_far_out():
    """1 − F₁ ~ e^{−(2/3)s^{3/2}}/(4√π s^{3/4}), 1 − F₂ ~ e^{−(4/3)s^{3/2}}/(16π s^{3/2}) as s → ∞."""
    s = 1e6
    one, two = (laws.tracy_widom(beta).logsf(s) for beta in (1, 2))
    assert one + 2 / 3 * s**1.5 == pytest.approx(-np.log(4 * np.sqrt(np.pi) * s**0.75), abs=1e-5)
    assert two + 4 / 3 * s**1.5 == pytest.approx(-np.log(16 * np.pi * s**1.5), abs=1e-5)


@pytest.mark.parametrize("beta", [0, 3, -1, "2"])
def test_other_beta_are_refused(beta):
    with pytest.raises(InputError, match="beta"):
        laws.tracy_widom(beta)
