"""`simulate_batch`: gradient norms of random networks with batch normalisation, a batch of inputs at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.compiled import compile_activation
from vgtheory.kernels.batch import batch_samples
from vgtheory.model.network import Network
from vgtheory.study.checks import GENERATOR, check_memory, check_range, check_request, provenance, whole_number
from vgtheory.study.engine import Progress, Study, chunk_size, run
from vgtheory.study.methods import matrix_law
from vgtheory.study.setting import layers_of, row_pass

MAX_BATCH = 4096
VARIABLES = {
    "log_gradient_norm": "ln of the Frobenius norm of the loss gradient at the batch's h_l",
    "log_weight_gradient_norm": "ln of the Frobenius norm of the loss gradient at W_l, summed over the batch",
    "q": "squared length of the pre-activations over width and batch, |h_l|^2 / (N_l batch)",
}


def simulate_batch(
    network: Network,
    samples: int,
    batch: int = 32,
    seed: int = 0,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return per-layer gradient norms of random networks with batch normalisation, over (sample, layer).

    Every sample draws a network and `batch` independent inputs, uniform on the sphere ‖x_0‖² = N_0; the loss gradient
    at the batch's outputs is uniform on the unit sphere.  The variables are those of ``simulate``, with norms over the
    whole batch: ``log_gradient_norm`` = ln‖∂ℓ/∂h_l‖_F and ``q`` = ‖h_l‖²/(N_l·batch).  Gradients pass through the
    batch's mean and variance (Ioffe & Szegedy (2015)), which makes them explode at any depth (Yang et al. (2019)).

    Parameters
    ----------
    network : a network with ``norm="batch"``, without skip connections and dropout, and any law of weights.
    samples, seed, executor, checkpoint, progress : as in ``simulate``.
    batch : number of inputs, 2 to 4096.  With two inputs and eps = 0 no gradient passes: n is ±1 whatever h is.

    Raises
    ------
    InputError : a value outside what is accepted.
    UnsupportedError : another network, or a signal that leaves the range of float64.
    ConflictError : the checkpoint directory belongs to another study.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> network = Network("relu", Weights.he(), width=64, depth=10, norm="batch")
    >>> dict(simulate_batch(network, samples=2, batch=16).sizes)
    {'sample': 2, 'layer': 10}
    """
    samples, seed = check_request(network, samples, seed)
    batch = whole_number("batch", batch, 2, MAX_BATCH, "32")
    if network.norm is None or network.norm.kind != "batch" or network.skip is not None or network.drop_rate:
        parts = " and ".join(network.parts) or "no normalisation"
        raise UnsupportedError(
            f"simulate_batch is for networks with batch norm and nothing else, and this one has {parts}; "
            'give norm="batch", or use vg.simulate'
        )
    depth = len(network.widths) - 1
    check_memory(samples, depth, len(VARIABLES))
    compile_activation(network.activation)  # once, before workers race for it
    identity = {"network": network.spec, "batch": batch, "seed": seed, "generator": GENERATOR}
    widths = network.widths
    work = sum(a * b for a, b in pairwise(widths))
    chunk = chunk_size((5.0 + 0.5 * batch) * work + 20.0 * batch * sum(widths))
    study = Study(
        worker=batch_chunk,
        payload={"network": replace(network), "batch": batch, "seed": seed},
        fields=tuple(VARIABLES),
        samples=samples,
        depth=depth,
        chunk=chunk,
        identity=json.dumps({**identity, "chunk": chunk}, sort_keys=True),
    )
    with threadpool_limits(limits=1, user_api="blas"):
        arrays = run(study, executor, checkpoint, progress)
    check_range(network, arrays["log_gradient_norm"], arrays["q"])
    variables = {
        name: (("sample", "layer"), arrays[name], {"long_name": text, "units": "1"}) for name, text in VARIABLES.items()
    }
    coordinates = {"sample": np.arange(samples), "layer": np.arange(1, depth + 1)}
    return xr.Dataset(variables, coordinates, {"method": "dense", "batch": batch, **provenance(network, seed)})


def batch_chunk(payload: Mapping[str, Any], first: int, count: int) -> dict[str, NDArray[np.float64]]:
    """Return the result's arrays for samples first, ..., first + count − 1."""
    network: Network = payload["network"]
    row, _, _ = row_pass(network.activation)
    arrays = [np.empty((count, len(network.widths) - 1)) for _ in VARIABLES]
    assert network.norm is not None  # checked before
    with threadpool_limits(limits=1, user_api="blas"):  # here too, as this may be another process
        batch_samples(
            row, matrix_law(network.weights), *layers_of(network), payload["batch"], float(network.norm.eps),
            np.uint64(payload["seed"]), first, *arrays,
        )  # fmt: skip
    return dict(zip(VARIABLES, arrays, strict=True))
