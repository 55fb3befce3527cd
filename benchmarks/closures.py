"""CPU seconds of the closure in length and alignment, moment tables known, on one thread of BLAS.

NumPy's exponential of 10⁷ numbers stands beside each, in turn, as most of a closure is transforms of exponentials.  Run
``python -m benchmarks.closures``.
"""

import time

import numpy as np

import vgtheory as vg
from benchmarks.measure import Line, ratio
from vgtheory.theory.asymptotics.closure import closure

REACH = 0.3  # seconds
# Activation, weights, widths, depth: noisy, critical (lengths drift), dying units, conditions, many layers, few.
CASES = [
    ("gelu", vg.Weights.gaussian(1.4, 0.3), 16, 100),
    ("gelu", vg.Weights.gaussian(1.4, 0.3), 64, 1000),
    ("silu", vg.Weights.gaussian(1.5, 0.1), 32, 100),
    ("tanh", vg.Weights.gaussian(1.0, 0.0), 64, 40),
    ("tanh", vg.Weights.gaussian(1.5, 0.05), 16, 1000),
    ("relu", vg.Weights.he(), 16, 100),
    ("softplus", vg.Weights.gaussian(1.0, 0.1), 64, 40),
    ("sigmoid", vg.Weights.gaussian(2.0, 0.3), 16, 60),
    ("tanh", vg.Weights.orthogonal(1.5, 0.05), 16, 100),
]


def lines() -> tuple[list[Line], str]:
    """Return the lines of the table, and no details."""
    numbers = np.linspace(-20, 0, 10**7)
    out = np.empty_like(numbers)
    table = []
    for name, weights, width, depth in CASES:
        network = vg.Network(name, weights, width, depth)
        took, _, times = ratio(
            lambda n=network: closure(n), lambda: np.exp(numbers, out), repeats=5, clock=time.process_time
        )
        what = f"closure, {name}, {weights.family}, N = {width}, L = {depth}"
        table.append(Line(what, "10⁷ exp", f"{REACH:g} s", f"{took:.2f} s, {times:.1f} ×", took <= REACH))
    return table, ""


if __name__ == "__main__":
    from benchmarks.measure import show

    print(show(lines()[0]))
