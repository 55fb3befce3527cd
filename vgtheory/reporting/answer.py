"""What decides whether the gradient of a network survives: its prediction and its simulation, found within a second."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vgtheory.model.network import Network
from vgtheory.reporting.gradient_series import series_of
from vgtheory.reporting.subject import Subject, subject_of
from vgtheory.reporting.unavailable import Unavailable, attempt
from vgtheory.study.growth import Growth, growth_of
from vgtheory.study.simulate import batch_of, simulate
from vgtheory.theory.asymptotics.critical_scale import critical_scale_of
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint, FixedPoint, fixed_points
from vgtheory.theory.asymptotics.prediction import predict
from vgtheory.theory.regime import Regime, is_critical, regime

SETTLED = 1e-3  # relative distance of q_L from q* within which the last layers count as stationary
NO_LAYERS = "the network repeats a block, which has no single activation and no single matrix"


@dataclass(frozen=True)
class Answer:
    """What decides whether the gradient survives: prediction and simulation.

    Attributes
    ----------
    study, prediction : Datasets of ``vg.simulate`` and ``vg.predict``; of a block, the streams' gradients together as
        ``log_gradient_norm``.
    critical : the critical point of the activation at the last layer's σ_b; q is infinite where χ = 1 at every q.
    """

    subject: Subject
    samples: int
    seed: int
    prediction: Any
    study: Any
    growth: Growth
    fixed_points: tuple[FixedPoint, ...] | Unavailable
    critical: CriticalPoint | Unavailable
    seconds: dict[str, float] = field(compare=False)

    @property
    def network(self) -> Network:
        """Return the network."""
        return self.subject.network

    @property
    def plain(self) -> bool:
        """Return whether the network is layers without parts: q and χ are those of its activation alone."""
        return not (self.subject.repeats_block or self.subject.parts)

    @property
    def layers(self) -> tuple[int, int]:
        """Return the first and the last layer whose gradient is followed."""
        return int(self.study["layer"][0]), int(self.study["layer"][-1])

    @property
    def predicted_log_norm(self) -> np.ndarray:
        """Return the predicted mean of ln‖∂ℓ/∂h_l‖ per layer; NaN where there is no prediction."""
        return self._predicted("log_gradient_norm")

    @property
    def predicted_std(self) -> np.ndarray:
        """Return the predicted standard deviation over networks per layer; NaN where it is not predicted."""
        return self._predicted("log_gradient_norm_std")

    def _predicted(self, name: str) -> np.ndarray:
        if isinstance(self.prediction, Unavailable) or name not in self.prediction:
            return np.full(self.growth.layers, np.nan)
        return np.asarray(self.prediction[name], dtype=float)

    @property
    def predicted_change(self) -> float | None:
        """Return the predicted ln of the gradient norm in the first layer minus the last, None without a prediction."""
        return _difference(self.predicted_log_norm)

    @property
    def mean_field_change(self) -> float | None:
        """Return the same change at width → ∞, where the gradient norm is its root mean square."""
        return _difference(self._predicted("log_gradient_norm_infinite_width"))

    @property
    def predicted_regime(self) -> Regime | None:
        """Return what theory says that the gradient does."""
        return None if self.predicted_change is None else regime(self.predicted_change, critical=self._is_critical)

    @property
    def regime(self) -> Regime:
        """Return what the gradient does in the simulated networks."""
        return self.growth.regime(self._is_critical)

    @property
    def _is_critical(self) -> bool:
        known = not isinstance(self.prediction, Unavailable) and "chi" in self.prediction
        return known and is_critical(self.prediction)

    @property
    def final_q(self) -> float | None:
        """Return q_L of the infinitely wide network."""
        return self._last("q")

    @property
    def final_chi(self) -> float | None:
        """Return the gain χ of the last layers: at the fixed point where q has settled, else of layer L."""
        return self.stationary.chi if self.stationary is not None else self._last("chi")

    def _last(self, name: str) -> float | None:
        if isinstance(self.prediction, Unavailable) or name not in self.prediction:
            return None
        return float(self.prediction[name][-1])

    @property
    def stationary(self) -> FixedPoint | None:
        """Return the fixed point at which q has settled in the last layer, if there is one."""
        if isinstance(self.fixed_points, Unavailable) or self.final_q is None:
            return None
        return settled_at(self.final_q, self.fixed_points)


def answer(network: Network, samples: int = 64, seed: int = 0) -> Answer:
    """Return what decides whether the gradient of `network` survives.

    Parameters
    ----------
    samples, seed : of the simulation.

    Raises
    ------
    InputError : a network with symbolic sizes or scales, or samples or a seed that cannot be used.
    UnsupportedError : a network that cannot be simulated.
    """
    subject = subject_of(network)
    seconds: dict[str, float] = {}
    with timed(seconds, "prediction"):
        prediction = attempt(predict, network)
    with timed(seconds, "simulation"):
        study = simulate(network, samples, seed, batch=batch_of(network))
    with timed(seconds, "fixed points"):
        points, point = _stationary_points(subject)
    if subject.repeats_block:
        study = series_of(study)
        prediction = prediction if isinstance(prediction, Unavailable) else series_of(prediction)
    return Answer(subject, samples, seed, prediction, study, growth_of(study), points, point, seconds)


def _stationary_points(f: Subject) -> tuple[Any, Any]:
    """Return the fixed points of q and the critical point at this σ_b, where q is that of an activation alone."""
    if f.repeats_block:
        return (Unavailable(NO_LAYERS),) * 2
    if f.parts:
        why = f"with {' and '.join(f.parts)} the length of a layer is no map of one variance alone"
        return (Unavailable(why),) * 2
    found = attempt(fixed_points, f.phi, *f.last_scales)
    points = found if isinstance(found, Unavailable) else tuple(found)
    return points, attempt(critical_scale_of, f.network)


def _difference(line: np.ndarray) -> float | None:
    """Return the first of the layers minus the last, None where either is not known or the network is dead."""
    first, last = float(line[0]), float(line[-1])
    return first - last if math.isfinite(first) and math.isfinite(last) else None


def settled_at(q: float, points: tuple[FixedPoint, ...]) -> FixedPoint | None:
    """Return the fixed point at which q has arrived, if there is one."""
    near = [p for p in points if abs(q - p.q) <= SETTLED * max(p.q, 1e-12)]
    return min(near, key=lambda p: abs(q - p.q), default=None)


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note the seconds that the body took under a name."""
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start
