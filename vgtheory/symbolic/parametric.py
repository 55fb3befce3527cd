"""Ranges with symbolic parameters: each piece is a function without parameters, scaled, or it is monotone.

If f(x) = a·ψ(b·x + s) then f^(k) = a·bᵏ·ψ^(k)(b·x + s), so that the range of f^(k) is that of ψ^(k) times a·bᵏ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic import calculus
from vgtheory.symbolic.extremum import Extremum, ExtremumStatus, Range
from vgtheory.symbolic.supremum import supremum

MAX_OPERATIONS = 60  # of an expression that is factored


@dataclass(frozen=True)
class _Scaled:
    """The piece a·ψ(b·x + s), ψ without parameters and given as a piece of its own."""

    height: sp.Expr
    rate: sp.Expr
    shift: sp.Expr
    base: calculus.Piece


@dataclass(frozen=True)
class _End:
    """The largest or smallest value of one piece, and where it is."""

    value: sp.Expr
    at: sp.Expr
    attained: bool
    status: ExtremumStatus = "proved"
    equation: sp.Eq | None = None
    at_root: sp.Expr | None = None


def symbolic_range(parts: tuple[calculus.Piece, ...], x: sp.Symbol, order: int) -> Range:
    """Return the range of the `order`-th derivative, as expressions in the parameters, which count as real.

    Raises UnsupportedError where a piece is neither a scaled function without parameters nor monotone.
    """
    free = set[sp.Symbol]().union(*(p.expr.free_symbols | p.lo.free_symbols | p.hi.free_symbols for p in parts)) - {x}
    loose = {s: sp.Dummy(s.name, real=True) for s in free if s.is_extended_real is None}
    tied = [calculus.Piece(*(e.xreplace(loose) for e in (p.lo, p.hi, p.expr))) for p in parts]
    pairs = [_piece_range(p, x, order) for p in tied]
    back = {dummy: s for s, dummy in loose.items()}
    return Range(
        _combined([high for high, _ in pairs], sp.Max, back), _combined([low for _, low in pairs], sp.Min, back)
    )


def absolute(largest: sp.Expr) -> sp.Expr:
    """Return a maximum with a and −a among its arguments in terms of |a|.

    >>> a = sp.Symbol("a", real=True)
    >>> absolute(sp.Max(1, a, -a))
    Max(1, Abs(a))
    """
    args = set(largest.args) if isinstance(largest, sp.Max) else {largest}
    for lowest in [a for a in args if isinstance(-a, sp.Min)]:
        args = (args - {lowest}) | {-a for a in (-lowest).args}
    both = {a for a in args if -a in args and not a.is_number}
    return sp.Max(*(args - both), *(sp.Abs(a) for a in both))


def _combined(ends: Sequence[_End], choose: type, back: dict[sp.Dummy, sp.Symbol]) -> Extremum:
    value = choose(*(e.value for e in ends))
    if choose is sp.Max:
        value = absolute(value)
    winners = [e for e in ends if e.value == value] or list(ends)
    best = max(winners, key=lambda e: e.attained)
    alone = len({e.value for e in winners}) == 1
    relation = sp.Ge if choose is sp.Max else sp.Le
    places = [(e.at, sp.And(*(relation(e.value, o.value) for o in winners if o is not e))) for e in winners]
    at = best.at if alone else sp.Piecewise(*places[:-1], (places[-1][0], True))
    certified = any(e.status == "certified" for e in winners)
    return Extremum(
        value.xreplace(back),
        (-math.inf, math.inf) if not value.is_number else (float(value), float(value)),
        at.xreplace(back),
        best.attained if alone else all(e.attained for e in winners),
        best.equation.xreplace(back) if alone and best.equation is not None else None,
        best.at_root.xreplace(back) if alone and best.at_root is not None else None,
        status="certified" if certified else "proved",
    )


def _piece_range(part: calculus.Piece, x: sp.Symbol, order: int) -> tuple[_End, _End]:
    """Return the supremum and the infimum of one piece's `order`-th derivative."""
    plain = sp.diff(part.expr, x, order)
    if not plain.has(x):
        constant = _End(plain, calculus.sample_point(part.lo, part.hi), True)
        return constant, constant
    found = next(_scalings(part, x, order), None)
    if found is None:
        return _monotone(plain, part, x)
    factor = found.height * found.rate**order
    high, low = (_base_end(found, x, order, sign) for sign in (1, -1))
    return _times(factor, high, low, 1), _times(factor, high, low, -1)


def _base_end(found: _Scaled, x: sp.Symbol, order: int, sign: int) -> _End:
    """Return an end of the range of ψ^(order), with its place on the axis of x."""
    derived = calculus.Piece(found.base.lo, found.base.hi, sp.diff(found.base.expr, x, order))
    even = calculus.parity((derived,), x) == "even"
    extremum = supremum((found.base,), x, order, sign, even)
    value = extremum.expr
    if value is None and extremum.root is not None and extremum.status == "certified":
        form = extremum.at_root if extremum.at_root is not None else sign * sp.diff(found.base.expr, x, order)
        value = form.subs(x, extremum.root)
    if value is None:
        raise UnsupportedError(
            f"the range of {found.base.expr} is known to finite precision only; give the parameters values"
        )
    at = extremum.at if extremum.root is None else extremum.root
    place = (at - found.shift) / found.rate if at.is_finite else at * sp.sign(found.rate)
    scaled = {x: found.rate * x + found.shift}
    equation = None if extremum.equation is None else extremum.equation.subs(scaled)
    root_form = None if extremum.at_root is None else sign * extremum.at_root.subs(scaled)
    return _End(sign * value, place, extremum.attained, extremum.status, equation, root_form)


def _times(factor: sp.Expr, high: _End, low: _End, side: int) -> _End:
    """Return the upper (side 1) or lower (side −1) end of factor times the range from `low` to `high`."""
    sign = 1 if factor.is_nonnegative else -1 if factor.is_nonpositive else 0
    if sign:
        source = high if sign == side else low
        root_form = None if source.at_root is None else factor * source.at_root
        value = factor * source.value if source.value != 0 else sp.S.Zero
        return _End(value, source.at, source.attained, source.status, source.equation, root_form)
    up, down = (high, low) if side > 0 else (low, high)
    status: ExtremumStatus = "certified" if "certified" in (up.status, down.status) else "proved"
    at = sp.Piecewise((up.at, factor >= 0), (down.at, True))
    attained = up.attained and down.attained
    if up.value.is_finite and down.value.is_finite:
        choose = sp.Max if side > 0 else sp.Min
        both = choose(factor * up.value, factor * down.value)
        return _End(absolute(both) if side > 0 else both, at, attained, status)
    first, second = (sp.sign(v) * sp.oo if v.is_infinite else factor * v for v in (up.value, -down.value))
    second = second if down.value.is_infinite else factor * down.value
    return _End(sp.Piecewise((first, factor > 0), (second, factor < 0), (0, True)), at, attained, status)


def _scalings(part: calculus.Piece, x: sp.Symbol, order: int) -> Iterator[_Scaled]:
    whole = part.lo.is_infinite and part.hi.is_infinite
    for rate, shift in _rates(part, x):
        if shift != 0 and not whole:
            continue
        if not (rate.is_positive or (whole and rate.is_real)):
            continue
        lo, hi = (end if end.is_infinite else sp.simplify(rate * end) for end in (part.lo, part.hi))
        split = _split(part.expr.subs(x, (x - shift) / rate), x, order)
        if split is not None and lo.is_number and hi.is_number:
            yield _Scaled(split[0], rate, shift, calculus.Piece(lo, hi, split[1]))


def _rates(part: calculus.Piece, x: sp.Symbol) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Yield (b, s) that may free the function of u = b·x + s of parameters, from the polynomials in x inside it."""
    seen: set[tuple[sp.Expr, sp.Expr]] = set()
    inside = [u for node in sp.preorder_traversal(part.expr) for u in (node, *node.args) if u.is_polynomial(x)]
    candidates = [(r, sp.S.Zero) for r in (sp.S.One, *(1 / e for e in (part.hi, part.lo) if e.is_finite and e != 0))]
    for u in inside:
        if not u.has(x) or u.count_ops() > MAX_OPERATIONS:
            continue
        monomials = [(degree, c) for (degree,), c in sp.Poly(u, x).terms()]
        rates = [c ** sp.Rational(1, degree) for degree, c in monomials if degree]
        rates += [(c / d) ** sp.Rational(1, i - j) for (i, c), (j, d) in combinations(monomials, 2)]
        candidates += [(r, sp.S.Zero) for r in rates]
        if sp.degree(u, x) == 1:
            candidates.append((u.coeff(x, 1), u.subs(x, 0)))
    for rate, shift in candidates:
        pair = (-rate, -shift) if rate.could_extract_minus_sign() else (rate, shift)
        if pair not in seen and not rate.has(x):
            seen.add(pair)
            yield pair


def _split(expr: sp.Expr, x: sp.Symbol, order: int) -> tuple[sp.Expr, sp.Expr] | None:
    """Return (factor, function of x alone) with the product `expr`, up to a constant where it is differentiated."""
    if order:
        expr = expr.as_independent(x, as_Add=True)[1]
    roots = expr.replace(
        lambda e: e.is_Pow and e.base.has(x) and not e.exp.is_Integer,
        lambda e: sp.expand_power_base(sp.Pow(sp.factor_terms(e.base), e.exp)),
    )
    forms = [roots, sp.factor_terms(roots)]
    if expr.count_ops() <= MAX_OPERATIONS:
        forms.append(sp.factor(roots))
    for form in forms:
        factor, function = form.as_independent(x, as_Add=False)
        if function.free_symbols <= {x}:
            return factor, function
    return None


def _monotone(expr: sp.Expr, part: calculus.Piece, x: sp.Symbol) -> tuple[_End, _End]:
    slope = sp.diff(expr, x)
    if not (slope.is_nonnegative or slope.is_nonpositive):
        raise UnsupportedError(
            f"cannot tell where {expr} is largest with symbolic parameters; give the parameters values"
        )
    ends = [
        _End(sp.limit(expr, x, end, direction), end, bool(end.is_finite))
        for end, direction in ((part.lo, "+"), (part.hi, "-"))
    ]
    return (ends[1], ends[0]) if slope.is_nonnegative else (ends[0], ends[1])
