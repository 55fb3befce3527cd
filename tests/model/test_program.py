"""Programs and blocks: descriptions that come back, and one clear error for each thing that does not fit."""

import json

import pytest
import sympy as sp

from vgtheory._errors import FormulaError, InputError
from vgtheory.model import blocks
from vgtheory.model.program import Block, on_maps
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix
from vgtheory.model.streams import expression
from vgtheory.model.weights import Weights

W = Weights.gaussian(1.2, 0.1)
X = sp.Symbol("x", real=True)
BLOCKS = [
    blocks.dense("tanh", W),
    blocks.mlp("relu", W, W, expansion=2),
    blocks.gated("silu", W, W, Weights.orthogonal(1)),
    blocks.residual(blocks.normalised(blocks.gated("gelu", W, W, W), "rms"), scale="1/sqrt(2*depth)"),
    blocks.normalised(blocks.residual(blocks.dense("erf", W), keep="(2*depth)**0.25"), "layer", "after"),
    blocks.attention(Weights.gaussian(1), heads=4, causal=True),
    blocks.transformer("silu", Weights.orthogonal(1), 2, norm="deep", mlp="gated"),
    on_maps(blocks.conv("relu", W, 5, "zeros", norm="rms"), 2),
    blocks.rnn("tanh", Weights.orthogonal(1.1), tied=False),
    blocks.minimal(W, update_bias=1),
    blocks.gru(W, reset="before"),
    blocks.gru(Weights.orthogonal(1), update_bias=0.5),
    blocks.lstm(W),
    blocks.lstm(Weights.orthogonal(1), forget_bias=3),
    blocks.lstm.pytorch(),
    blocks.lstm.keras(),
    blocks.lstm.chrono(100),
    blocks.cell({"c": "s(f)*c + s(i)*tanh(g)", "h": "s(o)*tanh(c)"}, Weights.sparse(1, density=0.3)),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.name)
def test_a_block_comes_back_from_its_description(block):
    assert Block.from_spec(json.loads(json.dumps(block.spec))) == block
    assert hash(block) == hash(Block.from_spec(block.spec))


def test_orthogonal_gates_have_a_matrix_each_and_independent_entries_one():
    assert len(blocks.lstm(W).matrices) == 1
    assert blocks.lstm(W).matrices[0].outputs == 4
    assert [m.outputs for m in blocks.lstm(Weights.orthogonal(1)).matrices] == [1, 1, 1, 1]
    assert blocks.lstm.keras().matrices[0].outputs == 4


def test_a_state_that_was_written_is_read_by_its_new_value():
    steps = blocks.lstm(W).steps
    assert sp.Symbol("c_new", real=True) in steps[-1].expressions[0].free_symbols
    assert sp.Symbol("c", real=True) in steps[-2].expressions[0].free_symbols


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Block("b", (("x", "y"),), (Map(("y",), (sp.tanh(sp.Symbol("z", real=True)),)),), ()), "'z'"),
        (lambda: Block("b", (("x", "y"),), (Map(("x",), (sp.tanh(X),)),), ()), "a new name"),
        (lambda: Block("b", (("x", "y"),), (Ask(("y",), "V", "x"),), (Matrix("W", W),)), "the matrix 'V'"),
        (lambda: Block("b", (("x", "y"),), (Ask(("y",), "W", "x"),), (Matrix("W", W, 1, 2),)), r"\(1N, 2N\)"),
        (lambda: Block("b", (("x", "y"),), (Ask(("y",), "W", "x"),), (Matrix("W", W, 2, 1),)), "the network's width"),
        (
            lambda: Block("b", (("x", "y"),), (Ask(("h",), "W", "x"), Add(("y",), "x", "h")), (Matrix("W", W, 2),)),
            "different sizes",
        ),
        (lambda: Block("b", (("x", "y"),), (Mix(("y",), "layer", ("q",)),), ()), "'q'"),
        (lambda: blocks.cell({"h": "tanh(h)"}, W), "reads a gate"),
        (lambda: blocks.cell({"h": "tanh(a)"}, W, gates=("a", "b")), "the gate b"),
        (lambda: blocks.cell({"h": "tanh(a + b)"}, W, gates=("a",)), "b in the cell"),
        (lambda: blocks.cell({"h": "tanh(a)"}, W, gates=("a", "a")), "different names"),
        (lambda: blocks.cell({"h": "tanh(a)"}, W, gates="a"), "different names"),
        (lambda: blocks.cell({"h": "tanh(a)"}, W, name=3), "name must be"),
        (lambda: blocks.cell({"E": "tanh(e*a)"}, W), "the state 'E'"),
        (lambda: blocks.cell({"h": 3}, W), "a text"),
        (lambda: blocks.cell("tanh", W), "formulas by name"),
        (lambda: blocks.dense("tanh", 3), "weights must be a Weights"),
        (lambda: blocks.dense("tanh", Weights.low_rank(1)), "independent entries or orthogonal"),
        (lambda: blocks.mlp("relu", W, W, expansion=0), "expansion must be"),
        (lambda: blocks.residual(blocks.lstm(W)), "one stream x"),
        (lambda: blocks.residual("tanh"), "a block of vg.blocks"),
        (lambda: blocks.residual(blocks.dense("tanh", W), scale="width"), "'width'"),
        (lambda: blocks.normalised(blocks.dense("tanh", W), "batch"), '"layer" or "rms"'),
        (lambda: blocks.gru(W, reset="never"), "reset must be"),
        (lambda: blocks.lstm.chrono(2), "longest must be"),
        (lambda: Block.from_spec({"name": "x"}), "description of a block"),
        (
            lambda: Block.from_spec({**BLOCKS[0].spec, "steps": [{"step": "run", "code": "1"}]}),
            "unknown step",
        ),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("text", ["__import__('os')", "s(f).real", "lambda: 1", "s(f", ""])
def test_formulas_are_parsed_and_never_evaluated(text):
    with pytest.raises(FormulaError):
        expression(text)
