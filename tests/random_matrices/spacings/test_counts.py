"""Number variance, Δ₃ and the form factor: by hand, by brute force, and of Haar unitary matrices, known at any size."""

import numpy as np
import pytest
from scipy.integrate import quad

from vgtheory import ensembles
from vgtheory._errors import InputError
from vgtheory.kernels.levels import line_distance

SIZE, DRAWS = 12, 300


@pytest.fixture(scope="module")
def circles():
    """Unfolded angles of unitary and orthogonal circular matrices, period 12."""
    return {
        beta: np.array([ensembles.circular_beta(SIZE, beta).angles(k) for k in range(DRAWS)]) * SIZE / (2 * np.pi)
        for beta in (1, 2)
    }


def _is_seen(statistic, rows, exact):
    """Return the deviation of the mean over spectra in standard errors; alarms at 5 are 6e-7."""
    values = np.array([statistic(row) for row in rows])
    return abs(values.mean() - exact) * np.sqrt(len(values)) / values.std(ddof=1)


def _unitary_variance(length):
    def cluster(r):
        return (np.sin(np.pi * r) / (SIZE * np.sin(np.pi * r / SIZE))) ** 2 if r else 1.0

    return length - 2 * quad(lambda r: (length - r) * cluster(r), 0, length)[0]


def test_counts_of_equally_spaced_levels():
    levels = np.arange(30) + 0.5
    share = np.array([0.25, 0.5, 1.0, 2.3])
    assert ensembles.number_variance(levels, share, period=30) == pytest.approx((share % 1) * (1 - share % 1))
    assert ensembles.delta3(np.arange(400.0), 25.0) == pytest.approx(1 / 12, abs=1e-3)
    assert ensembles.form_factor(levels, [0.0, 1 / 30, 1.0]) == pytest.approx([30, 0, 30], abs=1e-12)


def test_counts_by_brute_force():
    rng = np.random.default_rng(0)
    levels = np.sort(rng.random(40)) * 40
    start = np.linspace(levels[0], levels[-1] - 3.7, 400_001)
    count = np.searchsorted(levels, start + 3.7) - np.searchsorted(levels, start)
    assert ensembles.number_variance(levels, 3.7) == pytest.approx(((count - 3.7) ** 2).mean(), rel=1e-3)
    x = levels[5] + 0.1 + np.linspace(0, 12, 400_001)
    stairs = np.searchsorted(levels, x)
    rest = stairs - np.polyval(np.polyfit(x, stairs, 1), x)
    assert line_distance(levels, x[0], x[0], 12.0, 1) == pytest.approx((rest**2).mean(), rel=1e-4)


def test_counts_of_unitary_matrices_are_the_known_ones(circles):
    def variance(row):
        return ensembles.number_variance(row, 2.5, period=SIZE)

    def distance(row):
        return ensembles.delta3(row, 5.0, period=SIZE)

    exact = _unitary_variance(2.5)
    third = quad(lambda r: 2 / 5**4 * (125 - 50 * r + r**3) * _unitary_variance(r), 0, 5)[0]
    for statistic, value in ((variance, exact), (distance, third)):
        assert _is_seen(statistic, circles[2], value) < 5
        assert _is_seen(statistic, circles[1], value) > 5


def test_form_factor_of_unitary_matrices(circles):
    """E|tr Uⁿ|² = min(n, N) (Diaconis & Shahshahani 1994)."""
    for n in (1, 2, SIZE, 20):

        def power(row, n=n):
            return ensembles.form_factor(row, n / SIZE)

        assert _is_seen(power, circles[2], min(n, SIZE) / SIZE) < 5
    assert _is_seen(lambda row: ensembles.form_factor(row, 2 / SIZE), circles[1], 2 / SIZE) > 5


def test_the_connected_part_of_independent_levels():
    """E|S|² − |ES|² = N(1 − |φ|²), φ = 2/π at τ = 1/(2N); the standard error of the mean is about .6/√4000."""
    rows, n = np.random.default_rng(1).random((4000, 32)) * 32, 32
    found = ensembles.form_factor(rows, 0.5 / n, connected=True)
    assert found == pytest.approx(1 - 4 / np.pi**2, abs=0.05)
    assert ensembles.form_factor(rows, 0.5 / n) == pytest.approx(1 + 31 * 4 / np.pi**2, rel=0.05)


def test_bad_input_is_refused():
    levels = np.arange(20.0)
    for call in (
        lambda: ensembles.number_variance(levels / 7, 1.0),
        lambda: ensembles.number_variance(levels, 0.0),
        lambda: ensembles.number_variance(levels, 19.0),
        lambda: ensembles.number_variance([1.0, np.nan] * 10, 1.0),
        lambda: ensembles.delta3(levels, [1.0, -1.0]),
        lambda: ensembles.delta3(levels * 1j, 1.0),
        lambda: ensembles.form_factor(levels, 0.5, connected=True),
        lambda: ensembles.form_factor("levels", 0.5),
        lambda: ensembles.bulk(3),
        lambda: ensembles.bulk(1).delta3(-1.0),
    ):
        with pytest.raises(InputError):
            call()
