"""`Cause`: what is to blame for a gradient, as a kind with numbers; here alone it gets its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite, isnan
from types import MappingProxyType
from typing import Any

_STEP = "the gradient changes by a factor of {here:.2g} here, by {usual:.2g} at others"
_OVER = "theory has {instead:+.1f} in ln of the gradient norm over the blocks, not {as_is:+.1f}"


@dataclass(frozen=True)
class Cause:
    """One thing that is to blame, or worth knowing.

    Attributes
    ----------
    kind : what it is, one of :data:`WORDS`.
    where : name of the module; "" where it is one of the whole.
    numbers : what was measured or predicted of it, by name.
    names : of modules, functions or parts that it is about.
    """

    kind: str
    where: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict, hash=False)
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", MappingProxyType(dict(self.numbers)))

    def __reduce__(self) -> tuple[Any, ...]:
        # A view of a dict can be neither pickled nor copied.
        return Cause, (self.kind, self.where, dict(self.numbers), self.names)

    def __str__(self) -> str:
        words = WORDS[self.kind]
        said = words if isinstance(words, str) else words(self)
        listed = {"names": ", ".join(self.names), "parts": " and ".join(self.names)}
        return said.format(where=self.where, **listed, **self.numbers)


def _dead_layer(cause: Cause) -> str:
    text = "{where}: φ' = 0 on every input for {share:.0%} of its units; no gradient gets past them"
    return text + ("; its biases are {bias:.3g} on average." if abs(cause.numbers["bias"]) > 0.1 else ".")


def _weights(cause: Cause) -> str:
    """Return σ_w beside the critical one where that is known, beside its smallest and largest value otherwise."""
    size = {-1: ", too small", 0: "", 1: ", too large"}[round(cause.numbers["size"])]
    if "critical" not in cause.numbers:
        here = f"{size} here" if size else ""
        return f"weights: σ_w = {{sigma_w:.3g}} ({{least:.3g}} to {{most:.3g}}){here}."
    if not size:
        return "weights: σ_w = {sigma_w:.3g}, about critical for {names} ({critical:.3g})."
    return f"weights: σ_w = {{sigma_w:.3g}} where {{critical:.3g}} is critical for {{names}}{size}."


def _over_time(cause: Cause) -> str:
    fall, steps = cause.numbers["fall"], cause.numbers["steps"]
    if isnan(fall):
        return "{where}: no gradient arrives at its last step."
    if not isfinite(fall):
        return "{where}: nothing of the gradient at step {steps:.0f} arrives at step 0."
    way = "falls" if fall < 0 else "grows"
    what = (
        "the last output's own gradient, beside those of other steps," if cause.numbers.get("alone") else "the gradient"
    )
    text = f"{{where}}: over {{steps:.0f}} steps back {what} {way} by {abs(fall):.1f} in ln"
    if abs(fall) > 1:
        text += f", e-fold every {steps / abs(fall):.3g} steps"
    return text + ("; it is below 2^−24 after {lost:.0f} of {length:.0f}." if "lost" in cause.numbers else ".")


def _overflow(cause: Cause) -> str:
    return "the signal leaves the range of float64 " + ("at {where}." if cause.where else "in the loss.")


def _nan(cause: Cause) -> str:
    if not cause.names:
        return "{where} holds NaN."
    return "NaN arises in {names}" + (" in {where}." if cause.where else ".")


def _fall(cause: Cause) -> str:
    if not isfinite(cause.numbers["size"]):
        return "{where}: at step {step:.0f} its {names} is 0; at step {since:.0f} it was not"
    told = "{where}: at step {step:.0f} its {names}, beside the last module's, is {size:.2g} times below step "
    return told + "{since:.0f}'s"


def _low(cause: Cause) -> str:
    told = "{where}: at step {step:.0f} its gradient is "
    return told + ("{size:.2g} times below the last module's" if isfinite(cause.numbers["size"]) else "0")


# A row for each kind: a text to be filled with the cause's numbers, or what makes it of them.
WORDS: Mapping[str, str | Callable[[Cause], str]] = {
    # one module of a model that was run
    "equal weights": "{where}: all its weights are equal; " + _STEP + ".",
    "zero weights": "{where}: its weights are 0 (others have σ_w = {others:.3g}); " + _STEP + ".",
    "dead layer": _dead_layer,
    "saturated layer": "{where}: {share:.0%} of its units are saturated (rms {rms:.3g}); " + _STEP + ".",
    "unlike scale": "{where}: σ_w = {sigma_w:.3g}, others have {others:.3g}; " + _STEP + ".",
    "missing skip": "{where}: no skip connection leads past it, as it does past others; " + _STEP + ".",
    "unlike gain": "{where}: " + _STEP + ".",
    "between": "between {names}, in no module of their own: " + _STEP + ".",
    "saturated units": "{where}: {share:.0%} of its units are saturated, of others {usual:.0%}.",
    "dead units": "{where}: {share:.0%} of its units are dead, of others {usual:.0%}.",
    "lost aside": "{names}: no more than 2^−24 of the gradient at {where} arrives there, beside the path judged.",
    "overflow": _overflow,
    "nan": _nan,
    "time": _over_time,
    # all of them
    "symmetric units": "symmetric units: in {count:.0f} of {calls:.0f} calls all weights are equal, "
    "so all units are one.",
    "biases": "biases: {bias:.3g} on average; from {where} on φ' = 0 on every input "
    "for {share:.0%} of the units and more.",
    "no path": "no gradient passes from one call to another.",
    "depth": "depth: {steps:.0f} times a factor whose median is {factor:.3g} per call.",
    "weights": _weights,
    "missing parts": "{parts}: none.",
    "saturation": "saturation: on average {share:.0%} of the units have |φ'| below 1 % of its largest.",
    "dead share": "dead units: on average {share:.0%} have φ' = 0 on every input.",
    "identical units": "identical units: all those of {names} say the same.",
    # by theory
    "padding": "padding: zeros around maps down to {names} positions cost about {cost:+.1f} in ln, by theory.",
    "missing skips": "skip connections: none around the parts of a block; with them " + _OVER + ".",
    "norm place": "norm place: behind the skip connections; in front of the branches " + _OVER + ".",
    # of stored weights
    "skip gain": "Every block adds to the gradient: with skip = {skip:g} and σ_w ≈ {sigma_w:.3g} it grows.",
    "large weights": "The weights are too large: σ_w ≈ {sigma_w:.3g}, E φ'² = {slope:.3g} at q ≈ {q:.3g}: χ > 1.",
    "dead stored": "Dead units: {share:.0%} of {where} have φ' = 0 on every input; on average {mean:.0%}.",
    "zero stored": "{where}: its weights are 0 (others have σ_w = {others:.3g}); no gradient gets past them.",
    "saturation stored": "Saturation: at q ≈ {q:.3g} a layer passes E φ'² = {slope:.3g}, of {best:.3g} at best; "
    "{share:.0%} of the neurons have |φ'| below 1 % of its largest value.",
    "small weights": "The weights are too small: σ_w ≈ {sigma_w:.3g}, and χ is at most σ_w²·{best:.3g} = {most:.3g}, "
    "whatever the length of the signal; σ_w ≥ {needed:.4g} is needed.",
    "gain": "χ = σ_w² E φ'² = {chi:.3g} at σ_w ≈ {sigma_w:.3g}, q ≈ {q:.3g}; these weights do worse.",
    "initialiser": "Weights: {names} ({count:.0f} of {layers:.0f} layers).",
    "outliers": "Singular values beyond the Marchenko–Pastur edge in {layers:.0f} layers, up to {most:.0f} in one.",
    # during training
    "fall": _fall,
    "low": _low,
    "no number": "{where}: at step {step:.0f} its {names} is no finite number",
}
