"""Which initialiser for which activation: the critical scale of every activation, tried in a deep network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vgtheory._errors import InputError, VgtheoryError, shown
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.advice.recipes import Recipe, recipe
from vgtheory.study.advice.trial import Trial, try_out
from vgtheory.study.engine import Progress
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.catalogue import catalogue
from vgtheory.theory.asymptotics.critical_scale import critical_scale
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint
from vgtheory.theory.asymptotics.gains import Gains, gains

# In this order the first bias with a stable critical point is taken: without bias if that works.
_BIASES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9, 1.2, 1.6)


@dataclass(frozen=True)
class CookbookRow:
    """What to do with one activation.

    Attributes
    ----------
    activation : φ.
    sigma_b, point : the bias scale and the stable critical point there; None where no stable point was found.
    gains : the usual gains at variance 1; None where its moments do not exist.
    recipe : code for PyTorch and JAX; None without a point.
    trial : the change of the gradient norm over the network that was tried; None without a point.
    """

    activation: Activation
    sigma_b: float | None
    point: CriticalPoint | None
    gains: Gains | None
    recipe: Recipe | None
    trial: Trial | None


def cookbook(
    activations: Iterable[Any] | None = None,
    width: int = 512,
    depth: int = 100,
    samples: int = 64,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[CookbookRow, ...]:
    """Return, for every activation, the stable Gaussian initialisation with χ = 1 and its trial in a simulated network.

    Parameters
    ----------
    activations : names, formulas or Activations; by default the whole catalogue.
    width, depth, samples, seed : of the networks in which each is tried.
    progress : called as progress(done, total).

    Raises
    ------
    InputError : no activations.

    Examples
    --------
    >>> row = cookbook(["tanh"], width=64, depth=20, samples=8)[0]
    >>> row.sigma_b, row.point.sigma_w
    (0.0, 1.0)
    """
    sources = catalogue if activations is None else activations
    if isinstance(sources, str) or not isinstance(sources, Iterable):
        raise InputError("activations", "a list of activations", "e.g. ['tanh', 'gelu']", got=shown(activations))
    chosen = [to_activation(source) for source in sources]
    if not chosen:
        raise InputError("no activations", "at least one", "leave the argument out for the whole catalogue")
    rows = []
    for done, act in enumerate(chosen):
        rows.append(_row(act, width, depth, samples, seed))
        if progress is not None:
            progress(done + 1, len(chosen))
    return tuple(rows)


def _row(act: Activation, width: int, depth: int, samples: int, seed: int) -> CookbookRow:
    found = _stable_point(act)
    known = _gains(act)
    if found is None:
        return CookbookRow(act, None, None, known, None, None)
    sigma_b, point = found
    network = Network(act, Weights.gaussian(point.sigma_w, sigma_b), width=width, depth=depth)
    return CookbookRow(act, sigma_b, point, known, recipe(network), try_out(network, samples, seed))


def _stable_point(act: Activation) -> tuple[float, CriticalPoint] | None:
    for sigma_b in _BIASES:
        try:
            point = critical_scale(act, sigma_b)
        except VgtheoryError:
            continue
        if point.stable:
            return sigma_b, point
    return None


def _gains(act: Activation) -> Gains | None:
    try:
        return gains(act)
    except VgtheoryError:
        return None
