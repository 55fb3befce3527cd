"""A sweep over what a network of blocks is made of: one simulation at every point of a grid, in one data set."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError, shown
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs, check_inputs
from vgtheory.model.network import BlockNetwork
from vgtheory.model.program import Block
from vgtheory.study.engine import worker_pool
from vgtheory.study.experiment import Conditions
from vgtheory.study.growth import growth_of
from vgtheory.study.intervals import moments
from vgtheory.study.programs.streams import streams_of

Array = NDArray[np.float64]
Make = Callable[..., Any]
OWN = ("sigma_w", "sigma_b", "width", "depth")
TEXTS = {
    "log_stream_gradient_norm_mean": "mean of ln of the norm of the gradient at the stream after layer l",
    "log_stream_gradient_norm_stderr": "standard error of that mean",
    "log_stream_gradient_norm_std": "standard deviation of ln of that norm between networks",
    "stream_square_mean": "mean square of the components of the stream after layer l",
    "cosine_mean": "mean cosine over the pairs of tokens of the stream after layer l",
    "entropy_mean": "entropy in nats of the attention inside layer l",
    "change": "mean change of ln of the gradient's norm over the whole network, all streams together",
    "change_stderr": "standard error of that mean",
    "dead": "number of networks without a gradient",
}


def block_sweep(
    network: BlockNetwork | Make, over: Mapping[str, Iterable[Any]] | None, inputs: Inputs, conditions: Conditions
) -> xr.Dataset:
    """Return means over networks at every point of a grid, over the swept quantities, ``layer`` 0..L and ``stream``.

    Variables: ``log_stream_gradient_norm_mean``, ``_stderr`` and ``_std``, over the networks with a gradient,
    ``stream_square_mean``, of tokens ``cosine_mean`` and ``entropy_mean``; by point ``change`` with ``change_stderr``,
    ``dead`` and ``regime``.  Layers beyond a point's own depth, and streams that it does not have, are NaN.

    Raises InputError for a name or value that is not accepted, UnsupportedError as ``vg.simulate``.
    """
    axes = _axes(network, over)
    points = {
        index: _point(network, {name: values[k] for k, (name, values) in zip(index, axes.items(), strict=True)})
        for index in itertools.product(*(range(len(values)) for values in axes.values()))
    }
    for point in points.values():
        require(point, "sweep")
        check_inputs(inputs, point.block.recurrent, int(point.depth))
    found, regimes = [], []
    with worker_pool(conditions.executor) as pool:
        for done, point in enumerate(points.values()):
            study = streams_of(point, "auto", inputs, conditions.part(done, len(points), pool, point.spec_json))
            found.append(_summary(study))
            regimes.append(str(growth_of(study).regime()))
    whole = xr.concat(found, "point", join="outer").assign(regime=("point", regimes))
    return _on_grid(whole, axes, json.dumps([point.spec for point in points.values()]), conditions)


def _axes(network: BlockNetwork | Make, over: Mapping[str, Iterable[Any]] | None) -> dict[str, list[Any]]:
    """Return the values by name as lists; raise InputError for lists that are none, and names that say nothing."""
    if not isinstance(over, Mapping) or not over:
        raise InputError("over", "values by name", 'e.g. over={"sigma_w": [1, 1.5, 2]}', got=shown(over))
    axes = {}
    for name, values in over.items():
        if not callable(network) and name not in OWN:
            step = f"give a function of {name} that returns the network, e.g. lambda {name}: vg.Network(...)"
            raise InputError(f"over {name!r}", "one of " + ", ".join(OWN), step)
        listed = list(values) if isinstance(values, Iterable) and not isinstance(values, (str, Mapping)) else []
        listed = [value.item() if isinstance(value, np.generic) else value for value in listed]
        if not listed or not all(isinstance(v, (int, float, str)) for v in listed) or len(set(listed)) < len(listed):
            accepted = "a list of different numbers or texts"
            raise InputError(f"{name}", accepted, f"e.g. {name}=[1, 2]", got=shown(values))
        axes[str(name)] = listed
    return axes


def _point(network: BlockNetwork | Make, values: Mapping[str, Any]) -> BlockNetwork:
    """Return the network of these values."""
    if isinstance(network, BlockNetwork):
        made: Any = BlockNetwork(
            _scaled(network.block, {name: values[name] for name in ("sigma_w", "sigma_b") if name in values}),
            values.get("width", network.width), values.get("depth", network.depth), shape=network.shape,
        )  # fmt: skip
    else:
        try:
            made = network(**values)
        except TypeError as problem:
            named = ", ".join(values)
            raise InputError(f"a function of {named} ({problem})", "one of what is swept", "see vg.sweep") from None
    if not isinstance(made, BlockNetwork):
        raise InputError("a function to sweep", "one that returns a network of blocks", "see vg.sweep", got=shown(made))
    return made


def _scaled(block: Block, scales: Mapping[str, Any]) -> Block:
    """Return the block with these scales of all its matrices."""
    return replace(block, matrices=tuple(replace(m, weights=replace(m.weights, **scales)) for m in block.matrices))


def _summary(study: xr.Dataset) -> xr.Dataset:
    """Return what is kept of the study of one point."""
    logs = study["log_stream_gradient_norm"].transpose("sample", "layer", "stream")
    columns = logs.values.reshape(logs.sizes["sample"], -1)
    mean, variance, count = (x.reshape(logs.shape[1:]) for x in moments(columns))
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(variance / count)
    by_stream = {"mean": mean, "stderr": error, "std": np.sqrt(variance)}
    found: dict[str, Any] = {
        f"log_stream_gradient_norm_{key}": (("layer", "stream"), array) for key, array in by_stream.items()
    }
    for name in ("stream_square", "cosine", "entropy"):
        if name in study:
            found[f"{name}_mean"] = study[name].mean("sample").variable
    growth = growth_of(study)
    found |= {"change": growth.change, "change_stderr": growth.stderr, "dead": growth.dead}
    return xr.Dataset(found, {"layer": study["layer"].values, "stream": study["stream"].values})


def _on_grid(whole: xr.Dataset, axes: Mapping[str, list[Any]], specs: str, conditions: Conditions) -> xr.Dataset:
    """Return the points of a grid along its axes, with what they are."""
    shape = tuple(map(len, axes.values()))
    variables = {}
    for name, variable in whole.data_vars.items():
        array = variable.transpose("point", ...)
        text = {"long_name": TEXTS[str(name)], "units": "1"} if name in TEXTS else {}
        variables[name] = ((*axes, *array.dims[1:]), array.values.reshape(*shape, *array.shape[1:]), text)
    coordinates = {**axes, "layer": whole["layer"].values, "stream": whole["stream"].values}
    attributes = {"samples": conditions.samples, "seed": conditions.seed, "specs": specs, "over": json.dumps([*axes])}
    return xr.Dataset(variables, coordinates, attributes)
