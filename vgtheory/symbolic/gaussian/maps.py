"""The Gaussian means of mean-field theory: E φ², E φ'²."""

from __future__ import annotations

from typing import Any

import sympy as sp

from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.gaussian.engine import gaussian_mean
from vgtheory.symbolic.gaussian.mean import GaussianMean
from vgtheory.symbolic.notation import q

PHI = sp.Function("varphi")


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
    square = sp.Piecewise(*((p.expr**2, x <= p.hi) for p in act.pieces[:-1]), (act.pieces[-1].expr ** 2, True))
    mean = gaussian_mean(square if len(act.pieces) > 1 else act.expr**2, q, x)
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
    parts = act.derivative_pieces()
    square = sp.Piecewise(*((p.expr**2, x <= p.hi) for p in parts[:-1]), (parts[-1].expr ** 2, True))
    mean = gaussian_mean(square if len(parts) > 1 else parts[0].expr ** 2, q, x)
    slope = sp.Derivative(PHI(x), x) ** 2
    return _named(mean, slope, x, "gradient gain", f"Mean squared slope of {act.name} at pre-activation variance q")


def _named(mean: Formula, left: sp.Expr, x: sp.Symbol, name: str, statement: str) -> Formula:
    reference: tuple[str, ...] = ("poole2016",) if name == "length map" else ("schoenholz2017",)
    fields: dict[str, Any] = {"status": mean.status, "assumptions": mean.assumptions, "conditions": mean.conditions}
    lhs = GaussianMean(left, x, q)
    return Formula(lhs, mean.expr, name=name, statement=statement + ".", reference=reference, **fields)
