"""Closed forms of Gaussian integrals of one term over an interval.

Powers go down by Stein's lemma, E[x·h] = v·E[h'] plus a boundary term; a factor exp(βx − αx²) completes the square, so
that x stays normal with variance v = q/(1 + 2αq); what is left is an error function, or for two centred erf factors an
orthant probability (Sheppard 1899; Williams 1997).
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from vgtheory.symbolic.gaussian.terms import Term
from vgtheory.symbolic.special import erfcx


class NoClosedForm(Exception):
    """None of the rules applies."""


def spread(term: Term, q: sp.Expr) -> sp.Expr:
    """Return 1 + 2αq: q divided by it is the variance under the tilted density; it must be positive."""
    return sp.factor(1 + 2 * term.square * q)


def integral(term: Term, lo: sp.Expr, hi: sp.Expr, q: sp.Expr) -> sp.Expr:
    """Return the integral of `term` against the density N(0, q) over (lo, hi). Raises NoClosedForm."""
    if term.power == 0:
        return term.coefficient * _base(term, lo, hi, q)
    v = q / spread(term, q)
    if not isinstance(term.power, int):
        return term.coefficient * _absolute_moment(term, lo, hi, v) / sp.sqrt(spread(term, q))
    n, lower = term.power, replace(term, coefficient=sp.S.One, power=term.power - 1)
    total = integral(replace(lower, coefficient=term.linear), lo, hi, q) if term.linear != 0 else sp.S.Zero
    if n > 1:
        total += integral(replace(lower, coefficient=sp.Integer(n - 1), power=n - 2), lo, hi, q)
    for i, (s, t) in enumerate(term.erfs):
        slope = replace(
            lower,
            coefficient=2 * s / sp.sqrt(sp.pi) * sp.exp(-(t**2)),
            linear=term.linear - 2 * s * t,
            square=term.square + s**2,
            erfs=term.erfs[:i] + term.erfs[i + 1 :],
        )
        total += integral(slope, lo, hi, q)
    total += _edge(lower, lo, q) - _edge(lower, hi, q)
    # Multiplied out here, so that the sum stays flat and no denominator is ever expanded.
    return sp.Add(*(term.coefficient * v * part for part in sp.Add.make_args(total)))


def _absolute_moment(term: Term, lo: sp.Expr, hi: sp.Expr, v: sp.Expr) -> sp.Expr:
    """Return the mean of x^a over x > 0 for x of variance v: (2v)^{a/2} Γ((a + 1)/2)/(2√π)."""
    a = term.power
    if (lo, hi) != (0, sp.oo) or term.linear != 0 or term.erfs or not a > -1:
        raise NoClosedForm
    return (2 * v) ** (a / 2) * sp.gamma((a + 1) / 2) / (2 * sp.sqrt(sp.pi))


def _edge(term: Term, at: sp.Expr, q: sp.Expr) -> sp.Expr:
    """Return the term times the density at `at`, 0 at infinity."""
    if at in (sp.oo, -sp.oo):
        return sp.S.Zero
    erfs = sp.Mul(*(sp.erf(s * at + t) for s, t in term.erfs))
    weight = sp.exp(term.linear * at - term.square * at**2 - at**2 / (2 * q)) / sp.sqrt(2 * sp.pi * q)
    return at**term.power * erfs * weight


def _base(term: Term, lo: sp.Expr, hi: sp.Expr, q: sp.Expr) -> sp.Expr:
    beta, wide = term.linear, spread(term, q)
    whole = (lo, hi) == (-sp.oo, sp.oo)
    if beta.has(sp.I) and (not whole or term.erfs):
        raise NoClosedForm
    centred = beta == 0 and all(t == 0 for _, t in term.erfs)
    if not term.erfs:
        return _exponential(beta, lo, hi, q, wide)
    if whole and centred and len(term.erfs) % 2 == 1:
        return sp.S.Zero
    if whole and len(term.erfs) == 1:
        (s, t) = term.erfs[0]
        top = s * beta * q + t * wide
        return (
            sp.exp(beta**2 * q / (2 * wide))
            * sp.erf(top / sp.sqrt(wide * sp.factor(wide + 2 * s**2 * q)))
            / sp.sqrt(wide)
        )
    if not centred or not (whole or (lo, hi) in ((sp.S.Zero, sp.oo), (-sp.oo, sp.S.Zero))):
        raise NoClosedForm
    if len(term.erfs) == 1:
        s = term.erfs[0][0]
        return (1 if lo == 0 else -1) * sp.atan(s * sp.sqrt(2 * q) / sp.sqrt(wide)) / sp.pi / sp.sqrt(wide)
    if len(term.erfs) == 2:
        (s, _), (r, _) = term.erfs
        a, b = (sp.factor(wide + 2 * k**2 * q) for k in (s, r))
        orthant = sp.asin(sp.factor(2 * s * r * q) / (sp.sqrt(a) * sp.sqrt(b))) * 2 / sp.pi / sp.sqrt(wide)
        return orthant if whole else orthant / 2
    raise NoClosedForm


def _exponential(beta: sp.Expr, lo: sp.Expr, hi: sp.Expr, q: sp.Expr, wide: sp.Expr) -> sp.Expr:
    """Return the integral of exp(βx − αx²), in erfcx where an unbounded side would make exp·erfc overflow."""
    if (lo, hi) == (-sp.oo, sp.oo):
        return sp.exp(beta**2 * q / (2 * wide)) / sp.sqrt(wide)
    if lo == -sp.oo:
        return _exponential(-beta, -hi, sp.oo, q, wide)
    root = sp.sqrt(2 * q) * sp.sqrt(wide)
    low = (lo * wide - beta * q) / root
    if hi == sp.oo:
        if beta == 0:
            return sp.erfc(low) / 2 / sp.sqrt(wide)
        return erfcx(low) * sp.exp(beta * lo - lo**2 * wide / (2 * q)) / 2 / sp.sqrt(wide)
    high = (hi * wide - beta * q) / root
    return sp.exp(beta**2 * q / (2 * wide)) * (sp.erf(high) - sp.erf(low)) / 2 / sp.sqrt(wide)
