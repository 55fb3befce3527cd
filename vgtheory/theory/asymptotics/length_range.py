"""Where the lengths of a finite network can be: stretches of ln R, R = V − σ_b², that layers in sequence share."""

from collections.abc import Callable
from itertools import pairwise
from math import ceil, floor, log, log2
from typing import NamedTuple

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network
from vgtheory.theory.asymptotics.finite_width import haar_dimensions
from vgtheory.theory.asymptotics.length_law import Law, laws_along, moved
from vgtheory.theory.asymptotics.mean_field import log_length_profile, table_of
from vgtheory.theory.asymptotics.moments import HIGH, LOW, MomentTable

OUTWARD = 1 / 8  # of one layer's noise: layers share a stretch whose ends they move outwards by less
# Of the length of a stretch beyond this, which has so many nodes that they are dense near its ends.
OUTWARD_OF_WIDE, WIDE = 1 / 100, 6.0
LEAST_MARGIN = 1e-6
RARE = 1e-9  # chance of a length that is left out


class _Step(NamedTuple):
    """One layer; `fixed` is the share of its Haar matrix's larger dimension that it has (0 for independent weights)."""

    sigma_b: float
    next_sigma_w: float
    width: int
    fixed: float


class Stretch(NamedTuple):
    """The ends of ln R."""

    low: float
    high: float


class Lengths(NamedTuple):
    """Where ln R of each layer can be, and the largest chance, in a layer, that few of the next one's units are active.

    That is a length from which the next one's variance exceeds its squared mean: its logarithm is no normal number.
    """

    stretches: list[Stretch]
    few_active: float


def lengths_of(network: Network) -> Lengths:
    """Return for each layer the ends of ln R that its lengths leave with a chance of about 1e-7, with a margin.

    Layers in sequence share them where no layer leads out.  The margin is 2.5 times the noise of one layer, and at
    least a sixth of the range; no more, because a map that spreads lengths would lead a wide one out of the next.

    From the chain ln R' = ln(σ_w² E φ²) + noise of variance ln(1 + v), v = v_f/(N σ_w⁴ (E φ²)²).
    Raises UnsupportedError where that is outside of what moments are known for.
    """
    profile = log_length_profile(network)
    _check(float(profile.min()), float(profile.max()))
    table = table_of(network.activation)

    made: list[Array] = []  # the noise of each move

    def move(step: _Step, law: Law) -> Law:
        centre, noise = _moves(table, law.points, step)
        made.append(noise)
        out = moved(law, centre, noise)
        _check(float(out.points[0]), float(out.points[-1]))
        return out

    def leads_out(step: _Step, low: float, high: float) -> bool:
        centre, noise = _moves(table, np.array([low, high]), step)
        room = max(OUTWARD * float(noise.max()), OUTWARD_OF_WIDE * (high - low) if high - low > WIDE else 0.0)
        return bool(centre.min() < low - room or centre.max() > high + room)

    fixed = np.array(network.widths[1:]) / haar_dimensions(network) * (network.weights.family == "orthogonal")
    rows = zip(network.sigmas, network.sigmas[1:], network.widths[1:], fixed.tolist(), strict=False)
    steps = [_Step(sigma_b, ahead, width, share) for (_, sigma_b), (ahead, _), width, share in rows]
    laws = laws_along(Law(np.array([2 * log(network.sigmas[0][0])]), np.ones(1)), steps, move)
    moves = np.cumsum([law is not ahead for law, ahead in pairwise(laws)]) - 1  # a law that stays is moved once
    noises = [made[k] for k in moves]
    arriving = [0.0, *(float(noise.max()) for noise in noises)]
    few = [float(law.chances[noise**2 > log(2)].sum()) for law, noise in zip(laws, noises, strict=False)]
    out: list[Stretch] = []
    for low, high, count in _joined([_reach(law) for law in laws], steps, leads_out):
        margin = max(2.5 * max(arriving[len(out) : len(out) + count]), (high - low) / 6, LEAST_MARGIN)
        unit = 2.0 ** floor(log2(margin / 8))  # layers that come back to the same lengths have the same stretch
        out += [Stretch(floor((low - margin) / unit) * unit, ceil((high + margin) / unit) * unit)] * count
    return Lengths(out, max(few, default=0.0))


def _reach(law: Law) -> tuple[float, float]:
    points = law.points[law.chances > RARE]
    return float(points[0]), float(points[-1])


def _check(low: float, high: float) -> None:
    if not (low >= LOW and high <= HIGH):  # nan too
        raise UnsupportedError(f"the lengths leave the range of moments, ln q from {LOW:g} to {HIGH:g}")


def _joined(
    ranges: list[tuple[float, float]], steps: list[_Step], leads_out: Callable[[_Step, float, float], bool]
) -> list[tuple[float, float, int]]:
    """Return ranges that layers in sequence share, with the number of these layers."""
    out = [(*ranges[0], 1)]
    inside: set[_Step] = set()  # that lead from the last stretch to itself
    for (low, high), step in zip(ranges[1:], steps, strict=True):
        before = out[-1]
        both = min(low, before[0]), max(high, before[1])
        if not any(leads_out(one, *both) for one in ({step} - inside if both == before[:2] else inside | {step})):
            out[-1] = (*both, before[2] + 1)
            inside.add(step)
        else:
            out.append((low, high, 1))
            inside = set()
    return out


def _moves(table: MomentTable, log_weight: Array, step: _Step) -> tuple[Array, Array]:
    weight = np.exp(log_weight)
    m = table.at(np.log(weight + step.sigma_b**2))
    spread = m.fourth - 1 - 2 * step.fixed * (m.elasticity * weight / (weight + step.sigma_b**2)) ** 2
    noise = np.log1p(np.maximum(spread, 0.0) / step.width)
    return m.log_square + 2 * log(step.next_sigma_w) - noise / 2, np.sqrt(noise)
