"""How deep is too deep? Depths at which a mean-square bound proves that gradients are below a threshold."""

from __future__ import annotations

import math
from collections.abc import Callable

import sympy as sp

from vgtheory._errors import InputError, shown
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import (
    depth_bfloat16_last,
    depth_float16,
    depth_float16_last,
    depth_float32,
    depth_float32_last,
    depth_to_vanish,
    eps,
    gradient_norm,
    p,
)
from vgtheory.theory.proofs.certified_slope import certainly_below
from vgtheory.theory.proofs.infimum import Exponential
from vgtheory.theory.proofs.layered_network import LayeredNetwork
from vgtheory.theory.proofs.rates import smallest_rate

# IEEE 754 binary32 and binary16, and bfloat16: 2**−exponent is the smallest normal or the smallest of all numbers.
FLOATS = (
    (depth_float32, 126, "leave float32", "the smallest normal number of float32 and bfloat16"),
    (depth_float32_last, 149, "reach 0 in float32", "the smallest number of float32"),
    (depth_bfloat16_last, 133, "reach 0 in bfloat16", "the smallest number of bfloat16"),
    (depth_float16, 14, "leave float16", "the smallest normal number of float16"),
    (depth_float16_last, 24, "reach 0 in float16", "the smallest number of float16"),
)
DEEPEST = 10**9  # where the search for a depth gives up
DIGITS = 12  # of logarithms in that search


def depth_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return Markov's bound on the gradient norm, and the depths that follow where the rate is below 1."""
    best = smallest_rate(s)
    if best is None:
        return []
    found = [
        Formula(
            gradient_norm,
            sp.sqrt(best.prefactor * s.product(best.factor) / p),
            "upper bound",
            best.status,
            "gradient norm with probability 1 − p",
            "With probability at least 1 − p the gradient at the input is at most this long (Markov's inequality).",
            best.assumptions,
        )
    ]
    rate = best.factor(s.layers[0])
    if not s.uniform_width or not certainly_below(rate, sp.Integer(1)) or rate == 0:
        return found
    found.append(
        Formula(
            depth_to_vanish,
            sp.log(best.prefactor / (p * eps**2)) / sp.log(1 / rate),
            "upper bound",
            best.status,
            "depth to vanish",
            "From this depth on the gradient at the input is at most ε with probability at least 1 − p.",
            best.assumptions,
        )
    )
    for symbol, exponent, title, name in FLOATS:
        found.append(
            Formula(
                symbol,
                (2 * exponent * sp.log(2) + sp.log(best.prefactor)) / sp.log(1 / rate),
                "upper bound",
                best.status,
                f"depth to {title}",
                f"From this depth on the root mean square of the gradient's norm is below {name}, 2^{{−{exponent}}}.",
                best.assumptions,
            )
        )
    return found


def depth_below(bound: Formula, level: float) -> int | None:
    """Return the smallest depth from which an upper bound stays below `level`, None where it never does.

    Parameters
    ----------
    bound : an upper bound or equality with the one free symbol ``depth``; fix the others with ``.at``.
    level : a positive number.

    Raises InputError for another kind of formula or further symbols.

    Notes
    -----
    The logarithms of all bounds are concave in the depth (linear, plus a multiple of its root), so that after the last
    crossing they only fall.

    Examples
    --------
    >>> from vgtheory.symbolic.notation import gradient_square, depth
    >>> depth_below(Formula(gradient_square, sp.Rational(1, 2) ** depth, "upper bound"), 1e-3)
    10
    """
    if bound.kind not in ("upper bound", "equality") or {s.name for s in bound.symbols} != {"depth"}:
        raise InputError(f"the formula {bound.name or bound}", "an upper bound with the free symbol depth", "use .at")
    if not level > 0:
        raise InputError("level", "a positive number", "e.g. 1e-6", got=shown(level))
    logarithm = log_of(bound.expr)
    target = math.log(level)

    def above(depth: int) -> float:
        return _number(logarithm, depth) - target

    if not (above(1) < math.inf and above(DEEPEST) < 0):  # nan: an enclosure too wide for its logarithm
        return None
    peak = _peak(above)
    return 1 if above(peak) < 0 else _crossing(above, peak, DEEPEST)


def _peak(above: Callable[[int], float]) -> int:
    """Return where a concave function of the depth is largest."""
    if not above(2) > above(1):
        return 1
    low, high = 2, DEEPEST
    while high - low > 1:
        middle = (low + high) // 2
        if above(middle) >= above(middle - 1):
            low = middle
        else:
            high = middle
    return low


def _crossing(above: Callable[[int], float], low: int, high: int) -> int:
    """Return the first number at which a function, at least 0 at `low` and negative at `high`, has become negative.

    The function crosses 0 once, next to the secant's crossing where it is nearly linear; every third step halves.
    """
    at_low, at_high, halving = above(low), above(high), 0
    while high - low > 1:
        halving = (halving + 1) % 3
        share = at_low / (at_low - at_high) if halving else 0.5
        # A value that is nan, of an enclosure too wide for its logarithm, is not known to be below; no secant follows.
        middle = min(max(low + round((high - low) * share), low + 1), high - 1) if share < 1 else (low + high) // 2
        value = above(middle)
        if value < 0:
            high, at_high = middle, value
        else:
            low, at_low = middle, value
    return high


def log_of(expr: sp.Expr) -> sp.Expr:
    """Return the logarithm of a positive expression, products and powers taken apart so that none is multiplied out.

    >>> from vgtheory.symbolic.notation import depth
    >>> log_of(3 * sp.Rational(9, 16) ** depth)
    depth*log(9/16) + log(3)
    """
    if expr.is_Mul:
        return sp.Add(*(log_of(factor) for factor in expr.args))
    if expr.is_Pow and expr.base != sp.E:
        return expr.exp * log_of(expr.base)
    if isinstance(expr, (sp.exp, Exponential)):
        return expr.args[0]
    return sp.log(expr)


def _number(logarithm: sp.Expr, at: int) -> float:
    value = logarithm.subs(dict.fromkeys(logarithm.free_symbols, at))
    return -math.inf if value.has(sp.zoo, -sp.oo) else float(enclose(value, DIGITS).mid())
