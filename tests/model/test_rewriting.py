"""Blocks rewritten: what remembers is found in any cell, and what is rewritten is the cell one would have declared."""

import pytest
import sympy as sp

import vgtheory as vg
from vgtheory.model import rewriting as to
from vgtheory.model.steps import Mix
from vgtheory.model.streams import stream

W, Q = vg.Weights.gaussian(1), vg.Weights.orthogonal(1)


def formulas(block):
    return [step.expressions for step in block.steps if hasattr(step, "expressions")]


@pytest.mark.parametrize("make", [vg.blocks.lstm, vg.blocks.gru, vg.blocks.minimal], ids=["lstm", "gru", "minimal"])
def test_another_bias_is_the_cell_declared_with_it(make):
    assert to.remembering(make(W, 1), 3) == make(W, 3)
    assert to.remembering(make(W, 3), 0) == make(W, 0)


def test_what_remembers_is_found_in_any_cell():
    own = vg.blocks.cell({"m": "s(keep + 1/2)*m + tanh(a)", "h": "tanh(m)"}, W)
    found = to.memory(own)
    assert (found.state, str(found.gate), found.bias) == ("m", "keep", sp.Rational(1, 2))
    for none in (vg.blocks.rnn("tanh", W), vg.blocks.cell({"h": "h/2 + tanh(a)"}, W), vg.blocks.dense("tanh", W)):
        assert to.memory(none) is None


def test_chrono_biases_are_those_of_the_preset():
    made, preset = to.chrono(vg.blocks.lstm(W), 50), vg.blocks.lstm.chrono(50)
    named = [[e.xreplace({stream(to.BIAS): stream("b")}) for e in es] for es in formulas(made)]
    assert str(named) == str([list(es) for es in formulas(preset)])
    assert made.steps[0].numbers == preset.steps[0].numbers
    assert "exp(2" not in str(formulas(to.chrono(vg.blocks.lstm.pytorch(), 50)))  # a bias that is drawn is no gate


def test_orthogonal_weights_by_gate_are_those_of_an_orthogonal_cell():
    made = to.with_weights(to.by_gate(vg.blocks.lstm(W)), Q)
    own = vg.blocks.lstm(Q)
    assert [(m.weights, m.outputs, m.inputs) for m in made.matrices] == [
        (m.weights, m.outputs, m.inputs) for m in own.matrices
    ]
    assert formulas(made) == formulas(own)


def places(block):
    """Return what each norm reads: the kinds of the steps that write it, and of those that read the norm."""
    writers = {name: type(step).__name__ for step in block.steps for name in step.out}
    norms = [step for step in block.steps if isinstance(step, Mix) and step.kind in to.NORMS]
    readers = [sorted({type(s).__name__ for s in block.steps if n.out[0] in s.reads}) for n in norms]
    return [(writers.get(n.x[0], "input"), r) for n, r in zip(norms, readers, strict=True)]


@pytest.mark.parametrize("norm", ["post", "none", "pre"])
def test_norms_move_to_the_beginning_of_branches(norm):
    made = to.pre_normed(vg.blocks.transformer("gelu", W, 2, norm), "layer")
    assert to.is_pre_normed(made)
    assert places(made) == places(vg.blocks.transformer("gelu", W, 2, "pre"))
    assert to.is_pre_normed(vg.blocks.transformer("gelu", W, 2, norm)) == (norm == "pre")


def test_norms_inside_a_branch_stay():
    inner = vg.blocks.residual(vg.blocks.conv("relu", W, norm="layer"))
    assert places(to.pre_normed(inner, "rms")) == [("input", ["Mix"]), ("Ask", ["Map"])]
