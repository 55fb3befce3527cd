"""The equations of blocks: what their steps compute, in rows that KaTeX and pdflatex take."""

import re

import pytest

import vgtheory as vg
from tests.katex import refused_by_katex
from vgtheory.model.equations import equations, program_latex

W, B = vg.Weights.gaussian(1), vg.blocks
BLOCKS = {
    "lstm": B.lstm(W),
    "lstm, untied": B.lstm(vg.Weights.orthogonal(1), tied=False),
    "pytorch": B.lstm.pytorch(),
    "chrono": B.lstm.chrono(20),
    "keras": B.lstm.keras(),
    "gru": B.gru(vg.Weights.gaussian(1, 0.5)),
    "gru before": B.gru(W, reset="before"),
    "minimal": B.minimal(W),
    "deep": B.transformer("gelu", W, 2, "deep"),
    "llama": B.transformer.llama(4),
    "conv": B.conv("relu", vg.Weights.he(0.1), padding="zeros", stride=2, norm="rms"),
    "delta": B.conv("tanh", vg.Weights.orthogonal(1), delta=True),
    "resnet": B.resnet("relu", W),
    "sparse": B.mlp("mish", vg.Weights.sparse(1), vg.Weights.xavier()),
    "cell": B.cell({"m": "s(f)*m + tanh(a)", "h": "m/(1 + m**2)"}, W),
}


def test_an_lstm_reads_as_it_is_written():
    rows = equations(BLOCKS["lstm"])
    assert rows[0] == r"f_{t} &= U_{f} h_{t-1} + \xi^{f}_{t}"
    assert rows[4].startswith(r"c_{t} &= {c_{t-1}} s{\left({f_{t}} + 1 \right)}")
    assert rows[5] == r"h_{t} &= s{\left({o_{t}} \right)} \tanh{\left({c_{t}} \right)}"
    assert r"s(x) &= \frac{1}{1 + e^{-x}}" in rows
    assert any(
        row.startswith("U_{f, t}, U_{g, t}, U_{i, t}, U_{o, t} &= ") for row in equations(BLOCKS["lstm, untied"])
    )


@pytest.mark.parametrize("name", BLOCKS)
def test_every_step_is_a_row_and_no_symbol_has_two_indices_of_a_kind(name):
    block = BLOCKS[name]
    rows = equations(block)
    assert len(rows) >= sum(len(step.out) for step in block.steps)
    assert all(row.count("&") == 1 + row.count(r"& \text{") for row in rows)
    text = " ".join(rows)
    assert not re.search(r"(?<!\})_\{[^{}]*\}_\{", text)
    assert "zq" not in text
    assert "_new" not in text


def test_katex_takes_the_equations_of_every_block():
    shown = {name: program_latex(block, 64, 10, (4, 4)) for name, block in BLOCKS.items()}
    assert not refused_by_katex(shown)


def test_a_document_has_equations_critical_scale_and_bounds(tmp_path):
    network = vg.Network(B.lstm(W, forget_bias=0), width=64, depth=20)
    text = vg.latex(network, tmp_path / "lstm.tex")
    assert r"\begin{aligned}" in text
    assert "Critical scale at the zero state, tied weights" in text
    assert r"\sigma_w &= 2" in text
    assert "Norms of gaussian matrices, at the zero state" in text
    assert vg.latex(network).startswith(r"\begin{aligned}")
    assert r"c_{t} &= {c_{t-1}}" in vg.latex(network, form="aligned")
    conv = vg.Network(B.conv("relu", vg.Weights.he(), padding="zeros"), 64, 10, shape=(7, 7))
    assert "What zero padding keeps" in vg.latex(conv, form="document")
