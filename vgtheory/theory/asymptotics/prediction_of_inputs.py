"""What a prediction says besides, for given inputs: their correlations, covariances of layers, forward tangents."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import Network
from vgtheory.model.variables import labels
from vgtheory.theory.asymptotics.across_layers import MOST_LAYERS, QUANTITIES, layer_covariance, tangent_norms
from vgtheory.theory.asymptotics.architectures import correlation_profile

if TYPE_CHECKING:
    import xarray as xr

_TEXTS = {
    "correlation": "correlation of two inputs' pre-activations h_l, width to infinity",
    "log_tangent_norm": "mean over networks of ln |t_l|_2, t_l = phi'(h_l) W_l t_(l-1), t_0 uniform on the unit sphere",
    "log_tangent_norm_std": "standard deviation over networks of ln |t_l|_2",
    "tangent_alignment": "u: E cos^2 of the angle between x_(l-1) and t_(l-1) is u/N, to order 1/N",
}
Columns = dict[str, tuple[tuple[str, ...], Array, dict[str, str]]]


def with_inputs(predicted: xr.Dataset, network: Network, inputs: Inputs) -> xr.Dataset:
    """Return the prediction with what is known for these inputs; attrs: inputs (JSON) and left_out, with reasons."""
    found: Columns = {}
    left_out = []
    parts: tuple[tuple[str, Callable[[Network, Inputs], Columns]], ...] = (
        ("correlations", _correlations),
        ("layer covariance", _covariances),
        ("tangents", _tangents),
    )
    for name, part in parts:
        if name == "correlations" and inputs.correlation is None:
            continue
        try:
            require(network, f"predict ({name})")
            found |= part(network, inputs)
        except (UnsupportedError, NoSolutionError, InputError) as reason:
            left_out.append(f"{name}: {reason}")
    layer = predicted.layer.values
    places: dict[str, Any] = {"other_layer": layer} if any("other_layer" in dims for dims, *_ in found.values()) else {}
    attrs = predicted.attrs | {"inputs": json.dumps(inputs.spec), "left_out": "; ".join(left_out)}
    return predicted.assign(found).assign_coords(places).assign_attrs(attrs)


def _correlations(network: Network, inputs: Inputs) -> Columns:
    cosines = inputs.cosines
    profiles = {c: correlation_profile(network, c) for c in np.unique(cosines[~np.eye(len(cosines), dtype=bool)])}
    out = np.ones((len(network.sigmas), *cosines.shape))
    for a, b in zip(*np.nonzero(~np.eye(len(cosines), dtype=bool)), strict=True):
        out[:, a, b] = profiles[cosines[a, b]]
    return {"correlation": (("layer", "input", "other_input"), out, labels(_TEXTS["correlation"]))}


def _covariances(network: Network, inputs: Inputs) -> Columns:
    del inputs
    if len(network.sigmas) > MOST_LAYERS:
        raise InputError("depth", f"at most {MOST_LAYERS:,} layers", "take fewer", got=f"{len(network.sigmas):,}")
    values = layer_covariance(network)
    return {
        f"{name}_covariance": (
            ("layer", "other_layer"), values[name], labels(f"covariance of {name} between two layers")
        )
        for name in QUANTITIES
    }  # fmt: skip


def _tangents(network: Network, inputs: Inputs) -> Columns:
    del inputs
    t = tangent_norms(network)
    values = {
        "log_tangent_norm": t.mean / 2,
        "log_tangent_norm_std": np.sqrt(np.maximum(t.variance, 0.0)) / 2,
        "tangent_alignment": t.alignment,
    }
    return {name: (("layer",), value, labels(_TEXTS[name])) for name, value in values.items()}
