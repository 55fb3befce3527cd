"""A prediction of a network of blocks against its simulation: are the means of ln‖∂ℓ/∂s_l‖ what they should be?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import stdtrit

from vgtheory.reporting.deviation import ROUNDING, judged, need_same, verdicts, with_gradient

Array = NDArray[np.float64]
QUANTITY = "log_stream_gradient_norm"
POPULATIONS = 4  # that a predicted mean's own standard error is of


@dataclass(frozen=True)
class Means:
    """Means of a simulation beside predicted ones, where a gradient is, as flat arrays.

    Attributes
    ----------
    difference, error, freedom : sample mean − predicted, standard error of both together, and its degrees of freedom.
    spread : standard deviation between the simulated networks, the unit of differences.
    """

    difference: Array
    error: Array
    freedom: Array
    spread: Array

    def half(self, tail: float) -> Array:
        """Return half the interval of a difference, each end of which fails with probability `tail`."""
        return np.asarray(stdtrit(self.freedom, 1 - tail) * self.error)


def compare_streams(prediction: xr.Dataset, study: xr.Dataset, false_alarm: float, tolerance: float) -> xr.Dataset:
    """Return whether predicted means hold within a tolerance in all layers and streams, are violated, or undecided.

    Theory knows of no spread between networks of blocks, so deviations are measured in that of the simulation, and
    means alone are compared.  A prediction that is a mean over populations or draws has an error of its own, which
    widens the intervals (Welch (1947)).

    Raises
    ------
    InputError : of different networks or inputs, or fewer than 8 samples with a gradient.
    """
    need_same(prediction, study)
    sample = study[QUANTITY].transpose("sample", "layer", "stream").values
    count, layers, streams = sample.shape
    expected = prediction[QUANTITY].transpose("layer", "stream").values.ravel()
    own = prediction.get(f"{QUANTITY}_error")
    own_error = np.zeros(expected.shape) if own is None else own.transpose("layer", "stream").values.ravel()
    flat = sample.reshape(count, -1)
    fixed = np.isneginf(expected) & np.isneginf(flat).all(axis=0)  # where the loss does not reach
    flat, expected, own_error = flat[:, ~fixed], expected[~fixed], own_error[~fixed]
    alive, dead = with_gradient(flat)
    means = _means(alive, expected, own_error)
    tests = len(expected)
    floor = ROUNDING * np.maximum(1.0, np.abs(expected))
    unit = means.spread + floor
    resolution = np.maximum(np.abs(means.difference) + means.half(false_alarm) - floor, 0) / unit
    apart = np.abs(means.difference) - means.half(false_alarm / (2 * tests)) > tolerance * means.spread + floor
    verdict = verdicts(resolution, apart, tolerance)
    columns = {
        "mean_difference": means.difference,
        "standard_error": means.error,
        "t": means.difference / np.maximum(means.error, floor),
        "resolution": resolution,
    }
    values = {name: _filled(column, fixed, np.nan) for name, column in columns.items()}
    values["verdict"] = _filled(verdict, fixed, "no gradient")
    found = xr.Dataset(
        {name: (("layer", "stream"), column.reshape(layers, streams)) for name, column in values.items()},
        {"layer": study["layer"].values, "stream": study["stream"].values},
        {
            "quantity": QUANTITY,
            "false_alarm": false_alarm,
            "tolerance": tolerance,
            "correction": f"Bonferroni over {tests} means: the family-wise rate is at most false_alarm",
            "samples": len(alive),
            "dead": dead,
            **judged(verdict, resolution, prediction),
        },
    )
    return found.assign_attrs(sentence=_sentence(found))


def _means(sample: Array, expected: Array, own_error: Array) -> Means:
    """Return sample means beside expected ones, with Welch's degrees of freedom."""
    n = len(sample)
    variance = sample.var(axis=0, ddof=1)
    floor = ROUNDING * np.maximum(1.0, np.abs(expected))
    parts = variance / n, own_error**2
    whole = parts[0] + parts[1] + floor**2 / n
    freedom = whole**2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (POPULATIONS - 1) + floor**4 / n**2)
    difference = sample.mean(axis=0) - expected
    return Means(difference, np.sqrt(whole), np.minimum(freedom, 1e6), np.sqrt(variance))


def _filled(column: NDArray[Any], fixed: NDArray[np.bool_], value: Any) -> NDArray[Any]:
    out = np.full(fixed.shape, value, dtype=object if isinstance(value, str) else float)
    out[~fixed] = column
    return out.astype(str) if isinstance(value, str) else out


def _sentence(c: xr.Dataset) -> str:
    """Return the verdict on all layers in words."""
    t, n, risk = c.attrs["tolerance"], c.attrs["samples"], f"{100 * c.attrs['false_alarm']:g} %"
    if c.attrs["verdict"] == "holds":
        return (
            f"The prediction holds within {t:g}: in all layers and streams the mean lies within {t:g} standard "
            f"deviations between networks ({n:,} samples; wrong in at most {risk} of cases)."
        )
    if c.attrs["verdict"] == "violated":
        off = np.where(c.verdict.values == "violated", c.resolution.values, -1.0)
        layer, stream = np.unravel_index(int(np.argmax(off)), off.shape)
        here = c.isel(layer=int(layer), stream=int(stream))
        return (
            f"The prediction is violated: {c.attrs['counts']}; most of all stream {here.stream.item()} after layer "
            f"{int(here.layer)}, whose mean is off by {float(here.mean_difference):+.2g} in ln ({n:,} samples; a right "
            f"prediction is called so in at most {risk} of cases)."
        )
    return (
        f"Undecided at a tolerance of {t:g}: nothing contradicts the prediction, but {n:,} samples only show that it "
        f"holds within {c.attrs['resolution']:.2g} standard deviations between networks; simulate more."
    )
