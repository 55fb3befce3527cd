"""Statistics of sorted levels: counts in all windows of a length, Δ₃, exponential sums, smoothed staircases."""

from math import erf

import numpy as np

from vgtheory.kernels._jit import loop

_FAR = 6.0  # widths beyond which a Gaussian step is 0 or 1 to 1e-9


@loop
def count_spread(levels, first, last, length):
    """Return ∫(n(x) − length)² dx for first ≤ x ≤ last, n(x) the number of sorted levels in [x, x + length).

    Exact: n changes at levels and at levels less the length only.
    """
    size = levels.size
    low = np.searchsorted(levels, first)
    high = np.searchsorted(levels, first + length)
    x, total = first, 0.0
    while x < last:
        until = last
        if low < size and levels[low] < until:
            until = levels[low]
        if high < size and levels[high] - length < until:
            until = levels[high] - length
        total += (high - low - length) ** 2 * max(until - x, 0.0)
        x = max(until, x)
        while low < size and levels[low] <= x:
            low += 1
        while high < size and levels[high] - length <= x:
            high += 1
    return total


@loop
def line_distance(levels, first, last, length, windows):
    """Return the mean over windows in [first, last + length] of ∫(N(x) − line)² dx/length, its least over all lines.

    By the sums of Bohigas & Giannoni (1975), places measured from a window's middle.
    """
    total = 0.0
    for k in range(windows):
        start = first + (k + 0.5) * (last - first) / windows
        middle = start + 0.5 * length
        low = np.searchsorted(levels, start)
        high = np.searchsorted(levels, start + length)
        count = high - low
        one, two, ordered = 0.0, 0.0, 0.0
        for i in range(count):
            x = levels[low + i] - middle
            one += x
            two += x * x
            ordered += (count - 2 * i - 1) * x
        square = length * length
        total += count * count / 16 - one * one / square + 1.5 * count * two / square
        total += ordered / length - 3 * two * two / (square * square)
    return total / windows


@loop
def exponential_sums(levels, times):
    """Return Σ_j cos(2πτ x_j) and Σ_j sin(2πτ x_j) for every τ of `times`."""
    real, imag = np.zeros(times.size), np.zeros(times.size)
    for k in range(times.size):
        for j in range(levels.size):
            angle = 2 * np.pi * (times[k] * levels[j] % 1.0)
            real[k] += np.cos(angle)
            imag[k] += np.sin(angle)
    return real, imag


@loop
def smoothed_staircase(levels, widths):
    """Return Σ_j Φ((x_i − x_j)/w_j) at every level x_i."""
    out = np.zeros(levels.size)
    for i in range(levels.size):
        for j in range(levels.size):
            u = (levels[i] - levels[j]) / widths[j]
            if u >= _FAR:
                out[i] += 1.0
            elif u > -_FAR:
                out[i] += 0.5 * (1.0 + erf(u * 0.7071067811865476))
    return out
