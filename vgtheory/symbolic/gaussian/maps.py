"""The Gaussian means of mean-field theory: E φ², E φ'², E φ(u)φ(v), E φ'(u)φ'(v)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from vgtheory.symbolic import calculus
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.gaussian.engine import gaussian_mean, real, tidy
from vgtheory.symbolic.gaussian.hermite import DualMean
from vgtheory.symbolic.gaussian.line import NoClosedForm
from vgtheory.symbolic.gaussian.mean import GaussianMean
from vgtheory.symbolic.gaussian.plane import Covariance, factors, product_mean
from vgtheory.symbolic.notation import c, q
from vgtheory.symbolic.printing import displayed, to_latex

PHI = sp.Function("varphi")
q1, q2 = sp.Symbol("q1", positive=True), sp.Symbol("q2", positive=True)  # variances of u and v
_COVARIANCE = Covariance(q1, q2, c * sp.sqrt(q1) * sp.sqrt(q2))


@dataclass(frozen=True)
class DualKernel:
    """E[φ(u)φ(v)] and E[φ'(u)φ'(v)] as Formulas in q1, q2 and c; unpacks into the two."""

    value: Formula
    slope: Formula

    def __iter__(self) -> Iterator[Formula]:
        return iter((self.value, self.slope))

    def _repr_latex_(self) -> str:
        rows = [f"{to_latex(f.lhs)} &= {to_latex(f.expr)}" for f in self]
        return displayed(r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}")


def length_map(act: Activation | str) -> Formula:
    """Return E φ(√q z)² as a Formula in the symbol q (Poole et al. 2016, eq. 3, without σ_w² and σ_b²).

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula string.

    Examples
    --------
    >>> length_map("relu").expr
    q/2
    """
    act = activation(act)
    x = act.symbol
    mean = gaussian_mean(_squared(act.pieces, x), q, x)
    return _named(mean, PHI(x) ** 2, x, "length map", f"Mean square of {act.name} at pre-activation variance q")


def gradient_gain(act: Activation | str) -> Formula:
    """Return E φ'(√q z)² as a Formula in the symbol q; times σ_w² it is χ (Schoenholz et al. 2017, eq. 9).

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula string.

    Examples
    --------
    >>> gradient_gain("erf").at(q=2).expr
    4/(3*pi)
    """
    act = activation(act)
    x = act.symbol
    mean = gaussian_mean(_squared(act.derivative_pieces(), x), q, x)
    slope = sp.Derivative(PHI(x), x) ** 2
    return _named(mean, slope, x, "gradient gain", f"Mean squared slope of {act.name} at pre-activation variance q")


def dual_kernel(act: Activation | str) -> DualKernel:
    """Return E[φ(u)φ(v)] and E[φ'(u)φ'(v)] for centred normal u, v of variances q1, q2 and correlation c.

    Closed forms ("proved") exist for sums of polynomials, exponentials, sines and error functions, with at most one
    breakpoint, at 0: identity, ReLU and leaky ReLU (arc-cosine kernels, Cho and Saul 2009), erf (Williams 1997), sin,
    exp, GELU.  Otherwise the value is a :class:`DualMean`, certified when q1, q2 and c are fixed, with ``.error``.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula string.

    Examples
    --------
    >>> value, slope = dual_kernel("erf")
    >>> value.at(q1=1, q2=1).expr
    2*asin(2*c/3)/pi
    """
    act = activation(act)
    x = act.symbol
    value = _dual(act.pieces, x, PHI(x), "dual kernel", act.name)
    slope = _dual(act.derivative_pieces(), x, sp.Derivative(PHI(x), x), "dual kernel of the slope", act.name)
    return DualKernel(value, slope)


def _dual(parts: tuple[calculus.Piece, ...], x: sp.Symbol, phi: sp.Expr, name: str, of: str) -> Formula:
    lhs = DualMean(phi, x, q1, q2, c)
    law = ("u and v are centred normal with variances q_1, q_2 and correlation c",)
    statement = f"{name.capitalize()} of {of}."
    within = (sp.Le(c, 1), sp.Ge(c, -1))
    try:
        found = factors(parts, x)
        total = sp.Add(*(product_mean(f, g, _COVARIANCE) for f in found for g in found))
    except NoClosedForm:
        integral = DualMean(calculus.assemble(parts, x), x, q1, q2, c)
        return Formula(lhs, integral, "equality", "certified", name, statement, law, conditions=within)
    return Formula(lhs, tidy(real(total), c), "equality", "proved", name, statement, law, conditions=within)


def _squared(parts: tuple[calculus.Piece, ...], x: sp.Symbol) -> sp.Expr:
    return calculus.assemble(tuple(calculus.Piece(p.lo, p.hi, p.expr**2) for p in parts), x)


def _named(mean: Formula, left: sp.Expr, x: sp.Symbol, name: str, statement: str) -> Formula:
    reference: tuple[str, ...] = ("poole2016",) if name == "length map" else ("schoenholz2017",)
    fields: dict[str, Any] = {"status": mean.status, "assumptions": mean.assumptions, "conditions": mean.conditions}
    lhs = GaussianMean(left, x, q)
    return Formula(
        lhs, mean.expr, name=name, statement=f"{statement}. {mean.statement}".rstrip(), reference=reference, **fields
    )
