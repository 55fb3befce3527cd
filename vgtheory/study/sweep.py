"""`sweep`: gradient statistics over a grid of scales, sizes and activation parameters."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError, shown
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs, to_inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.study.block_sweep import block_sweep
from vgtheory.study.engine import Progress, worker_pool
from vgtheory.study.experiment import LAYER, Conditions
from vgtheory.study.limits import check_memory
from vgtheory.study.norms import Method, check_method, one_input, verb_of
from vgtheory.study.prepared import prepare
from vgtheory.study.summary import QUANTILES, SUMMARISED, summarise
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation

SCALES, SIZES = ("sigma_w", "sigma_b"), ("width", "depth")
DIMENSIONS = ("layer", "sample", "quantile")
# Of every variable that is summarised: mean and variance with their intervals, two errors, and quantiles with theirs.
NUMBERS = len(SUMMARISED) * (8 + 3 * len(QUANTILES)) + 4


def sweep(
    network: Network | Callable[..., Network],
    samples: int,
    seed: int = 0,
    over: Mapping[str, Iterable[Any]] | None = None,
    method: Method = "auto",
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    inputs: Inputs | int = 1,
) -> xr.Dataset:
    """Return the summary of every point of a grid, as ``summarise`` gives it: swept quantities, then ``layer``.

    Layers beyond a point's own depth are NaN (``dead``: 0).  Every point is bit for bit what ``simulate`` gives with
    the same seed, so that neighbouring points share their random numbers: differences between them are less noisy than
    standard errors of single points say.

    *Networks of blocks.*  Over ``sigma_w``, ``sigma_b`` (of all matrices), ``width`` and ``depth``; over anything else,
    such as a forget bias or the place of a norm, with a function of it that returns the network.  The result is over
    swept quantities, ``layer`` 0..L and ``stream``: ``log_stream_gradient_norm_mean``, ``_stderr``, ``_std``,
    ``stream_square_mean``, of tokens ``cosine_mean`` and ``entropy_mean``, and of each point ``change`` =
    ln(‖∂ℓ/∂s_0‖/‖∂ℓ/∂s_L‖) of all streams together, ``change_stderr``, ``dead`` and ``regime``.

    Parameters
    ----------
    network : what is not swept; swept quantities are replaced (and may be symbols here).  Or a function of what is
        swept, by keyword, that returns a network of blocks.
    samples, seed, method, executor : as in ``simulate``; one executor serves all points.
    over : values by name: ``sigma_w``, ``sigma_b``, ``width`` (of all layers), ``depth`` or a parameter of the
        activation.
    checkpoint : a directory, one folder per point in it; a later call continues, with other points of a grid too.
    progress : called as ``progress(samples done, samples of the whole grid)``.
    inputs : what drives recurrent cells, as in ``simulate``.

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
    >>> from vgtheory import blocks
    >>> lstm = lambda forget_bias: Network(blocks.lstm(Weights.gaussian(1), forget_bias), width=8, depth=5)
    >>> dict(sweep(lstm, samples=4, over={"forget_bias": [0, 1, 3]})["change"].sizes)
    {'forget_bias': 3}
    """
    check_method(method)
    conditions = Conditions.of(samples, seed, executor, checkpoint=checkpoint, progress=progress)
    if isinstance(network, BlockNetwork) or (callable(network) and not isinstance(network, Network)):
        return block_sweep(network, over, to_inputs(inputs), conditions)
    require(network, "sweep")
    axes = _axes(network, over)
    points = {
        index: _point(network, {name: values[i] for i, (name, values) in zip(index, axes.items(), strict=True)})
        for index in itertools.product(*(range(len(values)) for values in axes.values()))
    }
    deepest = max(int(point.depth) for point in points.values())
    _check_grid(len(points), deepest)
    shape = tuple(len(values) for values in axes.values())
    arrays: dict[str, NDArray] = {}
    with worker_pool(executor) as pool:
        for done, (index, point) in enumerate(points.items()):
            require(point, verb_of(method))
            part = conditions.part(done, len(points), pool, point.spec_json)
            found = summarise(one_input(prepare(point), method, part))
            _enter(arrays, shape, index, found, deepest)
    attributes = found.attrs | {"spec": network.spec_json, "over": json.dumps(list(axes))}
    return _dataset(axes, found, arrays, attributes)


def _axes(network: Network, over: Mapping[str, Iterable[Any]] | None) -> dict[str, list[Any]]:
    """Return the values by name as lists, refusing what names nothing and lists that are none."""
    known = (*SCALES, *SIZES, *(name for name, _ in network.activation.parameters if name not in DIMENSIONS))
    if not isinstance(over, Mapping) or not over:
        raise InputError("over", "values by name", 'e.g. over={"sigma_w": [1, 1.5, 2]}', got=shown(over))
    if network.weights.arrays is not None and not {*SCALES, *SIZES}.isdisjoint(over):
        raise InputError(
            "a sweep over scales or sizes of given weights", "a distribution of weights", "e.g. Weights.gaussian(1)"
        )
    axes = {}
    for name, values in over.items():
        if name not in known:
            raise InputError(f"over {name!r}", "one of " + ", ".join(known), "correct the name")
        listed = list(values) if isinstance(values, Iterable) and not isinstance(values, (str, Mapping)) else []
        listed = [value.item() if isinstance(value, np.generic) else value for value in listed]
        numbers = [_number(name, value) for value in listed]
        if not listed or len(set(numbers)) != len(numbers):
            raise InputError(f"{name}", "a list of different numbers", f"e.g. {name}=[1, 2]", got=shown(values))
        axes[name] = listed
    return axes


def _number(name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, (str, bytes, bool)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name}", "a finite number", f"e.g. {name}=[1, 2]", got=shown(value))
    return number


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


def _check_grid(points: int, depth: int) -> None:
    try:
        check_memory(points, depth, NUMBERS)
    except InputError as problem:
        raise InputError(
            f"a grid of {points:,} points at depth {depth:,}", problem.accepted, "take fewer points or layers"
        ) from None


def _enter(
    arrays: dict[str, NDArray], shape: tuple[int, ...], index: tuple[int, ...], found: xr.Dataset, deepest: int
) -> None:
    """Write a point's summary into the grid's arrays."""
    for name, variable in found.data_vars.items():
        depth, *further = variable.shape
        if name not in arrays:
            blank = 0 if variable.dtype.kind == "i" else np.nan
            arrays[str(name)] = np.full((*shape, deepest, *further), blank, variable.dtype)
        place: Any = (*index, slice(depth))
        arrays[str(name)][place] = variable.values


def _dataset(
    axes: Mapping[str, list[Any]], found: xr.Dataset, arrays: Mapping[str, NDArray], attributes: Mapping[str, Any]
) -> xr.Dataset:
    """Return the grid's arrays, labelled as a point's are."""
    sizes = {name: int if name in SIZES else float for name in axes}
    coordinates: dict[str, Any] = {name: [sizes[name](value) for value in values] for name, values in axes.items()}
    coordinates["layer"] = ("layer", np.arange(1, arrays["dead"].shape[len(axes)] + 1), LAYER)
    coordinates["quantile"] = found["quantile"].values
    variables = {name: ((*axes, *found[name].dims), array, found[name].attrs) for name, array in arrays.items()}
    return xr.Dataset(variables, coordinates, dict(attributes))
