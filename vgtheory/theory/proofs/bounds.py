"""`bounds`: every statement on the gradients of one network whose assumptions hold, as one sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, overload

from vgtheory._errors import InputError, UnknownNameError, UnsupportedError
from vgtheory.model.capabilities import require, works
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.notation import gradient_square
from vgtheory.theory.proofs.backward import backward_bounds
from vgtheory.theory.proofs.blocks import block_bounds
from vgtheory.theory.proofs.certificate import Certificate, certificate
from vgtheory.theory.proofs.depths import depth_below, depth_bounds
from vgtheory.theory.proofs.exact_law import exact_bounds
from vgtheory.theory.proofs.gradient_moments import moment_bounds
from vgtheory.theory.proofs.layered_network import LayeredNetwork
from vgtheory.theory.proofs.lower_tail import lower_tail_bounds
from vgtheory.theory.proofs.matrices import matrix_bounds
from vgtheory.theory.proofs.mean_square import mean_square_bounds
from vgtheory.theory.proofs.norms import norm_bounds
from vgtheory.theory.proofs.operator_norm import operator_norm_bounds
from vgtheory.theory.proofs.residual import batch_norm_bounds, residual_bounds
from vgtheory.theory.proofs.saturated import saturation_bounds
from vgtheory.theory.proofs.thresholds import threshold_bounds
from vgtheory.theory.proofs.tied import tied_bounds

FAMILIES = (
    mean_square_bounds,
    depth_bounds,
    threshold_bounds,
    backward_bounds,
    norm_bounds,
    moment_bounds,
    exact_bounds,
    lower_tail_bounds,
    operator_norm_bounds,
    matrix_bounds,
    saturation_bounds,
)
# Beyond these a statement on a mean square says nothing that a number in float64 could contradict.
LEAST, MOST = 2.0**-1022, 2**1024


class Tightest(NamedTuple):
    """The tightest statements on the mean squared gradient from above and from below; None where none bites."""

    upper: Formula | None
    lower: Formula | None


@dataclass(frozen=True)
class Bounds(Sequence[Formula]):
    """The bounds of one network, a sequence of formulas; also by name, ``found["symmetrised slope"]``.

    Parameters
    ----------
    formulas : the bounds, those on the mean square first.
    network : whose bounds they are.
    """

    formulas: tuple[Formula, ...]
    network: Network

    def __len__(self) -> int:
        return len(self.formulas)

    def __iter__(self) -> Iterator[Formula]:
        return iter(self.formulas)

    @overload
    def __getitem__(self, key: int | str) -> Formula: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Formula, ...]: ...
    def __getitem__(self, key: int | str | slice) -> Formula | tuple[Formula, ...]:
        if isinstance(key, slice):
            return self.formulas[key]
        if not isinstance(key, str):
            if not isinstance(key, int) or not -len(self) <= key < len(self):
                places = f"a whole number from {-len(self)} to {len(self) - 1}, a slice or a name"
                raise InputError("the place of a bound", places, "see .names", got=f"{key!r}"[:60])
            return self.formulas[key]
        found = next((f for f in self.formulas if f.name == key), None)
        if found is None:
            raise UnknownNameError.among("bound", key, self.names, "see .names of the bounds")
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the bounds, in their order."""
        return tuple(f.name for f in self.formulas)

    @cached_property
    def certificate(self) -> Certificate | None:
        """Return the proof that the mean squared gradient vanishes or explodes at every depth; None without one.

        >>> from vgtheory.model.weights import Weights
        >>> bounds(Network("tanh", Weights.gaussian(1.5, 1.5), width=10, depth=50)).certificate.verdict
        'vanishes'
        """
        return certificate(self.network) if works(self.network, "certificate") else None

    def tightest(self) -> Tightest:
        """Return the tightest upper and lower statements on the mean squared gradient at the network's depth.

        A statement that no number in float64 could contradict (above 2^1024, below 2^−1022) is vacuous and left out.
        Raises InputError for a network with symbols.
        """
        self.network.require_numbers()
        valued = [
            (f, value) for f in self.formulas if f.lhs == gradient_square and (value := self._value(f)) is not None
        ]
        upper = [(v, f) for f, v in valued if f.kind in ("upper bound", "equality") and v < MOST]
        lower = [(v, f) for f, v in valued if f.kind in ("lower bound", "equality") and v > LEAST]
        return Tightest(
            min(upper, key=lambda pair: pair[0], default=(0, None))[1],
            max(lower, key=lambda pair: pair[0], default=(0, None))[1],
        )

    def depth_below(self, level: float) -> int | None:
        """Return the depth from which the mean squared gradient is proved to stay below `level`; None without one.

        Raises InputError for a level that is not positive.
        """
        if not (isinstance(level, (int, float)) and level > 0):
            raise InputError("level", "a positive number", "e.g. 1e-6", got=f"{level!r}")
        found = []
        for f in self.formulas:
            if f.lhs == gradient_square and f.kind in ("upper bound", "equality") and _names(f) == {"depth"}:
                depth = depth_below(f, level)
                found += [] if depth is None else [depth]
        return min(found, default=None)

    def _value(self, f: Formula) -> Any:
        at = f.at(depth=int(self.network.depth)) if "depth" in _names(f) else f
        if at.expr.free_symbols:
            return None
        try:
            return at.value()
        except UnsupportedError:
            return None


def _names(f: Formula) -> set[str]:
    return {s.name for s in f.symbols}


def bounds(network: Network) -> Bounds:
    """Return every bound whose assumptions hold for the network, the mean-square bounds first.

    The network's numbers (σ_w, σ_b, width) are substituted; what is symbolic in the network stays so.  With equal
    widths the depth stays the symbol ``depth``, so that one formula serves every depth: ``f.at(depth=1000).value()``
    neither over- nor underflows.  Further symbols: ``p`` (failure probability), ``eps`` (threshold of the slope), ``q``
    (variance of a pre-activation), ``t`` (threshold of a squared length), ``layer``, ``fraction``, and norms of given
    weights: ``weight_norm``, ``weight_frobenius``, ``weight_least``.

    Networks with skip connections have bounds of their own, and so have those with tied or given weights, on the
    Jacobian ∂x_L/∂x_0 whatever the inputs; for batch normalisation before ReLU there is the asymptotic growth.
    Networks of blocks have bounds on the Jacobian of the stream that the loss reads, as products of norms; recurrent
    cells also where pre-activations are confined, and at their zero state; attention alone one on the distance of its
    tokens (``spread_before``, ``spread_after``).

    Raises InputError for something that is not a Network, UnsupportedError for one that the bounds know nothing about.

    Examples
    --------
    >>> from vgtheory.model.weights import Weights
    >>> found = bounds(Network("relu", Weights.he(), width=64, depth=50))
    >>> found[0].name, found["symmetrised slope, exact mean"].expr
    ('symmetrised slope, exact mean', 1)
    >>> from vgtheory.model.blocks import lstm
    >>> cell = Network(lstm(Weights.orthogonal(1), forget_bias=0), width=64, depth=100)
    >>> bounds(cell)["norms of orthogonal matrices, at the zero state"].expr
    (3/4)**depth
    """
    require(network, "bounds")
    return Bounds(_derived(network), network)


@kept
def _derived(network: Network) -> tuple[Formula, ...]:
    if isinstance(network, BlockNetwork):
        return block_bounds(network)
    if not network.weights.has_independent_layers:
        return tied_bounds(network)
    if network.skip is not None:
        return tuple(residual_bounds(network))
    if network.norm is not None:
        return tuple(batch_norm_bounds(network))
    s = LayeredNetwork(network)
    return tuple(formula for family in FAMILIES for formula in family(s))
