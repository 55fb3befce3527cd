"""The regime of a network: what its gradient does from the last layer to the first, decided in one place.

Reports, comparisons, advice, inspections and the command line all ask here, so that they cannot disagree.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

# Over the whole depth a gradient norm may change by this much before anybody needs to know.  Residual networks that
# train well start within it (ResNet-50: e^5.6 = 270); beyond, layers of one network want learning rates that differ by
# a factor of 1000, and twice as much is more than float32's mantissa can add up.
LIMIT = math.log(1e3)
# A gradient this far below that of the last layer, in ln, is lost: below float32's unit round-off.
LOST = -24 * math.log(2)
# |χ − 1| that counts as critical: σ_w with eight digits, e.g. 1.4142136, and the quadrature of χ both end below it.
CRITICAL = 1e-7
# ln of the gradient norm that an infinitely wide critical network may change by over its first layers.
KEPT = 1e-3
# A network is dead where more than this share of its samples pass no gradient at all: the typical one has none.
DEAD = 0.5
RARELY = 0.01  # share of dead networks that is worth a word


class Regime(StrEnum):
    """What the gradient does on its way from the last layer to the first."""

    vanishes = "vanishes"
    explodes = "explodes"
    critical = "critical"
    balanced = "balanced"
    dead = "dead"
    undecided = "undecided"

    @property
    def harmless(self) -> bool:
        """Return whether nothing needs to be changed."""
        return self in (Regime.critical, Regime.balanced)


def is_critical(prediction: Any) -> bool:
    """Return whether χ = 1 along the whole depth, by a Dataset of ``vg.predict``: width → ∞ keeps the gradient."""
    wide = prediction["log_gradient_norm_infinite_width"].values
    return bool(abs(float(prediction["chi"][-1]) - 1) <= CRITICAL and abs(float(wide[0] - wide[-1])) <= KEPT)


def power(log_value: float) -> str:
    """Return e^log_value as text, beyond the range of doubles too.

    >>> power(0.5), power(-800.0), power(math.log(1e6) - 1e-9), power(-math.inf)
    ('1.65', '3.67·10^-348', '1·10^6', '0')
    """
    decades = log_value / math.log(10)
    if not math.isfinite(decades) or abs(decades) < 2.999:  # else %g changes to e-notation
        return f"{math.exp(log_value):.3g}"
    mantissa, tens = f"{10 ** (decades % 1):.2e}".split("e")
    return f"{float(mantissa):g}·10^{math.floor(decades) + int(tens)}"


def regime(
    log_change: float, error: float = 0.0, dead: float = 0.0, critical: bool = False, spread: float = 0.0
) -> Regime:
    """Return the regime of a change of the gradient norm over the whole depth.

    Parameters
    ----------
    log_change : ln(‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖), the mean over networks with a gradient.
    error : half the length of its 99 % interval, 0 for what is exact, NaN where it is not known.
    dead : share of the networks without any gradient.
    critical : whether χ = 1 along the whole depth; then the drift of a finite network, of order depth/width, counts
        only beyond twice the spread between networks.
    spread : standard deviation between networks.

    Examples
    --------
    >>> [str(regime(-56.8)), str(regime(5.8, 0.3)), str(regime(7.0, 0.3)), str(regime(0.0, dead=0.6))]
    ['vanishes', 'balanced', 'undecided', 'dead']
    >>> str(regime(-12.0, spread=9.0, critical=True))
    'critical'
    """
    if dead > DEAD or log_change == -math.inf:
        return Regime.dead
    if math.isnan(log_change):
        return Regime.undecided
    size, known = abs(log_change), error if math.isfinite(error) else math.inf
    if critical and size <= max(LIMIT, 2 * spread):
        return Regime.critical
    if abs(size - LIMIT) < known:
        return Regime.undecided
    if size < LIMIT:
        return Regime.balanced
    return Regime.explodes if log_change > 0 else Regime.vanishes
