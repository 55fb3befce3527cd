"""What is no block, or cannot be run: one clear error, before anything is computed where that can be known."""

import numpy as np
import pytest

import vgtheory as vg
from vgtheory.model.steps import Ask, Map, Matrix
from vgtheory.model.streams import expression

W = vg.Weights.gaussian(1)
DENSE = vg.blocks.dense("tanh", W)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vg.blocks.Block("b", (("x", "y"),), (Ask(("y",), "W", "x"),), (Matrix("W", W, 2),)), "stream x of b"),
        (lambda: vg.blocks.cell({"h": "tanh(a) + other"}, W, gates=("a",)), 'add "other" to gates='),
        (lambda: vg.blocks.cell({"h": "sqrt(a)"}, W) and vg.simulate(vg.Network(
            vg.blocks.cell({"h": "sqrt(a)"}, W), 8, 3), 2), "not real"),
        (lambda: vg.blocks.cell({"h": "tanh(a)"}, W, fused="yes"), "fused must be True or False"),
        (lambda: vg.blocks.lstm(W, tied="no"), "tied must be True or False"),
        (lambda: vg.blocks.lstm(W.tie()), "tied=True of their own"),
        (lambda: vg.blocks.lstm(W, "log(depth)"), "forget_bias must be a real number"),
        (lambda: vg.blocks.gru(W, "b"), "update_bias must be a real number"),
        (lambda: vg.blocks.residual(DENSE, "1/width"), "scale must be"),
        (lambda: vg.Network(vg.blocks.residual(DENSE, "1/(depth - 3)"), 8, 3), "at depth 3 must be a finite real"),
        (lambda: vg.Network(vg.blocks.residual(DENSE, "sqrt(2 - depth)"), 8, 3), "at depth 3 must be a finite real"),
        (lambda: vg.Network(vg.blocks.normalised(DENSE), 1, 3), "at least 2"),
        (lambda: vg.simulate(vg.Network(vg.blocks.lstm(W), 10**6, 10), 1, method="dense"), "take a smaller width"),
        (lambda: vg.simulate(vg.Network(vg.blocks.lstm(W), 10**5, 10**5), 1, method="exact"), "e.g. depth="),
    ],
)  # fmt: skip
def test_one_clear_error(make, message):
    with pytest.raises(vg.VgtheoryError, match=message):
        make()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("method", ["exact", "dense"])
def test_an_infinite_question_is_no_known_one(tied, method):
    """tanh of the answer is finite again: what is infinite between would leave no trace."""
    steps = (
        Ask(("a",), "V", "x"),
        Map(("b",), (expression("exp(3000 * a)"),)),
        Ask(("c",), "U", "b"),
        Map(("y",), (expression("tanh(c)"),)),
    )
    block = vg.blocks.Block("inner", (("x", "y"),), steps, (Matrix("V", W), Matrix("U", W)), tied)
    with pytest.raises(vg.VgtheoryError, match="leaves the range of float64"):
        vg.simulate(vg.Network(block, 8, 3), 2, method=method)


def test_an_infinite_slope_at_the_zero_state_is_named():
    network = vg.Network(vg.blocks.cell({"h": "sqrt(Abs(a))"}, W), 8, 3)
    with np.errstate(all="ignore"), pytest.raises(vg.VgtheoryError, match="a slope is infinite where it is asked"):
        vg.simulate(network, 2, inputs=vg.Inputs(kind="none"))
