"""Remedies for a PyTorch module that exists: each is applied to copies of it, and what it does there is measured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import inf, isfinite
from typing import Any

import numpy as np

from vgtheory._errors import TargetMissedWarning, UnsupportedError, VgtheoryError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.advice import code
from vgtheory.study.advice.code import Code
from vgtheory.study.advice.critical_points import critical_points
from vgtheory.study.advice.learning import loss_after_steps
from vgtheory.study.advice.remedies import COSTLY, Remedy
from vgtheory.study.advice.trial import Trial
from vgtheory.study.growth import Growth
from vgtheory.study.inspection import Inspection
from vgtheory.study.inspection.functions import of_the_catalogue
from vgtheory.study.inspection.inspection import Subject
from vgtheory.study.inspection.modules.initialise import Initialisation, initialise
from vgtheory.study.inspection.modules.model_copy import copied
from vgtheory.study.inspection.modules.recognised import Chain
from vgtheory.study.inspection.modules.watched import inspect_module
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation
from vgtheory.theory.asymptotics.transform import transform_activation

DRAWS = 3  # of the weights that a remedy draws anew
_OTHERS = ("relu", "gelu", "silu", "tanh")


@dataclass(frozen=True)
class Proposal:
    """A change of a module that has not been tried yet; `network` is the chain that it makes of a recognised one."""

    kind: str
    change: str
    code: Code
    network: Network | None


def proposals(found: Inspection, subject: Subject) -> Iterator[Proposal]:
    """Yield every change that is worth a try, by what the inspection saw."""
    depth = found.table.sizes["call"]
    seen = _activation_of(subject)
    scales, recurrent = _balanced(subject)
    if found.recurrence is not None:
        steps = found.recurrence.sizes["time"]
        words = f"orthogonal recurrent weights (gain {recurrent:.4g}), gates that remember for 1 to {steps} steps"
        yield Proposal("recurrence", words, code.recurrent(recurrent, steps), None)
    if scales is not None:
        yield scales
    if seen is None:
        return
    old, act = seen
    network = found.network if isinstance(found.known, Chain) and not found.known.norm else None
    if act is not None:
        yield from _scaled(network, act, depth)
    for name in _OTHERS:
        other = activation(name)
        if name != old and other != act:
            yield from _replaced(network, other, depth, old)
    if act is not None:
        yield from _transformed(network, act, depth, old)
    for scale, words in ((depth**-0.5, "1/√L"), (1 / depth, "1/L")):
        around = f"x_l = x_{{l−1}} + a φ(h_l) with a = {words} = {scale:.4g} around square layers"
        change = f"skip connections {around}, weights as they are"
        yield Proposal("skip connection", change, code.skip(scale, old), None)
    for kind, words in (("layer", "layer norm"), ("rms", "RMS norm")):
        yield Proposal("normalisation", f"{words} behind every layer but the last", code.norm(kind), None)


def _balanced(subject: Subject) -> tuple[Proposal | None, float]:
    """Return the weights with which a copy's gradient keeps its norm from call to call as a change, by parameter.

    None where they are what the model has.  And the gain of the recurrent weights of plain recurrent modules, 1 without
    any.
    """
    twin, recurrent = copied(subject.torch, subject.model), 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TargetMissedWarning)  # the trial says how near it comes
        found = initialise(twin, subject.x, loss=subject.loss, seed=subject.seed)
    plain = {name or type(part).__name__ for name, part in twin.named_modules() if type(part).__name__ == "RNN"}
    for name, sigma_w in zip(found.changed.module.values.tolist(), found.changed.after.values.tolist(), strict=True):
        recurrent = sigma_w if name in plain else recurrent
    timeless = _outside(subject.torch.nn.RNNBase, twin)
    gains = {name: _gain(twin.get_parameter(name).detach()) for name in filter(timeless, found.drawn)}
    biases, branches = list(filter(timeless, found.zeroed)), list(found.scaled)
    if not gains and not branches:
        return None, recurrent
    text = code.gains(gains, biases, branches, found.branch_scale)
    return Proposal("measured scales", _scales_in_words(gains, found), text, None), recurrent


def _outside(kind: type, model: Any) -> Callable[[str], bool]:
    """Return whether the parameter of a name is of no module of some kind."""
    return lambda name: not isinstance(model.get_submodule(name.rpartition(".")[0]), kind)


def _gain(weight: Any) -> float:
    """Return the length of the rows, or columns, of a matrix that has orthogonal ones of one length."""
    return float((weight.double().square().sum() / min(len(weight), weight[0].numel())).sqrt())


def _activation_of(subject: Subject) -> tuple[str, Activation | None] | None:
    """Return torch's name of the function that most layers use, and which one of the catalogue it is."""
    if subject.function is None:
        return None
    name, probe = subject.function
    return name, of_the_catalogue(name, probe)


def _chain(network: Network | None, act: Activation, weights: Weights, depth: int) -> tuple[Network, Network | None]:
    """Return the network whose code it is, and that of which theory predicts something (None: unlike any)."""
    if network is None:
        return Network(act, weights, width=1, depth=depth), None
    made = replace(network, activation=act, weights=weights)
    return made, made


def _scaled(network: Network | None, act: Activation, depth: int) -> Iterator[Proposal]:
    for sigma_w, sigma_b in critical_points(act):
        for law, kind, words in (
            (Weights.gaussian, "critical scale", "Gaussian"),
            (Weights.orthogonal, "orthogonal weights", "orthogonal"),
        ):
            made, known = _chain(network, act, law(sigma_w, sigma_b), depth)
            change = f"{words} weights with σ_w = {sigma_w:.6g}, σ_b = {sigma_b:.6g}"
            yield Proposal(kind, change, code.weights(made), known)


def _replaced(network: Network | None, other: Activation, depth: int, old: str) -> Iterator[Proposal]:
    for sigma_w, sigma_b in islice(critical_points(other), 1):
        for law, words in ((Weights.gaussian, "Gaussian"), (Weights.orthogonal, "orthogonal")):
            made, known = _chain(network, other, law(sigma_w, sigma_b), depth)
            change = f"{other.name} with {words} weights, σ_w = {sigma_w:.6g}, σ_b = {sigma_b:.6g}"
            yield Proposal("activation", change, code.activation(made, old), known)


def _transformed(network: Network | None, act: Activation, depth: int, old: str) -> Iterator[Proposal]:
    for method, name in (("dks", "deep kernel shaping"), ("tat", "tailored activation")):
        try:
            shaped = transform_activation(act, depth, method)  # type: ignore[arg-type]
        except VgtheoryError:
            continue
        made, known = _chain(network, shaped.activation, Weights.gaussian(1), depth)
        values = ", ".join(f"{key} = {value:.6g}" for key, value in shaped.parameters.items())
        how = "half-lines" if len(shaped.parameters) == 1 else "γ(φ(αx + β) + δ) instead of φ"
        text = code.transformed(made, act, shaped.parameters, old)
        yield Proposal("activation transform", f"{how}, {values} ({name}), σ_w = 1, σ_b = 0", text, known)


def _scales_in_words(gains: dict[str, float], found: Initialisation) -> str:
    said = []
    if gains:
        least, most = min(gains.values()), max(gains.values())
        between = f"{len(gains)} gains between {least:.3g} and {most:.3g}"
        said.append(f"orthogonal weights, {between} by which each layer keeps the norm")
    if found.branch_scale != 1:
        said.append(
            f"the last layers of {found.branches} residual branches {found.branch_scale:.3g} times what they were"
        )
    return "; ".join(said)


def applied(subject: Subject, text: str, seed: int) -> tuple[Inspection, Any]:
    """Return the inspection of a copy of the module in which a remedy's code has run, and that copy.

    Raises UnsupportedError where the code does not fit the module, or the module cannot be copied.
    """
    torch = subject.torch
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            names = {"model": copied(torch, subject.model)}
            exec(text, names)  # noqa: S102 - our own text
        return inspect_module(torch, names["model"], subject.x, subject.loss, subject.seed), names["model"]
    except VgtheoryError:
        raise
    except Exception as problem:
        raise UnsupportedError(f"does not fit this model: {type(problem).__name__}: {problem}") from problem


def measured(subject: Subject, proposal: Proposal, seed: int) -> tuple[Trial, Inspection, Any]:
    """Return the change of the gradient over some draws of a remedy; and the last one, its inspection and model.

    Raises UnsupportedError where one of them leaves the range of numbers.
    """
    tried = [applied(subject, proposal.code.pytorch, seed + draw) for draw in range(DRAWS)]
    broken = next((found for found, _ in tried if without_numbers(found)), None)
    if broken is not None:
        raise UnsupportedError(str(broken.reasons[0]).rstrip("."))
    changes = [found.log_change if isfinite(found.log_change) else -inf for found, _ in tried]
    found, model = tried[-1]
    # Theory, which knows hidden layers alone, predicts none of these changes.
    return Trial(Growth.of(changes, steps_of(found))), found, model


def without_numbers(found: Inspection) -> bool:
    """Return whether the signal overflows or is NaN, so that no change of a gradient was measured."""
    return any(cause.kind in ("overflow", "nan") for cause in found.reasons)


def steps_of(found: Inspection) -> int:
    """Return over how many calls, or steps in time, a gradient was measured."""
    return max(found.table.sizes["call"], 1 if found.recurrence is None else found.recurrence.sizes["time"])


def price(found: Inspection) -> str:
    """Return what a remedy costs, as seen in the model that it made; "" where that is nothing."""
    shares = found.table.outgrown.values
    known = shares[np.isfinite(shares)]
    share = float(known.mean()) if len(known) else 0.0
    if share <= COSTLY:
        return ""
    size = float(np.median(found.table.rms.values))
    return f"{share:.0%} of the units are saturated by the size of their signals, whose rms is {size:.3g}"


def as_remedy(subject: Subject, proposal: Proposal, trial: Trial, found: Inspection, model: Any) -> Remedy:
    """Return the proposal with what was measured of it; the model is trained for some steps."""
    text, loss = proposal.code, loss_after_steps(subject, model)
    cost = price(found)
    return Remedy(proposal.kind, proposal.change, proposal.network, trial, text.pytorch, text.jax, cost, loss)
