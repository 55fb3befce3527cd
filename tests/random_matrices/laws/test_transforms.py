"""The formulas of G, M, R, S and the equation of G, against numbers that do not use them."""

import numpy as np
import pytest
import sympy as sp

import vgtheory as vg
from vgtheory import laws
from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.transforms import ARGUMENT, FAMILIES, G_VALUE, M_VALUE, Z

LAWS = [
    laws.semicircle(3),
    laws.marchenko_pastur(0.5, 2),
    laws.marchenko_pastur(3),
    laws.fuss_catalan(2),
    laws.raney(2, 2),
    laws.raney(3, 2),
    laws.raney(2.5, 0.5),
    laws.kesten_mckay(3),
    laws.wachter(2, 3),
    laws.wachter(0.5, 2),
    laws.free_bessel(2, 0.5),
    laws.free_bessel(1.5, 0.5),
    laws.wishart_product([0.5, 2]),
    laws.point_mass(2),
    laws.free_sum(laws.semicircle(2), laws.marchenko_pastur(0.5)),
    laws.free_product(laws.marchenko_pastur(1), laws.wachter(2, 3)),
]
PLACES = [12 + 3j, -7 + 1j, 20 - 2j]


def _g(law, z):
    """G(z) from the moments' own integral, without any closed form."""
    points, weights = law.nodes()
    return (weights / (z - points)).sum() + sum(mass / (z - x) for x, mass in law.atoms)


@pytest.mark.parametrize("law", LAWS, ids=str)
@pytest.mark.parametrize("z", PLACES)
def test_formulas_hold_at(law, z):
    found = laws.transforms(law)
    g = _g(law, z)
    m = z * g - 1

    def number(expr, symbol, value):
        return complex(expr.subs(symbol, sp.sympify(value)).evalf())

    if found.stieltjes is not None:
        assert number(found.stieltjes.expr, Z, z) == pytest.approx(g, rel=1e-9)
        assert number(found.moments.expr, Z, z) == pytest.approx(m, rel=1e-8)
    if found.r is not None:
        assert number(found.r.expr, ARGUMENT, g) + 1 / g == pytest.approx(z, rel=1e-9)
    if found.s is not None:
        assert (1 + m) / (m * number(found.s.expr, M_VALUE, m)) == pytest.approx(z, rel=1e-8)
    if found.equation is not None:
        terms = [abs(complex(t.subs({Z: z, G_VALUE: g}).evalf())) for t in found.equation.lhs.as_ordered_terms()]
        value = complex(found.equation.lhs.subs({Z: z, G_VALUE: g}).evalf())
        assert abs(value) < 1e-9 * max(terms)
        wrong = complex(found.equation.lhs.subs({Z: z, G_VALUE: 1.01 * g}).evalf())
        assert abs(wrong) > 1e-6 * max(terms)
    assert len(list(found)) >= 1


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_every_formula_has_latex_and_a_reference(law):
    for formula in laws.transforms(law):
        assert vg.latex(formula)
        assert formula.reference
        assert formula.status == "proved"


@pytest.mark.parametrize("family", sorted(FAMILIES, key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_with_symbols_for_parameters(family):
    law = next((law for law in LAWS if type(law) is family), None)
    kept, fixed = laws.transforms(law, symbolic=True), laws.transforms(law)
    names = {symbol: getattr(law, name) for name, symbol in FAMILIES[family][0].items()}
    for general, special in zip(kept, fixed, strict=True):
        if "equation" in general.name:
            continue
        given = {k: v for k, v in names.items() if k in {s.name for s in general.expr.free_symbols}}
        point = {Z: 9 + 2j, ARGUMENT: 0.05 + 0.01j, M_VALUE: 0.1 - 0.02j}
        one, other = (complex(f.expr.subs(point).evalf()) for f in (general.at(**given), special))
        assert one == pytest.approx(other, rel=1e-12)


def test_numeric_stieltjes_and_potential_agree_with_quadrature():
    for law in (laws.semicircle(3), laws.marchenko_pastur(2), laws.kesten_mckay(3), laws.wachter(0.5, 2)):
        z = np.array([0.3 + 1j, -2 + 0.5j, 8 + 0.2j])
        g = np.array([_g(law, v) for v in z])
        np.testing.assert_allclose(law.stieltjes(z), g, rtol=1e-9)
        slope = (law.stieltjes(z + 1e-5) - law.stieltjes(z - 1e-5)) / 2e-5
        np.testing.assert_allclose(law.stieltjes_and_slope(z)[1], slope, rtol=1e-7)
        step = (law.log_potential(z + 1e-5) - law.log_potential(z - 1e-5)) / 2e-5
        np.testing.assert_allclose(step, g, rtol=1e-7)
        x = np.linspace(*law.edges(), 7)[1:-1]
        np.testing.assert_allclose(-law.stieltjes(x + 1e-12j).imag / np.pi, law.pdf(x), rtol=1e-5)


@pytest.mark.parametrize(
    "law",
    [
        laws.quarter_circle(1.5),
        laws.fuss_catalan(2),
        laws.fuss_catalan(30),
        laws.wishart_product([0.5, 2.0, 0.7]),
        laws.free_bessel(2.5, 0.5),
        laws.free_bessel(0.5, 0.7),
        laws.free_sum(laws.wachter(2, 2), laws.semicircle()),
        laws.free_product(laws.wachter(2, 2), laws.marchenko_pastur(1.5)),
    ],
    ids=str,
)
def test_boundary_values(law):
    """−Im G(x + i0)/π is the density and Im U(x + i0)/π is P(X > x), on the line itself; off it, against quadrature."""
    lo, hi = law.edges()
    x = lo + (hi - lo) * np.array([0.003, 0.05, 0.3, 0.7, 0.98])
    np.testing.assert_allclose(-law.stieltjes(x + 0j).imag / np.pi, law.pdf(x), rtol=1e-11)
    if not isinstance(law, laws.QuarterCircle):  # its U is by quadrature, which needs room
        np.testing.assert_allclose(law.log_potential(x + 0j).imag / np.pi, law.sf(x), atol=1e-11)
    # Quadrature loses the mass below 1e-300, which is 1e-10 of it for the deep product.
    z = np.array([0.3 + 1j, -2 + 0.5j, 8 + 2j, 2.5 - 1j, 100 + 1j, -3.0, 1.5 * hi]) * max(1.0, hi / 8)
    for own, by_rule in (
        (law.stieltjes_and_slope(z)[0], RealLaw._stieltjes_and_slope(law, z)[0]),
        (law.stieltjes_and_slope(z)[1], RealLaw._stieltjes_and_slope(law, z)[1]),
        (law.log_potential(z), RealLaw._log_potential(law, z)),
    ):
        np.testing.assert_allclose(own, by_rule, rtol=1e-9)


def test_laws_without_a_closed_form_say_so():
    for law in (laws.tracy_widom(1), laws.quarter_circle()):
        with pytest.raises(UnsupportedError, match="closed form"):
            laws.transforms(law)
    found = laws.transforms(laws.free_sum(laws.fuss_catalan(2), laws.semicircle()))
    assert (found.stieltjes, found.r, found.s) == (None, None, None)
    g = laws.free_sum(laws.fuss_catalan(2), laws.semicircle()).stieltjes(3 + 2j)
    assert abs(complex(found.equation.expr.subs({G_VALUE: g, Z: 3 + 2j}))) < 1e-12
