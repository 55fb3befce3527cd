"""χ² variates one by one have their law on both sides of the number of freedoms up to which squares are summed."""

import numpy as np
import pytest
from scipy import stats

from vgtheory.kernels._jit import entry
from vgtheory.kernels.chi_square import FEW, chi_square


@entry(None)
def filled(out, freedom, key):
    for i in range(out.size):
        out[i] = chi_square(freedom, key, i, 3, np.int64(5))


def variates(freedom, count):
    out = np.empty(count)
    filled(out, freedom, np.uint64(7))
    return out


@pytest.mark.parametrize("freedom", [1, 2, 3, FEW, FEW + 1, 30, 511, 4095])
def test_their_law_is_that_of_sums_of_squares(freedom):
    found = variates(freedom, 100_000)
    assert stats.kstest(found, stats.chi2(freedom).cdf).pvalue > 1e-8
    assert stats.kstest(found * (1 + 0.2 / freedom**0.5), stats.chi2(freedom).cdf).pvalue < 1e-8


@pytest.mark.parametrize("freedom", [0, -3])
def test_without_freedom_they_are_0(freedom):
    assert (variates(freedom, 3) == 0).all()
