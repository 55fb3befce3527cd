"""Findings about weights that are stored: what the numbers say, and what only the model itself could tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from vgtheory._errors import InputError
from vgtheory.study.inspection.inspection import Inspection
from vgtheory.study.inspection.modules.recognised import Chain as Known
from vgtheory.study.inspection.weights.chain import Chain, Layer, chain_of
from vgtheory.study.inspection.weights.diagnosis import diagnose, weight_facts
from vgtheory.study.inspection.weights.files import Arrays
from vgtheory.study.inspection.weights.initialisers import looks_like
from vgtheory.study.inspection.weights.matrix import MatrixFacts, matrix_facts
from vgtheory.study.inspection.weights.signal import Array, Signals, input_vectors, run_signals
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.extrema import derivative_range
from vgtheory.symbolic.saturation import flat_slope
from vgtheory.theory.asymptotics.mean_field import gradient_gain_at, next_length

INPUTS = 64
MEASURED = (
    *("rms", "gradient_norm", "gain", "saturated", "dead"),
    *("q", "log_gradient_norm", "log_weight_gradient_norm"),
)


def inspect_weights(
    arrays: Arrays,
    inputs: ArrayLike | None = None,
    *,
    activation: Any = None,
    order: str | Sequence[str] | None = None,
    skip: float | None = None,
    output_activation: bool = False,
    seed: int = 0,
) -> Inspection:
    """Return findings about a chain of layers with these arrays; the options are those of ``vg.inspect``."""
    if skip is not None and not np.isfinite(skip):
        raise InputError("skip", "a finite number or None", "e.g. skip=1.0", got=f"{skip}")
    act = None if activation is None else to_activation(activation)
    chain = chain_of(arrays, order)
    matrices = tuple(matrix_facts(layer.weight) for layer in chain.layers)
    left_out = (*chain.left_out, *_untold(chain, act, skip))
    if act is None or not chain.fits:
        table = _dataset(chain.layers, matrices, None)
        text = "No verdict: the arrays alone do not say what the gradient does."
        causes = tuple(weight_facts(table))
        return Inspection(table, "no verdict", text, reasons=causes, left_out=left_out, matrices=matrices)
    generator = np.random.default_rng(seed)
    x = input_vectors(inputs, chain.layers[0].weight.shape[1], INPUTS, generator)
    signals = run_signals(
        chain.layers, act, x, flat=_flat(act), skip=skip, output_activation=output_activation, generator=generator
    )
    table = _dataset(chain.layers, matrices, signals)
    table = table.assign(_mean_field(table, act, float(np.mean(x**2)), skip))
    found = diagnose(table, act, skip)
    causes = (*found.causes, *weight_facts(table))
    if left_out:
        text = f"No verdict. If these {len(chain.layers)} layers are all, one after another: {found.text}"
        return Inspection(table, "no verdict", text, reasons=causes, left_out=left_out, matrices=matrices)
    known = _known(chain.layers, act, skip or 0.0, output_activation)
    zero = [cause.where for cause in causes if cause.kind == "zero stored"]
    culprit = zero[0] if len(zero) == 1 else None
    return Inspection(
        table, found.verdict, found.text, culprit, causes, lost_at=found.lost_at, known=known, matrices=matrices
    )


def _known(layers: tuple[Layer, ...], act: Activation, skip: float, output_activation: bool) -> Known | None:
    """Return the hidden layers as a chain of this package; None of one, or where layers are used again."""
    hidden = layers if output_activation else layers[:-1]
    again = len({layer.name for layer in layers}) < len(layers)
    return None if again or len(hidden) < 2 else Known(hidden, skip=skip, act=act)


def _untold(chain: Chain, act: Activation | None, skip: float | None) -> list[str]:
    """Return the questions that no array answers."""
    out = [] if act is not None else ['the activation; say activation="relu" or another']
    if skip is None and any(layer.weight.shape[0] == layer.weight.shape[1] for layer in chain.layers):
        out.append("skip connections around square layers; say skip=0 for none, skip=1 for x + φ(W x + b)")
    return out


def _flat(act: Activation) -> float:
    steepest = derivative_range(act)
    return flat_slope(max(abs(steepest.sup.enclosure[1]), abs(steepest.inf.enclosure[0])))


def _measured(signals: Signals) -> dict[str, Any]:
    log_gradient = signals.log_gradient_norm.mean(axis=0)
    with np.errstate(invalid="ignore"):
        gain = np.exp(log_gradient - np.append(log_gradient[1:], np.nan))
    q = signals.q.mean(axis=0)
    return {
        "rms": np.sqrt(q),
        "gradient_norm": np.exp(log_gradient),
        "gain": gain,
        "saturated": signals.saturated.mean(axis=0),
        "dead": signals.dead,
        "q": q,
        "log_gradient_norm": log_gradient,
        "log_weight_gradient_norm": signals.log_weight_gradient_norm.mean(axis=0),
    }


def _dataset(chain: tuple[Layer, ...], matrices: tuple[MatrixFacts, ...], signals: Signals | None) -> xr.Dataset:
    unknown = np.full(len(chain), np.nan)
    columns: dict[str, Any] = {
        "name": [layer.name for layer in chain],
        "kind": ["Linear"] * len(chain),
        "fan_in": [layer.weight.shape[1] for layer in chain],
        "fan_out": [layer.weight.shape[0] for layer in chain],
        "sigma_w": [m.sigma_w for m in matrices],
        "sigma_b": [0.0 if c.bias is None else float(np.sqrt(np.mean(c.bias**2))) for c in chain],
        "entries": [m.entries for m in matrices],
        "initialiser": [
            " / ".join(looks_like(c, m)) or "trained or custom" for c, m in zip(chain, matrices, strict=True)
        ],
        "spectrum": [m.shape for m in matrices],
        "distance": [m.distance for m in matrices],
        "outliers": [m.outliers for m in matrices],
        "bulk_sigma_w": [m.bulk_sigma_w for m in matrices],
        "goodness": [m.goodness for m in matrices],
        "largest_singular_value": [float(m.singular[0]) for m in matrices],
        "smallest_singular_value": [float(m.singular[-1]) for m in matrices],
        **(dict.fromkeys(MEASURED, unknown) if signals is None else _measured(signals)),
    }
    return xr.Dataset(
        {name: ("call", np.asarray(values)) for name, values in columns.items()},
        coords={"call": np.arange(1, len(chain) + 1)},
    )


def _mean_field(layers: xr.Dataset, act: Activation, square: float, skip: float | None) -> dict[str, tuple[str, Array]]:
    """Return q_l and the factor χ_l of the squared gradient norm from layer l + 1 to l, if the network were
    infinitely wide with layers of these scales."""
    depth = layers.sizes["call"]
    q, chi = np.full(depth, np.nan), np.full(depth, np.nan)
    if not skip:
        sigma_w, sigma_b = layers.sigma_w.values, layers.sigma_b.values
        q[0] = sigma_w[0] ** 2 * square + sigma_b[0] ** 2
        for k in range(1, depth):
            q[k] = float(next_length(act, q[k - 1], sigma_w[k], sigma_b[k])) if q[k - 1] > 0 else sigma_b[k] ** 2
        for k in range(depth - 1):
            chi[k] = float(gradient_gain_at(act, q[k], sigma_w[k + 1])) if q[k] > 0 else np.nan
    return {"q_mean_field": ("call", q), "chi_mean_field": ("call", chi)}
