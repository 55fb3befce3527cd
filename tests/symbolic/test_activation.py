"""Activations: derivatives agree with numeric differentiation, and structure is found."""

import copy
import pickle

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import formulas
from tests.thinning import thinned
from vgtheory._errors import FormulaError, InputError, UnsupportedError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue

x = sp.Symbol("x", real=True)


@given(formulas(), st.integers(-30, 30), st.sampled_from([1, 2, 3]))
@settings(max_examples=40)
def test_derivatives_agree_with_numeric_differentiation(text, k, order):
    act = Activation(text)
    at = mpmath.mpf(k) / 10 + mpmath.mpf("0.0123456789")  # off the breakpoints, which are at shorter decimals
    with mpmath.workdps(40):
        function = sp.lambdify(act.symbol, act.expr, "mpmath")
        numeric = mpmath.diff(function, at, order, h=mpmath.mpf("1e-9"))
        ours = act.derivative(order).subs(act.symbol, sp.Float(str(at), 40)).evalf(30)
        assert abs(mpmath.mpf(str(ours)) - numeric) <= 1e-6 * (1 + abs(numeric))


@pytest.mark.parametrize(
    ("text", "parity", "limits", "degree"),
    [
        ("tanh(x)", "odd", (-1, 1), None),
        ("abs(x)", "even", (sp.oo, sp.oo), 1),
        ("x**2", "even", (sp.oo, sp.oo), 2),
        ("max(x,0)**2", None, (0, sp.oo), 2),
        ("max(x,0)", None, (0, sp.oo), 1),
        ("sin(x)", "odd", (None, None), None),
        ("cos(x)", "even", (None, None), None),
        ("sin(x)/(1+x**2)", "odd", (0, 0), None),
        ("atan(x)", "odd", (-sp.pi / 2, sp.pi / 2), None),
        ("exp(-x**2)", "even", (0, 0), None),
        ("x/sqrt(1+x**2)", "odd", (-1, 1), None),
        ("sqrt(1+x**2)-x", None, (sp.oo, 0), None),
        ("x*sign(x)", "even", (sp.oo, sp.oo), 1),
        ("1", "even", (1, 1), 0),
    ],
)
def test_parity_limits_and_degree(text, parity, limits, degree):
    act = Activation(text)
    assert act.parity == parity
    assert act.limits == limits
    assert act.homogeneous_degree == degree


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("max(abs(x)-1, 0)", [-1, 1]),
        ("abs(abs(x)-2)", [-2, 0, 2]),
        ("max(x**2-2, 0)", [-sp.sqrt(2), sp.sqrt(2)]),
        ("min(1, max(-1, x))", [-1, 1]),
        ("Piecewise((x, (x > -1) & (x < 1)), (0, True))", [-1, 1]),
        ("Piecewise((0, (x < -2) | (x > 3)), (1, True))", [-2, 3]),
        ("max(x, x)", []),
        ("tanh(x)", []),
    ],
)
def test_breakpoints(text, points):
    assert list(Activation(text).breakpoints) == points


@pytest.mark.parametrize("text", ["abs(sin(x))", "max(sin(x), cos(x))"])
def test_kinks_that_cannot_all_be_found_are_refused(text):
    with pytest.raises(UnsupportedError):
        _ = Activation(text).pieces


@pytest.mark.parametrize("name", thinned(list(catalogue), 3, 1))
def test_copies_are_equal_whatever_was_computed_before(name):
    act = activation(name)
    _ = act.pieces, act.parity, act.limits
    for twin in (pickle.loads(pickle.dumps(act)), copy.copy(act), copy.deepcopy(act)):  # noqa: S301 - its own bytes
        assert twin == act
        assert hash(twin) == hash(act)
        assert twin.limits == act.limits
    assert Activation.from_spec(act.spec) == act


def test_equality_follows_formula_and_parameters():
    assert activation("leaky_relu", alpha=0.2) == activation("leaky_relu", alpha=sp.Rational(1, 5))
    assert activation("leaky_relu", alpha=0.2) != activation("leaky_relu", alpha=0.3)
    assert repr(activation("leaky_relu", alpha=0.2)) == "Activation('leaky_relu', alpha=1/5)"
    assert repr(activation("tanh")) == "Activation('tanh')"


def test_symbolic_parameters_stay_symbols():
    a = sp.Symbol("a", real=True)
    act = activation("leaky_relu", alpha=a)
    assert not act.is_numeric
    assert act.derivative() == sp.Piecewise((a, x <= 0), (1, True))


@pytest.mark.parametrize("order", [-1, 1.5, True, "1", None])
def test_a_bad_order_is_refused(order):
    with pytest.raises(InputError):
        activation("tanh").derivative(order)
    with pytest.raises(InputError):
        activation("tanh").derivative_pieces(order)


def test_bad_parameters_and_expressions_are_refused():
    with pytest.raises(InputError, match="alpha"):
        Activation("tanh(x)", alpha=2)
    with pytest.raises(InputError, match="alpha"):
        activation("elu", alpha=-1)
    with pytest.raises(InputError, match="beta"):
        activation("elu", beta=2)
    with pytest.raises(FormulaError, match=r"fix the others, e\.g\. y=0\.2"):
        Activation(sp.Symbol("x") * sp.Symbol("y"))
    with pytest.raises(FormulaError):
        Activation(3)
