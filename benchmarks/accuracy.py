"""The largest error of φ and φ', float64 and float32, against ball arithmetic, in ulp, where they are timed."""

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from vgtheory.codegen.compiled import compile_activation
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import compile_jets, jets, precision

POINTS = 600
BITS = 700  # 1 + erf and 1 + tanh cancel some 400 bits in the far tail of the arguments
STEEP = 2.0


def worst_ulp(act: Activation, h: NDArray) -> float:
    """Return the largest error over the values of h in units in the last place of the true value f.

    Where rounding x alone changes f by more than twice its own unit, next to the zeros of f, the unit is that of x f'.
    """
    computed = compile_activation(act).both(h)
    programs = [(p.hi, compile_jets(p.expr, act.symbol)) for p in act.pieces]
    worst = 0.0
    with precision(BITS):
        for i, x in enumerate(map(float, h)):
            program = next(program for hi, program in programs if sp.Rational(x) <= hi)
            f = jets(program, arb(x), 2)
            for order in (0, 1):
                size, moved = abs(float(f[order])), abs(x * float(f[order + 1]))
                unit = float(np.spacing(h.dtype.type(moved if moved > STEEP * size else size)))
                worst = max(worst, abs(float(arb(float(computed[order][i])) - f[order])) / unit)
    return worst
