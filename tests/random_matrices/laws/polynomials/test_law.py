"""Densities, bands and atoms of algebraic laws: closed forms, an independent convolution, sampled matrices."""

import numpy as np
import pytest
import sympy as sp
from flint import acb, acb_poly, arb, ctx, fmpq
from scipy import integrate, stats

from vgtheory import laws
from vgtheory._errors import InputError
from vgtheory.random_matrices.laws.free.convolution import FreeProduct, FreeSum

algebraic = laws.algebraic
Q = np.linspace(0, 1, 21)


@pytest.mark.parametrize(
    "known",
    [
        laws.semicircle(1.5),
        laws.marchenko_pastur(0.5),
        laws.marchenko_pastur(1.0),
        laws.marchenko_pastur(2.0, 0.5),
        laws.kesten_mckay(2.5),
        laws.wachter(0.5, 2.0),
        laws.fuss_catalan(3),
        laws.free_bessel(2, 0.5),
        laws.wishart_product([0.5, 2.0]),
        laws.raney(3, 2),
    ],
    ids=str,
)
def test_closed_forms(known):
    law = algebraic(known)
    assert law.edges() == pytest.approx(known.edges(), rel=1e-14, abs=1e-14)
    assert len(law.bands) == 1
    assert np.ravel(law.atoms) == pytest.approx(np.ravel(known.atoms), abs=1e-14)
    lo, hi = known.edges()
    x = np.concatenate([lo + (hi - lo) * np.linspace(0.01, 0.99, 15), [lo - 0.1, hi + 0.1]])
    np.testing.assert_allclose(law.pdf(x), known.pdf(x), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(law.cdf(x), known.cdf(x), atol=2e-14)
    np.testing.assert_allclose(law.ppf(Q), known.ppf(Q), rtol=1e-10, atol=1e-12)
    z = np.array([lo + 0.3 * (hi - lo) + 0.05j, hi + 1e-3j, hi + 1.0, -3.0 + 0j])
    np.testing.assert_allclose(law.stieltjes(z), known.stieltjes(z), rtol=1e-11)


@pytest.mark.parametrize(
    ("subordinated", "joined"),
    [
        (FreeSum(laws.semicircle(0.5), laws.marchenko_pastur(0.4)), laws.free_sum),
        (FreeSum(laws.wachter(0.5, 0.5), laws.semicircle(0.3)), laws.free_sum),
        (FreeProduct(laws.marchenko_pastur(0.6), laws.wachter(1.5, 2.0)), laws.free_product),
    ],
    ids=["sum", "two atoms and a semicircle", "product"],
)
def test_the_equation_and_subordination_agree(subordinated, joined):
    """Two methods that share nothing but the laws that are joined."""
    law = joined(subordinated.a, subordinated.b)
    assert isinstance(law, laws.AlgebraicLaw)
    np.testing.assert_allclose(law.bands, subordinated.bands, atol=1e-10)
    for lo, hi in law.bands:
        x = lo + (hi - lo) * np.array([0.02, 0.3, 0.7, 0.99])
        np.testing.assert_allclose(law.pdf(x), subordinated.pdf(x), rtol=1e-9)
        np.testing.assert_allclose(law.cdf(x), subordinated.cdf(x), atol=1e-10)


def test_bands_and_atoms_of_sums():
    """Two points and a semicircle, and a compound free Poisson law with three parts."""
    law = laws.free_sum(algebraic("(z**2 - 1)*G - z"), laws.semicircle(1.0))
    ends = [0.36900872982819050, 1.7601725930460869]
    assert np.ravel(law.bands) == pytest.approx([-ends[1], -ends[0], *ends], rel=1e-15)
    assert law.pdf(0.0) == 0
    assert law.atoms == ()
    poisson = laws.from_r_transform("0.1*(0.75*2/(1 - 2*x) + 0.25*5.5/(1 - 5.5*x))")
    want = [1.0055181596689439, 3.1256892314391455, 4.1627237798785706, 7.5953545432990543]
    assert np.ravel(poisson.bands) == pytest.approx(want, rel=1e-15)
    assert poisson.atoms == ((0.0, pytest.approx(0.9, rel=1e-15)),)


def test_transforms_with_atoms_and_radicals():
    """What formulas of R and S hide: atoms, and radicals that meet their cut."""
    poisson = laws.from_r_transform("0.5/(1 - x)")
    assert poisson.atoms == ((0.0, pytest.approx(0.5)),)
    assert poisson.cdf(0.0) == pytest.approx(0.5)
    assert laws.free_sum(poisson, laws.semicircle(0.2)).cdf(0.3) == pytest.approx(0.583, abs=5e-4)
    arcsine = laws.from_r_transform("(sqrt(1 + 4*x**2) - 1)/x")
    np.testing.assert_allclose(arcsine.cdf([-1, 0, 1]), [1 / 3, 1 / 2, 2 / 3], atol=1e-14)
    gap = laws.from_r_transform("(sqrt(1 + 4*x**2) - 1)/(2*x) + 0.25*x")
    assert gap.pdf(0.0) == 0
    projection = laws.from_s_transform("(1 + x)/(x + 1/2)")
    assert projection.atoms == ((0.0, pytest.approx(0.5)), (1.0, pytest.approx(0.5)))
    assert (projection.cdf(0.0), projection.cdf(0.9), projection.cdf(1.0)) == pytest.approx((0.5, 0.5, 1.0))


@pytest.mark.parametrize("r", ["-x", "x**3", "x**2", "1 - x/4"])
def test_transforms_of_no_positive_measure_are_refused(r):
    with pytest.raises(InputError, match="moments"):
        laws.from_r_transform(r)


def test_a_leaky_layer_by_elimination_has_the_known_gap():
    """Slopes² 1 and 1/16, from m = ½(v/(1 − v) + av/(1 − av)) and zv = (1 + m)σ²."""
    v, m, z, a = *sp.symbols("v m z"), sp.Rational(1, 16)
    first = sp.numer(sp.together(m - (v / (1 - v) + a * v / (1 - a * v)) / 2))
    found = sp.resultant(first, z * m * v - (1 + m) * m * 2 / (1 + a), v)
    (found,) = (part for part, _ in sp.factor_list(found)[1] if part.has(z))
    (_, low), (high, _) = algebraic(found.subs(m, z * sp.Symbol("G") - 1)).bands
    assert (low, high) == pytest.approx((0.21657628996947842, 0.23678641290143345), rel=1e-14)


def test_ends_of_bands_have_no_density_unless_it_is_infinite():
    """Marchenko–Pastur of ratio ¼ lives on [¼, 9/4], and has no atom at 0 although its equation is singular there."""
    law = laws.algebraic(laws.marchenko_pastur(0.25))
    assert law.enclosure(0.25) == law.enclosure(2.25) == law.enclosure(0.0) == (0.0, 0.0)
    below, above = law.enclosure(0.25 + 1e-9)
    assert 0 < below < law.pdf(0.25 + 1e-9) * (1 + 1e-6) < above * (1 + 2e-6)
    touching = laws.discrete([-1, 1], [0.5, 0.5]) + laws.semicircle(2.0)  # two bands that just meet at 0
    assert touching.bands[0][0] == -touching.bands[0][1]
    for place, wrong in ((0.0, laws.algebraic(laws.marchenko_pastur(1.0))), (0.0, touching)):
        with pytest.raises(InputError, match="branches of G meet"):
            wrong.enclosure(place)


def test_discs_hold_a_root_that_other_arithmetic_finds():
    """Of all roots of P(x, ·) in balls exactly one meets the disc; at x + iy it is that with zG nearest to 1."""
    law = laws.free_product(laws.fuss_catalan(2), laws.marchenko_pastur(1.0))
    sheet = law._sheet
    for x in (fmpq(1, 3), fmpq(5), fmpq(12)):
        g, r = sheet.at(x)
        with ctx.workprec(192):
            roots = acb_poly([acb_poly(row)(acb(arb(x))) for row in sheet.rows]).roots()
            assert sum(float(abs(root - g).abs_lower()) <= r for root in roots) == 1
        lower, upper = law.enclosure(float(x)) if x != fmpq(1, 3) else law.enclosure(1 / 3)
        assert lower <= law.pdf(float(x)) * (1 + 1e-12)
        assert upper >= law.pdf(float(x)) * (1 - 1e-12)


@pytest.mark.slow
def test_mass_and_moments_are_integrals():
    law = laws.free_sum(laws.marchenko_pastur(2.0, 0.5), laws.semicircle(0.2))
    (lo, hi) = law.support()
    mass, first = (
        integrate.quad(lambda x, k=k: x**k * law.pdf(x), lo, hi, points=[0.0, 0.2], limit=400)[0] for k in (0, 1)
    )
    assert (mass, first) == pytest.approx((1, law.mean()), abs=1e-8)
    assert law.moment(4) == pytest.approx(law.expect(lambda x: x**4), rel=1e-10)
    assert law.moment(61) == pytest.approx(float(law.equation.moments(61)[61]), rel=1e-9)


# Kolmogorov distances of one matrix of size 400 from its limit law had means of 0.0070–0.0074, standard deviations of
# 0.0006–0.0010 over 12 runs: 0.0125 is five of them above, a false alarm in fewer than one run of 10⁵.  The neighbours'
# distances were above 0.0188.
BOUND = 0.0125


@pytest.mark.parametrize("which", ["sum", "product", "gram"])
def test_sampled_matrices_follow_the_law_and_not_its_neighbour(which):
    rng = np.random.default_rng(5)
    n = 400
    wigner = rng.standard_normal((n, n))
    wigner = (wigner + wigner.T) / np.sqrt(2 * n)
    x = rng.standard_normal((n, 2 * n)) / np.sqrt(2 * n)
    if which == "sum":
        values = np.linalg.eigvalsh(x @ x.T + 0.5 * wigner)
        law, other = (laws.free_sum(laws.marchenko_pastur(0.5), laws.semicircle(r)) for r in (1.0, 1.15))
    elif which == "product":
        y = rng.standard_normal((n, n)) / np.sqrt(n)
        values = np.linalg.eigvalsh(y @ x @ x.T @ y.T)
        law, other = (laws.free_product(laws.marchenko_pastur(c), laws.marchenko_pastur(1.0)) for c in (0.5, 0.6))
    else:
        values = np.linalg.eigvalsh(np.diag(np.repeat([1.0, -1.0], n // 2)) + wigner / 2)
        law, other = (algebraic("(z**2 - 1)*G - z") + laws.semicircle(r) for r in (1.0, 1.15))
    assert stats.kstest(values, law.cdf).statistic < BOUND < stats.kstest(values, other.cdf).statistic


@pytest.mark.parametrize(
    "law",
    [
        algebraic(laws.marchenko_pastur(0.3, 2.0)),
        laws.discrete([-1, 1], [0.5, 0.5]) + laws.semicircle(1.0),  # inner edges by square roots of square roots
        laws.from_r_transform("0.1*(0.75*2/(1 - 2*x) + 0.25*5.5/(1 - 5.5*x))"),  # inner edges of a quartic
        (algebraic(laws.marchenko_pastur(0.5)) + 1).inverse(),
    ],
)
def test_edges_are_formulas_or_roots_of_their_polynomial(law):
    """A formula has the value of the end; a polynomial changes its sign within 1e-12 of it, and not beside it."""
    ends = np.ravel(law.bands)
    assert len(law.edge_formulas) == len(ends)
    x = sp.Symbol("x")
    for formula, end in zip(law.edge_formulas, ends, strict=True):
        if formula.lhs == x:
            assert float(formula.expr.evalf(30)) == pytest.approx(end, rel=1e-14)
        else:
            low, high, beside = (formula.lhs.subs(x, sp.Rational(end) + step) for step in (-1e-12, 1e-12, 1e-3))
            assert low * high < 0 < high * beside


def test_edges_with_symbols():
    found = {str(f.expr) for f in algebraic("c*z*G**2 - (z - 1 + c)*G + 1").edge_formulas}
    assert found == {"0", "-2*sqrt(c) + c + 1", "2*sqrt(c) + c + 1"}
    law = algebraic("(z**2 - t**2)*G - z") + laws.semicircle()
    for t in (0.5, 2.0):  # one band, then two
        values = [complex(f.expr.subs("t", sp.Rational(t)).evalf(30)) for f in law.edge_formulas]
        for end in np.ravel(law.at(t=t).bands):
            assert min(abs(value - end) for value in values) < 1e-14
