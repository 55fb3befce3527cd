"""Free convolution and laws from their transforms, against closed forms and large sampled matrices."""

import numpy as np
import pytest
from scipy import stats

from vgtheory import ensembles, laws
from vgtheory._errors import InputError, UnsupportedError

MP = laws.marchenko_pastur
PAIRS = {
    "semicircles add": (laws.free_sum(laws.semicircle(3), laws.semicircle(4)), laws.semicircle(5)),
    "free Poisson": (laws.free_sum(MP(0.5), MP(0.25, 2)), laws.free_sum(MP(0.25, 2), MP(0.5))),
    "arcsine": (laws.free_sum(laws.kesten_mckay(2), laws.kesten_mckay(2)), laws.kesten_mckay(4)),
    "hard edge": (laws.free_product(MP(1), MP(0.5)), laws.wishart_product([1, 0.5])),
    "gap": (laws.free_product(MP(0.2), MP(0.5)), laws.wishart_product([0.2, 0.5])),
    "atom": (laws.free_product(MP(2), MP(0.5)), laws.wishart_product([2, 0.5])),
    "three layers": (laws.free_product(laws.fuss_catalan(2), MP(1)), laws.fuss_catalan(3)),
    "R of the semicircle": (laws.from_r_transform("x"), laws.semicircle()),
    "R of Marchenko-Pastur": (laws.from_r_transform("2/(1 - x)"), MP(0.5, 2)),
    "S of Fuss-Catalan": (laws.from_s_transform("(1 + x)**-3"), laws.fuss_catalan(3)),
    "S with an atom": (laws.from_s_transform("1/(1 + 2*x)"), MP(2)),
    "S of free Bessel": (laws.from_s_transform("1/((1 + x)**1.5*(0.5 + x))"), laws.free_bessel(2.5, 0.5)),
}


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[pytest.mark.slow] if c == "three layers" else []) for c in sorted(PAIRS)]
)
def test_closed_forms(case):
    law, known = PAIRS[case]
    lo, hi = known.edges()
    assert law.edges() == pytest.approx((lo, hi), abs=1e-12 * (hi - lo))
    x = np.linspace(lo, hi, 31)[1:-1]
    np.testing.assert_allclose(law.pdf(x), known.pdf(x), rtol=1e-11)
    np.testing.assert_allclose(law.cdf(x), known.cdf(x), atol=1e-11)
    assert law.error(x).max() < 1e-12
    places, masses = (np.array(law.atoms).reshape(-1, 2)[:, k] for k in (0, 1))
    np.testing.assert_allclose(places, [p for p, _ in known.atoms], atol=1e-12)
    np.testing.assert_allclose(masses, [m for _, m in known.atoms], rtol=1e-9)
    bottom = sum(m for x, m in known.atoms if x == known.support()[0])
    q = bottom + (1 - bottom) * np.array([1e-3, 0.02, 0.2, 0.5, 0.8, 0.98, 0.999])
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, atol=1e-11)
    np.testing.assert_allclose(known.cdf(law.ppf(q)), q, atol=1e-11)
    assert law.moment(3) == pytest.approx(known.moment(3), rel=1e-9, abs=1e-9)
    assert law.var() == pytest.approx(known.var(), rel=1e-9)


def test_sum_of_two_projections_is_an_arcsine_law():
    half = laws.wachter(0.5, 0.5)
    law = laws.free_sum(half, half)
    x = np.linspace(0.05, 1.95, 20)
    np.testing.assert_allclose(law.pdf(x), 1 / (np.pi * np.sqrt(x * (2 - x))), rtol=1e-11)
    assert law.atoms == ()
    product = laws.free_product(half, half)
    assert product.atoms == ((0.0, 0.5),)
    y = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(product.pdf(y), 1 / (2 * np.pi * np.sqrt(y * (1 - y))), rtol=1e-11)


def test_two_bands_and_their_gap():
    law = laws.free_sum(laws.wachter(0.5, 0.5), laws.semicircle(0.3))
    assert len(law.bands) == 2
    assert law.pdf(0.5) == 0
    assert law.cdf(0.5) == pytest.approx(0.5, abs=1e-12)
    for order in (1, 2, 4):
        assert law.moment(order) == pytest.approx(law.expect(lambda x, k=order: x**k), rel=1e-11)


@pytest.mark.parametrize("radius", [0.3, 0.9, 0.99, 0.999, 0.9999])
def test_gaps_however_narrow(radius):
    """Two atoms ±1/2 and a semicircle: z = ω + tω/(ω² − 1/4) has its inner turning points at y = ω² below."""
    law, t = laws.free_sum(laws.wachter(0.5, 0.5), laws.semicircle(radius)), radius**2 / 4
    y = (0.5 + t - np.sqrt(t * t + 2 * t)) / 2
    half = abs(np.sqrt(y) * (1 + t / (y - 0.25)))  # 5e-7 for the last one
    (_, low), (high, _) = law.bands
    np.testing.assert_allclose([low, high], [0.5 - half, 0.5 + half], atol=1e-13)
    assert law.cdf((low + high) / 2) == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("radius", [1.0, 1.0001, 1.5])
def test_no_gap_is_made_up(radius):
    assert len(laws.free_sum(laws.wachter(0.5, 0.5), laws.semicircle(radius)).bands) == 1


@pytest.mark.parametrize(
    ("law", "gaps"),
    [
        (laws.free_sum(MP(3), laws.wachter(0.4, 2)), 1),
        (laws.free_sum(laws.wachter(0.2, 0.8), laws.wachter(0.3, 0.7)), 1),
        (laws.free_product(laws.free_sum(laws.wachter(0.5, 0.5), laws.point_mass(1)), MP(0.01)), 1),
        (laws.free_product(laws.quarter_circle(), laws.wachter(2, 2)), 0),
        (laws.free_sum(laws.quarter_circle(), laws.wachter(2, 2)), 0),
    ],
    ids=str,
)
@pytest.mark.slow
def test_intervals_are_where_the_density_is(law, gaps):
    """At 100 places; mass 1 and the third moment by quadrature over the intervals, a twin 1 % narrower fails."""
    lo, hi = law.bounds()
    x = np.linspace(lo, hi, 102)[1:-1]
    inside = np.any([(x > a) & (x < b) for a, b in law.bands], axis=0)
    clear = np.all([np.abs(x - v) > 1e-9 * (hi - lo) for v, _ in law.atoms] + [x > -1], axis=0)
    np.testing.assert_array_equal((law.tails(x)[0] * (hi - lo) > 1e-5)[clear], inside[clear])
    assert len(law.bands) == gaps + 1
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-11)
    by_hand = law.expect(lambda v: v**3)
    third = law.moment(3) if hasattr(law, "a") and not law._rule.positive else by_hand
    assert third == pytest.approx(by_hand, abs=1e-11 * max(abs(lo), hi) ** 3)
    points, weights = law.nodes()
    a, b = law.bands[0]
    cut = (points > a + 0.01 * (b - a)) & (points < b - 0.01 * (b - a))
    assert abs(weights[cut].sum() + sum(m for _, m in law.atoms) - 1) > 1e-4


@pytest.mark.slow
def test_sums_of_sums():
    """(A + B) + C = A + (B + C), with G of the inner sum by its own subordination."""
    half, circle = laws.wachter(0.5, 0.5), laws.semicircle(0.5)
    one = laws.free_sum(laws.free_sum(half, circle), half)
    other = laws.free_sum(laws.free_sum(half, half), circle)
    assert one.edges() == pytest.approx(other.edges(), abs=1e-9)
    x = np.linspace(*one.edges(), 9)[1:-1]
    for mine, known in zip(one.tails(x)[:2], other.tails(x)[:2], strict=True):
        np.testing.assert_allclose(mine, known, rtol=1e-9)


def test_laws_given_by_transforms_add_as_formulas():
    law = laws.free_sum(laws.from_r_transform("1/(1 - x)"), laws.from_r_transform("0.2*8/(1 - 8*x)"))
    known = laws.free_sum(MP(1), MP(5, 1.6))
    assert isinstance(law, laws.AlgebraicLaw)
    np.testing.assert_allclose(law.bands, known.bands, atol=1e-9)
    x = np.array([0.5, 3.0, 3.4, 3.6, 4.5, 14.0])  # the fourth lies in the gap, where G is beyond a pole of R
    np.testing.assert_allclose(law.cdf(x), known.cdf(x), atol=1e-11)
    np.testing.assert_allclose(law.ppf([0.5, 0.85, 0.99]), known.ppf([0.5, 0.85, 0.99]), rtol=1e-9)
    product = laws.free_product(laws.from_s_transform("1/(1 + x)"), laws.from_s_transform("1/(1 + x/2)"))
    assert isinstance(product, laws.AlgebraicLaw)
    x = np.linspace(0.1, 4, 9)
    np.testing.assert_allclose(product.pdf(x), laws.wishart_product([1, 0.5]).pdf(x), rtol=1e-10)


def test_an_atom_that_survives():
    """Masses 0.8 and 0.7 at 0: the sum keeps 0.5 there."""
    law = laws.free_sum(laws.wachter(0.2, 0.8), laws.wachter(0.3, 0.7))
    assert law.atoms[0] == pytest.approx((0.0, 0.5), abs=1e-12)
    assert law.cdf(-1e-6) == 0
    assert law.cdf(1e-9) == pytest.approx(0.5, abs=1e-6)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sum", "product"])
def test_large_matrices_follow(kind):
    """A + U B Uᵀ of size 600: the largest deviation of F_N is below 5/N; a law 2 % wider is told apart."""
    n, rng = 600, np.random.default_rng(2)
    grid = (np.arange(n) + 0.5) / n
    a, b = laws.wachter(2, 2), MP(0.5)
    u = ensembles.haar(n).sample(rng)
    left, right = a.ppf(grid), u @ np.diag(b.ppf(grid)) @ u.T
    if kind == "sum":
        law, matrix = laws.free_sum(a, b), np.diag(left) + right
    else:
        root = np.sqrt(left)
        law, matrix = laws.free_product(a, b), root[:, None] * right * root
    values = np.linalg.eigvalsh(matrix)
    assert stats.kstest(values, law.cdf).statistic < 5 / n
    assert stats.kstest(1.02 * values, law.cdf).statistic > 5 / n


def test_shift_scale_and_constants():
    shifted = laws.free_sum(laws.semicircle(), laws.point_mass(3))
    assert shifted.pdf(3.5) == pytest.approx(laws.semicircle().pdf(0.5), rel=1e-12)
    scaled = laws.free_product(MP(0.5), laws.point_mass(2))
    assert scaled.pdf(3.0) == pytest.approx(MP(0.5, 2).pdf(3.0), rel=1e-12)
    assert laws.free_sum(laws.point_mass(1), laws.point_mass(2)) == laws.point_mass(3)
    assert laws.free_product(laws.point_mass(0), MP(1)) == laws.point_mass(0)


def test_bad_input_is_refused():
    for call in (
        lambda: laws.free_sum(laws.semicircle(), "semicircle"),
        lambda: laws.free_sum(laws.semicircle(), laws.edelman_condition()),
        lambda: laws.free_product(laws.semicircle(), MP(1)),
        lambda: laws.from_r_transform("x*y"),
        lambda: laws.from_r_transform("1/x"),
        lambda: laws.from_s_transform("x"),
    ):
        with pytest.raises(InputError):
            call()
    with pytest.raises(UnsupportedError, match="stieltjes"):
        laws.transforms(laws.tracy_widom(2))
