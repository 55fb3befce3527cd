"""`gaussian_mean`: closed forms piece by piece and term by term, otherwise the integral itself."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.symbolic import calculus
from vgtheory.symbolic import notation as symbols
from vgtheory.symbolic.formula import Formula, exact
from vgtheory.symbolic.gaussian.line import NoClosedForm, integral, spread
from vgtheory.symbolic.gaussian.mean import GaussianMean
from vgtheory.symbolic.gaussian.terms import terms

FINITE = "the mean exists: |f(x)| grows more slowly than exp(x²/(2q))"


def gaussian_mean(f: Any, q: Any, variable: sp.Symbol | None = None) -> Formula:
    """Return E f(√q z), z standard normal: a closed form where the rules reach, else an integral that is certified.

    Parameters
    ----------
    f : a SymPy expression in one symbol (others are parameters; then say which is the `variable`).
    q : the variance, a number of at least 0, a SymPy symbol or expression.
    variable : f's variable; not needed where f has one symbol or one of them is named x.

    Returns
    -------
    Formula with status "proved" and a closed form, or "certified" and a :class:`GaussianMean`, whose ``.value()`` is a
    rigorous integral in ball arithmetic and whose ``.error`` is the radius of the enclosure.

    Raises
    ------
    InputError : q is negative, or the mean does not exist, such as that of exp(x²) for q ≥ 1/2.
    UnsupportedError : the pieces of f cannot be found.

    Examples
    --------
    >>> x, q = sp.Symbol("x", real=True), sp.Symbol("q", positive=True)
    >>> gaussian_mean(sp.erf(x) ** 2, q).expr
    2*asin(2*q/(2*q + 1))/pi
    """
    f, x = _function(f, variable)
    variance = exact(q)
    if variance.is_negative or (variance.is_number and not variance.is_nonnegative) or variance in (sp.oo, sp.nan):
        raise InputError("q", "a variance of at least 0", "give e.g. q = 1.0", got=f"{q}")
    if variance.has(x):
        raise InputError(f"the variance {variance}", f"an expression without the variable {x}", "rename one of them")
    lhs = GaussianMean(f, x, variance)
    if variance == 0:
        return Formula(lhs, f.subs(x, 0), name="Gaussian mean")
    closed, conditions = closed_form(f, x)
    held = tuple(c.subs(symbols.q, variance) for c in conditions)
    if sp.false in held:
        needed = conditions[held.index(sp.false)]
        raise InputError(
            "q", f"a variance with {needed}", "the mean does not exist there; take a smaller q", got=f"{q}"
        )
    held = tuple(c for c in held if c is not sp.true)
    if closed is None:
        return Formula(lhs, lhs, status="certified", name="Gaussian mean", assumptions=(FINITE,), conditions=held)
    value = closed.subs(symbols.q, variance)
    return Formula(lhs, value, name="Gaussian mean", assumptions=(FINITE,) if held else (), conditions=held)


def _function(f: Any, variable: sp.Symbol | None) -> tuple[sp.Expr, sp.Symbol]:
    """Return f in a real symbol of the variable's name, and that symbol."""
    f = exact(f)
    if not isinstance(f, sp.Expr):
        raise InputError("f", "a SymPy expression in one symbol", "e.g. sympy.tanh(x)**2", got=f"{f!r}")
    free = sorted(f.free_symbols, key=lambda s: s.name)
    named = [s for s in free if s.name == "x"]
    chosen = variable or (free[0] if len(free) == 1 else named[0] if named else None)
    if chosen is None and free:
        names = ", ".join(s.name for s in free)
        raise InputError(f"f with the symbols {names}", "one symbol, or variable=…", f"e.g. variable={free[0].name}")
    x = sp.Symbol(chosen.name, real=True) if chosen is not None else symbols.x
    return (f.xreplace({chosen: x}) if chosen is not None else f), x


@lru_cache(maxsize=1024)
def closed_form(f: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr | None, tuple[sp.Basic, ...]]:
    """Return (E f for variance `notation.q`, or None without a closed form; the conditions for the mean to exist)."""
    v = sp.Dummy("q", positive=True)
    total, conditions = sp.S.Zero, set()
    try:
        parts = calculus.pieces(f, x)
        if len(parts) == 1 and calculus.parity(parts, x) == "odd" and terms(f, x) is None:
            return None, ()
        for piece in parts:
            found = terms(piece.expr, x)
            if found is None:
                return None, ()
            for term in found:
                if term.square.has(sp.I):  # sin(x²): left to the certified integral
                    raise NoClosedForm
                if sp.oo in (piece.hi, -piece.lo):
                    conditions.add(sp.Gt(spread(term, v), 0))
                total += integral(term, piece.lo, piece.hi, v)
    except NoClosedForm:
        return None, ()
    total = real(total)
    held = tuple(sorted((c.subs(v, symbols.q) for c in conditions if c is not sp.true), key=str))
    return tidy(total, v).subs(v, symbols.q), held


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
