"""One network tried: the predicted and the simulated change of the gradient norm from the last layer to the first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import exp, hypot, inf, isfinite
from typing import Literal

import numpy as np

from vgtheory._errors import VgtheoryError
from vgtheory.codegen.compiled import machine
from vgtheory.model.capabilities import works
from vgtheory.model.inputs import Inputs, to_inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.model.sizes import LOG_DOUBLE, MAX_SAMPLES
from vgtheory.study.experiment import Conditions
from vgtheory.study.growth import Growth, changes_of, whole_gradient
from vgtheory.study.intervals import half_width
from vgtheory.study.programs.streams import Program, choose_method
from vgtheory.study.simulate import Question, batch_of, samples_of
from vgtheory.study.stopping import doubled
from vgtheory.symbolic.kept import kept
from vgtheory.theory.asymptotics.prediction import predict
from vgtheory.theory.regime import DEAD, RARELY, Regime, is_critical, regime

_SECONDS = 10.0
_DENSE_WORK = 2e10  # multiply-adds that a trial with drawn matrices may take: about as long
_FEWEST = 4
FIRST = 8  # networks after which a trial is looked at, and again after twice as many
_BETTER = 0.3  # of the present badness that a remedy must get below
_UNSURE = 1e-4  # chance that the mean is beyond the interval, at any look, by which a change is no cure
STEP = 0.25  # in ln: gradients that differ by less do equally well, which is what 64 networks resolve


@dataclass(frozen=True)
class Trial:
    """ln(‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖) over random networks: 0 means that the gradient keeps its size over the whole depth.

    Attributes
    ----------
    growth : what was simulated, or measured on a model.
    predicted, predicted_std : mean and spread by theory; None where no theory covers the network.
    critical : whether theory says that χ = 1 along the whole depth.
    """

    growth: Growth
    predicted: float | None = None
    predicted_std: float | None = None
    critical: bool = False

    @property
    def simulated(self) -> float:
        """Return the mean over the networks that are not dead; −inf where none lives."""
        return self.growth.change if self.growth.dead < self.growth.samples else -inf

    @property
    def std(self) -> float:
        """Return the spread between networks, 0 where fewer than two live."""
        return self.growth.std if isfinite(self.growth.std) else 0.0

    @property
    def dead(self) -> float:
        """Return the share of networks without any gradient."""
        return self.growth.dead_share

    @property
    def regime(self) -> Regime:
        """Return what the gradient does."""
        return self.growth.regime(self.critical)

    def cures(self, present: Trial) -> bool:
        """Return whether this does better than the present network in all that is wrong there, dead networks first.

        Badness must fall below 0.3 of the present one among the networks that live; of a network without any, only what
        keeps its gradient is a cure.
        """
        if self.dead > max(present.dead / 2, RARELY) or self.regime is Regime.dead:
            return False
        if present.dead == 1:
            return self.regime.harmless
        if present.dead > RARELY and present.regime_of_living.harmless:
            return regime(self.simulated, self.growth.half_width).harmless
        return hypot(self.simulated, self.std) < _wanted(present)

    def suffices(self, present: Trial | None) -> bool:
        """Return whether more networks would tell nothing that is asked for.

        These know the mean to a step of :attr:`off`, or it alone is too far off for a cure (by an interval that misses
        the mean at any of the looks with a chance below 1e-4, for logarithms that are about normal).  Where some
        network is dead, here or at present, the share of those decides, which a few networks do not tell.
        """
        if present is None or self.dead or present.dead > RARELY:
            return False
        resolved = self.growth.half_width <= STEP and self.regime is not Regime.undecided
        reach = float(half_width(self.growth.stderr, self.growth.samples, 1 - _UNSURE / self.growth.looks))
        return resolved or abs(self.simulated) - reach > _wanted(present)

    @property
    def regime_of_living(self) -> Regime:
        """Return what the gradient of the networks does that have one."""
        return regime(self.simulated, self.growth.half_width, 0.0, self.critical, self.std)

    @property
    def badness(self) -> float:
        """Return √(mean² + spread²) of the simulated values: how far a typical network's gradient is from its size."""
        return inf if self.dead > DEAD else hypot(self.simulated, self.std)

    @property
    def off(self) -> float:
        """Return the factor by which a typical network's gradient is off its size, e^badness in steps of e^¼ = 1.3."""
        return exp(STEP * round(self.badness / STEP)) if self.badness < LOG_DOUBLE else inf

    @property
    def confirmed(self) -> bool | None:
        """Return whether simulation and prediction agree within five standard errors or a tenth of the spread.

        None where either is not known.
        """
        if self.predicted is None or not isfinite(self.growth.stderr):
            return None
        return abs(self.simulated - self.predicted) <= max(5 * self.growth.stderr, 0.1 * self.std, 1e-9)


def _wanted(present: Trial) -> float:
    """Return the badness below which a remedy must get."""
    return max(_BETTER * hypot(present.simulated, present.std), 1e-12)


def try_out(network: Network, samples: int, seed: int, inputs: Inputs | int = 1) -> Trial:
    """Return the trial of a network with numbers for everything, beside what theory says.

    Raises what :func:`simulate` raises where the network has no finite signal.
    """
    return beside_theory(simulated(network, samples, seed, inputs), network, inputs)


def simulated(
    network: Network,
    samples: int,
    seed: int,
    inputs: Inputs | int = 1,
    present: Trial | None = None,
    method: Literal["auto", "exact"] = "auto",
) -> Trial:
    """Return the trial by simulation alone; fewer samples where these take long.

    Beside the trial of the network as it is, `present`, no more of them than it takes to judge the change.
    """
    count = min(samples, max(_FEWEST, _affordable(network, inputs)))
    looks = [count] if present is None else doubled(FIRST, count)
    question = Question.of(method, inputs, 1, batch_of(network))
    changes = np.empty(0)
    for end in looks:
        some, layers = _drawn(network, question, seed, len(changes), end, machine())
        changes = np.concatenate([changes, some])
        trial = Trial(Growth.of(changes, layers, looks=len(looks)))
        if trial.suffices(present):
            break
    return trial


@kept
def _drawn(
    network: Network, question: Question, seed: int, first: int, end: int, _machine: str
) -> tuple[tuple[float, ...], int]:
    """Return the changes of the gradient of these samples, and how many layers there are.

    They are numbers of the seed alone, on one machine, so that a trial that was once made is remembered: reports on
    networks of one size share those of other activations, of transforms and of critical scales.
    """
    study = samples_of(network, question, Conditions.of(end, seed, first=first))
    return tuple(changes_of(study).tolist()), study.sizes["layer"]


def beside_theory(trial: Trial, network: Network, inputs: Inputs | int = 1) -> Trial:
    """Return a trial with mean and spread of the change by theory, and whether χ = 1 along the whole depth."""
    predicted, predicted_std, critical = _by_theory(network, inputs)
    return replace(trial, predicted=predicted, predicted_std=predicted_std, critical=critical)


def _affordable(network: Network, inputs: Inputs | int) -> int:
    """Return how many networks some ten seconds are enough for."""
    if isinstance(network, BlockNetwork):
        program = Program(network, to_inputs(inputs), choose_method(network, "auto"))
        return int(_SECONDS / (1e-9 * program.nanoseconds))
    if works(network, "simulate (exact)"):
        return MAX_SAMPLES
    return int(_DENSE_WORK / (2.0 * sum(n * m for n, m in pairwise(network.widths))))


UNKNOWN = Trial(Growth.of([-inf], layers=2))  # stands for a network whose signal overflows


def _by_theory(network: Network, inputs: Inputs | int) -> tuple[float | None, float | None, bool]:
    """Return mean and spread of the change by theory, and whether χ = 1 along the whole depth."""
    try:
        theory = predict(network, inputs=inputs)
    except VgtheoryError:  # simulation is the judge: no theory is no obstacle
        return None, None, False
    if isinstance(network, BlockNetwork):
        logs = whole_gradient(theory)
        return float(logs[0] - logs[-1]), None, False
    expected = theory.log_gradient_norm
    return float(expected[0] - expected[-1]), float(theory.log_gradient_norm_std[0]), is_critical(theory)
