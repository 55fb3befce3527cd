"""Variations of a network: the same one with other scales, sizes or parameters of its activation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vgtheory._errors import InputError
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation

SCALES, SIZES = ("sigma_w", "sigma_b"), ("width", "depth")


def changed(network: Network, values: Mapping[str, Any]) -> Network:
    """Return the network with these values and all else as it was.

    Parameters
    ----------
    values : by name: ``sigma_w`` and ``sigma_b``, of a block those of all its matrices, ``width``, ``depth``, and of
        layers parameters of the activation.

    Raises InputError for a value that is not accepted, and for parameters of an activation that has a name of its own.

    >>> from vgtheory.model.weights import Weights
    >>> changed(Network("leaky_relu", Weights.he(), 8, 3), {"alpha": 0.5, "depth": 9}).depth
    9
    """
    scales = {name: values[name] for name in SCALES if name in values}
    width, depth = values.get("width", network.width), values.get("depth", network.depth)
    if isinstance(network, BlockNetwork):
        block = network.block
        matrices = tuple(replace(m, weights=replace(m.weights, **scales)) for m in block.matrices)
        return BlockNetwork(replace(block, matrices=matrices), width, depth, shape=network.shape)
    parameters = {name: value for name, value in values.items() if name not in (*SCALES, *SIZES)}
    act = _with_parameters(network.activation, parameters) if parameters else network.activation
    return replace(network, activation=act, weights=replace(network.weights, **scales), width=width, depth=depth)


def _with_parameters(act: Activation, parameters: Mapping[str, Any]) -> Activation:
    """Return the activation with other parameters, made again from its name, which must lead back to it."""
    try:
        found = to_activation(act.name, **dict(act.parameters)).expr == act.expr
    except InputError:
        found = False
    if not found:
        raise InputError(
            f"other values of {', '.join(parameters)} for {act.name}",
            "parameters of an activation made from a formula or from the catalogue",
            "make it without a name of its own, e.g. vg.Activation('tanh(a*x)', a=1)",
        )
    return to_activation(act.name, **{**dict(act.parameters), **parameters})
