"""Rows of the tables that reports and the command line share: simulated layers, quantiles, inspected weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vgtheory.reporting.describe import number, power_of_ten, with_error
from vgtheory.reporting.summary import summarise
from vgtheory.study.inspection import Inspection

QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99)
MOST_LAYERS = 20  # of an inspected network that a table shows in full
_ATOM = 1e-9  # sampled values this close to an atom of a law are on it
Z_99 = 2.5758293035489004  # normal quantile of a two-sided 99 % interval


def quantile_rows(law: Any) -> tuple[tuple[str, str, str], ...]:
    """Return (share of directions below, ln s, s) of a singular-value law."""
    values = [(p, float(law.ppf_log(p))) for p in QUANTILES]
    return tuple((f"{number(100 * p)} %", number(value, 6), power_of_ten(value)) for p, value in values)


def distance_row(law: Any, values: Any) -> str:
    """Return the Kolmogorov distance of sampled logarithms of any shape (−inf: zeros) from a law, in words."""
    y = np.sort(np.ravel(values))
    finite = np.isfinite(y)
    # On either side of a value, which may lie on an atom.
    above, below = (np.asarray(law.cdf_log(y[finite] + side * _ATOM), dtype=float) for side in (1, -1))
    rank = np.arange(1, len(y) + 1)[finite] / len(y)
    gap = max(float(np.max(rank - above)), float(np.max(below - rank)) + 1 / len(y)) if finite.any() else 1.0
    dead = f", {100 * float(np.mean(~finite)):.3g} % of them 0" if not finite.all() else ""
    return f"{len(y)} sampled values{dead}: Kolmogorov distance {gap:.3g} from the law"


def study_rows(study: Any) -> tuple[tuple[str, str, str], ...]:
    """Return (layer, mean ln‖∂ℓ/∂h_l‖ with its 99 % interval, spread) of a simulation at five layers."""
    seen = summarise(study)
    std = seen.stderr * math.sqrt(max(seen.samples - seen.dead, 1))
    return tuple(
        (
            str(int(seen.layer[i])),
            with_error(float(seen.mean[i]), Z_99 * float(seen.stderr[i])),
            number(float(std[i]), 3),
        )
        for i in chosen_layers(len(seen.layer))
    )


INSPECTED = (
    "layer",
    "name",
    "shape",
    "σ_w",
    "σ_b",
    "looks like",
    "singular values",
    "q",
    "χ",
    "saturated",
    "ln‖∂ℓ/∂h_l‖",
)


def inspection_rows(found: Inspection) -> tuple[tuple[str, ...], ...]:
    """Return the cells of :data:`INSPECTED` for every layer, or for twelve of a deep network."""
    d, depth = found.layers, found.layers.sizes["layer"]
    shown = range(depth) if depth <= MOST_LAYERS else sorted({round(k * (depth - 1) / 11) for k in range(12)})

    def row(k: int) -> tuple[str, ...]:
        layer = d.isel(layer=k)
        numbers = (number(float(layer[name]), 4) for name in ("sigma_w", "sigma_b"))
        spectrum = str(layer.spectrum.values) + (f" ({int(layer.outliers)})" if int(layer.outliers) else "")
        looks = str(layer.initialiser.values)
        signal = (number(float(layer.q), 3), number(float(layer.chi), 3), f"{100 * float(layer.saturated):.0f} %")
        shape = f"{int(layer.fan_out)} × {int(layer.fan_in)}"
        norm = number(round(float(layer.log_gradient_norm), 10), 4)  # the last layer has ln 1, up to rounding
        return (str(int(layer.layer)), str(layer.name.values), shape, *numbers, looks, spectrum, *signal, norm)

    return tuple(row(k) for k in shown)


LINED_UP = ("activation", "q", "χ", "ln‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖ predicted", "simulated", "spread", "critical σ_w", "verdict")


def lineup_rows(found: Any) -> tuple[tuple[str, ...], ...]:
    """Return the cells of :data:`LINED_UP` of networks side by side."""

    def row(d: Any) -> tuple[str, ...]:
        predicted = float(d.predicted[0] - d.predicted[-1])
        said = "no theory" if math.isnan(predicted) else number(predicted, 4)
        critical = "none" if math.isnan(float(d.critical_sigma_w)) else number(float(d.critical_sigma_w), 6)
        simulated, error = float(d.change), Z_99 * float(d.change_error)
        words = "dead" if float(d.dead) == 1 else change_in_words(simulated, error)
        signal = (number(float(d.q[-1]), 4), number(float(d.chi[-1]), 5))
        spread = number(float(d["std"][0]), 3)
        return (str(d.network.values), *signal, said, with_error(simulated, error), spread, critical, words)

    return tuple(row(found.isel(network=k)) for k in range(found.sizes["network"]))


def change_in_words(log_change: float, error: float) -> str:
    """Return what a change of the gradient norm over the whole depth amounts to: a factor 1000 decides.

    >>> change_in_words(-30.0, 0.1), change_in_words(0.5, 0.1), change_in_words(6.0, 2.0)
    ('vanishes', 'usable', 'undecided')
    """
    if abs(abs(log_change) - math.log(1e3)) < error:
        return "undecided"
    if abs(log_change) < math.log(1e3):
        return "usable"
    return "vanishes" if log_change < 0 else "explodes"


def chosen_layers(depth: int) -> list[int]:
    """Return the indices of the layers that tables show: both ends and the quarters."""
    return sorted({0, depth // 4, depth // 2, 3 * depth // 4, depth - 1})
