"""Norms of gradients and signals of one input through random networks: which kernel runs, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.kernels.arguments import Norms, Samples
from vgtheory.kernels.assembled import assembled_samples
from vgtheory.kernels.chain import chain_samples
from vgtheory.kernels.dense import dense_samples
from vgtheory.kernels.exact import exact_samples
from vgtheory.kernels.operators import GAUSSIAN_PAIR, HAAR_PAIR
from vgtheory.model.capabilities import works
from vgtheory.model.variables import VARIABLES
from vgtheory.study.engine import Arrays
from vgtheory.study.experiment import Conditions, Experiment, conduct, dataset, provenance
from vgtheory.study.limits import check_range
from vgtheory.study.prepared import Prepared
from vgtheory.study.programs.layers import check_fits, fits, layers_machine
from vgtheory.study.programs.oracles import QUESTIONS_PER_WIDTH
from vgtheory.study.programs.recorded_norms import norms_of_layers

Precision = Literal["double", "single"]
Method = Literal["auto", "chain", "exact", "dense"]
# What single precision draws from a counter; part of a checkpoint's identity.
SINGLE_NORMALS = "philox4x32-10, Box-Muller of 32-bit words, 3"
FIELDS = ("log_gradient_norm", "log_weight_gradient_norm", "q")  # in the order of the kernels' norms


def one_input(prepared: Prepared, method: str, conditions: Conditions, single: bool) -> xr.Dataset:
    """Return ``simulate``'s result for one input and one gradient; `single`: in float32, by the exact method."""
    chosen = "exact" if single else choose_method(prepared, method)
    experiment = Experiment(
        worker=single_chunk,
        prepared=prepared,
        fields=FIELDS,
        rows=prepared.depth,
        numbers=len(FIELDS),
        nanoseconds=nanoseconds(prepared, chosen) * (0.5 if single else 1.0),
        options={"method": chosen} | ({"normals": SINGLE_NORMALS} if single else {}),
        watched=("log_gradient_norm",),
    )
    arrays = conduct(experiment, conditions)
    check_range(prepared, arrays["log_gradient_norm"], arrays["q"])
    attributes = {"method": chosen, **provenance(prepared, conditions.seed)}
    attributes |= {"generator": SINGLE_NORMALS} if single else {}
    return dataset({name: ((), arrays[name]) for name in FIELDS}, VARIABLES, attributes)


def check_method(method: Any) -> None:
    """Raise InputError unless this is a method's name."""
    if not isinstance(method, str) or method not in get_args(Method):
        accepted = '"auto", "chain", "exact" or "dense"'
        raise InputError("method", accepted, 'leave it out for "auto"', got=shown(method))


def verb_of(method: str) -> str:
    """Return what a simulation by this method is called in the table of capabilities."""
    return f"simulate ({method})" if method in ("exact", "chain") else "simulate"


def choose_method(prepared: Prepared, method: str) -> str:
    """Return the method, "auto" resolved; the caller has asked whether the network may have it."""
    if method == "chain" and prepared.slopes is None:
        raise UnsupportedError(
            f'chains do not follow {prepared.network.activation.name}, whose slope right of 0 is 0; use method="auto"'
        )
    if prepared.network.weights.tied:
        if method == "exact":
            check_fits(prepared)
        few = prepared.depth <= QUESTIONS_PER_WIDTH * prepared.layers.widths[0] and fits(prepared)
        if method == "auto" and not few:
            return "dense"
    if method == "auto":
        return "chain" if prepared.slopes else "exact" if works(prepared.network, "simulate (exact)") else "dense"
    return method


def single_chunk(payload: Mapping[str, Any], first: int, count: int) -> Arrays:
    """Return the result's arrays for samples first, ..., first + count − 1: the worker of every executor."""
    prepared: Prepared = payload["prepared"]
    samples = Samples(np.uint64(payload["seed"]), first, payload["stop"])
    norms = Norms(*(np.empty((count, prepared.depth)) for _ in FIELDS))
    activation, layers, law, parts = prepared.activation, prepared.layers, prepared.matrices, prepared.parts
    if payload["method"] == "exact" and prepared.network.weights.tied:
        norms_of_layers(layers_machine(prepared, True), payload["seed"], first, norms, payload["stop"])
    elif payload["method"] == "chain":
        assert prepared.slopes is not None  # the method was chosen by it
        chain_samples(prepared.slopes, layers, samples, norms)
    elif payload["method"] == "dense":
        dense_samples(activation, law, layers, samples, norms, parts)
    elif prepared.network.parts:
        assembled_samples(activation, HAAR_PAIR if prepared.haar else GAUSSIAN_PAIR, law, parts, layers, samples, norms)
    else:
        single = "normals" in payload
        exact_samples(prepared.single_activation if single else activation, prepared.haar, layers, samples, norms)
    return dict(zip(FIELDS, norms, strict=True))


def nanoseconds(prepared: Prepared, method: str) -> float:
    """Return about what one sample costs on one core."""
    widths = prepared.layers[0]
    inner = widths[1:].astype(float)
    if method == "chain":
        return 60.0 * len(inner)
    if method == "exact" and prepared.network.weights.tied:
        return float(np.sum((80.0 + 3.0 * len(inner)) * inner))
    if method == "exact":
        return float(np.sum((20.0 if prepared.network.parts else 8.0) * inner + 300.0))
    return float(np.sum(5.0 * inner * widths[:-1] + 100.0 * inner))
