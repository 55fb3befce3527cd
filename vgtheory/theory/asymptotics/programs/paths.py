"""What carries a gradient through a block: skip connections, the gates on a state's own path, units that are flat."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.model.network import BlockNetwork
from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Ask, Map, Mix
from vgtheory.model.streams import stream
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.extrema import slope_bound
from vgtheory.symbolic.saturation import flat_slope, saturation
from vgtheory.theory.asymptotics.programs.stacks import Size, through
from vgtheory.theory.asymptotics.programs.unit_products import Factor, X, derivative, mean, polynomial


class OwnPath(NamedTuple):
    """What a step of a cell keeps of a state: the gates that multiply it, their product's mean and mean square."""

    state: str
    gates: tuple[str, ...]
    mean: float
    square: float


def skipped(block: Block, depth: int) -> float | None:
    """Return the share of the squared gradient that skip connections hand through a block; None without such a path.

    >>> import vgtheory as vg
    >>> skipped(vg.blocks.residual(vg.blocks.dense("tanh", vg.Weights.gaussian(1)), keep="1/2"), depth=9)
    0.25
    """
    start, name = block.streams[0]
    writers = {out: step for step in block.steps for out in step.out}
    share = 1.0
    while name != start:
        step = writers[name]
        if not isinstance(step, Add):
            return None
        name, share = step.x, share * step.factors(depth)[0] ** 2
    return share if block.streams[0][1] != start else None


def behind_norms(block: Block) -> bool:
    """Return whether what comes in is read by norms and by what skip connections keep, and by nothing else.

    What branches add then does not grow with the stream, since a normed stream has length 1 at every layer.

    >>> import vgtheory as vg
    >>> mlp = vg.blocks.mlp("relu", vg.Weights.he(), vg.Weights.gaussian(1))
    >>> normed = vg.blocks.residual(vg.blocks.normalised(mlp))
    >>> behind_norms(normed), behind_norms(vg.blocks.sequence(normed, vg.blocks.residual(mlp)))
    (True, False)
    """
    raw = set(block.carried)
    for step in block.steps:
        if isinstance(step, Add) and step.x in raw and step.y not in raw:
            raw.update(step.out)
        elif raw & set(step.reads) and not (isinstance(step, Mix) and step.kind in ("layer", "rms")):
            return False
    return True


def recurrent_matrices(block: Block) -> list[str]:
    """Return the names of the matrices of a cell that read its states as the last step left them.

    >>> import vgtheory as vg
    >>> recurrent_matrices(vg.blocks.gru(vg.Weights.gaussian(1)))
    ['U', 'Un']
    """
    if not block.recurrent:
        return []
    states, written = set(block.carried), {new for _, new in block.streams}
    for step in block.steps:
        if not isinstance(step, Ask) and states & set(step.reads):
            states.update(set(step.out) - written)
    return [step.matrix for step in block.steps if isinstance(step, Ask) and step.x in states]


def own_paths(block: Block, variances: Mapping[sp.Symbol, float]) -> list[OwnPath]:
    """Return by state what gates keep of it, where it enters linearly and the gates are normal with these variances.

    Raises UnsupportedError for functions of several quantities at once.
    """
    written = {
        name: expr
        for step in block.steps
        if isinstance(step, Map)
        for name, expr in zip(step.out, step.expressions, strict=True)
    }
    found = []
    for state, new in block.streams:
        if new not in written or stream(state) not in written[new].free_symbols:
            continue
        slope = {Factor.of(stream(state), stream(state), 1): sp.S.One}  # of the state itself
        kept = sp.expand(derivative(polynomial(written[new]), stream(state)).xreplace(slope))
        gates = {factor.symbol for factor in kept.atoms(Factor)}
        if gates <= set(variances):
            at = {symbol: np.asarray(variances[symbol]) for symbol in gates}
            names = tuple(sorted(map(str, gates)))
            found.append(OwnPath(state, names, float(mean(kept, at)), float(mean(kept**2, at))))
    return found


def read_variances(network: BlockNetwork, squares: Mapping[str, float], drive: float) -> dict[sp.Symbol, float]:
    """Return the variances of what maps read of matrices, from mean squares of the streams that come in.

    Of tokens that attend to each other only answers to normed streams, whose length is known.

    Raises UnsupportedError for steps without a mean field.
    """
    block, width, depth = network.block, int(network.widths[0]), int(network.depth)
    asked = [step for step in block.steps if isinstance(step, Ask)]
    if block.recurrent:
        found: dict[sp.Symbol, float] = {}
        for step in asked:
            if step.x in squares:
                sigma_w, sigma_b = block.matrix(step.matrix).sigmas(width, depth)
                variance = sigma_w**2 * squares[step.x] + sigma_b**2 + (drive if step.driven else 0.0)
                found |= {stream(name): variance for name in step.out}
        return found
    attends = bool(block.mixes("attention"))
    normed = {name for step in block.mixes("layer", "rms") for name in step.out}
    start = Size(np.zeros(network.columns), np.full(network.columns, squares[block.carried[0]]))
    sizes = through(block, start, width, depth, network.shape).sizes
    return {
        stream(name): float(np.mean(sizes[name].square))
        for step in asked
        if step.x in normed or not attends
        for name in step.out
        if name in sizes
    }


def flat_shares(
    block: Block, variances: Mapping[sp.Symbol, float], squares: Mapping[str, float]
) -> tuple[list[tuple[str, float]], bool]:
    """Return (stream, share of its units at which a function of it is saturated), and whether no function is left out.

    Saturated: a slope of at most 1 % of the function's largest one.  Of streams that are not normal the share is at
    most E x²/r² (Chebyshev), r the least |x| at which the function is saturated.

    Parameters
    ----------
    variances : of normal streams.
    squares : mean squares of the states that a step leaves.
    """
    left = {stream(new): squares[name] for name, new in block.streams}
    states = {stream(new): name for name, new in block.streams}
    found, complete, seen = [], True, set[Factor]()
    for step in block.steps:
        for expr in step.expressions if isinstance(step, Map) else ():
            factors = _factors(expr)
            complete = complete and factors is not None
            for factor in sorted((factors or set()) - seen, key=str):
                seen.add(factor)
                act = Activation(factor.function.xreplace({factor.symbol: X}))
                if not act.expr.diff(act.symbol).free_symbols:
                    continue
                flat = saturation(act, flat_slope(slope_bound(act).enclosure[1]))
                variance, square = variances.get(factor.symbol, 0.0), left.get(factor.symbol)
                if 0 < variance < math.inf:
                    found.append((str(factor.symbol), float(flat.probability(variance))))
                elif square is not None and flat.period is None:
                    nearest = min((max(low, -high, 0.0) for low, high in flat.intervals), default=math.inf)
                    share = min(1.0, square / nearest**2) if nearest > 0 else 1.0
                    found.append((states[factor.symbol], share))
                else:
                    complete = False
    return found, complete


def _factors(expr: sp.Expr) -> set[Factor] | None:
    """Return the functions of one stream in a map; None where a function takes several streams at once."""
    try:
        return set(polynomial(expr).atoms(Factor))
    except UnsupportedError:
        return None


def mean_square_slope(block: Block, variances: Mapping[sp.Symbol, float]) -> float | None:
    """Return E φ'² of a block that is one map of one answer of a matrix; None for other blocks."""
    maps = [step for step in block.steps if isinstance(step, Map)]
    if len(maps) != 1 or len(maps[0].expressions) != 1 or len(maps[0].symbols) != 1:
        return None
    (symbol,) = maps[0].symbols
    if symbol not in variances:
        return None
    slope = derivative(polynomial(maps[0].expressions[0]), symbol)
    return float(mean(slope**2, {symbol: np.asarray(variances[symbol])}))


def zeros_around(block: Block) -> Mix | None:
    """Return the only window of a block, if it is one with zeros around it, without a stride; else None."""
    windows = block.mixes("window")
    if len(windows) != 1:
        return None
    kernel, zeros, _, stride = windows[0].options
    centre = any(block.matrix(step.matrix).centre for step in block.steps if isinstance(step, Ask))
    return windows[0] if zeros and kernel > 1 and stride == 1 and not centre else None
