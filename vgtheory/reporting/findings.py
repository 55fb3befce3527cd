"""Everything that a report says, gathered once: derivation, bounds, mean field, simulation, spectrum."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vgtheory._errors import InputError
from vgtheory.model.network import Network
from vgtheory.reporting.bound_values import BoundValue, bound_values, layer_bound
from vgtheory.reporting.compare import compare
from vgtheory.reporting.gain_curve import Curve, gain_curve
from vgtheory.reporting.jacobian_sample import JacobianSample, sample_jacobian
from vgtheory.reporting.unavailable import Unavailable, attempt
from vgtheory.spectra.jacobian import spectrum
from vgtheory.study.growth import Growth, growth_of
from vgtheory.study.simulate import simulate
from vgtheory.study.summary import z_scores
from vgtheory.symbolic.extrema import Extremum, Range, derivative_range, slope_bound
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.gaussian import gradient_gain, length_map
from vgtheory.symbolic.saturation import Saturation, saturation
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint, FixedPoint, critical, fixed_points
from vgtheory.theory.asymptotics.prediction import predict
from vgtheory.theory.proofs import Certificate, bounds, certificate

Progress = Callable[[int, int], None]
SATURATED = 0.01  # |φ'| at or below this counts as saturated
MOST_MOVING_LAYERS = 64  # layers with laws of their own whose spectra are combined within seconds
SETTLED = 1e-3  # relative distance of q_L from q* within which the last layers count as stationary


@dataclass(frozen=True)
class Findings:
    """All results on one network; what could not be found is an :class:`Unavailable` that says why."""

    network: Network
    samples: int
    seed: int
    slope: Range | Unavailable
    steepest: Extremum | Unavailable
    saturated: Saturation | Unavailable
    length: Formula | Unavailable
    gain: Formula | Unavailable
    bounds: Sequence[Formula] | Unavailable
    certificate: Certificate | Unavailable | None
    bound_values: tuple[BoundValue, ...]
    layer_bound: tuple[np.ndarray, str] | None
    fixed_points: tuple[FixedPoint, ...] | Unavailable
    critical: CriticalPoint | Unavailable
    curve: Curve | None
    prediction: Any
    study: Any
    growth: Growth
    comparison: Any
    law: Any
    sampled: JacobianSample | Unavailable
    seconds: dict[str, float] = field(compare=False)

    @property
    def predicted_log_norm(self) -> np.ndarray:
        """Return the predicted mean of ln‖∂ℓ/∂h_l‖, shape (L,); NaN where there is no prediction."""
        return self._predicted("log_gradient_norm")

    @property
    def predicted_std(self) -> np.ndarray:
        """Return the predicted standard deviation over networks, shape (L,)."""
        return self._predicted("log_gradient_norm_std")

    def _predicted(self, name: str) -> np.ndarray:
        if isinstance(self.prediction, Unavailable):
            return np.full(self.growth.layers, np.nan)
        return np.asarray(self.prediction[name], dtype=float)

    @property
    def predicted_change(self) -> float | None:
        """Return the predicted ln‖∂ℓ/∂h_1‖ − ln‖∂ℓ/∂h_L‖, None without a prediction."""
        if isinstance(self.prediction, Unavailable):
            return None
        return float(self.predicted_log_norm[0] - self.predicted_log_norm[-1])

    @property
    def mean_field_change(self) -> float | None:
        """Return the same change at width → ∞, where the gradient norm is its root mean square."""
        if isinstance(self.prediction, Unavailable):
            return None
        wide = self._predicted("log_gradient_norm_infinite_width")
        return float(wide[0] - wide[-1])

    @property
    def final_q(self) -> float | None:
        """Return q_L of the infinitely wide network."""
        return None if isinstance(self.prediction, Unavailable) else float(self.prediction["q"][-1])

    @property
    def final_chi(self) -> float | None:
        """Return the gain χ of the last layers: at the fixed point where q has settled, else of layer L."""
        if self.stationary is not None:
            return self.stationary.chi
        return None if isinstance(self.prediction, Unavailable) else float(self.prediction["chi"][-1])

    @property
    def stationary(self) -> FixedPoint | None:
        """Return the fixed point at which q has settled in the last layer, if there is one."""
        if isinstance(self.fixed_points, Unavailable) or self.final_q is None:
            return None
        return settled_at(self.final_q, self.fixed_points)

    @property
    def z_scores(self) -> np.ndarray:
        """Return (simulated − predicted mean) / standard error per layer; NaN where either is not known."""
        return z_scores(self.study, self.predicted_log_norm)


def gather(network: Network, samples: int = 64, seed: int = 0, progress: Progress | None = None) -> Findings:
    """Return everything that a report on `network` says.

    Parameters
    ----------
    samples, seed : of the simulation.
    progress : called as progress(done, total) while the work goes on.

    Raises
    ------
    InputError : a network with symbolic sizes or scales, or samples or a seed that cannot be used.
    """
    act, (sigma_w, sigma_b) = network.activation, network.sigmas[0]
    clock = _Clock(progress)
    with clock.stage("derivation"):
        derived = (
            attempt(derivative_range, act, 1),
            attempt(slope_bound, act),
            attempt(saturation, act, SATURATED),
            attempt(length_map, act),
            attempt(gradient_gain, act),
        )
    with clock.stage("bounds"):
        proved = attempt(bounds, network)
        proof = attempt(certificate, network)
    with clock.stage("mean field"):
        found = attempt(fixed_points, act, sigma_w, sigma_b)
        points = found if isinstance(found, Unavailable) else tuple(found)
        point = attempt(critical, act, sigma_b=sigma_b)
        curve = gain_curve(act, sigma_b, _around(sigma_w, point))
        prediction = attempt(predict, network)
    with clock.stage("bound values"):
        formulas = () if isinstance(proved, Unavailable) else proved
        q = None if isinstance(prediction, Unavailable) else float(prediction["q"][-1])
        values, line = bound_values(network, formulas, q), layer_bound(network, formulas)
    with clock.stage("simulation"):
        study = simulate(network, samples=samples, seed=seed, progress=clock.within)
        compared = _compared(prediction, study)
    with clock.stage("spectrum"):
        law = _law(network, points, prediction)
        sampled = sample_jacobian(network, seed)
    return Findings(
        network, samples, seed, *derived, proved, proof, values, line, points, point, curve, prediction, study,
        growth_of(study), compared, law, sampled, clock.seconds,
    )  # fmt: skip


def _around(sigma_w: float, point: CriticalPoint | Unavailable) -> tuple[float, float]:
    """Return the stretch of σ_w that shows this network and the critical one."""
    both = [sigma_w] if isinstance(point, Unavailable) else [sigma_w, point.sigma_w]
    return 0.6 * min(both), 1.4 * max(both)


def settled_at(q: float, points: tuple[FixedPoint, ...]) -> FixedPoint | None:
    """Return the fixed point at which q has arrived, if there is one."""
    near = [p for p in points if abs(q - p.q) <= SETTLED * max(p.q, 1e-12)]
    return min(near, key=lambda p: abs(q - p.q), default=None)


def _law(network: Network, points: tuple[FixedPoint, ...] | Unavailable, prediction: Any) -> Any:
    """Return the law of the singular values, where it is known within seconds, or why not."""
    moving = True
    if not isinstance(points, Unavailable) and not isinstance(prediction, Unavailable):
        moving = settled_at(float(prediction["q"][-1]), points) is None
    if moving and network.activation.homogeneous_degree != 1 and int(network.depth) > MOST_MOVING_LAYERS:
        return Unavailable(
            f"q_l changes over all {network.depth} layers, so every layer has its own law, and combining so many takes "
            "minutes; vgtheory spectrum computes it"
        )
    return attempt(spectrum, network)


def _compared(prediction: Any, study: Any) -> Any:
    """Return ``vg.compare`` of both, or why they cannot be compared."""
    if isinstance(prediction, Unavailable):
        return prediction
    try:
        return compare(prediction, study)
    except InputError as reason:  # too few living samples
        return Unavailable(f"{reason.subject}, and a comparison takes {reason.accepted}")


class _Clock:
    """Times the stages and reports progress: each stage is one step, the simulation's own steps inside it."""

    STAGES, STEPS = 6, 100

    def __init__(self, progress: Progress | None) -> None:
        self.progress, self.done, self.seconds = progress, 0, dict[str, float]()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
        self.done += 1
        self.within(0, 1)

    def within(self, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(self.done * self.STEPS + done * self.STEPS // max(total, 1), self.STAGES * self.STEPS)
