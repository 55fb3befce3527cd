"""A statistical battery for the random words and normals that the kernels draw; its record is battery.txt.

``python -m benchmarks.battery [millions of words per stream]``.  Philox4x32-10 passes BigCrush by itself (Salmon et al.
2011); what is tested here is this code, with its counters as the kernels use them: words along elements, layers,
samples, purposes and keys, and row by row of a matrix.  Every p-value is printed; none may be below 1e-4 over their
number, and all together have to look uniform.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import stats

from benchmarks.measure import machine
from vgtheory.kernels.normals import fill_normal_pairs, philox
from vgtheory.kernels.normals_single import fill_single_normal_pairs

Words = NDArray[np.uint64]
BLOCK = 1 << 20  # counters at a time, two words each
KEY = 0x1234567890ABCDEF
OUTER = 1e-4  # chance of a radius beyond 4.29


@njit(nogil=True)
def _words(out, start, axis, key):
    for i in range(out.shape[0]):
        j = start + i
        element, layer, sample, purpose, k = np.int64(5), np.int64(3), np.int64(7), np.int64(32), key
        if axis == 0:
            element = j
        elif axis == 1:
            layer = j
        elif axis == 2:
            sample = j
        elif axis == 3:
            purpose = j
        elif axis == 4:
            k = key + np.uint64(j)
        else:  # rows of matrices with 512 pairs of columns
            element, purpose, layer = j % 512, 32 + (j // 512) % 1024, j // (512 * 1024)
        out[i, 0], out[i, 1] = philox(element, layer, sample, purpose, k)


STREAMS = {name: axis for axis, name in enumerate(("elements", "layers", "samples", "purposes", "keys", "matrix rows"))}


@njit(nogil=True)
def _count(words, bits, octets, pairs, weights, weight_pairs, gaps, leading):
    """Add the words to the counts of single bits, bytes, pairs of bytes, Hamming weights and gaps."""
    before, run = np.int64(0), np.int64(0)
    for i in range(words.size):
        w = words[i]
        weight = 0
        for k in range(64):
            bit = np.int64((w >> np.uint64(k)) & np.uint64(1))
            bits[k] += bit
            weight += bit
        for k in range(8):
            octets[np.int64((w >> np.uint64(8 * k)) & np.uint64(255))] += 1
        if i & 1:
            pairs[np.int64(words[i - 1] & np.uint64(255)), np.int64(w & np.uint64(255))] += 1
            leading[np.int64(words[i - 1] >> np.uint64(56)), np.int64(w >> np.uint64(56))] += 1
            weight_pairs[before, weight] += 1
        weights[weight] += 1
        before = weight
        if (w >> np.uint64(60)) == np.uint64(0):
            gaps[min(run, gaps.size - 1)] += 1
            run = 0
        else:
            run += 1


@njit(nogil=True)
def _ranks(words, counts):
    """Add the ranks over GF(2) of 64 × 64 matrices to the counts of 64, 63 and less."""
    rows = np.empty(64, np.uint64)
    for begin in range(0, words.size - 63, 64):
        rows[:] = words[begin : begin + 64]
        rank = 0
        for column in range(64):
            mask = np.uint64(1) << np.uint64(column)
            pivot = -1
            for r in range(rank, 64):
                if rows[r] & mask:
                    pivot = r
                    break
            if pivot < 0:
                continue
            rows[rank], rows[pivot] = rows[pivot], rows[rank]
            for r in range(rank + 1, 64):
                if rows[r] & mask:
                    rows[r] ^= rows[rank]
            rank += 1
        counts[min(64 - rank, 2)] += 1


@njit(nogil=True)
def _repeated_spacings(words, shift, counts):
    """Add, for groups of 4096 birthdays among 2^32 days, the number of repeated spacings (Marsaglia 1985)."""
    for begin in range(0, words.size - 4095, 4096):
        days = np.sort((words[begin : begin + 4096] >> np.uint64(shift)) & np.uint64(0xFFFFFFFF))
        spacings = np.sort(np.diff(days))
        repeated = 0
        for i in range(spacings.size - 1):
            repeated += spacings[i] == spacings[i + 1]
        counts[min(repeated, counts.size - 1)] += 1


def _chi_square(seen: NDArray, chances: NDArray) -> float:
    """Return the p-value of counts against chances, cells that are expected less than ten times put together."""
    expected = chances * seen.sum()
    order = np.argsort(-expected)
    seen, expected = seen[order].astype(float), expected[order]
    few = expected < 10
    if few.any():
        seen, expected = np.append(seen[~few], seen[few].sum()), np.append(expected[~few], expected[few].sum())
    statistic = float(np.sum((seen - expected) ** 2 / np.maximum(expected, 1e-9)))
    return float(stats.chi2.sf(statistic, len(seen) - 1))


def words_of_a_stream(axis: int, millions: int) -> dict[str, float]:
    """Return the p-values of one stream of so many million 64-bit words."""
    bits, octets, weights = np.zeros(64, np.int64), np.zeros(256, np.int64), np.zeros(65, np.int64)
    pairs, leading = np.zeros((256, 256), np.int64), np.zeros((256, 256), np.int64)
    weight_pairs, gaps, ranks = np.zeros((65, 65), np.int64), np.zeros(200, np.int64), np.zeros(3, np.int64)
    birthdays = {shift: np.zeros(40, np.int64) for shift in (0, 32)}
    sums = np.zeros((3, 9))
    raw = np.empty((BLOCK, 2), np.uint64)
    total = 0
    for start in range(0, millions * 10**6 // 2, BLOCK):
        _words(raw, start, axis, np.uint64(KEY))
        words = raw.ravel()
        _count(words, bits, octets, pairs, weights, weight_pairs, gaps, leading)
        _ranks(words[: 1 << 17], ranks)
        for shift, counts in birthdays.items():
            _repeated_spacings(words[: 1 << 18], shift, counts)
        u = (words >> np.uint64(11)) * 2.0**-53 - 0.5
        for lag in range(1, 9):
            sums[0, lag] += np.sum(u[lag:] * u[:-lag])
            sums[1, lag] += u.size - lag
        total += words.size
    hamming = stats.binom.pmf(np.arange(65), 64, 0.5)
    lags = sums[0, 1:] * 12 / np.sqrt(sums[1, 1:])
    within = np.arange(gaps.size)
    chance = np.where(within < gaps.size - 1, (15 / 16) ** within / 16, (15 / 16) ** within)
    # Of random 64 × 64 matrices over GF(2): Π_{j>r} (1 − 2^−j) and so on (Knuth 3.3.2 J, Marsaglia & Tsay 1985).
    full = float(np.prod(1 - 2.0 ** -np.arange(1, 65)))
    one = full * 2 * (1 - 2.0**-64)
    spaced = stats.poisson.pmf(np.arange(40), 4096**3 / (4 * 2.0**32))
    found = {
        "bits": float(stats.chi2.sf(np.sum((bits - total / 2) ** 2) / (total / 4), 64)),
        "bytes": _chi_square(octets, np.full(256, 1 / 256)),
        "pairs of low bytes": _chi_square(pairs.ravel(), np.full(65536, 1 / 65536)),
        "pairs of high bytes": _chi_square(leading.ravel(), np.full(65536, 1 / 65536)),
        "Hamming weights": _chi_square(weights, hamming),
        "pairs of Hamming weights": _chi_square(weight_pairs.ravel(), np.outer(hamming, hamming).ravel()),
        "gaps": _chi_square(gaps, chance),
        "serial correlation, lags 1-8": float(stats.chi2.sf(np.sum(lags**2), 8)),
        "matrix ranks": _chi_square(ranks, np.array([full, one, 1 - full - one])),
    }
    places = {0: "low", 32: "high"}
    spacings = {f"birthday spacings, {places[s]}": _chi_square(c, spaced) for s, c in birthdays.items()}
    return found | spacings


def normals(millions: int, single: bool = False) -> dict[str, float]:
    """Return the p-values of normals: distribution, moments, tails, and independence inside and across pairs."""
    n, block = 0, 1 << 21
    sums, tails = np.zeros(10), np.zeros(4, np.int64)
    cells = np.zeros(1000, np.int64)
    cuts = stats.norm.ppf(np.arange(1, 1000) / 1000)
    polar, outer = np.zeros(4096, np.int64), np.zeros(16, np.int64)
    worst = 1.0
    for sample in range(millions * 10**6 // (2 * block) + 1):
        pair = np.empty((2, block), np.float32 if single else np.float64)
        fill = fill_single_normal_pairs if single else fill_normal_pairs
        fill(*pair, np.uint64(KEY), sample, 1, 33, 0)
        z = pair.ravel().astype(np.float64)
        a, b = z[:block], z[block:]
        n += z.size
        cells += np.bincount(np.searchsorted(cuts, z), minlength=1000)
        tails += [int(np.sum(np.abs(z) > cut)) for cut in (3, 4, 5, 6)]
        # Two pairs of one counter are neighbours in single precision, half a block apart in double.
        c, d = (a[::2], a[1::2]) if single else (a[: block // 2], a[block // 2 :])
        sums += [
            z.sum(), np.sum(z**2 - 1), np.sum(z**3), np.sum(z**4 - 3), np.sum(a * b), np.sum((a**2 - 1) * (b**2 - 1)),
            np.sum(a[1:] * a[:-1]), np.sum((a[1:] ** 2 - 1) * (a[:-1] ** 2 - 1)), np.sum(c * d),
            np.sum((c**2 - 1) * (d**2 - 1)),
        ]  # fmt: skip
        chance, turn = np.exp(-0.5 * (a**2 + b**2)), np.arctan2(b, a) / (2 * np.pi) % 1
        polar += np.bincount(np.minimum(64 * chance, 63).astype(int) * 64 + (64 * turn).astype(int), minlength=4096)
        outer += np.bincount((16 * turn[chance < OUTER]).astype(int), minlength=16)
        if sample < 4:
            worst = min(worst, float(stats.kstest(z, "norm").pvalue))
    half = n / 2
    variances = np.array([n, 2 * n, 15 * n, 96 * n, half, 4 * half, half, 4 * half, half / 2, 2 * half])
    names = (
        "mean", "variance", "third moment", "fourth moment", "correlation in a pair",
        "correlation of squares in a pair", "correlation of neighbours", "correlation of neighbours' squares",
        "correlation of a counter's pairs", "correlation of their squares",
    )  # fmt: skip
    found = dict(zip(names, 2 * stats.norm.sf(np.abs(sums) / np.sqrt(variances)), strict=True))
    found["a thousand equal cells"] = _chi_square(cells, np.full(1000, 1 / 1000))
    found["radii and directions, 64 x 64 cells"] = _chi_square(polar, np.full(4096, 1 / 4096))
    found["directions of radii beyond 4.29"] = _chi_square(outer, np.full(16, 1 / 16))
    found["Kolmogorov-Smirnov, least of 4, times 4"] = min(1.0, 4 * worst)
    for cut, count in zip((3, 4, 5, 6), tails, strict=True):
        chance = 2 * stats.norm.sf(cut)
        low, high = stats.poisson.cdf(count, n * chance), stats.poisson.sf(count - 1, n * chance)
        found[f"beyond {cut} sigma ({count})"] = float(min(1.0, 2 * min(low, high)))
    return found


def report(millions: int, say: Callable[[str], None]) -> bool:
    """Print every p-value; return whether the battery is passed."""
    start = time.perf_counter()
    say(machine())
    say(f"{millions} million 64-bit words per stream, {len(STREAMS)} streams; as many normals\n")
    found: list[float] = []
    parts = {name: (lambda axis=axis: words_of_a_stream(axis, millions)) for name, axis in STREAMS.items()}
    drawn = {"normals": lambda: normals(millions), "normals of 32-bit words": lambda: normals(millions, single=True)}
    for name, part in {**parts, **drawn}.items():
        say(name)
        for test, p in part().items():
            say(f"    {test:<44}{p:10.4f}")
            # Counts in a tail are few: their p-values are not uniform, but not small more often than they should be.
            found.append(p)
    limit = 1e-4 / len(found)
    together = float(stats.kstest(found, "uniform").pvalue)
    passed = min(found) > limit and together > 1e-4
    say(f"\n{len(found)} p-values, the least {min(found):.2g} (limit {limit:.1g}); all together {together:.3f}")
    say(f"{'passed' if passed else 'FAILED'}, {time.perf_counter() - start:.0f} s")
    return passed


def main() -> None:
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    if not report(millions, lambda text: print(text, flush=True)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
