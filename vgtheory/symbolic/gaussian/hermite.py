"""`DualMean`: E[f(u) f(v)] without a closed form, by the Hermite series with a certified remainder."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp
from flint import arb

from vgtheory._errors import InputError, UnsupportedError, need_values, shown
from vgtheory.symbolic import calculus
from vgtheory.symbolic.ball import number_ball, precision
from vgtheory.symbolic.enclosed import Enclosed
from vgtheory.symbolic.gaussian.mean import GaussianMean

MOST_TERMS = 40
SERIES_BITS = 64
GOAL_BITS = 54  # a double; more terms would cost more integrals


class DualMean(Enclosed):
    """E[f(u) f(v)] for centred normal u, v with variances q1, q2 and correlation c.

    By Mehler's formula it is Σ a_n(q1)·a_n(q2)·cⁿ with a_n(q) = E[f(√q z) He_n(z)]/√n!.  The coefficients are certified
    integrals; by the Cauchy-Schwarz inequality what follows after the N-th term is at most |c|^{N+1} times the root
    of the energies E f² − Σ a_n² that are still missing, so the enclosure is rigorous for every |c| ≤ 1.
    """

    is_commutative = True
    is_extended_real = True

    @property
    def bound_symbols(self) -> list[sp.Symbol]:
        """Return the variable of f."""
        return [self.args[1]]

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        """Return the symbols that the value depends on."""
        f, x, *rest = self.args
        return (f.free_symbols - {x}).union(*(a.free_symbols for a in rest))

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> DualMean:
        f, x, *rest = self.args
        return DualMean(f if old == x else f.subs(old, new), x, *(a.subs(old, new) for a in rest))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        f, x, *_ = self.args
        u, v = (printer._print(f.subs(x, sp.Symbol(name, real=True))) for name in ("u", "v"))
        text = rf"\mathbb{{E}}\left[{u} \cdot {v}\right]"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text

    def _eval_evalf(self, prec: int) -> sp.Expr:
        if self.free_symbols:
            return self
        return sp.Float(self.enclosure(prec).mid().str(int(prec / 3.3), radius=False), precision=prec)

    def enclosure(self, bits: int) -> arb:
        """Return a ball around the value; its radius says how far the series was summed."""
        need_values("a mean", self.free_symbols)
        return _series(*self.args)


@lru_cache(maxsize=4096)
def _coefficient(f: sp.Expr, x: sp.Symbol, q: sp.Expr, n: int) -> arb:
    z = sp.Symbol("z", real=True)
    he = sp.Poly(2 ** sp.Rational(-n, 2) * sp.hermite(n, z / sp.sqrt(2)), z).as_expr().subs(z, x / sp.sqrt(q))
    parts = calculus.pieces(f, x)
    weighted = calculus.assemble(tuple(calculus.Piece(p.lo, p.hi, p.expr * sp.horner(he)) for p in parts), x)
    return GaussianMean(weighted, x, q).enclosure(SERIES_BITS) / arb(sp.factorial(n).p).sqrt()


@lru_cache(maxsize=1024)
def _energy(f: sp.Expr, x: sp.Symbol, q: sp.Expr) -> arb:
    parts = calculus.pieces(f, x)
    square = calculus.assemble(tuple(calculus.Piece(p.lo, p.hi, p.expr**2) for p in parts), x)
    energy = GaussianMean(square, x, q).enclosure(SERIES_BITS)
    if not energy.is_finite():
        raise UnsupportedError(
            f"E f² of f = {f} is infinite at variance {q}, so that nothing bounds its Hermite series"
        )
    return energy


@lru_cache(maxsize=1024)
def _series(f: sp.Expr, x: sp.Symbol, q1: sp.Expr, q2: sp.Expr, c: sp.Expr) -> arb:
    if not abs(c) <= 1:
        raise InputError("c", "a correlation between -1 and 1", "choose another", got=shown(c))
    with precision(SERIES_BITS + 40):
        if c == 1 and q1 == q2:
            return _energy(f, x, q1)
        ball, total = number_ball(c), arb(0)
        parity = calculus.parity(calculus.pieces(f, x), x)
        missing = [_energy(f, x, q1), _energy(f, x, q2)]
        remainder = arb(0)
        for n in range(MOST_TERMS + 1):
            if (parity, n % 2) not in (("odd", 0), ("even", 1)):
                a, b = _coefficient(f, x, q1, n), _coefficient(f, x, q2, n)
                total += a * b * ball**n
                missing = [missing[0] - a * a, missing[1] - b * b]
            left = [abs(m).upper() for m in missing]
            remainder = (abs(ball) ** (n + 1) * (left[0] * left[1]).sqrt()).upper()
            if remainder < arb(2) ** -GOAL_BITS * abs(total):
                break
        return total + arb(0, 1) * remainder
