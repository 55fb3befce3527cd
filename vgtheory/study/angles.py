"""Several inputs and loss gradients through the same random networks, exactly in distribution."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError
from vgtheory.kernels.angles import angle_samples
from vgtheory.kernels.arguments import Samples
from vgtheory.model.inputs import Inputs
from vgtheory.model.sizes import whole_number
from vgtheory.model.variables import VARIABLES
from vgtheory.study.engine import Arrays
from vgtheory.study.experiment import Conditions, Experiment, conduct, dataset, provenance
from vgtheory.study.limits import check_range
from vgtheory.study.prepared import Prepared

MAX_GRADIENTS = 128  # inputs times outputs
# Arrays of the kernel with a number per input (or gradient), and with one per pair of them.
SINGLES, PAIRS = ("log_signal", "log_q"), ("signal_cosine", "correlation")
TEXTS = {
    "q": VARIABLES["q"],
    "correlation": "cosine of the angle between two inputs' pre-activations h_l",
    "log_gradient_norm": "ln of the norm of the gradient of an output at h_l",
    "log_weight_gradient_norm": "ln of the norm of the gradient of an output at W_l",
    "gradient_cosine": "cosine of the angle between two gradients at h_l",
    "ntk": "inner product of two gradients at W_l; the sum over layers is the empirical tangent kernel of the weights",
}


def several_inputs(prepared: Prepared, inputs: Inputs, outputs: int, conditions: Conditions) -> xr.Dataset:
    """Return ``simulate``'s result for several inputs and gradients.

    No matrix is drawn: O(N (k + km)²) per layer for k inputs and m outputs, in memory O(N (k + km) + L k²).

    Raises InputError for more of them than the widths hold, UnsupportedError for networks that need their matrices.
    """
    widths = prepared.layers[0]
    cosines = inputs.cosines
    start = _start(cosines, int(widths[0]))
    outputs = whole_number("outputs", outputs, 1, min(int(widths[-1]), MAX_GRADIENTS // len(start)), "1")
    k, many = len(start), len(start) * outputs
    fields = tuple(name for name, _, _ in _numbers(k, many))
    experiment = Experiment(
        worker=several_chunk,
        prepared=prepared,
        fields=fields,
        rows=prepared.depth,
        numbers=len(fields) + many * many,
        nanoseconds=10.0 * (k + many) ** 2 * float(np.sum(widths[1:])),
        options={"correlation": cosines.tolist(), "outputs": outputs},
        payload={"start": start},
        watched=tuple(f"log_gradient {j}" for j in range(many)),
    )
    arrays = conduct(experiment, conditions)
    for a in range(k):
        check_range(prepared, arrays[f"log_gradient {a * outputs}"], arrays[f"log_q {a}"])
    attributes = {"method": "exact", "input_correlation": json.dumps(cosines.tolist())}
    return _dataset(arrays, k, outputs, attributes | provenance(prepared, conditions.seed))


def several_chunk(payload: Mapping[str, Any], first: int, count: int) -> Arrays:
    """Return one array (sample, layer) per number of a layer, for samples first, ..., first + count − 1."""
    prepared: Prepared = payload["prepared"]
    samples = Samples(np.uint64(payload["seed"]), first, payload["stop"])
    found = angle_samples(
        prepared.activation, prepared.haar, prepared.layers, samples, payload["start"], payload["outputs"], count
    )
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


def _start(cosines: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return inputs with these cosines, of length one, in as many dimensions as they need."""
    values, vectors = np.linalg.eigh(cosines)
    order = [i for i in range(len(values) - 1, -1, -1) if values[i] > 1e-14 * len(values)]
    if len(order) > width:
        raise InputError(f"{len(order)} independent inputs of width {width}", "at most as many as N_0", "take fewer")
    rows = vectors[:, order] * np.sqrt(values[order])
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _dataset(arrays: Arrays, k: int, outputs: int, attributes: Mapping[str, Any]) -> xr.Dataset:
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
    values: dict[str, tuple[tuple[str, ...], NDArray[np.float64]]] = {
        "q": (("input",), q),
        "correlation": (("input", "other_input"), pairs("correlation", log_q)),
        "log_gradient_norm": (here, gradient.reshape(shape)),
        "log_weight_gradient_norm": (here, weight.reshape(shape)),
        "gradient_cosine": ((*here, *there), cosine.reshape(*shape, k, outputs)),
        "ntk": ((*here, *there), ntk.reshape(*shape, k, outputs)),
    }
    return dataset(values, TEXTS, attributes)
