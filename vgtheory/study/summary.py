"""`summarise`: what a study says about the distribution of its networks, with confidence intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError, RareDrawsWarning, shown
from vgtheory.model.variables import VARIABLES, labels
from vgtheory.study.growth import whole_gradient
from vgtheory.study.intervals import (
    Estimate,
    log_raw_moment,
    mean_interval,
    moments,
    proportion_interval,
    quantile_interval,
    variance_interval,
)

Array = NDArray[np.float64]
_LENGTHS = {"log_q": "q", "log_stream_square": "stream_square"}
# What is summarised; of lengths the logarithm, since a few networks make up their mean at great depth.
SUMMARISED = {name: text for name, text in VARIABLES.items() if name not in _LENGTHS.values()} | {
    name: f"ln of the {VARIABLES[length]}" for name, length in _LENGTHS.items()
}
OF_LAYERS = ("log_gradient_norm", "log_weight_gradient_norm", "log_q")
DEAD = "number of networks whose gradient at layer l is zero"
QUANTILES = (0.05, 0.5, 0.95)
# A raw moment of a smaller effective sample size has no error bar worth the name.
SMALLEST_EFFECTIVE_SIZE = 30


def summarise(
    study: xr.Dataset,
    level: float = 0.95,
    quantiles: Sequence[float] = QUANTILES,
    raw_moments: Sequence[float] = (),
) -> xr.Dataset:
    """Return mean, spread and quantiles of a study's logarithms by layer, each with a confidence interval.

    For v in ``log_gradient_norm``, ``log_weight_gradient_norm`` and ``log_q`` (natural logarithms), of blocks also in
    ``log_stream_gradient_norm``, ``log_stream_square`` and what else the study has, over the samples:
    ``v_mean`` with its standard error ``v_stderr``, ``v_std`` (n − 1) and ``v_variance``, all over the networks where v
    is not −inf, and ``v_quantile`` over all of them: the least sample that as large a fraction of all does not exceed.
    Intervals end at ``v_mean_low``, ``v_mean_high`` and so on: Student's interval, for variances the jackknife's
    corrected for skewness, order statistics for quantiles.
    ``dead`` counts the networks whose gradient is zero, ``dead_share`` is their proportion with an exact interval.
    Norms themselves span hundreds of orders of magnitude: their means are made up by draws that a sample does not
    hold, so they have to be asked for, in logarithms too: ``v_log_raw_moment`` = ln E e^{k v} for k in `raw_moments`,
    with ``v_effective_sample_size``.

    Parameters
    ----------
    study : what ``simulate`` returned, of one network or several, with any inputs and outputs.  Of blocks
        ``log_gradient_norm`` is that of the gradient at all streams together.
    level : of each interval, 0 < level < 1.
    quantiles : different numbers from 0 to 1, the coordinate ``quantile``.
    raw_moments : exponents k, the coordinate ``moment``.

    Raises
    ------
    InputError : a value that is not accepted.

    Warns
    -----
    RareDrawsWarning : a raw moment whose effective sample size is below 30.

    Examples
    --------
    >>> from vgtheory import Network, Weights, simulate
    >>> study = simulate(Network("tanh", Weights.gaussian(1.5, 0.1), width=32, depth=10), samples=200)
    >>> found = summarise(study).sel(layer=1)
    >>> bool(found.log_gradient_norm_mean_low < found.log_gradient_norm_mean < found.log_gradient_norm_mean_high)
    True
    """
    samples = logarithms(study)
    level = _number("level", level, lambda x: 0 < x < 1, "a number between 0 and 1", "0.95")
    levels = to_levels(quantiles)
    orders = _numbers(
        "raw_moments", raw_moments, lambda x: np.isfinite(x) and x != 0, "finite numbers other than 0", "(2,)"
    )
    count = study.sizes["sample"]
    variables: dict[str, Any] = {}
    sizes: dict[str, xr.DataArray] = {}
    for name, values in samples.items():
        columns, text = _Columns(values), SUMMARISED[name]
        variables |= columns.averages(name, text, level)
        if levels:
            variables |= columns.quantiles(name, text, levels, level)
        if orders:
            found = [log_raw_moment(columns.values, k) for k in orders]
            moment, effective = (np.stack(column, axis=-1) for column in zip(*found, strict=True))
            variables[f"{name}_log_raw_moment"] = columns.labelled(moment, f"ln mean exp(k v), v = {text}", "moment")
            size = columns.labelled(effective, "effective sample size of that moment", "moment")
            variables[f"{name}_effective_sample_size"] = sizes[name] = size
    _warn_of_rare_draws(sizes, orders, count)
    gradient = _Columns(samples["log_gradient_norm"])
    dead = count - moments(gradient.values)[2]
    variables["dead"] = gradient.labelled(dead, DEAD)
    share = proportion_interval(dead, count, level)
    variables |= gradient.entries("dead_share", "share of networks whose gradient at layer l is zero", share)
    coordinates: dict[str, Any] = {str(name): study[name] for name in study.coords if "sample" not in study[name].dims}
    coordinates |= {"quantile": levels} if levels else {}
    coordinates |= {"moment": orders} if orders else {}
    return xr.Dataset(variables, coordinates, {**study.attrs, "samples": count, "level": level})


def z_scores(study: xr.Dataset, predicted: Array) -> Array:
    """Return (mean of ln‖∂ℓ/∂h_l‖ − predicted) / its standard error per layer.

    NaN where either is not known, or where the only error is that of rounding.
    """
    mean, variance, count = moments(study["log_gradient_norm"].transpose("sample", "layer").values.astype(float))
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(variance / count)
        return (mean - predicted) / np.where(error > 1e-12, error, np.nan)


def logarithms(study: Any) -> dict[str, xr.DataArray]:
    """Return the samples of what is summarised; raise InputError for what is not a study."""
    is_study = isinstance(study, xr.Dataset) and not {"log_gradient_norm", "log_stream_gradient_norm"}.isdisjoint(study)
    if not is_study or not {"sample", "layer"} <= set(whole_gradient(study).dims):
        raise InputError("study", "what vg.simulate returned", "run it first", got=f"a {type(study).__name__}")
    found = {"log_gradient_norm": whole_gradient(study)}
    found |= {name: study[name] for name in SUMMARISED if name in study}
    for name, length in _LENGTHS.items():
        if length in study:
            with np.errstate(divide="ignore"):
                found[name] = study[length].copy(data=np.log(study[length].values))
    return found


def to_levels(quantiles: Any) -> list[float]:
    """Return the quantiles as floats; raise InputError unless they are different numbers from 0 to 1."""
    accepted = "different numbers from 0 to 1"
    levels = _numbers("quantiles", quantiles, lambda x: 0 <= x <= 1, accepted, "(0.05, 0.5)")
    if len(set(levels)) != len(levels):
        raise InputError("quantiles", accepted, "e.g. quantiles=(0.05, 0.5)", got=shown(quantiles))
    return levels


class _Columns:
    """The samples of one variable as columns, and the way back to its dimensions."""

    def __init__(self, samples: xr.DataArray) -> None:
        ordered = samples.transpose("sample", ...)
        self.dims, self.shape = ordered.dims[1:], ordered.shape[1:]
        self.values: Array = ordered.values.reshape(len(ordered), -1).astype(float)

    def labelled(self, array: NDArray, text: str, *further: str) -> xr.DataArray:
        shaped = array.reshape(*self.shape, *array.shape[1:])
        return xr.DataArray(shaped, dims=(*self.dims, *further), attrs=labels(text))

    def entries(self, key: str, text: str, found: Estimate, *further: str) -> dict[str, xr.DataArray]:
        ends = {"low": found.low, "high": found.high}
        return {key: self.labelled(found.value, text, *further)} | {
            f"{key}_{end}": self.labelled(array, f"{end}er end of the confidence interval of the {text}", *further)
            for end, array in ends.items()
        }

    def averages(self, name: str, text: str, level: float) -> dict[str, xr.DataArray]:
        _, variance, count = moments(self.values)
        with np.errstate(invalid="ignore", divide="ignore"):
            std, error = np.sqrt(variance), np.sqrt(variance / count)
        text = f"{text}, over networks where it is not -inf"
        return {
            **self.entries(f"{name}_mean", f"mean of {text}", mean_interval(self.values, level)),
            f"{name}_stderr": self.labelled(error, f"standard error of the mean of {text}"),
            f"{name}_std": self.labelled(std, f"standard deviation of {text}"),
            **self.entries(f"{name}_variance", f"variance of {text}", variance_interval(self.values, level)),
        }

    def quantiles(self, name: str, text: str, levels: list[float], level: float) -> dict[str, xr.DataArray]:
        found = [quantile_interval(self.values, p, level) for p in levels]
        stacked = (np.stack([getattr(e, part) for e in found], axis=-1) for part in ("value", "low", "high"))
        return self.entries(f"{name}_quantile", f"quantile of {text}", Estimate(*stacked), "quantile")


def _warn_of_rare_draws(sizes: Mapping[str, xr.DataArray], orders: list[float], samples: int) -> None:
    """Warn of the raw moment of the smallest effective sample size, if that is too small."""
    few = [(float(np.nanmin(size)), name) for name, size in sizes.items() if np.isfinite(size).any()]
    least, name = min(few, default=(np.inf, ""))
    if least >= SMALLEST_EFFECTIVE_SIZE:
        return
    at = np.unravel_index(np.nanargmin(sizes[name].values), sizes[name].shape)
    place = dict(zip(sizes[name].dims, map(int, at), strict=True))
    warnings.warn(
        f"the raw moment E e^({orders[place['moment']]:g} v) of v = {name} has an effective sample size of about "
        f"{least:.2g} of {samples} at layer {place['layer'] + 1}: rare draws dominate it, and its estimate is most "
        f"likely too small; use {name}_mean and {name}_variance",
        RareDrawsWarning,
        stacklevel=3,
    )


def _numbers(name: str, values: Any, holds: Callable[[float], Any], accepted: str, example: str) -> list[float]:
    if isinstance(values, (str, bytes, Mapping)) or not np.iterable(values):
        raise InputError(name, accepted, f"e.g. {name}={example}", got=shown(values))
    return [_number(name, value, holds, accepted, example) for value in values]


def _number(name: str, value: Any, holds: Callable[[float], Any], accepted: str, example: str) -> float:
    try:
        number = np.nan if isinstance(value, (bool, str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not holds(number):
        raise InputError(name, accepted, f"e.g. {name}={example}", got=shown(value))
    return number
