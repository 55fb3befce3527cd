"""No printed equation says the same on both sides: a mean without a closed form is named, or has its number."""

import pytest
import sympy as sp

import vgtheory as vg
from vgtheory.reporting.terminal_formulas import plain_formula
from vgtheory.symbolic.formula import subject_of

X, Q = sp.Symbol("x", real=True), sp.Symbol("q", positive=True)


def sides(formula):
    left, equals, right = vg.latex(formula).partition(" = ")
    return (left.strip(), right.strip()) if equals else ("", left.strip())


@pytest.mark.parametrize(("make", "name"), [(vg.calculus.length_map, "M_{0}"), (vg.calculus.gradient_gain, "M_{1}")])
@pytest.mark.parametrize("act", ["tanh", "sigmoid", "silu"])
def test_a_mean_without_closed_form_is_named(make, name, act):
    formula = make(act)
    left, right = sides(formula)
    assert left == name + r"{\left(q \right)}"
    assert r"\varphi" not in right
    assert plain_formula(formula).startswith(f"M_{name[3]}(q) = ")
    number = formula.at(q=1)
    assert r"\varphi" in sides(number)[0]
    assert abs(float(sides(number)[1]) - float(number.value())) < 1e-4


def test_what_has_a_closed_form_keeps_its_sides():
    formula = vg.calculus.length_map("relu")
    assert subject_of(formula) == formula.lhs
    assert sides(formula)[1] == r"\frac{q}{2}"


def test_an_expression_that_stands_for_itself_is_printed_once():
    formula = vg.gaussian_mean(sp.tanh(X) ** 2, Q)
    left, right = sides(formula)
    assert left == ""
    assert right.count(r"\mathbb{E}") == 1
    assert "=" not in plain_formula(formula)
    assert "=" not in vg.latex(formula, form="aligned")
    left, right = sides(vg.gaussian_mean(sp.tanh(X) ** 2, 1))
    assert r"\mathbb{E}" in left
    assert float(right) == pytest.approx(0.39429, abs=1e-5)  # ∫ tanh² dN(0, 1), by quadrature
