"""The parts of a law of d² that lie far from ζ: power sums in d²/ζ below it and in ζ/d² above it, made once.

With x = d²/ζ, 1/(1 − x) and its like are power series in x below |ζ|, and in 1/x above: from a distance of `FAR` in
ln d² on, `TERMS` of them leave e^{−40}, of slopes ten times as much.  Only the nodes between are visited, so that a
point costs what the law has next to it, however many decades the whole law spans.
"""

import numpy as np

from vgtheory.kernels._jit import exact, rounded

FAR, TERMS = 4.0, 10  # the next term is e^{−40} of the first
_STRIDE = 256.0  # nodes share the reference of their e^{ln d²} over so much: no exponential per node and point


@exact
def prepare(nodes, weights):
    """Return (weight below, power sums below, weight above, power sums above, ratio, reference) of sorted nodes.

    Entry k of the first pair sums over nodes before k, powers of d² in units of node k − 1; entry k of the second pair
    sums over nodes from k on, powers of 1/d² in units of node k; d² = ratio · e^reference.
    """
    n = nodes.size
    reference = _STRIDE * np.round(nodes / _STRIDE)
    below, lower = np.zeros(n + 1), np.zeros((n + 1, TERMS))
    above, upper = np.zeros(n + 1), np.zeros((n + 1, TERMS))
    for k in range(n):
        below[k + 1] = below[k] + weights[k]
        step = np.exp(nodes[k - 1] - nodes[k]) if k else 0.0
        power = step
        for j in range(TERMS):
            lower[k + 1, j] = weights[k] + lower[k, j] * power
            power *= step
    for k in range(n - 1, -1, -1):
        above[k] = above[k + 1] + weights[k]
        step = np.exp(nodes[k] - nodes[k + 1]) if k < n - 1 else 0.0
        power = step
        for j in range(TERMS):
            upper[k, j] = weights[k] + upper[k + 1, j] * power
            power *= step
    return below, lower, above, upper, np.exp(nodes - reference), reference


@rounded
def first_not_below(values, start, stop, least):
    """Return the first of the indices from start to stop whose value, ascending, is at least this; else stop."""
    while start < stop:
        middle = (start + stop) // 2
        if values[middle] < least:
            start = middle + 1
        else:
            stop = middle
    return start


@rounded
def power_sums(sums, row, x):
    """Return Σ c_k x^k and Σ (k − 1) c_k x^k, k from 1, and Σ c_k x^{k−1}, k from 2, of one row of power sums."""
    rest, rate = 0j, 0j
    for k in range(TERMS, 1, -1):
        rest = (rest + sums[row, k - 1]) * x
        rate = (rate + (k - 1) * sums[row, k - 1]) * x
    return (rest + sums[row, 0]) * x, rate * x, rest


@rounded
def log_sum(sums, row, x):
    """Return −Im Σ c_k x^k/k, which is E arg(1 − x)."""
    value = 0j
    for k in range(TERMS, 0, -1):
        value = (value + sums[row, k - 1] / k) * x
    return -value.imag
