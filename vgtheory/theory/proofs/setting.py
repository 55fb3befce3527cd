"""What the proofs of the bounds need to know about a network: gains per layer, slope facts, weight law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from functools import cached_property, lru_cache
from itertools import pairwise

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.symbolic import calculus
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.extrema import Extremum, Range, derivative_range, piecewise_range, slope_bound
from vgtheory.symbolic.formula import Status
from vgtheory.symbolic.gaussian import gradient_gain
from vgtheory.symbolic.monotone import nonincreasing
from vgtheory.symbolic.notation import depth, q


@dataclass(frozen=True)
class Known:
    """A value that a bound may use: an expression on the safe side, and how it is known."""

    value: sp.Expr
    status: Status

    @classmethod
    def upper(cls, extremum: Extremum) -> Known | None:
        """Return a value not below the extremum, or None where it is infinite or only numeric."""
        return cls._of(extremum, extremum.enclosure[1])

    @classmethod
    def lower(cls, extremum: Extremum) -> Known | None:
        """Return a value not above the extremum, or None where it is infinite or only numeric."""
        return cls._of(extremum, extremum.enclosure[0])

    @classmethod
    def _of(cls, extremum: Extremum, safe: float) -> Known | None:
        if extremum.status == "numeric" or (extremum.expr is not None and extremum.expr.is_infinite):
            return None
        if extremum.expr is not None:
            return cls(extremum.expr, "proved")
        return cls(_rounded_outward(safe, extremum.enclosure[1] == safe), "certified")


def _rounded_outward(value: float, up: bool) -> sp.Rational:
    """Return an exact decimal of 15 significant digits on the safe side of `value`."""
    rounding = ROUND_CEILING if up else ROUND_FLOOR
    return sp.Rational(str(Context(prec=15, rounding=rounding).create_decimal_from_float(value)))


@dataclass(frozen=True)
class Layer:
    """One layer's shape and scales."""

    inputs: sp.Expr
    outputs: sp.Expr
    sigma_w: sp.Expr
    sigma_b: sp.Expr


@dataclass(frozen=True)
class Slope:
    """Facts about φ' that hold on the whole real line."""

    largest: Known | None  # κ = sup |φ'|
    smallest: Known | None  # inf |φ'|
    square_sup: Known | None  # Γ = sup of g(h) = (φ'(h)² + φ'(−h)²)/2
    square_inf: Known | None  # inf g
    decreasing: bool  # g is nonincreasing in |h|
    value_bound: Known | None  # M = sup |φ|


@lru_cache(maxsize=128)
def slope_facts(act: Activation) -> Slope:
    """Return the certified facts; what cannot be certified is None or False."""
    values, slopes = _tried(derivative_range, act, 0), _tried(derivative_range, act, 1)
    square = _tried(_symmetrised_range, act)
    return Slope(
        largest=None if slopes is None else Known.upper(slope_bound(act)),
        smallest=None if slopes is None else _smallest(slopes),
        square_sup=None if square is None else Known.upper(square.sup),
        square_inf=None if square is None else Known.lower(square.inf),
        decreasing=square is not None and act.is_numeric and nonincreasing(symmetrised(act), act.symbol),
        value_bound=None if values is None else _largest_magnitude(values),
    )


def _tried(question: Callable[..., Range], *arguments: object) -> Range | None:
    try:
        return question(*arguments)
    except UnsupportedError:
        return None


@lru_cache(maxsize=128)
def symmetrised(act: Activation, power: int = 2) -> tuple[calculus.Piece, ...]:
    """Return (φ'(h)^n + φ'(−h)^n)/2, n even, as pieces: what is left of φ'^n once the weights' signs are averaged."""
    x, parts = act.symbol, act.derivative_pieces(1)
    cuts = sorted({p.hi for p in parts[:-1]} | {-p.hi for p in parts[:-1]}, key=float)
    pieces: list[calculus.Piece] = []
    for lo, hi in pairwise([-sp.oo, *cuts, sp.oo]):
        at = calculus.sample_point(lo, hi)
        here = next(p.expr for p in parts if at <= p.hi)
        there = next(p.expr for p in parts if -at <= p.hi).subs(x, -x)
        both = here**power if there in (here, -here) else (here**power + there**power) / 2
        if act.parity is not None and len(parts) == 1:
            both = here**power
        if pieces and pieces[-1].expr == both:
            lo = pieces.pop().lo
        pieces.append(calculus.Piece(lo, hi, both))
    return tuple(pieces)


def _symmetrised_range(act: Activation) -> Range:
    return piecewise_range(symmetrised(act), act.symbol, 0, even=True)


def _smallest(slopes: Range) -> Known | None:
    if slopes.inf.enclosure[0] >= 0:
        return Known.lower(slopes.inf)
    return Known(sp.Integer(0), "proved") if slopes.inf.status != "numeric" else None


def _largest_magnitude(values: Range) -> Known | None:
    above, below = Known.upper(values.sup), Known.lower(values.inf)
    if above is None or below is None:
        return None
    status: Status = "proved" if above.status == below.status == "proved" else "certified"
    return Known(sp.Max(above.value, -below.value), status)


@dataclass(frozen=True)
class Setting:
    """A network as the bounds see it; equal widths keep the depth as a symbol, one formula for all depths."""

    network: Network

    @property
    def family(self) -> str:
        """Return the weight law's family."""
        return self.network.weights.family

    @property
    def gaussian_bias(self) -> bool:
        """Return whether the biases are normal."""
        return self.network.weights.bias_family == "gaussian"

    @cached_property
    def slope(self) -> Slope:
        """Return the facts about φ'."""
        return slope_facts(self.network.activation)

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


def setting_of(network: Network, verb: str) -> Setting:
    """Return the network as the bounds see it.

    Raises InputError for something that is not a Network, UnsupportedError for one with parts that `verb` knows nothing
    about, or without independent layers.
    """
    require(network, verb)
    return Setting(network)


def certainly_below(value: sp.Expr, level: sp.Expr) -> bool:
    """Return whether value < level is certain in ball arithmetic; False for symbolic values."""
    if value.free_symbols or level.free_symbols:
        return False
    try:
        return bool(enclose(value - level, 15) < 0)
    except UnsupportedError:
        return False
