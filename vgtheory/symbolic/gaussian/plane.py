"""Closed forms of bivariate Gaussian integrals: the dual kernels of activations.

The rules are those of one variable: Stein's lemma lowers powers, E[u·h] = Σ₁₁ E[∂h/∂u] + Σ₁₂ E[∂h/∂v]; exponentials
tilt the density; a jump at 0 is sign(u), whose derivative 2δ(u) leaves an integral in v alone; two sign or erf factors
end in Sheppard's orthant formula, erf(s·u) being the sign of u plus independent noise of variance 1/(2s²).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import sympy as sp

from vgtheory.symbolic.calculus import Piece
from vgtheory.symbolic.gaussian.line import NoClosedForm, integral
from vgtheory.symbolic.gaussian.terms import Term, terms


@dataclass(frozen=True)
class Covariance:
    """The covariance of (u, v): variances q1, q2 and E[uv]."""

    q1: sp.Expr
    q2: sp.Expr
    cross: sp.Expr

    @property
    def swapped(self) -> Covariance:
        """Return the covariance of (v, u)."""
        return Covariance(self.q2, self.q1, self.cross)

    def tilted(self, a: sp.Expr, b: sp.Expr) -> tuple[Covariance, sp.Expr]:
        """Return the covariance under the density times exp(−a·u² − b·v²), and D, whose −1/2 power is its mass."""
        det = sp.factor(self.q1 * self.q2 - self.cross**2)
        mass = sp.factor(1 + 2 * a * self.q1 + 2 * b * self.q2 + 4 * a * b * det)
        q1, q2 = (sp.factor(s) / mass for s in (self.q1 + 2 * b * det, self.q2 + 2 * a * det))
        return Covariance(q1, q2, self.cross / mass), mass


@dataclass(frozen=True)
class Factor:
    """One variable's part of a product term: a term, times sign(u) where `sign` is true."""

    term: Term
    sign: bool = False

    def lowered(self) -> Factor:
        """Return the factor with one power less."""
        return replace(self, term=replace(self.term, power=self.term.power - 1))


def factors(parts: tuple[Piece, ...], x: sp.Symbol) -> tuple[Factor, ...]:
    """Return a function, smooth or with a breakpoint at 0 only, as a sum of factors. Raises NoClosedForm."""
    if len(parts) > 2 or (len(parts) == 2 and parts[0].hi != 0):
        raise NoClosedForm
    left, right = terms(parts[0].expr, x), terms(parts[-1].expr, x)
    if left is None or right is None:
        raise NoClosedForm
    plain: dict[Term, sp.Expr] = defaultdict(lambda: sp.S.Zero)
    signed: dict[Term, sp.Expr] = defaultdict(lambda: sp.S.Zero)
    for side, sign in ((left, -1), (right, 1)):
        for t in side:
            shape = replace(t, coefficient=sp.S.One)
            plain[shape] += t.coefficient / 2
            signed[shape] += sign * t.coefficient / 2
    out = [Factor(replace(t, coefficient=k)) for t, k in plain.items() if k != 0]
    return (*out, *(Factor(replace(t, coefficient=k), True) for t, k in signed.items() if sp.simplify(k) != 0))


def product_mean(first: Factor, second: Factor, cov: Covariance) -> sp.Expr:
    """Return E[f(u)·g(v)]. Raises NoClosedForm."""
    f, g = first.term, second.term
    if f.power == 0 and g.power == 0:
        return f.coefficient * g.coefficient * _base(first, second, cov)
    if f.power == 0:
        return product_mean(second, first, cov.swapped)
    tilt, _ = cov.tilted(f.square, g.square)
    lower = first.lowered()
    total = sp.S.Zero
    if f.linear != 0 or g.linear != 0:
        shift = tilt.q1 * f.linear + tilt.cross * g.linear
        total += _times(shift, product_mean(lower, second, cov))
    total += _times(tilt.q1, _slope(lower, second, cov))
    return total + _times(tilt.cross, _slope(second, lower, cov.swapped))


def _slope(first: Factor, second: Factor, cov: Covariance) -> sp.Expr:
    """Return E of the derivative by u of everything in f but its exponential, times g(v)."""
    f = first.term
    total = sp.S.Zero
    if f.power:
        total += _times(sp.Integer(f.power), product_mean(first.lowered(), second, cov))
    for i, (s, t) in enumerate(f.erfs):
        bell = replace(
            f,
            coefficient=f.coefficient * 2 * s / sp.sqrt(sp.pi) * sp.exp(-(t**2)),
            linear=f.linear - 2 * s * t,
            square=f.square + s**2,
            erfs=f.erfs[:i] + f.erfs[i + 1 :],
        )
        total += product_mean(replace(first, term=bell), second, cov)
    if first.sign:
        total += _times(sp.Integer(2), _at_zero(f, second, cov))
    return total


def _at_zero(f: Term, second: Factor, cov: Covariance) -> sp.Expr:
    """Return E[δ(u)·f(u)·g(v)]: the density of u at 0 times the mean of g given u = 0."""
    if f.power:
        return sp.S.Zero
    value = f.coefficient * sp.Mul(*(sp.erf(t) for _, t in f.erfs))
    # The root of 1 − c² stays whole (expanded, it would divide 0 by 0 at |c| = 1), hence a symbol for it.
    w = sp.Dummy("w", positive=True)
    up, down = integral(second.term, sp.S.Zero, sp.oo, w**2), integral(second.term, -sp.oo, sp.S.Zero, w**2)
    rest = sp.sqrt(cov.q2) * sp.sqrt(sp.expand(1 - cov.cross**2 / (cov.q1 * cov.q2)))
    total = up - down if second.sign else up + down
    return _times(value / sp.sqrt(2 * sp.pi * cov.q1), total).subs(w, rest)


def _times(factor: sp.Expr, total: sp.Expr) -> sp.Expr:
    """Return the product with the sum multiplied out, denominators left as they are."""
    return sp.Add(*(factor * part for part in sp.Add.make_args(total)))


def _base(first: Factor, second: Factor, cov: Covariance) -> sp.Expr:
    f, g = first.term, second.term
    tilt, mass = cov.tilted(f.square, g.square)
    steps = [(0, s) for s, _ in f.erfs] + [(1, s) for s, _ in g.erfs]
    steps += [(0, sp.oo)] * first.sign + [(1, sp.oo)] * second.sign
    shifted = f.linear != 0 or g.linear != 0 or any(t != 0 for _, t in (*f.erfs, *g.erfs))
    if not steps:
        energy = f.linear**2 * tilt.q1 + 2 * f.linear * g.linear * tilt.cross + g.linear**2 * tilt.q2
        return sp.exp(sp.expand(energy / 2)) / sp.sqrt(mass)
    if shifted:
        raise NoClosedForm
    if len(steps) % 2:
        return sp.S.Zero
    if len(steps) > 2:
        raise NoClosedForm
    (i, s), (j, r) = steps
    own = (tilt.q1, tilt.q2)
    cover = own[i] if i == j else tilt.cross
    spreads = [sp.factor(own[k] + (0 if s == sp.oo else 1 / (2 * s**2))) for k, s in steps]
    ratio = _over_roots(sp.sign(s) * sp.sign(r) * cover, spreads)
    return sp.asin(ratio) * 2 / sp.pi / sp.sqrt(mass)


def _over_roots(top: sp.Expr, squares: list[sp.Expr]) -> sp.Expr:
    """Return top/√(∏ squares) with the fractions inside cleared."""
    inner, outer = sp.fraction(sp.factor(squares[0] * squares[1]))
    return sp.factor(top) * sp.sqrt(outer) / sp.sqrt(inner)
