"""`Infimum`: the smallest value of an expression over auxiliary variables; `LogMoment`: what Chernoff bounds need.

A Chernoff bound holds for every value of its auxiliary variable, so the enclosure is that of the expression at a good
point, found in floating point: it is always valid, and within the search's accuracy the best.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import scipy  # its parts load at first use, which the search alone makes of them
import sympy as sp
from flint import arb
from sympy.printing.precedence import PRECEDENCE

from vgtheory._errors import need_values
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.enclosed import Enclosed
from vgtheory.symbolic.kept import kept

WIDEST = 20_000  # neurons; the sums over the number of active ones have as many terms
STEPS = 60  # evaluations of a search


class LogMoment(Enclosed):
    """ln E(χ²_n/(N p))^θ for n ~ Binomial(N, p), the term n = 0 left out; closed for p = 1.

    E(χ²_n)^θ = 2^θ Γ(n/2 + θ)/Γ(n/2); for θ > 0 the term n = 0 is 0.
    """

    is_commutative = True
    is_extended_real = True

    def __new__(cls, theta: Any, width: Any, p: Any) -> LogMoment:
        """Return the logarithm, not evaluated."""
        obj: LogMoment = sp.Expr.__new__(cls, sp.sympify(theta), sp.sympify(width), sp.sympify(p))
        return obj

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        theta, width, p = (printer._print(a) for a in self.args)
        of, by = rf"\mathrm{{Bin}}\left({width}, {p}\right)", rf"\left({width} \cdot {p}\right)"
        if self.args[2].is_Rational:
            by = printer._print(self.args[1] * self.args[2])
            of = width if self.args[2] == 1 else of
        text = rf"\ln\mathbb{{E}}\left(\chi^2_{{{of}}}/{by}\right)^{{{theta}}}"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text

    def _sympystr(self, printer: Any) -> str:
        return f"LogMoment({', '.join(printer._print(a) for a in self.args)})"

    def _plain(self, printer: Any) -> str:
        theta, width, p = (printer._print(a) for a in self.args)
        of, by = f"Bin({width}, {p})", f"({width}*{p})"
        if self.args[2].is_Rational:
            by = printer.parenthesize(self.args[1] * self.args[2], PRECEDENCE["Pow"])
            of = width if self.args[2] == 1 else of
        return f"ln E(χ²_{of}/{by})^{theta}"

    def enclosure(self, bits: int) -> arb:
        """Return a ball around the value."""
        theta, width, p = self.args
        need_values("a moment", self.free_symbols)
        return _log_moment(theta, int(width), p, bits)

    def estimate(self) -> Callable[[float], float]:
        """Return the value as a function of θ in floating point."""
        width, p = int(self.args[1]), float(self.args[2])
        return lambda theta: _estimate(theta, width, p)


@lru_cache(maxsize=1024)
def _log_moment(theta: sp.Expr, width: int, p: sp.Expr, bits: int) -> arb:
    digits = int(bits / 3.3) + 5
    power, share = enclose(theta, digits), enclose(p, digits)
    share = share.min(arb(1)) if p.is_number and share.overlaps(arb(1)) else share
    scale = (arb(2) / (width * share)).log() * power
    if p == 1:
        return scale + (arb(width) / 2 + power).lgamma() - (arb(width) / 2).lgamma()
    # Γ(n/2 + θ)/Γ(n/2) two steps at a time, the binomial weights one at a time.
    ratios = [(arb(n) / 2 + power).gamma() / (arb(n) / 2).gamma() for n in (1, 2)]
    odds, weight, total = share / (1 - share), (1 - share) ** width, arb(0)
    for n in range(1, width + 1):
        weight = weight * odds * (width - n + 1) / n
        total += weight * ratios[(n - 1) % 2]
        ratios[(n - 1) % 2] = ratios[(n - 1) % 2] * (arb(n) / 2 + power) / (arb(n) / 2)
    return scale + total.log()


@lru_cache(maxsize=4096)
def _estimate(theta: float, width: int, p: float) -> float:
    scale = theta * math.log(2 / (width * p))
    if p >= 1:
        return math.lgamma(width / 2 + theta) - math.lgamma(width / 2) + scale
    n, weight = _binomial(width, p)
    terms = weight + scipy.special.gammaln(n / 2 + theta)
    largest = terms.max()
    return float(largest + np.log(np.exp(terms - largest).sum())) + scale


@lru_cache(maxsize=16)
def _binomial(width: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Return n = 1..N and ln P(n)/Γ(n/2), n ~ Binomial(N, p)."""
    n, log_gamma = np.arange(1, width + 1), scipy.special.gammaln
    choices = log_gamma(width + 1) - log_gamma(n + 1) - log_gamma(width - n + 1)
    return n, choices + n * np.log(p) + (width - n) * np.log1p(-p) - log_gamma(n / 2)


class Exponential(Enclosed):
    """e^x that SymPy leaves alone; its own exp would spend minutes on combining the logarithms inside an infimum."""

    is_commutative = True
    is_positive = True
    directions = (1,)

    def __new__(cls, x: Any) -> Exponential:
        """Return the exponential, not evaluated."""
        obj: Exponential = sp.Expr.__new__(cls, sp.sympify(x))
        return obj

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\exp\left({printer._print(self.args[0])}\right)"
        return rf"{text}^{{{exp}}}" if exp else text

    def _sympystr(self, printer: Any) -> str:
        return f"exp({printer._print(self.args[0])})"

    _plain = _sympystr

    def enclosure(self, bits: int) -> arb:
        """Return a ball around the value."""
        return enclose(self.args[0], int(bits / 3.3) + 2).exp()


class Infimum(Enclosed):
    """The infimum of an expression over variables, each (symbol, lower end, upper end); the symbols are bound."""

    is_commutative = True
    is_extended_real = True
    directions = (1,)

    def __new__(cls, expr: Any, *ranges: Any) -> Infimum:
        """Return the infimum, not evaluated."""
        obj: Infimum = sp.Expr.__new__(cls, sp.sympify(expr), *(sp.Tuple(*r) for r in ranges))
        return obj

    @property
    def bound_symbols(self) -> list[sp.Symbol]:
        """Return the variables."""
        return [r[0] for r in self.args[1:]]

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        """Return the symbols that the value depends on."""
        return self.args[0].free_symbols - set(self.bound_symbols)

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> Infimum:
        return self if old in self.bound_symbols else Infimum(self.args[0].subs(old, new), *self.args[1:])

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        below = r",\ ".join(
            rf"{printer._print(lo)} < {printer._print(x)}" + _end(printer, hi) for x, lo, hi in self.args[1:]
        )
        text = rf"\inf_{{{below}}}\left[{printer._print(self.args[0])}\right]"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text

    def _sympystr(self, printer: Any) -> str:
        return f"Infimum({', '.join(printer._print(a) for a in self.args)})"

    def _plain(self, printer: Any) -> str:
        below = ", ".join(
            f"{printer._print(lo)} < {printer._print(x)}" + ("" if hi == sp.oo else f" < {printer._print(hi)}")
            for x, lo, hi in self.args[1:]
        )
        return f"inf[{printer._print(self.args[0])} : {below}]"

    def enclosure(self, bits: int) -> arb:
        """Return a ball around the expression at a point where it is close to its infimum."""
        need_values("an infimum", self.free_symbols)
        point = _minimiser(self.args[0], tuple(self.args[1:]))
        return enclose(self.args[0].subs(dict(zip(self.bound_symbols, point, strict=True))), int(bits / 3.3) + 2)


def _end(printer: Any, end: sp.Expr) -> str:
    return "" if end == sp.oo else rf" < {printer._print(end)}"


@kept
def _minimiser(expr: sp.Expr, ranges: tuple[sp.Tuple, ...]) -> tuple[sp.Rational, ...]:
    """Return a point near the minimum; variables are searched as u with x = lo + e^u, or between two ends."""
    moments = sorted(expr.atoms(LogMoment), key=str)
    names = [sp.Dummy() for _ in moments]
    variables = [r[0] for r in ranges]
    plain = sp.lambdify([*variables, *names], expr.xreplace(dict(zip(moments, names, strict=True))), "math")
    searched = [(m.estimate(), sp.lambdify(variables, m.args[0], "math")) for m in moments]

    def point(u: np.ndarray) -> list[float]:
        return [
            _inside(float(x), float(lo), None if hi == sp.oo else float(hi))
            for x, (_, lo, hi) in zip(u, ranges, strict=True)
        ]

    def value(u: np.ndarray) -> float:
        x = point(u)
        try:
            found = float(plain(*x, *(estimate(theta(*x)) for estimate, theta in searched)))
        except (ValueError, OverflowError, ZeroDivisionError):
            return np.inf
        return found if np.isfinite(found) else np.inf

    grid = np.linspace(-6, 6, 13)
    starts = np.stack(np.meshgrid(*[grid] * len(ranges)), -1).reshape(-1, len(ranges))
    start = min(starts, key=value)
    best = scipy.optimize.minimize(value, start, method="Nelder-Mead", options={"maxiter": STEPS * len(ranges)})
    return tuple(sp.Rational(f"{x:.6g}") for x in point(best.x))


def _inside(u: float, lo: float, hi: float | None) -> float:
    u = min(max(u, -12.0), 12.0)
    return lo + float(np.exp(u)) if hi is None else lo + (hi - lo) / (1 + float(np.exp(-u)))
