"""Finite N, β = 1 and 4: against elementary cases, exact moments, dense matrices and the limit laws."""

import numpy as np
import pytest
from scipy import integrate, stats

from vgtheory import ensembles, laws
from vgtheory._errors import InputError

SIZES = (1, 2, 3, 4, 7, 60, 101)
SHAPES = ((1, 1), (1, 4), (2, 2), (2, 4), (3, 3), (3, 4), (5, 9), (40, 41), (51, 120))
LAWS = [f(n) for f in (laws.finite_goe, laws.finite_gse) for n in SIZES] + [
    f(*shape) for f in (laws.finite_loe, laws.finite_lse) for shape in SHAPES
]


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_mass_quantiles_and_exact_moments(law):
    lo, hi = law.window()
    half, mass = (hi - lo) / 2, law._below(hi)
    assert mass == pytest.approx(1, abs=1e-12)
    assert law.density(lo + half * np.linspace(0, 2, 999)).min() >= 0
    q = np.linspace(1e-4, 1 - 1e-4, 101)
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, atol=1e-12)
    if hasattr(law, "freedom"):
        # E Tr W² of β = 1, 2, 4 matrices: p n (n + p − 1 + 2/β)/n².
        p, n, shift = law.size, law.freedom, 1.0 if "Loe" in str(law) else -0.5
        known = {1: 1.0, 2: 1 + (p + shift) / n}
    else:
        known = {1: 0.0, 2: 1 + (1 if "Goe" in str(law) else -0.5) / law.size, 3: 0.0}
    for order, value in known.items():
        assert law.moment(order) == pytest.approx(value, abs=1e-12)


def test_small_sizes_are_elementary():
    """N = 1 is a normal or gamma variable; two GOE eigenvalues have the joint density |x − y|e^{−(x² + y²)/2}."""
    x = np.array([-3.0, -0.4, 0.0, 1.1, 12.0])
    np.testing.assert_allclose(laws.finite_goe(1).pdf(x), stats.norm.pdf(x, scale=np.sqrt(2)), rtol=1e-13)
    np.testing.assert_allclose(laws.finite_gse(1).pdf(x), stats.norm.pdf(x, scale=np.sqrt(0.5)), rtol=1e-11)
    y = np.array([1e-3, 0.4, 1.0, 9.0])
    np.testing.assert_allclose(laws.finite_loe(1, 3).pdf(y), stats.gamma.pdf(y, 1.5, scale=2 / 3), rtol=1e-12)
    np.testing.assert_allclose(laws.finite_lse(1, 3).pdf(y), stats.gamma.pdf(y, 6, scale=1 / 6), rtol=1e-9)

    def pair(a):
        weight = integrate.quad(lambda b: abs(a - b) * np.exp(-(b**2) / 2), -12, 12, points=[a], epsabs=1e-13)[0]
        return weight * np.exp(-(a**2) / 2) / (4 * np.sqrt(np.pi))

    for value in (0.0, 0.7, -1.9):
        assert laws.finite_goe(2).pdf(value) == pytest.approx(pair(value), rel=1e-10)


def test_symplectic_is_every_second_orthogonal_eigenvalue():
    """Forrester & Rains (2001): the even ones of GOE(2N + 1) and of LOE(2N + 1); alarm 1e-6, the odd ones are seen."""
    rng, draws, n = np.random.default_rng(0), 4000, 2
    matrices = rng.standard_normal((draws, 2 * n + 1, 2 * n + 1))
    values = np.linalg.eigvalsh(matrices + matrices.transpose(0, 2, 1)) / np.sqrt(2) / np.sqrt(2 * n)
    rectangular = rng.standard_normal((draws, 2 * n + 1, 2 * n + 3))  # a = 2 = 2(n − p): p = 2, n = 3
    squares = np.linalg.svd(rectangular, compute_uv=False)[:, ::-1] ** 2 / (2 * 3)
    for law, found in ((laws.finite_gse(n), values), (laws.finite_lse(n, 3), squares)):
        pick = rng.integers(0, n, draws)
        row = np.arange(draws)
        assert stats.kstest(found[row, 2 * pick + 1], law.cdf).pvalue > 1e-6
        assert stats.kstest(found[row, 2 * pick], law.cdf).pvalue < 1e-6


def _quaternion(rng, count, rows, columns):
    """Complex matrices of twice the size that stand for iid quaternions of E|q|² = 1."""
    a, b = ((rng.standard_normal((count, rows, columns, 2)) @ [1, 1j]) / 2 for _ in range(2))
    return np.block([[a, b], [-b.conj(), a.conj()]])


def _dense(kind, rng, count):
    if kind == "goe":
        x = rng.standard_normal((count, 4, 4))
        return np.linalg.eigvalsh((x + x.transpose(0, 2, 1)) / np.sqrt(8))
    if kind == "gse":
        x = _quaternion(rng, count, 3, 3)
        return np.linalg.eigvalsh((x + x.conj().transpose(0, 2, 1)) / np.sqrt(6))[:, ::2]
    if kind == "loe":
        return np.linalg.svd(rng.standard_normal((count, 3, 4)), compute_uv=False) ** 2 / 4
    return np.linalg.svd(_quaternion(rng, count, 2, 3), compute_uv=False)[:, ::2] ** 2 / 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "law"),
    [
        ("goe", laws.finite_goe(4)),
        ("gse", laws.finite_gse(3)),
        ("loe", laws.finite_loe(3, 4)),
        ("lse", laws.finite_lse(2, 3)),
    ],
)
def test_histogram_of_dense_matrices_and_a_twin_two_percent_off(kind, law):
    """χ² of 40 equal bins; eigenvalues of one matrix repel, so that the alarm rate is below 1e-6."""
    rng, bins = np.random.default_rng(5), 40
    values = np.concatenate([_dense(kind, rng, 30_000).ravel() for _ in range(10)])

    def chi_square(points):
        count = np.bincount(np.minimum((law.cdf(points) * bins).astype(int), bins - 1), minlength=bins)
        return ((count - points.size / bins) ** 2).sum() / (points.size / bins)

    alarm = stats.chi2.isf(1e-6, bins - 1)
    assert chi_square(values) < alarm
    assert chi_square(1.02 * values) > alarm


@pytest.mark.parametrize(
    ("law", "ensemble"),
    [
        (laws.finite_goe(5), ensembles.goe(5)),
        (laws.finite_gse(5), ensembles.gse(5)),
        (laws.finite_loe(3, 5), ensembles.wishart(3, 5)),
        (laws.finite_lse(3, 5), ensembles.laguerre(3, 5, 4.0)),
    ],
    ids=str,
)
def test_ensembles_name_their_law(law, ensemble):
    """Alarm 1e-6 for one eigenvalue of each of 3,000 matrices; the limit law is told apart by the outer ones."""
    assert ensemble.one_point() == law
    rng = np.random.default_rng(3)
    values = np.array([rng.choice(ensemble.eigenvalues(rng)) for _ in range(3000)])
    assert stats.kstest(values, law.cdf).pvalue > 1e-6
    assert stats.kstest(1.15 * values, law.cdf).pvalue < 1e-6


def test_large_sizes_tend_to_the_limit_and_tails_stay_in_logs():
    x = np.linspace(-1.8, 1.8, 21)
    for law in (laws.finite_goe(1000), laws.finite_gse(300)):
        np.testing.assert_allclose(law.cdf(x), laws.semicircle().cdf(x), atol=1e-2 * 100 / law.size)
        tail = law.logpdf(np.array([3.0, 40.0, 1e4]))
        assert np.isfinite(tail).all()
        # Far outside the density is x^{βN−…}e^{−βNx²/4}: its logarithm falls by βN(b² − a²)/4 up to logarithms.
        beta = 1 if "Goe" in str(law) else 4
        assert tail[2] / (-beta * law.size * 1e8 / 4) == pytest.approx(1, rel=1e-3)
    y = np.linspace(0.3, 2.0, 21)
    for law in (laws.finite_loe(300, 1200), laws.finite_lse(100, 400)):
        np.testing.assert_allclose(law.cdf(y), laws.marchenko_pastur(0.25).cdf(y), atol=1e-2)
        assert np.isfinite(law.logpdf([1e-9, 1e-3, 30.0, 1e5])).all()
        assert law.pdf(-1.0) == 0
        assert np.isnan(law.pdf(np.nan))


def test_hard_edge():
    """p = n: density ∼ x^{−1/2} (real), 0 at 0 for quaternions; p = n − 1, real: finite at 0."""
    assert laws.finite_loe(3, 3).pdf(0.0) == np.inf
    assert laws.finite_lse(3, 3).pdf(0.0) == 0
    assert laws.finite_loe(3, 5).pdf(0.0) == 0
    edge = laws.finite_loe(3, 4)
    assert edge.pdf(0.0) == pytest.approx(edge.pdf(1e-12), rel=1e-9)
    assert 0 < edge.pdf(0.0) < np.inf


def test_orthogonal_sum_over_laguerre_functions():
    """The sum itself for p = 2, n = 3: joint density |x − y|e^{−(x + y)/2} in units of 1/n."""
    law = laws.finite_loe(2, 3)
    for y in (0.5, 2.0, 7.0):
        inner = integrate.quad(lambda t, y=y: abs(y - t) * np.exp(-t / 2), 0, 200, points=[y], epsabs=1e-13, limit=200)
        total = 8  # ∫∫ |x − y| e^{−(x + y)/2} dx dy
        assert law.pdf(y / 3) / 3 == pytest.approx(inner[0] * np.exp(-y / 2) / total, rel=1e-9)


def test_bad_sizes_are_refused():
    for call in (
        lambda: laws.finite_goe(0),
        lambda: laws.finite_gse(1.5),
        lambda: laws.finite_loe(3, 2),
        lambda: laws.finite_lse(0, 2),
    ):
        with pytest.raises(InputError):
            call()
