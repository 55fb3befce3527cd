"""`gaussian_mean`: closed forms piece by piece and term by term, otherwise the integral itself."""

from __future__ import annotations

from typing import Any

import sympy as sp

from vgtheory._errors import InputError, shown
from vgtheory.symbolic import calculus
from vgtheory.symbolic import notation as symbols
from vgtheory.symbolic.formula import Formula, exact
from vgtheory.symbolic.gaussian.line import NoClosedForm, integral, spread
from vgtheory.symbolic.gaussian.mean import GaussianMean, infinite_value, smooth_pieces
from vgtheory.symbolic.gaussian.terms import Term, terms
from vgtheory.symbolic.integrability import divergences
from vgtheory.symbolic.kept import kept

FINITE = "the mean exists: |f(x)| grows more slowly than exp(x²/(2q))"


def gaussian_mean(f: Any, q: Any, variable: sp.Symbol | None = None) -> Formula:
    """Return E f(√q z) for standard normal z: in closed form where one is known, else as a certified integral.

    Parameters
    ----------
    f : a SymPy expression in one symbol (others are parameters; then say which is the `variable`).
    q : the variance, a number of at least 0, a SymPy symbol or expression.
    variable : f's variable; not needed where f has one symbol or one of them is named x.

    Returns
    -------
    Formula with status "proved" and a closed form, or "certified" and a :class:`GaussianMean`, whose ``.value()`` is a
    rigorous integral in ball arithmetic and whose ``.error`` is the radius of the enclosure.

    The value is ±oo where the mean is infinite, such as that of exp(x²) for q ≥ 1/2; the statement says why.

    Raises
    ------
    InputError : q is negative, or the positive and the negative part of f both have an infinite mean.
    UnsupportedError : the pieces of f, or its growth, cannot be found.

    Examples
    --------
    >>> x, q = sp.Symbol("x", real=True), sp.Symbol("q", positive=True)
    >>> gaussian_mean(sp.erf(x) ** 2, q).expr
    2*asin(2*q/(2*q + 1))/pi
    """
    f, x = _function(f, variable)
    variance = exact(q)
    if variance.is_negative or (variance.is_number and not variance.is_nonnegative) or variance in (sp.oo, sp.nan):
        raise InputError("q", "a variance of at least 0", "e.g. q=1.0", got=shown(q))
    if variance.has(x):
        raise InputError(f"the variance {variance}", f"an expression without the variable {x}", "rename one of them")
    lhs = GaussianMean(f, x, variance)
    if variance == 0:
        return Formula(lhs, f.subs(x, 0), name="Gaussian mean")
    infinite = _infinite(f, x, variance)
    if infinite is not None:
        value, why = infinite
        return Formula(lhs, value, name="Gaussian mean", statement=f"The mean is infinite: {why}.")
    closed, conditions = closed_form(f, x)
    held = tuple(c.subs(symbols.q, variance) for c in conditions)
    held = tuple(c for c in held if c is not sp.true)
    if closed is None:
        return Formula(lhs, lhs, status="certified", name="Gaussian mean", assumptions=(FINITE,), conditions=held)
    value = closed.subs(symbols.q, variance)
    return Formula(lhs, value, name="Gaussian mean", assumptions=(FINITE,) if held else (), conditions=held)


def _infinite(f: sp.Expr, x: sp.Symbol, q: sp.Expr) -> tuple[sp.Expr, str] | None:
    """Return (±oo, why) where the mean is infinite at the number q, or whatever the symbol q is."""
    if f.free_symbols - {x}:
        return None
    return infinite_value(f, smooth_pieces(f, x), x, q)


def _function(f: Any, variable: sp.Symbol | None) -> tuple[sp.Expr, sp.Symbol]:
    """Return f in a real symbol of the variable's name, and that symbol."""
    f = exact(f)
    if not isinstance(f, sp.Expr):
        raise InputError("f", "a SymPy expression in one symbol", "e.g. sympy.tanh(x)**2", got=f"{f!r}")
    if variable is not None and not isinstance(variable, sp.Symbol):
        raise InputError("variable", "a SymPy symbol of f", "e.g. variable=x", got=f"{variable!r}"[:60])
    free = sorted(f.free_symbols, key=lambda s: s.name)
    named = [s for s in free if s.name == "x"]
    chosen = variable or (free[0] if len(free) == 1 else named[0] if named else None)
    if chosen is None and free:
        names = ", ".join(s.name for s in free)
        raise InputError(f"f with the symbols {names}", "one symbol, or variable=…", f"e.g. variable={free[0].name}")
    x = sp.Symbol(chosen.name, real=True) if chosen is not None else symbols.x
    return (f.xreplace({chosen: x}) if chosen is not None else f), x


@kept
def closed_form(f: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr | None, tuple[sp.Basic, ...]]:
    """Return (E f for variance `notation.q`, or None without a closed form; the conditions for the mean to exist)."""
    v, total = sp.Dummy("q", positive=True), sp.S.Zero
    parts = calculus.pieces(f, x)
    found = [_terms_of(piece, x) for piece in parts]
    conditions = _conditions(parts, found, x, v)
    try:
        if len(parts) == 1 and calculus.parity(parts, x) == "odd" and found[0] is None:
            raise NoClosedForm
        for piece, sums in zip(parts, found, strict=True):
            if sums is None or any(term.square.has(sp.I) for term in sums):  # sin(x²): left to the certified integral
                raise NoClosedForm
            ends = (-piece.hi, -piece.lo) if piece.hi == 0 else (piece.lo, piece.hi)
            total += sum((integral(term, *ends, v) for term in sums), sp.S.Zero)
    except NoClosedForm:
        return None, conditions
    return tidy(real(total), v).subs(v, symbols.q), conditions


def _terms_of(piece: calculus.Piece, x: sp.Symbol) -> tuple[Term, ...] | None:
    """Return the terms of a piece, of one that ends at 0 those in −x."""
    if piece.hi == 0:
        return terms(piece.expr.subs(x, -x), x, positive=True)
    return terms(piece.expr, x, positive=piece.lo == 0)


def _conditions(
    parts: tuple[calculus.Piece, ...], found: list[tuple[Term, ...] | None], x: sp.Symbol, v: sp.Symbol
) -> tuple[sp.Basic, ...]:
    """Return under which conditions on the variance the mean exists; with parameters, what the closed form needs."""
    if not any(p.expr.free_symbols - {x} for p in parts):
        found_at = divergences(parts, x).divergences
        limits = (sp.Lt(symbols.q, d.variance) if d.closed else sp.Le(symbols.q, d.variance) for d in found_at)
        return tuple(dict.fromkeys(limits))
    ends = [sums for piece, sums in zip(parts, found, strict=True) if sums and sp.oo in (piece.hi, -piece.lo)]
    needed = {sp.Gt(spread(term, v), 0) for sums in ends for term in sums}
    return tuple(sorted((c.subs(v, symbols.q) for c in needed if c is not sp.true), key=str))


def real(total: sp.Expr) -> sp.Expr:
    """Return a sum over conjugate pairs of complex exponentials as a real expression."""
    if not total.has(sp.I):
        return total
    real: sp.Expr = sp.expand(total, complex=True).as_real_imag()[0]
    return real


def tidy(total: sp.Expr, q: sp.Symbol) -> sp.Expr:
    """Return the sum with equal functions of q collected; its value is the same."""
    gathered: dict[sp.Expr, list[sp.Expr]] = {}
    for part in sp.Add.make_args(total):
        top, bottom = sp.fraction(part)
        for t in sp.Add.make_args(sp.expand_mul(top)):
            function = sp.Mul(*(a for a in sp.Mul.make_args(t) if a.has(sp.Function) and a.has(q)))
            gathered.setdefault(function, []).append(t / function / bottom)
    return sp.Add(*(k * sp.Add(*(sp.powsimp(t) for t in v)) for k, v in gathered.items()))
