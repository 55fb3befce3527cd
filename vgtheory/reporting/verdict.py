"""The verdict in one sentence: a pure function of what was found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from vgtheory.reporting.describe import number, power_of_ten, with_error
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint

if TYPE_CHECKING:
    from vgtheory.reporting.findings import Findings

# A change of the gradient norm over the whole depth by less than this is harmless: one order of magnitude.
HARMLESS = math.log(10)
# A finite-width shift of ln‖·‖ that is worth a sentence.
NOTABLE = 0.1
# |χ − 1| that counts as critical: σ_w given as a double, e.g. √2, and the quadrature of χ both end well below it.
CRITICAL = 1e-7


class Regime(StrEnum):
    """What the gradient does on its way from the last layer to the first."""

    vanishes = "vanishes"
    explodes = "explodes"
    critical = "critical"
    balanced = "balanced"
    dies = "dies"


@dataclass(frozen=True)
class Verdict:
    """The regime seen in the simulation, the one that mean field predicts, and the sentences that say so."""

    regime: Regime
    predicted: Regime | None
    sentence: str
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return the sentence and its notes."""
        return " ".join((self.sentence, *self.notes))


def verdict(f: Findings) -> Verdict:
    """Return the verdict on the network."""
    predicted = _predicted(f)
    growth = f.growth
    if growth.dead * 2 > growth.samples:
        return Verdict(Regime.dies, predicted, _death(f), (_remedy(f),))
    regime = _observed(growth.change)
    # At χ = 1 the drift is of order depth/width, the spread its root: critical as long as the drift hides in it.
    if predicted is Regime.critical and (regime is Regime.balanced or abs(growth.change) <= 2 * growth.std):
        regime = Regime.critical
    notes = [note for note in (_disagreement(f, regime, predicted), _deaths(f), _remedy(f)) if note]
    return Verdict(regime, predicted, _sentence(f, regime), tuple(notes))


def _observed(change: float) -> Regime:
    if abs(change) <= HARMLESS:
        return Regime.balanced
    return Regime.explodes if change > 0 else Regime.vanishes


def _predicted(f: Findings) -> Regime | None:
    if f.final_chi is None or f.predicted_change is None:
        return None
    if abs(f.final_chi - 1) <= CRITICAL and abs(f.mean_field_change or 0.0) <= 1e-3:
        return Regime.critical
    return _observed(f.predicted_change)


def _sentence(f: Findings, regime: Regime) -> str:
    growth = f.growth
    if growth.layers == 1:
        return "Balanced: a network of one layer has a single gradient, which cannot vanish or explode with depth."
    word = {Regime.explodes: "grows", Regime.vanishes: "shrinks"}.get(
        regime, "grows" if growth.change > 0 else "shrinks"
    )
    factor = math.exp(min(growth.rate, 700.0))
    per_layer = f"a factor {number(factor, 5)} per layer"
    total = (
        f"{with_error(growth.change, growth.stderr)} in ln‖∂ℓ/∂h_l‖ from layer {growth.layers} to layer 1, "
        f"a factor {power_of_ten(growth.change)} in all"
    )
    if regime is Regime.critical:
        head = f"Critical: χ = {number(f.final_chi or 1.0, 6)}, and"
    elif regime is Regime.balanced:
        head = f"Balanced at depth {growth.layers}:"
    else:
        head = f"{regime.value.capitalize()}:"
    return f"{head} the simulated gradient norm {word} by {per_layer} on its way back to the input ({total})."


def _disagreement(f: Findings, regime: Regime, predicted: Regime | None) -> str:
    """Return a sentence where width → ∞ and the simulated finite network say different things."""
    width, growth = min(f.network.widths), f.growth
    opposite = {Regime.vanishes: Regime.explodes, Regime.explodes: Regime.vanishes}
    if predicted is not None and opposite.get(regime) is predicted:
        return f"Theory at this depth says that it {predicted.value}; the simulated networks disagree."
    gap = growth.change - f.mean_field_change if f.mean_field_change is not None else 0.0
    if not (growth.stderr > 0 and abs(gap) > 3 * growth.stderr and abs(gap) > NOTABLE):
        return ""
    chi_one = "with χ = 1 exactly" if predicted is Regime.critical else "the root mean square"
    return (
        f"At width {width} that is {number(abs(gap), 2)} in ln {'below' if gap < 0 else 'above'} mean field "
        f"(width → ∞, {chi_one}), and networks differ by a factor {power_of_ten(growth.std)} (one standard "
        "deviation): the typical gradient is not the mean one."
    )


def _deaths(f: Findings) -> str:
    dead = f.growth.dead
    if not dead:
        return ""
    return f"{dead} of {f.growth.samples} networks are dead (a gradient of exactly 0) and are counted apart."


def _death(f: Findings) -> str:
    return (
        f"Dies: in {f.growth.dead} of {f.growth.samples} simulated networks a whole layer has φ' = 0, "
        "so that the gradient before it is exactly 0."
    )


def _remedy(f: Findings) -> str:
    sigma_w = f.network.sigmas[0][0]
    if not isinstance(f.critical, CriticalPoint):
        if f.network.activation.homogeneous_degree == 1 and f.final_chi:
            return _homogeneous_remedy(sigma_w, f.final_chi)
        return f"There is no critical σ_w here: {f.critical.reason}."
    there = f.critical.sigma_w
    if abs(there - sigma_w) <= 1e-9 * max(1.0, there):
        return "It has the critical σ_w."
    stable = "" if f.critical.stable else " (its fixed point is unstable, so the network does not stay there)"
    return f"σ_w = {number(there, 6)} would make it critical{stable}."


def _homogeneous_remedy(sigma_w: float, chi: float) -> str:
    """Return what to do where φ(tx) = tφ(x): χ ∝ σ_w² at every q, so χ = 1 is possible although no q stays fixed."""
    there = sigma_w / math.sqrt(chi)
    now = "It keeps" if abs(chi - 1) <= CRITICAL else f"σ_w = {number(there, 6)} would keep"
    return (
        f"{now} the gradient (χ = 1 at every q), but each layer then adds σ_b² to q, which has no fixed point: "
        "σ_b = 0 makes it critical."
    )
