"""One network tried: the predicted and the simulated change of the gradient norm from the last layer to the first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import hypot, inf

from vgtheory._errors import VgtheoryError
from vgtheory.model.capabilities import works
from vgtheory.model.network import Network
from vgtheory.study.growth import growth_of
from vgtheory.study.simulate import simulate
from vgtheory.theory.asymptotics.prediction import predict
from vgtheory.theory.regime import DEAD, Regime, is_critical, regime

_DENSE_WORK = 2e10  # multiply-adds that a trial with drawn matrices may take: some ten seconds
_FEWEST = 4
_RARELY = 0.01  # share of dead networks that is worth a word
_BETTER = 0.3  # of the present badness that a remedy must get below
_BATCH = 32  # inputs of a network with batch norm


@dataclass(frozen=True)
class Trial:
    """ln(‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖) over random networks: 0 means that the gradient keeps its size over the whole depth.

    Attributes
    ----------
    predicted, predicted_std : mean and spread by theory; None where no theory covers the network.
    simulated, error, std : mean over the networks that are not dead, its standard error, their spread.
    dead : share of networks without any gradient at layer 1.
    samples : networks simulated.
    critical : whether theory says that χ = 1 along the whole depth.
    """

    predicted: float | None
    predicted_std: float | None
    simulated: float
    error: float
    std: float
    dead: float
    samples: int
    critical: bool = False

    @property
    def regime(self) -> Regime:
        """Return what the gradient does."""
        return regime(self.simulated, self.error, self.dead, self.critical, self.std)

    def cures(self, present: Trial) -> bool:
        """Return whether this does better than the present network in all that is wrong there, dead networks first.

        Badness must fall below 0.3 of the present one among the networks that live; of a network without any, only what
        keeps its gradient is a cure.
        """
        if self.dead > max(present.dead / 2, _RARELY) or self.regime is Regime.dead:
            return False
        if present.dead == 1:
            return self.regime.harmless
        if present.dead > _RARELY and present.regime_of_living.harmless:
            return regime(self.simulated, self.error).harmless
        return hypot(self.simulated, self.std) < max(_BETTER * hypot(present.simulated, present.std), 1e-12)

    @property
    def regime_of_living(self) -> Regime:
        """Return what the gradient of the networks does that have one."""
        return regime(self.simulated, self.error, 0.0, self.critical, self.std)

    @property
    def badness(self) -> float:
        """Return √(mean² + spread²) of the simulated values: how far a typical network's gradient is from its size."""
        return inf if self.dead > DEAD else hypot(self.simulated, self.std)

    @property
    def confirmed(self) -> bool | None:
        """Return whether simulation and prediction agree within five standard errors or a tenth of the spread."""
        if self.predicted is None:
            return None
        return abs(self.simulated - self.predicted) <= max(5 * self.error, 0.1 * self.std, 1e-9)


def try_out(network: Network, samples: int, seed: int) -> Trial:
    """Return the trial of a network with numbers for everything, beside what theory says.

    Raises what :func:`simulate` raises where the network has no finite signal.
    """
    return beside_theory(simulated(network, samples, seed), network)


def simulated(network: Network, samples: int, seed: int) -> Trial:
    """Return the trial by simulation alone; fewer samples where matrices have to be drawn."""
    count = samples
    if not works(network, "simulate (exact)"):
        work = 2.0 * sum(n * m for n, m in pairwise(network.widths))
        count = int(min(samples, max(_FEWEST, _DENSE_WORK / work)))
    in_batches = works(network, "simulate (batch)")
    growth = growth_of(simulate(network, count, seed, batch=_BATCH if in_batches else None))
    living = growth.samples - growth.dead
    if not living:
        return Trial(None, None, -inf, 0.0, 0.0, 1.0, count)
    error, std = (growth.stderr, growth.std) if living > 1 else (inf, 0.0)
    return Trial(None, None, growth.change, error, std, growth.dead / count, count)


def beside_theory(trial: Trial, network: Network) -> Trial:
    """Return a trial with mean and spread of the change by theory, and whether χ = 1 along the whole depth."""
    predicted, predicted_std, critical = _by_theory(network)
    return replace(trial, predicted=predicted, predicted_std=predicted_std, critical=critical)


def _by_theory(network: Network) -> tuple[float | None, float | None, bool]:
    """Return mean and spread of the change by theory, and whether χ = 1 along the whole depth."""
    try:
        theory = predict(network)
    except VgtheoryError:  # simulation is the judge: no theory is no obstacle
        return None, None, False
    expected = theory.log_gradient_norm
    return float(expected[0] - expected[-1]), float(theory.log_gradient_norm_std[0]), is_critical(theory)
