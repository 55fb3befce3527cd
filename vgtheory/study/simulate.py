"""`simulate`: per-layer gradient norms of random networks, sampled exactly in distribution."""

from __future__ import annotations

import json
import operator
import os
import platform
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.codegen.compiled import compile_activation
from vgtheory.kernels.chain import chain_samples
from vgtheory.kernels.dense import dense_samples
from vgtheory.kernels.exact import exact_samples
from vgtheory.kernels.matrices import MatrixLaw, drawn_matrices, given_matrices
from vgtheory.model.network import Network, require_plain
from vgtheory.model.weights import Weights
from vgtheory.study.adaptive import Until, run_until
from vgtheory.study.engine import Progress, Study, available_bytes, chunk_size, run
from vgtheory.study.variables import FIELDS
from vgtheory.symbolic.activation import Activation

Method = Literal["auto", "chain", "exact", "dense"]

MAX_SAMPLES = 10**7
MAX_SEED = 2**64 - 1
# What the kernels draw from a counter; part of a checkpoint's identity, since numbers change with it.
GENERATOR = "philox4x32-10, Box-Muller, 2"


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
    share.  Orthogonal layers that are not square have orthonormal
    rows or columns, times the scale that gives their entries variance σ_w²/N_{l−1}.

    Parameters
    ----------
    network : the network; widths, depth and scales must be numbers.
    samples : number of independent networks, 1 to 10⁷.  The first 8 of 64 samples are the 8 samples of a run with 8.
    seed : 0 to 2⁶⁴ − 1.  Results depend on it and on nothing else: not on workers, chunks or resumption.
    method : "exact" draws no matrices, O(N) per layer, and needs rotation-invariant weights (gaussian, orthogonal,
        not recurrent) with normal biases; "chain" needs a few numbers per layer at any width (N random bits and six
        variates), and gaussian weights, no bias and φ(th) = tφ(h) (ReLU, leaky ReLU, |h|); "dense" multiplies
        matrices, O(N²) per layer; "auto" takes the fastest that holds.  All sample the same law, with different random
        numbers.
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
    samples = whole_number("samples", samples, 1, MAX_SAMPLES, "64")
    seed = whole_number("seed", seed, 0, MAX_SEED, "0")
    if not isinstance(network, Network):
        raise InputError(f"network = {network!r}", "a Network", "build one, e.g. vg.Network('tanh', ...)")
    require_plain(network, "simulate")
    chosen = _method(network, method)
    widths = np.array(network.widths, dtype=np.int64)
    depth = len(widths) - 1
    _check_memory(samples, depth)
    compile_activation(network.activation)  # once, before workers race for it
    identity = {"network": network.spec, "method": chosen, "seed": seed, "generator": GENERATOR}
    chunk = chunk_size(_nanoseconds(widths, chosen))
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
    _check_finite(network, arrays)
    return _dataset(network, chosen, seed, arrays)


def simulate_chunk(payload: Mapping[str, Any], first: int, count: int) -> dict[str, NDArray[np.float64]]:
    """Return the result's arrays for samples first, ..., first + count − 1: the worker of every executor."""
    network: Network = payload["network"]
    row, linear_at_zero, linear_at_infinity = _row_pass(network.activation)
    widths, sigma_w, sigma_b = _layers(network)
    arrays = [np.empty((count, len(sigma_w))) for _ in FIELDS]
    layers = (widths, sigma_w, sigma_b, linear_at_zero, linear_at_infinity, np.uint64(payload["seed"]), first)
    if payload["method"] == "chain":
        slopes = _slopes_of_chain(network)
        assert slopes is not None  # the method was chosen by it
        chain_samples(slopes, widths, sigma_w, np.uint64(payload["seed"]), first, *arrays)
    elif payload["method"] == "exact":
        exact_samples(row, network.weights.family == "orthogonal", *layers, *arrays)
    else:
        dense_samples(row, _matrix_law(network.weights), *layers, *arrays)
    return {name: array for (name, _), array in zip(FIELDS, arrays, strict=True)}


@lru_cache(maxsize=16)
def _layers(network: Network) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    sigmas = np.array(network.sigmas)
    return (
        np.array(network.widths, dtype=np.int64),
        np.ascontiguousarray(sigmas[:, 0]),
        np.ascontiguousarray(sigmas[:, 1]),
    )


@lru_cache(maxsize=4)
def _matrix_law(law: Weights) -> MatrixLaw:
    if law.arrays is not None:
        return given_matrices(law.arrays.weights, law.arrays.biases)
    options = {name: float(value) for name, value in law.options}
    return drawn_matrices(law.family, options, law.bias_family, law.shared)


@lru_cache(maxsize=64)
def _row_pass(activation: Activation) -> tuple[Any, bool, bool]:
    """Return the activation's row pass, and whether φ is linear, to working precision, near 0 and far out.

    Where it is, the kernels carry signals beyond 1e±120 with a scale, and their norms may leave float64's range.
    """
    row = compile_activation(activation).row
    h = np.array([1e-110, -1e-110, 1e-120, -1e-120, 1e120, -1e120, 1e110, -1e110])
    value, slope = np.empty_like(h), np.empty_like(h)
    row(h, value, slope)

    def linear(large: slice, small: slice) -> bool:
        size = np.max(np.abs(value[large]))
        if not np.isfinite(size):
            return False
        drift = np.max(np.abs(value[large] - 1e10 * value[small]))
        return bool(drift <= 1e-12 * size and np.array_equal(slope[large], slope[small]))

    return row, linear(slice(0, 2), slice(2, 4)), linear(slice(4, 6), slice(6, 8))


def _method(network: Network, method: str) -> str:
    if method not in get_args(Method):
        raise InputError(f"method = {method!r}", '"auto", "chain", "exact" or "dense"', 'leave it out for "auto"')
    law = network.weights
    obstacle = f"{law.text} weights" if law.family not in ("gaussian", "orthogonal") or law.shared else ""
    if law.bias_family == "uniform" and law.sigma_b != 0:
        obstacle = obstacle or "uniform biases"
    if method == "exact" and obstacle:
        raise UnsupportedError(
            f'method="exact" needs rotation-invariant weights drawn anew in every layer, and normal biases, and '
            f"{obstacle} are not that; "
            f'use method="dense" (or "auto"), or Weights.gaussian of the same sigma_w'
        )
    if method == "chain" and _slopes_of_chain(network) is None:
        raise UnsupportedError(
            f'method="chain" needs gaussian weights, no bias and an activation with φ(th) = tφ(h) for t > 0; '
            f"{network.activation.name} with {law.text} weights and sigma_b = {law.sigma_b} is not that; "
            f'use method="auto"'
        )
    if method == "auto":
        return "chain" if _slopes_of_chain(network) else "dense" if obstacle else "exact"
    return method


@lru_cache(maxsize=64)
def _slopes_of_chain(network: Network) -> tuple[float, float] | None:
    """Return φ's slopes right and left of 0 if the network is one that ``chain_samples`` knows, else None."""
    law = network.weights
    if law.family != "gaussian" or law.shared or law.sigma_b != 0 or network.activation.homogeneous_degree != 1:
        return None
    value, slope = np.empty(3), np.empty(3)
    _row_pass(network.activation)[0](np.array([1.0, -1.0, 0.0]), value, slope)
    right, left, at_zero = map(float, slope)
    # Where a whole layer is off, h = 0 above it: the chain takes such a layer for the end of every gradient.
    return (right, left) if right != 0 and (left != 0 or at_zero == 0) else None


def whole_number(name: str, value: Any, least: int, most: int, example: str) -> int:
    """Return the value as an int; raise InputError unless it is a whole number from `least` to `most`."""
    try:
        number = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise InputError(f"{name} = {value!r}", f"a whole number from {least} to {most:,}", f"e.g. {name}={example}")
    return number


def _check_memory(samples: int, depth: int) -> None:
    needed, limit = samples * depth * 8 * len(FIELDS), available_bytes() // 2
    if needed > limit:
        raise InputError(
            f"samples = {samples:,} at depth {depth:,} ({needed / 2**30:.1f} GiB of results)",
            f"results of up to {limit / 2**30:.1f} GiB, half of this machine's memory",
            f"take at most {max(1, limit // (depth * 8 * len(FIELDS))):,} samples, or several seeds one after another",
        )


def _nanoseconds(widths: NDArray[np.int64], method: str) -> float:
    """Return about what one sample costs on one core; it only decides how samples are cut into chunks."""
    inner = widths[1:].astype(float)
    if method == "chain":
        return float(np.sum(0.1 * inner + 500.0))
    if method == "exact":
        return float(np.sum(8.0 * inner + 300.0))
    return float(np.sum(5.0 * inner * widths[:-1] + 100.0 * inner))


def _check_finite(network: Network, arrays: Mapping[str, NDArray[np.float64]]) -> None:
    gradient = arrays["log_gradient_norm"]
    bad = np.isnan(gradient) | np.isnan(arrays["q"])
    if _is_flat_at_zero(network.activation):
        bad |= np.isneginf(gradient)
    if bad.any():
        layer = int(np.argmax(bad.any(axis=0))) + 1
        raise UnsupportedError(
            f"the signal of {network.activation.name} leaves the range of float64 (seen at layer {layer}): "
            f"this activation is not close to linear there; bring sigma_w nearer to 1 or reduce the depth"
        )


@lru_cache(maxsize=64)
def _is_flat_at_zero(activation: Activation) -> bool:
    """Return whether small signals shrink faster than linearly, as with x³: underflow then looks like death."""
    row, linear_at_zero, _ = _row_pass(activation)
    h = np.array([0.0, 1e-40, -1e-40])
    value, slope = np.empty_like(h), np.empty_like(h)
    row(h, value, slope)
    small = (value[1:] != 0.0) & (np.abs(value[1:]) < np.abs(h[1:]))  # a jump at 0 is not flat
    return not linear_at_zero and value[0] == 0.0 and bool(np.any(small))


def _dataset(network: Network, method: str, seed: int, arrays: Mapping[str, NDArray[np.float64]]) -> xr.Dataset:
    samples, depth = arrays["q"].shape
    variables = {name: (("sample", "layer"), arrays[name], {"long_name": text, "units": "1"}) for name, text in FIELDS}
    coordinates = {
        "sample": ("sample", np.arange(samples), {"long_name": "index of the random network"}),
        "layer": ("layer", np.arange(1, depth + 1), {"long_name": "layer l, 1 next to the input"}),
    }
    packages = ("vgtheory", "numpy", "numba", "sympy")
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    attributes = {
        "method": method,
        "seed": seed,
        "versions": json.dumps(versions, sort_keys=True),
        "spec": network.spec_json,
        "generator": GENERATOR,
    }
    return xr.Dataset(variables, coordinates, attributes)
