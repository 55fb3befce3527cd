"""Ball arithmetic against mpmath and NumPy: every enclosure contains the truth, and is tight enough to be useful."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb, ctx

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import compile_jets, jets, number_ball, outward, precision
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.expansion import tail
from vgtheory.symbolic.tails import TailUndecided

x = sp.Symbol("x", real=True)
FORMULAS = [
    "x/(1+abs(x))",
    "x*exp(-x**2)",
    "atan(x)",
    "log(1+x**2)",
    "x/sqrt(1+x**2)",
    "asinh(x)",
    "tanh(x)+0.1*x",
    "x/(1+exp(-x))",
    "2**(-x**2)",
    "erfc(x)*sinh(x)/cosh(x)",
    "x**3",
]
NAMES = [*catalogue, *FORMULAS]


def mpmath_derivatives(expr, at, order):
    """Return derivatives of the formula by mpmath's Taylor series: independent of SymPy's diff and of Arb's series."""
    f = sp.lambdify(x, expr, "mpmath")
    with mpmath.workdps(40):
        return [c * mpmath.factorial(k) for k, c in enumerate(mpmath.taylor(f, mpmath.mpf(at), order))]


@pytest.mark.parametrize("name", NAMES)
def test_jets_enclose_the_derivatives_and_are_tight(name):
    act = activation(name)
    for part in act.pieces:
        program = compile_jets(part.expr, act.symbol)
        for at in (-2.75, -0.5, 0.25, 3.25):
            if not part.lo < at < part.hi:
                continue
            with precision(128):
                point = jets(program, arb(at), 3)
                box = jets(program, arb(at, 0.01), 3)
            truth = mpmath_derivatives(part.expr, at, 3)
            for k in range(4):
                # mpmath differentiates numerically: about 25 digits are left of 40.
                assert abs(float(point[k]) - float(truth[k])) <= 1e-14 * (1 + abs(float(truth[k])))
                assert point[k].rad() < 1e-25
                assert box[k].contains(point[k])


def test_a_wrong_derivative_is_noticed():
    with precision(128):
        slope = jets(compile_jets(sp.tanh(x), x), arb("0.5"), 1)[1]
    wrong = mpmath_derivatives(sp.tanh(x) * sp.Rational(101, 100), 0.5, 1)[1]
    assert not abs(float(slope) - float(wrong)) <= 1e-14


def test_far_out_nothing_overflows_and_relative_accuracy_stays():
    with precision(128):
        mish = jets(compile_jets(x * sp.tanh(sp.log(1 + sp.exp(x))), x), arb(700), 2)
        gelu = jets(compile_jets(x * (1 + sp.erf(x / sp.sqrt(2))) / 2, x), arb(-40), 1)[1]
    assert mish[1].rel_accuracy_bits() > 100
    assert gelu < 0  # −40·pdf(40) ~ 1e−347: the sign survives although 1 + erf cancels
    assert gelu.rel_accuracy_bits() > 80


def test_a_box_over_a_pole_gives_the_whole_line_and_not_an_error():
    value = jets(compile_jets(1 / x, x), arb(0, 1), 0)[0]
    assert not value.is_finite()


def test_precision_is_restored_even_after_an_error():
    before = ctx.prec
    with pytest.raises(RuntimeError), precision(999):
        raise RuntimeError
    assert ctx.prec == before


def test_outward_floats_enclose():
    with precision(200):
        lo, hi = outward(number_ball(sp.pi))
        assert arb(lo) < number_ball(sp.pi) < arb(hi)
    assert hi == np.nextafter(lo, 4)
    assert outward(number_ball(sp.Rational(1, 4))) == (0.25, 0.25)
    assert outward(arb(0)) == (0.0, 0.0)


def test_functions_without_a_rule_are_refused():
    with pytest.raises(UnsupportedError, match="no rule for"):
        compile_jets(sp.gamma(x), x)


TAILS = [f for f in NAMES if f not in ("sin", "cos", "siren", "snake", "2**(-x**2)", "erfc(x)*sinh(x)/cosh(x)")]


@pytest.mark.parametrize("name", TAILS)
@pytest.mark.parametrize("order", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_tails_enclose_the_function_and_their_sign_is_right(name, order):
    act = Activation(name) if name in FORMULAS else activation(name)
    for side in (1, -1):
        expr = act.derivative_pieces(order)[-1 if side > 0 else 0].expr.subs(act.symbol, side * act.symbol)
        with precision(256):
            t = tail(expr, act.symbol, 8)
            for at in (8, 9.5, 20, 100):
                value = jets(compile_jets(expr, act.symbol), arb(at), 0)[0]
                assert t.bound().overlaps(value)
                signed = (t + t.constant(-t.limit)).sign() if not t.part(1).terms else 0
                difference = value - number_ball(t.limit)
                assert signed == 0 or not (difference < 0 if signed > 0 else difference > 0)


def test_a_tail_that_is_wrong_by_a_percent_excludes_the_function():
    with precision(128):
        t = tail(1 + sp.Rational(1, 100) + sp.exp(-x), x, 16)
        assert not t.bound().overlaps(number_ball(1 + sp.exp(-20)))


def test_tails_that_cannot_be_ordered_say_so():
    with pytest.raises(TailUndecided):
        tail(1 / sp.sin(x), x, 8)
