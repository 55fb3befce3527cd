"""Random matrices: algebraic laws, ensembles and spacing statistics beside the packages that have them.

Every row says how long both take, in CPU time, and how far both are from the truth.
"""

import importlib
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

import vgtheory as vg
from benchmarks import peer_examples
from benchmarks.measure import Line, in_turn

POINTS, CHECKED = 400, 9  # of a density, and those at which it is held against enclosures
Row = tuple[str, Callable[[], Any], Callable[[], Any], Callable[[Any], float], Callable[[Any], float]]


def algebraic_rows(rmtool: Any) -> list[Row]:
    """MP(c) plus a semicircle with c kept, its density at c = ½, and a law of degree 4."""
    x = np.linspace(-1.2, 3.5, POINTS)

    def sum_of(c: str) -> Any:
        laws = vg.laws.algebraic("c*z*G**2 - (z - 1 + c)*G + 1"), vg.laws.algebraic("G**2 - z*G + 1")
        return (laws[0] + laws[1]).at(c=c) if c else laws[0] + laws[1]

    def quartic() -> Any:
        halves = vg.laws.marchenko_pastur(0.5), vg.laws.marchenko_pastur(0.25)
        return vg.laws.algebraic(halves[0]) * halves[1] + vg.laws.semicircle(2.0)

    def theirs_quartic() -> Any:
        product = rmtool.AtimesB(rmtool.wishartpol(0.5), rmtool.wishartpol(0.25))
        return rmtool.Lmz2pdf(rmtool.AplusB(product, rmtool.wignerpol()), x).best_density()

    def moments() -> list[sp.Expr]:
        return [sp.Integer(1), *sum_of("").moments(8)]

    def theirs_moments() -> list[sp.Expr]:
        return rmtool.Lmz2MomS(rmtool.AplusB(rmtool.wishartpol(), rmtool.wignerpol()), 8)

    def theirs_density() -> Any:
        return rmtool.Lmz2pdf(rmtool.AplusB(rmtool.wishartpol(0.5), rmtool.wignerpol()), x).best_density()

    wanted = moments()

    def wrong(found: list[sp.Expr]) -> float:
        pairs = zip(found, wanted, strict=True)
        return float(sum(sp.expand(sp.sympify(str(a)) - sp.sympify(str(b))) != 0 for a, b in pairs))

    return [
        ("8 moments of MP(c) + semicircle, c kept", moments, theirs_moments, wrong, wrong),
        density_row("density of MP(1/2) + semicircle", lambda: sum_of("1/2"), theirs_density, x),
        density_row("density of MP(1/2) x MP(1/4) + semicircle", quartic, theirs_quartic, x),
    ]


def density_row(what: str, law: Callable[[], Any], theirs: Callable[[], Any], x: np.ndarray) -> Row:
    """Return a row in which both go from the parts of a law to its density at all x, errors against enclosures."""
    places = np.linspace(0, len(x) - 1, CHECKED + 2).astype(int)[1:-1]
    known = law()
    truth = np.array([np.mean(known.enclosure(x[k])) for k in places])

    def error(found: Any) -> float:
        return float(np.nan_to_num(np.abs(np.asarray(found)[places] - truth), nan=np.inf).max())

    return f"{what}, {len(x)} points", lambda: law().pdf(x), theirs, error, error


def two_atoms_row(freealg: Any) -> list[Row]:
    x = np.linspace(-1.7, 1.7, POINTS)

    def law() -> Any:
        return vg.laws.discrete([-1, 1], [0.5, 0.5]) + vg.laws.semicircle(1.0)

    peer = freealg.distributions.DeformedWigner([-1.0, 1.0], [0.5, 0.5], 0.5)
    return [density_row("density of two atoms + semicircle", law, lambda: peer.density(x), x)]


def ensemble_rows(peer: Any) -> list[Row]:
    """Eigenvalues of β = 1.5, β from them, and their form factor."""
    rng, circle, line = np.random.default_rng(0), vg.ensembles.circular_beta(500, 1.5), vg.ensembles.hermite(2000, 1.5)
    rows = [
        spectrum_row("500 angles, beta = 1.5", circle.angles, peer.circular.spectra, 500),
        spectrum_row("2000 values, beta = 1.5", line.eigenvalues, peer.gaussian.spectra, 2000),
    ]
    spectra = vg.ensembles.hermite(200, 1.5).spectra(40, rng)[:, 50:-50]
    rows.append(
        (
            "beta of 40 spectra of 100 ratios, beta = 1.5",
            lambda: vg.ensembles.fit_beta(spectra).beta,
            lambda: peer.fit_ratios(peer.ratios(spectra)),
            lambda beta: abs(beta - 1.5),
            lambda beta: abs(beta - 1.5),
        )
    )
    levels = vg.ensembles.unfold(vg.ensembles.gue(200).spectra(20, rng), by=vg.laws.semicircle())
    times = np.linspace(0.01, 2, 200)
    direct = (np.abs(np.exp(2j * np.pi * times[:, None, None] * levels).sum(axis=2)) ** 2).mean(axis=1) / 200

    def off(found: np.ndarray) -> float:
        return float(np.abs(found - direct).max())

    rows.append(
        (
            "form factor, 20 spectra of 200, 200 times",
            lambda: vg.ensembles.form_factor(levels, times),
            lambda: peer.sff.compute_sff(levels, times, verbose=False)[0],
            off,
            off,
        )
    )
    return rows


def spectrum_row(what: str, ours: Callable[..., np.ndarray], theirs: Callable[..., Any], size: int) -> Row:
    """Return a row of drawn spectra: both are exact, so the error is that of the number of values."""

    def missing(found: np.ndarray) -> float:
        return float(abs(np.asarray(found).size - size))

    return what, lambda: ours(random_state=1), lambda: theirs(1.5, size, rng=1, verbose=False), missing, missing


PEERS = (("rmtool", algebraic_rows), ("freealg", two_atoms_row), ("beta_ensembles", ensemble_rows))


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    found, details = [], []
    for name, rows in PEERS:
        try:
            peer = importlib.import_module(name)
        except ImportError:
            found.append(Line(f"random matrices beside {name}", name, "time, error <= its", "", None))
            continue
        for what, ours, theirs, our_error, their_error in rows(peer):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the peers
                mine, other = in_turn(ours, theirs, repeats=3, clock=time.process_time)
                errors = our_error(ours()), their_error(theirs())
            met = mine <= other and errors[0] <= max(errors[1], 1e-12)
            said = f"{mine / other:.3g} x, error {errors[0]:.1e} ({errors[1]:.1e})"
            found.append(Line(what, name, "time, error <= its", said, met))
            details.append(f"{what}: {mine * 1e3:.3g} ms beside {other * 1e3:.3g} ms of {name}")
    return [*found, *peer_examples.lines()], "\n".join(details)
