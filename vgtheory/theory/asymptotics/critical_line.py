"""The whole critical line χ = 1, as numbers and, where the Gaussian means allow it, as formulas.

With q as its parameter the line is explicit: σ_w² = 1/E φ'²(q) and σ_b² = q − E φ²(q)/E φ'²(q).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.variables import labels
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.gaussian import gradient_gain, length_map
from vgtheory.symbolic.notation import q, sigma_b, sigma_w
from vgtheory.theory.asymptotics.fixed_points import LOWEST, is_stable, require_gradient
from vgtheory.theory.asymptotics.grid_roots import sign_changes
from vgtheory.theory.asymptotics.moments import table_of

HIGHEST = float(np.log(1e6))
_REFERENCE = ("poole2016", "schoenholz2017")
_TEXTS = {
    "sigma_w": "scale of the weights with chi = 1 at this q",
    "sigma_b": "scale of the biases for which this q is a fixed point there",
    "chi_q": "slope of the length map there",
    "stable": "whether the network stays at this q (|chi_q| < 1)",
}


@dataclass(frozen=True)
class CriticalCurve:
    """The critical line of an activation.

    Parameters
    ----------
    data : Dataset over ``q`` with sigma_w, sigma_b, chi_q and stable, at every q where σ_b² ≥ 0.
    formulas : what is known in closed form: σ_b² in terms of σ_w, or both in terms of q; empty if nothing is.
    half_stable : (σ_w, σ_b, q) with χ = χ_q = 1, where the line turns from stable to unstable.
    """

    data: xr.Dataset
    formulas: tuple[Formula, ...]
    half_stable: tuple[tuple[float, float, float], ...]

    def _repr_latex_(self) -> str:
        return "".join(f._repr_latex_() for f in self.formulas)


def critical_curve(act: Any, log_q: Any = None) -> CriticalCurve:
    """Return the line in the plane of σ_w and σ_b on which a fixed point q has χ = 1, with χ_q at each of its points.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula.
    log_q : where on the line, as increasing ln q; if None 600 points from q = 1e-6 to 1e6, as far as E φ² goes.

    Raises
    ------
    InputError : values of ln q that are not finite numbers.
    NoSolutionError : E φ'² is 0 or infinite at every q.
    UnsupportedError : the moments cannot be computed there.

    Examples
    --------
    >>> curve = critical_curve("sin")
    >>> curve.formulas[0].expr
    -sigma_w**2 - log(-1 + 2/sigma_w**2)/2 + 1
    >>> float(curve.data.stable.mean())
    1.0
    """
    table = table_of(act)
    require_gradient(table.activation)
    t = _places(log_q, min(HIGHEST, table.highest(np.log(1e-6)) - 1e-6))
    if table.activation.homogeneous_degree == 1:
        t = t[:1] * 0  # every q is the same point of the plane
    m = table.at(t)
    ratio = np.exp(m.log_square - m.log_slope_square - t)  # σ_w² E φ²/q
    biases = np.exp(t) * (1 - ratio)
    biases[np.abs(1 - ratio) < 1e-12] = 0.0
    inside = (biases >= 0) & np.isfinite(m.log_slope_square)
    chi_q = ratio * m.elasticity
    columns = {
        "sigma_w": np.exp(-m.log_slope_square / 2),
        "sigma_b": np.sqrt(np.maximum(biases, 0.0)),
        "chi_q": chi_q,
        "stable": is_stable(chi_q) | (table.activation.homogeneous_degree == 1),
    }
    data = xr.Dataset(
        {name: ("q", values[inside], labels(_TEXTS[name])) for name, values in columns.items()},
        coords={"q": np.exp(t[inside])},
        attrs={"activation": table.activation.name},
    )
    return CriticalCurve(data, critical_formulas(table.activation), tuple(half_stable(table.activation)))


def _places(log_q: Any, top: float) -> Array:
    if log_q is None:
        return np.linspace(np.log(1e-6), top, 600)
    try:
        out = np.atleast_1d(np.asarray(log_q, dtype=float))
    except (TypeError, ValueError):
        out = np.full(1, np.nan)
    if out.ndim != 1 or not len(out) or not np.isfinite(out).all():
        raise InputError(
            "log_q", "finite numbers, one-dimensional", "e.g. log_q=np.linspace(-9, 9, 200)", got=f"{log_q!r}"
        )
    return out


def critical_formulas(act: Any) -> tuple[Formula, ...]:
    """Return the critical line in closed form: σ_b² as a function of σ_w, else σ_w² and σ_b² as functions of q.

    Empty where E φ² or E φ'² has no closed form.

    Examples
    --------
    >>> [f.expr for f in critical_formulas("relu")]  # a single point
    [2, 0]
    """
    act = to_activation(act)
    try:
        square, slope = length_map(act), gradient_gain(act)
    except UnsupportedError:
        return ()
    if square.status != "proved" or slope.status != "proved" or slope.expr in (0, sp.oo):
        return ()
    weights, biases = 1 / slope.expr, sp.simplify(q - square.expr / slope.expr)
    conditions = (*square.conditions, *slope.conditions)
    if not slope.expr.has(q):
        return tuple(
            _equation(act, lhs, value, conditions) for lhs, value in ((sigma_w**2, weights), (sigma_b**2, biases))
        )
    root = _inverse(slope.expr)
    if root is not None:
        value = sp.expand((q - sigma_w**2 * square.expr).subs(q, root))
        inside = (sp.Ge(value, 0),) if act.parity is None else ()
        return (_equation(act, sigma_b**2, value, inside),)
    return tuple(_equation(act, lhs, value, conditions) for lhs, value in ((sigma_w**2, weights), (sigma_b**2, biases)))


def _equation(act: Activation, lhs: sp.Expr, value: sp.Expr, conditions: tuple[sp.Basic, ...]) -> Formula:
    statement = f"On this line a fixed point q of the length map of {act.name} has χ = 1; its χ_q says if it is stable."
    law = ("the width tends to infinity, weights and biases are independent and centred",)
    name = "critical line"
    return Formula(lhs, value, "equality", "proved", name, statement, law, _REFERENCE, conditions=conditions)


def _inverse(slope: sp.Expr) -> sp.Expr | None:
    """Return q as a function of σ_w from σ_w² E φ'²(q) = 1 where q occurs in one power or exponential only."""
    atoms = [a for a in slope.atoms(sp.exp, sp.Pow) if a.has(q)]
    if len(atoms) != 1:
        return None
    (atom,), y = atoms, sp.Dummy("y", positive=True)
    numerator = sp.fraction(sp.together(slope.subs(atom, y)))[0]
    if slope.subs(atom, y).has(q) or not numerator.is_polynomial(y) or sp.degree(numerator, y) != 1:
        return None
    (value,) = sp.solve(sp.Eq(slope.subs(atom, y) * sigma_w**2, 1), y)
    inside, right = (atom.exp, sp.log(value)) if isinstance(atom, sp.exp) else (atom.base, value ** (1 / atom.exp))
    if not inside.is_polynomial(q) or sp.degree(inside, q) != 1:
        return None
    line = sp.Poly(inside, q)
    return (right - line.nth(0)) / line.nth(1)


def half_stable(act: Any) -> list[tuple[float, float, float]]:
    """Return every (σ_w, σ_b, q) with χ = χ_q = 1: where the critical line turns from stable to unstable.

    Roberts, Yaida & Hanin (2022), section 5.3.4 (their C_W = σ_w², C_b = σ_b², K* = q).

    Examples
    --------
    >>> ((w, b, at),) = half_stable("gelu")  # K* = (3 + √17)/2
    >>> round(w**2, 9), round(b**2, 9), round(at - (3 + 17**0.5) / 2, 9)
    (1.983058257, 0.172922391, 0.0)
    """
    table = table_of(act)
    if table.activation.homogeneous_degree is not None:
        return []
    t = np.linspace(LOWEST, min(np.log(1e12), table.highest(LOWEST) - 1e-9), 3500)

    def residual(x: Array) -> Array:
        m = table.at(x)
        return m.log_square + np.log(np.maximum(m.elasticity, 1e-300)) - x - m.log_slope_square

    out = []
    for root in sign_changes(residual, t):
        m = table.direct(np.array([root]))
        weights = float(np.exp(-m.log_slope_square[0]))
        biases = float(np.exp(root) - weights * np.exp(m.log_square[0]))
        if biases > 0:
            out.append((weights**0.5, biases**0.5, float(np.exp(root))))
    return out
