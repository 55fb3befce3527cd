"""What can be changed in networks of blocks: gates that remember, weights of gates, branches and their norms.

Changes rewrite the program, so that they know a user's cell too; code is given for the modules of PyTorch that a block
stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import log

import sympy as sp

from vgtheory._errors import VgtheoryError
from vgtheory.model import rewriting
from vgtheory.model.blocks import residual
from vgtheory.model.network import BlockNetwork
from vgtheory.model.program import Block
from vgtheory.model.steps import Add
from vgtheory.model.weights import Weights
from vgtheory.study.advice.code import Code
from vgtheory.study.advice.remedies import Candidate
from vgtheory.symbolic.notation import depth as depth_symbol
from vgtheory.theory.asymptotics.programs.zero_state import critical_cell

# By the beginning of a block's name: the module of PyTorch, its gates in order, and which of them let something in.
MODULES = {"LSTM": ("LSTM", "ifgo"), "GRU": ("GRU", "rzn"), "RNN": ("RNN", "h")}
INPUT_GATE = "i"
BIASES = (1, 3)  # s(1) = 0.73 remembers three steps, s(3) = 0.95 twenty
SCALES = ((depth_symbol ** sp.Rational(-1, 2), "1/√L"), (1 / depth_symbol, "1/L"))
_EACH = """\
with torch.no_grad():
    for layer in [m for m in model.modules() if isinstance(m, torch.nn.{module})]:
        n = layer.hidden_size
        for name, p in layer.named_parameters():
"""
_BIAS = """\
            if name.startswith("bias"):
                p[{at} * n : {end} * n] = {bias} if name.startswith("bias_ih") else 0.0
"""
_CHRONO = """\
            if name.startswith("bias_ih"):
                memory = torch.log(1 + {most} * torch.rand(n, dtype=p.dtype, device=p.device))
                p[{at} * n : {end} * n] = memory
"""
_INPUT = """\
                p[{at} * n : {end} * n] = -memory
"""
_REST = """\
            elif name.startswith("bias_hh"):
"""
_ZERO = """\
                p[{at} * n : {end} * n] = 0.0
"""
_WEIGHTS = """\
            if name.startswith("weight_hh"):
                for gate in p.chunk(len(p) // n):
                    {draw}
"""
_LAYERS = """\
with torch.no_grad():
    for layer in [m for m in model.modules() if isinstance(m, torch.nn.TransformerEncoderLayer)]:
"""
_BRANCHES = """\
        layer.self_attn.out_proj.weight.mul_({scale:.10g})
        layer.linear2.weight.mul_({scale:.10g})
"""
_PRE = """\
        layer.norm_first = True
"""


def candidates_of_blocks(network: BlockNetwork) -> Iterator[Candidate]:
    """Yield every change of a network of blocks that is worth a trial."""
    if network.block.recurrent:
        yield from _memories(network)
        yield from _recurrent_weights(network)
    else:
        yield from _branches(network)
        yield from _norms(network)


def _memories(network: BlockNetwork) -> Iterator[Candidate]:
    """Yield constant biases of the gate that remembers, and those for times up to the number of steps."""
    block, steps = network.block, int(network.depth)
    found = rewriting.memory(block)
    if found is None:
        return
    longest = max(steps, 3)
    for bias in dict.fromkeys((*map(sp.Integer, BIASES), sp.Rational(round(100 * log(longest - 1)), 100))):
        if bias != found.bias:
            kept = 1 / (1 + float(sp.exp(-bias)))
            change = f"bias {float(bias):.4g} of the gate {found.gate}: it keeps {kept:.3g} of {found.state} per step"
            cost = f"what is old is forgotten over {1 / (1 - kept):.3g} steps, for all units alike"
            made = rewriting.remembering(block, bias)
            yield _changed(network, "forget bias", change, cost, made, _bias_code(network, bias))
    change = f"chrono biases of the gate {found.gate}, ln u with u uniform on [1, {longest - 1}]"
    cost = "units that remember long let little in"
    yield _changed(network, "chrono", change, cost, rewriting.chrono(block, longest), _chrono_code(network, longest))


def _recurrent_weights(network: BlockNetwork) -> Iterator[Candidate]:
    """Yield the critical scale at the zero state, and orthogonal weights for every gate at it and at 1."""
    block, scales = network.block, [1.0]
    try:
        critical = critical_cell(block).sigma_w
    except VgtheoryError:
        pass  # a cell without such a scale
    else:
        scales = list(dict.fromkeys((critical, 1.0)))
        made = rewriting.with_weights(block, Weights.gaussian(critical))
        change = f"Gaussian recurrent weights with σ_w = {critical:.6g}, critical at the zero state"
        cost = "with inputs gates saturate, and the scale is no longer critical"
        yield _changed(network, "critical scale", change, cost, made, _weight_code(network, critical, False))
    for sigma_w in scales:
        made = rewriting.with_weights(rewriting.by_gate(block), Weights.orthogonal(sigma_w))
        change = f"an orthogonal matrix of scale {sigma_w:.6g} for every gate"
        cost = "a QR of N × N per gate, once"
        yield _changed(network, "orthogonal weights", change, cost, made, _weight_code(network, sigma_w, True))


def _branches(network: BlockNetwork) -> Iterator[Candidate]:
    """Yield smaller branches of the skip connections, or skip connections where there are none."""
    block, depth = network.block, int(network.depth)
    has_skips = any(isinstance(step, Add) for step in block.steps)
    for scale, words in SCALES:
        if has_skips:
            made, change = rewriting.scaled_branches(block, scale), f"branches of the skip connections times {words}"
            code = _LAYERS + _BRANCHES.format(scale=float(scale.subs(depth_symbol, depth)))
        else:
            made, change, code = residual(block, scale), f"x + a f(x) with a = {words} instead of f(x)", ""
        cost = "layers do less at the beginning of training"
        yield _changed(network, "residual scale", change, cost, made, code if "transformer" in block.name else "")


def _norms(network: BlockNetwork) -> Iterator[Candidate]:
    """Yield norms at the beginning of the branches instead of behind them or nowhere."""
    block = network.block
    plain = all(step.keep == 1 for step in block.steps if isinstance(step, Add))
    if not plain or rewriting.is_pre_normed(block) or not any(isinstance(step, Add) for step in block.steps):
        return
    normed = bool(block.mixes("layer", "rms"))
    for kind, words in (("layer", "layer norm"), ("rms", "RMS norm")):
        made = rewriting.pre_normed(block, kind)
        change = f"{words} at the beginning of every branch (pre-norm)"
        code = _LAYERS + _PRE if normed and kind == "layer" and "transformer" in block.name else ""
        yield _changed(network, "norm place", change, "the stream grows with the depth", made, code)


def _changed(network: BlockNetwork, kind: str, change: str, cost: str, block: Block, code: str) -> Candidate:
    made = BlockNetwork(replace(block), network.width, network.depth, shape=network.shape)
    return Candidate(kind, change, made, Code(code, ""), cost)


def _module(network: BlockNetwork) -> tuple[str, str] | None:
    return next((found for name, found in MODULES.items() if network.block.name.startswith(name)), None)


def _place(gate: str, gates: str) -> dict[str, int]:
    return {"at": gates.index(gate), "end": gates.index(gate) + 1}


def _bias_code(network: BlockNetwork, bias: sp.Expr) -> str:
    module, found = _module(network), rewriting.memory(network.block)
    if module is None or found is None or str(found.gate) not in module[1]:
        return ""
    return _EACH.format(module=module[0]) + _BIAS.format(bias=float(bias), **_place(str(found.gate), module[1]))


def _chrono_code(network: BlockNetwork, longest: int) -> str:
    module, found = _module(network), rewriting.memory(network.block)
    if module is None or found is None or str(found.gate) not in module[1]:
        return ""
    name, gates = module
    letting = [INPUT_GATE] if INPUT_GATE in gates else []
    text = _EACH.format(module=name) + _CHRONO.format(most=longest - 2, **_place(str(found.gate), gates))
    text += "".join(_INPUT.format(**_place(gate, gates)) for gate in letting)
    return text + _REST + "".join(_ZERO.format(**_place(g, gates)) for g in (str(found.gate), *letting))


def _weight_code(network: BlockNetwork, sigma_w: float, orthogonal: bool) -> str:
    module = _module(network)
    if module is None:
        return ""
    draw = f"torch.nn.init.orthogonal_(gate, gain={sigma_w:.10g})"
    normal = f"torch.nn.init.normal_(gate, std={sigma_w:.10g} / n**0.5)"
    return _EACH.format(module=module[0]) + _WEIGHTS.format(draw=draw if orthogonal else normal)
