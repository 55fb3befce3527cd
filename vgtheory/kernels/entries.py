"""Rows of random matrices with independent entries of mean 0 and variance 1, each row made from its counters alone.

One signature for all distributions, so that a kernel takes one as an argument: (row, parameters, key, sample, layer,
purpose), with a purpose of its own for every row.
"""

import math

import numpy as np
from numba import float64, int64, types, uint64, void

from vgtheory.kernels._intrinsics import prefer_wide_vectors
from vgtheory.kernels._jit import ELEMENTWISE_FLAGS, compiled, piece
from vgtheory.kernels.elementary import from_bits
from vgtheory.kernels.normals import STEP, box_muller, fill, fill_normal_pairs, log_unit, philox, unit

i64 = np.int64

ENTRIES_SIGNATURE = void(float64[::1], float64[::1], uint64, int64, int64, int64)
ENTRIES = types.FunctionType(ENTRIES_SIGNATURE)
entries = compiled(ENTRIES_SIGNATURE, flags=ELEMENTWISE_FLAGS)

TWO52 = i64(0x4330000000000000)  # bits of 2^52, whose last place is 1
MIDDLE = 2.0**52 + 2.0**31
LOW = i64(0xFFFFFFFF)
UNIFORM_SCALE = math.sqrt(12.0) * 2.0**-32
ONE, SIGN = i64(0x3FF0000000000000), i64(-0x8000000000000000)
LANES = 64
# Further counters of one element, for what is drawn again: widths are at most 10^6 < 2^20.
AGAIN = i64(1 << 20)


@entries
def gaussian_entries(row, parameters, key, sample, layer, purpose):
    """Fill the row with standard normals."""
    fill(fill_normal_pairs, row, key, sample, layer, purpose, 0)


@piece
def _centred(word):
    """Return a word of 32 bits as one of 2^32 equally spaced numbers, symmetric around 0, of variance 1."""
    return ((from_bits(TWO52 | word) - MIDDLE) + 0.5) * UNIFORM_SCALE


@entries
def uniform_entries(row, parameters, key, sample, layer, purpose):
    """Fill the row with uniform numbers, four of each counter."""
    prefer_wide_vectors()
    n = row.size // 4
    a, b, c, d = row[:n], row[n : 2 * n], row[2 * n : 3 * n], row[3 * n : 4 * n]
    for i in range(n):
        first, second = philox(i, layer, sample, purpose, key)
        one, two = i64(first), i64(second)
        a[i] = _centred(one & LOW)
        b[i] = _centred((one >> i64(32)) & LOW)
        c[i] = _centred(two & LOW)
        d[i] = _centred((two >> i64(32)) & LOW)
    for i in range(4 * n, row.size):
        first, _ = philox(i, layer, sample, purpose, key)
        row[i] = _centred(i64(first) & LOW)


@piece
def _signs(out, word):
    """Set out (at most 64 numbers) to ±1 by the bits of the word."""
    for j in range(out.size):
        out[j] = from_bits(ONE | ((word << i64(j)) & SIGN))


@entries
def rademacher_entries(row, parameters, key, sample, layer, purpose):
    """Fill the row with fair signs, 128 of each counter."""
    prefer_wide_vectors()
    for k in range(0, row.size, 2 * LANES):
        first, second = philox(k // (2 * LANES), layer, sample, purpose, key)
        middle, end = min(k + LANES, row.size), min(k + 2 * LANES, row.size)
        _signs(row[k:middle], i64(first))
        _signs(row[middle:end], i64(second))


@entries
def truncated_entries(row, parameters, key, sample, layer, purpose):
    """Fill the row with normals inside ±parameters[0], times parameters[1]; what lies outside is drawn again."""
    cut, scale = parameters[0], parameters[1]
    fill(fill_normal_pairs, row, key, sample, layer, purpose, 0)
    for i in range(row.size):
        z = row[i]
        element = i64(i)
        while abs(z) > cut:
            element += AGAIN
            word, _ = philox(element, layer, sample, purpose, key)
            z, other = box_muller(word)
            z = z if abs(z) <= cut else other
        row[i] = scale * z


@piece
def _gaps(u, v, inverse, key, sample, layer, purpose, start):
    """Fill u and v with distances to the next place, geometric from 1 on; inverse is 1/ln(1 − density)."""
    for i in range(u.size):
        first, second = philox(i + start, layer, sample, purpose, key)
        u[i] = 1.0 + math.floor(log_unit(unit(first) + STEP) * inverse)
        v[i] = 1.0 + math.floor(log_unit(unit(second) + STEP) * inverse)


@entries
def sparse_entries(row, parameters, key, sample, layer, purpose):
    """Fill the row with normals times parameters[1] at random places of density parameters[0], and zeros elsewhere.

    Gaps between the places are geometric: the work grows with the number of places.
    """
    density, scale = parameters[0], parameters[1]
    inverse = 1.0 / math.log1p(-density)  # of density 1: -0, every gap is 1
    expected = density * row.size
    count = int(0.5 * (expected + 3.0 * math.sqrt(expected))) + 4  # pairs; mostly enough for the row
    a, b, u, v = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
    row[:] = 0.0
    place, start = -1.0, i64(0)
    while True:
        fill_normal_pairs(a, b, key, sample, layer, purpose, start)
        _gaps(u, v, inverse, key, sample, layer, purpose, start + AGAIN)
        for i in range(count):
            place += u[i]
            if place >= row.size:
                return
            row[int(place)] = scale * a[i]
            place += v[i]
            if place >= row.size:
                return
            row[int(place)] = scale * b[i]
        start += count
