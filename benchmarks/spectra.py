"""Time of the Jacobian spectra, per curve of 400 points, after compilation: median of repeated runs on one thread.

Run ``python -m benchmarks.spectra``.  "curve" evaluates the polar curve at 400 values of ln r (density, distribution
and ln x at once); "law" builds the law of the slopes, edges and the table; "cdf" and "ppf" answer 400 prescribed
points.  Mixed and residual laws: "path" finds edges and points, the laws of the slopes given.  "distance" is
Kolmogorov's, in units of 1/N, of one product of stratified slopes.  ``python -m benchmarks.spectra grid`` asks every
activation's law of all depths, ensembles and variances for defects (a minute or two).
"""

import contextlib
import io
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np

import vgtheory as vg
from benchmarks.measure import Line
from tests.random_matrices.law_defects import DEPTHS, NAMES, VARIANCES, critical_law, defects
from tests.spectra.test_stratified import ROWS, stratified_distance
from vgtheory.spectra.curve import Curve
from vgtheory.spectra.product import Product
from vgtheory.spectra.sampling import sampling_cost
from vgtheory.spectra.slope_law import slope_law
from vgtheory.study.sample import sample

CASES = [
    ("relu", 1.0, "gaussian", 100),
    ("relu", 1.0, "orthogonal", 100),
    ("leaky_relu", 1.0, "gaussian", 10_000),
    ("tanh", 0.5, "gaussian", 100),
    ("tanh", 0.5, "orthogonal", 100),
    ("gelu", 1.0, "gaussian", 1000),
    ("tanh", 100.0, "gaussian", 1000),
]


# Profiles, widths and residual blocks: activation, weights, widths, skip.
MIXED = [
    ("tanh", vg.Weights.gaussian(1.5, 0.05), (500,) * 21, None),
    ("tanh", vg.Weights.gaussian(1.5, 0.05), (500,) * 1001, None),
    ("relu", vg.Weights.he(), (500, 900, 600, 1000, 800), None),
    ("relu", vg.Weights.he(), (500,) * 11, 0.3),
    ("tanh", vg.Weights.gaussian(1.0), (500,) * 51, 0.15),
    ("gelu", vg.Weights.gaussian(1.4, 0.1), (500,) * 11, 0.3),
]


def milliseconds(call: Callable[[], object], repeats: int = 9) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * median(times)


def fresh(name: str, q: float, ensemble: str, depth: int) -> Curve:
    slope_law.cache_clear()
    law = slope_law(vg.activation(name), q)
    curve = Curve(law, depth, ensemble, -law.log_mean)
    curve.at_probability(np.array([0.25]))
    return curve


def lines() -> tuple[list[Line], str]:
    """Return no line of the table, and the details."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        main()
    return [], text.getvalue()


def main() -> None:
    p = np.linspace(0.001, 0.999, 400)
    print(f"{'case':<36}{'nodes':>7}{'law':>9}{'curve':>9}{'cdf':>9}{'ppf':>9}   milliseconds")
    for name, q, ensemble, depth in CASES:
        curve = fresh(name, q, ensemble, depth)
        survival = (1 - curve.law.zero_mass) * (1 - p)
        log_x = curve.at_probability(survival)
        log_r = np.linspace(curve.law.log_nodes[0] - 5, curve.edges[-1], 400)
        curve.rows(log_r), curve.at_value(log_x)
        row = (
            milliseconds(lambda a=(name, q, ensemble, depth): fresh(*a), 5),
            milliseconds(lambda c=curve, u=log_r: c.rows(u)),
            milliseconds(lambda c=curve, x=log_x: c.at_value(x)),
            milliseconds(lambda c=curve, s=survival: c.at_probability(s)),
        )
        label = f"{name} q={q:g} {ensemble} L={depth}"
        print(f"{label:<36}{len(curve.law.log_nodes):>7}" + "".join(f"{t:9.2f}" for t in row))
    mixed(p)
    for name, q, ensemble in ROWS:
        found = [400 * stratified_distance(name, q, ensemble, depth, 400, 1)[0] for depth in (2, 16)]
        print(f"distance, {name} q={q:g} {ensemble}, N=400, L=2 and 16: {found[0]:.1f}/N, {found[1]:.1f}/N")
    for width, depth in ((100, 100), (200, 50)):
        net = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=width, depth=depth)
        took = milliseconds(lambda n=net: sample(n), 3) / 1e3
        print(f"sampling N={width}, L={depth}: {took:.2f} s, estimated {sampling_cost(net).seconds:.2f} s")


def mixed(p: np.ndarray) -> None:
    """Print the times of mixed and residual laws."""
    print(f"{'mixed laws':<36}{'laws':>7}{'path':>9}{'pdf':>9}{'ppf':>9}   milliseconds")
    for name, weights, widths, skip in MIXED:
        law = vg.spectrum(vg.Network(name, weights, widths, len(widths) - 1, skip=skip))
        zero = sum(mass for place, mass in law.atoms_log if place == -np.inf)
        log_s = law.ppf_log(zero + (1 - zero) * p)
        row = (
            milliseconds(lambda s=law: Product(s.law.parts, s.law.source).bands, 3),
            milliseconds(lambda s=law, y=log_s: s.pdf_log(y), 3),
            milliseconds(lambda s=law, z=zero: s.ppf_log(z + (1 - z) * p), 3),
        )
        label = f"{name} L={len(widths) - 1}" + (f" skip={skip}" if skip else "")
        print(f"{label:<36}{len(law.law.parts):>7}" + "".join(f"{t:9.2f}" for t in row))


def grid() -> None:
    """Print every defect of every activation's laws, and how many laws were asked."""
    asked = wrong = 0
    for name in NAMES:
        for q in VARIANCES:
            for ensemble in ("gaussian", "orthogonal"):
                for depth in DEPTHS:
                    found = defects(critical_law(name, q, ensemble, depth))
                    asked, wrong = asked + 1, wrong + bool(found)
                    if found:
                        print(f"{name} q={q:g} {ensemble} L={depth}: {', '.join(found)}", flush=True)
    print(f"{asked} laws, {wrong} with a defect")


if __name__ == "__main__":
    grid() if sys.argv[1:] == ["grid"] else main()
