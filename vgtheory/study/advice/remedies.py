"""What can be changed: each remedy a function from the network to networks that might do better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil

import numpy as np
from scipy.special import ndtri  # scipy.stats takes half a second to import

from vgtheory._errors import VgtheoryError
from vgtheory.codegen.compiled import compile_activation
from vgtheory.model.architecture import Skip, to_norm
from vgtheory.model.capabilities import works
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.model.weights import Weights
from vgtheory.study.advice import code
from vgtheory.study.advice.code import Code
from vgtheory.study.advice.critical_points import critical_points
from vgtheory.study.advice.trial import Trial
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.saturation import GRID, flat_slope
from vgtheory.theory.asymptotics.mean_field import log_length_profile
from vgtheory.theory.asymptotics.transform import transform_activation
from vgtheory.theory.regime import RARELY

_OTHERS = ("tanh", "relu", "gelu", "silu", "selu", "leaky_relu")  # what people replace an activation by
_SPREAD = 0.5  # wanted standard deviation of ln‖gradient‖ between networks
_MOST_WIDTH = 16_384
_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ"}  # as the words write γ(φ(αx + β) + δ)
_LASTING = ("skip connection", "normalisation")
COSTLY = 0.1  # share of flat units that is a price worth saying
_NORMAL = ndtri((np.arange(2000) + 0.5) / 2000)
_MOST = {"activation": 3}  # remedies of a kind that are worth listing, 1 of the others


@dataclass(frozen=True)
class Remedy:
    """One change, the network that it makes, and what it does.

    Attributes
    ----------
    kind : "critical scale", "orthogonal weights", "activation", "activation transform", "skip connection",
        "normalisation" or "width"; of modules also "measured scales" and "recurrence".
    change : what to do, in words.
    network : the changed network; None of a module that is none of this package's.
    trial : predicted and simulated change of the gradient norm over the depth; of modules measured on copies.
    code : PyTorch, to be pasted where ``model`` is defined; it edits or rebinds ``model``.  "" for a width,
        which is chosen where the model is built.
    jax : lines for JAX; "" where it has no words of its own.
    cost : what it costs, as a sentence; "" where that is nothing.
    loss : of modules, the loss on x after 30 steps of training (Adam, rate 0.001); else None.
    """

    kind: str
    change: str
    network: Network | None
    trial: Trial
    code: str
    jax: str
    cost: str = ""
    loss: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A change that has not been tried yet."""

    kind: str
    change: str
    network: Network
    code: Code
    cost: str = ""


def candidates(network: Network, trial: Trial) -> Iterator[Candidate]:
    """Yield every change that is worth a trial, kind by kind."""
    for family in _FAMILIES:
        yield from family(network, trial)


def _scales(network: Network, trial: Trial) -> Iterator[Candidate]:
    own = network.sigmas[-1][1]
    biases = (own,) if trial.dead <= RARELY else (own, 0.0)  # biases may be what kills
    points = (point for sigma_b in biases for point in critical_points(network.activation, sigma_b))
    for sigma_w, sigma_b in dict.fromkeys(points):
        for law, kind in ((Weights.gaussian, "critical scale"), (Weights.orthogonal, "orthogonal weights")):
            if kind == "orthogonal weights" and len(set(network.widths)) > 1:
                continue
            made = replace(network, weights=law(sigma_w, sigma_b))
            name = "Gaussian" if kind == "critical scale" else "orthogonal"
            yield Candidate(
                kind, f"{name} weights with σ_w = {sigma_w:.6g}, σ_b = {sigma_b:.6g}", made, code.weights(made)
            )


def _activations(network: Network, _: Trial) -> Iterator[Candidate]:
    for name in _OTHERS:
        other = activation(name)
        if other == network.activation:
            continue
        for sigma_w, sigma_b in islice(critical_points(other), 1):
            made = replace(network, activation=other, weights=Weights.gaussian(sigma_w, sigma_b))
            words = f"{name} with Gaussian weights, σ_w = {sigma_w:.6g}, σ_b = {sigma_b:.6g}"
            yield Candidate("activation", words, made, code.activation(made, network.activation.name))


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
        values = ", ".join(
            f"{_GREEK.get(key, key)} = {value:.6g}".replace("-", "−") for key, value in shaped.parameters.items()
        )
        how = "the slope of its left half-line" if len(shaped.parameters) == 1 else "γ(φ(αx + β) + δ) instead of φ"
        text = code.transformed(made, network.activation, shaped.parameters, network.activation.name)
        yield Candidate("activation transform", f"{how}, {values} ({name}), σ_w = 1, σ_b = 0", made, text)


def _skips(network: Network, _: Trial) -> Iterator[Candidate]:
    if len(set(network.widths)) > 1:
        return
    depth = float(network.depth)
    for scale, words, size in (("1/sqrt(depth)", "1/√L", depth**-0.5), ("1/depth", "1/L", 1 / depth)):
        skip = Skip(scale) if network.skip is None else replace(network.skip, scale=scale)
        if skip == network.skip:
            continue
        branch = "φ(h_l)" if skip.matrices == 1 else "W'_l φ(h_l)"
        words = f"skip connections x_l = x_{{l−1}} + a {branch} with a = {words}, weights as they are"
        text = code.skip(size, network.activation.name)
        yield Candidate("skip connection", words, replace(network, skip=skip), text)


def _norms(network: Network, _: Trial) -> Iterator[Candidate]:
    if network.norm is not None and network.norm.kind != "batch":
        return
    for name, words in (("layer", "layer norm"), ("rms", "RMS norm")):
        words += " instead of batch norm" if network.norm is not None else " before the activation"
        words += ", weights as they are"
        yield Candidate("normalisation", words, replace(network, norm=to_norm(name)), code.norm(name))


def _widths(network: Network, trial: Trial) -> Iterator[Candidate]:
    """Yield the width at which networks of this depth differ by a factor of √e only: the spread falls like 1/√N."""
    if trial.std <= _SPREAD or isinstance(network.width, tuple):
        return
    width = ceil(float(network.width) * (trial.std / _SPREAD) ** 2)
    if width <= _MOST_WIDTH:
        yield Candidate("width", f"width {width} for this depth", replace(network, width=width), _NO_CODE)
        for sigma_w, sigma_b in islice(critical_points(network.activation, network.sigmas[-1][1]), 1):
            made = replace(network, width=width, weights=Weights.gaussian(sigma_w, sigma_b))
            words = f"width {width} and Gaussian weights with σ_w = {sigma_w:.6g}, σ_b = {sigma_b:.6g}"
            yield Candidate("width", words, made, code.weights(made))


_NO_CODE = Code("", "")
_FAMILIES: tuple[Callable[[Network, Trial], Iterator[Candidate]], ...] = (
    _scales, _activations, _transforms, _skips, _norms, _widths
)  # fmt: skip


def tried(candidate: Candidate, trial: Trial) -> Remedy:
    """Return the candidate with its trial."""
    text, cost = candidate.code, candidate.cost or _cost(candidate.network)
    return Remedy(candidate.kind, candidate.change, candidate.network, trial, text.pytorch, text.jax, cost)


@kept
def _cost(network: Network) -> str:
    """Return how many units are saturated at the length at which signals settle, where that is many."""
    if isinstance(network, BlockNetwork) or network.parts or not works(network, "predict"):
        return ""
    if network.activation.homogeneous_degree == 1:  # half of its units are off however long the signal is
        return ""
    try:
        q = float(np.exp(log_length_profile(network)[-1]))
    except VgtheoryError:
        return ""
    slopes = np.abs(compile_activation(network.activation).gradient(np.sqrt(q) * _NORMAL))
    possible = max(float(slopes.max()), float(np.abs(compile_activation(network.activation).gradient(GRID)).max()))
    share = float(np.mean(slopes <= flat_slope(possible)))
    return f"q* = {q:.3g}: {100 * share:.0f} % of the units are saturated" if share > COSTLY else ""


def best_of_each_kind(remedies: list[Remedy]) -> tuple[Remedy, ...]:
    """Return the best remedy of each kind (three activations) by the one rule that ranks them.

    First what comes nearest to keeping the gradient of a typical network: :attr:`Trial.off`, which tables show beside
    each remedy; where that is equal, what has no cost.

    Of modules, first what brings the gradient within balance, of that what lasts, then the loss after training: a skip
    connection or a normalisation keeps the gradient whatever training makes of the weights; scales of weights and other
    functions are right where it starts.
    """
    ranked = sorted(remedies, key=_rank)
    seen: Counter[str] = Counter()
    kept = []
    for remedy in ranked:
        seen[remedy.kind] += 1
        if seen[remedy.kind] <= _MOST.get(remedy.kind, 1):
            kept.append(remedy)
    return tuple(kept)


def _rank(remedy: Remedy) -> tuple[bool, bool, float, float, bool, float]:
    trial, trained = remedy.trial, remedy.loss is not None
    unbalanced, passing = trained and not trial.regime.harmless, trained and remedy.kind not in _LASTING
    return unbalanced, passing, remedy.loss or 0.0, trial.off, remedy.cost != "", trial.badness
