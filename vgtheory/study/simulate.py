"""`simulate`: per-layer gradient norms of random networks, sampled exactly in distribution."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory.codegen.compiled import compile_activation
from vgtheory.model.network import Network
from vgtheory.study.adaptive import Until, run_until
from vgtheory.study.checks import GENERATOR, check_memory, check_range, check_request, provenance
from vgtheory.study.engine import Progress, Study, chunk_size, run
from vgtheory.study.methods import Method, choose_method, nanoseconds, simulate_chunk
from vgtheory.study.variables import FIELDS


def simulate(
    network: Network,
    samples: int,
    seed: int = 0,
    method: Method = "auto",
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    until: Until | None = None,
) -> xr.Dataset:
    """Return per-layer gradient norms of `samples` random networks, as a Dataset over (sample, layer), layer = 1..L.

    ``log_gradient_norm`` = ln‖∂ℓ/∂h_l‖₂, ``log_weight_gradient_norm`` = ln‖∂ℓ/∂W_l‖_F and ``q`` = ‖h_l‖²/N_l, for a
    loss whose gradient at x_L is uniform on the unit sphere and an input uniform on the sphere ‖x_0‖² = N_0.  −inf is a
    network whose gradient is zero (with ReLU: all units of a layer off).  Of recurrent weights ∂ℓ/∂W_l is layer l's
    share.  Orthogonal layers that are not square have orthonormal rows or columns, times the scale that gives their
    entries variance σ_w²/N_{l−1}.  Skip connections, normalisation and dropout act as ``Network`` says; every sample
    draws its own dropout.

    Parameters
    ----------
    network : the network; widths, depth and scales must be numbers.
    samples : number of independent networks, 1 to 10⁷.  The first 8 of 64 samples are the 8 samples of a run with 8.
    seed : 0 to 2⁶⁴ − 1.  Results depend on it and on nothing else: not on workers, chunks or resumption.
    method : "exact" draws no matrices, O(N) per layer, and needs rotation-invariant weights (gaussian, orthogonal,
        not recurrent) with normal biases; "chain" draws a few numbers per layer at any width, and needs gaussian
        weights, no bias, no further parts and φ(th) = tφ(h) (ReLU, leaky ReLU, |h|); "dense" multiplies matrices,
        O(N²) per layer; "auto" takes the fastest that holds.  All sample the same law, with different random numbers.
    executor : any ``concurrent.futures.Executor``; by default threads, one per core.
    checkpoint : a directory for finished parts; a later call with the same network, seed and method continues from it.
    progress : called as ``progress(samples done, samples)``; with `until`, samples until it is looked at next.
    until : an Until: the study ends when the confidence interval that it names is short enough, and `samples` is the
        most that it may take.

    Raises
    ------
    InputError : a value outside what is accepted, or results larger than half of the memory.
    UnsupportedError : ``method="exact"`` or ``"chain"`` for a network where it does not hold, or a signal that leaves
        the range of float64.
    ConflictError : the checkpoint directory belongs to another study.
    StudyInterrupted : Ctrl-C, a KeyboardInterrupt whose message says how to go on.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> result = simulate(Network("tanh", Weights.orthogonal(1), width=64, depth=10), samples=4, seed=1)
    >>> dict(result.sizes)
    {'sample': 4, 'layer': 10}
    """
    samples, seed = check_request(network, samples, seed)
    chosen = choose_method(network, method)
    network.require_numbers()
    depth = int(network.depth)
    check_memory(samples, depth, len(FIELDS))
    compile_activation(network.activation)  # once, before workers race for it
    identity = {"network": network.spec, "method": chosen, "seed": seed, "generator": GENERATOR}
    chunk = chunk_size(nanoseconds(network, chosen))
    study = Study(
        worker=simulate_chunk,
        # A fresh network: one that was used carries its cached properties, which would be sent along.
        payload={
            "network": replace(network),
            "method": chosen,
            "seed": seed,
        },
        fields=tuple(name for name, _ in FIELDS),
        samples=samples,
        depth=depth,
        chunk=chunk,
        identity=json.dumps({**identity, "chunk": chunk}, sort_keys=True),
    )
    if until is None:
        arrays = run(study, executor, checkpoint, progress)
    else:
        arrays = run_until(study, until, executor, checkpoint, progress)
    check_range(network, arrays["log_gradient_norm"], arrays["q"])
    result = _dataset(network, chosen, seed, arrays)
    return result if until is None else result.assign_attrs(until=until.outcome(arrays))


def _dataset(network: Network, method: str, seed: int, arrays: Mapping[str, NDArray[np.float64]]) -> xr.Dataset:
    samples, depth = arrays["q"].shape
    variables = {name: (("sample", "layer"), arrays[name], {"long_name": text, "units": "1"}) for name, text in FIELDS}
    coordinates = {
        "sample": ("sample", np.arange(samples), {"long_name": "index of the random network"}),
        "layer": ("layer", np.arange(1, depth + 1), {"long_name": "layer l, 1 next to the input"}),
    }
    return xr.Dataset(variables, coordinates, {"method": method, **provenance(network, seed)})
