"""Exact simulation of positively homogeneous networks, φ(h) = a h₊ − b h₋, without bias: a few numbers per layer.

Gaussian weights, s_l = σ_w/√N_{l−1}.  Given ‖x_{l−1}‖, h_l = s_l‖x_{l−1}‖z with normal z, of which n ~ Binomial(N_l, ½)
elements are positive; their squares sum to A ~ χ²(n), the others' to B ~ χ²(N_l − n), so that

    ‖h_l‖² = s_l²‖x_{l−1}‖²(A + B),    ‖x_l‖² = s_l²‖x_{l−1}‖²(a²A + b²B).

The way back: c = x_l·g_l is the same in every layer (Euler: φ(h)·g = h·φ'(h)g), and orthogonal to x_l the gradient is
s_{l+1}‖δ_{l+1}‖ times fresh normals.  φ' is constant on either group of elements; with p, r the parts of x_l/‖x_l‖ in
them, ρ = c/(‖x_l‖ s_{l+1}‖δ_{l+1}‖) and a normal ω along the one direction of their plane that is orthogonal to x_l,

    ‖δ_l‖² = s_{l+1}²‖δ_{l+1}‖² (a²[(ρp − rω)² + χ²(n − 1)] + b²[(ρr + pω)² + χ²(N_l − n − 1)]).

Networks run in lanes, a few at a time, so that the loops over them vectorise.  A χ² variate is tried by the method of
Marsaglia & Tsang (2000): d(1 + t)³ with t = x/√(9d), d = (ν/2 − ⅓), is right with probability e^h, where
h = 3d(ln(1 + t) − t + t²/2 − t³/3) ≥ −¾dt⁴/(1 − |t|): nearly always a comparison without logarithms decides, with a
uniform number known to 32 bits; what it leaves open goes on by itself, with the number's further bits.
"""

import math
from functools import lru_cache

import numpy as np
from numba import float64, int64, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._intrinsics import prefer_wide_vectors
from vgtheory.kernels._jit import called, entry, piece
from vgtheory.kernels.arguments import Layers, Norms, Place, Samples
from vgtheory.kernels.chi_square import FEW, attempted, chi_square
from vgtheory.kernels.elementary import exp, log
from vgtheory.kernels.normals import STEP, box_muller, philox, unit

# What a counter's last word stands for here; variates that go on by themselves have words of their own.
UP, DOWN, UP_BACK, DOWN_BACK, NORMALS, WORDS, NORMALS_BACK, NORMALS_ACROSS = (np.int64(word) for word in range(16, 24))
REFINE = np.int64(32)
HALF = np.uint64(0xFFFFFFFF)
STEP32 = 2.0**-32
ON, P, R, LOG_X, KEPT = range(5)  # numbers of a lane and layer that the way back needs; LOG_X is ln‖x_{l−1}‖
BLOCK = 64  # layers of results that are turned from lanes to rows at once, while they are in the fastest cache
LANES, LEAST_LANES, MEMORY = 64, 2, 2**25  # what the way back needs of all lanes and layers may take so many bytes
BOUND = 10.0  # standard deviations of a binomial beyond which nothing is tabulated: probability below 2e-23


@called
def _normal_lanes(x, y, words, key, layer, sample, purpose):
    """Fill x and y with independent normals and `words` with a word each, lane i being sample + i."""
    prefer_wide_vectors()
    for i in range(x.size):
        word, words[i] = philox(0, layer, sample + i, purpose, key)
        x[i], y[i] = box_muller(word)


@called
def _word_lanes(words, key, layer, sample, purpose):
    """Fill with a raw word each."""
    prefer_wide_vectors()
    for i in range(words.size):
        words[i], _ = philox(0, layer, sample + i, purpose, key)


@called
def _binomial_lanes(out, words, limit, other, shift, base):
    """Fill out with Binomial(N, 1/2) numbers by the alias method (Walker 1977, Vose 1991)."""
    mask = (np.uint64(1) << shift) - np.uint64(1)
    for i in range(out.size):
        column = np.int64(words[i] >> shift)
        here = words[i] & mask
        out[i] = float(base + (column if here < limit[column] else other[column]))


@called
def _chi_square_lanes(out, freedom, x, words, low):
    """Fill out with χ² numbers of so many degrees of freedom, or −1 where it is left open; return how many are."""
    prefer_wide_vectors()
    left_open = 0
    for i in range(out.size):
        d = 0.5 * max(freedom[i], 1) - 1.0 / 3.0  # none: not sure, whatever comes out
        t = x[i] / math.sqrt(9.0 * d)
        half = (words[i] & HALF) if low else (words[i] >> np.uint64(32))
        chance = (np.float64(np.int64(half)) + 1.0) * STEP32
        v = 1.0 + t
        size = abs(t)
        sure = (freedom[i] > FEW) & (size < 1.0) & (chance * (1.0 - size) <= 1.0 - size - 0.75 * d * (t * t) * (t * t))
        out[i] = 2.0 * d * (v * v * v) if sure else -1.0
        left_open += 0 if sure else 1
    return left_open


@piece
def _slow_chi_square(freedom, x, half, place, purpose):
    """Return the χ² number whose quick comparison was left open."""
    if freedom > FEW:
        first, _ = philox(0, place.layer, place.sample, purpose + REFINE, place.key)
        found = attempted(freedom, x, (np.float64(np.int64(half)) + unit(first) + STEP) * STEP32)
        if found >= 0.0:
            return found
    return chi_square(freedom, place.key, place.sample, place.layer, purpose)


@called
def _chi_squares(out, freedom, x, words, low, place, purpose):
    """Fill out with χ² numbers."""
    if _chi_square_lanes(out, freedom, x, words, low) == 0:
        return
    for i in range(out.size):
        if out[i] < 0.0:
            half = (words[i] & HALF) if low else (words[i] >> np.uint64(32))
            lane = Place(place.key, place.sample + i, place.layer)
            out[i] = _slow_chi_square(np.int64(freedom[i]), x[i], half, lane, purpose)


@called
def _forward_lanes(kept, q, up, down, log_x, log_s, width, slopes):
    """Take ln‖x‖ of the lanes one layer up, and keep what the way back needs."""
    prefer_wide_vectors()
    a, b = slopes
    for i in range(log_x.size):
        square = a * a * up[i] + b * b * down[i]
        before = log_s + log_x[i]
        kept[LOG_X, i] = log_x[i]
        q[i] = exp(2.0 * before) * (up[i] + down[i]) / width
        kept[P, i] = a * math.sqrt(up[i] / square)
        kept[R, i] = -b * math.sqrt(down[i] / square)
        log_x[i] = before + 0.5 * log(square)


@called
def _top_lanes(kept, up, down, x, y, lanes, width, slopes):
    """Start the way back: the loss gradient is uniform on the sphere; x, y are its normals along the parts of x_L."""
    log_x, log_c, sign, log_delta = lanes
    a, b = slopes
    for i in range(x.size):
        along = 0.0 if kept[ON, i] == 0.0 else x[i]
        across = 0.0 if kept[ON, i] == width else y[i]
        log_delta[i] = -0.5 * math.log(along * along + across * across + up[i] + down[i])
        c = kept[P, i] * along + kept[R, i] * across
        sign[i] = 1.0 if c >= 0.0 else -1.0
        log_c[i] = log_x[i] + log_delta[i] + math.log(abs(c))
        log_delta[i] += 0.5 * math.log(a * a * (along * along + up[i]) + b * b * (across * across + down[i]))


# Two loops, each writing one array: LLVM vectorises only what few comparisons of addresses show to be apart.
@called
def _rho_lanes(rho, above, log_c, sign, log_delta):
    """Set ρ = c/(‖x_l‖ s_{l+1}‖δ_{l+1}‖); `above` is ln‖x_l‖, `log_delta` holds ln(s_{l+1}‖δ_{l+1}‖)."""
    prefer_wide_vectors()
    for i in range(rho.size):
        rho[i] = sign[i] * exp(log_c[i] - above[i] - log_delta[i])


@called
def _backward_lanes(log_delta, kept, rho, up, down, normal, width, slopes):
    """Take ln‖δ‖ of the lanes one layer down."""
    prefer_wide_vectors()
    a, b = slopes
    for i in range(normal.size):
        omega = normal[i] if (kept[ON, i] > 0.0) & (kept[ON, i] < width) else 0.0
        x = rho[i] * kept[P, i] - kept[R, i] * omega
        y = rho[i] * kept[R, i] + kept[P, i] * omega
        log_delta[i] += 0.5 * log(a * a * (x * x + up[i]) + b * b * (y * y + down[i]))


@called
def _freedom_lanes(up, down, on, width, less):
    """Set the degrees of freedom of either group, less 0 or 1."""
    for i in range(on.size):
        up[i] = on[i] - less
        down[i] = width - on[i] - less


@called
def _rows(out, lanes, first, begin, count):
    """Copy lanes of layers begin..begin + count − 1 to rows `first` and following of the result, as many as it has."""
    for i in range(min(lanes.shape[1], out.shape[0] - first)):
        for k in range(count):
            out[first + i, begin + k] = lanes[k, i]


@piece
def _silence(log_x, first, gradient, weight):
    """A network with a layer all of whose units are off has no gradient."""
    for i in range(min(log_x.size, gradient.shape[0] - first)):
        if log_x[i] == -math.inf:
            gradient[first + i] = -math.inf
            weight[first + i] = -math.inf


@entry(
    void(
        float64, float64, int64[::1], float64[::1], int64[::1], uint64[:, ::1], int64[:, ::1], uint64[::1], int64[::1],
        int64, uint64, int64, int64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1],
    )
)  # fmt: skip
def _chain_samples(
    a, b, widths, sigma_w, table, limits, others, shifts, bases, lanes, seed, first, stop, gradient, weight, q
):  # fmt: skip
    depth, slopes = sigma_w.size, (a, b)
    kept = np.empty((depth, KEPT, lanes))
    block = np.empty((2, BLOCK, lanes))
    real = np.empty((10, lanes))
    x, y, up, down, n_up, n_down = real[0], real[1], real[2], real[3], real[4], real[5]
    log_x, log_c, sign, log_delta = real[6], real[7], real[8], real[9]
    one, two = np.empty(lanes, np.uint64), np.empty(lanes, np.uint64)
    for start in range(0, gradient.shape[0], lanes):
        sample = first + start
        log_x[:] = 0.5 * math.log(float(widths[0]))
        for k in range(depth):
            if stop[0] != 0:
                return
            n, layer, row = widths[k + 1], k + 1, table[k]
            place = Place(seed, sample, layer)
            _normal_lanes(x, y, two, seed, layer, sample, NORMALS)
            _word_lanes(one, seed, layer, sample, WORDS)
            _binomial_lanes(kept[k, ON], one, limits[row], others[row], shifts[row], bases[row])
            _freedom_lanes(n_up, n_down, kept[k, ON], float(n), 0.0)
            _chi_squares(up, n_up, x, two, True, place, UP)
            _chi_squares(down, n_down, y, two, False, place, DOWN)
            log_s = math.log(sigma_w[k]) - 0.5 * math.log(float(widths[k]))
            _forward_lanes(kept[k], block[0, k % BLOCK], up, down, log_x, log_s, float(n), slopes)
            if (k + 1) % BLOCK == 0 or k + 1 == depth:
                _rows(q, block[0], start, k - k % BLOCK, k % BLOCK + 1)
        for k in range(depth - 1, -1, -1):
            if stop[0] != 0:
                return
            n, layer = widths[k + 1], k + 1
            place = Place(seed, sample, layer)
            both = b != 0.0 or k == depth - 1  # ReLU's silent half matters for the norm of the loss gradient alone
            _normal_lanes(x, y, two, seed, layer, sample, NORMALS_BACK)
            _freedom_lanes(n_up, n_down, kept[k, ON], float(n), 1.0)
            _chi_squares(up, n_up, x, two, True, place, UP_BACK)
            if both:
                _chi_squares(down, n_down, y, two, False, place, DOWN_BACK)
                _normal_lanes(x, y, one, seed, layer, sample, NORMALS_ACROSS)
            else:
                down[:] = 0.0
            if k == depth - 1:
                _top_lanes(kept[k], up, down, x, y, (log_x, log_c, sign, log_delta), float(n), slopes)
            else:
                log_s = math.log(sigma_w[k + 1]) - 0.5 * math.log(float(n))
                for i in range(lanes):
                    log_delta[i] += log_s
                _rho_lanes(x, kept[k + 1, LOG_X], log_c, sign, log_delta)
                _backward_lanes(log_delta, kept[k], x, up, down, y, float(n), slopes)
            for i in range(lanes):
                block[0, k % BLOCK, i] = log_delta[i]
                block[1, k % BLOCK, i] = log_delta[i] + kept[k, LOG_X, i]
            if k % BLOCK == 0:
                _rows(gradient, block[0], start, k, min(BLOCK, depth - k))
                _rows(weight, block[1], start, k, min(BLOCK, depth - k))
        _silence(log_x, start, gradient, weight)


@lru_cache(maxsize=64)
def alias_table(trials: int) -> tuple[NDArray[np.uint64], NDArray[np.int64], int, int]:
    """Return (limits, others, shift, least): the alias table of Binomial(trials, 1/2) for words of 64 bits."""
    reach = int(BOUND * math.sqrt(trials) / 2) + 1
    least, most = max(0, trials // 2 - reach), min(trials, trials // 2 + reach)
    mode = trials // 2
    chance = np.ones(most - least + 1)
    for value in range(mode + 1, most + 1):
        chance[value - least] = chance[value - least - 1] * (trials - value + 1) / value
    for value in range(mode - 1, least - 1, -1):
        chance[value - least] = chance[value - least + 1] * (value + 1) / (trials - value)
    columns = 1 << (len(chance) - 1).bit_length()
    shift = 64 - (columns.bit_length() - 1)
    share = np.zeros(columns)
    share[: len(chance)] = chance * (columns / chance.sum())
    full, other = np.ones(columns), np.arange(columns)
    small, large = [i for i in range(columns) if share[i] < 1], [i for i in range(columns) if share[i] >= 1]
    while small and large:
        light, heavy = small.pop(), large[-1]
        full[light], other[light] = share[light], heavy
        share[heavy] -= 1.0 - share[light]
        if share[heavy] < 1:
            small.append(large.pop())
    limits = np.array(
        [min(int(f * 2.0**shift), 2**shift - 1) if f < 1 else 2**shift - 1 for f in full], dtype=np.uint64
    )
    return limits, other, shift, least


def chain_samples(slopes: tuple[float, float], layers: Layers, samples: Samples, norms: Norms) -> None:
    """Fill row i of the norms with sample number i of these; there are no biases.

    `slopes` are those of φ right and left of 0; both differ from 0, or the left one is 0, which is also φ'(0) then:
    a layer with all units off ends the gradient of every layer.
    """
    widths, sigma_w, _ = layers
    distinct, table = np.unique(widths[1:], return_inverse=True)
    tables = [alias_table(int(n)) for n in distinct]
    most = max(len(limits) for limits, _, _, _ in tables)
    limits, others = np.zeros((len(tables), most), np.uint64), np.zeros((len(tables), most), np.int64)
    for i, (limit, other, _, _) in enumerate(tables):
        limits[i, : len(limit)], others[i, : len(other)] = limit, other
    shifts = np.array([shift for _, _, shift, _ in tables], np.uint64)
    bases = np.array([least for _, _, _, least in tables], np.int64)
    fitting = MEMORY // (8 * KEPT * len(sigma_w))
    lanes = max(LEAST_LANES, min(LANES, fitting, -(-len(norms.q) // 8) * 8))
    counts = (table.astype(np.int64), limits, others, shifts, bases)
    _chain_samples(*map(float, slopes), widths, sigma_w, *counts, lanes, *samples, *norms)
