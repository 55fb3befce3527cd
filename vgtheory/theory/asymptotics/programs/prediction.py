"""What is predicted of a network of blocks, as one labelled data set like that of its simulation."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import BlockNetwork
from vgtheory.model.steps import Map, Step
from vgtheory.model.variables import VARIABLES, labels
from vgtheory.theory import methods
from vgtheory.theory.asymptotics.programs.padding import pattern_factors
from vgtheory.theory.asymptotics.programs.population import CARRIERS, population_profile
from vgtheory.theory.asymptotics.programs.stack_population import population_stack, reads_sums
from vgtheory.theory.asymptotics.programs.stacks import stack_profile
from vgtheory.theory.asymptotics.programs.tokens import tokens_profile
from vgtheory.theory.methods import UNIFORM_LOSS, reliability

MOST_POSITIONS = 64
_SPREAD = "spread of that over draws of attention, width to infinity; at finite width larger"
_TEXTS = {name: f"{text}, width to infinity" for name, text in VARIABLES.items()} | {
    "log_stream_gradient_norm_error": "standard error of that, of the populations or draws that it is an average of",
    "log_stream_gradient_norm_std": _SPREAD,
    "cosine_std": _SPREAD,
    "covariance": "mean over components of the product of the stream's columns at two positions, width to infinity",
    "pattern_factor": "factor per layer of a small deviation of covariances with k periods around the ring",
}


def predict_blocks(network: BlockNetwork, inputs: Inputs) -> xr.Dataset:
    """Return the mean field of a network of blocks, width → ∞, over (layer 0..L, stream).

    Variables: ``stream_square``, ``log_stream_gradient_norm``, ``log_weight_gradient_norm``; of recurrent cells also
    ``gradient_share`` and ``log_stream_gradient_norm_error``; of tokens that attend to each other means over draws of
    attention, their error and spread, ``cosine`` and ``entropy``; of convolutions, where the kernels of their maps are
    known, ``cosine``, on up to 64 positions without strides ``covariance`` (layer, position, other_position), and on
    rings ``pattern_factor`` (frequency).  attrs: method, reliable ("yes", or "no: " and why), assumptions, inputs,
    spec.

    Raises
    ------
    InputError, NoSolutionError, UnsupportedError : as ``stack_profile``, ``population_stack``, ``population_profile``
        and ``tokens_profile``.
    """
    return _predicted(network, inputs).assign_attrs(inputs=json.dumps(inputs.spec))


def _predicted(network: BlockNetwork, inputs: Inputs) -> xr.Dataset:
    if network.block.recurrent:
        return _cells(network, inputs)
    if network.block.mixes("attention") and network.columns > 1:
        return _tokens(network)
    meets = network.block.mixes("window") and network.columns > 1
    return _stack(network).assign(_positions(network) if meets else {})


def _positions(network: BlockNetwork) -> dict[str, Any]:
    """Return what positions have in common, and on rings how fast patterns over them fade; {} where it is not known."""
    found: dict[str, Any] = {}
    if not all(map(_has_quick_kernels, network.block.steps)):
        return found
    try:
        known = tokens_profile(network.block, network.widths[0], int(network.depth), network.shape)
    except UnsupportedError:
        return found
    found["cosine"] = "layer", known["cosine"][0], labels_of("cosine")
    if "gram" in known and network.columns <= MOST_POSITIONS:
        found["covariance"] = ("layer", "position", "other_position"), known["gram"][0], labels_of("covariance")
    factors = pattern_factors(network.block, network.shape)
    if factors is not None:
        found["pattern_factor"] = "frequency", factors, labels_of("pattern_factor")
    return found


def _has_quick_kernels(step: Step) -> bool:
    """Return whether kernels of a step are series or known at every length: kinks elsewhere take tables by length."""
    if not isinstance(step, Map):
        return True
    return all(act.homogeneous_degree == 1 or not act.breakpoints for act in step.functions)


def _stack(network: BlockNetwork) -> xr.Dataset:
    sums = reads_sums(network.block)
    profile = population_stack if sums else stack_profile
    found = profile(network.block, network.widths[0], int(network.depth), network.shape)
    values = {
        "stream_square": found["square"][:, None],
        "log_stream_gradient_norm": 0.5 * found["gradient"][:, None],
    }
    weights = 0.5 * found["weights"]
    reach = float(network.depth) / network.widths[0]
    doubt = (
        "" if reach < 0.1 else f"depth/width = {reach:.2g} is not small: networks differ, and the mean is not typical"
    )
    return _dataset(network, values, weights, methods.POPULATION if sums else methods.MEAN_FIELD, doubt)


def _tokens(network: BlockNetwork) -> xr.Dataset:
    """Return means over draws of attention, with their standard errors, and the spread over draws."""
    width, depth = network.widths[0], int(network.depth)
    found = tokens_profile(network.block, width, depth, network.shape)
    gradient = 0.5 * found["gradient"]
    by_stream = {"stream_square": found["square"].mean(axis=0), "log_stream_gradient_norm": gradient.mean(axis=0)}
    by_stream["log_stream_gradient_norm_std"] = gradient.std(axis=0, ddof=1)
    by_stream["log_stream_gradient_norm_error"] = by_stream["log_stream_gradient_norm_std"] / len(gradient) ** 0.5
    heads = max(step.options[0] for step in network.block.mixes("attention"))
    doubts = (
        (network.columns / width > 0.05, f"tokens/width = {network.columns / width:.2g} is not small"),
        (depth / width > 0.1, f"depth/width = {depth / width:.2g} is not small"),
        (width / heads < 32, f"scores of heads with {width // heads} components are not normal"),
    )
    doubt = "; ".join(why for holds, why in doubts if holds)
    values = {name: array[:, None] for name, array in by_stream.items()}
    predicted = _dataset(network, values, 0.5 * found["weights"].mean(axis=0), methods.GRAM_MATRICES, doubt)
    cosine, entropy = found["cosine"], np.append(np.nan, found["entropy"].mean(axis=0))
    more = {"cosine": cosine.mean(axis=0), "cosine_std": cosine.std(axis=0, ddof=1), "entropy": entropy}
    return predicted.assign({name: ("layer", array, labels_of(name)) for name, array in more.items()})


def _cells(network: BlockNetwork, inputs: Inputs) -> xr.Dataset:
    found = population_profile(network, inputs)
    values = {
        "stream_square": found["square"],
        "log_stream_gradient_norm": found["gradient"],
        "log_stream_gradient_norm_error": found["gradient_error"],
        "gradient_share": found["share"],
    }
    carriers = float(np.nanmin(found["share"])) * float(found["units"])
    doubt = "" if carriers >= CARRIERS else f"the gradient sits in {carriers:.0f} of {found['units']:.0f} units"
    reach = float(network.depth) / network.widths[0]
    if not doubt and reach > 0.3:
        doubt = f"steps/width = {reach:.2g} is not small: tied weights are asked for more than the limit knows"
    return _dataset(network, values, found["weights"], methods.POPULATION, doubt)


def _dataset(network: BlockNetwork, values: dict[str, Array], weights: Array, method: str, doubt: str) -> xr.Dataset:
    by_layer = np.concatenate([[np.nan], weights])
    variables = {name: (("layer", "stream"), array, labels_of(name)) for name, array in values.items()}
    return xr.Dataset(
        variables | {"log_weight_gradient_norm": ("layer", by_layer, labels_of("log_weight_gradient_norm"))},
        {
            "layer": ("layer", np.arange(int(network.depth) + 1), {"long_name": "layer l, 0 the start"}),
            "stream": ("stream", list(network.block.carried)),
        },
        {
            "method": method,
            "reliable": reliability([doubt] if doubt else []),
            "assumptions": "; ".join((UNIFORM_LOSS, methods.WIDE)),
            "spec": network.spec_json,
        },
    )


def labels_of(name: str) -> dict[str, str]:
    """Return the attributes of a predicted variable."""
    return labels(_TEXTS[name])
