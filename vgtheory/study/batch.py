"""A batch of inputs through random networks with batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from vgtheory.kernels.arguments import Norms
from vgtheory.model.sizes import whole_number
from vgtheory.model.variables import VARIABLES
from vgtheory.study.engine import Arrays
from vgtheory.study.experiment import Conditions, Experiment, conduct, dataset, provenance
from vgtheory.study.limits import check_range
from vgtheory.study.norms import FIELDS
from vgtheory.study.prepared import Prepared
from vgtheory.study.programs.layers import layers_machine
from vgtheory.study.programs.recorded_norms import norms_of_layers

MAX_BATCH = 4096


def batch_of_inputs(prepared: Prepared, batch: Any, conditions: Conditions) -> xr.Dataset:
    """Return ``simulate``'s result for a batch of inputs.

    Raises InputError for another batch than 2 to 4096.
    """
    network = prepared.network
    batch = whole_number("batch", batch, 2, MAX_BATCH, "32")
    widths = network.widths
    experiment = Experiment(
        worker=batch_chunk,
        prepared=prepared,
        fields=FIELDS,
        rows=prepared.depth,
        numbers=len(FIELDS),
        nanoseconds=(5.0 + 0.5 * batch) * sum(a * b for a, b in pairwise(widths)) + 20.0 * batch * sum(widths),
        options={"batch": batch},
        watched=("log_gradient_norm",),
    )
    arrays = conduct(experiment, conditions)
    check_range(prepared, arrays["log_gradient_norm"], arrays["q"])
    attributes = {"method": "dense", "batch": batch, **provenance(prepared, conditions.seed)}
    texts = {name: f"{VARIABLES[name]}, over the whole batch" for name in FIELDS}
    return dataset({name: ((), arrays[name]) for name in FIELDS}, texts, attributes)


def batch_chunk(payload: Mapping[str, Any], first: int, count: int) -> Arrays:
    """Return the result's arrays for samples first, ..., first + count − 1."""
    prepared: Prepared = payload["prepared"]
    norms = Norms(*(np.empty((count, prepared.depth)) for _ in FIELDS))
    norms_of_layers(layers_machine(prepared, False, payload["batch"]), payload["seed"], first, norms, payload["stop"])
    return dict(zip(FIELDS, norms, strict=True))
