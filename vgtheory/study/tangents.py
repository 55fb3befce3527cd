"""How fast small perturbations of the input grow in real networks: forward tangents, without a matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.kernels.arguments import Samples
from vgtheory.kernels.tangents import tangent_samples
from vgtheory.model.inputs import Inputs, check_inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.model.sizes import whole_number
from vgtheory.model.windows import strided
from vgtheory.spectra.growth import LEAST_BLOCK, block_ends, growth_dataset
from vgtheory.study.engine import Arrays
from vgtheory.study.experiment import Conditions, Experiment, conduct, provenance
from vgtheory.study.limits import out_of_range
from vgtheory.study.prepared import Prepared, prepare
from vgtheory.study.programs.streams import Program, choose_method
from vgtheory.study.programs.tangents import growth_of_perturbations

MAX_DIRECTIONS = 256


def leading_growth(network: Network, conditions: Conditions, directions: Any, inputs: Inputs) -> xr.Dataset:
    """Return how `directions` orthonormal perturbations of the input grow, without a matrix: see ``vg.sample``.

    T_l = φ'(h_l) ∘ W_l T_{l−1} is made orthonormal in every layer, T_l = Q_l R_l (Benettin, Galgani, Giorgilli &
    Strelcyn 1980).  Memory is O(N) per worker at any depth, beside O(64) numbers per network and direction.

    Raises
    ------
    InputError : more directions than the least width or 256.
    UnsupportedError : a signal, or slopes, that leave the range of float64.
    """
    if isinstance(network, BlockNetwork):
        return exponents_of_blocks(network, conditions, directions, inputs)
    check_inputs(inputs, False, int(network.depth))
    prepared = prepare(network)
    widths = prepared.distinct[0]
    directions = whole_number("directions", directions, 1, min(int(widths.min()), MAX_DIRECTIONS), "1")
    ends = block_ends(prepared.depth)
    experiment = Experiment(
        worker=tangents_chunk,
        prepared=prepared,
        fields=tuple(_field(j) for j in range(directions)),
        rows=len(ends),
        numbers=directions,
        nanoseconds=15.0 * (directions + 1) ** 2 * float(widths.mean()) * prepared.depth,
        options={"tangents": directions},
        payload={"block": int(ends[0]) if len(ends) > 1 else max(prepared.depth, LEAST_BLOCK)},
    )
    arrays = conduct(experiment, conditions)
    growth = np.stack([arrays[_field(j)] for j in range(directions)], axis=-1)
    if np.isnan(growth).any() or ((prepared.flat_at_zero or prepared.saturates) and np.isneginf(growth).any()):
        raise out_of_range(prepared)
    return growth_dataset(growth, ends).assign_attrs(method="exact", **provenance(prepared, conditions.seed))


def exponents_of_blocks(network: BlockNetwork, conditions: Conditions, directions: Any, inputs: Inputs) -> xr.Dataset:
    """Return the same of a network of blocks; of all directions where `directions` is None."""
    check_inputs(inputs, network.block.recurrent, int(network.depth))
    last = math.prod(strided(network.shape, network.block.stride ** int(network.depth)))
    size = network.widths[0] * last * len(network.block.carried)
    if directions is None and size > MAX_DIRECTIONS:
        accepted = f"at most {MAX_DIRECTIONS} of the {size:,} that there are"
        raise InputError("directions", accepted, "e.g. directions=8", got="all, as none are named")
    wanted = size if directions is None else directions
    directions = whole_number("directions", wanted, 1, min(size, MAX_DIRECTIONS), "1")
    program = Program(network, inputs, choose_method(network, "auto", batch=1 + directions))
    ends = block_ends(int(network.depth))
    experiment = Experiment(
        worker=blocks_chunk,
        prepared=program,
        fields=tuple(_field(j) for j in range(directions)),
        rows=len(ends),
        numbers=directions,
        nanoseconds=program.nanoseconds * (1 + directions),
        options={"tangents": directions, "method": program.method, "inputs": inputs.spec},
    )
    arrays = conduct(experiment, conditions)
    growth = np.stack([arrays[_field(j)] for j in range(directions)], axis=-1)
    if not (growth < np.inf).all():
        raise UnsupportedError(
            f"a stream of {network.block.name} leaves the range of float64; add a norm, scale the branches, or reduce "
            "the depth"
        )
    found = {"method": program.method, **provenance(program, conditions.seed)}
    return growth_dataset(growth, ends).assign_attrs(found)


def blocks_chunk(payload: Mapping[str, Any], first: int, count: int) -> Arrays:
    """Return one array (sample, block) per direction, for samples first, ..., first + count − 1."""
    program: Program = payload["prepared"]
    ends, directions = block_ends(program.machine.depth), payload["tangents"]
    growth = growth_of_perturbations(program.machine, payload["seed"], first, count, ends, directions, payload["stop"])
    return {_field(j): np.ascontiguousarray(growth[:, :, j]) for j in range(directions)}


def tangents_chunk(payload: Mapping[str, Any], first: int, count: int) -> Arrays:
    """Return one array (sample, block) per direction, for samples first, ..., first + count − 1."""
    prepared: Prepared = payload["prepared"]
    samples = Samples(np.uint64(payload["seed"]), first, payload["stop"])
    growth = np.empty((count, -(-prepared.depth // payload["block"]), payload["tangents"]))
    tangent_samples(
        prepared.activation, prepared.haar, prepared.distinct, prepared.depth, samples, payload["block"], growth
    )
    return {_field(j): np.ascontiguousarray(growth[:, :, j]) for j in range(payload["tangents"])}


def _field(direction: int) -> str:
    return f"log_growth {direction}"
