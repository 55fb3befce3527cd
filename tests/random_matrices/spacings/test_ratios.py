"""Spacings, their ratios and β from them: by hand, against small matrices, and Dyson's theorem on alternate levels."""

import numpy as np
import pytest
from scipy import special, stats

from vgtheory import ensembles
from vgtheory._errors import InputError

ALARM = 1e-6  # false-alarm rate of each comparison


def test_spacings_and_ratios_by_hand():
    assert ensembles.spacings([0.0, 3.0, 1.0, 7.0], order=2).tolist() == [3.0, 6.0]
    assert ensembles.spacings([0.0, 1.0, 3.0], period=4.0).tolist() == [1.0, 2.0, 1.0]
    assert ensembles.spacing_ratio([0.0, 1.0, 3.0], period=4.0) == pytest.approx([0.5, 0.5, 1.0])
    assert ensembles.spacing_ratio([0.0, 1.0, 2.0, 4.0, 8.0, 9.0], order=2) == pytest.approx([2 / 6, 3 / 5])


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_ratios_of_ensembles(beta):
    """Alarm at |z| > 5 (6e-7, and 1/N of bias); independent values and the next β are told apart."""
    spectra = ensembles.hermite(150, beta).spectra(120, random_state=2)
    assert abs(ensembles.ratio_test(spectra, beta).z) < 5
    assert all(abs(ensembles.ratio_test(spectra, other).z) > 5 for other in (0, 1, 2, 4) if other != beta)


def test_ratios_of_independent_values_and_circles():
    values = np.random.default_rng(3).random((100, 200))
    assert abs(ensembles.ratio_test(values, 0).z) < 5
    angles = [ensembles.circular_beta(40, 2).angles(k) for k in range(60)]
    assert abs(ensembles.ratio_test(angles, 2, period=2 * np.pi).z) < 5


def test_alternate_levels_of_the_orthogonal_circle_are_symplectic():
    """Mehta & Dyson (1963): so ratios of order 2 at β = 1 are those of order 1 at β = 4."""
    angles = [ensembles.circular_beta(40, 1).angles(k) for k in range(100)]
    means = np.array([ensembles.spacing_ratio(a, 2, period=2 * np.pi).mean() for a in angles])
    error = means.std(ddof=1) / 10
    assert abs(means.mean() - ensembles.mean_ratio(4)) < 5 * error
    assert abs(means.mean() - ensembles.mean_ratio(2)) > 5 * error


@pytest.mark.parametrize(
    ("beta", "mean"),
    [(0, 2 * np.log(2) - 1), (1, 4 - 2 * np.sqrt(3)), (2, 2 * np.sqrt(3) / np.pi - 0.5), (4, 0.67617)],
)
def test_ratio_surmise(beta, mean):
    """Atas et al. (2013), table I."""
    law = ensembles.ratio_surmise(beta)
    assert law.moment(0) == pytest.approx(1, abs=1e-12)
    assert law.mean() == pytest.approx(mean, abs=5e-6)
    assert law.cdf(law.ppf(0.3)) == pytest.approx(0.3, abs=1e-12)


@pytest.mark.parametrize("beta", [0.5, 1, 2.5])
def test_surmises_are_exact_for_the_smallest_matrices(beta):
    three = ensembles.hermite(3, beta).spectra(3000, 4)
    ratios = np.array([ensembles.spacing_ratio(s)[0] for s in three])
    assert stats.kstest(ratios, ensembles.ratio_surmise(beta).cdf).pvalue > ALARM
    assert stats.kstest(ratios, ensembles.ratio_surmise(0).cdf).pvalue < ALARM
    gaps = np.diff(ensembles.hermite(2, beta).spectra(3000, 5))[:, 0]
    unit = np.sqrt((gaps**2).mean() / ensembles.spacing_surmise(beta).moment(2))
    assert stats.kstest(gaps / unit, ensembles.spacing_surmise(beta).cdf).pvalue > ALARM
    assert stats.kstest(gaps / unit, ensembles.spacing_surmise(beta + 1.5).cdf).pvalue < ALARM


def test_surmises_of_higher_order():
    """Order 2 at β = 1 is order 1 at β = 4; independent levels have Gamma spacings and beta ratios."""
    s = np.array([0.2, 0.9, 1.7])
    assert 2 * ensembles.spacing_surmise(1, 2).pdf(2 * s) == pytest.approx(ensembles.spacing_surmise(4).pdf(s))
    r = np.array([0.1, 0.6, 1.0])
    assert ensembles.ratio_surmise(1, 2).pdf(r) == pytest.approx(ensembles.ratio_surmise(4).pdf(r))
    assert ensembles.spacing_surmise(0, 3).cdf(s) == pytest.approx(stats.gamma(3).cdf(s))
    assert ensembles.ratio_surmise(0, 3).cdf(r) == pytest.approx(2 * stats.betaprime(3, 3).cdf(r), abs=1e-13)
    for beta, order in ((0, 2), (0.3, 1), (2, 3)):
        law = ensembles.spacing_surmise(beta, order)
        assert law.mean() == pytest.approx(order)
        assert law.expect(lambda x: x**2) == pytest.approx(law.moment(2), rel=1e-9)
        assert law.cdf(law.ppf(0.3)) == pytest.approx(0.3)


def circle_ratio(size, beta, count=12):
    """Return the mean ratio of `size` eigenvalues on a circle, by Gauss–Jacobi rules for its gaps."""
    ends = [(3 * beta + 1, beta * (size - 2) * (size - 1) / 2 + size - 3), (beta, 0)]
    ends += [(beta, beta * m * (m + 1) / 2 + m - 1) for m in range(size - 3, 0, -1)]
    rules = [special.roots_jacobi(count, last, first) for first, last in ends]
    x = np.meshgrid(*((1 + place) / 2 for place, _ in rules), indexing="ij", sparse=True)
    weight = 1.0
    for (first, last), place, (_, w), k in zip(ends, x, rules, range(size - 1), strict=True):
        weight = weight * (w / w.sum()).reshape([-1 if j == k else 1 for j in range(size - 1)])
        weight = weight * place**-first * (1 - place) ** -last
    t, r = 2 * np.pi * x[0], x[1]
    angles, left = [0.0, r * t / (1 + r), t], 2 * np.pi - t
    weight = weight * x[0] / (1 + r) ** 2
    for place in x[2:]:
        angles.append(angles[-1] + left * place)
        weight, left = weight * left, left * (1 - place)
    for a in range(size):
        for b in range(a):
            weight = weight * np.abs(2 * np.sin((angles[a] - angles[b]) / 2)) ** beta
    return float((weight * r).sum() / weight.sum())


@pytest.mark.parametrize("beta", [0.3, 0.85, 1, 1.6, 2, 2.8, 4, 5.5])
def test_mean_ratio_of_large_matrices(beta):
    """Integrals of 4, 5 and 6 eigenvalues on a circle, of which the terms N⁻⁴ and N⁻⁶ are taken off."""
    sizes = np.array([4.0, 5.0, 6.0])
    means = [circle_ratio(int(n), beta) for n in sizes]
    limit = np.linalg.solve(np.stack([sizes**0, sizes**-4, sizes**-6], axis=1), means)[0]
    assert abs(ensembles.mean_ratio(beta) - limit) < 2e-5
    assert abs(ensembles.mean_ratio(1.001 * beta) - limit) > 2e-5


def test_mean_ratio_is_the_published_one():
    """Nishigaki (2024) at β = 2, Atas et al. (2013, table I, four digits of simulations) at 1 and 4; the limits."""
    assert ensembles.mean_ratio(2) == pytest.approx(0.5997504209, abs=3e-6)
    assert [round(ensembles.mean_ratio(b), 4) for b in (1, 4)] == [0.5307, 0.6744]
    assert ensembles.mean_ratio(0) == 2 * np.log(2) - 1
    assert ensembles.mean_ratio(1e-9) == pytest.approx(ensembles.mean_ratio(0), abs=2e-5)
    curve = [ensembles.mean_ratio(b) for b in (0, 1e-3, 0.1, 0.5, 1, 1.5, 2, 3, 4, 6, 10, 30, 100, 1e3, 1e4)]
    assert (np.diff(curve) > 0).all()


def test_levels_of_a_strong_repulsion_are_a_crystal():
    """Second differences of 400 angles, by the curvature of −β ln|2 sin|, against the surmise's variance 4/(3β)."""
    n = 400
    half = np.pi * (np.arange(n)[:, None] - np.arange(n)) / n
    curvature = -1 / (4 * np.sin(half + np.eye(n)) ** 2) * (1 - np.eye(n))
    curvature -= np.diag(curvature.sum(axis=1))
    step = np.zeros(n)
    step[:3] = (1, -2, 1)
    variance = step @ np.linalg.pinv(curvature) @ step * (n / (2 * np.pi)) ** 2
    above = (ensembles.ratio_surmise(1e4).mean() - ensembles.mean_ratio(1e4)) * 100
    assert above == pytest.approx(np.sqrt(2 / np.pi) * (np.sqrt(variance) - np.sqrt(4 / 3)), rel=0.05)


def test_intervals_of_beta_hold_it_as_often_as_they_say():
    """Twenty fits of ten spectra: fewer hits than a binomial of .95 has with probability 1e-6 are an alarm."""
    rng = np.random.default_rng(6)
    for beta in (1.0, 2.5):
        fits = [ensembles.fit_beta(ensembles.hermite(60, beta).spectra(10, rng)) for _ in range(20)]
        hits = sum(low <= beta <= high for low, high in (f.interval for f in fits))
        assert stats.binom.cdf(hits, 20, 0.95) > ALARM
        missed = sum(low <= 2 * beta <= high for low, high in (f.interval for f in fits))
        assert stats.binom.cdf(missed, 20, 0.95) < ALARM
    alone = ensembles.fit_beta(ensembles.goe(400).eigenvalues(random_state=1), level=0.999)
    assert alone.interval[0] < 1 < alone.interval[1] < 4
    assert ensembles.fit_beta(np.random.default_rng(0).random((30, 300))).interval[0] == 0


def test_bad_input_is_refused():
    for call in (
        lambda: ensembles.spacing_ratio([1.0, 2.0]),
        lambda: ensembles.spacing_ratio([1.0, 2.0, np.nan]),
        lambda: ensembles.spacing_ratio(np.arange(4.0), order=2),
        lambda: ensembles.spacing_ratio(np.eye(4)),  # a matrix, whose eigenvalues are meant
        lambda: ensembles.spacings(np.arange(4.0) * 1j),
        lambda: ensembles.ratio_test([[1.0, 2.0, 3.0]], 1),
        lambda: ensembles.fit_beta("spectrum"),
        lambda: ensembles.fit_beta(np.random.default_rng(0).random((3, 9)), level=1.0),
        lambda: ensembles.ratio_surmise(-1),
        lambda: ensembles.spacing_surmise(1, 0),
        lambda: ensembles.mean_ratio(np.nan),
    ):
        with pytest.raises(InputError):
            call()
