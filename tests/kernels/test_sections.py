"""Places of sign changes and maxima against SciPy's solvers and closed forms."""

import numpy as np
import pytest
from scipy.optimize import brentq

from vgtheory.kernels.quadrature import log_sum
from vgtheory.kernels.sections import crossings, peaks


@pytest.mark.parametrize("points", [2, 32, 512])
def test_crossings_are_those_of_brent(points):
    def f(x):
        return np.cos(x) - x / 10

    a, b = np.array([0.0, 5.0, 6.9]), np.array([3.0, 6.0, 8.0])
    found = crossings(f, a, b, points)
    expected = [brentq(f, *ends, xtol=1e-15) for ends in zip(a, b, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=4e-16)


def test_many_intervals_are_divided_less_and_as_exactly():
    k = np.arange(1000)
    np.testing.assert_allclose(
        crossings(np.sin, np.pi * k - 1.0, np.pi * k + 1.3, 64), np.pi * k, rtol=3e-16, atol=1e-17
    )


@pytest.mark.parametrize("points", [32, 512])
def test_peaks_are_maxima_or_minima(points):
    found = peaks(np.cos, np.array([-1.0, 2.0]), np.array([1.5, 4.0]), np.array([1.0, -1.0]), points)
    np.testing.assert_allclose(found, [0.0, np.pi], atol=3e-8)


def test_sums_of_exponentials_beyond_doubles():
    logs, weights = np.array([1000.0, 1001.0, -2000.0]), np.array([1.0, 2.0, 3.0])
    assert log_sum(logs, weights) == pytest.approx(1000 + np.log(1 + 2 * np.e), rel=1e-15)
    assert log_sum(np.empty(0)) == -np.inf
    assert log_sum(np.array([-np.inf, -np.inf])) == -np.inf
    assert log_sum(np.array([0.0, np.inf])) == np.inf
