"""Saturated sets against the inverse of φ' by hand and against a grid; monotonicity against counterexamples."""

import numpy as np
import pytest
import sympy as sp
from scipy import special

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic import calculus
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.monotone import nonincreasing
from vgtheory.symbolic.saturation import saturation

EDGES = {  # |x| ≥ t(ε), inverted by hand
    "tanh": lambda e: np.arccosh(e**-0.5),
    "sigmoid": lambda e: 2 * np.arccosh(1 / (2 * np.sqrt(e))),
    "erf": lambda e: np.sqrt(np.log(2 / (np.sqrt(np.pi) * e))),
    "atan(x)": lambda e: np.sqrt(1 / e - 1),
    "x/(1+abs(x))": lambda e: e**-0.5 - 1,
    "hard_tanh": lambda e: 1.0,
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("eps", [0.2, 0.01, 1e-6])
def test_edges_of_symmetric_activations(name, eps):
    found = saturation(activation(name), eps)
    t = EDGES[name](eps)
    assert found.status == "proved"
    assert np.ravel(found.intervals) == pytest.approx([-np.inf, -t, t, np.inf], rel=1e-14)
    assert float(sp.N(found.expr.args[0].sup)) == pytest.approx(-t, rel=1e-14)
    # E1: erfc(t/√(2q)), exact at any width
    assert float(found.probability(0.7)) == pytest.approx(special.erfc(t / np.sqrt(1.4)), rel=1e-12)


def test_an_edge_wrong_by_one_percent_is_noticed():
    t = saturation(activation("tanh"), 0.01).intervals[1][0]
    assert t != pytest.approx(1.01 * EDGES["tanh"](0.01), rel=1e-3)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "erf", "atan(x)", "x/(1+abs(x))"])
def test_symbolic_eps_agrees_with_numbers(name):
    eps, q = sp.symbols("eps q", positive=True)
    formula = saturation(activation(name), eps).probability(q)
    for e in (0.2, 0.003):
        want = special.erfc(EDGES[name](e) / np.sqrt(2 * 0.9))
        assert float(formula.subs({eps: sp.Rational(str(e)), q: sp.Rational(9, 10)})) == pytest.approx(want, rel=1e-10)


@pytest.mark.parametrize("name", [n for n in catalogue if n not in ("sin", "cos", "siren", "snake")])
@pytest.mark.parametrize("eps", [0.05, 0.3])
def test_the_set_is_where_the_slope_is_small(name, eps):
    act = activation(name)
    found = saturation(act, eps)
    grid = np.linspace(-9.003, 9.001, 3001)
    parts = [(float(p.lo), float(p.hi), sp.lambdify(act.symbol, p.expr, "scipy")) for p in act.derivative_pieces(1)]
    for lo, hi, slope in parts:
        h = grid[(grid > lo) & (grid < hi)]
        inside = np.zeros(h.shape, dtype=bool)
        for a, b in found.intervals:
            inside |= (h >= a) & (h <= b)
        assert np.array_equal(inside, np.abs(slope(h) * np.ones_like(h)) <= eps)


def test_probability_is_the_normal_measure_of_the_set():
    found = saturation(activation("gelu"), 0.01)
    assert found.status == "certified"
    z = np.linspace(-12, 12, 2_400_001)
    pdf = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    h = np.sqrt(1.7) * z
    inside = sum(((h > a) & (h < b)).astype(float) for a, b in found.intervals)
    assert float(found.probability(1.7)) == pytest.approx(float(np.trapezoid(pdf * inside, z)), abs=1e-5)


def test_whole_line_and_empty_set():
    assert saturation(activation("sigmoid"), 0.25).expr == sp.S.Reals
    assert saturation(activation("identity"), 0.5).intervals == ()
    assert saturation(activation("identity"), 0.5).probability(1) == 0
    assert saturation(activation("leaky_relu", alpha=0.01), 0.01).expr == sp.Interval(-sp.oo, 0)


def test_what_has_no_answer_is_refused():
    with pytest.raises(InputError, match="eps"):
        saturation(activation("tanh"), -1)
    with pytest.raises(UnsupportedError, match="tail"):
        saturation(activation("sin"), 0.1)
    with pytest.raises(UnsupportedError, match="symbolic eps"):
        saturation(activation("gelu"), sp.Symbol("eps", positive=True))
    with pytest.raises(InputError, match="q"):
        saturation(activation("tanh"), 0.1).probability(0)


@pytest.mark.parametrize(
    ("formula", "falls"),
    [
        ("exp(-x**2)", True),
        ("1/(1+x**2)", True),
        ("1/(1+abs(x))", True),
        ("1+0*x", True),
        ("exp(-x**2)*(1+0.99*x**2)", True),
        ("exp(-x**2)*(1+1.01*x**2)", False),  # rises by 5e-5 before it falls
        ("cos(x)", False),
        ("1/(1+x**2)+0.001*x", False),
        ("max(1-abs(x),0)", True),
    ],
)
def test_nonincreasing_on_the_right_half_line(formula, falls):
    act = activation(formula)
    assert nonincreasing(calculus.pieces(act.expr, act.symbol), act.symbol) is falls
