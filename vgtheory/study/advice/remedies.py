"""What can be changed: each remedy a function from the network to networks that might do better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil
from typing import Any

from vgtheory._errors import VgtheoryError
from vgtheory.model.architecture import Skip, to_norm
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.advice.recipes import Recipe, recipe
from vgtheory.study.advice.trial import Trial
from vgtheory.symbolic.catalogue import activation
from vgtheory.theory.asymptotics.critical_scale import critical_scale
from vgtheory.theory.asymptotics.transform import transform_activation

# Biases at which a critical point is looked for where the network's own has none: small ones keep q* small, but GELU
# and SiLU have stable critical points from σ_b = 0.416 and 0.745 on only.
_BIASES = (0.0, 0.05, 0.2, 0.5, 0.8)
_OTHERS = ("tanh", "relu", "gelu", "silu", "selu", "leaky_relu")  # what people replace an activation by
_SPREAD = 0.5  # wanted standard deviation of ln‖gradient‖ between networks
_MOST_WIDTH = 16_384
_MOST = {"activation": 3}  # remedies of a kind that are worth listing, 1 of the others


@dataclass(frozen=True)
class Remedy:
    """One change, the network that it makes, and what it does.

    Attributes
    ----------
    kind : "critical scale", "orthogonal weights", "activation", "activation transform", "skip connection",
        "normalisation" or "width".
    change : what to do, in words.
    network : the changed network.
    trial : predicted and simulated change of the gradient norm over the depth.
    recipe : code to copy; None where the weights stay as they are.
    """

    kind: str
    change: str
    network: Network
    trial: Trial
    recipe: Recipe | None


@dataclass(frozen=True)
class Candidate:
    """A change that has not been tried yet."""

    kind: str
    change: str
    network: Network
    recipe: Recipe | None


def candidates(network: Network, trial: Trial) -> Iterator[Candidate]:
    """Yield every change that is worth a trial, kind by kind."""
    for family in _FAMILIES:
        yield from family(network, trial)


def _critical_scales(act: Any, own_bias: float) -> Iterator[tuple[float, float]]:
    """Yield (σ_w, σ_b) of the stable critical point at the given bias, or else of those at small ones."""
    for sigma_b in dict.fromkeys((own_bias, *_BIASES)):
        try:
            point = critical_scale(act, sigma_b)
        except VgtheoryError:
            continue
        if point.stable:
            yield point.sigma_w, sigma_b
            if sigma_b == own_bias:
                return


def _scales(network: Network, _: Trial) -> Iterator[Candidate]:
    for sigma_w, sigma_b in _critical_scales(network.activation, network.sigmas[-1][1]):
        for law, kind in ((Weights.gaussian, "critical scale"), (Weights.orthogonal, "orthogonal weights")):
            if kind == "orthogonal weights" and len(set(network.widths)) > 1:
                continue
            made = replace(network, weights=law(sigma_w, sigma_b))
            name = "Gaussian" if kind == "critical scale" else "orthogonal"
            yield Candidate(kind, f"{name} weights with σ_w = {sigma_w:.6g}, σ_b = {sigma_b:.6g}", made, recipe(made))


def _activations(network: Network, _: Trial) -> Iterator[Candidate]:
    for name in _OTHERS:
        other = activation(name)
        if other == network.activation:
            continue
        for sigma_w, sigma_b in islice(_critical_scales(other, 0.0), 1):
            made = replace(network, activation=other, weights=Weights.gaussian(sigma_w, sigma_b))
            words = f"{name} with Gaussian weights, σ_w = {sigma_w:.6g}, σ_b = {sigma_b:.6g}"
            yield Candidate("activation", words, made, recipe(made))


def _transforms(network: Network, _: Trial) -> Iterator[Candidate]:
    """Yield φ̂(x) = γ(φ(αx + β) + δ) by deep kernel shaping for this depth, and tailored (two half-lines: α alone)."""
    if network.parts:
        return
    for method, name in (("dks", "deep kernel shaping"), ("tat", "tailored activation")):
        try:
            shaped = transform_activation(network.activation, int(network.depth), method)  # type: ignore[arg-type]
        except VgtheoryError:
            continue
        made = replace(network, activation=shaped.activation, weights=Weights.gaussian(1))
        values = ", ".join(f"{key} = {value:.6g}" for key, value in shaped.parameters.items())
        how = "the slope of its left half-line" if len(shaped.parameters) == 1 else "γ(φ(αx + β) + δ) instead of φ"
        yield Candidate("activation transform", f"{how}, {values} ({name}), σ_w = 1, σ_b = 0", made, recipe(made))


def _skips(network: Network, _: Trial) -> Iterator[Candidate]:
    if len(set(network.widths)) > 1:
        return
    for scale, words in (("1/sqrt(depth)", "1/√L"), ("1/depth", "1/L")):
        skip = Skip(scale) if network.skip is None else replace(network.skip, scale=scale)
        if skip == network.skip:
            continue
        branch = "φ(h_l)" if skip.matrices == 1 else "W'_l φ(h_l)"
        words = f"x_l = x_{{l−1}} + a {branch} with a = {words}, weights as they are"
        yield Candidate("skip connection", words, replace(network, skip=skip), None)


def _norms(network: Network, _: Trial) -> Iterator[Candidate]:
    if network.norm is not None and network.norm.kind != "batch":
        return
    for name, words in (("layer", "layer norm"), ("rms", "RMS norm")):
        words += " instead of batch norm" if network.norm is not None else " before the activation"
        yield Candidate("normalisation", f"{words}, weights as they are", replace(network, norm=to_norm(name)), None)


def _widths(network: Network, trial: Trial) -> Iterator[Candidate]:
    """Yield the width at which networks of this depth differ by a factor of √e only: the spread falls like 1/√N."""
    if trial.std <= _SPREAD or isinstance(network.width, tuple):
        return
    width = ceil(float(network.width) * (trial.std / _SPREAD) ** 2)
    if width <= _MOST_WIDTH:
        yield Candidate("width", f"width {width} for this depth", replace(network, width=width), None)
        for sigma_w, sigma_b in islice(_critical_scales(network.activation, network.sigmas[-1][1]), 1):
            made = replace(network, width=width, weights=Weights.gaussian(sigma_w, sigma_b))
            words = f"width {width} and Gaussian weights with σ_w = {sigma_w:.6g}, σ_b = {sigma_b:.6g}"
            yield Candidate("width", words, made, recipe(made))


_FAMILIES: tuple[Callable[[Network, Trial], Iterator[Candidate]], ...] = (
    _scales, _activations, _transforms, _skips, _norms, _widths
)  # fmt: skip


def tried(candidate: Candidate, trial: Trial) -> Remedy:
    """Return the candidate with its trial."""
    return Remedy(candidate.kind, candidate.change, candidate.network, trial, candidate.recipe)


def best_of_each_kind(remedies: list[Remedy]) -> tuple[Remedy, ...]:
    """Return the best remedy of each kind (three activations), ranked by the simulated badness."""
    ranked = sorted(remedies, key=lambda remedy: remedy.trial.badness)
    seen: Counter[str] = Counter()
    kept = []
    for remedy in ranked:
        seen[remedy.kind] += 1
        if seen[remedy.kind] <= _MOST.get(remedy.kind, 1):
            kept.append(remedy)
    return tuple(kept)
