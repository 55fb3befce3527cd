"""What goes wrong: read off the mean-field lengths and gains, layer by layer, and off a simulation."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Literal

import numpy as np

from vgtheory._errors import NoSolutionError
from vgtheory.model.capabilities import works
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.study.advice.trial import Trial
from vgtheory.theory.asymptotics.mean_field import best_gain, gradient_gain_at, log_length_profile
from vgtheory.theory.regime import CRITICAL, LOST, RARELY, Regime, power

Kind = Literal["vanishing", "exploding", "saturation", "length collapse", "length growth", "spread", "dead networks"]

_COLLAPSED, _GROWN = log(1e-3), log(1e3)  # change of q against its first layer
_SPREAD = 1.0  # standard deviation of ln‖gradient‖ between networks: a factor of e


@dataclass(frozen=True)
class Problem:
    """One thing that goes wrong.

    Attributes
    ----------
    kind : what it is.
    text : one sentence with numbers.
    from_layer : the first layer (counted from the input) where it holds; for vanishing and exploding gradients the last
        layer, counted from the input, whose gradient is off by more than 2^24; None where it belongs to no layer.
    """

    kind: Kind
    text: str
    from_layer: int | None = None


def problems_of(network: Network, trial: Trial) -> tuple[Problem, ...]:
    """Return what goes wrong in a network that has been tried, the gravest first; empty where nothing does."""
    return (*_gradient(network, trial), *_signal(network, trial.regime is Regime.vanishes), *_spread(network, trial))


def _gradient(network: Network, trial: Trial) -> list[Problem]:
    depth = int(network.depth)
    if trial.dead > RARELY:
        share = f"{trial.dead:.0%} of the simulated networks pass no gradient at all to layer 1."
        found = [Problem("dead networks", share)]
        if trial.dead == 1:
            return found
    else:
        found = []
    steps = depth - (not isinstance(network, BlockNetwork))  # of blocks the gradient at the start is known too
    if trial.regime_of_living not in (Regime.vanishes, Regime.explodes) or steps == 0:
        return found
    rate = trial.simulated / steps
    lost = int(depth + LOST / abs(rate))
    kind: Kind = "vanishing" if rate < 0 else "exploding"
    verb = "shrinks" if rate < 0 else "grows"
    unit = "step" if isinstance(network, BlockNetwork) and network.block.recurrent else "layer"
    change = f"{trial.simulated:.1f}".replace("-", "−")
    text = (
        f"The gradient norm {verb} by a factor of {exp(rate):.4g} per {unit} on its way back, "
        f"{change} ± {trial.growth.half_width:.1g} in ln over {steps} {unit}s"
    )
    if lost >= 1:
        text += f"; from layer {lost} down it is off by more than 2^24"
    return [*found, Problem(kind, text + ".", lost if lost >= 1 else None)]


def _signal(network: Network, vanishes: bool) -> list[Problem]:
    """Return what happens to the lengths q_l, and whether they drive the neurons into saturation."""
    if isinstance(network, BlockNetwork) or network.skip is not None or network.norm is not None:
        return []  # their lengths are not this recursion's
    if not works(network, "predict"):
        return []
    try:
        log_q = log_length_profile(network)
    except NoSolutionError as problem:
        return [Problem("length growth", f"{problem}.")]
    found = []
    change = log_q - log_q[0]
    if (change < _COLLAPSED).any():
        first = int(np.argmax(change < _COLLAPSED)) + 1
        text = f"The signal dies out: q_l falls from {exp(log_q[0]):.3g} to {power(float(log_q[-1]))}."
        found.append(Problem("length collapse", text, first))
    if (change > _GROWN).any():
        first = int(np.argmax(change > _GROWN)) + 1
        text = f"The signal grows without limit: q_l rises from {exp(log_q[0]):.3g} to {power(float(log_q[-1]))}."
        found.append(Problem("length growth", text, first))
    passed = np.asarray(gradient_gain_at(network.activation, np.exp(np.clip(log_q, -600, 600)), 1.0))
    best, at = best_gain(network.activation)
    # Signals that are too long saturate the neurons; φ' of GELU or SiLU is small where they are too short.
    saturated = (passed < best / 2) & (log_q > log(at))
    if vanishes and saturated.any():
        first = int(np.argmax(saturated)) + 1
        text = (
            f"Saturation: from layer {first} on a layer passes E φ'² = {passed[-1]:.3g} of the squared gradient "
            f"(at q = {power(float(log_q[-1]))}), where {best:.3g} is possible."
        )
        found.append(Problem("saturation", text, first))
    sigma_w = network.sigmas[-1][0]
    if vanishes and sigma_w**2 * best < 1 - CRITICAL:
        text = (
            f"The weights are too small: χ = σ_w² E φ'² is at most {sigma_w**2 * best:.3g} at σ_w = {sigma_w:.4g}, "
            f"whatever the length of the signal; σ_w ≥ {best**-0.5:.4g} is needed."
        )
        found.append(Problem("vanishing", text))
    return found


def _spread(network: Network, trial: Trial) -> list[Problem]:
    if trial.std < _SPREAD:
        return []
    ratio = float(network.depth) / min(network.widths)
    text = (
        f"Networks differ: one standard deviation is a factor of {power(trial.std)} in the gradient norm "
        f"at layer 1 (depth/width = {ratio:.3g}); the mean over networks says little about one of them."
    )
    return [Problem("spread", text)]
