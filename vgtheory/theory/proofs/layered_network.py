"""A network as the bounds see it: its layers, products over them, and what is certain of its slope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.symbolic.gaussian import gradient_gain
from vgtheory.symbolic.notation import depth, q
from vgtheory.theory.proofs.certified_slope import Slope, certified_slope


@dataclass(frozen=True)
class Layer:
    """One layer's shape and scales."""

    inputs: sp.Expr
    outputs: sp.Expr
    sigma_w: sp.Expr
    sigma_b: sp.Expr


@dataclass(frozen=True)
class LayeredNetwork:
    """A network as the bounds see it; equal widths keep the depth as a symbol, one formula for all depths."""

    network: Network

    @property
    def family(self) -> str:
        """Return the family of the weights' distribution."""
        return self.network.weights.family

    @property
    def gaussian_bias(self) -> bool:
        """Return whether the biases are normal."""
        return self.network.weights.bias_family == "gaussian"

    @cached_property
    def slope(self) -> Slope:
        """Return the facts about φ'."""
        return certified_slope(self.network.activation)

    @property
    def uniform_width(self) -> bool:
        """Return whether all layers have the same width."""
        return not isinstance(self.network.width, tuple)

    @property
    def depth(self) -> sp.Expr:
        """Return the depth symbol for equal widths, else the number of layers."""
        if isinstance(self.network.width, tuple):
            return sp.Integer(len(self.network.width) - 1)
        return depth if self.network.depth.is_number else self.network.depth

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Return the layers; one that stands for all where the widths are equal."""
        width = self.network.width
        shapes = list(pairwise(width)) if isinstance(width, tuple) else [(width, width)]
        at = self.network.weights.sigma_at
        return tuple(Layer(sp.sympify(i), sp.sympify(o), *at(i, o)) for i, o in shapes)

    @property
    def has_isotropic_weights(self) -> bool:
        """Return whether E W_lᵀW_l = (N_l/N_{l−1}) σ_w² I, which a rectangular orthogonal matrix may not satisfy."""
        return self.family != "orthogonal" or all(layer.inputs == layer.outputs for layer in self.layers)

    @cached_property
    def two_slopes(self) -> tuple[sp.Expr, sp.Expr] | None:
        """Return the slopes right and left of 0 where φ(h) = a h₊ − b h₋, else None."""
        act = self.network.activation
        if act.homogeneous_degree != 1 or not act.is_numeric:
            return None
        parts = act.derivative_pieces(1)
        return parts[-1].expr, parts[0].expr

    @property
    def is_masked(self) -> bool:
        """Return whether φ' takes only the values 0 and ±κ, each sign of h with a constant one: ReLU, |h|, linear."""
        slopes, kappa = self.two_slopes, self.slope.largest
        return slopes is not None and kappa is not None and all(abs(a) in (0, kappa.value) for a in slopes)

    def product(self, factor: Callable[[Layer], sp.Expr]) -> sp.Expr:
        """Return ∏_l factor(layer l)."""
        if self.uniform_width:
            return factor(self.layers[0]) ** self.depth
        return sp.Mul(*(factor(layer) for layer in self.layers))

    def total(self, term: Callable[[Layer], sp.Expr]) -> sp.Expr:
        """Return Σ_l term(layer l)."""
        if self.uniform_width:
            return self.depth * term(self.layers[0])
        return sp.Add(*(term(layer) for layer in self.layers))

    @cached_property
    def gain(self) -> sp.Expr | None:
        """Return A(q) = E φ'(√q z)² as an expression in q, or None where it cannot be had."""
        try:
            return gradient_gain(self.network.activation).expr
        except UnsupportedError:
            return None

    def mean_slope_square(self, variance: sp.Expr) -> sp.Expr:
        """Return A(variance); only to be asked where :attr:`gain` is known."""
        assert self.gain is not None
        return self.gain.subs(q, variance)


def layered(network: Network, verb: str) -> LayeredNetwork:
    """Return the network as the bounds see it.

    Raises InputError for something that is not a Network, UnsupportedError for one with parts that `verb` knows nothing
    about, or without independent layers.
    """
    require(network, verb)
    return LayeredNetwork(network)
