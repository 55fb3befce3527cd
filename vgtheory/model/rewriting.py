"""Blocks made from blocks: other weights, other biases of the gates that remember, norms and scales of branches.

They read a program, not its name, so they know a user's cell as well as the built-in ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from vgtheory.model.program import Block, reading
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix, Step
from vgtheory.model.streams import stream
from vgtheory.model.weights import Weights

NORMS = ("layer", "rms")
BIAS = "memory_bias"


@dataclass(frozen=True)
class Memory:
    """A state that a step multiplies by s(u), u = gate + bias, before it adds something.

    Attributes
    ----------
    at : place of the Map that writes the state.
    gate, bias : the pre-activation, and what is added to it.
    """

    at: int
    state: str
    gate: sp.Symbol
    bias: sp.Expr


def memory(block: Block) -> Memory | None:
    """Return the first state of a cell that a gate remembers; None where there is none.

    >>> from vgtheory.model.blocks import gru, lstm, rnn
    >>> w = Weights.gaussian(1)
    >>> [found and (str(found.gate), found.bias) for found in map(memory, (lstm(w, 2), gru(w), rnn("tanh", w)))]
    [('f', 2), ('z', 0), None]
    """
    asked = _asked(block)
    for name, new in block.streams:
        for at, step in enumerate(block.steps):
            if isinstance(step, Map) and new in step.out:
                kept = step.expressions[step.out.index(new)].diff(stream(name))
                u = _logistic_of(kept)
                gates = sorted(asked & u.free_symbols, key=str) if u is not None else []
                if len(gates) == 1 and u is not None and not (u - gates[0]).has(gates[0]):
                    return Memory(at, name, gates[0], u - gates[0])
    return None


def remembering(block: Block, bias: Any) -> Block:
    """Return the cell with another constant bias of the gate that remembers."""
    found = _found(block)
    return _with_map(block, found.at, {found.gate: found.gate + sp.sympify(bias) - found.bias})


def chrono(block: Block, longest: int) -> Block:
    """Return the cell with biases ln u, u uniform on [1, longest − 1], of the gate that remembers.

    Other gates of the same state that let something in get −ln u (Tallec & Ollivier (2018), eq. 14); where the state is
    an average with weights s(u) and 1 − s(u) there is none.
    """
    found = _found(block)
    step = block.steps[found.at]
    assert isinstance(step, Map)  # by `memory`
    bias = stream(BIAS)
    new = {found.gate: found.gate + bias - found.bias}
    for expr in step.expressions:
        for u in filter(None, map(_logistic_of, expr.atoms(sp.Pow))):
            others = [s for s in u.free_symbols & _asked(block) if s != found.gate and not (u - s).has(s)]
            new |= {s: s - bias - (u - s) for s in others if not u.has(found.gate)}
    source = Mix((BIAS,), "log_uniform", (), (sp.S.One, sp.Integer(longest - 1)))
    return _with_map(block, found.at, new, source)


def with_weights(block: Block, law: Mapping[str, Weights] | Weights) -> Block:
    """Return the block with other weights in all of its matrices, or by the name of the matrix."""
    return replace(
        block,
        matrices=tuple(
            replace(m, weights=law if isinstance(law, Weights) else law.get(m.name, m.weights)) for m in block.matrices
        ),
    )


def by_gate(block: Block) -> Block:
    """Return the cell in which every gate has a matrix of its own: of orthogonal weights a block each."""
    steps: list[Step] = []
    matrices: dict[str, Matrix] = {}
    for step in block.steps:
        if not isinstance(step, Ask):
            steps.append(step)
            continue
        whole = block.matrix(step.matrix)
        for name in step.out:
            own = f"{whole.name}_{name}" if len(step.out) > 1 else whole.name
            matrices[own] = replace(whole, name=own, outputs=whole.outputs // len(step.out))
            steps.append(replace(step, out=(name,), matrix=own))
    return replace(block, steps=tuple(steps), matrices=tuple(matrices.values()))


def scaled_branches(block: Block, scale: sp.Expr) -> Block:
    """Return the block with the scale of every skip connection's branch times this number or expression in depth."""
    steps = tuple(replace(s, scale=s.scale * scale) if isinstance(s, Add) else s for s in block.steps)
    return replace(block, steps=steps)


def pre_normed(block: Block, kind: Any) -> Block:
    """Return the block with a norm at the beginning of every skip connection's branch, and none behind it."""
    sums = {step.out[0] for step in block.steps if isinstance(step, Add)}
    dropped = {s.out[0]: s.x[0] for s in block.steps if isinstance(s, Mix) and s.kind in NORMS and s.x[0] in sums}
    steps = [reading(step, dropped) for step in block.steps if step.out[0] not in dropped]
    for number, add in enumerate([step for step in steps if isinstance(step, Add)]):
        norm = Mix((f"pre{number}",), kind, (add.x,))
        branch = _leads_to(add.y, steps, add.x)
        first = min((at for at, s in enumerate(steps) if s.out[0] in branch and add.x in s.reads), default=None)
        if first is None or any(isinstance(s, Mix) and s.kind in NORMS and s.x == (add.x,) for s in steps[first:]):
            continue  # nothing reads the stream, or a norm does
        steps = [reading(s, {add.x: norm.out[0]}) if s.out[0] in branch else s for s in steps]
        steps.insert(first, norm)
    streams = tuple((name, dropped.get(new, new)) for name, new in block.streams)
    return replace(block, name=f"{block.name}, pre-{kind}", steps=tuple(steps), streams=streams)


def stacked(block: Block, width: int, depth: int) -> Block:
    """Return the block with one matrix in place of those that are asked the same question together.

    Matrices with independent normal entries of one variance are parts of one such matrix, whose question is made
    orthogonal to others once and not for each of them; gradients at both have the same norm.

    >>> from vgtheory.model.blocks import gated
    >>> w = Weights.gaussian(1)
    >>> [(matrix.name, matrix.outputs) for matrix in stacked(gated("silu", w, w, w), 8, 1).matrices]
    [('Wgate, Wvalue', 8), ('Wout', 1)]
    """
    uses = Counter(step.matrix for step in block.steps if isinstance(step, Ask))
    together: dict[tuple[str, Matrix], list[Ask]] = {}
    for step in block.steps:
        if isinstance(step, Ask) and uses[step.matrix] == len(step.out) == 1 and not step.driven:
            matrix = block.matrix(step.matrix)
            if matrix.weights.family == "gaussian" and not block.tied:
                together.setdefault((step.x, replace(matrix, name="")), []).append(step)
    for (x, part), asks in together.items():
        whole = replace(part, name=", ".join(ask.matrix for ask in asks), outputs=part.outputs * len(asks))
        if len(asks) > 1 and whole.sigmas(width, depth) == part.sigmas(width, depth):  # which may know the outputs
            ask = Ask(tuple(ask.out[0] for ask in asks), whole.name, x)
            steps = tuple(ask if step is asks[0] else step for step in block.steps if step not in asks[1:])
            matrices = tuple(m for m in block.matrices if m.name not in [ask.matrix for ask in asks[1:]])
            matrices = tuple(whole if m.name == asks[0].matrix else m for m in matrices)
            block = replace(block, steps=steps, matrices=matrices)
    return block


def is_pre_normed(block: Block) -> bool:
    """Return whether norms begin branches, and none stands where skip connections pass."""
    norms = [step for step in block.steps if isinstance(step, Mix) and step.kind in NORMS]
    made = {step.out[0] for step in norms}
    passed = {step.x for step in block.steps if isinstance(step, Add)} | {new for _, new in block.streams}
    return not made & passed and any(step.x[0] in passed | set(block.carried) for step in norms)


def _asked(block: Block) -> set[sp.Symbol]:
    return {stream(name) for step in block.steps if isinstance(step, Ask) for name in step.out}


def _leads_to(name: str, steps: list[Step], start: str) -> set[str]:
    """Return the first results of the steps that a stream is made by, back to the stream that they start from."""
    wanted, found = {name}, set()
    for step in reversed(steps):
        if wanted & set(step.out):
            found.add(step.out[0])
            wanted |= set(step.reads) - {start}
    return found


def _with_map(block: Block, at: int, new: Mapping[sp.Symbol, sp.Expr], *before: Step) -> Block:
    step = block.steps[at]
    assert isinstance(step, Map)  # by `memory`
    changed = replace(step, expressions=tuple(e.xreplace(dict(new)) for e in step.expressions))
    return replace(block, steps=(*before, *block.steps[:at], changed, *block.steps[at + 1 :]))


def _found(block: Block) -> Memory:
    found = memory(block)
    assert found is not None, "only cells that remember are asked"
    return found


def _logistic_of(expr: sp.Expr) -> sp.Expr | None:
    """Return u where the expression is 1/(1 + exp(−u)), else None."""
    if expr.is_Pow and expr.exp == -1 and expr.base.is_Add and len(expr.base.args) == 2 and sp.S.One in expr.base.args:
        other = expr.base - 1
        if isinstance(other, sp.exp):
            return -other.args[0]
    return None
