"""`sweep`: gradient statistics over a grid of scales, sizes and parameters, or of whatever makes a network."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

import xarray as xr

from vgtheory._errors import InputError, shown
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.model.variables import labels
from vgtheory.model.variation import SCALES, SIZES, changed
from vgtheory.study.engine import Progress, worker_pool
from vgtheory.study.experiment import Conditions
from vgtheory.study.grid import Grid, points_of, to_axes
from vgtheory.study.growth import growth_of
from vgtheory.study.limits import check_memory
from vgtheory.study.norms import Method
from vgtheory.study.simulate import Question, samples_of
from vgtheory.study.summary import OF_LAYERS, QUANTILES, SUMMARISED, summarise

Make = Callable[..., Any]
DIMENSIONS = ("layer", "sample", "quantile")
# Of every variable that is summarised: mean and variance with their intervals, two errors, and quantiles with theirs.
NUMBERS = 8 + 3 * len(QUANTILES)
CHANGE = {
    "change": "mean change of ln of the gradient norm from the last layer to the first",
    "change_stderr": "standard error of that mean",
    "change_half_width": "half the length of its 99 % interval",
    "change_std": "standard deviation of that change between networks",
}


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

    Of each point besides, where there is one input: ``change`` = ln(‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖), the mean over networks with a
    gradient, ``change_stderr``, ``change_half_width`` of its 99 % interval and ``change_std``.

    *Networks of blocks.*  Over ``sigma_w``, ``sigma_b`` (of all matrices), ``width`` and ``depth``; over anything else,
    such as a forget bias or the place of a norm, with a function of it that returns the network.  The result has
    ``layer`` 0..L and ``stream``, ``change`` is that of all streams together from layer L to the start, and ``regime``
    says what it means.

    Parameters
    ----------
    network : what is not swept; swept quantities are replaced (and may be symbols here).  Or a function of what is
        swept, by keyword, that returns a network, of layers or of blocks.
    samples, seed, method, executor : as in ``simulate``; one executor serves all points.
    over : values by name: ``sigma_w``, ``sigma_b``, ``width`` (of all layers), ``depth`` or a parameter of the
        activation.
    checkpoint : a directory, one folder per point in it; a later call continues, with other points of a grid too.
    progress : called as ``progress(samples done, samples of the whole grid)``.
    inputs : as in ``simulate``.

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
    question = Question.of(method, inputs, 1, None)
    conditions = Conditions.of(samples, seed, executor, checkpoint=checkpoint, progress=progress)
    given = isinstance(network, Network) or not callable(network)
    if given:
        require(network, "sweep")
    axes = to_axes(over, _names(network) if given else None)
    points = {index: _point(network, values) for index, values in points_of(axes)}
    there = _labels(list(points.values()))
    _check_grid(len(points), there)
    grid = Grid(axes, there)
    with worker_pool(executor) as pool:
        for done, (index, point) in enumerate(points.items()):
            part = conditions.part(done, len(points), pool, point.spec_json)
            study = samples_of(point, question, part)
            found = summarise(study)
            grid.enter(index, found.assign(_change(point, study)))
    spec = network.spec_json if isinstance(network, Network) else json.dumps([p.spec for p in points.values()])
    return grid.dataset(found.attrs | {"spec": spec, "over": json.dumps(list(axes))})


def _names(network: Any) -> tuple[str, ...]:
    """Return what may be swept of a network."""
    if isinstance(network, BlockNetwork):
        return (*SCALES, *SIZES)
    parameters = tuple(name for name, _ in network.activation.parameters if name not in DIMENSIONS)
    return parameters if network.weights.arrays is not None else (*SCALES, *SIZES, *parameters)  # given ones have none


def _point(network: Network | Make, values: Mapping[str, Any]) -> Network:
    """Return the network of these values."""
    if isinstance(network, Network):
        return changed(network, values)
    try:
        made = network(**values)
    except TypeError as problem:
        named = ", ".join(values)
        raise InputError(f"a function of {named} ({problem})", "one of what is swept", "see vg.sweep") from None
    if not isinstance(made, Network):
        raise InputError("a function to sweep", "one that returns a network", "see vg.sweep", got=shown(made))
    require(made, "sweep")
    return made


def _labels(points: list[Network]) -> dict[str, list[Any]]:
    """Return the labels of all layers, streams and tokens that any point has."""
    of_blocks = [point for point in points if isinstance(point, BlockNetwork)]
    deepest = max(int(point.depth) for point in points)
    there: dict[str, list[Any]] = {"layer": list(range(0 if of_blocks else 1, deepest + 1))}
    if of_blocks:
        there["stream"] = list(dict.fromkeys(name for point in of_blocks for name in point.block.carried))
        there["token"] = list(range(max(point.columns for point in of_blocks)))
    return there


def _check_grid(points: int, there: Mapping[str, list[Any]]) -> None:
    depth, streams = there["layer"][-1], len(there.get("stream", ()))
    variables = len(SUMMARISED) * streams if streams else len(OF_LAYERS)
    try:
        check_memory(points, depth, NUMBERS * variables + 4)
    except InputError as problem:
        raise InputError(
            f"a grid of {points:,} points at depth {depth:,}", problem.accepted, "take fewer points or layers"
        ) from None


def _change(network: Network, study: xr.Dataset) -> dict[str, Any]:
    """Return the change of the gradient over the whole network, and of blocks, where theory knows of no critical
    point that would say another thing, its regime.
    """
    if not {"input", "output"}.isdisjoint(study.dims):
        return {}
    growth = growth_of(study)
    numbers = dict(zip(CHANGE, (growth.change, growth.stderr, growth.half_width, growth.std), strict=True))
    found: dict[str, Any] = {name: ((), value, labels(CHANGE[name])) for name, value in numbers.items()}
    return found | ({"regime": str(growth.regime())} if isinstance(network, BlockNetwork) else {})
