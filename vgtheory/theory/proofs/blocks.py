"""Bounds on the Jacobian of networks of blocks: norms of matrices, slopes of maps, and states that stay bounded.

Between the states before and after a layer J has blocks ∂a'/∂b of norm at most M_ab, numbers that add up along the
program: a matrix multiplies by its norm, a map by the largest size of its partial derivative.  Norms of products of
such block matrices are at most those of M: ‖∂a_L/∂a_0‖ ≤ (M^L)_aa ≤ ρ(M)^L, since no diagonal entry of a nonnegative
matrix exceeds its spectral radius.  A partial derivative that grows with a state, such as c·s'(f) of an LSTM, is
bounded by how far that state can come in L steps: gates and candidates of at most 1 make |c_t| ≤ t.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import sympy as sp

from vgtheory.model.network import BlockNetwork
from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix, width_symbol
from vgtheory.model.streams import stream
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import depth, jacobian_norm, p, reach, weight_norm
from vgtheory.theory.proofs.attention import attention_bounds
from vgtheory.theory.proofs.norms import PROBABILITY
from vgtheory.theory.proofs.ranges import EVERYTHING, Interval, Ranges, within

Norms = dict[str, sp.Expr]  # of the derivatives of a stream by the states before the layer
START = "the state starts from zeros"
LARGEST_NORM = "max‖W_l‖ bounds the matrix of every gate at every step"
SOURCES = ("input", "uniform", "log_uniform")
REGIMES = {
    "whatever the inputs": (sp.oo, "Whatever the inputs", ()),
    "confined pre-activations": (reach, "Where no pre-activation exceeds H", ("all |pre-activations| ≤ H",)),
    "at the zero state": (sp.S.Zero, "Without input, at the zero state,", ("no input",)),
}


def block_bounds(network: BlockNetwork) -> tuple[Formula, ...]:
    """Return the bounds on ‖J‖ of a network of blocks, J = ∂s_L/∂s_0 for the stream s that the loss reads.

    With the norm of the matrices as a symbol, and for Gaussian and Haar matrices with what is known of it, whatever the
    inputs, where no pre-activation exceeds H, and for cells at their zero state; those that are finite.  Of attention
    without skip connections there is the bound on its tokens' distance.
    """
    if network.block.mixes("attention"):
        return attention_bounds(network)
    found: dict[sp.Expr, Formula] = {}
    for regime in REGIMES:
        for formula in _bounds(network, regime):
            found.setdefault(formula.expr, formula)
    return tuple(found.values())


def _bounds(network: BlockNetwork, regime: str) -> Iterator[Formula]:
    block, (size, says, assumes) = network.block, REGIMES[regime]
    if size == 0 and not (block.recurrent and all(m.weights.sigma_b == 0 for m in block.matrices)):
        return
    layer = _bounded_layer(network, within(size))
    rate, norms = _radius(block, layer), _symbols(block)
    if rate.has(sp.oo, sp.zoo, sp.nan):
        return
    read, common = block.carried[0], (*((START,) if block.recurrent else ()), *assumes)
    statement = f"{says} no gradient at {read}_0 is larger than that at {read}_L by more than this factor."

    def bound(values: dict[sp.Symbol, sp.Expr], kind: str, assumption: str, gaussian: bool) -> Formula:
        return Formula(
            jacobian_norm, rate.subs(values) ** depth, "upper bound", "proved" if layer.ranges.proved else "certified",
            f"{kind}, {regime}", ("With probability at least 1 − p: " if gaussian else "") + statement,
            (*common, assumption, *((PROBABILITY,) if gaussian else ())),
            ("gordon1985", "davidson2001") if gaussian else ("pascanu2013",),
        )  # fmt: skip

    yield bound(dict.fromkeys(norms.values(), weight_norm), "product of norms", LARGEST_NORM, False)
    known = {norms[matrix.name]: _norm(matrix, network) for matrix in block.matrices}
    if None not in known.values():
        families = sorted({matrix.weights.family for matrix in block.matrices})
        drawn = f"{' and '.join(families)} matrices"
        yield bound(known, f"norms of {drawn}", drawn, "gaussian" in families)


# ------------------------------------------------------------------ matrices


def _symbols(block: Block) -> dict[str, sp.Symbol]:
    """Return the symbols of the norms of a block's matrices."""
    return {m.name: sp.Symbol(f"norm_{m.name}", nonnegative=True) for m in block.matrices}


def _norm(matrix: Matrix, network: BlockNetwork) -> sp.Expr | None:
    """Return a bound on the norms of all parts of a matrix, one for each stream that it gives; None without one.

    Of r·N × m·N independent normal entries of variance σ²/(mN) the norm exceeds σ(1 + √(r/m) + √(2 ln(1/p)/(mN))) with
    probability at most p (Davidson & Szarek 2001, theorem II.13); there are as many as streams, times steps where every
    step has its own.  Haar matrices have the norm σ, orthonormal columns of r·N components σ√(r/m).
    """
    block, law = network.block, matrix.weights
    asked = [step for step in block.steps if isinstance(step, Ask) and step.matrix == matrix.name]
    parts = max((len(step.out) for step in asked), default=1)
    rows, columns = sp.Integer(matrix.outputs), sp.Integer(matrix.read)
    sigma = law.sigma_at(columns * network.width, rows * network.width)[0] * sp.Abs(matrix.scale)
    if law.family == "orthogonal" and rows >= columns:
        return sigma * sp.sqrt(rows / columns)
    if law.family != "gaussian":
        return None
    matrices = len(block.matrices)  # each fails with probability p over their number
    count = parts * matrices * (1 if block.tied else depth)
    return sigma * (1 + sp.sqrt(rows / parts / columns) + sp.sqrt(2 * sp.log(count / p) / (columns * network.width)))


# ------------------------------------------------------------------ a layer


@dataclass
class BoundedLayer:
    """Intervals of a layer's streams, and norms of their derivatives by the states that come in."""

    network: BlockNetwork
    pre_activations: Interval
    ranges: Ranges
    norms: dict[str, Norms]


def _bounded_layer(network: BlockNetwork, pre_activations: Interval) -> BoundedLayer:
    """Return a layer whose states are as far from 0 as they can come in all layers."""
    block = network.block
    states = dict.fromkeys(block.carried, EVERYTHING)
    if block.recurrent:
        for _ in block.carried:  # what bounds one may bound the next
            states = {name: within(_farthest(network, pre_activations, states, name)) for name in states}
    return _through(network, pre_activations, states)


def _through(network: BlockNetwork, pre_activations: Interval, states: dict[str, Interval]) -> BoundedLayer:
    ranges = Ranges({stream(name): interval for name, interval in states.items()})
    layer = BoundedLayer(network, pre_activations, ranges, {name: {name: sp.S.One} for name in states})
    for step in network.block.steps:
        _bound(step, layer)
    return layer


def _farthest(network: BlockNetwork, pre_activations: Interval, states: dict[str, Interval], name: str) -> sp.Expr:
    """Return how far a state comes from 0 in all steps, started there; ∞ where that is not known."""
    new = stream(dict(network.block.streams)[name])

    def after(size: sp.Expr) -> sp.Expr:
        return _through(network, pre_activations, states | {name: within(size)}).ranges.interval(new).magnitude

    once = after(sp.S.Zero)
    if once.has(sp.oo) or after(once) == once:
        return once
    size = sp.Symbol("size", positive=True)
    step = sp.Poly(after(size), size) if after(size).is_polynomial(size) else None
    if step is None or step.degree() != 1:
        return sp.oo
    slope, constant = step.all_coeffs()
    return constant * depth if slope == 1 else constant * (1 - slope**depth) / (1 - slope)


@singledispatch
def _bound(step: Any, layer: BoundedLayer) -> None:
    """Write the intervals of what a step gives, and the norms of its derivatives."""
    raise AssertionError(step)


@_bound.register
def _(step: Ask, layer: BoundedLayer) -> None:
    norm = _symbols(layer.network.block)[step.matrix]
    for name in step.out:
        layer.ranges.streams[stream(name)] = layer.pre_activations
        layer.norms[name] = {state: norm * size for state, size in layer.norms[step.x].items()}


@_bound.register
def _(step: Map, layer: BoundedLayer) -> None:
    for name, expr in zip(step.out, step.expressions, strict=True):
        layer.ranges.streams[stream(name)] = layer.ranges.interval(expr)
        parts = {s.name: layer.ranges.slope(expr, s) for s in step.symbols if layer.norms[s.name]}
        layer.norms[name] = _added(layer, parts)


@_bound.register
def _(step: Add, layer: BoundedLayer) -> None:
    factors = {step.x: sp.Abs(step.keep), step.y: sp.Abs(step.scale)}
    sizes = (factor * layer.ranges.streams[stream(name)].magnitude for name, factor in factors.items() if factor != 0)
    layer.ranges.streams[stream(step.out[0])] = within(sp.Add(*sizes))
    layer.norms[step.out[0]] = _added(layer, factors)


@_bound.register
def _(step: Mix, layer: BoundedLayer) -> None:
    interval, norms = EVERYTHING, dict.fromkeys(layer.network.block.carried, sp.oo)
    if step.kind in SOURCES:
        norms = {}
        interval = layer.pre_activations if step.kind == "input" else _ends(step, layer.network)
    layer.ranges.streams[stream(step.out[0])], layer.norms[step.out[0]] = interval, norms


def _ends(step: Mix, network: BlockNetwork) -> Interval:
    ends = (end.subs(width_symbol, network.width) for end in step.numbers)
    return Interval(*(sp.log(end) if step.kind == "log_uniform" else end for end in ends))


def _added(layer: BoundedLayer, factors: dict[str, sp.Expr]) -> Norms:
    found: Norms = {}
    for name, factor in factors.items():
        for state, size in layer.norms[name].items():
            if factor != 0 and size != 0:
                found[state] = found.get(state, sp.S.Zero) + factor * size
    return found


def _radius(block: Block, layer: BoundedLayer) -> sp.Expr:
    """Return ρ(M) for one or two states, and the largest row sum, which is no smaller, for more."""
    rows = [[layer.norms[new].get(state, sp.S.Zero) for state in block.carried] for _, new in block.streams]
    if len(rows) == 1:
        return sp.sympify(rows[0][0])
    if len(rows) > 2:
        return sp.Max(*(sp.Add(*row) for row in rows))
    (a, b), (c, d) = rows
    square = (a - d) ** 2 / 4 + b * c
    return (a + d) / 2 + sp.sqrt(square if square.has(reach) else sp.factor(sp.expand(square)))
