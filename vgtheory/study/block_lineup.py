"""Several networks of blocks side by side: prediction and simulation of each, layer by layer, in one data set."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.model.inputs import Inputs, check_inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.study.engine import Progress, worker_pool
from vgtheory.study.experiment import Conditions
from vgtheory.study.growth import growth_of, whole_gradient
from vgtheory.study.intervals import moments
from vgtheory.study.programs.streams import streams_of
from vgtheory.theory.asymptotics.blocks_or_activations import critical
from vgtheory.theory.asymptotics.programs.prediction import predict_blocks


def lineup_of_blocks(
    networks: Sequence[Network], samples: int, seed: int, inputs: Inputs, progress: Progress | None
) -> xr.Dataset:
    """Return what ``lineup`` says of networks of blocks.

    Raises InputError for depths that differ, for networks of layers beside them, and for inputs that some do not take.
    """
    blocks = [network for network in networks if isinstance(network, BlockNetwork)]
    depths = {int(network.depth) for network in blocks}
    if len(blocks) < len(networks):
        raise InputError(
            "networks of blocks beside networks of layers", "networks of one kind", "use vg.blocks.dense for layers"
        )
    if len(depths) != 1:
        raise InputError(
            f"networks of depths {', '.join(map(str, sorted(depths)))}", "one depth for all", "give them one"
        )
    for network in blocks:
        check_inputs(inputs, network.block.recurrent, int(network.depth))
    conditions = Conditions.of(samples, seed, progress=progress)
    rows = []
    with worker_pool(None) as pool:
        for k, network in enumerate(blocks):
            study = streams_of(network, "auto", inputs, conditions.part(k, len(blocks), pool, network.spec_json))
            rows.append(_seen(study) | _theory(network, inputs))
    layered = ("mean", "error", "std", "predicted", "q", "chi")
    data: dict[str, Any] = {name: (("network", "layer"), np.stack([row[name] for row in rows])) for name in layered}
    data |= {name: ("network", np.array([row[name] for row in rows])) for name in rows[0] if name not in layered}
    coordinates = {"network": _names(blocks), "layer": np.arange(depths.pop() + 1)}
    specs = "\n".join(network.spec_json for network in blocks)
    return xr.Dataset(data, coordinates, {"samples": samples, "seed": seed, "specs": specs})


def _seen(study: xr.Dataset) -> dict[str, Any]:
    """Return what was simulated of one network."""
    mean, variance, count = moments(whole_gradient(study).transpose("sample", "layer").values)
    growth = growth_of(study)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(variance / count)
    return {
        "mean": mean,
        "error": error,
        "std": np.sqrt(variance),
        "q": study["stream_square"].isel(stream=0).mean("sample").values,
        "chi": np.full(len(mean), nan),
        "change": growth.change,
        "change_error": growth.stderr,
        "dead": growth.dead / growth.samples,
        "regime": str(growth.regime()),
    }


def _theory(network: BlockNetwork, inputs: Inputs) -> dict[str, Any]:
    """Return what is predicted; NaN where theory does not reach."""
    try:
        predicted = whole_gradient(predict_blocks(network, inputs)).values
    except (UnsupportedError, NoSolutionError, InputError):
        predicted = np.full(int(network.depth) + 1, nan)
    try:
        scale = critical(network).sigma_w
    except (UnsupportedError, NoSolutionError):
        scale = nan
    return {"predicted": predicted, "critical_sigma_w": scale}


def _names(networks: Sequence[BlockNetwork]) -> list[str]:
    """Return the names of the blocks; one that occurs twice gets a number."""
    plain = [network.block.name for network in networks]
    return [f"{name} ({k + 1})" if plain.count(name) > 1 else name for k, name in enumerate(plain)]
