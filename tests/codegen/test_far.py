"""Far from 0, where the usual form would be ∞·0 or ∞/∞: values and slopes against mpmath, up to the infinities."""

import math

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thinning import thinned
from vgtheory.codegen.compiled import compile_activation
from vgtheory.codegen.evaluate import evaluator
from vgtheory.codegen.interpret import run
from vgtheory.codegen.stabilise import stabilise
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue

INF = math.inf
# formula, order of derivative, x, value to 10 digits, by mpmath
KNOWN = [
    ("x*(atan(x)/pi+0.5)", 1, 1e200, 1.0),
    ("x*(atan(x)/pi+0.5)", 0, -1e17, -1 / math.pi),
    ("x*(atan(2*x+1)/pi-1/2)", 0, 1e30, -0.5 / math.pi),
    ("x*log(1+x**2)", 1, 1e160, 738.8272298),
    ("log(1+x**2)", 0, 1e160, 736.8272298),
    ("x*log(1+sigmoid(x))", 0, -40.0, -1.699341702e-16),
    ("x*log(1+sigmoid(x))", 0, -INF, 0.0),
    ("x*tanh(exp(x))", 1, 40.0, 1.0),
    ("x*tanh(exp(x))", 1, 710.0, 1.0),
    ("x*tanh(exp(x))", 1, 800.0, 1.0),
    ("x*tanh(exp(x))", 0, -INF, 0.0),
    ("x*log(2-exp(-exp(x)))", 1, 800.0, math.log(2)),
    ("x*log(2-exp(-exp(x)))", 1, 1e30, math.log(2)),
    ("x*(1+exp(-x))**(-1.5)", 1, -800.0, 0.0),
    ("(1+exp(-x))**(-0.5)", 1, -800.0, 9.575847984e-175),
    ("exp(x)/sqrt(1+exp(2*x))", 0, 360.0, 1.0),
    ("sinh(x)/sqrt(1+sinh(x)**2)", 0, -800.0, -1.0),
    ("sinh(x)/sqrt(1+sinh(x)**2)", 1, 100.0, 5.535586107e-87),
    ("sin(x)/(1+x**2)", 1, INF, 0.0),
    ("x/(1+x**2)**0.25", 0, 1e200, 1e100),
    ("x/(1+x**2)**0.25", 0, -INF, -INF),
    ("x/sqrt(1+x**2)", 0, 1e200, 1.0),
    ("x/sqrt(1+x**2)", 0, -INF, -1.0),
    ("x/(1+abs(x))", 0, INF, 1.0),
    ("(x+sqrt(x**2+4))/2", 0, -1e200, 1e-200),
    ("(x+sqrt(x**2+4))/2", 0, 1e200, 1e200),
    ("(x+sqrt(x**2+4))/2", 0, INF, INF),
    ("(x+sqrt(x**2+4))/2", 1, 1e300, 1.0),
    ("(1+x**4)/(2+x**2)", 0, -1e90, 1e180),
    ("(1+x**4)/(2+x**2)", 0, 1e150, 1e300),
    ("x*(1+x**64)**5/(1+(1+x**64)**5)", 0, -29.0, -29.0),
    ("x*(1+x**64)**5/(1+(1+x**64)**5)", 1, 5.0, 1.0),
    ("x*(1+(1+x**64)**4)**(-1/256)", 0, 25.0, 1.0),
    ("exp(x)*erfc(x)", 0, 1e300, 0.0),
    ("x/2*(1+erf(x/sqrt(2)))", 0, 1.7e308, 1.7e308),
    ("x*(1+tanh(x))/2", 1, 1.7e308, 1.0),
    ("sqrt(log(1+exp(x)))", 0, -1000.0, 7.124576407e-218),
    ("1-exp(-exp(x))", 0, -360.0, 4.508027066e-157),
]


@pytest.mark.parametrize(("formula", "order", "x", "value"), KNOWN)
def test_known_values(formula, order, x, value):
    e = evaluator(Activation(formula))
    found = (e.slope if order else e.value)(x)
    assert found == pytest.approx(value, rel=1e-9, abs=1e-300)


# Roots of rational functions of e^x or tanh, with a term; all were refused by SymPy's polynomials.
ROOTS = [
    f"{root}{term}"
    for root, limit in (
        ("sqrt(sigmoid(x))", "1/2"),
        ("sqrt(1+tanh(x))", "1"),
        ("sqrt(cosh(x))", "1"),
        ("sqrt(1+exp(-x))", "sqrt(2)"),
        ("sqrt(2+sigmoid(2*x))", "3/2"),
        ("sqrt(1+exp(x)+exp(2*x))", "1"),
        ("sqrt(2+tanh(x)**2)", "sqrt(2)"),
    )
    for term in (f"-{limit}", "+x")
]
FORMULAS = [*ROOTS, *dict.fromkeys(formula for formula, *_ in KNOWN if "erfc" not in formula and "atan" not in formula)]
AT = [-1e300, -1e160, -1e20, -1000.0, -746.0, -50.0, -3.0, -0.7, 0.3, 2.0, 40.0, 360.0, 720.0, 1e5, 1e20, 1e160, 1e300]


def exact(act, order, x):
    """The derivative by mpmath, None where it cannot be had or is beyond doubles."""
    part = next(p for p in act.derivative_pieces(order) if p.lo < sp.Rational(x) <= p.hi)
    nested = any(e.args[0].has(sp.exp) for e in act.expr.atoms(sp.exp, sp.tanh))
    if (abs(x) > 1e3 and act.expr.has(sp.exp, sp.tanh)) or (nested and x > 800):
        return None  # 1 + e^x would take more digits than there is memory
    with mpmath.workdps(900):
        value = sp.lambdify(act.symbol, part.expr, "mpmath")(mpmath.mpf(x))
        return value if abs(value) < mpmath.mpf(1e308) else None


def check(formula, order, points, rtol):
    act = Activation(formula)
    found = run(stabilise(act), np.array(points), "slope" if order else "value")[0]
    for x, value in zip(points, found, strict=True):
        true = exact(act, order, x)
        if true is not None:
            assert abs(value - true) <= rtol * abs(true) + 1e-300 + 2e-16 * (abs(x) < 10), (x, value, float(true))


@pytest.mark.parametrize("formula", thinned(FORMULAS, 3))
def test_values_and_slopes_everywhere(formula):
    for order in (0, 1):
        check(formula, order, AT, 3e-13)


PROPERTY = ["x*log(1+x**2)", "x*(1+exp(-x))**(-1.5)", "sqrt(1+tanh(x))-1", "x**3/(1+x**2)", "x*log(1+sigmoid(x))"]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(PROPERTY), st.sampled_from([0, 1]), st.floats(-308, 308), st.sampled_from([-1, 1]))
def test_any_argument(formula, order, exponent, sign):
    check(formula, order, [sign * float(f"1e{exponent:.0f}") * 1.37], 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("formula", ["x*tanh(exp(x))", "x*log(1+x**2)", "sin(x)/(1+x**2)", "x*log(1+sigmoid(x))"])
def test_machine_code_agrees_far_out(formula):
    act = Activation(formula)
    h = np.array([*AT, -INF, INF, math.nan])
    for mine, theirs in zip(compile_activation(act).both(h), run(stabilise(act), h, "value", "slope"), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-13, atol=1e-300)
    with np.errstate(over="ignore"):
        single = h.astype(np.float32)
        doubles = compile_activation(act).both(single.astype(float))
        for mine, theirs in zip(compile_activation(act).both(single), doubles, strict=True):
            np.testing.assert_allclose(mine, theirs.astype(np.float32), rtol=1e-6, atol=1e-37)


@pytest.mark.slow
def test_streamed_results_are_right_far_out(monkeypatch):
    monkeypatch.setattr("vgtheory.codegen.compiled.STREAMED", 0)
    f = compile_activation("log(1+x**2)")
    h = np.linspace(-3, 3, 640)
    h[[5, 300]] = 1e200, -1e300
    room = np.empty((2, 640))
    value, _ = f.both(h, out=(room[0], room[1]))
    np.testing.assert_allclose(value[[5, 300]], [921.0340372, 1381.551056], rtol=1e-9)


def test_log_slope_far_out():
    e = evaluator(Activation("(1+exp(-x))**(-0.5)"))
    np.testing.assert_allclose(e.log_slope([-800.0, -3000.0]), [math.log(0.5) - 400, math.log(0.5) - 1500], rtol=1e-14)


def test_most_of_the_catalogue_does_without():
    """The rows pay one comparison at most; those that have a form for far out overflow there, or have no limit."""
    have = {name for name in catalogue if stabilise(activation(name)).far is not None}
    assert have == {"bent_identity", "isru", "snake", "squareplus"}
