"""φ and φ' together, one thread, float64, beside the same formulas in NumPy: millions of elements per second.

Run ``python benchmarks/activations.py``.  Each figure is the best of many passes over 4096 normal numbers (σ = 3),
which stay in the cache, so that arithmetic is measured and not memory.  "first" is the time from the name to the first
result with an empty cache of machine code, "again" the same in a later process that finds it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import sympy as sp
from scipy import special

from vgtheory.codegen.compiled import compile_activation
from vgtheory.symbolic.catalogue import activation

NAMES = ("tanh", "sigmoid", "gelu", "silu", "mish", "softplus", "selu")
SIZE = 4096
FIRST = """
import json, sys, time
from vgtheory.codegen.compiled import compile_activation
compile_activation("identity")([0.0])
times = {}
for name in sys.argv[1:]:
    start = time.perf_counter()
    compile_activation(name)([0.0])
    times[name] = time.perf_counter() - start
print(json.dumps(times))
"""


def speed(function: Callable[[], object]) -> float:
    best, end = np.inf, time.perf_counter() + 0.5
    while time.perf_counter() < end:
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return SIZE / best / 1e6


def plain_numpy(name: str) -> Callable[[np.ndarray], object]:
    act = activation(name)
    modules = [{"erf": special.erf}, "numpy"]
    return sp.lambdify(act.symbol, [act.expr, act.derivative()], modules, cse=True)


def main() -> None:
    h = np.random.default_rng(0).standard_normal(SIZE) * 3
    value, slope = np.empty_like(h), np.empty_like(h)
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "VGTHEORY_CACHE_DIR": cache}
        first, again = (
            json.loads(subprocess.check_output([sys.executable, "-c", FIRST, *NAMES], env=environment))
            for _ in range(2)
        )
    print(f"{'':10s}{'vgtheory':>10s}{'NumPy':>8s}{'ratio':>7s}{'first':>9s}{'again':>9s}")
    for name in NAMES:
        row, reference = compile_activation(name).row, plain_numpy(name)
        with np.errstate(all="ignore"):
            ours, theirs = speed(lambda row=row: row(h, value, slope)), speed(lambda f=reference: f(h))
        times = f"{first[name]:8.2f}s{again[name] * 1e3:7.0f}ms"
        print(f"{name:10s}{ours:10.0f}{theirs:8.0f}{ours / theirs:7.0f}{times}")


if __name__ == "__main__":
    main()
