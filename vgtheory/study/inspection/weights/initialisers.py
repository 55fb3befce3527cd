"""Which initialiser a weight matrix looks like: a table of what frameworks draw, each tested against the matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from vgtheory.study.inspection.weights.chain import Layer
from vgtheory.study.inspection.weights.entries import EntryMoments, comes_from
from vgtheory.study.inspection.weights.matrix import MatrixFacts


@dataclass(frozen=True)
class Initialiser:
    """A way to draw a weight matrix: distribution of the entries, their variance by (fan_in, fan_out), biases."""

    name: str
    entries: str
    variance: Callable[[int, int], float]
    bias: str = "zero"


INITIALISERS = (
    # torch.nn.Linear: kaiming_uniform_(a=√5) is uniform on ±1/√fan_in, and so is the bias.
    Initialiser("PyTorch default", "uniform", lambda i, o: 1 / (3 * i), "uniform"),
    Initialiser("Xavier uniform", "uniform", lambda i, o: 2 / (i + o)),
    Initialiser("Xavier normal", "normal", lambda i, o: 2 / (i + o)),
    Initialiser("He uniform", "uniform", lambda i, o: 2 / i),
    Initialiser("He normal", "normal", lambda i, o: 2 / i),
    Initialiser("He normal by fan_out", "normal", lambda i, o: 2 / o),
    Initialiser("He normal, truncated", "truncated normal", lambda i, o: 2 / i),
    Initialiser("LeCun uniform", "uniform", lambda i, o: 1 / i),
    Initialiser("LeCun normal", "normal", lambda i, o: 1 / i),
    Initialiser("LeCun normal, truncated", "truncated normal", lambda i, o: 1 / i),  # Flax's default
)


def looks_like(layer: Layer, facts: MatrixFacts) -> tuple[str, ...]:
    """Return the names of the initialisers that the layer cannot be told from; empty for trained or custom weights.

    Entries that the distribution of an initialiser would give with a probability below
    :data:`~vgtheory.study.inspection.weights.entries.LEVEL` rule it out, so the true one is among the names with a
    probability of 99.9 %; biases are zero or, for PyTorch's default, uniform on ±1/√fan_in.  Equal fans make Xavier
    and LeCun one.
    """
    if facts.shape == "orthogonal":
        gain = float(facts.singular.mean())
        return (f"orthogonal, gain {gain:.4g}",)
    return initialisers_of(layer, facts.moments)


def initialisers_of(layer: Layer, moments: EntryMoments) -> tuple[str, ...]:
    """Return the names in :data:`INITIALISERS` that a layer with entries of these moments cannot be told from."""
    fan_out, fan_in = layer.weight.shape
    return tuple(
        known.name
        for known in INITIALISERS
        if _bias_fits(layer, known.bias) and comes_from(moments, known.entries, known.variance(fan_in, fan_out))
    )


def _bias_fits(layer: Layer, bias: str) -> bool:
    if layer.bias is None or not layer.bias.any():
        return True
    # A few biases decide little: that all lie within the bound, and not all far below it, is asked.
    bound = 1 / sqrt(layer.weight.shape[1])
    largest = float(abs(layer.bias).max())
    return bias == "uniform" and bound / 4 <= largest <= bound * (1 + 1e-3)
