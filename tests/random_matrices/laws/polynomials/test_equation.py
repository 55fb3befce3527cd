"""Equations of algebraic laws: moments in the symbols, sums and products against each other, refusals."""

import numpy as np
import pytest
import sympy as sp

import vgtheory as vg
from vgtheory import laws
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices.laws.polynomials.series import free_cumulants, moments_of, product_moments

algebraic = laws.algebraic
MP = "c*z*G**2 - (z - 1 + c)*G + 1"
c = sp.Symbol("c")


def test_a_free_sum_keeps_its_symbol():
    """MP(c) ⊞ semicircle: the equation and the 20th moment, whose constant term is a Motzkin number."""
    law = algebraic(MP) + laws.semicircle()
    z, g = sp.symbols("z G")
    assert sp.expand(law.equation.expr - (c * g**3 - (c * z + 1) * g**2 + (c + z - 1) * g - 1)) == 0
    moment = law.moments(20)[-1]
    assert moment.subs(c, 0) == 50852019
    assert float(moment.subs(c, sp.Rational(1, 2))) == pytest.approx(1966850385.2524357, rel=1e-15)
    assert law.free_cumulants(4) == (1, c + 1, c**2, c**3)
    assert law.polynomial.lhs == law.equation.expr


def test_cumulants_moments_and_products_are_inverse_to_each_other():
    moments = [sp.Integer(1), *(sp.catalan(k) for k in range(1, 9))]  # Marchenko–Pastur of ratio 1: all κ are 1
    assert free_cumulants(moments)[1:] == [1] * 8
    assert moments_of([0] + [sp.Integer(1)] * 8, sp.Integer(1)) == moments
    fuss = [sp.binomial(3 * k, k) / (2 * k + 1) for k in range(9)]
    assert product_moments(moments, moments) == fuss


@pytest.mark.parametrize(
    ("law", "count"),
    [
        (laws.semicircle(3.0), 6),
        (laws.marchenko_pastur(0.3, 2.0), 5),
        (laws.kesten_mckay(3), 6),
        (laws.wachter(1.5, 2.0), 5),
        (laws.free_bessel(2, 0.5), 5),
        (laws.wishart_product([0.5, 2.0]), 5),
        (laws.point_mass(2.0), 4),
        (laws.fuss_catalan(3), 5),
        (laws.raney(2, 0.5), 5),
        (laws.raney(2.5, 1.5), 5),
        (laws.raney(3, 2), 5),
    ],
    ids=str,
)
def test_every_algebraic_law_has_its_equation(law, count):
    """Its exact moments are those of the law itself."""
    found = algebraic(law)
    assert law.polynomial.expr == 0
    for order, moment in enumerate(found.moments(count), 1):
        assert float(moment) == pytest.approx(law.moment(order), rel=1e-12, abs=1e-12)


def test_other_laws_have_none():
    for law in (laws.tracy_widom(2), laws.fuss_catalan(np.sqrt(2)), laws.finite_gue(3)):
        assert law.polynomial is None
        with pytest.raises(InputError, match="polynomial equation"):
            algebraic(law)


def test_networks_of_any_depth_and_share_of_active_units():
    """Three ReLU layers at share p: z m = σ⁶(1 + m)(p + m)³, σ² = 1/p; orthogonal: z m (1 + m)² = σ⁶(p + m)³."""
    p, m = sp.Symbol("p"), sp.Symbol("z") * sp.Symbol("G") - 1
    gaussian = algebraic(sp.Symbol("z") * m * p**3 - (1 + m) * (p + m) ** 3)
    depth = 3
    want = (
        1,
        (depth + p) / p,
        (3 * depth**2 + 6 * depth * p - depth + 2 * p**2) / (2 * p**2),
        (8 * depth**3 + 24 * depth**2 * p - 6 * depth**2 + 18 * depth * p**2 - 6 * depth * p + depth + 3 * p**3)
        / (3 * p**3),
    )
    assert all(sp.simplify(got - value) == 0 for got, value in zip(gaussian.moments(4), want, strict=True))
    half = gaussian.at(p="1/2")
    assert half.moments(4)[2:] == (67, 741)
    orthogonal = algebraic(sp.Symbol("z") * m * (1 + m) ** 2 * p**3 - (p + m) ** 3).at(p=0.5)
    assert orthogonal.moments(3)[2] == 19
    tops = []
    for layers in (1, 2, 3):
        law = algebraic(sp.Symbol("z") * m - sp.Integer(2) ** layers * (1 + m) * (sp.Rational(1, 2) + m) ** layers)
        tops.append(law.bands[-1][1])
    assert tops == pytest.approx([5.82842712474619010, 11.0901699437494742, 16.4577568967328353], rel=1e-15)
    lower, upper = half.enclosure(0.5)
    assert lower <= 0.13112307316437207846 <= upper < lower * (1 + 1e-14)
    assert lower <= half.pdf(0.5) * (1 + 1e-13) <= upper * (1 + 2e-13)


def test_square_inverse_corner_scale_and_shift():
    circle = laws.semicircle()
    assert algebraic(circle).square() == algebraic(laws.marchenko_pastur(1.0))
    assert algebraic(laws.marchenko_pastur(0.5)).inverse().inverse() == algebraic(laws.marchenko_pastur(0.5))
    inverse = algebraic(laws.marchenko_pastur(0.5)).inverse()
    assert inverse.mean() == pytest.approx(laws.marchenko_pastur(0.5).expect(lambda x: 1 / x), rel=1e-10)
    corner = algebraic(circle).compressed(0.25)  # a corner of a semicircle is one of half its radius
    assert corner == algebraic(laws.semicircle(1.0))
    moved = 2 * algebraic(circle) + 1
    assert moved.bands == ((-3.0, 5.0),)
    assert (moved.mean(), moved.var()) == (1.0, 4.0)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ("G**2 + 1", "no branch"),
        ("(G*(z - 1) - 1)*(G*(z + 1) - 1)", "2 factors"),
        ("exp(G) - z", "polynomial"),
        ("z - 3", "polynomial"),
        ("G**4 - G*z + 1", "moments 0, 0, 0, 1"),  # R = g³
        ("G**2 + z*G - 1", "no branch|moments"),
        (None, "polynomial"),
        (3, "polynomial"),
    ],
)
def test_what_is_no_law_is_refused(given, match):
    with pytest.raises(InputError, match=match):
        algebraic(given)


def test_refusals_name_limits_and_symbols():
    with pytest.raises(UnsupportedError, match="at most 10"):
        algebraic("z**11*G**12 - z*G + 1")
    law = algebraic(MP)
    with pytest.raises(InputError, match="symbols c"):
        law.support()
    with pytest.raises(InputError, match="symbol d"):
        law.at(d=1)
    with pytest.raises(InputError, match="moments"):
        law.at(c=-1)
    with pytest.raises(InputError, match="share"):
        law.compressed(1.5)
    with pytest.raises(InputError, match="factor"):
        law * 0
    with pytest.raises(InputError, match="polynomial equation"):
        law + "x"
    with pytest.raises(InputError, match="branches of G meet"):
        law.at(c=1).enclosure(0.0)


def test_latex_of_the_polynomial():
    assert vg.latex(laws.semicircle().polynomial) == r"G^{2} - G z + 1 = 0"
