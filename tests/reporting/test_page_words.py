"""What the pages say in words: units of depth, factors, what the first layers change."""

import math
import re
from types import SimpleNamespace

import pytest

import vgtheory as vg
from vgtheory.reporting.answer import answer
from vgtheory.reporting.bound_values import valued_bounds
from vgtheory.reporting.document import Table
from vgtheory.reporting.html import inline
from vgtheory.reporting.key_numbers import key_numbers
from vgtheory.reporting.story import gradient_figure
from vgtheory.reporting.story_proofs import _open, _others
from vgtheory.reporting.story_why import _before_it_settles
from vgtheory.reporting.subject import subject_of
from vgtheory.reporting.verdict import unit, verdict
from vgtheory.reporting.wording import describe, power_of_ten, with_error

W, B = vg.Weights, vg.blocks


@pytest.mark.parametrize(
    ("network", "columns", "counted"),
    [
        (vg.Network(B.transformer("gelu", W.gaussian(1.0), heads=2), width=8, depth=2, tokens=4), "4 tokens", "layer"),
        (vg.Network(B.conv("relu", W.he(), 3), width=4, depth=2, shape=(8,)), "8 positions", "layer"),
        (vg.Network(B.mlp("relu", W.he(), W.he()), width=4, depth=2, tokens=3), "3 columns", "layer"),
        (vg.Network(B.gru(W.gaussian(1.0)), width=4, depth=6), "6 steps", "step"),
    ],
)
def test_columns_and_depth_are_called_what_they_are(network, columns, counted):
    assert columns in describe(network)
    found = answer(network, samples=8)
    assert str(unit(found)) == counted
    assert f"{counted} {int(found.study.layer[-1])}" in str(verdict(found).text)


def test_factors_are_written_as_people_write_them():
    assert power_of_ten(math.log(1.2e-12)) == "10^{−12}"
    assert power_of_ten(math.log(9.7e-13)) == "10^{−12}"
    assert power_of_ten(math.log(3e12)) == "3×10^{12}"
    assert with_error(-3.5e-18, 3e-17) == "0"
    assert with_error(-3.5, 0.2) == "−3.50 ± 0.20"


def test_no_line_ends_between_a_formula_and_the_punctuation_after_it():
    shown = inline("with σ_w = 2, (σ_b = 0) and σ_w alone")
    kept = re.findall(r'<span class="one">(.*?)</span>', shown)
    assert [re.sub(r"<math>.*</math>", "·", text) for text in kept] == ["·,", "(·)"]
    assert shown.count("<math>") == 3


@pytest.mark.parametrize(("sigma_b", "said"), [(0.05, True), (None, False)])
def test_gains_of_the_first_layers_are_said_where_they_change_the_product(sigma_b, said):
    if said:
        network = vg.Network("tanh", W.gaussian(1.12254, sigma_b), width=64, depth=20)
    else:  # relu keeps one gain in every layer
        network = vg.Network("relu", W.he(), width=64, depth=20)
    found = answer(network, samples=8)
    text = str(_before_it_settles(found, found.final_chi))
    assert (text != "") == said
    if said:
        gains = vg.predict(network).chi.values
        assert f"χ = {gains[0]:.3g} in layer 1, since q settles" in text
        assert f"is {math.exp(found.mean_field_change):.2g}" in text
        # The product that mean field makes of them, without the gain of the last layer, which no gradient passes.
        assert found.mean_field_change == pytest.approx(0.5 * math.log(gains[:-1].prod()), abs=0.02)


def test_gains_that_differ_with_the_scales_are_not_laid_on_the_length():
    network = vg.Network("tanh", W.xavier(0.1), (20, 60, 10, 60), 3)
    found = answer(network, samples=4)
    text = str(_before_it_settles(found, found.final_chi))
    first = float(found.prediction["chi"][0])
    assert text.startswith(f"Layers of different scales have different gains, χ = {first:.3g} in layer 1")


def test_a_table_of_statements_has_formulas_where_they_fit():
    def headed(network):
        valued = valued_bounds(network, vg.bounds(network), None)
        (fold,) = _others(SimpleNamespace(subject=subject_of(network), valued=valued))
        (table,) = (block for block in fold.blocks if isinstance(block, Table))
        return len(table.header), {len(row) for row in table.rows}, {str(row[-1]) for row in table.rows if len(row) > 3}

    columns, lengths, formulas = headed(vg.Network("sigmoid", W.gaussian(1.0), width=16, depth=8))
    assert (columns, lengths) == (4, {1, 4})
    assert "" in formulas  # a depth that is one number
    assert any(text.startswith("`") and "L" in text for text in formulas)
    assert headed(vg.Network(B.lstm(W.gaussian(1.0)), width=4, depth=6))[:2] == (3, {1, 3})


def test_a_caption_names_only_what_the_figure_shows_and_a_cell_counts_steps():
    known = answer(vg.Network("relu", W.he(), width=4, depth=3), samples=8)
    unknown = answer(vg.Network("relu", W.low_rank(1.5), width=4, depth=3), samples=8)
    assert ["dashed" in str(gradient_figure(f).caption) for f in (known, unknown)] == [True, False]
    cell = answer(vg.Network(B.gru(W.gaussian(1.0)), width=4, depth=6), samples=8)
    assert not [row for row in key_numbers(cell) if "layer" in " ".join(map(str, row))]


def test_a_statement_without_a_value_says_what_it_depends_on():
    network = vg.Network(B.lstm.keras(), width=4, depth=6)
    said = {
        v.formula.name: str(_open(v.formula)) for v in valued_bounds(network, vg.bounds(network), None) if not v.text
    }
    assert r"\max" in said["product of norms, whatever the inputs"]
    assert all(text.startswith("for given $") for text in said.values())
