"""`inspect`: per-layer findings about real weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from vgtheory._errors import InputError
from vgtheory.study.inspection.chain import Layer, chain_of
from vgtheory.study.inspection.diagnosis import Diagnosis, diagnose
from vgtheory.study.inspection.files import weights_by_name
from vgtheory.study.inspection.initialisers import looks_like
from vgtheory.study.inspection.matrix import MatrixFacts, matrix_facts
from vgtheory.study.inspection.signal import Array, Signals, input_vectors, run_signals
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.extrema import derivative_range
from vgtheory.theory.asymptotics.mean_field import gradient_gain_at, next_length

INPUTS = 64
_FLAT = 0.01  # of the largest slope: below it a neuron counts as saturated


@dataclass(frozen=True, eq=False)
class Inspection:
    """What :func:`inspect` found.

    Attributes
    ----------
    layers : Dataset over `layer` = 1..L; see :func:`inspect` for its variables.
    matrices : per layer, the singular values and the laws they were held against.
    diagnosis : what happens to the gradient, why, and from which layer on.
    notes : arrays that were left out, an order of layers that had to be chosen.
    activation : φ.
    """

    layers: xr.Dataset
    matrices: tuple[MatrixFacts, ...]
    diagnosis: Diagnosis
    notes: tuple[str, ...]
    activation: Activation

    def __str__(self) -> str:
        return "\n".join((self.diagnosis.text, *self.diagnosis.reasons, *self.notes))


def inspect(
    model: Any,
    activation: Any,
    inputs: ArrayLike | None = None,
    *,
    skip: float | None = None,
    output_activation: bool = False,
    seed: int = 0,
) -> Inspection:
    """Return per-layer findings about a network with given weights: scales, spectra, lengths, gradients, what to blame.

    Parameters
    ----------
    model : path of a .safetensors, .npz or .onnx file, a mapping of names to arrays (a PyTorch ``state_dict``), or an
        object with ``state_dict()``.  Pickles are refused: reading one can run code.
    activation : φ between the layers: an Activation, a catalogue name or a formula.
    inputs : data of shape (n, N_0) to send through; by default 64 vectors uniform on the sphere ‖x_0‖² = N_0.
    skip : scale a of residual layers x_l = x_{l−1} + a·φ(h_l), taken for every square layer; None for none.
    output_activation : whether the last layer has φ too (a classifier or regressor usually has not).
    seed : of the default inputs and of the gradient's direction at the output, |∂ℓ/∂x_L| = 1.

    Returns
    -------
    Inspection, whose `layers` has over `layer` = 1..L: `name`, `fan_in`, `fan_out`; `sigma_w` = √(fan_in·mean W_ij²)
    and `sigma_b`; `entries` (law of the entries), `initialiser` (those that the weights may come from), `spectrum`
    (the law that the singular values follow), `distance` (Kolmogorov's, to Marchenko–Pastur), `outliers`,
    `largest_singular_value`, `smallest_singular_value`; means over inputs of `q` = ‖h_l‖²/N_l, `log_gradient_norm`
    = ln‖∂ℓ/∂h_l‖, `log_weight_gradient_norm` = ln‖∂ℓ/∂W_l‖_F, `saturated` (share of neurons with |φ'| ≤ 1 % of its
    largest value) and `dead` (φ' = 0); `chi`, the factor by which the squared gradient norm changes from layer l + 1 to
    layer l; `q_mean_field` and `chi_mean_field`, the same for random weights of these scales (NaN with skip).

    Raises
    ------
    InputError : files that are missing, corrupt or pickles; NaN weights; shapes that do not chain.

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(0).uniform
    >>> weights = {f"layers.{k}.weight": draw(-1 / 8, 1 / 8, (64, 64)) for k in range(12)}
    >>> found = inspect(weights, "sigmoid")
    >>> found.diagnosis.kind, str(found.layers.initialiser[3].values)
    ('vanishes', 'PyTorch default')
    """
    act = to_activation(activation)
    if skip is not None and not np.isfinite(skip):
        raise InputError("skip", "a finite number or None", "e.g. skip=1.0", got=f"{skip}")
    chain = chain_of(weights_by_name(model))
    generator = np.random.default_rng(seed)
    x = input_vectors(inputs, chain.layers[0].weight.shape[1], INPUTS, generator)
    steepest = derivative_range(act)
    kappa = max(abs(steepest.sup.enclosure[1]), abs(steepest.inf.enclosure[0]))
    flat = _FLAT * (kappa if np.isfinite(kappa) else 1.0)
    signals = run_signals(
        chain.layers, act, x, flat=flat, skip=skip, output_activation=output_activation, generator=generator
    )
    matrices = tuple(matrix_facts(layer.weight) for layer in chain.layers)
    layers = _dataset(chain.layers, matrices, signals)
    layers = layers.assign(_mean_field(layers, act, float(np.mean(x**2)), skip, output_activation))
    return Inspection(layers, matrices, diagnose(layers, act, skip), chain.notes, act)


def _dataset(chain: tuple[Layer, ...], matrices: tuple[MatrixFacts, ...], signals: Signals) -> xr.Dataset:
    log_gradient = signals.log_gradient_norm.mean(axis=0)
    ahead = np.append(log_gradient[1:], 0.0)
    with np.errstate(invalid="ignore"):
        chi = np.exp(2 * (log_gradient - ahead))
    columns: dict[str, Any] = {
        "name": [layer.name for layer in chain],
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
        "largest_singular_value": [float(m.singular[0]) for m in matrices],
        "smallest_singular_value": [float(m.singular[-1]) for m in matrices],
        "q": signals.q.mean(axis=0),
        "log_gradient_norm": log_gradient,
        "log_weight_gradient_norm": signals.log_weight_gradient_norm.mean(axis=0),
        "saturated": signals.saturated.mean(axis=0),
        "dead": signals.dead.mean(axis=0),
        "chi": chi,
    }
    return xr.Dataset(
        {name: ("layer", np.asarray(values)) for name, values in columns.items()},
        coords={"layer": np.arange(1, len(chain) + 1)},
    )


def _mean_field(
    layers: xr.Dataset, act: Activation, square: float, skip: float | None, output_activation: bool
) -> dict[str, tuple[str, Array]]:
    """Return q_l and χ_l of the infinitely wide network whose layers have these scales."""
    depth = layers.sizes["layer"]
    q, chi = np.full(depth, np.nan), np.full(depth, np.nan)
    if skip is None:
        sigma_w, sigma_b = layers.sigma_w.values, layers.sigma_b.values
        q[0] = sigma_w[0] ** 2 * square + sigma_b[0] ** 2
        for k in range(1, depth):
            q[k] = float(next_length(act, q[k - 1], sigma_w[k], sigma_b[k])) if q[k - 1] > 0 else sigma_b[k] ** 2
        for k in range(depth - 1):
            chi[k] = float(gradient_gain_at(act, q[k], sigma_w[k + 1])) if q[k] > 0 else np.nan
        chi[-1] = float(gradient_gain_at(act, q[-1], 1.0)) if output_activation else 1.0
    return {"q_mean_field": ("layer", q), "chi_mean_field": ("layer", chi)}
