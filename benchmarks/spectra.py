"""Time of the Jacobian spectra, per curve of 400 points, after compilation: median of repeated runs on one thread.

Run ``python benchmarks/spectra.py``.  "curve" evaluates the polar curve at 400 values of ln r (density, distribution
and ln x at once); "law" builds the law of the slopes, edges and the table; "cdf" and "ppf" answer 400 prescribed
points.
"""

import contextlib
import io
import time
from collections.abc import Callable
from statistics import median

import numpy as np

import vgtheory as vg
from benchmarks.measure import Line
from vgtheory.spectra.curve import Curve
from vgtheory.spectra.sampling import sample_spectrum, sampling_cost
from vgtheory.spectra.slope_law import slope_law

CASES = [
    ("relu", 1.0, "gaussian", 100),
    ("relu", 1.0, "orthogonal", 100),
    ("leaky_relu", 1.0, "gaussian", 10_000),
    ("tanh", 0.5, "gaussian", 100),
    ("tanh", 0.5, "orthogonal", 100),
    ("gelu", 1.0, "gaussian", 1000),
    ("tanh", 100.0, "gaussian", 1000),
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
    profile = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=500, depth=100)
    vg.spectrum(profile).ppf_log(0.5)
    print(f"profile, tanh L=100, 400 points of cdf: {milliseconds(lambda: vg.spectrum(profile).ppf_log(p), 3):.0f} ms")
    for width, depth in ((100, 100), (200, 50)):
        net = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=width, depth=depth)
        took = milliseconds(lambda n=net: sample_spectrum(n, 1), 3) / 1e3
        print(f"sampling N={width}, L={depth}: {took:.2f} s, estimated {sampling_cost(net).seconds:.2f} s")


if __name__ == "__main__":
    main()
