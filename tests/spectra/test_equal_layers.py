"""Exact statements about equal layers: published values, the numerical curve, and freely multiplied polynomials."""

import numpy as np
import pytest
import sympy as sp

import vgtheory as vg
from vgtheory._errors import InputError, UnsupportedError

GAUSSIAN, ORTHOGONAL = vg.Weights.gaussian, vg.Weights.orthogonal
QUARTER = vg.Activation("Max(x, x/4)")
EXACT = (("relu6", ORTHOGONAL(1.2, 0.05), (2, 3)), ("relu", vg.Weights.he(), (1, 2, 3)))


def spectrum(activation, weights, depth, **options):
    return vg.spectrum(vg.Network(activation, weights, 50, depth), **options)


def test_upper_edges_of_relu_in_closed_form():
    law = spectrum("relu", GAUSSIAN(sp.sqrt(2)), 2)
    at = {"active": sp.Rational(1, 2), "sigma_w": sp.sqrt(2)}
    found = [float(law.exact.largest.at(depth=depth, **at).value()) for depth in (1, 2, 3)]
    assert found == pytest.approx([5.82842712474619010, 11.0901699437494742, 16.4577568967328353], rel=1e-15)
    rotated = spectrum("relu", ORTHOGONAL(sp.sqrt(2)), 5).exact.largest
    assert [rotated.at(depth=depth, **at).expr for depth in (3, 4)] == [sp.Rational(27, 4), sp.Rational(256, 27)]


def test_moments_with_symbols_are_the_published_ones():
    depth, active = sp.symbols("depth active", positive=True)
    kept = {"depth": depth, "active": active}
    square = {"sigma_w": 1 / sp.sqrt(active)}
    wanted = {
        GAUSSIAN: [
            1,
            (depth + active) / active,
            (3 * depth**2 + 6 * depth * active - depth + 2 * active**2) / (2 * active**2),
        ],
        ORTHOGONAL: [
            1,
            (depth + active - depth * active) / active,
            (3 * depth**2 * (1 - active) ** 2 - 5 * depth * active**2 + 6 * depth * active - depth + 2 * active**2)
            / (2 * active**2),
        ],
    }
    for weights, rows in wanted.items():
        for formula, value in zip(spectrum("relu", weights(1.4), 2).exact.moments(3), rows, strict=True):
            assert sp.simplify(formula.at(**kept, **square).expr - value) == 0
    assert spectrum("relu", GAUSSIAN(1.4), 2).exact.moments(4)[3].at(
        depth=3, active=sp.Rational(1, 2), sigma_w=sp.sqrt(2)
    ).expr == sp.Integer(741)


@pytest.mark.parametrize("weights", [GAUSSIAN, ORTHOGONAL])
@pytest.mark.parametrize(
    ("activation", "depth"), [("relu", 1), ("relu", 3), (QUARTER, 3), ("identity", 3), ("hard_tanh", 2), ("relu6", 3)]
)
def test_moments_are_those_of_the_curve(activation, depth, weights):
    law = spectrum(activation, weights(sp.Rational(6, 5)), depth, q=0.7)
    _, share = law.exact.levels[-1]
    here = {"depth": depth, "sigma_w": sp.Rational(6, 5)}
    for k, formula in enumerate(law.exact.moments(3), start=1):
        given = here | ({"active": share} if "active" in {s.name for s in formula.symbols} else {})
        assert float(formula.at(**given).value()) == pytest.approx(law.moment(2 * k), rel=1e-8)


@pytest.mark.parametrize(
    ("activation", "weights", "depth"),
    [
        ("relu", GAUSSIAN(sp.sqrt(2)), 3),
        ("relu", ORTHOGONAL(1.4), 4),
        (QUARTER, GAUSSIAN(sp.sqrt(2)), 1),
        (QUARTER, ORTHOGONAL(1.0), 2),
        ("identity", GAUSSIAN(1.1), 5),
        ("hard_tanh", ORTHOGONAL(1.0), 3),
    ],
)
def test_the_density_of_the_curve_lies_in_the_proved_bounds(activation, weights, depth):
    law = spectrum(activation, weights, depth, q=0.4)
    high = law.bands[-1][1]
    for s in (0.2 * high, 0.43 * high, 0.81 * high):
        low, most = law.enclosure(s)
        density = law.pdf(s)
        assert most - low <= 1e-13 * max(most, 1)
        assert low - 1e-11 * most <= density <= most + 1e-11 * most
        assert not low <= 1.001 * density <= most or density == 0  # power
    assert law.enclosure(1.5 * high) == law.enclosure(-1.0) == (0.0, 0.0)


def test_the_gap_of_leaky_relu_and_its_polynomial():
    """Slope² 1/16, one Gaussian layer with χ = 1: the gap (0.21657628996947842, 0.23678641290143345) of x."""
    law = spectrum(QUARTER, GAUSSIAN(sp.sqrt(sp.Rational(32, 17))), 1)
    assert len(law.bands) == 2
    assert law.bands[0][1] ** 2 == pytest.approx(0.21657628996947842, rel=1e-12)
    assert law.bands[1][0] ** 2 == pytest.approx(0.23678641290143345, rel=1e-12)
    squares = vg.laws.algebraic(law.polynomial)
    assert len(squares.bands) == 2
    assert law.enclosure(0.475) == (0.0, 0.0)


def test_the_polynomial_is_the_free_product_of_its_layers():
    law = spectrum("relu", GAUSSIAN(sp.sqrt(2)), 3)
    one = vg.laws.algebraic(
        spectrum("relu", GAUSSIAN(sp.sqrt(2)), 1).polynomial.at(depth=1, active=sp.Rational(1, 2), sigma_w=sp.sqrt(2))
    )
    three = vg.laws.algebraic(law.polynomial.at(depth=3, active=sp.Rational(1, 2), sigma_w=sp.sqrt(2)))
    assert (one * one * one).equation == three.equation == law.exact.equation


def test_laws_without_a_polynomial_say_so():
    smooth = spectrum("tanh", GAUSSIAN(1.2), 2)
    assert smooth.polynomial is None
    assert smooth.exact is None
    deep = spectrum("relu", GAUSSIAN(1.2), 30)
    assert deep.polynomial is not None
    for law in (smooth, deep, vg.laws.tracy_widom(2)):
        with pytest.raises(UnsupportedError, match="polynomial"):
            law.enclosure(0.5)
    with pytest.raises(InputError, match="one finite number"):
        spectrum("relu", GAUSSIAN(1.2), 2).enclosure([0.1, 0.2])


@pytest.mark.parametrize(
    "law", [vg.laws.marchenko_pastur(0.5), vg.laws.semicircle(1.5), vg.laws.wachter(2.0, 1.5), vg.laws.fuss_catalan(3)]
)
def test_known_laws_have_proved_bounds_of_their_densities(law):
    x = float(law.ppf(0.6))
    low, high = law.enclosure(x)
    assert low <= law.pdf(x) * (1 + 1e-12)
    assert law.pdf(x) * (1 - 1e-12) <= high
    assert high - low < 1e-12 * high
    assert law.polynomial is not None


@pytest.mark.parametrize(
    ("activation", "weights", "depth"),
    [
        ("relu", GAUSSIAN(sp.sqrt(2)), 1),
        ("relu", GAUSSIAN(1.3), 3),
        ("relu", ORTHOGONAL(1.4), 4),
        ("identity", GAUSSIAN(1.1), 1),
        (QUARTER, GAUSSIAN(sp.sqrt(sp.Rational(32, 17))), 1),
        (QUARTER, ORTHOGONAL(1), 2),
    ],
)
def test_edges_as_formulas_are_the_ends_of_the_bands(activation, weights, depth):
    law = spectrum(activation, weights, depth)
    ends = [end**2 for band in law.bands for end in band]
    assert len(law.exact.edges) == len(ends)
    given = {"depth": depth, "active": sp.Rational(1, 2), "sigma_w": weights.sigma_w}
    for formula, end in zip(law.exact.edges, ends, strict=True):
        if formula.expr == 0 and formula.lhs.has(sp.Symbol("x")):
            value = formula.lhs.subs("x", end)
            assert abs(value) < 1e-9 * abs(formula.lhs.subs("x", end + 1))
        else:
            value = formula.at(**{k: v for k, v in given.items() if k in {s.name for s in formula.symbols}}).value()
            assert float(value) == pytest.approx(end, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "weights", "depth"),
    [(name, weights, depth) for name, weights, depths in EXACT for depth in depths],
)
def test_even_moments_are_the_exact_ones(name, weights, depth):
    """The sums over layers of orders 2 and 4 agree with Lagrange's series, and E x³ with a quadrature."""
    law = vg.spectrum(vg.Network(name, weights, 100, depth), q=2.0)
    exact = [float(value) for value in law.exact.numbers(3)]
    np.testing.assert_allclose([law.moment(2 * k) for k in range(3)], exact[:3], rtol=1e-13)
    p, w = np.polynomial.legendre.leggauss(400)
    angle = np.pi * (p + 1) / 2
    share = law.zero_mass + (1 - law.zero_mass) * (1 - np.cos(angle)) / 2
    weight = (1 - law.zero_mass) * w * np.pi / 4 * np.sin(angle)
    third = weight @ law.ppf(share) ** 6
    assert third == pytest.approx(exact[3], rel=2e-3)
