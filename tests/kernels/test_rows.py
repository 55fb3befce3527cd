"""Products of rows in tiles: what NumPy gives, at sizes around those of the tiles."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgtheory.kernels import rows

SIZES = st.integers(1, 19)


@numba.njit
def products(out, a, b):
    rows.products(out, a, b)


@numba.njit
def gram(out, a):
    rows.gram(out, a)


@numba.njit
def combine(out, c, sign, b, triangular):
    rows.combine(out, c, sign, b, triangular)


@numba.njit
def factors(a, inverse, again, share=0.0):
    count, least = rows.cholesky(a, a.shape[0], share)
    if count == a.shape[0]:
        rows.invert_lower(inverse, a, a.shape[0])
        rows.times_lower(again, a, inverse, a.shape[0])
    return count, least


@pytest.mark.slow
@given(SIZES, SIZES, st.sampled_from([1, 7, 511, 512, 1030]), st.integers(0, 99))
def test_products_and_combinations(n, m, length, seed):
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(n, length)), rng.normal(size=(m, length)), rng.normal(size=(n, m))
    out = np.full((n, m), np.nan)
    products(out, a, b)
    np.testing.assert_allclose(out, a @ b.T, atol=1e-12 * length)
    square = np.full((n + 1, n + 1), np.nan)  # tables may be larger than what is asked for
    gram(square, a)
    np.testing.assert_allclose(square[:n, :n], a @ a.T, atol=1e-12 * length)
    sums = a.copy()
    combine(sums, c, -1.0, b, False)
    np.testing.assert_allclose(sums, a - c @ b, atol=1e-12 * length)
    lower, sums = np.tril(rng.normal(size=(n, n))), np.zeros_like(a)
    combine(sums, lower, 1.0, a, True)
    np.testing.assert_allclose(sums, lower @ a, atol=1e-12 * length)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_factors(n):
    x = np.random.default_rng(n).normal(size=(n, 30))
    a, inverse, again = x @ x.T, np.full((n, n), np.nan), np.full((n, n), np.nan)
    wanted = np.linalg.cholesky(a)
    count, least = factors(a, inverse, again)
    assert count == n
    np.testing.assert_allclose(a, wanted, atol=1e-12)
    np.testing.assert_allclose(least, np.min(np.diag(wanted) ** 2 / np.einsum("ij,ij->i", x, x)))
    np.testing.assert_allclose(np.tril(again), np.eye(n), atol=1e-10)
    assert factors(np.zeros((n, n)), inverse, again)[0] == 0


def test_a_factor_ends_before_a_row_that_is_a_combination():
    x = np.random.default_rng(0).normal(size=(4, 30))
    x[2] = x[0] - 2 * x[1]
    gram = x @ x.T
    count, least = factors(gram, np.empty((4, 4)), np.empty((4, 4)), 1e-14)
    assert count == 2
    assert least > 0.1
    np.testing.assert_allclose(np.tril(gram)[:2, :2], np.linalg.cholesky(x[:2] @ x[:2].T))
