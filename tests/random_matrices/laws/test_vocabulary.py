"""Every law answers the same questions in the same way: at infinity, far out, for junk, after a pickle."""

import pickle

import numpy as np
import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory import laws

LAWS = (
    laws.marchenko_pastur(0.5),
    laws.semicircle(),
    laws.quarter_circle(),
    laws.elliptic(0.3),
    laws.fuss_catalan(3),
    laws.raney(2, 0.05),
    laws.free_bessel(2, 0.5),
    laws.ginibre_product(3),
    laws.kesten_mckay(3),
    laws.wachter(1.5, 2.0),
    laws.tracy_widom(2),
    laws.edelman_condition(),
    laws.demmel_condition(3),
    laws.gaussian_condition(2, "real"),
    laws.finite_goe(4),
    laws.finite_gue(4),
    laws.finite_gse(3),
    laws.finite_loe(2, 5),
    laws.finite_lue(3, 3),
    laws.finite_lse(2, 4),
    laws.finite_ginibre(3),
    laws.finite_ginibre(3, 2),
    laws.finite_ginibre(3, 2).radial(),
    laws.finite_real_ginibre(3),
    laws.finite_product(2, 2),
    laws.from_r_transform("1/(1-g)"),
    laws.from_s_transform("1/(1+m)"),
    laws.free_sum(laws.semicircle(), laws.marchenko_pastur(0.5)),
    laws.point_mass(2.0),
    1 - 2 * laws.marchenko_pastur(2.0),
)
FAR = np.array([-np.inf, -1e308, -1e200, -1e155, -1.0, 0.0, 1e-300, 1.0, 1e8, 1e155, 1e200, 1e308, np.inf])
JUNK = (None, "tanh", [None], ["0.5"], {}, object())


@pytest.mark.parametrize("law", thinned(LAWS, 5), ids=str)
def test_far_out_and_at_infinity(law):
    """No NaN at any number; 0 and 1 at the ends; nothing but NaN at NaN, and no warning on the way."""
    for name in ("pdf", "logpdf", "cdf", "sf", "logcdf", "logsf"):
        value = getattr(law, name)(FAR)
        assert not np.isnan(value).any(), name
        assert np.isnan(getattr(law, name)(np.nan)), name
    assert law.pdf(np.inf) == law.pdf(-np.inf) == 0
    assert (law.cdf(-np.inf), law.cdf(np.inf), law.sf(-np.inf), law.sf(np.inf)) == (0, 1, 1, 0)
    assert (np.diff(law.cdf(FAR)) >= -1e-13).all()


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_junk_gets_an_error_of_the_package(law):
    """Whatever is not a number is refused by name."""
    for name in ("pdf", "cdf", "ppf", "isf", "moment", "logpdf", "interval", "stieltjes"):
        for junk in JUNK if hasattr(law, name) else ():
            with pytest.raises(vg.VgtheoryError):
                getattr(law, name)(junk)
    for junk in ("many", [None], -1, 1.5):
        with pytest.raises(vg.VgtheoryError):
            law.rvs(junk)
    with pytest.raises(vg.VgtheoryError):
        law.rvs(3, random_state="x")


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_a_used_law_pickles(law):
    """Tables and compiled functions stay behind; the copy is equal and gives the same answers."""
    before = law.cdf(0.7), law.ppf(0.3)
    copy = pickle.loads(pickle.dumps(law))  # noqa: S301 - its own
    assert copy == law
    assert (copy.cdf(0.7), copy.ppf(0.3)) == before


@pytest.mark.parametrize(
    "make",
    [getattr(space, name) for space in (vg.laws, vg.ensembles) for name in space.__all__ if name.islower()],
    ids=lambda make: make.__name__,
)
def test_makers_refuse_junk(make):
    """As the first argument and as all of them."""
    count = make.__code__.co_argcount
    needed = count - len(make.__defaults__ or ())
    for junk in (None, "tanh", [], {}, object(), vg.Network, np.array([1, -2])):
        for arguments in {max(needed, 1), count} if count else ():
            with pytest.raises(vg.VgtheoryError):
                make(*[junk] * arguments)


def test_raney_quantiles_below_the_range_of_doubles():
    """P(X ≤ x) ~ x^{r/p} for small r: most quantiles underflow, their logarithms do not."""
    for p, r in ((2, 0.05), (2, 0.001), (1.5, 0.05), (10, 0.01), (3, 0.2)):
        law = laws.raney(p, r)
        q = np.array([1e-200, 1e-12, 1e-3, 0.3, 0.5, 0.9, 0.99, 0.999999])
        np.testing.assert_allclose(law.cdf_log(law.ppf_log(q)), q, rtol=1e-11)
        assert law.ppf(0.999999) > 1
    assert laws.raney(2, 0.05).rvs(1000, random_state=0).mean() > 1e-3


def test_high_moments_do_not_overflow_or_take_for_ever():
    """Up to order 500; inf where the range of doubles ends; more is refused."""
    for law in (laws.wachter(1.5, 2.0), laws.semicircle(), laws.point_mass(20.0), laws.elliptic(0.3)):
        assert np.isfinite(law.moment(100))
        assert not np.isnan(law.moment(500))
        with pytest.raises(vg.VgtheoryError, match="500"):
            law.moment(501)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: vg.ensembles.haar(10**6).eigenvalues(0),
        lambda: vg.ensembles.haar(10**6, "complex").angles(0),
        lambda: vg.ensembles.goe(10**6).eigenvalues(0),
        lambda: vg.ensembles.wishart(10**6, 10**6).eigenvalues(0),
        lambda: vg.ensembles.jacobi(10**6, 2 * 10**6, 2 * 10**6, 2).eigenvalues(0),
        lambda: vg.ensembles.circular_beta(10**7, 2).angles(0),
        lambda: vg.ensembles.ginibre_products(2000, 10**7).log_singular_values(0),
        lambda: vg.ensembles.ginibre_products(10**6, 10**9, "complex").log_moduli(0),
        lambda: vg.ensembles.ginibre(10**6).eigenvalues(0),
    ],
)
def test_a_draw_of_hours_is_refused_before_it_begins(draw):
    """Work is bounded as memory is."""
    with pytest.raises(vg.VgtheoryError, match="takes"):
        draw()
