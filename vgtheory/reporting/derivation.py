"""What SymPy and ball arithmetic say about an activation alone: `vgtheory derive`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.reporting.attempt import Unavailable, attempt
from vgtheory.reporting.document import code
from vgtheory.reporting.facts import Row, extremum_row, formula_row, saturation_row
from vgtheory.reporting.latex import write_latex
from vgtheory.symbolic import gaussian
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.extrema import Extremum, Range, derivative_range, slope_bound
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.saturation import Saturation, saturation


@dataclass(frozen=True)
class Derivation:
    """φ with its derivatives, their ranges, where φ' saturates, and its Gaussian means."""

    activation: Activation
    derivatives: tuple[sp.Expr, sp.Expr]
    ranges: tuple[Range | Unavailable, Range | Unavailable]
    steepest: Extremum | Unavailable
    eps: float
    saturated: Saturation | Unavailable
    length: Formula | Unavailable
    gain: Formula | Unavailable


def derivation(act: Activation, eps: float = 0.01) -> Derivation:
    """Return the derivation of an activation.

    Parameters
    ----------
    eps : |φ'| ≤ eps counts as saturated.

    Raises
    ------
    InputError : eps not between 0 and 10^6.
    """
    if not 0 < eps <= 1e6:
        raise InputError(f"eps = {eps}", "a positive number", "e.g. --eps 0.01")
    return Derivation(
        act,
        (act.derivative(1), act.derivative(2)),
        (attempt(derivative_range, act, 1), attempt(derivative_range, act, 2)),
        attempt(slope_bound, act),
        eps,
        attempt(saturation, act, eps),
        attempt(gaussian.length_map, act),
        attempt(gaussian.gradient_gain, act),
    )


def derivation_rows(found: Derivation) -> list[Row]:
    """Return (name, value, how it is known) of everything derived."""
    act = found.activation
    rows: list[Row] = [
        ("φ(x)", code(str(act.expr)), "by definition"),
        ("φ'(x)", code(str(found.derivatives[0])), "proved, closed form"),
        ("φ''(x)", code(str(found.derivatives[1])), "proved, closed form"),
        ("symmetry", act.parity or "none", "symbolic"),
        ("kinks", ", ".join(str(b) for b in act.breakpoints) or "none", "symbolic"),
    ]
    for name, span in zip(("φ'", "φ''"), found.ranges, strict=True):
        both = (span, span) if isinstance(span, Unavailable) else (span.sup, span.inf)
        rows += [extremum_row(f"sup {name}", both[0]), extremum_row(f"inf {name}", both[1])]
    rows += [
        extremum_row("κ = sup |φ'|", found.steepest),
        saturation_row(found.eps, found.saturated),
        formula_row("E φ(√q z)²", found.length),
        formula_row("E φ'(√q z)²", found.gain),
    ]
    return rows


def write_derivation(found: Derivation, path: Path) -> None:
    """Write the derivation as a LaTeX document that pdflatex compiles."""
    act, x = found.activation, found.activation.symbol
    phi = sp.Function("varphi")
    items: list[object] = [act]
    items += [
        Formula(sp.Derivative(phi(x), x, order), expr, name=f"derivative of order {order}")
        for order, expr in enumerate(found.derivatives, 1)
    ]
    if isinstance(found.steepest, Extremum) and found.steepest.expr is not None:
        lhs = sp.Symbol("kappa")
        items.append(Formula(lhs, found.steepest.expr, name="largest slope", statement="The supremum of |φ'|."))
    items += [f for f in (found.length, found.gain) if isinstance(f, Formula)]
    write_latex(path, items, title=f"Derivation of {act.name}")
