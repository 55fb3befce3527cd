import copy

import mpmath
import pytest
import sympy as sp

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic.formula import Formula, exact
from vgtheory.symbolic.gaussian import GaussianMean
from vgtheory.symbolic.notation import chi, depth, q, sigma_w, x

GAIN = Formula(chi, (sigma_w / 3) ** (2 * depth), conditions=(sigma_w < 2,), reference=("he2015",))


def test_at_fixes_symbols_by_name_and_value_is_the_number():
    at = GAIN.at(sigma_w=1.5, depth=50)
    assert at.expr == sp.Rational(1, 2) ** 100
    assert at.value() == mpmath.mpf(2) ** -100
    assert GAIN.symbols == (depth, sigma_w)


def test_values_neither_overflow_nor_underflow():
    at = GAIN.at(sigma_w=1, depth=10**6)
    assert abs(mpmath.log10(at.value()) + 2 * 10**6 * mpmath.log10(3)) < 1e-8


@pytest.mark.parametrize(
    "order",
    [("depth", "sigma_w"), ("sigma_w", "depth"), ("depth sigma_w",)],
    ids=["depth first", "depth last", "at once"],
)
def test_powers_are_not_multiplied_out_whatever_is_put_in_first(order):
    values = {"depth": 10**12, "sigma_w": 1.5}
    for base, number in (((sigma_w**2 / 16), "9/64"), (-sp.sqrt(sigma_w) / 7, "-sqrt(3/2)/7"), (1 + sigma_w, "5/2")):
        at = Formula(chi, base**depth)
        for names in order:
            at = at.at(**{name: values[name] for name in names.split()})
        with mpmath.workdps(60):
            truth = 10**12 * mpmath.log(abs(sp.sympify(number).evalf(50)))
            assert mpmath.almosteq(mpmath.log(at.value(40)), truth, 1e-30)


def test_digits_decide_which_powers_are_multiplied_out():
    assert Formula(chi, q**depth).at(q=2, depth=20_000).expr == 2**20_000
    at = Formula(chi, q**depth).at(q=sp.Rational(10**500 + 1, 10**500), depth=9999)
    assert at.expr.is_Pow
    assert mpmath.almosteq(at.value(), 1, 1e-14)


def test_values_to_many_digits_match_an_independent_evaluation():
    formula = Formula(chi, sp.erf(q) ** 3 * sp.asin(q / 2) - sp.sqrt(q))
    with mpmath.workdps(60):
        expected = mpmath.erf(mpmath.mpf("0.7")) ** 3 * mpmath.asin(mpmath.mpf("0.35")) - mpmath.sqrt("0.7")
        assert abs(formula.at(q=0.7).value(50) / expected - 1) < mpmath.mpf(10) ** -50


def test_a_function_without_ball_arithmetic_is_evaluated_by_sympy():
    with mpmath.workdps(30):
        found = Formula(chi, sp.besselj(0, q)).at(q=1).value(25)
        assert abs(found - mpmath.besselj(0, 1)) < mpmath.mpf(10) ** -25


def test_heavy_cancellation_is_resolved():
    with mpmath.workdps(30):
        value = Formula(chi, sp.sqrt(1 + q) - 1 - q / 2).at(q=sp.Rational(1, 10**20)).value(20)
        assert abs(value / (-(mpmath.mpf(10) ** -40) / 8) - 1) < 1e-18


@pytest.mark.parametrize("values", [{"sigma": 1}, {"q": 1, "sigma_w": 1}])
def test_an_unknown_symbol_is_refused_by_name(values):
    with pytest.raises(InputError, match="sigma_w"):
        GAIN.at(**values)


def test_a_broken_condition_is_refused():
    with pytest.raises(InputError, match="sigma_w < 2"):
        GAIN.at(sigma_w=2.5)
    assert GAIN.at(sigma_w=1.5).conditions == ()


def test_no_value_with_free_symbols_or_outside_the_domain():
    with pytest.raises(InputError, match="depth, sigma_w"):
        GAIN.value()
    with pytest.raises(InputError, match="not a real number"):
        Formula(chi, sp.sqrt(1 - q)).at(q=2).value()
    assert Formula(chi, sp.oo).value() == mpmath.inf


def test_the_error_of_a_certified_mean_is_the_radius_of_its_ball():
    mean = GaussianMean(sp.tanh(x) ** 2, x, q)
    formula = Formula(chi, sigma_w**2 * mean, status="certified")
    assert formula.error == 0.0
    at = formula.at(q=0.5, sigma_w=1.5)
    assert 0 < at.error < 1e-15
    exactly = at.value(40)
    assert abs(at.value() - exactly) <= at.error + 1e-15 * abs(exactly)
    assert Formula(chi, q, error=0.25).error == 0.25


def test_a_mean_that_cannot_be_certified_is_no_number():
    with pytest.raises(UnsupportedError):
        Formula(chi, GaussianMean(sp.log(sp.Abs(x)), x, 1)).value()


def test_formulas_are_values():
    assert GAIN.at(depth=3) == GAIN.at(depth=3)
    assert hash(GAIN.at(depth=3)) == hash(GAIN.at(depth=3))
    assert copy.deepcopy(GAIN) == GAIN
    assert repr(Formula(chi, q, "upper bound")) == "Formula(chi <= q, proved)"
    assert GAIN._repr_latex_().startswith(r"$\displaystyle \chi = ")


@pytest.mark.parametrize("value", [True, "1", float("nan"), float("inf")])
def test_exact_refuses_what_is_no_finite_number(value):
    with pytest.raises(InputError):
        exact(value)


def test_exact_takes_decimals_at_their_printed_value():
    assert exact(0.1) == sp.Rational(1, 10)
