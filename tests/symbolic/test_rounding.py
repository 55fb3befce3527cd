"""Printed bounds are rounded away from what they bound; checked against values at points, apart from the rounding."""

import mpmath
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import vgtheory as vg
from tests.thinning import thinned
from vgtheory.symbolic import notation as n
from vgtheory.symbolic.formula import RELATIONS, Formula, formula_latex
from vgtheory.symbolic.printing import prepared, to_latex
from vgtheory.symbolic.rounding import DOWN, NEAREST, UP, decimal_of, rounded
from vgtheory.theory.proofs.infimum import Infimum

R = sp.Rational
NETWORKS = (
    vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), 2048, 50),
    vg.Network("sigmoid", vg.Weights.gaussian(1.5, 0.1), 512, 50),
    vg.Network("relu", vg.Weights.he(), 64, 20),
    vg.Network("gelu", vg.Weights.orthogonal(1.3, 0.1), 96, 20),
    vg.Network("tanh", vg.Weights.gaussian(n.sigma_w, n.sigma_b), n.width, n.depth),
    vg.Network("leaky_relu", vg.Weights.gaussian(1.1), [30, 50, 20], 2),
)
POINTS = (
    {"depth": 57, "layer": 9, "p": R(1, 100), "eps": R(1, 1000), "q": R(7, 5), "t": R(3, 2), "fraction": R(1, 4)},
    {"depth": 3, "layer": 3, "p": R(9, 10), "eps": R(1, 5), "q": R(1, 3), "t": R(1, 5), "fraction": R(3, 4)},
)
MORE = {"sigma_w": R(3, 4), "sigma_b": R(1, 5), "width": 41, "weight_norm": R(9, 8), "weight_least": R(1, 8),
        "weight_frobenius": R(9, 2), "reach": 2}  # fmt: skip


@pytest.mark.parametrize(
    ("number", "side", "digits"),
    [
        (R(2047, 2048), UP, "0.99952"),
        (R(2047, 2048), DOWN, "0.99951"),
        (R(3, 2048), UP, "0.0014649"),
        (R(-1, 3), UP, "-0.33333"),
        (R(-1, 3), DOWN, "-0.33334"),
        (R("0.01374"), UP, "0.01374"),  # a decimal that is short is exact on either side
        (R("0.01374"), DOWN, "0.01374"),
        (sp.Float("0.1"), UP, "0.1"),  # decimals count as what they print
        (R(99999999, 1000), UP, "1.0e+5"),
        (sp.sqrt(2), UP, "1.4143"),
        (sp.sqrt(2), DOWN, "1.4142"),
        (sp.pi, NEAREST, "3.1416"),
        (sp.Integer(10) ** 40 + 1, UP, "1.0001e+40"),
    ],
)
def test_numbers_are_rounded_to_their_side(number, side, digits):
    found = decimal_of(number, side)
    assert R(str(found)) == R(digits)


@given(st.fractions(min_value=-(10**9), max_value=10**9), st.integers(1, 9))
def test_rounding_is_the_nearest_decimal_on_that_side(number, digits):
    exact = R(number.numerator, number.denominator)
    up, down = (R(str(decimal_of(exact, side, digits))) for side in (UP, DOWN))
    assert down <= exact <= up
    assert up == -R(str(decimal_of(-exact, DOWN, digits)))
    unit = up - down
    assert unit == 0 or unit <= abs(exact) * R(10) ** (1 - digits) * R(10001, 10000)


@pytest.mark.parametrize(
    ("expr", "side", "latex"),
    [
        (9 * sp.Float("0.6498") ** n.depth, UP, r"9 \cdot \left(0.6498\right)^{L}"),
        (3 * R("0.12345") ** n.x, NEAREST, r"3 \cdot \left(0.12345\right)^{x}"),
        (sp.Float("1e-6") ** n.depth, NEAREST, r"\left(10^{-6}\right)^{L}"),
        (sp.Float("7.56e-5") ** n.depth, NEAREST, r"\left(7.56 \cdot 10^{-5}\right)^{L}"),
        (n.q * sp.Float("0.5") ** n.depth, NEAREST, r"\left(0.5\right)^{L} q"),
        (R(2047, 2048) * n.q, UP, "0.99952 q"),
        (R(2047, 2048) * n.q, DOWN, "0.99951 q"),
        (n.q - R(2047, 2048), UP, "q - 0.99951"),
        (1 / (n.q + R(2047, 2048)), UP, r"\frac{1}{q + 0.99951}"),
        (R(2047, 2048) ** (n.depth - n.layer), UP, r"\left(1 - 0.00048828\right)^{L - l}"),
        (1 - (1 - R(1, 2**64)) ** n.depth, NEAREST, r"1 - \left(1 - 5.421 \cdot 10^{-20}\right)^{L}"),
        (sp.sqrt(sp.Float("77.9772512284")) * n.q, UP, "8.8305 q"),
        (252 * sp.log(2) / sp.log(1 / R("0.111042")), UP, "79.475"),
        (sp.log(sp.Float("2.00001234") * n.q), DOWN, r"\ln{\left(2 q \right)}"),
        # Which way is outward is not known: the number is named by its first digits.
        ((sp.exp(-1) / sp.sqrt(sp.pi) + sp.erf(1) / 2 + R(1, 2)) ** n.depth, UP, r"\left(1.129\right)^{L}"),
        (sp.cos(R(12345678, 10**7) * n.x), UP, r"\cos{\left(1.2345\ldots x \right)}"),
        (R(2047, 2048) * n.x, UP, r"0.99951\ldots x"),
    ],
)
def test_formulas_of_numbers(expr, side, latex):
    assert to_latex(expr, side=side) == latex


def test_a_condition_is_shown_stronger_than_it_is():
    assert to_latex(sp.Lt(R(2047, 2048) * n.q, R(12345678, 10**7)), side=DOWN) == r"0.99952 q < 1.2345"
    assert to_latex(sp.Ge(n.q, R(12345678, 10**7)), side=DOWN) == r"q \geq 1.2346"


def test_the_second_moment_bound_of_tanh_is_not_below_itself():
    bound = sp.Pow(R(2047, 2048) + R(3, 2048) / n.q, n.depth)
    assert to_latex(bound, side=UP) == r"\left(0.99952 + \frac{0.0014649}{q}\right)^{L}"


def fixed(expr, values):
    """Return a number of 30 digits, None where the formula has none there."""
    point = {s: values[s.name] for s in expr.free_symbols if s.name in values}
    try:
        number = Formula(n.q, expr.subs(point, simultaneous=True)).value(25)
    except vg.VgtheoryError:
        return None
    return number if mpmath.isfinite(number) else None


@pytest.mark.parametrize("k", thinned(range(len(NETWORKS)), 3))
def test_every_bound_of_a_network_is_printed_on_its_own_side(k):
    compared = 0
    for bound in vg.bounds(NETWORKS[k]):
        side = RELATIONS[bound.kind].side
        shown = prepared(bound.expr, side)
        decimals = {to_latex(f) for f in shown.atoms(sp.Float)}
        assert all(d.lstrip("-") in formula_latex(bound) for d in decimals)  # what is compared is what is printed
        if shown == bound.expr or bound.expr.has(Infimum):
            continue
        for point in POINTS:
            true, seen = fixed(bound.expr, point | MORE), fixed(shown, point | MORE)
            if true is None or seen is None:
                continue
            compared += 1
            assert side != UP or seen >= true * (1 - mpmath.mpf(10) ** -20), bound.name
            assert side != DOWN or seen <= true + abs(true) * mpmath.mpf(10) ** -20, bound.name
            assert abs(seen - true) <= abs(true) * 0.03 + 1e-3, bound.name  # five digits of a rate, to a power of 114
    assert compared >= (15, 30, 3, 10, 0, 3)[k]


def test_the_comparison_would_notice_a_bound_rounded_inward():
    bound = R(2047, 2048) ** n.depth
    wrong = rounded(bound, DOWN)
    assert fixed(wrong, POINTS[0]) < fixed(bound, POINTS[0])
