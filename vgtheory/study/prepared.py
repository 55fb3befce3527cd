"""A network prepared for the kernels, once: compiled activation, sizes and scales, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from vgtheory.codegen.compiled import compile_activation
from vgtheory.kernels.arguments import Activation, Layers, SingleActivation
from vgtheory.kernels.assembled import Parts
from vgtheory.kernels.matrices import MatrixDistribution, drawn_matrices, given_matrices
from vgtheory.model.capabilities import works
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights

# Weights of a density, behind which a sum of several slopes is 0 with probability 0.
NEVER_ZERO = ("gaussian", "orthogonal", "uniform", "truncated_normal")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A network with numbers everywhere, as the kernels and their checks take it.

    It is sent to other processes as its network, and prepared there again.

    Parameters
    ----------
    network : what was prepared.
    activation : compiled, as the kernels take it.
    flat_at_zero : whether small signals shrink faster than linearly, as with x³: underflow then looks like death.
    depth : L.
    distinct : widths N_0..N_L, and σ_w and σ_b of layers 1..L; each of length 1 where one number stands for all.
    """

    network: Network
    activation: Activation
    flat_at_zero: bool
    depth: int
    distinct: Layers

    def __reduce__(self) -> tuple[Any, ...]:
        # A fresh network: one that was used carries its cached properties, which would be sent along.
        return prepare, (replace(self.network),)

    @cached_property
    def single_activation(self) -> SingleActivation:
        """Return the activation, compiled, as kernels in single precision take it."""
        return compile_activation(self.network.activation).for_single_kernels

    @cached_property
    def layers(self) -> Layers:
        """Return the widths N_0..N_L, and σ_w and σ_b of layers 1..L."""
        widths, sigma_w, sigma_b = self.distinct
        if len(sigma_w) == 1:
            sigma_w, sigma_b = sigma_w.repeat(self.depth), sigma_b.repeat(self.depth)
        return Layers(widths.repeat(self.depth + 1) if len(widths) == 1 else widths, sigma_w, sigma_b)

    @property
    def haar(self) -> bool:
        """Return whether the weights are orthogonal."""
        return self.network.weights.family == "orthogonal"

    @cached_property
    def matrices(self) -> MatrixDistribution:
        """Return the distribution of the weights as the kernels take it."""
        return _matrices(self.network.weights)

    @cached_property
    def parts(self) -> Parts:
        """Return skip connections, normalisation and dropout as the kernels take them."""
        network = self.network
        scale, second = network.skip_scales
        norm, skip = network.norm, network.skip
        return Parts(
            skip=skip is not None,
            scale=scale,
            second=second if skip is not None and skip.matrices == 2 else None,
            before=norm.kind if norm is not None and norm.place == "before" else "",
            after=norm.kind if norm is not None and norm.place == "after" else "",
            eps=float(norm.eps) if norm is not None else 0.0,
            rate=network.drop_rate,
        )

    @cached_property
    def slopes(self) -> tuple[float, float] | None:
        """Return φ's slopes right and left of 0 if the network is one that ``chain_samples`` knows, else None."""
        if not works(self.network, "simulate (chain)"):
            return None
        value, slope = np.empty(3), np.empty(3)
        self.activation.row(np.array([1.0, -1.0, 0.0]), value, slope)
        right, left, at_zero = map(float, slope)
        # Where a whole layer is off, h = 0 above it: the chain takes such a layer for the end of every gradient.
        return (right, left) if right != 0 and (left != 0 or at_zero == 0) else None

    @cached_property
    def saturates(self) -> bool:
        """Return whether φ' falls to 0 on both sides without reaching it: no gradient is 0, but for underflow."""
        network, value, slope = self.network, np.empty(2), np.empty(2)
        mixed = network.norm is not None or network.dropout is not None or network.weights.family not in NEVER_ZERO
        if mixed or not self.distinct.sigma_w.all():
            return False
        self.activation.row(np.array([-1e10, 1e10]), value, slope)
        return not slope.any() and all(piece.expr != 0 for piece in network.activation.derivative_pieces())


@lru_cache(maxsize=16)
def prepare(network: Network) -> Prepared:
    """Return the network prepared; its activation is compiled here, once, before workers race for it.

    Raises InputError while a size or a scale is symbolic.
    """
    network.require_numbers()
    if isinstance(network.width, tuple) or network.weights.arrays is not None:
        sigmas = np.array(network.sigmas).T.copy()
        distinct = Layers(np.array(network.widths, dtype=np.int64), sigmas[0], sigmas[1])
    else:
        width = int(network.width)
        sigma_w, sigma_b = network.sigmas_between(width, width)
        distinct = Layers(np.array([width], dtype=np.int64), np.array([sigma_w]), np.array([sigma_b]))
    compiled = compile_activation(network.activation)
    return Prepared(network, compiled.for_kernels, compiled.is_flat_at_zero, int(network.depth), distinct)


@lru_cache(maxsize=4)
def _matrices(law: Weights) -> MatrixDistribution:
    if law.arrays is not None:
        return given_matrices(law.arrays.weights, law.arrays.biases)
    options = {name: float(value) for name, value in law.options}
    return drawn_matrices(law.family, options, law.bias_family, law.tied)
