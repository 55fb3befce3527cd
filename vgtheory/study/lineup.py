"""Several networks side by side: prediction and simulation of each, layer by layer, in one data set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from math import nan
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs, to_drive
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.model.variation import changed
from vgtheory.study.engine import Progress, worker_pool
from vgtheory.study.experiment import Conditions
from vgtheory.study.growth import growth_of, whole_gradient
from vgtheory.study.simulate import Question, distinct_names, need_one_depth, samples_of
from vgtheory.study.summary import summarise
from vgtheory.theory.asymptotics.critical_scale import critical_scale_of
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint
from vgtheory.theory.asymptotics.prediction import predict
from vgtheory.theory.regime import is_critical

_LAYERED = ("mean", "error", "std", "predicted", "q", "chi")


def lineup(
    networks: Sequence[Network],
    samples: int = 64,
    seed: int = 0,
    progress: Progress | None = None,
    inputs: Inputs | int = 1,
) -> xr.Dataset:
    """Return predictions and simulations of several networks of the same depth, side by side.

    Parameters
    ----------
    networks : of equal depth; a name that occurs twice gets a number.
    samples, seed : of every simulation.
    progress : called as progress(samples done, samples of all networks).
    inputs : what drives recurrent cells, as in ``simulate``.

    Returns
    -------
    Dataset over `network` (names of the activations) and `layer` = 1..L with `mean` and `error` (its standard error) of
    simulated ln‖∂ℓ/∂h_l‖, `std` over networks, `predicted` (NaN where theory does not reach), `q` and `chi` of mean
    field; over `network` `change` = ln(‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖) simulated, its mean, and `change_half_width` of its
    99 % interval,
    `critical_sigma_w` at the network's own σ_b (NaN where none), `dead`, the share without gradient, and `regime`:
    vanishes, explodes, critical, balanced, dead or undecided.

    Of networks of blocks the names are those of the blocks, `layer` is 0..L, gradients are those at all streams
    together, `q` is the mean square of the first stream as simulated, and `chi` is NaN.

    Raises
    ------
    InputError : no networks, depths that differ, or networks of blocks beside networks of layers.

    Examples
    --------
    >>> import vgtheory as vg
    >>> made = [vg.Network(name, vg.Weights.he(), width=32, depth=10) for name in ("tanh", "relu")]
    >>> lineup(made, samples=8).network.values.tolist()
    ['tanh', 'relu']
    """
    for network in networks:
        require(network, "compare")
    of_blocks = [isinstance(network, BlockNetwork) for network in networks]
    if len(set(of_blocks)) > 1:
        raise InputError(
            "networks of blocks beside networks of layers", "networks of one kind", "use vg.blocks.dense for layers"
        )
    need_one_depth(networks)
    question = Question.of("auto", to_drive(inputs), 1, None)
    conditions = Conditions.of(samples, seed, progress=progress)
    rows = []
    with worker_pool() as pool:
        for k, network in enumerate(networks):
            study = samples_of(network, question, conditions.part(k, len(networks), pool, network.spec_json))
            rows.append(_beside_theory(study, network, question.inputs))
    data: dict[str, Any] = {
        name: (("network", "layer") if name in _LAYERED else ("network",), np.stack([row[name] for row in rows]))
        for name in rows[0]
    }
    coordinates = {"network": distinct_names(networks), "layer": study["layer"].values}
    specs = json.dumps([network.spec for network in networks], sort_keys=True)
    return xr.Dataset(data, coordinates, {"samples": samples, "seed": seed, "spec": specs})


def at_criticality(network: Network) -> Network:
    """Return the network with the critical σ_w of its activation at its own σ_b, or of its block; all else as it was.

    Raises NoSolutionError where the activation has no stable critical point there: the network would leave another;
    UnsupportedError for weights that no scale makes critical.
    """
    require(network, "predict")
    point = critical_scale_of(network)
    if isinstance(point, CriticalPoint) and not point.stable:
        raise NoSolutionError(
            f"{network.name} has no stable critical point at sigma_b = {network.sigmas[-1][1]:g} (the one at sigma_w = "
            f"{point.sigma_w:.6g} is unstable: the variance leaves it); give a larger sigma_b"
        )
    return changed(network, {"sigma_w": point.sigma_w})


def _beside_theory(study: xr.Dataset, network: Network, inputs: Inputs) -> dict[str, Any]:
    """Return what was simulated of one network and what is predicted; NaN where theory does not reach."""
    seen, growth = summarise(study, quantiles=()), growth_of(study)
    nowhere = np.full(study.sizes["layer"], nan)
    row = {"predicted": nowhere, "q": nowhere, "chi": nowhere, "critical_sigma_w": nan}
    keeps = False
    with suppress(UnsupportedError, NoSolutionError):
        theory = predict(network, inputs=inputs)
        row["predicted"] = whole_gradient(theory).values
        if not isinstance(network, BlockNetwork):
            row |= {name: theory[name].values for name in ("q", "chi")}
            keeps = is_critical(theory)
    with suppress(UnsupportedError, NoSolutionError):
        row["critical_sigma_w"] = critical_scale_of(network).sigma_w
    if isinstance(network, BlockNetwork):
        row["q"] = study["stream_square"].isel(stream=0).mean("sample").values
    return row | {
        "mean": seen["log_gradient_norm_mean"].values,
        "error": seen["log_gradient_norm_stderr"].values,
        "std": seen["log_gradient_norm_std"].values,
        "change": growth.change,
        "change_half_width": growth.half_width,
        "dead": growth.dead_share,
        "regime": str(growth.regime(keeps)),
    }
