"""The documented examples of the peers' random matrices beside ours; `python -m benchmarks.peer_examples` lists them.

Where a peer's number is wrong the line says why; that ours is right is proved by its enclosure, or by a test.
"""

import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

import vgtheory as vg
from benchmarks.measure import Line

laws, ensembles = vg.laws, vg.ensembles


class Example(NamedTuple):
    """What is called; our result and theirs; how far apart they may be; what is wrong with theirs, where it is."""

    what: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    within: float
    defect: str = ""


ROUNDED = 1e-12  # how far two results may be apart that differ by rounding
T, W = [2.0, 5.5], [0.75, 0.25]


def rmtool_examples(peer: Any) -> Iterator[Example]:
    """Every line of its README and of its table of functions; its m(z) is our −G(z)."""
    g, z, c = sp.Symbol("G"), sp.Symbol("z"), sp.Symbol("c")

    def same(ours: Any, theirs: sp.Expr) -> float:
        """Return 0 where two equations are proportional, else 1."""
        mine = sp.Poly(ours.equation.expr.subs(g, -peer.m), peer.m, z, c)
        other = sp.Poly(sp.numer(sp.together(theirs)), peer.m, z, c)
        factor = sp.Poly(sp.cancel(mine.as_expr() / other.as_expr()), z) if other else sp.Integer(0)
        return 0.0 if factor != 0 and not factor.as_expr().free_symbols else 1.0

    mp, semicircle = laws.algebraic("c*z*G**2 - (z - 1 + c)*G + 1"), laws.algebraic(laws.semicircle())
    half, atoms = mp.at(c="1/2"), laws.discrete([1, 2], [0.5, 0.5])
    theirs = peer.wishartpol(sp.Rational(1, 2))
    pair = peer.atomLmz([1, 2], [sp.Rational(1, 2)] * 2)
    coin, ours_coin = peer.atomLmz([1, -1], [sp.Rational(1, 2)] * 2), laws.discrete([-1, 1], [0.5, 0.5])

    def moments(of: Any, count: int) -> Callable[[], Any]:
        return lambda: [1, *of.moments(count)]

    yield Example("Lmz2MomS(wishartpol(0.5), 10)", moments(half, 10), lambda: peer.Lmz2MomS(theirs, 10), 0)
    yield Example(
        "Lmz2MomS(AplusB(wignerpol(), wishartpol(c)))",
        moments(mp + semicircle, 4),
        lambda: peer.Lmz2MomS(peer.AplusB(peer.wignerpol(), peer.wishartpol(c))),
        0,
    )
    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "wignerpol()": (lambda: semicircle, peer.wignerpol),
        "wishartpol(c)": (lambda: mp, peer.wishartpol),
        "atomLmz([1, 2], [0.5, 0.5])": (lambda: atoms, lambda: pair),
        "AplusB(wignerpol(), wishartpol(c))": (
            lambda: mp + semicircle,
            lambda: peer.AplusB(peer.wignerpol(), peer.wishartpol(c)),
        ),
        "AplusB(coin, coin), the arcsine law": (lambda: ours_coin + ours_coin, lambda: peer.AplusB(coin, coin)),
        "AtimesB(wishartpol(1/2), atomLmz([1, 2]))": (lambda: half * atoms, lambda: peer.AtimesB(theirs, pair)),
        "AtimesWish(atomLmz([1, 2]), 1/2)": (lambda: half * atoms, lambda: peer.AtimesWish(pair, sp.Rational(1, 2))),
        "invA(wishartpol(1/2))": (half.inverse, lambda: peer.invA(theirs)),
        "invA(shiftA(wishartpol(1/2), 1))": (
            lambda: (half + 1).inverse(),
            lambda: peer.invA(peer.shiftA(theirs, 1)),
        ),
        "shiftA(wignerpol(), 3)": (lambda: semicircle + 3, lambda: peer.shiftA(peer.wignerpol(), 3)),
        "scaleA(wignerpol(), 2)": (lambda: semicircle * 2, lambda: peer.scaleA(peer.wignerpol(), 2)),
        "mobiusA(wishartpol(1/2), 1, 2, 3, 4)": (
            lambda: half.moebius(1, 2, 3, 4),
            lambda: peer.mobiusA(theirs, 1, 2, 3, 4),
        ),
        "transposeA(wishartpol(1/2), 1/2)": (
            lambda: half.transposed("1/2"),
            lambda: peer.transposeA(theirs, sp.Rational(1, 2)),
        ),
        "squareA(wignerpol())": (semicircle.square, lambda: peer.squareA(peer.wignerpol())),
        "AblockB(wishartpol(1/2), wignerpol(), 1/2)": (
            lambda: half.beside_block(semicircle, "1/2"),
            lambda: peer.AblockB(theirs, peer.wignerpol(), sp.Rational(1, 2)),
        ),
        "compressA(wishartpol(1/2), 1/2)": (
            lambda: half.compressed("1/2"),
            lambda: peer.compressA(theirs, sp.Rational(1, 2)),
        ),
        "AgramWish(atomLmz([1, 2]), 1/2, 1/4)": (
            lambda: atoms.gram_with_noise("1/2", "1/2"),
            lambda: peer.AgramWish(pair, sp.Rational(1, 2), sp.Rational(1, 4)),
        ),
    }
    for what, (ours, other) in pairs.items():
        yield Example(what, lambda ours=ours, other=other: same(ours(), other()), lambda: 0.0, 0)
    x = np.arange(-0.05, 5, 0.01)
    sums = lambda: peer.AplusB(peer.wignerpol(), theirs)  # noqa: E731
    yield Example("Lmz2pdf(wishartpol(0.5))", lambda: half.pdf(x), lambda: peer.Lmz2pdf(theirs, x).best_density(), 1e-7)
    yield Example(
        "Lmz2pdf(AplusB(wignerpol(), wishartpol(0.5)))",
        lambda: (half + semicircle).pdf(x),
        lambda: peer.Lmz2pdf(sums(), x).best_density(),
        1e-7,
    )


def freealg_examples(peer: Any) -> Iterator[Example]:
    """The examples of its classes; densities it takes 2e-4 (or 1e-3) above the axis, and bands by scanning them."""
    d = peer.distributions
    place = 2.0 + 3.0j
    poisson = laws.from_r_transform("0.1*(0.75*2/(1 - 2*x) + 0.25*5.5/(1 - 5.5*x))")
    levy = poisson + laws.semicircle(1.8)
    theirs, other = d.CompoundFreePoisson(T, W, 0.1), d.FreeLevy(T, W, 0.1, 0, 0.9)
    jumps = laws.discrete(T, W)
    wigner, covariance = jumps + laws.semicircle(2.0), jumps * laws.marchenko_pastur(0.1)

    def ends(law: Any) -> Callable[[], Any]:
        return lambda: np.ravel(law.bands)

    def printed(*values: float) -> Callable[[], Any]:
        return lambda: np.array(values)

    def g(law: Any) -> Callable[[], Any]:
        return lambda: -law.stieltjes(place)

    scanned = "ends are scanned, to 0.007"
    shown = printed(0.9984996249062267, 3.13165791447862, 4.157389347336835, 7.597674418604652)
    yield Example("CompoundFreePoisson.support()", ends(poisson), lambda: np.ravel(theirs.support()), 1e-6, scanned)
    yield Example("the same, as printed", ends(poisson), shown, 1e-6, scanned)
    yield Example("CompoundFreePoisson.stieltjes(2 + 3i)", g(poisson), lambda: theirs.stieltjes(place), ROUNDED)
    yield Example("the same, as printed", g(poisson), lambda: -0.13510408 + 0.23535224j, 1e-8)
    shown = printed(-1.9990360090022503, 3.7017366841710433, 4.170457614403601, 7.886856714178547)
    yield Example("FreeLevy.support()", ends(levy), lambda: np.ravel(other.support()), 1e-6, scanned)
    yield Example("the same, as printed", ends(levy), shown, 1e-6, "what is printed is another law's")
    yield Example("FreeLevy.stieltjes(2 + 3i)", g(levy), lambda: other.stieltjes(place), ROUNDED)
    yield Example("the same, as printed", g(levy), lambda: -0.12025009 + 0.23433836j, 1e-8)
    yield Example(
        "DeformedWigner.support()", ends(wigner), lambda: np.ravel(d.DeformedWigner(T, W, 1.0).support()), ROUNDED
    )
    stale = "what is printed is another law's"
    shown = printed(-2.6664926899770567, -0.7147737555874724, 0.8478632229082883, 4.283403222656241)
    yield Example("the same, as printed", ends(wigner), shown, 1e-6, stale)
    yield Example(
        "DeformedMarchenkoPastur.support()",
        ends(covariance),
        lambda: np.ravel(d.DeformedMarchenkoPastur(T, W, 0.1).support()),
        ROUNDED,
    )
    shown = printed(1.271942644768898, 2.796717409578293, 4.465954791747979, 6.910028011047688)
    yield Example("the same, as printed", ends(covariance), shown, 1e-6, stale)
    x = np.linspace(-3.9, 3.9, 41)
    for name, ours, made in (
        ("MarchenkoPastur(1/50)", laws.marchenko_pastur(1 / 50), lambda: d.MarchenkoPastur(1 / 50)),
        ("Wigner(1)", laws.semicircle(1.0), lambda: d.Wigner(1)),
        ("KestenMcKay(3)", laws.kesten_mckay(3), lambda: d.KestenMcKay(3)),
        ("Wachter(2, 3)", laws.wachter(2, 3), lambda: d.Wachter(2, 3)),
    ):
        yield Example(f"{name}.density()", lambda ours=ours: ours.pdf(x), lambda made=made: made().density(x), 1e-12)
    y = np.linspace(0.5, 6, 30)
    yield Example(
        "FussCatalan(2).density()",
        lambda: laws.fuss_catalan(2).pdf(y),
        lambda: d.FussCatalan(2).density(y),
        1e-3,
        "on a wrong branch at x = 2.017",
    )
    yield Example(
        "Meixner(2, 3)",
        lambda: meixner(2, 3).pdf(x),
        lambda: d.Meixner(2, 3).density(x),
        1e-9,
        "a third argument is missing",
    )
    yield Example(
        "Meixner(2, 4, 1/4), the same law",
        lambda: meixner(2, 3).pdf(x),
        lambda: d.Meixner(2, 4, 0.25).density(x),
        ROUNDED,
    )


def meixner(a: int, b: int) -> Any:
    """Return the free Meixner law of mean 0 and variance 1: G = 1/(z − G_rest), G_rest a semicircle's about a."""
    return laws.algebraic(f"({b}*z**2 + {a}*z + 1)*G**2 - ({a} + (2*{b} + 1)*z)*G + {b} + 1")


def beta_ensembles_examples(peer: Any) -> Iterator[Example]:
    """The basic usage: spectra, spacings, ratios, surmises, the semicircle's staircase, the fit of β."""
    spectra = peer.gaussian.Ensemble(1.5, 100, rng=np.random.default_rng(0)).spectra(200, verbose=False)
    unfolded = peer.gaussian.Ensemble(1.5, 100).unfold(spectra)
    r, s = np.linspace(0.01, 1, 40), np.linspace(0.01, 4, 40)
    radius = np.sqrt(2.0 * 100)
    yield Example(
        "ens.unfold(spectra), radius √(2N)",
        lambda: ensembles.unfold(spectra, by=laws.semicircle(radius)),
        lambda: peer.gaussian.unfold(spectra, radius),
        1e-11,
    )
    yield Example(
        "spacings(unfolded)", lambda: [ensembles.spacings(v) for v in unfolded], lambda: peer.spacings(unfolded), 0
    )
    yield Example(
        "ratios(unfolded)",
        lambda: [ensembles.spacing_ratio(v) for v in unfolded],
        lambda: peer.ratios(unfolded),
        ROUNDED,
    )
    for k in (2, 3):
        yield Example(
            f"k_ratios(spectra, {k})",
            lambda k=k: [ensembles.spacing_ratio(v, k) for v in spectra],
            lambda k=k: peer.statistics.k_ratios(spectra, k),
            ROUNDED,
        )
    surmise = ensembles.spacing_surmise(1.5), ensembles.ratio_surmise(1.5)
    yield Example("pdf_s(1.5, s)", lambda: surmise[0].pdf(s), lambda: peer.statistics.pdf_s(1.5, s), ROUNDED)
    yield Example("cdf_s(1.5, s)", lambda: surmise[0].cdf(s), lambda: peer.statistics.cdf_s(1.5, s), ROUNDED)
    yield Example("pdf_r(1.5, r)", lambda: surmise[1].pdf(r), lambda: peer.statistics.pdf_r(1.5, r), ROUNDED)
    yield Example("cdf_r(1.5, r)", lambda: surmise[1].cdf(r), lambda: peer.statistics.cdf_r(1.5, r), 1e-7)
    yield Example(
        "mean_ratio(1.5), of the surmise", lambda: surmise[1].mean(), lambda: peer.statistics.mean_ratio(1.5), 1e-7
    )
    t = np.linspace(0.05, 2, 40)
    yield Example(
        "compute_sff(unfolded)",
        lambda: ensembles.form_factor(unfolded, t),
        lambda: peer.sff.compute_sff(unfolded, t, verbose=False)[0],
        1e-11,
    )
    for beta, exact in ((1, "goe"), (2, "gue"), (4, "gse")):
        bulk = ensembles.bulk(beta)
        yield Example(
            f"predicted_sff({beta}, t), {exact}",
            lambda bulk=bulk: bulk.form_factor(t[t < 0.95]),
            lambda beta=beta: peer.sff.predicted_sff(beta, t[t < 0.95]),
            1e-12,
        )
    fitted = lambda: ensembles.fit_beta(spectra[:, 20:-20]).beta  # noqa: E731
    yield Example("fit_ratios(ratios), against β = 1.5", fitted, lambda: peer.fit_ratios(peer.ratios(spectra)), 0.1)


PEERS = (
    ("rmtool", rmtool_examples),
    ("freealg", freealg_examples),
    ("beta_ensembles", beta_ensembles_examples),
)


def apart(ours: Any, theirs: Any) -> float:
    """Return the largest distance of two results; formulas are 0 apart where their difference expands to 0."""
    if any(isinstance(v, sp.Expr) for v in (*np.ravel(ours), *np.ravel(theirs))):
        pairs = zip(ours, theirs, strict=True)
        return float(sum(sp.expand(sp.sympify(str(a)) - sp.sympify(str(b))) != 0 for a, b in pairs))
    return float(np.nan_to_num(np.abs(np.asarray(ours) - np.asarray(theirs)), nan=np.inf).max())


def lines() -> list[Line]:
    """Return a line for every documented example."""
    found = []
    for name, examples in PEERS:
        try:
            peer = importlib.import_module(name)
        except ImportError:
            found.append(Line(f"documented examples of {name}", name, "the same numbers", "", None))
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the peers
            for what, ours, theirs, within, defect in examples(peer):
                try:
                    distance = apart(ours(), theirs())
                    said = f"{distance:.1e} apart"
                except Exception as error:  # whatever a peer's own example ends with
                    distance, said = np.inf, f"{type(error).__name__}: {error}"[:60]
                said = f"{said} ({defect})" if defect else said
                # A defect that is no longer there is a line to be changed.
                found.append(Line(what, name, f"the same to {within:g}", said, (distance <= within) != bool(defect)))
    return found


if __name__ == "__main__":
    for line in lines():
        print(f"{line.yardstick:15} {line.what:52} {line.measured:20} {line.reach:20} {line.met}")
