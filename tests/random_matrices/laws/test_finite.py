"""One-point laws at finite size: against sums of polynomials, exact moments, sampled matrices and their limits."""

from math import sqrt

import mpmath
import numpy as np
import pytest
from scipy import special, stats
from scipy.integrate import dblquad, quad

from tests.thinning import thinned
from vgtheory import ensembles, laws
from vgtheory._errors import InputError, UnsupportedError

ALARM = 1e-6  # false-alarm rate of each Kolmogorov test; the law of another size must be told apart
LAWS = [
    laws.finite_gue(1),
    laws.finite_gue(7),
    laws.finite_gue(100),
    laws.finite_lue(1, 1),
    laws.finite_lue(3, 8),
    laws.finite_lue(200, 200),
    laws.finite_real_ginibre(2),
    laws.finite_real_ginibre(9),
    laws.finite_ginibre(6).radial(),
    laws.finite_ginibre(6, 3).radial(),
    laws.finite_product(1, 2),
    laws.finite_product(4, 2),
]


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_mass_quantiles_and_moments(law):
    lo, hi = law.window()
    nodes, weights = np.polynomial.legendre.leggauss(700 if "100" in str(law) or "200" in str(law) else 400)
    u = (lo + hi) / 2 + (hi - lo) / 2 * nodes
    weights = weights * law.density(u) * (hi - lo) / 2
    assert weights.sum() == pytest.approx(1, abs=1e-11)
    for order in (1, 2, 4):
        assert law.moment(order) == pytest.approx((weights * law.place(u) ** order).sum(), rel=1e-9, abs=1e-12)
    q = np.linspace(1e-4, 1 - 1e-4, 101)
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, atol=1e-12)
    assert (law.ppf(0), law.ppf(1)) == law.support()
    assert np.isnan(law.ppf([-0.1, 1.1])).all()
    assert np.isnan(law.pdf(np.nan))


def test_gue_density_is_the_sum_of_hermite_functions():
    n, x = 6, np.linspace(-2.5, 2.5, 11)
    y = x * sqrt(n)
    total = sum(special.eval_hermitenorm(k, y) ** 2 / special.factorial(k) for k in range(n))
    np.testing.assert_allclose(laws.finite_gue(n).pdf(x), total * stats.norm.pdf(y) / sqrt(n), rtol=1e-12)


def test_lue_density_is_the_sum_of_laguerre_functions():
    p, n, x = 4, 7, np.linspace(0.1, 4, 11)
    y, a = n * x, n - p
    total = sum(
        special.factorial(k) / special.gamma(k + a + 1) * special.eval_genlaguerre(k, a, y) ** 2 for k in range(p)
    )
    np.testing.assert_allclose(laws.finite_lue(p, n).pdf(x), total * y**a * np.exp(-y) * n / p, rtol=1e-12)


@pytest.mark.slow
def test_large_sizes_tend_to_the_limit_and_do_not_overflow():
    x = np.linspace(-1.8, 1.8, 41)
    np.testing.assert_allclose(laws.finite_gue(3000).cdf(x), laws.semicircle().cdf(x), atol=2 / 3000)
    assert laws.finite_gue(3000).pdf(40.0) == 0
    y = np.linspace(0.3, 2.0, 41)
    np.testing.assert_allclose(laws.finite_lue(500, 2000).cdf(y), laws.marchenko_pastur(0.25).cdf(y), atol=2 / 500)
    r = np.array([0.2, 0.5, 0.8])
    np.testing.assert_allclose(laws.finite_ginibre(60, 3).cdf(r), laws.ginibre_product(3).cdf(r), atol=3e-2)
    squares = np.array([0.1, 1.0, 4.0])
    np.testing.assert_allclose(laws.finite_product(10, 2).cdf(squares), laws.fuss_catalan(2).cdf(squares), atol=3e-2)


def test_size_one_is_elementary():
    x = np.array([-1.0, 0.3, 2.0])
    np.testing.assert_allclose(laws.finite_gue(1).cdf(x), stats.norm.cdf(x), atol=1e-14)
    np.testing.assert_allclose(laws.finite_lue(1, 1).cdf(x), stats.expon.cdf(x), atol=1e-13)
    np.testing.assert_allclose(laws.finite_product(1, 1).cdf(x), stats.expon.cdf(x), atol=1e-13)
    # |z|² is a product of two exponential variables: P(|z| > r) = 2r K₁(2r).
    r = np.array([0.01, 0.5, 2.0])
    np.testing.assert_allclose(laws.finite_ginibre(1, 2).sf(r), 2 * r * special.k1(2 * r), atol=1e-13)
    np.testing.assert_allclose(laws.finite_ginibre(1, 2).pdf(r), 2 * special.k0(2 * r) / np.pi, rtol=1e-12)


def test_products_of_one_factor_are_wishart():
    x = np.array([0.01, 0.5, 2.0, 4.0])
    np.testing.assert_allclose(laws.finite_product(5).pdf(x), laws.finite_lue(5, 5).pdf(x), rtol=1e-12)


def test_real_ginibre_accounts_for_every_eigenvalue():
    law = laws.finite_real_ginibre(5)
    rest = dblquad(lambda y, x: 2 * law.complex_density(x + 1j * y), -3.5, 3.5, 0, 3.5, epsabs=1e-9)[0]
    assert rest + law.expected_count() / 5 == pytest.approx(1, abs=1e-7)
    # E N_R = √2 Σ (4k − 1)!!/(4k)!! for even N (Edelman, Kostlan & Shub 1994, corollary 5.1).
    for n in (2, 4, 10):
        terms = (special.factorial2(4 * k - 1) / special.factorial2(4 * k) for k in range(1, n // 2))
        assert laws.finite_real_ginibre(n).expected_count() == pytest.approx(sqrt(2) * (1 + sum(terms)), rel=1e-12)
    big = laws.finite_real_ginibre(10_000).expected_count()
    assert big == pytest.approx(sqrt(2e4 / np.pi) + 0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("law", "other", "draw"),
    thinned(
        [
            (laws.finite_gue(3), laws.finite_gue(1), lambda r: ensembles.gue(3).eigenvalues(r)),
            (laws.finite_lue(2, 4), laws.finite_lue(2, 3), lambda r: ensembles.lue(2, 4).eigenvalues(r)),
            (
                laws.finite_ginibre(3, 2),
                laws.finite_ginibre(2, 2),
                lambda r: np.exp(ensembles.ginibre_products(3, 2, "complex").log_moduli(r)),
            ),
            (
                laws.finite_product(2, 2),
                laws.finite_product(3, 2),
                lambda r: np.linalg.svd(ensembles.ginibre_products(2, 2, "complex").sample(r))[1] ** 2,
            ),
        ],
        2,
    ),
    ids=["gue", "lue", "ginibre product", "singular values"],
)
def test_an_eigenvalue_of_a_sampled_matrix(law, other, draw):
    """One eigenvalue of each of 8,000 matrices, so that draws are independent."""
    rng = np.random.default_rng(4)
    values = np.array([rng.choice(draw(rng)) for _ in range(8_000)])
    assert stats.kstest(values, law.cdf).pvalue > ALARM
    assert stats.kstest(values, other.cdf).pvalue < ALARM


def test_number_of_real_eigenvalues_of_sampled_matrices():
    rng, n = np.random.default_rng(5), 4
    law = laws.finite_real_ginibre(n)
    number = np.array(
        [(np.abs(np.linalg.eigvals(ensembles.ginibre(n).sample(rng)).imag) < 1e-12).sum() for _ in range(4000)]
    )
    error = number.std() / np.sqrt(4000)
    assert abs(number.mean() - law.expected_count()) < 5 * error  # alarm 6e-7
    assert abs(number.mean() - 1.1 * law.expected_count()) > 5 * error


@pytest.mark.slow
def test_marginal_law_of_the_real_part():
    law = laws.finite_ginibre(4, 2)
    for x in (0.02, 0.3, 1.1):
        mass = quad(law.real().pdf, 0, x, epsabs=1e-13)[0] + 0.5
        assert law.real().cdf(x) == pytest.approx(mass, abs=1e-11)
        # P(0 < r cos θ < x) over the radius: a quarter of what lies inside, arcsin(x/r)/π of what lies beyond.
        beyond = quad(lambda r, x=x: np.arcsin(x / r) / np.pi * law.radial().pdf(r), x, 6, epsabs=1e-13, limit=200)[0]
        assert law.real().cdf(x) == pytest.approx(0.5 + law.cdf(x) / 2 + beyond, abs=1e-10)
        assert law.real().cdf(-x) == pytest.approx(1 - law.real().cdf(x), abs=1e-15)
    q = np.array([1e-3, 0.2, 0.5, 0.77])
    np.testing.assert_allclose(law.real().cdf(law.real().ppf(q)), q, atol=1e-12)
    normal = laws.finite_ginibre(1).real()
    np.testing.assert_allclose(normal.cdf([-1.0, 0.2]), stats.norm.cdf(np.array([-1.0, 0.2]) * np.sqrt(2)), atol=1e-14)
    z = law.rvs(5_000, random_state=1)
    assert stats.kstest(np.abs(z), law.cdf).pvalue > ALARM
    assert stats.kstest(z.real, law.real().cdf).pvalue > ALARM
    assert law.real().var() == pytest.approx(law.radial().moment(2) / 2, rel=1e-12)


def test_densities_that_underflow_keep_their_logarithm():
    """Exact sums at 60 digits; the density itself is 0 in floating point."""
    y = mpmath.mpf(50) * 64
    total = sum(y**k / mpmath.factorial(k) for k in range(50))
    known = float(mpmath.log(total / mpmath.pi) - y)
    assert laws.finite_ginibre(50).logpdf(8.0) == pytest.approx(known, rel=1e-13)
    assert laws.finite_ginibre(50).pdf(8.0) == 0
    assert laws.finite_ginibre(1, 2).logpdf(900.0) == pytest.approx(
        np.log(2 * special.k0e(1800) / np.pi) - 1800, rel=1e-12
    )
    assert laws.finite_gue(1).logpdf(90.0) == pytest.approx(stats.norm.logpdf(90.0), rel=1e-14)
    assert laws.finite_lue(1, 1).logpdf(900.0) == pytest.approx(-900.0, rel=1e-14)
    assert laws.finite_real_ginibre(1).logpdf(90.0) == pytest.approx(stats.norm.logpdf(90.0), rel=1e-14)
    tail = laws.finite_real_ginibre(20).logpdf([10.0, 10.1])
    assert np.diff(tail)[0] / 0.1 == pytest.approx(-20 * 10.05 + 19 / 10.05, rel=1e-3)


def test_bad_sizes_are_refused():
    for call in (
        lambda: laws.finite_gue(0),
        lambda: laws.finite_lue(3, 2),
        lambda: laws.finite_ginibre(2, 0),
        lambda: laws.finite_real_ginibre(1.5),
        lambda: laws.finite_product(0),
    ):
        with pytest.raises(InputError):
            call()
    with pytest.raises(UnsupportedError, match="fuss_catalan"):
        laws.finite_product(65, 2)


@pytest.mark.parametrize(("size", "factors", "second"), [(3, 6, 11.1495), (5, 4, 5.4016), (2, 12, None), (1, 2, 4.0)])
def test_products_of_many_small_factors(size, factors, second):
    """Mass, mean and E x² by quadrature of the density against the exact recursion of E tr A and E (tr A)²."""
    law = laws.finite_product(size, factors)
    lo, hi = law.window()
    node, weight = np.polynomial.legendre.leggauss(300)
    u = lo + (hi - lo) * (1 + node) / 2
    mass = weight * (hi - lo) / 2 * law.density(u)
    # With A → A + one more Ginibre factor: E tr A² → n (tr A)² + n² tr A², E (tr A)² → n² (tr A)² + n tr A², over n².
    square, trace = float(size), float(size) ** 2  # of the identity
    for _ in range(factors):
        square, trace = trace / size + square, trace + square / size
    np.testing.assert_allclose([mass.sum(), mass @ np.exp(u)], 1, rtol=1e-12)
    np.testing.assert_allclose([mass @ np.exp(2 * u), law.moment(2)], square / size, rtol=1e-12)
    assert law.mean() == 1
    if second is not None:
        assert law.moment(2) == pytest.approx(second, abs=1e-4)


@pytest.mark.slow
def test_product_of_two_numbers_over_all_doubles():
    """N = 1, L = 2 has the density 2 K_0(2√x)."""
    law = laws.finite_product(1, 2)
    for x in (1e-300, 1e-100, 1e-10, 1.0, 100.0):
        assert law.pdf(x) == pytest.approx(float(2 * mpmath.besselk(0, 2 * mpmath.sqrt(x))), rel=1e-12)
    assert law.pdf(1e8) == law.pdf(1e300) == 0
