"""A prediction against its simulation, layer by layer: are mean and spread of ln‖∂ℓ/∂h_l‖ what they should be?"""

from math import ceil

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from vgtheory._errors import UnsupportedError
from vgtheory.reporting.deviation import Deviations, deviations, judged, need_same, verdicts, with_gradient

Array = NDArray[np.float64]
_REACH = 2.5  # standard errors: see _samples_needed


def compare_layers(
    prediction: xr.Dataset, study: xr.Dataset, quantity: str, false_alarm: float, tolerance: float
) -> xr.Dataset:
    """Return whether predicted means and spreads hold within a tolerance in all layers, are violated, or undecided.

    Raises
    ------
    InputError : of different networks, or fewer than 8 samples with a gradient.
    UnsupportedError : a prediction without a spread.
    """
    need_same(prediction, study)
    sample, dead = with_gradient(study[quantity].transpose("sample", "layer").values.astype(float))
    n, layers = sample.shape
    expected, spread = prediction[quantity].values, prediction[f"{quantity}_std"].values
    if np.isnan(spread).any():
        raise UnsupportedError(
            f"comparing a prediction without a spread (method {prediction.attrs.get('method', '?')}): deviations are "
            "measured in units of it; compare the means of prediction and simulation yourself"
        )
    d = deviations(sample, expected, spread)
    off = np.abs(d.difference)
    half, ratio_low, ratio_high = d.intervals(false_alarm)
    resolution = np.maximum.reduce([np.maximum(off + half - d.floor, 0) / d.unit, 1 - ratio_low, ratio_high - 1])
    half, lower, upper = d.intervals(false_alarm / (2 * 2 * layers))
    violated = (off - half > tolerance * spread + d.floor) | (upper < 1 - tolerance) | (lower > 1 + tolerance)
    verdict = verdicts(resolution, violated, tolerance)
    columns = {
        "mean_difference": d.difference,
        "standard_error": d.error,
        "t": d.difference / np.maximum(d.error, d.floor),
        "std_ratio": d.ratio,
        "std_ratio_lower": lower,
        "std_ratio_upper": upper,
        "resolution": resolution,
        "verdict": verdict,
    }
    out = xr.Dataset(
        {name: ("layer", values) for name, values in columns.items()},
        coords={"layer": prediction["layer"].values},
        attrs={
            "quantity": quantity,
            "false_alarm": false_alarm,
            "tolerance": tolerance,
            "critical_t": d.quantile(false_alarm / (2 * 2 * layers)),
            "equivalence_t": d.quantile(false_alarm),
            "correction": f"Bonferroni over {layers} layers and 2 moments: the family-wise rate is at most false_alarm",
            "samples_needed": _samples_needed(d, n, false_alarm, tolerance),
            "samples": n,
            "dead": dead,
            **judged(verdict, resolution, prediction),
        },
    )
    return out.assign_attrs(sentence=_sentence(out, d.unit))


def _samples_needed(d: Deviations, n: int, false_alarm: float, tolerance: float) -> int:
    """Return the samples with which a right prediction is seen to hold within the tolerance, 9 times in 10.

    The largest of a few independent estimates of a deviation of zero (layers are strongly correlated) is up to `_REACH`
    standard errors with that chance, and its interval adds a quantile; both shrink like 1/√n.
    """
    reach = float(-ndtri(false_alarm)) + _REACH
    error = max(float((d.error / d.unit).max()) / tolerance, d.log_error / -float(np.log1p(-min(tolerance, 0.99))))
    return max(8, ceil(n * (reach * error) ** 2))


def _sentence(c: xr.Dataset, unit: Array) -> str:
    """Return the verdict on all layers in words."""
    t, n, layers = c.attrs["tolerance"], c.attrs["samples"], c.sizes["layer"]
    risk = f"{100 * c.attrs['false_alarm']:g} %"
    if c.attrs["verdict"] == "holds":
        return (
            f"The prediction holds within {t:g}: in all {layers} layers the mean lies within {t:g} predicted standard "
            f"deviations and the spread within a factor {1 - t:g} to {1 + t:g} ({n:,} samples; wrong in at most {risk} "
            "of cases)."
        )
    if c.attrs["verdict"] == "violated":
        there = int(np.argmax(np.where(c["verdict"].values == "violated", c["resolution"].values, -1.0)))
        share = float(c["mean_difference"][there]) / float(unit[there])
        return (
            f"The prediction is violated: {int((c['verdict'] == 'violated').sum())} of {layers} layers are off by more "
            f"than {t:g}, most of all layer {int(c['layer'][there])}, whose mean is {share:+.2g} predicted standard "
            f"deviations away and whose spread is {float(c['std_ratio'][there]):.3g} of the predicted one ({n:,} "
            f"samples; a right prediction is called so in at most {risk} of cases)."
        )
    return (
        f"Undecided at a tolerance of {t:g}: nothing contradicts the prediction (largest |t| "
        f"{float(np.abs(c['t']).max()):.2g}, {c.attrs['critical_t']:.2g} would), but {n:,} samples only show that it "
        f"holds within {c.attrs['resolution']:.2g}; about {_rounded(c.attrs['samples_needed']):,} would show {t:g}."
    )


def _rounded(count: int) -> int:
    """Return a count to two digits, upwards."""
    step = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step
