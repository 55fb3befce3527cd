"""Condition numbers of Gaussian matrices, and laws of unbounded support."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from tests.thinning import thinned
from vgtheory import ensembles, laws
from vgtheory._errors import InputError, UnsupportedError

LAWS = [
    laws.edelman_condition("real"),
    laws.edelman_condition("complex"),
    laws.demmel_condition(3),
    laws.gaussian_condition(2, "real"),
    laws.gaussian_condition(2),
    laws.gaussian_condition(5),
]


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_density_distribution_and_quantiles_agree(law):
    lo = law.support()[0]
    assert quad(law.pdf, lo, np.inf, epsabs=1e-11, limit=200)[0] == pytest.approx(1, abs=1e-8)
    for a, b in [(2.0, 3.0), (5.0, 50.0)]:
        assert law.cdf(b) - law.cdf(a) == pytest.approx(quad(law.pdf, a, b, epsabs=1e-13)[0], abs=1e-11)
    q = np.linspace(0.001, 0.999, 99)
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, atol=1e-12)
    assert (law.ppf(0), law.ppf(1)) == law.support()
    assert np.isnan(law.ppf(1.5))
    assert law.sf(1e9) > 0  # the heavy tail keeps its digits
    assert law.moment(2) == law.var() == np.inf


def test_means_that_exist():
    for law in (laws.edelman_condition("complex"), laws.demmel_condition(3), *LAWS[-2:]):
        tail = quad(law.sf, law.support()[0], np.inf, epsabs=1e-11, limit=200)[0]
        assert law.mean() == pytest.approx(law.support()[0] + tail, rel=1e-7)
    assert laws.edelman_condition().mean() == np.inf
    assert laws.demmel_condition(1).atoms == ((1.0, 1.0),)
    np.testing.assert_allclose(laws.demmel_condition(1).cdf([0.5, 1.0, 2.0]), [0, 1, 1])


@pytest.mark.parametrize("field", ["real", "complex"])
def test_sampled_condition_numbers(field):
    """N = 60 by the bidiagonal model, 1500 matrices; alarm 1e-6 (0.07); a scale 40 % off is seen."""
    rng, n = np.random.default_rng(3), 60
    ensemble = ensembles.ginibre(n, field)
    values = np.array([(s := ensemble.singular_values(rng))[-1] / s[0] for _ in range(1500)]) / n
    law = laws.edelman_condition(field)
    assert stats.kstest(values, law.cdf).statistic < 0.07
    assert stats.kstest(1.4 * values, law.cdf).statistic > 0.07


def test_exact_scaled_condition_number():
    rng, n = np.random.default_rng(4), 3
    law = laws.demmel_condition(n)
    ensemble = ensembles.ginibre(n, "complex")
    draws = [ensemble.singular_values(rng) for _ in range(4000)]
    values = np.array([np.linalg.norm(s) / s[0] for s in draws])
    assert stats.kstest(values, law.cdf).pvalue > 1e-6
    assert stats.kstest(values, laws.demmel_condition(4).cdf).pvalue < 1e-6


def test_exact_laws_of_two_by_two_matrices():
    """From the joint densities |λ₁ − λ₂|^β (λ₁λ₂)^{β/2 − 1} e^{−…}: (κ² − 1)²/(κ² + 1)⁴ and (κ² − 1)/(κ² + 1)²."""
    k = np.array([1.001, 1.5, 4.0, 1e3])
    np.testing.assert_allclose(laws.gaussian_condition(2).cdf(k), ((k**2 - 1) / (k**2 + 1)) ** 3, atol=1e-14)
    np.testing.assert_allclose(laws.gaussian_condition(2, "real").cdf(k), (k - 1) ** 2 / (k**2 + 1), rtol=1e-11)
    assert laws.gaussian_condition(1) == laws.point_mass(1.0)


@pytest.mark.parametrize(("size", "field"), thinned([(2, "real"), (2, "complex"), (3, "complex"), (6, "complex")], 2))
def test_exact_condition_numbers_of_dense_matrices(size, field):
    """60,000 matrices; alarm 1e-6; κ five percent off is seen."""
    rng, shape = np.random.default_rng(11), (60_000, size, size)
    matrices = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if field == "complex" else 0)
    s = np.linalg.svd(matrices, compute_uv=False)
    law = laws.gaussian_condition(size, field)
    assert stats.kstest(s[:, 0] / s[:, -1], law.cdf).pvalue > 1e-6
    assert stats.kstest(1.05 * s[:, 0] / s[:, -1], law.cdf).pvalue < 1e-6


def test_exact_condition_tends_to_the_limit():
    law, limit = laws.gaussian_condition(150), laws.edelman_condition("complex")
    x = np.array([1.0, 2.0, 4.0, 20.0])
    np.testing.assert_allclose(law.cdf(150 * x), limit.cdf(x), atol=0.02)
    assert law.sf(1e12) > 0
    for call in (lambda: laws.gaussian_condition(3, "real"), lambda: laws.gaussian_condition(201)):
        with pytest.raises(UnsupportedError, match="edelman_condition"):
            call()


def test_bad_parameters_are_refused():
    for call in (
        lambda: laws.edelman_condition("quaternion"),
        lambda: laws.demmel_condition(0),
        lambda: laws.gaussian_condition(0),
    ):
        with pytest.raises(InputError):
            call()
