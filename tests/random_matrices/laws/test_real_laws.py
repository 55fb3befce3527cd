"""Laws on the real line: density against quadrature, quantiles, moments, sampling, edges of the parameters."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from tests.thinning import thinned
from vgtheory import laws
from vgtheory._errors import InputError

LAWS = [
    laws.marchenko_pastur(0.3),
    laws.marchenko_pastur(1.0),
    laws.marchenko_pastur(2.5, variance=0.7),
    laws.semicircle(),
    laws.semicircle(0.3),
    laws.quarter_circle(),
    laws.fuss_catalan(1),
    laws.fuss_catalan(2),
    laws.fuss_catalan(5),
    laws.ginibre_product(1),
    laws.ginibre_product(4),
    laws.wishart_product([0.3]),
    laws.wishart_product([0.5, 2.0, 0.7]),
    laws.free_bessel(1, 2.5),
    laws.free_bessel(2.5, 0.5),
    laws.free_bessel(0.5, 0.7),
    laws.raney(2, 2),
    laws.raney(3.5, 0.4),
    laws.raney(1.3, 1.3),
    laws.kesten_mckay(2.1),
    laws.kesten_mckay(3.5),
    laws.wachter(2, 3),
    laws.wachter(0.6, 0.7),
    laws.wachter(1, 3),
]
# Kolmogorov's test at this size: false-alarm rate 1e-6 per law (the seed is fixed).
DRAWS, ALARM = 20_000, 1e-6


def _integral(law, function):
    """∫ function(x) pdf(x) dx over the continuous part, in x = a + (b − a) sin²(t)^4-like variables at both ends."""
    a, b = law.edges()
    # x − a = (b − a) s^8 near a flattens the x^{-L/(L+1)} of Fuss–Catalan; sin² flattens the square roots.
    power = 8

    def integrand(t):
        s = np.sin(t) ** 2
        jacobian = (b - a) * power * s ** (power - 1) * 2 * np.sin(t) * np.cos(t)
        x = a + (b - a) * s**power
        return function(x) * law.pdf(x) * jacobian if 0 < s < 1 else 0.0

    return quad(integrand, 0, np.pi / 2, epsabs=1e-12, epsrel=1e-12, limit=400)[0]


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_density_and_atoms_have_mass_one(law):
    assert _integral(law, lambda x: 1.0) + sum(m for _, m in law.atoms) == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize("law", thinned(LAWS, 3), ids=str)
@pytest.mark.parametrize("order", [0, 1, 2, 3, 6])
def test_moments_are_integrals(law, order):
    by_density = _integral(law, lambda x: x**order) + sum(m * x**order for x, m in law.atoms)
    scale = max(abs(v) for v in law.support()) ** order
    assert law.moment(order) == pytest.approx(by_density, abs=1e-11 * scale)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_mean_and_variance_are_moments(law):
    assert law.mean() == pytest.approx(law.moment(1), rel=1e-14)
    assert law.var() == pytest.approx(law.moment(2) - law.moment(1) ** 2, rel=1e-12)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_distribution_function_integrates_the_density(law):
    a, b = law.edges()
    for lo, hi in [(0.2, 0.5), (0.5, 0.9)]:
        lo, hi = a + lo * (b - a), a + hi * (b - a)
        assert law.cdf(hi) - law.cdf(lo) == pytest.approx(quad(law.pdf, lo, hi, epsabs=1e-13)[0], abs=1e-12)
        assert law.cdf(lo) + law.sf(lo) == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_quantiles_invert_the_distribution_function(law):
    below, above = _atoms(law)
    q = np.linspace(below + 1e-6, 1 - above - 1e-6, 501)
    assert np.abs(law.cdf(law.ppf(q)) - q).max() < 1e-13
    assert law.ppf(0) == law.support()[0]
    assert law.ppf(1) == pytest.approx(law.support()[1], rel=1e-15)
    assert np.isnan(law.ppf([-0.1, 1.1])).all()


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_nothing_outside_the_support(law):
    lo, hi = law.support()
    assert law.pdf(lo - 1) == law.pdf(hi + 1) == law.cdf(lo - 1) == 0
    assert law.cdf(hi + 1) == 1
    assert np.isnan(law.pdf(np.nan))


@pytest.mark.parametrize("law", thinned(LAWS, 5), ids=str)
def test_draws_follow_the_law_and_misplaced_ones_are_seen(law):
    draws = law.rvs(DRAWS, random_state=3)
    below, above = _atoms(law)
    rest = draws
    for place, mass in law.atoms:
        assert abs((draws == place).mean() - mass) < 5 * np.sqrt(mass * (1 - mass) / DRAWS)
        rest = rest[rest != place]

    def continuous(x):
        return (law.cdf(x) - below) / (1 - below - above)

    assert stats.kstest(rest, continuous).pvalue > ALARM
    rest[: len(rest) // 25] = law.edges()[1]
    assert stats.kstest(rest, continuous).pvalue < ALARM


def _atoms(law):
    """The mass of the atoms below and above the continuous part."""
    end = law.edges()[1]
    return sum(m for x, m in law.atoms if x < end), sum(m for x, m in law.atoms if x >= end)


@pytest.mark.parametrize(
    ("law", "arcsine"),
    [
        (laws.kesten_mckay(2), stats.arcsine(-2, 4)),
        (laws.wachter(1, 1), stats.arcsine(0, 1)),
    ],
    ids=["kesten_mckay", "wachter"],
)
def test_arcsine_limits(law, arcsine):
    x = np.linspace(*law.support(), 41)[1:-1]
    np.testing.assert_allclose(law.pdf(x), arcsine.pdf(x), rtol=1e-12)
    np.testing.assert_allclose(law.cdf(x), arcsine.cdf(x), rtol=1e-12)
    q = np.linspace(0.01, 0.99, 99)
    np.testing.assert_allclose(law.ppf(q), arcsine.ppf(q), rtol=1e-12, atol=1e-14)
    assert law.moment(4) == pytest.approx(arcsine.moment(4), rel=1e-12)


def test_wachter_of_two_projections_without_a_common_direction_is_two_atoms():
    law = laws.wachter(0.5, 0.5)
    assert law.atoms == ((0.0, 0.5), (1.0, 0.5))
    assert law.moment(3) == 0.5
    np.testing.assert_allclose(law.cdf([-0.1, 0, 0.5, 0.99, 1]), [0, 0.5, 0.5, 0.5, 1], atol=1e-15)


def test_marchenko_pastur_at_the_edges_of_its_ratio():
    assert laws.marchenko_pastur(1e-10).support() == pytest.approx((1, 1), abs=3e-5)
    one, product = laws.marchenko_pastur(1.0), laws.fuss_catalan(1)
    x = np.linspace(0.001, 3.999, 400)
    np.testing.assert_allclose(one.pdf(x), product.pdf(x), rtol=1e-12)
    np.testing.assert_allclose(one.cdf(x), product.cdf(x), rtol=1e-12)
    # X Xᵀ and Xᵀ X have the same eigenvalues apart from zeros: n·F_c and p·F_{1/c} agree.
    wide, tall = laws.marchenko_pastur(4.0), laws.marchenko_pastur(0.25, variance=4.0)
    np.testing.assert_allclose(4 * wide.sf([1.5, 4, 8]), tall.sf([1.5, 4, 8]), atol=1e-14)


def test_moduli_of_a_product_of_four_matrices():
    """One product of size 300: the largest deviation of F_N is below 0.05; the law of three factors is seen."""
    rng = np.random.default_rng(7)
    factors = rng.standard_normal((4, 300, 300)) / np.sqrt(300)
    moduli = np.abs(np.linalg.eigvals(np.linalg.multi_dot(list(factors))))
    assert stats.kstest(moduli, laws.ginibre_product(4).cdf).statistic < 0.05
    assert stats.kstest(moduli, laws.ginibre_product(3).cdf).statistic > 0.05


def test_quarter_circle_is_the_root_of_marchenko_pastur():
    x = np.linspace(0.01, 1.99, 99)
    np.testing.assert_allclose(laws.quarter_circle().cdf(x), laws.marchenko_pastur(1.0).cdf(x**2), rtol=1e-13)


@pytest.mark.parametrize(("depth", "moments"), [(3, [1, 4, 22, 140, 969]), (50, [1, 51, 3876, 348551, 34412301])])
def test_fuss_catalan_moments_as_published(depth, moments):
    law = laws.fuss_catalan(depth)
    assert [law.moment(k) for k in range(1, 6)] == pytest.approx(moments, rel=1e-14)
    assert [np.exp(law.log_moment(k)) for k in range(1, 6)] == pytest.approx(moments, rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 16, 1000, 10_000])
def test_fuss_catalan_against_the_defining_equation(depth):
    """B = xG solves B − 1 = B^{L+1}/x in 50 digits, and x·density = Im B/π."""
    mpmath = pytest.importorskip("mpmath")
    law = laws.fuss_catalan(depth)
    for q in (0.02, 0.3, 0.7, 0.99):
        log_x = float(law.ppf_log(q))
        with mpmath.workdps(50):
            density = law.pdf_log(log_x)

            def equation(f, log_x=log_x):
                s = mpmath.sin
                return (
                    (depth + 1) * mpmath.log(s((depth + 1) * f))
                    - mpmath.log(s(f))
                    - depth * mpmath.log(s(depth * f))
                    - mpmath.mpf(log_x)
                )

            lo, hi = mpmath.pi / (depth + 1) * mpmath.mpf("1e-12"), mpmath.pi / (depth + 1) * (1 - mpmath.mpf("1e-12"))
            f = mpmath.findroot(equation, (lo, hi), solver="anderson", tol=1e-40, maxsteps=400, verify=False)
            guess = mpmath.sin((depth + 1) * f) / mpmath.sin(depth * f) * mpmath.exp(1j * f)
            residual = (depth + 1) * mpmath.log(guess) - mpmath.log(guess - 1) - mpmath.mpf(log_x)
            assert abs(mpmath.sin(residual.imag / 2)) < 1e-30
            assert abs(residual.real) < 1e-30
            assert float(abs(guess.imag / mpmath.pi / density - 1)) < 1e-13


@pytest.mark.parametrize("depth", [1000, 10_000])
def test_deep_fuss_catalan_stays_finite_in_logs(depth):
    law = laws.fuss_catalan(depth)
    q = np.array([1e-6, 1e-3, 0.1, 0.5, 0.9, 1 - 1e-6])
    log_x = law.ppf_log(q)
    assert np.isfinite(log_x).all()
    np.testing.assert_allclose(law.cdf_log(log_x), q, rtol=1e-12)
    # log x/depth tends to ln t: |singular values|^{2/L} of a deep product are uniform.
    assert log_x[2] / depth == pytest.approx(np.log(0.1), abs=5 * np.log(depth) / depth)


@pytest.mark.parametrize(
    "call",
    [
        lambda: laws.marchenko_pastur(0),
        lambda: laws.marchenko_pastur(1, variance=-1),
        lambda: laws.semicircle(float("nan")),
        lambda: laws.quarter_circle("2"),
        lambda: laws.fuss_catalan(float("inf")),
        lambda: laws.ginibre_product(1.5),
        lambda: laws.semicircle().moment(-1),
    ],
)
def test_bad_parameters_are_refused(call):
    with pytest.raises(InputError):
        call()
