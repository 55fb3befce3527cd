"""`sweep`: gradient statistics over a grid of scales, sizes and activation parameters."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError
from vgtheory.model.network import Network
from vgtheory.study.checks import MAX_SAMPLES, whole_number
from vgtheory.study.engine import Progress, available_bytes, worker_pool
from vgtheory.study.intervals import moments
from vgtheory.study.methods import Method
from vgtheory.study.simulate import simulate
from vgtheory.study.variables import DEAD, FIELDS, SUMMARISED, summarised
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation

SCALES, SIZES = ("sigma_w", "sigma_b"), ("width", "depth")
DIMENSIONS = ("layer", "sample", "quantile")
STATISTICS = (
    ("mean", "mean of {}, over networks where it is not -inf"),
    ("std", "standard deviation of {}, over networks where it is not -inf"),
    ("stderr", "standard error of the mean of {}"),
)


def sweep(
    network: Network,
    samples: int,
    seed: int = 0,
    over: Mapping[str, Iterable[Any]] | None = None,
    *,
    method: Method = "auto",
    quantiles: Sequence[float] = (0.05, 0.5, 0.95),
    keep_samples: bool = False,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return statistics of ``simulate`` at every point of a grid: one dimension per swept quantity, then ``layer``.

    For v in ``log_gradient_norm``, ``log_weight_gradient_norm`` and ``log_q`` (natural logarithms, see ``simulate``):
    ``v_mean``, ``v_std`` (n − 1), ``v_stderr`` over the networks where v is not −inf, and ``v_quantile`` over all of
    them, a quantile being the least sample that as large a fraction of all does not exceed.  ``dead`` counts the
    networks whose gradient is zero.  Layers beyond a point's own depth are NaN (``dead``: 0); one network has no
    ``v_std``.  Every point is bit for bit what ``simulate`` gives with the same seed, so that neighbouring points share
    their random numbers: differences between them are less noisy than standard errors of single points say.

    Parameters
    ----------
    network : what is not swept; swept quantities are replaced (and may be symbols here).
    samples, seed, method, executor : as in ``simulate``; one executor serves all points.
    over : values by name: ``sigma_w``, ``sigma_b``, ``width`` (of all layers), ``depth`` or a parameter of the
        activation.
    quantiles : numbers from 0 to 1, the coordinate ``quantile``.
    keep_samples : also return the samples themselves, as variables named as in ``simulate``.
    checkpoint : a directory, one folder per point in it; a later call continues, with other points of a grid too.
    progress : called as ``progress(samples done, samples of the whole grid)``.

    Raises
    ------
    InputError : a name or value that is not accepted, or results larger than half of the memory.
    UnsupportedError, ConflictError : as in ``simulate``.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> network = Network("tanh", Weights.gaussian(1.5), width=16, depth=5)
    >>> result = sweep(network, samples=8, over={"sigma_w": [1, 1.5, 2], "depth": [5, 10]})
    >>> dict(result["log_gradient_norm_mean"].sizes)
    {'sigma_w': 3, 'depth': 2, 'layer': 10}
    """
    if not isinstance(network, Network):
        raise InputError("network", "a Network", "build one, e.g. vg.Network('tanh', ...)", got=f"{network!r}")
    samples = whole_number("samples", samples, 1, MAX_SAMPLES, "64")
    axes = _axes(network, over)
    levels = _levels(quantiles)
    points = {
        index: _point(network, {name: values[i] for i, (name, values) in zip(index, axes.items(), strict=True)})
        for index in itertools.product(*(range(len(values)) for values in axes.values()))
    }
    shape = tuple(len(values) for values in axes.values())
    deepest = max(len(point.widths) - 1 for point in points.values())
    kept = samples if keep_samples else 0
    _check_memory(shape, deepest, len(levels), kept)
    arrays = _empty(shape, deepest, len(levels), kept)
    attributes: dict[str, Any] = {}
    with worker_pool(executor) as pool:
        for done, (index, point) in enumerate(points.items()):
            result = simulate(
                point,
                samples,
                seed,
                method,
                pool,
                None if checkpoint is None else _folder(checkpoint, point),
                _shifted(progress, done * samples, len(points) * samples),
            )
            attributes = result.attrs
            _enter(arrays, index, result, levels, keep_samples)
    attributes |= {"spec": network.spec_json, "samples": samples, "over": json.dumps(list(axes))}
    return _dataset(axes, levels, arrays, attributes)


def _axes(network: Network, over: Mapping[str, Iterable[Any]] | None) -> dict[str, list[Any]]:
    """Return the values by name as lists, refusing what names nothing and lists that are none."""
    known = (*SCALES, *SIZES, *(name for name, _ in network.activation.parameters if name not in DIMENSIONS))
    if not isinstance(over, Mapping) or not over:
        raise InputError("over", "values by name", 'e.g. over={"sigma_w": [1, 1.5, 2]}', got=f"{over!r}")
    if network.weights.arrays is not None and not {*SCALES, *SIZES}.isdisjoint(over):
        raise InputError(
            "a sweep over scales or sizes of given weights", "a law of weights", "e.g. Weights.gaussian(1)"
        )
    axes = {}
    for name, values in over.items():
        if name not in known:
            raise InputError(f"over {name!r}", "one of " + ", ".join(known), "correct the name")
        listed = list(values) if isinstance(values, Iterable) and not isinstance(values, (str, Mapping)) else []
        listed = [value.item() if isinstance(value, np.generic) else value for value in listed]
        numbers = [_number(name, value) for value in listed]
        if not listed or len(set(numbers)) != len(numbers):
            raise InputError(f"{name}", "a list of different numbers", f"e.g. {name}=[1, 2]", got=f"{values!r}")
        axes[name] = listed
    return axes


def _number(name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, (str, bytes, bool)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name}", "a finite number", f"e.g. {name}=[1, 2]", got=f"{value!r}")
    return number


def _levels(quantiles: Sequence[float]) -> NDArray[np.float64]:
    levels = np.array([_number("quantiles", value) for value in quantiles])
    if len(set(levels)) != len(levels) or np.any((levels < 0) | (levels > 1)):
        raise InputError(
            "quantiles", "different numbers from 0 to 1", "e.g. quantiles=(0.05, 0.5)", got=f"{quantiles!r}"
        )
    return levels


def _point(network: Network, values: Mapping[str, Any]) -> Network:
    scales = {name: values[name] for name in SCALES if name in values}
    parameters = {name: value for name, value in values.items() if name not in (*SCALES, *SIZES)}
    return replace(
        network,
        activation=_with_parameters(network.activation, parameters) if parameters else network.activation,
        weights=replace(network.weights, **scales),
        width=values.get("width", network.width),
        depth=values.get("depth", network.depth),
    )


def _with_parameters(act: Activation, parameters: Mapping[str, Any]) -> Activation:
    """Return the activation with other parameters, made again from its name, which must lead back to it."""
    try:
        found = to_activation(act.name, **dict(act.parameters)).expr == act.expr
    except InputError:
        found = False
    if not found:
        raise InputError(
            f"a sweep over {', '.join(parameters)} of {act.name}",
            "parameters of an activation made from a formula or from the catalogue",
            "make it without a name of its own, e.g. vg.Activation('tanh(a*x)', a=1)",
        )
    return to_activation(act.name, **{**dict(act.parameters), **parameters})


def _folder(checkpoint: str | os.PathLike[str], point: Network) -> Path:
    """Return the point's folder, named by what it is and not by its place, so that a grid may grow."""
    return Path(checkpoint).expanduser() / f"point-{hashlib.sha256(point.spec_json.encode()).hexdigest()[:16]}"


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _check_memory(shape: tuple[int, ...], depth: int, levels: int, kept: int) -> None:
    values = math.prod(shape) * depth * (len(SUMMARISED) * (len(STATISTICS) + levels) + 1 + kept * len(FIELDS))
    needed, limit = 8 * values, available_bytes() // 2
    if needed > limit:
        raise InputError(
            f"a grid of {math.prod(shape):,} points at depth {depth:,} ({needed / 2**30:.1f} GiB of results)",
            f"results of up to {limit / 2**30:.1f} GiB, half of this machine's memory",
            "take fewer points, or leave keep_samples out",
        )


def _empty(shape: tuple[int, ...], depth: int, levels: int, kept: int) -> dict[str, NDArray]:
    arrays: dict[str, NDArray] = {"dead": np.zeros((*shape, depth), np.int64)}
    for name, _ in SUMMARISED:
        arrays |= {f"{name}_{statistic}": np.full((*shape, depth), np.nan) for statistic, _ in STATISTICS}
        arrays[f"{name}_quantile"] = np.full((*shape, depth, levels), np.nan)
    if kept:
        arrays |= {name: np.full((*shape, kept, depth), np.nan) for name, _ in FIELDS}
    return arrays


def _enter(
    arrays: dict[str, NDArray], index: tuple[int, ...], result: xr.Dataset, levels: NDArray, keep_samples: bool
) -> None:
    """Write a point's statistics into the grid's arrays."""
    samples = summarised(result)
    depth = samples["q"].shape[1]
    if keep_samples:
        for name, _ in FIELDS:
            arrays[name][index][:, :depth] = samples[name]
    place: Any = (*index, slice(depth))
    arrays["dead"][place] = np.isneginf(samples["log_gradient_norm"]).sum(axis=0)
    for name, _ in SUMMARISED:
        values = samples[name]
        mean, variance, count = moments(values)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = mean, np.sqrt(variance), np.sqrt(variance / count)
        for statistic, array in zip(STATISTICS, found, strict=True):
            arrays[f"{name}_{statistic[0]}"][place] = array
        arrays[f"{name}_quantile"][place] = np.quantile(values, levels, axis=0, method="inverted_cdf").T


def _dataset(
    axes: Mapping[str, list[Any]], levels: NDArray, arrays: Mapping[str, NDArray], attributes: Mapping[str, Any]
) -> xr.Dataset:
    grid, sizes = tuple(axes), {name: int if name in SIZES else float for name in axes}
    variables: dict[str, Any] = {}
    for name, text in SUMMARISED:
        for statistic, long in STATISTICS:
            key = f"{name}_{statistic}"
            variables[key] = ((*grid, "layer"), arrays[key], {"long_name": long.format(text), "units": "1"})
        key = f"{name}_quantile"
        about = {"long_name": f"quantile of {text}", "units": "1"}
        variables[key] = ((*grid, "layer", "quantile"), arrays[key], about)
    variables["dead"] = ((*grid, "layer"), arrays["dead"], {"long_name": DEAD, "units": "1"})
    for name, text in FIELDS:
        if name in arrays:
            variables[name] = ((*grid, "sample", "layer"), arrays[name], {"long_name": text, "units": "1"})
    depth = arrays["dead"].shape[-1]
    coordinates: dict[str, Any] = {name: [sizes[name](value) for value in values] for name, values in axes.items()}
    coordinates["layer"] = ("layer", np.arange(1, depth + 1), {"long_name": "layer l, 1 next to the input"})
    coordinates["quantile"] = levels
    if "q" in arrays:
        coordinates["sample"] = np.arange(arrays["q"].shape[-2])
    return xr.Dataset(variables, coordinates, dict(attributes))
