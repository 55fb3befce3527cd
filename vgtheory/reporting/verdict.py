"""The verdict in one sentence: a pure function of what was found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vgtheory.reporting.wording import number, power_of_ten, with_error
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint
from vgtheory.theory.regime import Regime, is_critical, regime

if TYPE_CHECKING:
    from vgtheory.reporting.findings import Findings

# A finite-width shift of ln‖·‖ that is worth a sentence.
NOTABLE = 0.1
# A change of σ_w that moves the gradient norm by less than a factor of e^0.1 over the whole depth is none.
SAME = 0.1


_ALIVE = "More width, or an activation whose slope is nowhere 0 (e.g. leaky_relu), keeps layers alive; no σ_w does."


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
    found = f.growth.regime(critical=predicted is Regime.critical)
    if found is Regime.dead:
        return Verdict(found, predicted, _death(f), (_ALIVE, _remedy(f)))
    notes = [note for note in (_disagreement(f, found, predicted), _deaths(f), _remedy(f)) if note]
    return Verdict(found, predicted, _sentence(f, found), tuple(notes))


def _predicted(f: Findings) -> Regime | None:
    if f.predicted_change is None:
        return None
    return regime(f.predicted_change, critical=is_critical(f.prediction))


def _sentence(f: Findings, found: Regime) -> str:
    growth = f.growth
    if growth.layers == 1:
        return "Balanced: a network of one layer has a single gradient, which cannot vanish or explode with depth."
    word = {Regime.explodes: "grows", Regime.vanishes: "shrinks"}.get(
        found, "grows" if growth.change > 0 else "shrinks"
    )
    factor = math.exp(min(growth.rate, 700.0))
    per_layer = f"a factor of {number(factor, 5)} per layer"
    total = (
        f"{with_error(growth.change, growth.stderr)} in ln‖∂ℓ/∂h_l‖ from layer {growth.layers} to layer 1, "
        f"a factor of {power_of_ten(growth.change)} in all"
    )
    if found is Regime.critical:
        head = f"Critical: χ = {number(f.final_chi or 1.0, 6)}, and"
    elif found is Regime.balanced:
        head = f"Balanced at depth {growth.layers}:"
    else:
        head = f"{found.value.capitalize()}:"
    return f"{head} the simulated gradient norm {word} by {per_layer} on its way back to the input ({total})."


def _disagreement(f: Findings, found: Regime, predicted: Regime | None) -> str:
    """Return a sentence where width → ∞ and the simulated finite network say different things."""
    width, growth = min(f.network.widths), f.growth
    opposite = {Regime.vanishes: Regime.explodes, Regime.explodes: Regime.vanishes}
    if predicted is not None and opposite.get(found) is predicted:
        return f"Theory at this depth says that it {predicted.value}; the simulated networks disagree."
    gap = growth.change - f.mean_field_change if f.mean_field_change is not None else 0.0
    if not (growth.stderr > 0 and abs(gap) > 3 * growth.stderr and abs(gap) > NOTABLE):
        return ""
    chi_one = "with χ = 1 exactly" if predicted is Regime.critical else "the root mean square"
    return (
        f"At width {width} that is {number(abs(gap), 2)} in ln {'below' if gap < 0 else 'above'} mean field "
        f"(width → ∞, {chi_one}), and networks differ by a factor of {power_of_ten(growth.std)} (one standard "
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
    sigma_w, act = f.network.sigmas[0][0], f.network.activation
    if not isinstance(f.critical, CriticalPoint):
        if act.homogeneous_degree == 1 and f.final_chi:
            return _homogeneous_remedy(f, sigma_w, sigma_w / math.sqrt(f.final_chi))
        return f"There is no critical σ_w here: {f.critical.reason}."
    there = f.critical.sigma_w
    if _is_there(f, sigma_w, there):
        return "It has the critical σ_w."
    stable = "" if f.critical.stable else " (its fixed point is unstable, so the network does not stay there)"
    return f"σ_w = {number(there, 6)} would make it critical{stable}."


def _is_there(f: Findings, sigma_w: float, there: float) -> bool:
    """Return whether the critical scale would change nothing that can be seen at this depth."""
    return there > 0 and sigma_w > 0 and abs(math.log(there / sigma_w)) * max(f.growth.layers - 1, 1) <= SAME


def _homogeneous_remedy(f: Findings, sigma_w: float, there: float) -> str:
    """Return what to do where φ(tx) = tφ(x): χ ∝ σ_w² at every q, so χ = 1 is possible although no q stays fixed."""
    now = "It keeps" if _is_there(f, sigma_w, there) else f"σ_w = {number(there, 6)} would keep"
    return (
        f"{now} the gradient (χ = 1 at every q), but each layer then adds σ_b² to q, which has no fixed point: "
        "σ_b = 0 makes it critical."
    )
