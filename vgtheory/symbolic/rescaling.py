"""The variable in which a function is of moderate scale: tanh(10¹⁰x) and tanh(x − 100) are tanh, moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import sympy as sp

from vgtheory.symbolic.calculus import Piece
from vgtheory.symbolic.extremum import Extremum
from vgtheory.symbolic.root import Root

FAR = 4  # a shift beyond it is taken out
WIDE = 8  # and a scale outside (1/8, 8)


@dataclass(frozen=True)
class Rescaling:
    """The substitution x = shift + y/scale, y written with the symbol of x."""

    shift: sp.Rational
    scale: sp.Rational

    def moved(self, parts: tuple[Piece, ...], x: sp.Symbol, order: int) -> tuple[Piece, ...]:
        """Return pieces in y whose `order`-th derivative has the values of the one in x."""
        rule = {node: self._inside(node, x) for part in parts for node in affine_parts(part.expr, x)}
        # Arguments first: 10¹⁰·x becomes y itself, and not a quotient that no rule recognises.
        return tuple(
            Piece(
                self.scale * (p.lo - self.shift),
                self.scale * (p.hi - self.shift),
                self.scale**order * p.expr.xreplace(rule | {x: self.shift + x / self.scale}),
            )
            for p in parts
        )

    def restored(self, found: Extremum, x: sp.Symbol) -> Extremum:
        """Return an extremum found in y as one in x."""
        y = self.scale * (x - self.shift)
        at = found.at if found.at is None or found.at.is_infinite else self.shift + found.at / self.scale
        root = found.root
        if root is not None:
            ends = (self.shift + end / self.scale for end in (root.lo, root.hi))
            root = Root(root.function.subs(root.variable, y), x, *ends)
        parts = (found.equation, found.at_root)
        equation, at_root = (None if part is None else part.subs(x, y) for part in parts)
        return replace(found, at=at, equation=equation, at_root=at_root, root=root)

    def _inside(self, node: sp.Expr, x: sp.Symbol) -> sp.Expr:
        return sp.expand(node.subs(x, self.shift + x / self.scale))


def rescaling(parts: tuple[Piece, ...], x: sp.Symbol) -> Rescaling | None:
    """Return the substitution that brings the functions of x to the origin and to the scale 1, None where they are."""
    lines = [sp.Poly(node, x).all_coeffs() for part in parts for node in affine_parts(part.expr, x)]
    if not lines or any(not c.is_Rational for line in lines for c in line):
        return None
    widest = max(abs(a) for a, _ in lines)
    scale = widest if not sp.Rational(1, WIDE) <= widest <= WIDE else sp.S.One
    roots = {-b / a for a, b in lines}
    middle = sum(roots) / len(roots) if len(roots) == 1 else sp.floor(scale * sum(roots) / len(roots)) / scale
    shift = middle if abs(scale * middle) > FAR else sp.S.Zero
    return None if (shift, scale) == (0, 1) else Rescaling(shift, scale)


def affine_parts(expr: sp.Expr, x: sp.Symbol) -> set[sp.Expr]:
    """Return the largest linear expressions inside the functions of x, such as 3x + 1 of tanh(3x + 1)."""
    if not expr.has(x) or expr == x:
        return set()
    polynomial = isinstance(expr, sp.Pow) and not isinstance(expr, sp.exp) and expr.exp.is_Integer and expr.exp > 0
    if isinstance(expr, (sp.Add, sp.Mul)) or polynomial:
        return set().union(*(affine_parts(a, x) for a in expr.args))
    return {line for a in expr.args for line in _lines(a, x)}


def _lines(expr: sp.Expr, x: sp.Symbol) -> Iterator[sp.Expr]:
    if not expr.has(x):
        return
    if expr.is_polynomial(x) and sp.degree(expr, x) == 1:
        yield expr
        return
    for a in expr.args:
        yield from _lines(a, x)
