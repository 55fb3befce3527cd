"""Why, in three steps, of networks that repeat a block: each kind has its own chain, with its numbers."""

import math
import re

import pytest

import vgtheory as vg
from vgtheory.reporting.answer import answer
from vgtheory.reporting.document import Equation, Heading, Paragraph
from vgtheory.reporting.story_blocks import block_steps

W, B = vg.Weights, vg.blocks
NETWORKS = {
    "cell": vg.Network(B.cell({"c": "s(f)*c + (1-s(f))*tanh(g)", "h": "tanh(c)"}, W.gaussian(1)), width=32, depth=40),
    "rnn": vg.Network(B.rnn("tanh", W.gaussian(1)), width=32, depth=40),
    "residual": vg.Network(B.residual(B.dense("tanh", W.gaussian(1.5))), width=32, depth=8),
    "transformer": vg.Network(B.transformer("relu", W.gaussian(1), 2, norm="pre"), width=32, depth=4, tokens=4),
    "convolution": vg.Network(B.conv("relu", W.he(), 3, padding="zeros"), width=16, shape=(7, 7), depth=10),
    "orthogonal": vg.Network(B.mlp("tanh", W.orthogonal(1), W.orthogonal(1)), width=16, depth=4),
}


@pytest.fixture(scope="module")
def told():
    found = {name: answer(network, samples=8, seed=1) for name, network in NETWORKS.items()}
    return {name: (f, block_steps(f)) for name, f in found.items()}


def text_of(blocks):
    return " ".join(str(block.text) for block in blocks if isinstance(block, Paragraph))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_chain_has_three_steps_and_a_worked_power(name, told):
    f, blocks = told[name]
    assert [str(b.text)[:6] for b in blocks if isinstance(b, Heading)] == ["Step 1", "Step 2", "Step 3"]
    (power,) = (b.latex for b in blocks if isinstance(b, Equation))
    base, depth = re.match(r"([\d.]+)\^\{(\d+)\}", power).groups()
    assert int(depth) == f.subject.depth
    assert float(base) == pytest.approx(math.exp(f.growth.rate), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cell", ["what gates let through (f)", "This path carries", "powers of a matrix act", "not the cause"]),
        ("rnn", ["No gate hands a state on", "σ_w = 1 would keep the gradient"]),
        ("residual", ["skip connections carry 1 through every block", "multiplies it by 1.75", "between 0 and 3"]),
        ("transformer", ["not exponentially in depth", "tokens grow alike", "between 0 and 3"]),
        ("convolution", ["λ = 0.9011", "0.9493^10 = 0.59", "σ_w = 1.4898 would keep"]),
        (
            "orthogonal",
            ["Nothing leads past the block unchanged", "singular values of its matrices lie between 1 and 2"],
        ),
    ],
)
def test_each_kind_says_what_carries_its_gradient(name, said, told):
    text = text_of(told[name][1]).replace("{", "").replace("}", "")
    assert [each for each in said if each not in text] == []


def test_the_first_block_s_factor_is_that_of_the_gains(told):
    network = NETWORKS["residual"]
    assert vg.gains(network.block).gradient == pytest.approx(1.747, abs=1e-3)
    assert "not the cause" not in text_of(told["residual"][1])  # nothing is lost
