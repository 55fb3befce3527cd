"""Kinks of powers whose base touches 0, and values at single points: against one-sided numbers and Taylor terms."""

import mpmath
import pytest
import sympy as sp

from vgtheory._errors import FormulaError, UnsupportedError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.gaussian import gradient_gain, length_map


@pytest.mark.parametrize(
    ("formula", "kinks"),
    [
        ("sqrt(x**2-2*x+1)", ((1, 2),)),
        ("sqrt(log(1+x**2))", ((0, 2),)),
        ("sqrt(cosh(x)-1)", ((0, sp.sqrt(2)),)),
        ("sqrt(exp(x-1)-x)", ((1, sp.sqrt(2)),)),
        ("sqrt(x**2+tanh(x)**2)", ((0, 2 * sp.sqrt(2)),)),
        ("sqrt(x**2-x+0.25)*tanh(x)", ((sp.Rational(1, 2), 2 * sp.tanh(sp.Rational(1, 2))),)),
        ("sqrt(4*x**2*(1+x**2))", ((0, 4),)),
        ("sqrt(1-tanh(x)**2)", ()),
        ("sqrt(1+x**2)", ()),
        ("sqrt(2+sin(x))", ()),
    ],
)
def test_kinks_that_no_absolute_value_shows(formula, kinks):
    act = Activation(formula)
    assert act.jumps(1) == kinks
    assert set(act.breakpoints) == {at for at, _ in kinks}
    f = sp.lambdify(act.symbol, act.expr, "mpmath")
    with mpmath.workdps(60):
        for at, gap in kinks:
            t, h = mpmath.mpf(sp.N(at, 60)), mpmath.mpf(10) ** -20
            assert abs((f(t + h) - 2 * f(t) + f(t - h)) / h - mpmath.mpf(sp.N(gap, 60))) < 1e-18


def test_a_higher_power_is_smooth_to_its_order():
    act = Activation("(x**2-2*x+1)**1.5")  # |x − 1|³
    assert act.breakpoints == (1,)
    assert (act.jumps(1), act.jumps(2), act.jumps(3)) == ((), (), ((1, 12),))


@pytest.mark.parametrize("formula", ["sqrt(1+sin(x))", "(1-cos(2*x))**1.5", "sqrt(sin(x)**2)"])
def test_infinitely_many_kinks_are_refused_where_they_would_have_to_be_listed(formula):
    with pytest.raises(UnsupportedError):
        Activation(formula).breakpoints  # noqa: B018


def test_the_means_of_a_root_that_touches_zero():
    """E φ² of √ln(1 + x²) is E ln(1 + z²); E φ'² = E x²/((1 + x²)² ln(1 + x²)), 0/0 at 0."""
    with mpmath.workdps(25):
        density = lambda t: mpmath.npdf(t, 0, mpmath.sqrt("0.7"))  # noqa: E731
        square = mpmath.quad(lambda t: mpmath.log(1 + t * t) * density(t), [-12, -3, 0, 3, 12])
        slope = mpmath.quad(
            lambda t: t * t / ((1 + t * t) ** 2 * mpmath.log1p(t * t)) * density(t), [-12, -3, -1, 0, 1, 3, 12]
        )
    assert abs(length_map("sqrt(log(1+x**2))").at(q=0.7).value() - square) < 1e-14
    assert abs(gradient_gain("sqrt(log(1+x**2))").at(q=0.7).value() - slope) < 1e-14


@pytest.mark.parametrize(
    ("text", "value", "limit"),
    [
        ("Piecewise((5, Eq(x,0)), (tanh(x), True))", "5", "0"),
        ("Piecewise((sin(x)/x, Ne(x,0)), (2, True))", "2", "1"),
        ("Piecewise((1, Eq(x,2)), (sin(x), x>0), (0, True))", "1", r"sin\(2\)"),
        ("Piecewise((1/x, Ne(x,0)), (0, True))", "0", "-oo"),
        ("x + Piecewise((1, Eq(x,0)), (x, x>0), (0, True))", "1", "0"),
    ],
)
def test_another_value_at_a_single_point_is_refused(text, value, limit):
    with pytest.raises(FormulaError, match=f"the value {value} at the single point x = .: expected the limit {limit}"):
        Activation(text)


def test_the_value_that_the_formula_has_anyway_is_no_branch():
    act = Activation("Piecewise((0, Eq(x,0)), (tanh(x), True))")
    assert act.expr == sp.tanh(act.symbol)
    assert act.parity == "odd"


@pytest.mark.parametrize(
    ("text", "at", "plain"),
    [
        ("Piecewise((sin(x)/x, Ne(x,0)), (1, True))", 0, lambda t: mpmath.sinc(t)),
        ("Piecewise(((exp(x)-1)/x, Ne(x,0)), (1, True))", 0, lambda t: mpmath.expm1(t) / t if t else mpmath.mpf(1)),
        ("Piecewise((x*tanh(x-1)/(x-1), Ne(x,1)), (1, True))", 1, lambda t: t * mpmath.tanh(t - 1) / (t - 1)),
    ],
)
def test_removable_singularities(text, at, plain):
    act = activation(text)
    assert act.jumps(0) == act.jumps(1) == act.jumps(2) == ()
    assert act.breakpoints == (at,)
    with mpmath.workdps(20):
        density = lambda t: mpmath.npdf(t, 0, 1)  # noqa: E731
        direct = mpmath.quad(lambda t: plain(t) ** 2 * density(t), [-12, -3, -0.7, 0.6, 1.3, 4, 12])
    assert abs(length_map(act).at(q=1).value() - direct) < 1e-12 * direct
