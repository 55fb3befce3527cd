"""A straight-line program of float operations, run instruction by instruction: for the few numbers far out.

Compiled once for all programs: such a program is ten times as long as the usual one, too long to compile for each.
"""

import math

import numpy as np

from vgtheory.kernels._jit import compiled
from vgtheory.kernels.elementary import exp_sum, exponent, scaled, two_product, two_sum
from vgtheory.kernels.elementary_erf import erfcx

# The number of an operation is its place here.
OPERATIONS = (
    *("input", "add", "mul", "div", "neg", "abs", "min", "max", "select_le", "keep_nan", "scaled", "exponent", "floor"),
    *(
        "exp_sum",
        "two_product",
        "two_sum",
        "high",
        "low",
        "exp",
        "log",
        "log1p",
        "sqrt",
        "pow",
        "tanh",
        "atan",
        "asinh",
    ),
    *("erf", "erfc", "erfcx", "sin", "cos", "tan"),
)


@compiled()
def _arithmetic(op, a, b, c, d):
    """Return the result of an operation before "exp_sum"."""
    if op == 1:
        return a + b
    if op == 2:
        return a * b
    if op == 3:
        return a / b
    if op == 4:
        return -a
    if op == 5:
        return abs(a)
    if op == 6:
        return a if a < b else b
    if op == 7:
        return a if a > b else b
    if op == 8:
        return c if a <= b else d
    if op == 9:
        return b if a == a else a
    if op == 10:
        return scaled(a, b)
    if op == 11:
        return exponent(a)
    return math.floor(a)


@compiled()
def _function(op, a, b):
    """Return the result of a function of one number, or of a power."""
    if op == 18:
        return math.exp(a)
    if op == 19:
        return math.log(a) if a > 0.0 else -math.inf if a == 0.0 else math.nan
    if op == 20:
        return math.log1p(a) if a > -1.0 else -math.inf if a == -1.0 else math.nan
    if op == 21:
        return math.sqrt(a)
    if op == 22:
        return a**b
    if op == 23:
        return math.tanh(a)
    if op == 24:
        return math.atan(a)
    if op == 25:
        return math.asinh(a)
    if op == 26:
        return math.erf(a)
    if op == 27:
        return math.erfc(a)
    if op == 28:
        return erfcx(a)
    if op == 29:
        return math.sin(a)
    if op == 30:
        return math.cos(a)
    return math.tan(a)


@compiled()
def fill_beyond(reach, h, value, slope, code, constants, outputs):
    """Overwrite value and slope where |h| > reach.

    Parameters
    ----------
    reach : float.
    h, value, slope : float64 arrays of equal length.
    code : int64 array (instructions, 5): an operation and the places of its operands among constants, then results.
    constants : float64 array.
    outputs : int64 array (2,), the places of value and slope.
    """
    first = constants.size
    places, lows = np.empty(first + len(code)), np.empty(first + len(code))
    places[:first] = constants
    for i in range(h.size):
        if not abs(h[i]) > reach:
            continue
        places[first] = h[i]
        for k in range(1, len(code)):
            op, place = code[k, 0], first + k
            a, b = places[code[k, 1]], places[code[k, 2]]
            if op < 13:
                places[place] = _arithmetic(op, a, b, places[code[k, 3]], places[code[k, 4]])
            elif op == 13:
                places[place] = exp_sum(a, b)
            elif op == 14:
                places[place], lows[place] = two_product(a, b)
            elif op == 15:
                places[place], lows[place] = two_sum(a, b)
            elif op == 16:
                places[place] = a
            elif op == 17:
                places[place] = lows[code[k, 1]]
            else:
                places[place] = _function(op, a, b)
        value[i], slope[i] = places[outputs[0]], places[outputs[1]]
