"""`statistics`: what a simulation says about the law of its networks, with confidence intervals."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError, RareDrawsWarning
from vgtheory.study.intervals import (
    Estimate,
    log_raw_moment,
    mean_interval,
    proportion_interval,
    quantile_interval,
    variance_interval,
)
from vgtheory.study.variables import DEAD, SUMMARISED, summarised

# A raw moment that fewer samples than this carry has no error bar worth the name.
FEWEST_CARRYING = 30


def statistics(
    study: xr.Dataset,
    level: float = 0.95,
    quantiles: Sequence[float] = (0.05, 0.5, 0.95),
    raw_moments: Sequence[float] = (),
) -> xr.Dataset:
    """Return mean, variance and quantiles of a simulation's logarithms by layer, each with a confidence interval.

    For v in ``log_gradient_norm``, ``log_weight_gradient_norm`` and ``log_q`` (natural logarithms):
    ``v_mean`` and ``v_variance`` over the networks that are not dead, ``v_quantile`` over all, with ``v_mean_low``,
    ``v_mean_high`` and so on: Student's interval, for variances the jackknife's corrected
    for skewness, order statistics for quantiles.
    ``dead`` counts the networks whose gradient is zero, ``dead_share`` is their proportion with an exact interval.
    Norms themselves span hundreds of orders of magnitude: their means are carried by draws that a sample does not
    hold, so they have to be asked for, in logarithms too: ``v_log_raw_moment`` = ln E e^{k v} for k in `raw_moments`,
    with ``v_carrying``, the number of samples that carry the estimate.

    Parameters
    ----------
    study : what ``simulate`` returned.
    level : of each interval, 0 < level < 1.
    quantiles : numbers between 0 and 1, the coordinate ``quantile``.
    raw_moments : exponents k, the coordinate ``moment``.

    Raises
    ------
    InputError : a value that is not accepted.

    Warns
    -----
    RareDrawsWarning : a raw moment that fewer than 30 samples carry.

    Examples
    --------
    >>> from vgtheory import Network, Weights, simulate
    >>> study = simulate(Network("tanh", Weights.gaussian(1.5, 0.1), width=32, depth=10), samples=200)
    >>> found = statistics(study).sel(layer=1)
    >>> bool(found.log_gradient_norm_mean_low < found.log_gradient_norm_mean < found.log_gradient_norm_mean_high)
    True
    """
    if not isinstance(study, xr.Dataset) or not {"log_gradient_norm", "q"} <= set(study) or "sample" not in study.dims:
        raise InputError(f"study of type {type(study).__name__}", "what vg.simulate returned", "run it first")
    level = _inside("level", level)
    levels = [_inside("quantiles", p) for p in quantiles]
    orders = [_order(k) for k in raw_moments]
    samples = summarised(study)
    variables: dict[str, Any] = {}
    carrying: dict[str, NDArray[np.float64]] = {}
    for name, text in SUMMARISED:
        values = samples[name]
        variables |= _entries(f"{name}_mean", f"mean of {text}", mean_interval(values, level))
        variables |= _entries(f"{name}_variance", f"variance of {text}", variance_interval(values, level))
        if levels:
            by_level = [quantile_interval(values, p, level) for p in levels]
            variables |= _entries(f"{name}_quantile", f"quantile of {text}", _stacked(by_level), "quantile")
        if orders:
            found = [log_raw_moment(values, k) for k in orders]
            moment, carrying[name] = (np.stack(column, axis=-1) for column in zip(*found, strict=True))
            variables |= _raw(name, text, moment, carrying[name])
    _warn_of_rare_draws(carrying, orders, study.sizes["sample"])
    dead = np.isneginf(samples["log_gradient_norm"]).sum(axis=0)
    variables["dead"] = ("layer", dead, {"long_name": DEAD, "units": "1"})
    share = proportion_interval(dead, study.sizes["sample"], level)
    variables |= _entries("dead_share", "share of networks whose gradient at h_l is zero", share)
    coordinates: dict[str, Any] = {"layer": study["layer"]}
    coordinates |= {"quantile": levels} if levels else {}
    coordinates |= {"moment": orders} if orders else {}
    attributes = {**study.attrs, "samples": study.sizes["sample"], "level": level}
    return xr.Dataset(variables, coordinates, attributes)


def _entries(key: str, text: str, found: Estimate, *further: str) -> dict[str, Any]:
    dimensions = ("layer", *further)
    parts: Mapping[str, tuple[NDArray, str]] = {
        key: (found.value, text),
        f"{key}_low": (found.low, f"lower end of the confidence interval of the {text}"),
        f"{key}_high": (found.high, f"upper end of the confidence interval of the {text}"),
    }
    return {name: (dimensions, array, {"long_name": long, "units": "1"}) for name, (array, long) in parts.items()}


def _stacked(found: list[Estimate]) -> Estimate:
    columns = [np.stack([getattr(e, part) for e in found], axis=-1) for part in ("value", "low", "high")]
    return Estimate(*columns)


def _raw(name: str, text: str, moment: NDArray[np.float64], carrying: NDArray[np.float64]) -> dict[str, Any]:
    dimensions = ("layer", "moment")
    return {
        f"{name}_log_raw_moment": (dimensions, moment, {"long_name": f"ln mean exp(k v), v = {text}", "units": "1"}),
        f"{name}_carrying": (dimensions, carrying, {"long_name": "samples that carry that moment", "units": "1"}),
    }


def _warn_of_rare_draws(carrying: Mapping[str, NDArray[np.float64]], orders: list[float], samples: int) -> None:
    """Warn of the raw moment that the fewest samples carry, if these are too few."""
    few = [(float(np.nanmin(array)), name) for name, array in carrying.items() if np.isfinite(array).any()]
    least, name = min(few, default=(np.inf, ""))
    if least >= FEWEST_CARRYING:
        return
    layer, column = np.unravel_index(np.nanargmin(carrying[name]), carrying[name].shape)
    warnings.warn(
        f"the raw moment E e^({orders[column]:g} v) of v = {name} is carried by about {least:.2g} of {samples} samples "
        f"at layer {layer + 1}: rare draws dominate it, and its estimate is most likely too small; use {name}_mean and "
        f"{name}_variance",
        RareDrawsWarning,
        stacklevel=3,
    )


def _inside(name: str, value: Any) -> float:
    try:
        number = float(value) if not isinstance(value, (bool, str)) else np.nan
    except (TypeError, ValueError):
        number = np.nan
    if not 0 < number < 1:
        raise InputError(f"{name}", "a number between 0 and 1", "e.g. 0.95", got=f"{value!r}")
    return number


def _order(value: Any) -> float:
    try:
        number = float(value) if not isinstance(value, (bool, str)) else np.nan
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number) or number == 0:
        raise InputError(f"raw_moments {value!r}", "finite numbers other than 0", "2 is the mean square")
    return number
