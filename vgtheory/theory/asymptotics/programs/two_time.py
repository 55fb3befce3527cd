"""Tied gated cells in the limit of large width, closed at two times: means of products of gradients at pairs of steps.

Of a cell c' = F(f)·c + I(i)·G(g), h' = O(o)·T(c') with tied matrices, paths with equally many factors U at different
times add coherently, so that second moments at one time do not close.  With K(t,s) = E δh_t δh_s, A(t,s) = E δc_t δc_s
and B(t,s) = E δh_t δc_s for t ≤ s, τ = T'(c), β = E O E τ and β₂ = E O² E τ²

    B(t,s) = β_s K(t,s) + E F_{s+1} B(t,s+1)
    A(t,t) = β₂ K(t,t) + E F² A(t+1,t+1) + 2β E F B(t,t+1),    A(t,s) = β_t B(t,s) + E F_{t+1} A(t+1,s)
    K(t,s) = S(t+1,s+1) A(t+1,s+1) + S_o(t+1,s+1) K(t+1,s+1)

S(t,t) = σ²(E G² E I'² + E I² E G'² + E c² E F'²), and products of means of either time where t ≠ s.  Neglected: that
gates are correlated over time through U h and biases, which costs the streams' squares up to a tenth at moderate
inputs, and that δc depends on c.
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
import xarray as xr

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.codegen.map_form import Array, map_form
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs, check_inputs, to_inputs
from vgtheory.model.network import BlockNetwork
from vgtheory.model.program import Block
from vgtheory.model.steps import Ask, Map
from vgtheory.model.streams import stream
from vgtheory.theory.asymptotics.programs.prediction import labels_of
from vgtheory.theory.methods import TWO_TIMES, UNIFORM_LOSS, WIDE, reliability

NUMBERS = 4e6
SHARED, UNEVEN = 0.35, 0.3  # of a gate's variance what is the same at all steps; ln(E F⁴/(E F²)²) of a step


class GatedCell(NamedTuple):
    """A cell c' = keep(gate)·c + ∏ inflow(gate), h' = out(gate)·read(c'), each a function of one symbol."""

    keep: sp.Expr
    inflow: tuple[sp.Expr, ...]
    out: sp.Expr
    read: sp.Expr


class Moments(NamedTuple):
    """Of a function of a normal gate: means of it, of its slope, of both squared, and of its fourth power."""

    mean: float
    slope: float
    square: float
    slope_square: float
    fourth: float


def two_time(network: BlockNetwork, inputs: Inputs | int = 1) -> xr.Dataset:
    """Return the closure at two times of a tied gated cell that fresh inputs drive, over (layer 0..L, stream).

    Variables ``log_stream_gradient_norm`` and ``stream_square``, as ``vg.predict`` has them of populations, which need
    no closure; this one is deterministic but for the state's own distribution, and says what tied weights add up.
    attrs ``reliable``: "yes", or "no: " and which of the two neglects is not small.

    Parameters
    ----------
    network : of a cell c' = F(f)·c + I(i)·G(g), h' = O(o)·T(c'), such as ``vg.blocks.lstm(weights)``, tied.
    inputs : of kind "fresh", from a state of zeros.

    Raises
    ------
    InputError : what is no network of blocks.
    UnsupportedError : another cell, untied weights, other inputs, more than 1000 steps.

    Examples
    --------
    >>> import vgtheory as vg
    >>> cell = vg.Network(vg.blocks.lstm(vg.Weights.gaussian(1)), width=1024, depth=40)
    >>> found = two_time(cell).log_stream_gradient_norm.sel(stream="c")
    >>> round(float(found.sel(layer=20) - found.sel(layer=10)) / 10, 2)  # per step
    0.2
    """
    if not isinstance(network, BlockNetwork):
        accepted = "a network of a gated cell"
        raise InputError("network", accepted, "e.g. vg.Network(vg.blocks.lstm(w), 64, 50)", got=shown(network))
    given, cell, depth = to_inputs(inputs), gated_cell(network.block), int(network.depth)
    check_inputs(given, network.block.recurrent, depth)
    if given.kind != "fresh" or given.start != 0 or not network.block.tied:
        raise UnsupportedError(
            "the closure at two times is for tied weights, inputs that are new at every step, and a start of zeros; "
            "use vg.predict"
        )
    require(network, "predict")
    sigma_w, sigma_b = network.block.matrices[0].sigmas(network.widths[0], depth)
    found = _forward(cell, depth, sigma_w, sigma_b, given.drive)
    logs, by = _backward(found, depth, sigma_w), ("layer", "stream")
    return xr.Dataset(
        {
            "stream_square": (by, np.stack([found.h2, np.diag(found.cc)], axis=1), labels_of("stream_square")),
            "log_stream_gradient_norm": (by, logs, labels_of("log_stream_gradient_norm")),
        },
        {"layer": np.arange(depth + 1), "stream": list(network.block.carried)},
        {
            "method": TWO_TIMES,
            "reliable": reliability(_doubts(found, sigma_w, sigma_b, given.drive)),
            "assumptions": f"{WIDE}; {UNIFORM_LOSS}; gates independent over time, gradients independent of the state",
            "inputs": json.dumps(given.spec),
            "spec": network.spec_json,
        },
    )


def gated_cell(block: Block) -> GatedCell:
    """Return the functions that a cell is made of.

    Raises UnsupportedError for a cell of another form.
    """
    maps = [step for step in block.steps if isinstance(step, Map)]
    gates = {stream(name) for step in block.steps if isinstance(step, Ask) for name in step.out}
    plain = len(maps) == 2 and all(isinstance(step, (Ask, Map)) for step in block.steps) and len(block.carried) == 2
    if plain:
        state, new = stream(block.carried[1]), stream(block.streams[1][1])
        inner, outer = maps[0].expressions[0], maps[1].expressions[0]
        kept, rest = inner.coeff(state), sp.expand(inner - inner.coeff(state) * state)
        parts = [kept, *sp.Mul.make_args(rest), *(f for f in sp.Mul.make_args(outer) if not f.has(new))]
        read = sp.Mul(*(f for f in sp.Mul.make_args(outer) if f.has(new)))
        of_one = [part.free_symbols for part in parts]
        known = all(len(s) == 1 and s <= gates for s in of_one) and len(set().union(*of_one)) == len(parts)
        if known and read.free_symbols == {new} and len(parts) >= 3:
            return GatedCell(kept, tuple(parts[1:-1]), parts[-1], read)
    raise UnsupportedError(
        f"the closure at two times of {block.name}: no cell c' = F(f) c + I(i) G(g), h' = O(o) T(c') of gates that "
        "matrices give; use vg.predict"
    )


class Forward(NamedTuple):
    """Moments of gates and states at steps 0..L: lists of Moments by step 1..L, and (step, step) means of products."""

    keep: list[Moments]
    inflow: list[tuple[Moments, ...]]
    out: list[Moments]
    h2: Array
    cc: Array  # E c_t c_s
    rr: Array  # E T(c_t) T(c_s)
    tau: Array
    tau2: Array


def _forward(cell: GatedCell, depth: int, sigma_w: float, sigma_b: float, drive: float) -> Forward:
    """Return the moments forward in time; the state is followed as a population, which is not normal."""
    units = int(min(40_000, NUMBERS / (depth + 1)))
    rng, states, h2 = np.random.default_rng(20189), np.zeros((depth + 1, units)), [0.0]
    keep, inflow, out = [], [], []
    for step in range(1, depth + 1):
        scale = math.sqrt(sigma_w**2 * h2[-1] + sigma_b**2 + drive)
        keep.append(_moments(cell.keep, scale))
        inflow.append(tuple(_moments(part, scale) for part in cell.inflow))
        out.append(_moments(cell.out, scale))
        new = _values(cell.keep, scale * rng.standard_normal(units))[0] * states[step - 1]
        entering = np.ones(units)
        for part in cell.inflow:
            entering = entering * _values(part, scale * rng.standard_normal(units))[0]
        states[step] = new + entering
        read, _ = _values(cell.read, states[step])
        h2.append(out[-1].square * float(np.mean(read**2)))
    read, slope = _values(cell.read, states)
    cc, rr = (x @ x.T / units for x in (states, read))
    return Forward(keep, inflow, out, np.array(h2), cc, rr, slope.mean(axis=1), (slope**2).mean(axis=1))


def _backward(found: Forward, depth: int, sigma_w: float) -> Array:
    """Return ln of the gradient norms (layer, stream) at h and at c without its way through h."""
    every = range(1, depth + 1)
    f1 = np.array([0.0, *(m.mean for m in found.keep), 0.0])
    beta = np.array([0.0, *(found.out[t - 1].mean * found.tau[t] for t in every)])
    kernel = _pairs(found, depth, sigma_w)
    logs = np.full((depth + 1, 2), -math.inf)
    logs[depth, 0] = 0.0
    size, unit = depth + 3, 0.0
    k, a = np.zeros(size), np.zeros(size)  # rows K(t, ·), A(t, ·)
    k[depth], a[depth] = 1.0, found.out[depth - 1].square * found.tau2[depth]
    for t in range(depth - 1, -1, -1):
        square = found.keep[t].square * a[t + 1]
        logs[t, 1] = unit + 0.5 * _log(square)
        previous_k, previous_a = k, a
        k, a, b = np.zeros(size), np.zeros(size), np.zeros(size)
        s = np.arange(t, depth)
        k[s] = kernel[0][t + 1, s + 1] * previous_a[s + 1] + kernel[1][t + 1, s + 1] * previous_k[s + 1]
        logs[t, 0] = unit + 0.5 * _log(k[t])
        if t == 0:
            break
        for s_ in range(depth, t, -1):
            b[s_] = beta[s_] * k[s_] + f1[s_ + 1] * b[s_ + 1]
        later = np.arange(t + 1, depth + 1)
        a[later] = beta[t] * b[later] + f1[t + 1] * previous_a[later]
        a[t] = found.out[t - 1].square * found.tau2[t] * k[t] + square + 2 * beta[t] * f1[t + 1] * b[t + 1]
        largest = max(float(np.abs(k).max()), float(np.abs(a).max()))
        if largest > 0:
            k, a, unit = k / largest, a / largest, unit + 0.5 * math.log(largest)
    return logs


def _pairs(found: Forward, depth: int, sigma_w: float) -> tuple[Array, Array]:
    """Return S and S_o over pairs of steps 1..L."""
    size = depth + 1
    s, o = np.zeros((size, size)), np.zeros((size, size))
    steps = slice(1, size)
    slopes = np.array([m.slope for m in found.keep])
    s[steps, steps] = found.cc[:-1, :-1] * np.outer(slopes, slopes)
    own = np.diag(found.cc)[:-1] * [m.slope_square for m in found.keep]
    for j in range(len(found.inflow[0])):
        means = np.array([_one_slope([(m.mean, m.slope) for m in parts], j) for parts in found.inflow])
        squares = np.array([_one_slope([(m.square, m.slope_square) for m in parts], j) for parts in found.inflow])
        s[steps, steps] += np.outer(means, means)
        own = own + squares
    slopes = np.array([m.slope for m in found.out])
    o[steps, steps] = found.rr[1:, 1:] * np.outer(slopes, slopes)
    at = np.arange(1, size)
    s[at, at] = own
    o[at, at] = np.diag(found.rr)[1:] * [m.slope_square for m in found.out]
    return sigma_w**2 * s, sigma_w**2 * o


def _one_slope(parts: list[tuple[float, float]], j: int) -> float:
    """Return the product of values with the j-th replaced by its slope."""
    return math.prod(slope if k == j else value for k, (value, slope) in enumerate(parts))


def _values(expr: sp.Expr, at: Array) -> tuple[Array, Array]:
    """Return a function of one symbol and its slope."""
    (symbol,) = expr.free_symbols
    (value,), partials = map_form((expr,), (symbol,)).evaluate(at)
    return value, np.broadcast_to(partials.get((0, symbol), 0.0), at.shape)


def _moments(expr: sp.Expr, scale: float) -> Moments:
    """Return the moments at a normal gate, by the trapezoidal rule, which converges geometrically for smooth gates."""
    z = np.linspace(-9, 9, 721)
    weight = np.exp(-z * z / 2)
    value, slope = _values(expr, scale * z)
    means = (value, slope, value**2, slope**2, value**4)
    return Moments(*(float(weight @ mean / weight.sum()) for mean in means))


def _doubts(found: Forward, sigma_w: float, sigma_b: float, drive: float) -> list[str]:
    """Return which of the neglects is not small."""
    kept = sigma_w**2 * found.h2[-1] + sigma_b**2
    shared, last = kept / max(kept + drive, 1e-300), found.keep[-1]
    uneven = math.log(last.fourth / last.square**2)
    doubts = []
    if shared > SHARED:
        doubts.append(f"{shared:.0%} of the gates' variance comes from states and biases, which steps share")
    if uneven > UNEVEN:
        doubts.append(f"E F^4/(E F^2)^2 = {math.exp(uneven):.2g}: the gradient sits in few units, where c is kept")
    return doubts


def _log(x: Any) -> float:
    return math.log(x) if x > 0 else -math.inf
