"""Where the lengths of a finite network can be: the range of ln R_l, R_l = V_l − σ_b², over all layers and networks."""

from math import log

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network
from vgtheory.theory.mean_field import log_length_profile, table_of
from vgtheory.theory.moments import HIGH, LOW, MomentTable

CELLS = 600
RARE = 1e-8  # chance of a length that is left out


def length_range(network: Network) -> tuple[float, float]:
    """Return the ends of ln R that lengths leave with a chance below 1e-8 per layer, with a margin.

    The margin is 2.5 times the noise of one layer, and at least a sixth of the range.

    From the chain ln R' = ln(σ_w² E φ²) + noise of variance ln(1 + Var φ²/(N (E φ²)²)), pushed forward on cells.
    Raises UnsupportedError where that is outside of what moments are known for.
    """
    profile = log_length_profile(network)
    sigma_b = np.array(network.sigmas)[:, 1]
    with np.errstate(divide="ignore"):
        log_weight = profile + np.log(-np.expm1(np.minimum(2 * np.log(sigma_b) - profile, -1e-16)))
    low, high = float(log_weight.min()) - 1.5, float(log_weight.max()) + 1.5
    if low < LOW or high > HIGH:
        raise UnsupportedError(f"the lengths leave the range of moments, ln q from {LOW:g} to {HIGH:g}")
    for _ in range(8):
        inner, margin = _spread(network, low, high)
        inside = inner[0] - margin >= max(low, LOW), inner[1] + margin <= min(high, HIGH)
        if all(inside):
            return inner[0] - margin, inner[1] + margin
        if (low, high) == (LOW, HIGH):
            break
        reach = (high - low) / 2 + 2 * margin
        low, high = low if inside[0] else max(low - reach, LOW), high if inside[1] else min(high + reach, HIGH)
    raise UnsupportedError("the lengths spread over more than the moments are known for")


def _spread(network: Network, low: float, high: float) -> tuple[tuple[float, float], float]:
    table, cells = table_of(network.activation), np.linspace(low, high, CELLS)
    step = cells[1] - cells[0]
    chance = np.zeros(CELLS)
    chance[np.clip(round((2 * log(network.sigmas[0][0]) - low) / step), 0, CELLS - 1)] = 1.0
    seen = chance.copy()
    before: tuple[float, float, int] | None = None
    rows = zip(network.sigmas, network.sigmas[1:], network.widths[1:], strict=False)
    largest = 0.0
    for (_, sigma_b), (ahead, _), width in rows:
        if before != (sigma_b, ahead, width):
            centre, noise = _moves(table, cells, sigma_b, ahead, width)
            moved = _transition(cells, centre, noise)
            before = (sigma_b, ahead, width)
            largest = max(largest, float(noise.max()))
            still = 0
        new = chance @ moved
        still = still + 1 if float(np.abs(new - chance).max()) < 1e-12 else 0
        chance = new
        seen = np.maximum(seen, chance)
        if still > 3 and len(set(network.sigmas)) == 1 and len(set(network.widths)) == 1:
            break
    reached = cells[seen > RARE]
    ends = float(reached[0]), float(reached[-1])
    return ends, max(2.5 * max(largest, step), (ends[1] - ends[0]) / 6)


def _moves(table: MomentTable, cells: Array, sigma_b: float, ahead: float, width: int) -> tuple[Array, Array]:
    m = table.at(np.log(np.exp(cells) + sigma_b**2))
    noise = np.log1p((m.fourth - 1) / width)
    return m.log_square + 2 * log(ahead) - noise / 2, np.sqrt(noise)


def _transition(cells: Array, centre: Array, noise: Array) -> Array:
    step = cells[1] - cells[0]
    width = np.maximum(noise, step / 2)[:, None]
    rows = np.exp(-0.5 * ((cells - np.clip(centre, cells[0], cells[-1])[:, None]) / width) ** 2)
    return rows / rows.sum(axis=1, keepdims=True)
