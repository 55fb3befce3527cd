"""`GaussianMean`: E f(x) for x ~ N(0, q) without a closed form, as a SymPy object that encloses its own value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import mpmath
import sympy as sp
from flint import acb, arb

from vgtheory._errors import InputError, UnsupportedError, need_values, shown
from vgtheory.symbolic import calculus
from vgtheory.symbolic.ball import number_ball, precision
from vgtheory.symbolic.complex_ball import complex_function, enclose
from vgtheory.symbolic.enclosed import Enclosed
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.integrability import Edge, divergences, edges
from vgtheory.symbolic.limits import tail_at
from vgtheory.symbolic.tails import TAYLOR_ORDERS, Coefficient, Scale, Tail, TailUndecided, coefficient_ball
from vgtheory.symbolic.touching import singular_points

MAX_START = 10**7
MOST_WORK = 600_000  # evaluations × operations of one integral
STEEP = 64  # a faster exponential decay is bounded by its value at R
FINEST_STRIP = 600  # its width is 2 to minus that


class GaussianMean(Enclosed):
    """The mean of f(x) for x normal with mean 0 and variance q; x is bound.

    Its numeric value is a rigorous integral: Arb's integrator between −R and R, split at the breakpoints of f, plus a
    certified bound of both tails.  Derivatives by q stay Gaussian means.
    """

    is_commutative = True
    is_extended_real = True

    def __new__(cls, f: Any, x: sp.Symbol, q: Any) -> GaussianMean:
        """Return the mean of f in x for variance q, not evaluated."""
        obj: GaussianMean = sp.Expr.__new__(cls, sp.sympify(f), x, sp.sympify(q))
        return obj

    @property
    def bound_symbols(self) -> list[sp.Symbol]:
        """Return the variable of integration."""
        return [self.args[1]]

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        """Return the symbols that the value depends on."""
        f, x, q = self.args
        return (f.free_symbols - {x}) | q.free_symbols

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.args[0].is_nonnegative else None

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> GaussianMean | None:
        f, x, q = self.args
        if old == x:
            return GaussianMean(f, x, q.subs(old, new))
        if x in new.free_symbols and f.has(old):
            other = sp.Dummy(x.name, real=True)
            return GaussianMean(f.xreplace({x: other}), other, q)._eval_subs(old, new)
        return GaussianMean(f.subs(old, new), x, q.subs(old, new))

    def _eval_derivative(self, s: sp.Symbol) -> sp.Expr:
        """Return the derivative: by q it is E[x f'(x)]/(2q), plus the density at each jump of f."""
        f, x, q = self.args
        if f.has(s) and s != x:
            raise UnsupportedError(
                f"a Gaussian mean is not differentiated with respect to the parameter {s}; give {s} a value first"
            )
        parts = calculus.pieces(f, x)
        slope = calculus.assemble(calculus.differentiate(parts, x), x)
        result = GaussianMean(sp.expand(x * slope) if len(parts) == 1 else x * slope, x, q) / (2 * q)
        for left, right in pairwise(parts):
            jump = sp.simplify((right.expr - left.expr).subs(x, left.hi))
            result += jump * left.hi * sp.exp(-(left.hi**2) / (2 * q)) / sp.sqrt(2 * sp.pi * q) / (2 * q)
        return result * q.diff(s)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        f, x, q = self.args
        text = rf"\mathbb{{E}}_{{{printer._print(x)} \sim \mathcal{{N}}(0, {printer._print(q)})}}"
        text += rf"\left[{printer._print(f)}\right]"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text

    def _sympystr(self, printer: Any) -> str:
        return f"GaussianMean({', '.join(printer._print(a) for a in self.args)})"

    def _eval_evalf(self, prec: int) -> sp.Expr:
        if self.free_symbols:
            return self
        ball = enclose(self, int(prec / 3.32) + 1)
        if not ball.is_finite():
            return sp.oo if ball > 0 else -sp.oo
        with mpmath.workprec(prec + 10):
            return sp.Float(ball.mid().str(int(prec / 3.32) + 5, radius=False), precision=prec)

    def enclosure(self, bits: int) -> arb:
        """Return a ball around the value, ±∞ where it is infinite.

        Raises UnsupportedError (no tail bound) and InputError (neither finite nor infinite).
        """
        need_values("a Gaussian mean", self.free_symbols)
        return _enclosure(*self.args, bits)


@lru_cache(maxsize=4096)
def _enclosure(f: sp.Expr, x: sp.Symbol, q: sp.Expr, bits: int) -> arb:
    with precision(bits + 40):
        variance = number_ball(q)
        if not variance > 0:
            if q == 0:
                return number_ball(f.subs(x, 0))
            raise InputError("q", "a variance above 0", "choose another", got=shown(q))
        parts = smooth_pieces(f, x)
        infinite = infinite_value(f, parts, x, q)
        if infinite is not None:
            return number_ball(infinite[0])
        kinks = [abs(float(p.hi)) for p in parts if p.hi != sp.oo]
        right, start_right = _tail_integral(parts[-1].expr, x, variance, kinks, bits)
        left, start_left = _tail_integral(parts[0].expr.subs(x, -x), x, variance, kinks, bits)
        total = right + left
        rough = {(e.at, e.side): e for e in edges(parts, x)}
        for piece in parts:
            ends = max(piece.lo, -sp.Integer(start_left)), min(piece.hi, sp.Integer(start_right))
            strips = [rough[end] for end in ((piece.lo, 1), (piece.hi, -1)) if end in rough]
            total += _segment(piece.expr, x, variance, ends, strips, bits)
        return total


@lru_cache(maxsize=1024)
def smooth_pieces(f: sp.Expr, x: sp.Symbol) -> tuple[calculus.Piece, ...]:
    """Return the pieces of f, cut where a denominator in them vanishes too: the square of a slope may be 0/0 there."""
    out = []
    for piece in calculus.pieces(f, x):
        cuts = sorted(singular_points(piece.expr, x, piece.lo, piece.hi), key=float)
        out += [calculus.Piece(lo, hi, piece.expr) for lo, hi in pairwise([piece.lo, *cuts, piece.hi])]
    return tuple(out)


def infinite_value(
    f: sp.Expr, parts: tuple[calculus.Piece, ...], x: sp.Symbol, q: sp.Expr
) -> tuple[sp.Expr, str] | None:
    """Return (±oo, why) where the mean of f is infinite at q > 0 (a symbol: at every q), None where it is finite.

    Raises InputError where both the positive and the negative part have an infinite mean.
    """
    found = [d for d in divergences(parts, x).divergences if (d.holds(q) if q.is_number else d.variance == 0)]
    if not found:
        return None
    if len({d.sign for d in found}) > 1:
        raise InputError(
            f"f = {f} with the variance q = {q}", "a function with a Gaussian mean", "its positive and negative parts "
            "both have an infinite mean; take its square or absolute value",
        )  # fmt: skip
    return found[0].sign * sp.oo, found[0].reason


def _starts(variance: arb, kinks: Iterable[float], bits: int) -> Iterator[int]:
    """Yield the points R to try: beyond the breakpoints; where e^{−R} is 2^{−bits}; where the density is, and on."""
    reach = float(((variance * (bits + 10) * 2).sqrt() * arb(0.84)).upper())  # e^{−R²/2q} = 2^{−bits}
    least, settled = max([3.0, *(k + 1 for k in kinks)]), 0.75 * (bits + 10)
    if settled < reach:
        yield int(max(least, settled)) + 1
    start = int(max(least, reach)) + 1
    while start <= MAX_START:
        yield start
        start += start // 3 + 1


def _segment(
    expr: sp.Expr, x: sp.Symbol, variance: arb, ends: tuple[sp.Expr, sp.Expr], rough: Iterable[Edge], bits: int
) -> arb:
    """Return the integral over one piece; strips beside ends up to which it is not smooth are bounded, not integrated.

    Arb's integrator halves its way to the strip, so that any local power is resolved.
    """
    strips = [(edge.side, *_strip(expr, x, variance, edge, bits)) for edge in rough]
    finest = max((level for _, _, level in strips), default=0)
    fine = bits + 40 + 4 * finest  # cosh(t) - 1 has lost twice the digits of t
    with precision(fine):
        lo, hi = map(number_ball, ends)
        for side, _, level in strips:
            lo, hi = (lo + arb(2) ** -level, hi) if side > 0 else (lo, hi - arb(2) ** -level)
        f = complex_function(expr, x, fine)
        scale = acb(1 / (2 * arb.pi() * variance).sqrt())
        twice = acb(2 * variance)

        def integrand(t: acb, analytic: bool) -> acb:
            return f(t, analytic) * (-t * t / twice).exp() * scale

        most = MOST_WORK // (10 + sp.count_ops(expr))
        value = acb.integral(integrand, acb(lo), acb(hi), rel_tol=arb(2) ** -bits, eval_limit=most).real
    if not value.is_finite():
        raise UnsupportedError(f"the integral of {expr} near {lo.str(5)} or {hi.str(5)} cannot be certified")
    return value + sum((share for _, share, _ in strips), arb(0))


def _strip(expr: sp.Expr, x: sp.Symbol, variance: arb, edge: Edge, bits: int) -> tuple[arb, int]:
    """Return (a ball around the integral over the strip of width 2^−k beside an edge, k)."""
    level = min(FINEST_STRIP, int((bits + 12) / (1 + edge.exponent)) + 4) if edge.exponent < 1 else bits // 2 + 8
    width = arb(2) ** -level
    for order in TAYLOR_ORDERS:
        try:
            scale, c, rest = tail_at(expr, x, edge.at, edge.side, 2**level, order).leading()
        except TailUndecided:
            continue
        if scale.rates:
            break
        size = abs(coefficient_ball(c)) * (1 + abs(rest.bound())) / (2 * arb.pi() * variance).sqrt()
        power = number_ball(1 - scale.power)
        return arb(0).union((size * width**power / power).upper() * edge.sign), level
    raise UnsupportedError(f"no certified bound of {expr} at {x} = {edge.at}; the mean cannot be certified")


def _tail_integral(expr: sp.Expr, x: sp.Symbol, variance: arb, kinks: Iterable[float], bits: int) -> tuple[arb, int]:
    """Return ∫_R^∞ f p_q and the R it was found for, its radius small against 2^−bits where that can be had."""
    best: tuple[arb, int] | None = None
    for start in _starts(variance, kinks, bits):
        ball = arb(0) if expr == 0 else _integral_from(expr, x, variance, start)
        if ball is not None:
            best = ball, start
            if ball.rad() < arb(2) ** -(bits + 8):
                return best
    if best is None:
        raise UnsupportedError(f"no certified bound of {expr} for large |{x}|; the mean cannot be certified")
    return best


def _integral_from(expr: sp.Expr, x: sp.Symbol, variance: arb, start: int) -> arb | None:
    for order in TAYLOR_ORDERS:
        try:
            return _integrated(tail(expr, x, start, order), variance, start)
        except TailUndecided:
            continue
    return None


def _moment(power: int, variance: arb, start: int) -> arb:
    """Return ∫_R^∞ x^n p_q by parts: M_n = q(n − 1)M_{n−2} + q R^{n−1} p_q(R)."""
    density = (-(arb(start) ** 2) / (2 * variance)).exp() / (2 * arb.pi() * variance).sqrt()
    moment = (start / (2 * variance).sqrt()).erfc() / 2 if power % 2 == 0 else variance * density
    for n in range(2 + power % 2, power + 1, 2):
        moment = variance * (moment * (n - 1) + arb(start) ** (n - 1) * density)
    return moment


def _integrated(behaviour: Tail, variance: arb, start: int) -> arb:
    """Return a ball around ∫_R^∞ f p_q: what is a polynomial exactly, the rest by its bound."""
    total, rest = arb(0), []
    for scale, c in behaviour.terms:
        if scale.power.is_Integer and scale.power >= 0 and scale == Scale(scale.power):
            total += coefficient_ball(c) * _moment(int(scale.power), variance, start)
        else:
            rest.append((scale, c))
    return total + arb(0, 1) * _bounded(rest, variance, start)


def _bounded(rest: list[tuple[Scale, Coefficient]], variance: arb, start: int) -> arb:
    """Return a bound of the integral of Σ |C|·x^p·(log x)^k·exp(Σ rate·x^degree) against the density, x ≥ R ≥ 3."""
    total = arb(0)
    for scale, c in rest:
        if scale.loglogs < 0:
            raise TailUndecided
        # 1 ≤ log x ≤ x there, and log log x ≤ x; x^p ≤ R^p e^{p(x/R − 1)}: log x lies below its tangent at R.
        power = number_ball(sp.Max(scale.power, 0) + sp.Max(scale.logs, 0) + scale.loglogs)
        rate, square, steep = power / start, arb(0), arb(1)
        for degree, r in scale.rates:
            if degree == 1 and r < -STEEP:  # e^{rx} ≤ e^{rR}; completing the square would multiply 0 by ∞
                steep *= (number_ball(r) * start).exp()
                continue
            if r < 0 and degree != 2 and degree != 1:
                continue
            if degree > 2:
                raise TailUndecided
            ball = number_ball(r)
            rate, square = (rate + ball, square) if degree <= 1 else (rate, square + ball)
        wide = 1 - 2 * square * variance
        if not wide > 0:
            raise TailUndecided
        v = variance / wide
        at = (start - rate * v) / (2 * v).sqrt()
        weight = steep * arb(start) ** power * (-power).exp() / (2 * wide.sqrt())
        size = abs(coefficient_ball(c))
        total += size * weight * (rate * rate * v / 2).exp() * at.erfc()
    return arb(total.upper())
