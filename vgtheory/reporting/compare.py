"""`compare`: a prediction against a simulation, layer by layer, with a verdict that states its false-alarm rate."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.study.intervals import living, moments

Array = NDArray[np.float64]
ROUNDING = 1e-7  # of log norms and of their predictions: φ' = 1 − 1e-9 fluctuates by what cancels in double precision
_REACH = 2.5  # standard errors: see _samples_needed
_QUANTITIES = ("log_gradient_norm", "log_weight_gradient_norm")


def compare(
    prediction: xr.Dataset,
    result: xr.Dataset,
    quantity: str = "log_gradient_norm",
    false_alarm: float = 0.01,
    tolerance: float = 0.1,
) -> xr.Dataset:
    """Return, per layer and in all, whether a prediction holds within a tolerance, is violated, or is undecided.

    Parameters
    ----------
    prediction : from ``vg.predict``.
    result : from ``vg.simulate`` for the same network.
    quantity : "log_gradient_norm" or "log_weight_gradient_norm".
    false_alarm : probability, at most, that a prediction that is right is called violated in any layer; and that one
        that is off by more than the tolerance in some layer is said to hold.
    tolerance : what counts as right: the mean to `tolerance` predicted standard deviations, and the standard deviation
        to a factor between 1 − tolerance and 1 + tolerance.

    Returns
    -------
    Dataset over ``layer``: mean_difference (sample − predicted), standard_error, z = their ratio, std_ratio with its
    interval std_ratio_lower, std_ratio_upper, resolution (the smallest tolerance within which this layer is known to
    hold), verdict.  attrs: verdict, sentence (the verdict in words, with numbers), resolution (of all layers),
    samples_needed (for a right prediction to be seen to hold within the tolerance, nine times in ten), false_alarm,
    tolerance, critical_z, equivalence_z, correction, counts, samples, dead, method, reliable, spec.

    Raises
    ------
    InputError : data sets of different networks or layers, or fewer than 8 living samples.

    Notes
    -----
    "holds" is an equivalence test (two one-sided tests, Schuirmann (1987)): the whole interval of mean and of spread
    lies inside the tolerance.  That all layers hold is claimed only if each test passes by itself, so it needs no
    correction (intersection–union test, Berger (1982)).  "violated": an interval lies outside altogether, where the 2L
    intervals are simultaneous by Bonferroni; layers are strongly correlated, so the true rate is lower than stated.
    The standard error of the spread uses the sample's fourth moment, so no normality is assumed.  Samples with a dead
    network (norm 0, logarithm −∞) are left out and counted, as the prediction is given that none is dead.
    """
    sample, dead = _living_sample(prediction, result, quantity, false_alarm, tolerance)
    n, layers = sample.shape
    expected, spread = prediction[quantity].values, prediction[f"{quantity}_std"].values
    if np.isnan(spread).any():
        raise UnsupportedError(
            f"comparing a prediction without a spread (method {prediction.attrs.get('method', '?')}): deviations are "
            "measured in units of it; compare the means of prediction and simulation yourself"
        )
    critical = float(-ndtri(false_alarm / (2 * 2 * layers)))
    passing = float(-ndtri(false_alarm))
    m = _moments(sample, expected, spread)
    # A spread of zero (orthogonal linear network) is met up to rounding of the log norms.
    unit = spread + m.floor
    off = np.abs(m.difference)
    ratio_low, ratio_high = (m.ratio * np.exp(sign * passing * m.log_error) for sign in (-1, 1))
    resolution = np.maximum.reduce(
        [np.maximum(off + passing * m.error - m.floor, 0) / unit, 1 - ratio_low, ratio_high - 1]
    )
    lower, upper = m.ratio * np.exp(-critical * m.log_error), m.ratio * np.exp(critical * m.log_error)
    violated = (off - critical * m.error > tolerance * spread + m.floor) | (upper < 1 - tolerance)
    violated |= lower > 1 + tolerance
    holds = (resolution <= tolerance) & ~violated
    verdict = np.where(violated, "violated", np.where(holds, "holds", "undecided"))
    columns = {
        "mean_difference": m.difference,
        "standard_error": m.error,
        "z": m.difference / np.maximum(m.error, m.floor),
        "std_ratio": m.ratio,
        "std_ratio_lower": lower,
        "std_ratio_upper": upper,
        "resolution": resolution,
        "verdict": verdict,
    }
    needed = _samples_needed(m, unit, n, passing, tolerance)
    out = xr.Dataset(
        {name: ("layer", values) for name, values in columns.items()},
        coords={"layer": prediction["layer"].values},
        attrs={
            "quantity": quantity,
            "false_alarm": false_alarm,
            "tolerance": tolerance,
            "critical_z": critical,
            "equivalence_z": passing,
            "correction": f"Bonferroni over {layers} layers and 2 moments: the family-wise rate is at most false_alarm",
            "verdict": "violated" if violated.any() else "holds" if holds.all() else "undecided",
            "resolution": float(resolution.max()),
            "samples_needed": needed,
            "counts": ", ".join(f"{(verdict == name).sum()} {name}" for name in ("holds", "violated", "undecided")),
            "samples": n,
            "dead": dead,
            "method": prediction.attrs.get("method", ""),
            "reliable": prediction.attrs.get("reliable", ""),
            "spec": prediction.attrs.get("spec", ""),
        },
    )
    return out.assign_attrs(sentence=_sentence(out, unit))


@dataclass(frozen=True)
class _Moments:
    """Sample against prediction, per layer; `error` and `log_error` are standard errors of the mean and of ln ratio."""

    difference: Array
    error: Array
    ratio: Array
    log_error: Array
    floor: Array


def _moments(sample: Array, expected: Array, spread: Array) -> _Moments:
    n = len(sample)
    mean, variance, _ = moments(sample)
    floor = ROUNDING * np.maximum(1.0, np.abs(expected))
    kurtosis = ((sample - mean) ** 4).mean(axis=0) / np.maximum(variance, floor**2) ** 2
    # Var s² = σ⁴ (κ − (n − 3)/(n − 1))/n, and the logarithm of s has half its relative error.
    log_error = 0.5 * np.sqrt(np.maximum(kurtosis - (n - 3) / (n - 1), 1e-3) / n)
    ratio = (np.sqrt(variance) + floor) / (spread + floor)
    return _Moments(mean - expected, np.sqrt(variance / n), ratio, log_error, floor)


def _samples_needed(m: _Moments, unit: Array, n: int, passing: float, tolerance: float) -> int:
    """Return the samples with which a right prediction is seen to hold within the tolerance, 9 times in 10.

    The largest of a few independent estimates of a deviation of zero (layers are strongly correlated) is up to `_REACH`
    standard errors with that chance, and its interval adds `passing`.
    """
    error = max(
        float((m.error / unit).max()), float((m.log_error / -np.log1p(-min(tolerance, 0.99))).max()) * tolerance
    )
    return max(8, ceil(n * ((passing + _REACH) * error / tolerance) ** 2))


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
        f"Undecided at a tolerance of {t:g}: nothing contradicts the prediction (largest |z| "
        f"{float(np.abs(c['z']).max()):.2g}, {c.attrs['critical_z']:.2g} would), but {n:,} samples only show that it "
        f"holds within {c.attrs['resolution']:.2g}; about {_rounded(c.attrs['samples_needed']):,} would show {t:g}."
    )


def _rounded(count: int) -> int:
    """Return a count to two digits, upwards."""
    step = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step


def _living_sample(
    prediction: xr.Dataset, result: xr.Dataset, quantity: str, false_alarm: float, tolerance: float
) -> tuple[Array, int]:
    if quantity not in _QUANTITIES:
        raise InputError("quantity", " or ".join(_QUANTITIES), "choose one", got=f"{quantity!r}")
    for name, value in (("false_alarm", false_alarm), ("tolerance", tolerance)):
        if not 0 < value < 1:
            raise InputError(f"{name}", "a number between 0 and 1", f"e.g. {name}=0.05", got=f"{value}")
    for name, data in (("prediction", prediction), ("result", result)):
        if quantity not in data or "layer" not in data[quantity].dims:
            raise InputError(
                f"a {name} without {quantity} over layer", "a data set of vg.predict or vg.simulate", "pass one"
            )
    specs = {data.attrs.get("spec") for data in (prediction, result)} - {None}
    if len(specs) > 1 or prediction.sizes["layer"] != result.sizes["layer"]:
        raise InputError(
            "prediction and result of different networks", "the same network twice", "predict what was simulated"
        )
    sample = result[quantity].transpose("sample", "layer").values.astype(float)
    alive = living(sample)
    if alive.sum() < 8:
        raise InputError(f"{alive.sum()} samples with a finite gradient", "at least 8", "simulate more samples")
    return sample[alive], int((~alive).sum())
