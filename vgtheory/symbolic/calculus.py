"""Piecewise calculus: a function of one real variable as smooth pieces on consecutive open intervals.

SymPy differentiates Piecewise, Abs, Max, Min and sign into DiracDelta and undecided conditions.  Here such nodes are
resolved first: their boundaries cut the line, and on each open interval only the active, smooth branch is left.
Everything else (derivatives, certified extrema, quadrature, code, atoms of spectra) works on these pieces.
"""

from dataclasses import dataclass
from functools import cmp_to_key, lru_cache
from itertools import pairwise
from typing import Literal

import sympy as sp
from sympy.core.relational import Relational

from vgtheory._errors import FormulaError, UnsupportedError
from vgtheory.symbolic import closed_form
from vgtheory.symbolic.limits import UNDEFINED, limit_at
from vgtheory.symbolic.period import period
from vgtheory.symbolic.root import all_zeros, vanishes_at
from vgtheory.symbolic.touching import squares_out, touching_points

KINKED = (sp.Piecewise, sp.Max, sp.Min, sp.Abs, sp.sign, sp.Heaviside)


@dataclass(frozen=True)
class Piece:
    """A smooth expression on the interval from `lo` to `hi` (SymPy numbers or ±oo); it owns its right end."""

    lo: sp.Expr
    hi: sp.Expr
    expr: sp.Expr


def pieces(expr: sp.Expr, x: sp.Symbol, lo: sp.Expr = -sp.oo, hi: sp.Expr = sp.oo) -> tuple[Piece, ...]:
    """Return the smooth pieces of `expr` between `lo` and `hi`; neighbours are equal only at a kink of a power.

    Raises UnsupportedError where a boundary cannot be solved for or a branch cannot be decided.
    """
    merged: list[Piece] = []
    for piece in _resolve(Piece(lo, hi, squares_out(expr, x)), x):
        if merged and merged[-1].expr == piece.expr and not piece.expr.subs(x, piece.lo).has(*UNDEFINED):
            piece = Piece(merged.pop().lo, piece.hi, piece.expr)
        merged.append(piece)
    return tuple(part for piece in merged for part in _split(piece, x))


def one_period(expr: sp.Expr, x: sp.Symbol) -> tuple[Piece, ...] | None:
    """Return the pieces of one period of a wave with kinks, of which there are infinitely many; None for the rest."""
    cycle = period(expr, x)
    if cycle is None or expr.free_symbols != {x}:
        return None
    if not expr.has(*KINKED) and not touching_points(expr, x, -cycle, cycle):
        return None
    return pieces(expr, x, -cycle / 2, cycle / 2)


def _split(piece: Piece, x: sp.Symbol) -> list[Piece]:
    """Return the piece cut where a power in it has a kink."""
    cuts = sorted(touching_points(piece.expr, x, piece.lo, piece.hi), key=float)
    return [Piece(lo, hi, piece.expr) for lo, hi in pairwise([piece.lo, *cuts, piece.hi])]


@lru_cache(maxsize=1024)
def differentiate(parts: tuple[Piece, ...], x: sp.Symbol, order: int = 1) -> tuple[Piece, ...]:
    """Return the pieces of the `order`-th derivative away from the breakpoints (no DiracDelta)."""
    return tuple(Piece(p.lo, p.hi, sp.diff(p.expr, x, order)) for p in parts)


def assemble(parts: tuple[Piece, ...], x: sp.Symbol) -> sp.Expr:
    """Return the pieces as one expression, a Piecewise where there is more than one."""
    if len(parts) == 1:
        return parts[0].expr
    return sp.Piecewise(*((p.expr, x <= p.hi) for p in parts[:-1]), (parts[-1].expr, True))


def jumps(parts: tuple[Piece, ...], x: sp.Symbol, order: int = 0) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """Return (breakpoint, limit from the right − limit from the left) of the `order`-th derivative, zeros left out.

    It is infinite where the derivative grows without bound towards the point, unless both sides do so alike.
    Raises UnsupportedError where a limit is not found.

    >>> x = sp.Symbol("x", real=True)
    >>> jumps(pieces(sp.Abs(x), x), x, order=1)
    ((0, 2),)
    """
    slopes = differentiate(parts, x, order) if order else parts
    gaps = ((left.hi, _gap(left, right, x)) for left, right in pairwise(slopes))
    return tuple((at, gap) for at, gap in gaps if gap != 0)


def _gap(left: Piece, right: Piece, x: sp.Symbol) -> sp.Expr:
    """Return the limit from the right minus that from the left, 0 where both are the same infinity."""
    at = left.hi
    if left.expr != right.expr and vanishes_at(right.expr - left.expr, x, at):
        return sp.S.Zero
    after, before = limit_at(right.expr, x, at, 1), limit_at(left.expr, x, at, -1)
    if after is None or before is None:
        raise UnsupportedError(f"the limits of {left.expr} and {right.expr} at {x} = {at} are not known")
    if after == before:
        return sp.S.Zero
    gap = after - before
    return sp.S.Zero if closed_form.vanishes(gap) else closed_form.tidy(gap)


def sample_point(lo: sp.Expr, hi: sp.Expr) -> sp.Expr:
    """Return a point strictly inside the interval."""
    if lo == -sp.oo:
        return sp.Integer(0) if hi == sp.oo else hi - 1
    return lo + 1 if hi == sp.oo else (lo + hi) / 2


def _resolve(piece: Piece, x: sp.Symbol) -> list[Piece]:
    node = next((n for n in sp.postorder_traversal(piece.expr) if isinstance(n, KINKED) and n.has(x)), None)
    if node is None:
        return [piece]
    cuts = [
        c
        for c in _boundaries(node, piece, x)
        if _decided(sp.Gt(c, piece.lo), node) and _decided(sp.Lt(c, piece.hi), node)
    ]
    ends = [piece.lo, *_sorted(set(cuts), node), piece.hi]
    out: list[Piece] = []
    for lo, hi in pairwise(ends):
        branch = _active(node, x, sample_point(lo, hi))
        out += _resolve(Piece(lo, hi, piece.expr.xreplace({node: branch})), x)
    return out


def _inside(cut: sp.Expr, piece: Piece, node: sp.Expr) -> bool:
    return _decided(sp.Gt(cut, piece.lo), node) and _decided(sp.Lt(cut, piece.hi), node)


def _sorted(cuts: set[sp.Expr], node: sp.Expr) -> list[sp.Expr]:
    """Return the cuts in increasing order, those with parameters by what is assumed of the parameters."""
    return sorted(cuts, key=cmp_to_key(lambda a, b: 1 if _decided(sp.Gt(a, b), node) else -1))


def _boundaries(node: sp.Expr, within: Piece, x: sp.Symbol) -> list[sp.Expr]:
    if isinstance(node, sp.Piecewise):
        relations = set().union(*(cond.atoms(Relational) for _, cond in node.args))
        return [c for r in relations for c in _zeros(r.lhs - r.rhs, within, x)]
    if isinstance(node, (sp.Max, sp.Min)):
        args = list(node.args)
        return [c for i, a in enumerate(args) for b in args[i + 1 :] for c in _zeros(a - b, within, x)]
    return _zeros(node.args[0], within, x)


def _zeros(u: sp.Expr, within: Piece, x: sp.Symbol) -> list[sp.Expr]:
    u = sp.together(u).as_content_primitive()[1]
    if not u.has(x):
        return []
    if u.is_polynomial(x) and sp.degree(u, x) == 1:
        return [sp.solve(u, x)[0]]
    if u.is_polynomial(x) and not u.free_symbols - {x} and sp.Poly(u, x).domain in (sp.ZZ, sp.QQ):
        return list(sp.real_roots(u))
    if u.free_symbols - {x}:
        raise UnsupportedError(
            f"cannot find where {u} changes sign with symbolic parameters; give the parameters values"
        )
    return list(all_zeros(u, x, within.lo, within.hi))


def _active(node: sp.Expr, x: sp.Symbol, at: sp.Expr) -> sp.Expr:
    """Return the branch of a kinked node that is active at the point `at`."""
    if isinstance(node, sp.Piecewise):
        for branch, condition in node.args:
            if condition is sp.true or _decided(condition.subs(x, at), node):
                return branch
        raise FormulaError(f"{node} at {at}", "a function defined on the whole real line", "add a last branch")
    if isinstance(node, (sp.Max, sp.Min)):
        best = node.args[0]
        for other in node.args[1:]:
            above = _decided(sp.Gt(other.subs(x, at), best.subs(x, at)), node)
            if above == isinstance(node, sp.Max):
                best = other
        return best
    positive = _decided(sp.Gt(node.args[0].subs(x, at), 0), node)
    if isinstance(node, sp.Abs):
        return node.args[0] if positive else -node.args[0]
    if isinstance(node, sp.sign):
        return sp.Integer(1 if positive else -1)
    return sp.Integer(1 if positive else 0)


def _decided(condition: sp.Basic, node: sp.Expr) -> bool:
    if condition in (sp.true, sp.false):
        return bool(condition)
    decided = sp.simplify(condition)
    if decided in (sp.true, sp.false):
        return bool(decided)
    raise UnsupportedError(f"cannot decide {condition} in {node}; give the parameters values")


def parity(parts: tuple[Piece, ...], x: sp.Symbol) -> Literal["even", "odd"] | None:
    """Return "even", "odd" or None for the function that the pieces make."""
    mirrored = tuple(Piece(-p.hi, -p.lo, p.expr.subs(x, -x)) for p in reversed(parts))
    if [(p.lo, p.hi) for p in mirrored] != [(p.lo, p.hi) for p in parts]:
        return None
    both = list(zip(parts, mirrored, strict=True))
    if all(closed_form.vanishes_identically(a.expr - b.expr, x) for a, b in both):
        return "even"
    return "odd" if all(closed_form.vanishes_identically(a.expr + b.expr, x) for a, b in both) else None


def homogeneous_degree(parts: tuple[Piece, ...], x: sp.Symbol) -> sp.Expr | None:
    """Return k if f(t·x) = t^k f(x) for all t > 0: at most one breakpoint, at 0, and a power on each side."""
    if any(p.hi not in (0, sp.oo) for p in parts):
        return None
    degrees = set()
    for p in parts:
        if p.expr == 0:
            continue
        _, power = p.expr.as_independent(x, as_Add=False)
        base, k = power.as_base_exp() if power != 1 else (x, sp.Integer(0))
        if base not in (x, -x) or k.has(x):
            return None
        degrees.add(k)
    return degrees.pop() if len(degrees) == 1 else None
