"""Recurrent cells at their zero state: the scale of the weights at which the gradient neither grows nor falls.

Without input a cell whose states are 0 stays there, and one step multiplies small states by A + B ⊗ U, with numbers A
and B and the recurrent matrix U.  With tied weights paths with equally many factors U add coherently: as N → ∞ the
vectors U^k v are orthogonal with lengths σ_w^k (Gaussian and Haar alike), and the critical scale is that of the
spectral radius, max |eigenvalues of A + σ_w B| = 1.  With fresh weights at every step only squares add: the largest
eigenvalue of A ⊗ A + σ_w² B ⊗ B is 1.  For one state: σ_w = (1 − a)/b against √(1 − a²)/b.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import sympy as sp

from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Ask, Map, Mix
from vgtheory.model.streams import stream
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import sigma_w, x

Linear = dict[sp.Symbol, sp.Expr]  # coefficients of a stream in the states that come in


@dataclass(frozen=True)
class CriticalCell:
    """The critical scale of a cell at its zero state.

    Parameters
    ----------
    formula : the scale as a statement, with what it assumes.
    tied : whether it is that of weights which all steps share, or that of fresh ones at every step.
    """

    formula: Formula
    tied: bool

    @property
    def sigma_w(self) -> float:
        """Return the critical σ_w of the recurrent matrices."""
        return float(self.formula.value())

    def _repr_latex_(self) -> str:
        return self.formula._repr_latex_()


def critical_cell(block: Block) -> CriticalCell:
    """Return the scale σ_w of a cell's recurrent matrices at which a gradient at the zero state keeps its length.

    Raises
    ------
    UnsupportedError : a block that is no cell, random biases, or several matrices that act at the zero state.
    NoSolutionError : a cell that does not stay at the zero state, or on which the scale has no influence there.

    Examples
    --------
    >>> from vgtheory.model.blocks import gru, lstm
    >>> from vgtheory.model.weights import Weights
    >>> w = Weights.gaussian(1)
    >>> [round(critical_cell(lstm(w, 1, tied=tied)).sigma_w, 4) for tied in (True, False)]
    [1.0758, 2.7293]
    >>> critical_cell(gru(w, update_bias=5)).formula.expr  # whatever the update gate
    2
    """
    if not block.recurrent:
        raise UnsupportedError(
            f"the critical scale of {block.name}, which is no recurrent cell; use vg.critical of its activation, or "
            "vg.gains of the block"
        )
    step, matrix = _one_step(block)
    fixed, moving = step.subs(matrix, 0), step.diff(matrix)
    scale = sp.Symbol("scale", positive=True)
    if block.tied:
        condition = (fixed + scale * moving - sp.eye(len(block.carried))).det()
    else:
        double = sp.kronecker_product(fixed, fixed) + scale**2 * sp.kronecker_product(moving, moving)
        condition = (double - sp.eye(len(block.carried) ** 2)).det()
    found = sp.Poly(sp.expand(condition), scale) if condition.has(scale) else None
    roots = [] if found is None else [r for r in sp.roots(found, scale, filter="R") if r.evalf() > 0]
    if not roots:
        raise NoSolutionError(f"no scale of the weights keeps the gradient of {block.name} at its zero state")
    expr = sp.simplify(min(roots, key=lambda r: r.evalf()))
    formula = Formula(
        lhs=sigma_w,
        expr=expr,
        status="proved",
        name="critical scale at the zero state, " + ("tied weights" if block.tied else "fresh weights at every step"),
        statement="the mean squared gradient neither grows nor falls exponentially with the number of steps",
        assumptions=(
            "no input, and a state of zeros",
            "width → ∞ at a fixed number of steps",
            "the same matrices at all steps" if block.tied else "fresh matrices at every step",
        ),
    )
    return CriticalCell(formula, block.tied)


def _one_step(block: Block) -> tuple[sp.Matrix, sp.Symbol]:
    """Return A + B u as a matrix over the states, u the symbol of the one matrix that acts at the zero state."""
    values = {stream(name): sp.S.Zero for name in block.carried}
    linear: dict[sp.Symbol, Linear] = {state: {state: sp.S.One} for state in values}
    for step in block.steps:
        _at_zero(step, values, linear, block)
    states = [stream(name) for name in block.carried]
    for name, new in block.streams:
        if values[stream(new)] != 0:
            raise NoSolutionError(
                f"{block.name} does not stay at the zero state: {name} moves to {values[stream(new)]}"
            )
    rows = [[linear[stream(new)].get(state, sp.S.Zero) for state in states] for _, new in block.streams]
    found = sp.Matrix(rows)
    acting = sorted((s for s in found.free_symbols if isinstance(s, sp.Dummy)), key=str)
    if not acting:
        raise NoSolutionError(
            f"the matrices of {block.name} do not act at its zero state: the gradient there does not depend on sigma_w"
        )
    if len(acting) > 1 or found.diff(acting[0], 2) != sp.zeros(*found.shape):
        raise UnsupportedError(
            f"{block.name}: several matrices act at the zero state, so that no one scale is critical; use vg.predict"
        )
    return found, acting[0]


@singledispatch
def _at_zero(step: Any, values: dict[sp.Symbol, sp.Expr], linear: dict[sp.Symbol, Linear], block: Block) -> None:
    """Write what a step's results are at the zero state, and how they move with the states."""
    raise UnsupportedError(f"no zero state is worked out for a step {type(step).__name__}")


@_at_zero.register
def _(step: Ask, values: dict[sp.Symbol, sp.Expr], linear: dict[sp.Symbol, Linear], block: Block) -> None:
    if block.matrix(step.matrix).weights.sigma_b != 0:
        raise UnsupportedError(f"the critical scale of {block.name} with random biases: its zero state is not kept")
    if values[stream(step.x)] != 0:
        raise NoSolutionError(f"{block.name} does not stay at the zero state: its matrix multiplies {step.x} ≠ 0")
    for name in step.out:
        gate = sp.Dummy(f"U_{name}", real=True)  # rows of one matrix are independent matrices
        values[stream(name)] = sp.S.Zero
        linear[stream(name)] = {state: gate * c for state, c in linear[stream(step.x)].items()}


@_at_zero.register
def _(step: Map, values: dict[sp.Symbol, sp.Expr], linear: dict[sp.Symbol, Linear], block: Block) -> None:
    for name, expr in zip(step.out, step.expressions, strict=True):
        at = {s: values[s] for s in expr.free_symbols}
        values[stream(name)] = expr.subs(at)
        moved: Linear = {}
        for symbol in at:
            slope = _slope(expr.subs({s: v for s, v in at.items() if s != symbol}), symbol, at[symbol], block)
            for state, c in linear[symbol].items():
                moved[state] = moved.get(state, sp.S.Zero) + slope * c
        linear[stream(name)] = {state: c for state, c in moved.items() if c != 0}


@_at_zero.register
def _(step: Mix, values: dict[sp.Symbol, sp.Expr], linear: dict[sp.Symbol, Linear], block: Block) -> None:
    if step.kind != "input":
        raise UnsupportedError(
            f"{block.name}: {step.kind} has no derivative worked out at a state of zeros; use vg.predict"
        )
    values[stream(step.out[0])], linear[stream(step.out[0])] = sp.S.Zero, {}


@_at_zero.register
def _(step: Add, values: dict[sp.Symbol, sp.Expr], linear: dict[sp.Symbol, Linear], block: Block) -> None:
    out, x, y = stream(step.out[0]), stream(step.x), stream(step.y)
    values[out] = step.keep * values[x] + step.scale * values[y]
    states = {*linear[x], *linear[y]}
    linear[out] = {s: step.keep * linear[x].get(s, 0) + step.scale * linear[y].get(s, 0) for s in states}


def _slope(expr: sp.Expr, symbol: sp.Symbol, at: sp.Expr, block: Block) -> sp.Expr:
    """Return the derivative of an expression in one symbol at a point; a kink there has none."""
    if not expr.has(symbol):
        return sp.S.Zero
    parts = Activation(expr.xreplace({symbol: x})).derivative_pieces()
    left = next(part.expr for part in parts if part.lo < at <= part.hi).subs(x, at)
    right = next(part.expr for part in parts if part.lo <= at < part.hi).subs(x, at)
    if sp.simplify(left - right) != 0:
        raise UnsupportedError(
            f"the critical scale of {block.name}: it has a kink at its zero state, and small states are multiplied by "
            f"{left} on one side and {right} on the other; use vg.simulate"
        )
    return right
