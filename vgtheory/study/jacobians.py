"""Jacobians of sampled networks on the engine: their singular values, eigenvalues and Lyapunov exponents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory.model.network import Network
from vgtheory.model.variables import VARIABLES, labels
from vgtheory.spectra.growth import block_ends, growth_dataset
from vgtheory.spectra.lyapunov.sampling import DirectionsPlan, draw_directions, plan_directions
from vgtheory.spectra.sampling import Kind, draw_values, require_feasible
from vgtheory.study.engine import Arrays
from vgtheory.study.experiment import SAMPLE, Conditions, Experiment, conduct, provenance

_TEXTS = {
    "log_singular_value": "ln s, s a singular value of J, descending",
    "log_modulus": "ln|λ|, λ an eigenvalue of J, descending",
    "argument": "arg λ in radians",
    "q": VARIABLES["q"],
}


@dataclass(frozen=True)
class Dense:
    """A network whose matrices are drawn, as an experiment takes it."""

    network: Network


def jacobian_values(network: Network, kind: Kind, conditions: Conditions) -> xr.Dataset:
    """Return the singular values or eigenvalues of J of sampled networks: see ``vg.sample``."""
    seconds = require_feasible(network, kind)
    names = ("log_singular_value",) if kind == "singular values" else ("log_modulus", "argument")
    count, depth = min(network.widths[0], network.widths[-1]), int(network.depth)
    experiment = Experiment(
        worker=values_chunk,
        prepared=Dense(network),
        fields=(*names, "q"),
        rows=max(count, depth),
        numbers=len(names) + 1,
        nanoseconds=1e9 * seconds,
        options={"of": kind},
    )
    arrays = conduct(experiment, conditions)
    return xr.Dataset(
        {
            **{name: (("sample", "index"), arrays[name][:, :count], _attributes(name)) for name in names},
            "q": (("sample", "layer"), arrays["q"][:, :depth], _attributes("q")),
        },
        coords={
            "sample": ("sample", np.arange(conditions.samples), SAMPLE),
            "layer": ("layer", np.arange(1, depth + 1), {"long_name": "layer l, 1 next to the input"}),
        },
        attrs={"method": "dense", **provenance(experiment.prepared, conditions.seed)},
    )


def values_chunk(payload: Mapping[str, Any], first: int, count: int) -> Arrays:
    """Return the values of samples first, ..., first + count − 1, each array filled up with NaN to the longest."""
    network, kind = payload["prepared"].network, payload["of"]
    drawn = [draw_values(network, kind, payload["seed"], i) for i in range(first, first + count)]
    names = ("log_singular_value",) if kind == "singular values" else ("log_modulus", "argument")
    rows = max(min(network.widths[0], network.widths[-1]), int(network.depth))
    out = {name: _filled([values[k] for values, _ in drawn], rows) for k, name in enumerate(names)}
    return {**out, "q": _filled([q for _, q in drawn], rows)}


def jacobian_exponents(
    network: Network, conditions: Conditions, directions: Any, method: Any, tolerance: Any, qr_every: Any
) -> xr.Dataset:
    """Return the growth of directions of sampled networks and their Lyapunov exponents: see ``vg.sample``."""
    plan, seconds = plan_directions(network, directions, method, tolerance, qr_every)
    ends = block_ends(int(network.depth))
    experiment = Experiment(
        worker=exponents_chunk,
        prepared=Dense(network),
        fields=(*(_direction(j) for j in range(plan.directions)), "qr_every", "rounding"),
        rows=len(ends),
        numbers=plan.directions + 2,
        nanoseconds=1e9 * seconds,
        options={"of": "exponents", **plan._asdict()},
    )
    arrays = conduct(experiment, conditions)
    growth = np.stack([arrays[_direction(j)] for j in range(plan.directions)], axis=-1)
    found: dict[str, Any] = {"method": "triangular" if plan.triangular else "dense"}
    if not plan.triangular:
        found |= {"qr_every": int(arrays["qr_every"].max()), "rounding": float(arrays["rounding"].max())}
    return growth_dataset(growth, ends).assign_attrs(found | provenance(experiment.prepared, conditions.seed))


def exponents_chunk(payload: Mapping[str, Any], first: int, count: int) -> Arrays:
    """Return one array (sample, block) per direction, for samples first, ..., first + count − 1."""
    network = payload["prepared"].network
    plan = DirectionsPlan(*(payload[name] for name in DirectionsPlan._fields))
    ends = block_ends(int(network.depth))
    drawn = [draw_directions(network, plan, ends, payload["seed"], i) for i in range(first, first + count)]
    growth = np.stack([each for each, _, _ in drawn])
    out = {_direction(j): np.ascontiguousarray(growth[:, :, j]) for j in range(plan.directions)}
    for k, name in ((1, "qr_every"), (2, "rounding")):
        out[name] = np.repeat(np.array([[float(each[k])] for each in drawn]), len(ends), axis=1)
    return out


def _direction(j: int) -> str:
    return f"log_growth {j}"


def _attributes(name: str) -> dict[str, str]:
    return labels(_TEXTS[name], units="rad" if name == "argument" else "1")


def _filled(rows: list[NDArray[np.float64]], length: int) -> NDArray[np.float64]:
    out = np.full((len(rows), length), np.nan)
    for row, values in zip(out, rows, strict=True):
        row[: len(values)] = values
    return out
