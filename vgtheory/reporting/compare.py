"""`compare`: a prediction against a simulation, layer by layer, with a verdict that states its false-alarm rate."""

import numpy as np
import xarray as xr
from scipy.special import ndtri

from vgtheory._errors import InputError

_QUANTITIES = ("log_gradient_norm", "log_weight_gradient_norm")


def compare(
    prediction: xr.Dataset,
    result: xr.Dataset,
    quantity: str = "log_gradient_norm",
    false_alarm: float = 0.01,
    tolerance: float = 0.1,
) -> xr.Dataset:
    """Return, per layer, how far a simulation lies from its prediction and whether the prediction holds.

    Parameters
    ----------
    prediction : from ``vg.predict``.
    result : from ``vg.simulate`` for the same network.
    quantity : "log_gradient_norm" or "log_weight_gradient_norm".
    false_alarm : probability that a prediction that is right in every layer is called violated in any of them.
    tolerance : what counts as right: the mean to `tolerance` predicted standard deviations, and the standard deviation
        to a factor between 1 − tolerance and 1 + tolerance.

    Returns
    -------
    Dataset over ``layer``: mean_difference (sample − predicted), standard_error, z = their ratio, std_ratio with its
    interval std_ratio_lower, std_ratio_upper, verdict.  A verdict is "holds" where the intervals of mean and spread lie
    inside the tolerance, "violated" where one lies outside it altogether, else "undecided": more samples decide.
    attrs: false_alarm, tolerance, critical_z, correction, verdict (of all layers), counts, samples, dead.

    Raises
    ------
    InputError : data sets of different networks or layers, or fewer than 8 living samples.

    Notes
    -----
    The intervals are simultaneous over all layers and both moments by Bonferroni (2L intervals).  Layers are strongly
    correlated, so the true false-alarm rate is lower than stated.  The standard error of the spread uses the sample's
    fourth moment, so no normality is assumed.  Samples with a dead network (norm 0, logarithm −∞) are left out and
    counted, as the prediction is given that none is dead.
    """
    sample, dead = _living_sample(prediction, result, quantity, false_alarm, tolerance)
    n, layers = sample.shape
    expected, spread = prediction[quantity].values, prediction[f"{quantity}_std"].values
    critical = float(-ndtri(false_alarm / (2 * 2 * layers)))
    difference = sample.mean(axis=0) - expected
    centred = sample - sample.mean(axis=0)
    variance = (centred**2).sum(axis=0) / (n - 1)
    error = np.sqrt(variance / n)
    # A spread of zero (orthogonal linear network) is met up to rounding of the log norms.
    floor = 1e-12 * np.maximum(1.0, np.abs(expected))
    kurtosis = (centred**4).mean(axis=0) / np.maximum(variance, floor**2) ** 2
    # Var s² = σ⁴ (κ − (n − 3)/(n − 1))/n, and the logarithm of s has half its relative error.
    log_error = 0.5 * np.sqrt(np.maximum(kurtosis - (n - 3) / (n - 1), 1e-3) / n)
    ratio = (np.sqrt(variance) + floor) / (spread + floor)
    lower, upper = ratio * np.exp(-critical * log_error), ratio * np.exp(critical * log_error)
    slack = tolerance * spread + floor
    reach = critical * error
    holds = (np.abs(difference) + reach <= slack) & (lower >= 1 - tolerance) & (upper <= 1 + tolerance)
    violated = (np.abs(difference) - reach > slack) | (upper < 1 - tolerance) | (lower > 1 + tolerance)
    verdict = np.where(violated, "violated", np.where(holds, "holds", "undecided"))
    overall = "violated" if violated.any() else "holds" if holds.all() else "undecided"
    columns = {
        "mean_difference": difference,
        "standard_error": error,
        "z": difference / np.maximum(error, floor),
        "std_ratio": ratio,
        "std_ratio_lower": lower,
        "std_ratio_upper": upper,
        "verdict": verdict,
    }
    return xr.Dataset(
        {name: ("layer", values) for name, values in columns.items()},
        coords={"layer": prediction["layer"].values},
        attrs={
            "quantity": quantity,
            "false_alarm": false_alarm,
            "tolerance": tolerance,
            "critical_z": critical,
            "correction": f"Bonferroni over {layers} layers and 2 moments: the family-wise rate is at most false_alarm",
            "verdict": overall,
            "counts": ", ".join(f"{(verdict == name).sum()} {name}" for name in ("holds", "violated", "undecided")),
            "samples": n,
            "dead": dead,
            "method": prediction.attrs.get("method", ""),
            "reliable": prediction.attrs.get("reliable", ""),
            "spec": prediction.attrs.get("spec", ""),
        },
    )


def _living_sample(
    prediction: xr.Dataset, result: xr.Dataset, quantity: str, false_alarm: float, tolerance: float
) -> tuple[np.ndarray, int]:
    if quantity not in _QUANTITIES:
        raise InputError(f"quantity = {quantity!r}", " or ".join(_QUANTITIES), "choose one")
    for name, value in (("false_alarm", false_alarm), ("tolerance", tolerance)):
        if not 0 < value < 1:
            raise InputError(f"{name} = {value}", "a number between 0 and 1", f"e.g. {name}=0.05")
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
    living = np.isfinite(sample).all(axis=1)
    if living.sum() < 8:
        raise InputError(f"{living.sum()} samples with a finite gradient", "at least 8", "simulate more samples")
    return sample[living], int((~living).sum())
