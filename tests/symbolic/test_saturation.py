"""Saturated sets against the inverse of φ' by hand and against a grid; monotonicity against counterexamples."""

import numpy as np
import pytest
import sympy as sp
from flint import arb
from scipy import special

from tests.thinning import thinned
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic import calculus
from vgtheory.symbolic.ball import number_ball, precision
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.monotone import nonincreasing
from vgtheory.symbolic.periodic_mass import PeriodicMass, by_intervals, by_waves
from vgtheory.symbolic.saturation import saturation

EDGES = {  # |x| ≥ t(ε), inverted by hand
    "tanh": lambda e: np.arccosh(e**-0.5),
    "sigmoid": lambda e: 2 * np.arccosh(1 / (2 * np.sqrt(e))),
    "erf": lambda e: np.sqrt(np.log(2 / (np.sqrt(np.pi) * e))),
    "atan(x)": lambda e: np.sqrt(1 / e - 1),
    "x/(1+abs(x))": lambda e: e**-0.5 - 1,
    "hard_tanh": lambda e: 1.0,
}


@pytest.mark.parametrize("name", thinned(EDGES, 2))
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


@pytest.mark.parametrize("name", thinned(list(catalogue), 3, 2))
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
            if found.period is None:
                inside |= (h >= a) & (h <= b)
            else:
                inside |= np.mod(h - a, float(found.period)) <= b - a
        assert np.array_equal(inside, np.abs(slope(h) * np.ones_like(h)) <= eps)


def test_probability_is_the_normal_measure_of_the_set():
    found = saturation(activation("gelu"), 0.01)
    assert found.status == "certified"
    z = np.linspace(-12, 12, 2_400_001)
    pdf = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    h = np.sqrt(1.7) * z
    inside = sum(((h > a) & (h < b)).astype(float) for a, b in found.intervals)
    assert float(found.probability(1.7)) == pytest.approx(float(np.trapezoid(pdf * inside, z)), abs=1e-5)


PERIODIC = {  # activation: (|φ'| ≤ ε around one of its zeros: centre, half-width, distance of zeros), by hand
    "sin": lambda e: (np.pi / 2, np.arcsin(e), np.pi),
    "cos": lambda e: (0.0, np.arcsin(e), np.pi),
    "siren": lambda e: (np.pi / 60, np.arcsin(e / 30) / 30, np.pi / 30),
    "snake": lambda e: (3 * np.pi / 4, np.arccos(1 - e) / 2, np.pi),
}


@pytest.mark.parametrize("name", PERIODIC)
@pytest.mark.parametrize("e", [0.3, 1e-5])
def test_periodic_sets_in_closed_form(name, e):
    found = saturation(activation(name), e)
    centre, half, distance = PERIODIC[name](e)
    assert found.status == "proved"
    assert float(found.period) == pytest.approx(distance, rel=1e-15)
    ((a, b),) = found.intervals
    assert b - a == pytest.approx(2 * half, rel=1e-9)
    assert np.mod((a + b) / 2 - centre + distance / 2, distance) == pytest.approx(distance / 2, rel=1e-12)
    whole = found.expr.args[2]
    assert (float(whole.inf), float(whole.sup)) == pytest.approx((a, b), rel=1e-14)
    for q in (1e-3, 0.7, 30.0):  # the sum over all intervals, in NumPy
        k = np.arange(-4000, 4001) * distance
        left, right = ((centre + side * half + k) / np.sqrt(2 * q) for side in (-1, 1))
        direct = (special.erfc(np.abs(left)) - special.erfc(np.abs(right))) / 2  # one tail, where it keeps its digits
        crossing = left * right < 0
        direct = np.where(crossing, (special.erf(right) - special.erf(left)) / 2, np.abs(direct))
        assert float(found.probability(q)) == pytest.approx(direct.sum(), rel=1e-7 if e < 1e-3 else 1e-11)


@pytest.mark.parametrize("name", PERIODIC)
def test_periodic_sets_for_a_symbolic_eps(name):
    eps, q = sp.symbols("eps q", positive=True)
    found = saturation(activation(name), eps)
    assert found.status == "proved"
    formula = found.probability(q)
    for e, variance in ((0.3, 0.2), (0.01, 5)):
        point = {eps: sp.Rational(str(e)), q: sp.Rational(str(variance))}
        want = saturation(activation(name), e).probability(variance)
        assert float(formula.subs(point)) == pytest.approx(float(want), rel=1e-12)


def test_both_sums_of_a_periodic_probability_agree_to_30_digits():
    ends, period = [(sp.Rational(1, 3), 1), (sp.Rational(5, 4), 2)], sp.Integer(3)
    with precision(200):
        pairs = [(number_ball(a), number_ball(b)) for a, b in ends]
        for q in (arb(1) / 2, arb(2), arb(20)):
            rate = 2 * (arb.pi() / 3) ** 2 * q
            near, far = by_intervals(pairs, arb(3), q, 120), by_waves(pairs, arb(3), rate, 120)
            assert near.overlaps(far)
            assert max(near.rad(), far.rad()) < arb(10) ** -30
            assert not (near * (1 + arb(10) ** -28)).overlaps(far)
    mass = PeriodicMass(ends, period, sp.Rational(1, 2))
    assert mass.func(*mass.args) == mass
    assert abs(mass.evalf(30) - sp.Float(float(mass))) < 1e-15


MORE_SYMBOLIC = {  # activations whose slope is inverted for a symbolic eps: the ends by hand
    "softplus": lambda e: (-np.inf, np.log(e / (1 - e))),
    "log_sigmoid": lambda e: (-np.log(e / (1 - e)), np.inf),
    "tanhshrink": lambda e: (-np.arctanh(np.sqrt(e)), np.arctanh(np.sqrt(e))),
    "isru": lambda e: (-np.sqrt(e ** (-2 / 3) - 1), np.sqrt(e ** (-2 / 3) - 1)),
    "lecun_tanh": lambda e: tuple(s * 1.5 * np.arccosh(np.sqrt(1.7159 * 2 / 3 / e)) for s in (-1, 1)),
    "squareplus": lambda e: (-np.inf, (2 * e - 1) / np.sqrt(e - e * e)),
}


@pytest.mark.parametrize("name", thinned(MORE_SYMBOLIC, 3))
def test_more_closed_forms_for_a_symbolic_eps(name):
    eps = sp.Symbol("eps", positive=True)
    found = saturation(activation(name), eps)
    for e in (0.2, 0.003):
        numeric = saturation(activation(name), e)
        assert numeric.status == "proved"
        finite = [end for pair in numeric.intervals for end in pair if np.isfinite(end)]
        assert finite == pytest.approx([end for end in MORE_SYMBOLIC[name](e) if np.isfinite(end)], rel=1e-13)
        ends = [float(end) for end in found.expr.subs(eps, sp.Rational(str(e))).boundary]
        assert sorted(ends) == pytest.approx(finite, rel=1e-13)


def test_sigmoid_and_tanh_in_the_form_of_the_textbooks():
    eps = sp.Symbol("eps", positive=True)
    for name, edge in (("tanh", sp.acosh(1 / sp.sqrt(eps))), ("sigmoid", 2 * sp.acosh(1 / (2 * sp.sqrt(eps))))):
        assert saturation(activation(name), eps).expr.args[1] == sp.Interval(edge, sp.oo)


def test_whole_line_and_empty_set():
    assert saturation(activation("sigmoid"), 0.25).expr == sp.S.Reals
    assert saturation(activation("identity"), 0.5).intervals == ()
    assert saturation(activation("identity"), 0.5).probability(1) == 0
    assert saturation(activation("leaky_relu", alpha=0.01), 0.01).expr == sp.Interval(-sp.oo, 0)


def test_what_has_no_answer_is_refused():
    with pytest.raises(InputError, match="eps"):
        saturation(activation("tanh"), -1)
    with pytest.raises(UnsupportedError, match="tail"):
        saturation(activation("max(sin(x), x)"), 0.1)
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


@pytest.mark.parametrize(("name", "steepest"), [("sigmoid", sp.Rational(1, 4)), ("tanh", 1), ("sin", 1)])
def test_a_set_for_a_symbolic_eps_says_up_to_which_eps_it_is_that_set(name, steepest):
    eps = sp.Symbol("eps", positive=True)
    assert saturation(activation(name), eps).condition == (eps < steepest)
    assert saturation(activation(name), 0.1).condition is sp.true


@pytest.mark.parametrize("name", ["3", "0*x", "step"])
def test_without_slope_everything_is_saturated_at_every_level(name):
    for level in (sp.Symbol("eps", positive=True), sp.Rational(1, 100)):
        assert saturation(activation(name), level).expr == sp.S.Reals
