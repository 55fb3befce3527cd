"""Why, in three steps, of networks that repeat a block: each kind has its own chain, with its numbers."""

import math
import re
from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest

import vgtheory as vg
from vgtheory.model.steps import Ask, Matrix, Mix
from vgtheory.reporting.answer import answer
from vgtheory.reporting.document import Equation, Heading, Paragraph
from vgtheory.reporting.story_blocks import block_steps
from vgtheory.theory.asymptotics.programs.paths import recurrent_matrices

W, B = vg.Weights, vg.blocks
NETWORKS = {
    "cell": vg.Network(B.cell({"c": "s(f)*c + (1-s(f))*tanh(g)", "h": "tanh(c)"}, W.gaussian(1)), width=32, depth=40),
    "rnn": vg.Network(B.rnn("tanh", W.gaussian(1)), width=32, depth=40),
    "residual": vg.Network(B.residual(B.dense("tanh", W.gaussian(1.5))), width=32, depth=8),
    "transformer": vg.Network(B.transformer("relu", W.gaussian(1), 2, norm="pre"), width=32, depth=4, tokens=4),
    "convolution": vg.Network(B.conv("relu", W.he(), 3, padding="zeros"), width=16, shape=(7, 7), depth=10),
    "orthogonal": vg.Network(B.mlp("tanh", W.orthogonal(1), W.orthogonal(1)), width=16, depth=4),
    "two laws": vg.Network(B.mlp("tanh", W.orthogonal(1), W.gaussian(1)), width=16, depth=4),
    "many functions": vg.Network(B.sequence(*[B.dense("hard_tanh", W.gaussian(1.0, 0.35))] * 14), width=64, depth=8),
    "one branch without a norm": vg.Network(
        B.sequence(
            B.residual(B.normalised(B.mlp("relu", W.he(), W.gaussian(1)))),
            B.residual(B.mlp("relu", W.he(), W.gaussian(1))),
        ),
        width=32,
        depth=30,
    ),
    "tiny": vg.Network(B.sequence(*[B.dense("tanh", W.gaussian(1e-60))] * 6), width=8, depth=3),
}


@pytest.fixture(scope="module")
def told():
    found = {name: answer(network, samples=8, seed=1) for name, network in NETWORKS.items()}
    return {name: (f, block_steps(f)) for name, f in found.items()}


def text_of(blocks):
    return " ".join(str(block.text) for block in blocks if isinstance(block, Paragraph))


@pytest.mark.parametrize("name", sorted(NETWORKS.keys() - {"tiny"}))
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
        (
            "cell",
            ["what gates let through (f)", "This path carries", "Without input, at the zero state", "not the cause"],
        ),
        ("rnn", ["No gate hands a state on", "σ_w = 1 would keep the gradient"]),
        ("residual", ["skip connections carry 1 through every block", "multiplies it by 1.75", "between 0 and 3"]),
        ("transformer", ["not exponentially in depth", "tokens grow alike", "between 0 and 3"]),
        ("convolution", ["λ = 0.9011", "0.9493^10 = 0.59", "σ_w = 1.4898 would keep"]),
        (
            "orthogonal",
            ["Nothing leads past the block unchanged", "an orthogonal matrix are equal; here: 1, 2."],
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


def test_saturation_in_sequence_costs_the_product_of_what_each_function_costs(told):
    """14 functions in a row, each flat where |x| > 1: together they cost far more than the worst of them."""
    text = text_of(told["many functions"][1])
    q = 0.0  # E x² of what comes in is that of the last layers
    z = np.linspace(-8, 8, 20001)
    weights = np.exp(-(z**2) / 2)
    for _ in range(200):
        q = (weights @ np.clip(math.sqrt(q + 0.35**2) * z, -1, 1) ** 2) / weights.sum()
    share = math.erfc(1 / math.sqrt(2 * (q + 0.35**2)))
    (cost,) = re.findall(r"that alone is a factor of ([\d.]+) per layer", text)
    assert float(cost) == pytest.approx((1 - share) ** 7, rel=0.05)  # width 64 is not ∞
    assert "not the cause" not in text


def test_no_power_law_is_claimed_where_a_branch_reads_the_stream_itself(told):
    f, blocks = told["one branch without a norm"]
    q = f.prediction["stream_square"].isel(stream=0).values
    assert q[-1] / q[-2] == pytest.approx(2, rel=0.01)  # it grows exponentially, and so does its gradient
    assert "skip connections carry 1" in text_of(blocks)
    assert "exponentially" not in text_of(blocks)


def test_each_kind_of_matrix_has_the_singular_values_of_matrices_drawn(told):
    text = text_of(told["two laws"][1])
    (equal,) = re.findall(r"equal; here: ([\d.]+)\.", text)
    low, high = map(float, re.findall(r"other matrices lie between ([\d.]+) and ([\d.]+) \(Marchenko", text)[0])
    block, n, rng = NETWORKS["two laws"].block, 250, np.random.default_rng(1)
    first, second = block.matrices
    q, _ = np.linalg.qr(rng.normal(size=(first.outputs * n, first.inputs * n)))
    drawn = q * math.sqrt(first.outputs / first.inputs)  # entries of variance 1/fan_in
    assert np.linalg.svd(drawn, compute_uv=False) == pytest.approx(float(equal))
    drawn = rng.normal(size=(second.outputs * n, second.inputs * n)) / math.sqrt(second.inputs * n)
    values = np.linalg.svd(drawn, compute_uv=False)
    assert (values.min(), values.max()) == pytest.approx((low, high), abs=0.03)


def test_the_eigenvalue_is_that_of_recurrent_matrices_and_not_of_those_that_read_inputs(told):
    text = text_of(told["cell"][1])
    assert "σ_w = 1 as N → ∞" in text
    block = B.gru(W.gaussian(1))
    driven = replace(
        block,
        steps=(Mix(("given",), "input"), Ask(("seen",), "V", "given"), *block.steps),
        matrices=(*block.matrices, Matrix("V", W.gaussian(3))),
    )
    assert recurrent_matrices(driven) == recurrent_matrices(block) == ["U", "Un"]


def test_factors_that_are_no_doubles_are_written_as_powers_of_ten(told):
    f, blocks = told["tiny"]
    (power,) = (b.latex for b in blocks if isinstance(b, Equation))
    exact = mp.exp(f.growth.rate)
    digit, exponent, total = map(
        int, re.match(r"\((\d) \\cdot 10\^\{(-\d+)\}\)\^\{3\} = .*\^\{(-\d+)\}$", power).groups()
    )
    assert float(digit * mp.mpf(10) ** exponent / exact) == pytest.approx(1, abs=0.5 / digit)
    assert total == int(mp.floor(mp.log10(exact**3)))


@pytest.mark.parametrize("name", NETWORKS)
def test_no_exponent_stands_upon_another(name, told):
    texts = [text_of(told[name][1]), *(b.latex for b in told[name][1] if isinstance(b, Equation))]
    assert not any(re.search(r"\^\{[^{}]*\}\^", text) for text in texts)
