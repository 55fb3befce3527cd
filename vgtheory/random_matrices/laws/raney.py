"""Raney laws, the two-parameter Fuss–Catalan family."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
from scipy.special import expit, gammaln, log_expit, roots_jacobi

from vgtheory._errors import InputError, shown
from vgtheory.random_matrices.arguments import positive
from vgtheory.random_matrices.laws.half_line import HalfLineLaw
from vgtheory.random_matrices.laws.law import Array, Pairs

_MOST_DEGREE = 12  # of an equation that is eliminated by a resultant
_HALVINGS = 70  # of an interval of length 780 in the log-odds of the angle
_TABLE, _STEPS = 801, 60  # places that bracket quantiles; most Newton steps between them


@dataclass(frozen=True)
class Raney(HalfLineLaw):
    """The law of moments r Γ(kp + r)/(k! Γ(k(p − 1) + r + 1)), p > 1 and 0 < r ≤ p (Młotkowski 2010).

    With 0 < f < π/p (Forrester & Liu 2015):  x = sin^p(pf)/(sin f sin^{p−1}((p − 1)f)),
    x·density = sin(rf) (sin(pf)/sin((p − 1)f))^r/π.  p = L + 1, r = 1 is Fuss–Catalan.
    """

    p: float
    r: float

    @staticmethod
    def equation(z: sp.Expr, g: sp.Expr, p: sp.Expr, r: sp.Expr) -> sp.Expr:
        """Return what vanishes at g = G(z) = B^r/z, B = 1 + B^p/z: without B^{1/n} for small rational p and r."""
        if p.is_Rational and r.is_Rational:
            n = sp.ilcm(p.q, r.q)
            if n * p <= _MOST_DEGREE and max(n * p, n) * n * r <= _MOST_DEGREE**2:
                y = sp.Symbol("y")
                return sp.resultant(z * (y**n - 1) - y ** (n * p), y ** (n * r) - z * g, y)
        return (z * g) ** (p / r) / z - (z * g) ** (1 / r) + 1

    def _angles(self, odds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return f and the logs of sin f, sin((p − 1)f) and sin(pf) at pf = π/(1 + e^−odds)."""
        angle, rest = np.pi * expit(odds), np.pi * expit(-odds)
        f = angle / self.p
        # π − pf as e^{log}: for small r most of the law lies where it underflows.
        top = np.where(odds < 0, np.log(np.sin(angle)), _log_rest(odds) + np.log(np.sinc(rest / np.pi)))
        inner = np.where(odds < 0, np.sin(angle * ((self.p - 1) / self.p)), np.sin(rest + f))
        return f, np.log(np.sin(f)), np.log(inner), top

    def _log_x(self, odds: np.ndarray) -> np.ndarray:
        _, first, inner, top = self._angles(odds)
        return self.p * top - first - (self.p - 1) * inner

    def _odds(self, log_x: np.ndarray) -> np.ndarray:
        lo, hi = np.full(log_x.shape, -40.0), 60.0 + np.abs(log_x)
        for _ in range(_HALVINGS):
            middle = (lo + hi) / 2
            above = self._log_x(middle) > log_x
            lo, hi = np.where(above, middle, lo), np.where(above, hi, middle)
        return (lo + hi) / 2

    def _flow(self, eps: np.ndarray) -> np.ndarray:
        """Return −dP(X > x)/dε·ε^{1−r} at ε = π − pf: a power series in ε, from d ln x/dε and the density of ln x."""
        p, f = self.p, (np.pi - eps) / self.p
        inner = np.sin(eps + f)  # sin((p − 1)f)
        ratio = np.sinc(eps / np.pi) / inner
        # ε d ln x/dε = ε(p² cot ε + cot f − (p − 1)² cot(ε + f))/p
        slope = p * p * np.cos(eps) / np.sinc(eps / np.pi) + eps / np.tan(f) - (p - 1) ** 2 * eps / np.tan(eps + f)
        return np.sin(self.r * f) * ratio**self.r / np.pi * slope / p

    @cached_property
    def _rule(self) -> tuple[np.ndarray, np.ndarray]:
        # The nearest singularity of the power series lies at −π/(p − 1).
        node, weight = roots_jacobi(int(40 + 12 * np.sqrt(self.p)), 0.0, self.r - 1)
        return (1 + node) / 2, weight / 2**self.r

    def _below(self, odds: np.ndarray) -> np.ndarray:
        """Return P(X ≤ x) = ε^r ∫_0^1 s^{r−1} flow(εs) ds, by a Gauss–Jacobi rule."""
        node, weight = self._rule
        return np.exp(self.r * _log_rest(odds)) * (self._flow(np.pi * expit(-odds)[..., None] * node) @ weight)

    @property
    def bands_log(self) -> Pairs:
        """Return (−inf, p ln p − (p − 1) ln(p − 1)), the one band of ln X."""
        return ((-np.inf, float(self.p * np.log(self.p) - (self.p - 1) * np.log(self.p - 1))),)

    def _pdf_log(self, log_x: np.ndarray) -> Array:
        """Return the density of ln X, i.e. x·pdf(x), at ln x."""
        edge = self.support_log()[1]
        f, _, inner, top = self._angles(self._odds(np.where(log_x < edge, log_x, edge)))
        value = np.sin(self.r * f) * np.exp(self.r * (top - inner)) / np.pi
        out = np.where((log_x >= edge) | (log_x == -np.inf), 0.0, value)
        return out

    def _cdf_log(self, log_x: np.ndarray) -> Array:
        """Return P(ln X ≤ log_x), to full relative precision in the lower tail."""
        edge = self.support_log()[1]
        value = self._below(self._odds(np.where(log_x < edge, log_x, edge)))
        out = np.where(log_x >= edge, 1.0, np.where(log_x == -np.inf, 0.0, np.minimum(value, 1.0)))
        return out

    def _sf_log(self, log_x: np.ndarray) -> Array:
        """Return P(ln X > log_x)."""
        return 1.0 - self.cdf_log(log_x)

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        far = max(80.0, 750.0 / self.r)  # P(X ≤ x) is about e^{−r·odds} there, and underflows
        odds = np.concatenate(
            [np.linspace(-12.0, 40.0, _TABLE // 2), np.geomspace(40.0, far, _TABLE - _TABLE // 2 + 1)[1:]]
        )
        return odds[::-1], np.maximum.accumulate(self._below(odds[::-1]))

    def _ppf_log(self, q: np.ndarray) -> Array:
        """Return the quantile of ln X; −inf at 0, NaN outside 0 ≤ q ≤ 1."""
        odds, below = self._table
        target = np.clip(q, below[0], 1 - 1e-16)
        place = np.clip(np.searchsorted(below, target), 1, _TABLE - 1)
        lo, hi = odds[place], odds[place - 1]  # P(X ≤ x) falls as the odds grow
        at = (lo + hi) / 2
        for _ in range(_STEPS):
            value = self._below(at)
            lo, hi = np.where(value > target, at, lo), np.where(value > target, hi, at)
            eps = np.pi * expit(-at)
            rate = self._flow(eps) * np.exp(self.r * _log_rest(at)) * expit(at)
            with np.errstate(divide="ignore", invalid="ignore"):
                new = at + (value - target) / rate
            new = np.where((new > lo) & (new < hi), new, (lo + hi) / 2)
            settled = (np.abs(value - target) <= 2e-16 * target) | (np.abs(new - at) <= 1e-14 * np.abs(at))
            at = np.where(settled, at, new)
            if settled.all():
                break
        value = np.where(q == 0, -np.inf, np.where(q == 1, self.support_log()[1], self._log_x(at)))
        return value

    def _moment(self, order: int) -> float:
        """Return E X^order = r Γ(kp + r)/(k! Γ(k(p − 1) + r + 1))."""
        k = order
        return float(np.prod([(k * self.p + self.r - j) / j for j in range(1, k)]) * self.r / k)

    def log_moment(self, order: int) -> float:
        """Return ln E X^order."""
        k = order
        up = gammaln(k * self.p + self.r) - gammaln(k * (self.p - 1) + self.r + 1)
        return float(np.log(self.r) + up - gammaln(k + 1))


def _log_rest(odds: np.ndarray) -> np.ndarray:
    """Return ln(π − pf)."""
    return np.log(np.pi) + log_expit(-odds)


def raney(p: float, r: float) -> Raney:
    """Return the Raney law of parameters p > 1 and 0 < r ≤ p, moments r C(kp + r, k)/(kp + r).

    Raises
    ------
    InputError : p or r is not a finite number in these ranges.

    Examples
    --------
    >>> law = raney(2, 2)
    >>> [law.moment(k) for k in range(1, 4)], law.support()
    ([2.0, 5.0, 14.0], (0.0, 4.0))
    """
    first, second = positive("p", p), positive("r", r)
    if first <= 1:
        raise InputError("p", "a number above 1", "p = 1 is the beta law of r and 1 − r; give p=2", got=shown(p))
    if second > first:
        raise InputError(
            "r", f"a number of at most p = {p}", "beyond it the moments belong to no law; give r=1", got=shown(r)
        )
    return Raney(first, second)
