"""A batch of inputs through random networks with batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from vgtheory.kernels.arguments import Norms
from vgtheory.model.sizes import whole_number
from vgtheory.study.engine import Arrays
from vgtheory.study.experiment import Conditions, Experiment, conduct, dataset, provenance
from vgtheory.study.limits import check_range
from vgtheory.study.prepared import Prepared
from vgtheory.study.programs.layers import layers_machine
from vgtheory.study.programs.notes import norms_of_layers

MAX_BATCH = 4096
VARIABLES = {
    "log_gradient_norm": "ln of the Frobenius norm of the loss gradient at the batch's h_l",
    "log_weight_gradient_norm": "ln of the Frobenius norm of the loss gradient at W_l, summed over the batch",
    "q": "squared length of the pre-activations over width and batch, |h_l|^2 / (N_l batch)",
}


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
        fields=tuple(VARIABLES),
        rows=prepared.depth,
        numbers=len(VARIABLES),
        nanoseconds=(5.0 + 0.5 * batch) * sum(a * b for a, b in pairwise(widths)) + 20.0 * batch * sum(widths),
        options={"batch": batch},
        watched=("log_gradient_norm",),
    )
    arrays = conduct(experiment, conditions)
    check_range(prepared, arrays["log_gradient_norm"], arrays["q"])
    attributes = {"method": "dense", "batch": batch, **provenance(prepared, conditions.seed)}
    return dataset({name: ((), arrays[name]) for name in VARIABLES}, VARIABLES, attributes)


def batch_chunk(payload: Mapping[str, Any], first: int, count: int) -> Arrays:
    """Return the result's arrays for samples first, ..., first + count − 1."""
    prepared: Prepared = payload["prepared"]
    norms = Norms(*(np.empty((count, prepared.depth)) for _ in VARIABLES))
    norms_of_layers(layers_machine(prepared, False, payload["batch"]), payload["seed"], first, norms, payload["stop"])
    return dict(zip(VARIABLES, norms, strict=True))
