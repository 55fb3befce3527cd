"""The random numbers are Philox's, and look like independent normals and uniforms from every side that is used."""

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from vgtheory.kernels._jit import elementwise
from vgtheory.kernels.normals import box_muller, fill, fill_normal_pairs, fill_uniform_pairs, log_unit, philox

# A battery passes if every one of its p-values exceeds 1e-6 over their number: false alarm below 1e-6, seeds fixed.
FALSE_ALARM = 1e-6
SIZE = 400_000
PURPOSE = 2


@elementwise
def fill_words(out, key, sample, layer, purpose, start):
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1] = philox(i + start, layer, sample, purpose, key)


def words(counter, key, count=1):
    out = np.empty((count, 2), np.uint64)
    element, layer, sample, purpose = counter
    fill_words(out, np.uint64(key), sample, layer, purpose, element)
    return out


def pairs(key=11, sample=3, layer=5, purpose=PURPOSE, start=0, size=SIZE):
    a, b = np.empty(size), np.empty(size)
    fill_normal_pairs(a, b, np.uint64(key), sample, layer, purpose, start)
    return a, b


# Random123 1.14, tests/kat_vectors, lines "philox4x32 10".
@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), 0, (0x6627E8D5E169C58D, 0xBC57AC4C9B00DBD8)),
        ((2**32 - 1,) * 4, 2**64 - 1, (0x408F276D41C83B0E, 0xA20BC7C66D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0A4093822,
            (0xD16CFE0994FDCCEB, 0x5001E42024126EA1),
        ),
    ],
)
def test_words_are_those_of_the_published_vectors(counter, key, expected):
    assert tuple(int(w) for w in words(counter, key)[0]) == expected


HALF = 2**32
PRODUCTS = 0x9E3779B9, 0xBB67AE85  # of the lower half, behind the upper one, and of the upper half, behind the lower


def leads(word):
    """Return the 64 bits that lead the radius, and those that lead the direction."""
    upper, lower = word // HALF, word % HALF
    return upper * HALF + lower * PRODUCTS[0] % HALF, (lower * HALF + upper * PRODUCTS[1]) % 2**64


def word_of(radius, direction):
    """Return the word whose radius and direction are led by these 32 bits."""
    return radius * HALF + (direction - radius * PRODUCTS[1] // HALF) % HALF


def errors_of_box_muller(word, turn=0.0):
    """Errors of the two normals over 2^-53 times their radius, `turn` added to the angle."""
    z = box_muller(np.uint64(word))
    outward, turned = leads(word)
    with mpmath.workdps(40):
        radius = mpmath.sqrt(-2 * mpmath.log(1 - mpmath.mpf(outward >> 12) / 2**52))
        eighths = mpmath.mpf((turned % 2**61) >> 9) / 2**52 + turn
        unsigned = mpmath.cospi(eighths / 4), mpmath.sinpi(eighths / 4)
        cosine, sine = unsigned[:: -1 if turned >> 61 & 1 else 1]
        true = radius * cosine * (-1) ** (turned >> 63), radius * sine * (-1) ** (turned >> 62 & 1)
        return [float(abs(a - b) / radius * 2**53) if radius else abs(a) for a, b in zip(z, true, strict=True)]


# Every octant of the circle and its ends; the largest, the smallest and middling radii.
EDGES = [(k * 2**29 + d) % HALF for k in range(8) for d in (-1, 0, 1, 2**28)]
ROOT = int((1 - 0.5**0.5) * HALF)  # u = √½
RADII = [0, 1, 2**16, 2**31 - 1, 2**31, HALF - 2, HALF - 1, ROOT, ROOT + 1]


def test_normals_are_what_their_words_say():
    rng = np.random.default_rng(3)
    words = [word_of(r, d) for r in RADII for d in EDGES] + [0, 2**64 - 1]
    words += [int(w) for w in rng.integers(0, 2**64, 1000, dtype=np.uint64)]
    words += [(2**64 - 1) ^ (int(w) >> int(k)) for w, k in zip(words[-1000:], rng.integers(0, 50, 1000), strict=True)]
    assert np.max([errors_of_box_muller(word) for word in words]) < 5
    # The check notices an angle wrong by the last bits that count.
    assert max(errors_of_box_muller(word_of(2**31, d), turn=2.0**-49)[0] for d in EDGES) > 5


def test_words_lead_every_pair_of_radius_and_direction_once():
    rng = np.random.default_rng(5)
    for radius, direction in rng.integers(0, HALF, (1000, 2)).tolist():
        outward, turned = leads(word_of(radius, direction))
        assert (outward >> 32, turned >> 32) == (radius, direction)


def places(words):
    """Return (1 - u, t): what the radius says, and how far the angle is in its eighth, as numbers of [0, 1)."""
    z = np.array([box_muller(word) for word in words])
    least, most = np.sort(np.abs(z), axis=1).T
    return -np.expm1(-0.5 * np.sum(z**2, axis=1)), np.arctan2(least, most) * (4 / np.pi)


def p_value_of_a_square(x, y, cells=16):
    """The p-value of points against the uniform law on the unit square."""
    return stats.chisquare(np.histogram2d(x, y, cells, [[0, 1], [0, 1]])[0].ravel()).pvalue


# Further digits of radii, in the tail and near 0, with any direction; of angles next to 0, with any radius.
TAILS = (HALF - 1, HALF - 2, HALF - 12345, 0, 1, 12345)


def test_digits_of_radii_beyond_the_leading_ones_are_independent_of_the_direction():
    lower = np.random.default_rng(6).integers(0, HALF, 40_000, dtype=np.uint64)
    p_values = {}
    for radius in TAILS:
        outward, turned = places(np.uint64(radius * HALF) | lower)
        p_values[radius] = p_value_of_a_square(np.clip(outward * HALF - radius, 0, 1), turned)  # 1 - u is rounded
    assert_passes(p_values)


@pytest.mark.parametrize("mixed", [True, False])
def test_digits_of_angles_beyond_the_leading_ones_are_independent_of_the_radius(mixed):
    upper = np.random.default_rng(7).integers(0, HALF, 40_000).tolist()
    p_values = {}
    for direction in (0, 1, 12345):
        turned = [leads(word_of(r, direction))[1] if mixed else direction * HALF + r for r in upper]
        digits = np.array([place % HALF for place in turned]) / HALF
        p_values[direction] = p_value_of_a_square(np.array(upper) / HALF, digits)
        if mixed:
            _, t = places(np.array([word_of(r, direction) for r in upper], np.uint64))
            np.testing.assert_allclose(t, np.array(turned) // 2**9 / 2.0**52, rtol=0, atol=1e-15)
    assert (min(p_values.values()) > FALSE_ALARM / len(p_values)) == mixed


def test_logarithms_are_accurate_to_two_ulp():
    rng = np.random.default_rng(4)
    points = np.concatenate([rng.random(1000), 2.0 ** -rng.uniform(0, 53, 1000), 1 - 2.0 ** -rng.uniform(1, 53, 1000)])
    points = np.concatenate([points[points >= 2.0**-53], [2.0**-53, 0.5, np.sqrt(0.5), np.nextafter(1, 0), 1.0]])
    for u in points:
        true = mpmath.log(u)
        assert abs(log_unit(u) - true) <= 2 * np.spacing(float(abs(true))) if true else log_unit(u) == 0


def p_values_of_normals(z):
    """p-values of one sample against N(0, 1)."""
    n = len(z)
    tail = stats.norm.sf(4.0) * 2
    return {
        "mean": 2 * stats.norm.sf(abs(z.mean()) * np.sqrt(n)),
        "variance": 2 * stats.norm.sf(abs(np.mean(z**2) - 1) * np.sqrt(n / 2)),
        "third moment": 2 * stats.norm.sf(abs(np.mean(z**3)) * np.sqrt(n / 15)),
        "fourth moment": 2 * stats.norm.sf(abs(np.mean(z**4) - 3) * np.sqrt(n / 96)),
        "Kolmogorov-Smirnov": stats.kstest(z, "norm").pvalue,
        "beyond 4 sigma": stats.binomtest(int(np.sum(np.abs(z) > 4)), n, tail).pvalue,
    }


def p_values_of_independence(a, b):
    """p-values of the correlations of two samples and of their squares (cosine and sine share a radius)."""
    r = np.sqrt(len(a))
    return {
        "correlation": 2 * stats.norm.sf(abs(np.mean(a * b)) * r),
        "correlation of squares": 2 * stats.norm.sf(abs(np.mean((a**2 - 1) * (b**2 - 1))) * r / 2),
        "correlation with square": 2 * stats.norm.sf(abs(np.mean(a * (b**2 - 1))) * r / np.sqrt(2)),
    }


def assert_passes(p_values):
    limit = FALSE_ALARM / len(p_values)
    failed = {name: p for name, p in p_values.items() if p < limit}
    assert not failed


def test_normals_are_normal():
    a, b = pairs()
    assert_passes({(lane, k): p for lane, z in (("a", a), ("b", b)) for k, p in p_values_of_normals(z).items()})


@pytest.mark.parametrize("wrong", [1.01, 1.0])
def test_the_battery_notices_a_scale_wrong_by_one_percent(wrong):
    a, _ = pairs(size=4 * SIZE)
    noticed = min(p_values_of_normals(wrong * a).values()) < FALSE_ALARM / 6
    assert noticed == (wrong != 1.0)


def test_normals_of_neighbouring_counters_are_independent():
    a, b = pairs()
    neighbours = {
        "other lane": b,
        "the other pair of a counter": np.roll(a, SIZE // 2),
        "the other pair of a counter, other lane": np.roll(b, SIZE // 2),
        "next element": pairs(start=1)[0],
        "next layer": pairs(layer=6)[0],
        "next sample": pairs(sample=4)[0],
        "next purpose": pairs(purpose=PURPOSE + 1)[0],
        "next seed": pairs(key=12)[0],
        "seed 2^32 on": pairs(key=11 + 2**32)[0],
        "layer and sample exchanged": pairs(sample=5, layer=3)[0],
    }
    assert_passes({(n, k): p for n, other in neighbours.items() for k, p in p_values_of_independence(a, other).items()})


def test_the_battery_notices_one_percent_of_correlation():
    a, b = pairs(size=4 * SIZE)
    assert min(p_values_of_independence(a, b + 0.01 * a).values()) < FALSE_ALARM / 3


def p_values_of_bits(raw):
    bits = np.unpackbits(raw.view(np.uint8).reshape(len(raw), 16), axis=1)
    n = len(raw)
    once = (bits.sum(axis=0) - n / 2) / np.sqrt(n / 4)
    flips = ((bits[1:] ^ bits[:-1]).sum(axis=0) - (n - 1) / 2) / np.sqrt((n - 1) / 4)
    bytes_seen = np.bincount(raw.view(np.uint8).ravel(), minlength=256)
    return {
        "frequency of every bit": stats.chi2.sf(np.sum(once**2), 128),
        "flips from counter to counter": stats.chi2.sf(np.sum(flips**2), 128),
        "bytes": stats.chisquare(bytes_seen).pvalue,
    }


def test_bits_are_fair():
    raw = words((0, 1, 2, 3), 99, 200_000)
    assert_passes(p_values_of_bits(raw))
    biased = raw.copy()
    biased[::20, 0] |= np.uint64(1 << 40)
    assert min(p_values_of_bits(biased).values()) < FALSE_ALARM / 3


@pytest.mark.slow
def test_uniforms_are_uniform_with_53_bits():
    u = np.empty(SIZE)
    fill(fill_uniform_pairs, u, np.uint64(5), 1, 2, 3, 0)
    assert (u >= 0).all()
    assert (u < 1).all()
    steps = u * 2.0**53
    assert_array_equal(steps, np.floor(steps))
    assert (steps % 2 == 1).any()
    assert stats.kstest(u, "uniform").pvalue > FALSE_ALARM


@pytest.mark.parametrize("size", [1, 2, 7, 8, 31, 64, 100, 101])
def test_words_are_those_of_the_counters_from_the_start_on(size):
    raw = words((101, 5, 3, PURPOSE), 11, (size + 1) // 2)
    order = np.concatenate([raw[:, 0], raw[: size // 2, 1]])
    # Loops end in scalar code whose products fuse differently: an ulp or so, and always the same for the same block.
    np.testing.assert_allclose(pairs(start=101, size=size), np.transpose([box_muller(w) for w in order]), rtol=1e-13)
    assert_array_equal(pairs(start=101, size=size), pairs(start=101, size=size))


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_fill_takes_both_numbers_of_a_pair_and_no_number_twice(size):
    z = np.empty(size)
    fill(fill_normal_pairs, z, np.uint64(11), 3, 5, PURPOSE, 0)
    assert len(set(z.tolist())) == size
    a, b = pairs(size=size // 2)
    assert_array_equal(z[: size // 2 * 2], np.concatenate([a, b]))
