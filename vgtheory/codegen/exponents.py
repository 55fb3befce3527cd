"""Polynomials in t = |x| to twice the precision: what exponentials are taken of."""

from __future__ import annotations

import numpy as np
import sympy as sp

from vgtheory.codegen.cancellation import number
from vgtheory.codegen.program import Builder, Operand

Pair = tuple[Operand, Operand]
UNDERFLOW = 800.0  # e^{-800} is 0 in double precision
# |x| in products with an exponential: beyond it the exponential is 0, and 0·∞ must not arise.
FAR = 1e15


def precise_polynomial(b: Builder, coefficients: tuple[sp.Expr, ...], t: Operand) -> Pair:
    """Return the registers of p(t), the constant term first, as an unevaluated sum of two doubles."""
    acc: Pair = split(coefficients[-1])
    for a in reversed(coefficients[:-1]):
        acc = _times(b, acc, t)
        if a != 0:
            acc = _plus(b, acc, split(a))
    return acc


def plain_polynomial(b: Builder, coefficients: tuple[sp.Expr, ...], t: Operand) -> Operand:
    """Return the register of p(t) in single doubles."""
    acc: Operand = number(coefficients[-1])
    for a in reversed(coefficients[:-1]):
        acc = b.op("mul", acc, t)
        if a != 0:
            acc = b.op("add", acc, number(a))
    return acc


def underflow_end(c: tuple[sp.Expr, ...]) -> float:
    """Return the t from which on p(t) ≥ UNDERFLOW, a little more than the exponential needs."""
    roots = np.roots([float(a) for a in reversed(c[1:])] + [float(c[0]) - UNDERFLOW])
    real = [float(r.real) for r in roots if abs(r.imag) < 1e-6 * (1 + abs(r)) and r.real > 0]
    return max(real) * (1 + 1e-6) if real else FAR


def split(c: sp.Expr) -> tuple[float, float]:
    """Return a SymPy number as an unevaluated sum of two doubles."""
    high = number(c)
    return high, number(c - sp.Rational(high))


def _times(b: Builder, a: Pair, t: Operand) -> Pair:
    tail = 0.0 if a[1] == 0.0 and isinstance(a[1], float) else b.op("mul", a[1], t)
    if isinstance(a[0], float) and np.frexp(a[0])[0] == 0.5:  # a power of two: the product is exact
        return b.op("mul", t, a[0]), tail
    pair = b.op("two_product", t, a[0])
    return b.op("high", pair), b.op("add", b.op("low", pair), tail)


def _plus(b: Builder, a: Pair, c: tuple[float, float]) -> Pair:
    pair = b.op("two_sum", a[0], c[0])
    return b.op("high", pair), b.op("add", b.op("add", b.op("low", pair), a[1]), c[1])
