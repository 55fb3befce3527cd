"""`simulate_several`: several inputs and loss gradients through the same random networks, exactly in distribution."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.codegen.compiled import compile_activation
from vgtheory.kernels.several import several_samples
from vgtheory.model.network import Network, require_plain
from vgtheory.study.checks import GENERATOR, check_memory, check_range, check_request, provenance, whole_number
from vgtheory.study.engine import Progress, Study, chunk_size, run
from vgtheory.study.setting import layers_of, obstacle_to_exact, row_pass

MAX_GRADIENTS = 128  # inputs times outputs
# Arrays of the kernel with a number per input (or gradient), and with one per pair of them.
SINGLES, PAIRS = ("log_signal", "log_q"), ("signal_cosine", "correlation")
VARIABLES = {
    "q": "squared length of the pre-activations over the width, |h_l|^2 / N_l",
    "correlation": "cosine of the angle between two inputs' pre-activations h_l",
    "log_gradient_norm": "ln of the 2-norm of the gradient of an output at h_l",
    "log_weight_gradient_norm": "ln of the Frobenius norm of the gradient of an output at W_l",
    "gradient_cosine": "cosine of the angle between two gradients at h_l",
    "ntk": "inner product of two gradients at W_l; the sum over layers is the empirical tangent kernel of the weights",
}


def simulate_several(
    network: Network,
    correlation: Any,
    samples: int,
    outputs: int = 1,
    seed: int = 0,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return lengths, angles and tangent kernels of several inputs in the same `samples` random networks.

    Inputs have ‖x_0‖² = N_0 and the given angles; outputs are f_o(x) = g_o·x_L(x) with g_1, ..., g_m orthonormal and
    uniform.  Dimensions: ``sample``, ``layer`` = 1..L, ``input`` and ``output``, and for pairs ``other_input`` and
    ``other_output``.  Variables: ``q`` = ‖h_l‖²/N_l and ``correlation`` of h_l (the finite-width correlation map);
    ``log_gradient_norm`` = ln‖∂f/∂h_l‖, ``gradient_cosine`` between those, ``log_weight_gradient_norm`` =
    ln‖∂f/∂W_l‖_F, and ``ntk`` = ⟨∂f_o(x)/∂W_l, ∂f_o'(x')/∂W_l⟩, whose sum over layers is the empirical neural tangent
    kernel of the weights (Jacot et al. (2018)), in these parameters.  Angles with a vector of zeros are NaN.

    No matrix is drawn: O(N (k + km)²) per layer for k inputs and m outputs, in memory O(N (k + km) + L k²).

    Parameters
    ----------
    network : a plain network with gaussian or orthogonal weights and normal biases; numbers everywhere, σ_w > 0.
    correlation : cosine c of the angle between two inputs, or the k × k matrix of cosines.
    samples, seed, executor, checkpoint, progress : as in ``simulate``.
    outputs : m, at most N_L; k·m is at most 128.

    Raises
    ------
    InputError : a value outside what is accepted, or results larger than half of the memory.
    UnsupportedError : weights that are not rotation-invariant, a network with skip connections, normalisation or
        dropout, or a signal that leaves the range of float64.
    ConflictError : the checkpoint directory belongs to another study.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> result = simulate_several(Network("tanh", Weights.gaussian(1.5), width=64, depth=10), 0.6, samples=4)
    >>> dict(result.correlation.sizes)
    {'sample': 4, 'layer': 10, 'input': 2, 'other_input': 2}
    """
    samples, seed = check_request(network, samples, seed)
    _check_network(network)
    cosines = _cosines(correlation)
    start = _start(cosines, network.widths[0])
    outputs = whole_number("outputs", outputs, 1, min(network.widths[-1], MAX_GRADIENTS // len(start)), "1")
    k, many, depth = len(start), len(start) * outputs, len(network.widths) - 1
    fields = _fields(k, many)
    check_memory(samples, depth, len(fields) + many * many)
    compile_activation(network.activation)  # once, before workers race for it
    chunk = chunk_size(10.0 * (k + many) ** 2 * sum(network.widths[1:]))
    identity = {
        "network": network.spec, "correlation": cosines.tolist(), "outputs": outputs, "seed": seed,
        "generator": GENERATOR, "chunk": chunk,
    }  # fmt: skip
    study = Study(
        worker=several_chunk,
        payload={"network": replace(network), "start": start, "outputs": outputs, "seed": seed},
        fields=fields,
        samples=samples,
        depth=depth,
        chunk=chunk,
        identity=json.dumps(identity, sort_keys=True),
    )
    arrays = run(study, executor, checkpoint, progress)
    for a in range(k):
        check_range(network, arrays[f"log_gradient {a * outputs}"], arrays[f"log_q {a}"])
    result = _dataset(arrays, k, outputs)
    return result.assign_attrs(
        method="exact", input_correlation=json.dumps(cosines.tolist()), **provenance(network, seed)
    )


def several_chunk(payload: Mapping[str, Any], first: int, count: int) -> dict[str, NDArray[np.float64]]:
    """Return one array (sample, layer) per number of a layer, for samples first, ..., first + count − 1."""
    network: Network = payload["network"]
    row, linear_at_zero, linear_at_infinity = row_pass(network.activation)
    found = several_samples(
        row, network.weights.family == "orthogonal", *layers_of(network), linear_at_zero, linear_at_infinity,
        np.uint64(payload["seed"]), first, payload["start"], payload["outputs"], count,
    )  # fmt: skip
    k = len(payload["start"])
    numbers = _numbers(k, k * payload["outputs"])
    return {field: np.ascontiguousarray(found[name][..., *index]) for field, name, index in numbers}


def _numbers(k: int, many: int) -> list[tuple[str, str, Any]]:
    """Return the numbers of a layer: field, array of the kernel, index in it; of a symmetric pair one."""
    singles = [(name, (a,)) for name in SINGLES for a in range(k)]
    pairs = [(name, pair) for name in PAIRS for pair in itertools.combinations(range(k), 2)]
    singles += [("log_gradient", (j,)) for j in range(many)]
    pairs += [("gradient_cosine", pair) for pair in itertools.combinations(range(many), 2)]
    return [(" ".join([name, *map(str, index)]), name, index) for name, index in (*singles, *pairs)]


def _fields(k: int, many: int) -> tuple[str, ...]:
    return tuple(field for field, _, _ in _numbers(k, many))


def _check_network(network: Network) -> None:
    require_plain(network, "simulate_several")
    if obstacle := obstacle_to_exact(network):
        raise UnsupportedError(
            f"simulate_several needs rotation-invariant weights drawn anew in every layer, and normal biases, and "
            f"{obstacle} are not that; use Weights.gaussian of the same sigma_w"
        )
    if not layers_of(network)[1].all():
        raise InputError("sigma_w", "a positive number", "no signal passes such a layer", got="0")


def _cosines(correlation: Any) -> NDArray[np.float64]:
    """Return the matrix of cosines, checked."""
    try:
        given = np.asarray(correlation, dtype=float)
    except (TypeError, ValueError):
        given = np.array(math.nan)
    cosines = np.array([[1.0, given], [given, 1.0]]) if given.ndim == 0 else given
    accepted = "a cosine, or a symmetric matrix of cosines with ones on its diagonal and no negative eigenvalue"
    square = cosines.ndim == 2 and cosines.shape[0] == cosines.shape[1] and 1 <= len(cosines) <= MAX_GRADIENTS
    if (
        not square
        or not np.isfinite(cosines).all()
        or not np.allclose(cosines, cosines.T, rtol=0, atol=1e-12)
        or not np.allclose(np.diagonal(cosines), 1.0, rtol=0, atol=1e-12)
        or np.linalg.eigvalsh(cosines)[0] < -1e-12 * len(cosines)
    ):
        raise InputError("correlation", accepted, "e.g. correlation=0.6", got=f"{str(correlation)[:60]}")
    return cosines


def _start(cosines: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return inputs with these cosines, of length one, in as many dimensions as they need."""
    values, vectors = np.linalg.eigh(cosines)
    order = [i for i in range(len(values) - 1, -1, -1) if values[i] > 1e-14 * len(values)]
    if len(order) > width:
        raise InputError(f"{len(order)} independent inputs of width {width}", "at most as many as N_0", "take fewer")
    rows = vectors[:, order] * np.sqrt(values[order])
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _dataset(arrays: Mapping[str, NDArray[np.float64]], k: int, outputs: int) -> xr.Dataset:
    many = k * outputs

    def single(name: str, count: int) -> NDArray[np.float64]:
        return np.stack([arrays[f"{name} {a}"] for a in range(count)], axis=-1)

    def pairs(name: str, lengths: NDArray[np.float64]) -> NDArray[np.float64]:
        count = lengths.shape[-1]
        out = np.ones((*lengths.shape, count))
        for a in range(count):
            out[..., a, a] = np.where(np.isneginf(lengths[..., a]), np.nan, 1.0)
            for b in range(a):
                out[..., a, b] = out[..., b, a] = arrays[f"{name} {b} {a}"]
        return out

    signal, log_q, gradient = single("log_signal", k), single("log_q", k), single("log_gradient", many)
    cosine, weight = pairs("gradient_cosine", gradient), gradient + np.repeat(signal, outputs, axis=-1)
    between = np.repeat(np.repeat(pairs("signal_cosine", signal), outputs, axis=-1), outputs, axis=-2)
    with np.errstate(over="ignore", invalid="ignore"):
        ntk = np.exp(weight[..., :, None] + weight[..., None, :]) * cosine * between
        q = np.exp(log_q)
    ntk[np.isneginf(weight[..., :, None] + weight[..., None, :])] = 0.0
    samples, depth = gradient.shape[:2]
    here, there = ("input", "output"), ("other_input", "other_output")
    shape = (samples, depth, k, outputs)
    values = {
        "q": (("input",), q),
        "correlation": (("input", "other_input"), pairs("correlation", log_q)),
        "log_gradient_norm": (here, gradient.reshape(shape)),
        "log_weight_gradient_norm": (here, weight.reshape(shape)),
        "gradient_cosine": ((*here, *there), cosine.reshape(*shape, k, outputs)),
        "ntk": ((*here, *there), ntk.reshape(*shape, k, outputs)),
    }
    coordinates = {
        "sample": ("sample", np.arange(samples), {"long_name": "index of the random network"}),
        "layer": ("layer", np.arange(1, depth + 1), {"long_name": "layer l, 1 next to the input"}),
    }
    return xr.Dataset(
        {
            name: (("sample", "layer", *dims), array, {"long_name": VARIABLES[name], "units": "1"})
            for name, (dims, array) in values.items()
        },
        coordinates,
    )
