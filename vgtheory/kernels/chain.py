"""Exact simulation of positively homogeneous networks, φ(h) = a h₊ − b h₋, without bias: a few numbers per layer.

Gaussian weights, s_l = σ_w/√N_{l−1}.  Given ‖x_{l−1}‖, h_l = s_l‖x_{l−1}‖z with normal z, of which n ~ Binomial(N_l, ½)
elements are positive; their squares sum to A ~ χ²(n), the others' to B ~ χ²(N_l − n), so that

    ‖h_l‖² = s_l²‖x_{l−1}‖²(A + B),    ‖x_l‖² = s_l²‖x_{l−1}‖²(a²A + b²B).

The way back: c = x_l·g_l is the same in every layer (Euler: φ(h)·g = h·φ'(h)g), and orthogonal to x_l the gradient is
s_{l+1}‖δ_{l+1}‖ times fresh normals.  φ' is constant on either group of elements; with p, r the parts of x_l/‖x_l‖ in
them, ρ = c/(‖x_l‖ s_{l+1}‖δ_{l+1}‖) and a normal ω along the one direction of their plane that is orthogonal to x_l,

    ‖δ_l‖² = s_{l+1}²‖δ_{l+1}‖² (a²[(ρp − rω)² + χ²(n − 1)] + b²[(ρr + pω)² + χ²(N_l − n − 1)]).
"""

import math

import numpy as np
from numba import float64, int64, uint64, void
from numpy.typing import NDArray

from vgtheory.kernels._jit import compiled, piece
from vgtheory.kernels.normals import box_muller, philox, unit

# What a counter's last word stands for here; the element counts a variate's words.
SIGNS, POSITIVE, NEGATIVE, PLANE, POSITIVE_BACK, NEGATIVE_BACK = (np.int64(word) for word in range(16, 22))
ONE = np.uint64(1)
FEW = 8  # degrees of freedom up to which squares are summed
STEP = 2.0**-53


@piece
def _ones(word):
    """Return the number of set bits."""
    word = word - ((word >> ONE) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@piece
def _fair_binomial(trials, key, sample, layer):
    """Return the number of heads in `trials` tosses of a fair coin: bits of the generator, counted."""
    heads = 0
    for start in range(0, trials, 128):
        first, second = philox(start // 128, layer, sample, SIGNS, key)
        left = trials - start
        if left < 64:
            first &= (ONE << np.uint64(left)) - ONE
        if left <= 64:
            second = np.uint64(0)
        elif left < 128:
            second &= (ONE << np.uint64(left - 64)) - ONE
        heads += _ones(first) + _ones(second)
    return heads


@piece
def _chi_square(freedom, key, sample, layer, purpose):
    """Return a χ² variate: few squares are summed, else by rejection, exact in law (Marsaglia & Tsang 2000)."""
    if freedom <= FEW:
        total = 0.0
        for i in range(0, freedom, 2):
            first, second = philox(i // 2, layer, sample, purpose, key)
            a, b = box_muller(first, second)
            total += a * a
            if i + 1 < freedom:
                total += b * b
        return total
    d = 0.5 * freedom - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    attempt = 0
    while True:
        first, second = philox(2 * attempt, layer, sample, purpose, key)
        x, _ = box_muller(first, second)
        first, second = philox(2 * attempt + 1, layer, sample, purpose, key)
        attempt += 1
        v = 1.0 + c * x
        if v > 0.0:
            v = v * v * v
            u = unit(first) + STEP
            if u < 1.0 - 0.0331 * (x * x) * (x * x):  # implies the next and spares its logarithms, 98 % of the time
                return 2.0 * d * v
            if math.log(u) < 0.5 * x * x + d - d * v + d * math.log(v):
                return 2.0 * d * v


@compiled(
    void(
        float64, float64, int64[::1], float64[::1], uint64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1]
    )
)  # fmt: skip
def _chain_samples(a, b, widths, sigma_w, seed, first, gradient, weight, q):
    depth = sigma_w.size
    positive = np.empty(depth, np.int64)
    along = np.empty((2, depth))  # p and r
    log_x = np.empty(depth + 1)
    log_x[0] = 0.5 * math.log(float(widths[0]))
    for i in range(gradient.shape[0]):
        sample = first + i
        dead = False
        for k in range(depth):
            n, layer = widths[k + 1], k + 1
            weight[i, k] = log_x[k]
            if dead:
                q[i, k] = 0.0
                continue
            log_s = math.log(sigma_w[k]) - 0.5 * math.log(float(widths[k]))
            positive[k] = _fair_binomial(n, seed, sample, layer)
            up = _chi_square(positive[k], seed, sample, layer, POSITIVE)
            down = _chi_square(n - positive[k], seed, sample, layer, NEGATIVE)
            q[i, k] = math.exp(2.0 * (log_s + log_x[k])) * (up + down) / n
            square = a * a * up + b * b * down
            dead = square == 0.0
            if dead:
                continue
            log_x[k + 1] = log_s + log_x[k] + 0.5 * math.log(square)
            along[0, k] = a * math.sqrt(up / square)
            along[1, k] = -b * math.sqrt(down / square)
        if dead:
            gradient[i, :] = -math.inf
            weight[i, :] = -math.inf
            continue
        log_c = log_delta = 0.0
        sign = 1.0
        for k in range(depth - 1, -1, -1):
            n, layer = widths[k + 1], k + 1
            p, r = along[0, k], along[1, k]
            up = _chi_square(max(positive[k] - 1, 0), seed, sample, layer, POSITIVE_BACK)
            x = y = down = 0.0
            if b != 0.0 or k == depth - 1:  # ReLU's silent half matters for the norm of the loss gradient alone
                one, two = philox(0, layer, sample, PLANE, seed)
                x, y = box_muller(one, two)
                down = _chi_square(max(n - positive[k] - 1, 0), seed, sample, layer, NEGATIVE_BACK)
            if k == depth - 1:  # normals of the loss gradient, along the two parts of x_L; over their norm below
                if positive[k] == 0:
                    x = 0.0
                if positive[k] == n:
                    y = 0.0
                log_delta = -0.5 * math.log(x * x + y * y + up + down)
                c = p * x + r * y
                sign = 1.0 if c >= 0.0 else -1.0
                log_c = log_x[k + 1] + log_delta + math.log(abs(c))
            else:
                log_delta += math.log(sigma_w[k + 1]) - 0.5 * math.log(float(n))
                rho = sign * math.exp(log_c - log_x[k + 1] - log_delta)
                omega = x if 0 < positive[k] < n else 0.0
                x = rho * p - r * omega
                y = rho * r + p * omega
            log_delta += 0.5 * math.log(a * a * (x * x + up) + b * b * (y * y + down))
            gradient[i, k] = log_delta
            weight[i, k] += log_delta


def chain_samples(
    slopes: tuple[float, float],
    widths: NDArray[np.int64],
    sigma_w: NDArray[np.float64],
    seed: np.uint64,
    first: int,
    gradient: NDArray[np.float64],
    weight: NDArray[np.float64],
    q: NDArray[np.float64],
) -> None:
    """Fill row i of the results with sample `first` + i; results as in ``exact_samples``.

    `slopes` are those of φ right and left of 0; both differ from 0, or the left one is 0, which is also φ'(0) then:
    a layer with all units off ends the gradient of every layer.
    """
    _chain_samples(*map(float, slopes), widths, sigma_w, seed, first, gradient, weight, q)
