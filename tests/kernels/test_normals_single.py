"""Normals of 32-bit words: what their words say, and independent standard normals from every side that is used."""

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.kernels.test_normals import (
    FALSE_ALARM,
    PURPOSE,
    SIZE,
    assert_passes,
    p_values_of_independence,
    p_values_of_normals,
    words,
)
from vgtheory.kernels.normals import fill
from vgtheory.kernels.normals_single import box_muller, fill_single_normal_pairs


def pairs(key=11, sample=3, layer=5, purpose=PURPOSE, start=0, size=SIZE):
    a, b = np.empty(size, np.float32), np.empty(size, np.float32)
    fill_single_normal_pairs(a, b, np.uint64(key), sample, layer, purpose, start)
    return a, b


def doubles(**options):
    return [z.astype(np.float64) for z in pairs(**options)]


def errors_of_box_muller(first, second, turn=0.0):
    """Errors of the two normals over 2^-24, `turn` added to the angle's word; the words have 32 bits."""
    z = box_muller(np.uint32(first), np.uint32(second))
    with mpmath.workdps(30):
        radius = mpmath.sqrt(-2 * mpmath.log((mpmath.mpf(first >> 1) + 0.5) / 2**31))
        angle = 2 * mpmath.pi * (mpmath.mpf(second) + turn) / 2**32
        true = radius * mpmath.cos(angle), radius * mpmath.sin(angle)
        return [float(abs(mpmath.mpf(float(a)) - b) * 2**24) for a, b in zip(z, true, strict=True)]


# Every octant of the circle and its ends; the largest, the smallest and middling radii.
EDGES = [(k * 2**29 + d) % 2**32 for k in range(8) for d in (0, 1, 2**29 - 4, -64)]
RADII = [0, 2, 3, 2**20, 2**31, 2**31 + 2**30, 3037000499, 3037000500]  # the last two: u = √½


def test_normals_are_what_their_words_say():
    rng = np.random.default_rng(3)
    firsts = [int(w) >> int(k) for w, k in zip(rng.integers(0, 2**31, 1000), rng.integers(0, 31, 1000), strict=True)]
    errors = [errors_of_box_muller(f, s) for f in RADII for s in EDGES]
    errors += [errors_of_box_muller(f, int(s)) for f, s in zip(firsts, rng.integers(0, 2**32, 1000), strict=True)]
    assert np.max(errors) < 25  # of normals up to 6.7
    # The check notices an angle wrong by the last bits of the word that count.
    assert max(errors_of_box_muller(2**24, s, turn=2**9)[0] for s in EDGES) > 25


def test_small_radii_are_right_to_the_rounding_of_their_uniform_number():
    # Near 1 a uniform number is rounded to 2^-24: radii below 0.01 are wrong by up to that over themselves.
    for first in (2**32 - 2**k for k in range(1, 20)):
        radius = np.hypot(*box_muller(np.uint32(first), np.uint32(0)))
        true = np.sqrt(-2 * np.log1p(-((2**32 - first) / 2 - 0.5) / 2**31))
        assert abs(radius**2 - true**2) < 2.0**-23


def test_words_are_those_of_the_counter():
    first, second = (int(w) for w in words((40, 5, 3, PURPOSE), 11)[0])
    half = 2**32
    lower, upper = (
        box_muller(np.uint32(f), np.uint32(s))
        for f, s in ((first % half, second % half), (first // half, second // half))
    )
    a, b = pairs(start=40, size=2)
    np.testing.assert_allclose([a, b], np.transpose([lower, upper]), rtol=1e-6)


def test_normals_are_normal():
    a, b = doubles()
    assert_passes({(lane, k): p for lane, z in (("a", a), ("b", b)) for k, p in p_values_of_normals(z).items()})


@pytest.mark.parametrize("wrong", [1.01, 1.0])
def test_the_battery_notices_a_scale_wrong_by_one_percent(wrong):
    a, _ = doubles(size=4 * SIZE)
    noticed = min(p_values_of_normals(wrong * a).values()) < FALSE_ALARM / 6
    assert noticed == (wrong != 1.0)


def test_normals_of_neighbouring_counters_and_of_one_are_independent():
    a, b = doubles()
    neighbours = {
        "other lane": (a, b),
        "the same counter": (a[::2], a[1::2]),
        "the same counter, other lane": (a[::2], b[1::2]),
        "next element": (a, doubles(start=1)[0]),
        "next layer": (a, doubles(layer=6)[0]),
        "next sample": (a, doubles(sample=4)[0]),
        "next purpose": (a, doubles(purpose=PURPOSE + 1)[0]),
        "next seed": (a, doubles(key=12)[0]),
        "seed 2^32 on": (a, doubles(key=11 + 2**32)[0]),
    }
    assert_passes({(n, k): p for n, two in neighbours.items() for k, p in p_values_of_independence(*two).items()})


def test_blocks_of_elements_do_not_overlap():
    a, b = pairs(size=2048)
    later, _ = pairs(start=1024, size=1024)
    everything = np.concatenate([a, b, later])
    assert len(np.unique(everything)) > 0.999 * everything.size


@pytest.mark.parametrize("size", [1, 2, 7, 8, 31, 64, 100, 101])
def test_an_element_is_the_same_wherever_a_block_begins(size):
    whole = np.array(pairs(size=512))
    part = np.array(pairs(start=101, size=size))
    np.testing.assert_allclose(part, whole[:, 202 : 202 + size], rtol=1e-5, atol=1e-6)
    assert_array_equal(part, pairs(start=101, size=size))


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
def test_fill_takes_no_number_twice(size):
    z = np.empty(size, np.float32)
    fill(fill_single_normal_pairs, z, np.uint64(11), 3, 5, PURPOSE, 0)
    assert len(set(z.tolist())) == size
    a, b = pairs(size=8)
    np.testing.assert_allclose(z[: size // 2], a[: size // 2], rtol=1e-5)
    np.testing.assert_allclose(z[size // 2 : size // 2 * 2], b[: size // 2], rtol=1e-5)
