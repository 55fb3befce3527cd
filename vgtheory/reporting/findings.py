"""Everything that a report says about one network, found once: first the answer, then the reasons and the details."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.model.capabilities import refusal
from vgtheory.model.network import Network
from vgtheory.reporting.answer import NO_LAYERS, Answer, timed
from vgtheory.reporting.bound_values import ValuedBound, layer_bound, valued_bounds
from vgtheory.reporting.compare_layers import compare_layers
from vgtheory.reporting.gain_curve import Curve, gain_curve
from vgtheory.reporting.jacobian_sample import JacobianSample, sample_jacobian
from vgtheory.reporting.saturation_loss import Loss, loss_by_saturation
from vgtheory.reporting.subject import Subject
from vgtheory.reporting.unavailable import Unavailable, attempt
from vgtheory.spectra.jacobian import spectrum
from vgtheory.study.advice.remedies import Remedy
from vgtheory.study.advice.simulated_remedies import Rejected, remedies_of
from vgtheory.study.advice.trial import Trial
from vgtheory.study.engine import Progress
from vgtheory.symbolic.extrema import Extremum, slope_bound
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.gaussian import gradient_gain, length_map
from vgtheory.symbolic.saturation import Saturation, flat_slope, saturation
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint
from vgtheory.theory.proofs import Certificate, bounds, certificate

FALSE_ALARM, TOLERANCE = 0.01, 0.1  # of the comparison of prediction and simulation
MATRIX = 200  # largest size of the weight matrix that is drawn
MOST_MOVING_LAYERS = 64  # layers with laws of their own whose spectra are combined within seconds


class Tried(NamedTuple):
    """Changes that keep more of the gradient in simulation, best first, and those that do not."""

    remedies: tuple[Remedy, ...]
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True)
class Findings(Answer):
    """All results on one network; what could not be found is an :class:`Unavailable` that says why."""

    comparison: Any
    steepest: Extremum | Unavailable
    saturated: Saturation | Unavailable
    length: Formula | Unavailable
    gain: Formula | Unavailable
    bounds: Sequence[Formula] | Unavailable
    certificate: Certificate | Unavailable | None
    valued: tuple[ValuedBound, ...]
    layer_bound: tuple[np.ndarray, str] | None
    curve: Curve | None
    loss: Loss | None
    law: Any
    sampled: JacobianSample | Unavailable
    advice: Tried | Unavailable | None

    @property
    def matrix_size(self) -> int:
        """Return the size of the square weight matrix whose spectra are shown."""
        return min(MATRIX, self.subject.narrowest)

    @property
    def flat(self) -> float:
        """Return the slope up to which a neuron counts as saturated."""
        return _flat(self.steepest)

    @property
    def gradient_factor(self) -> float | None:
        """Return ln of the factor by which all layers multiply the root mean square of a gradient, by the law of J."""
        return None if isinstance(self.law, Unavailable) else float(self.law.log_mean_square) / 2


def gather(found: Answer, progress: Progress | None = None) -> Findings:
    """Return everything that a report says beyond the answer; `progress` is called as progress(done, total)."""
    subject, network = found.subject, found.network
    clock = _Clock(found.seconds, progress)
    with clock.stage("advice"):
        advice = None if found.regime.harmless else asked(_tried, "advise", network, found)
    with clock.stage("derivation"):
        derived = _derived(subject)
    with clock.stage("bounds"):
        proved = asked(bounds, "bounds", network)
        proof = asked(certificate, "certificate", network)
        formulas = () if isinstance(proved, Unavailable) else proved
        valued = valued_bounds(network, formulas, found.final_q)
        line = layer_bound(network, formulas) if formulas else None
    curve = None
    if found.plain:
        sigma_w, sigma_b = subject.last_scales
        curve = gain_curve(subject.phi, sigma_b, _around(sigma_w, found.critical))
    with clock.stage("spectrum"):
        law = asked(_law, "spectrum", network, found)
        sampled = asked(sample_jacobian, "sample (singular values)", network, found.seed)
    loss = None if subject.repeats_block else loss_by_saturation(found)
    compared = _compared(found.prediction, found.study)
    return Findings(
        **vars(found), comparison=compared, steepest=derived[0], saturated=derived[1], length=derived[2],
        gain=derived[3], bounds=proved, certificate=proof, valued=valued, layer_bound=line, curve=curve, loss=loss,
        law=law, sampled=sampled, advice=advice,
    )  # fmt: skip


def asked(verb: Callable[..., Any], name: str, network: Network, *arguments: Any) -> Any:
    """Return verb(network, ...), or why it has no answer: by the table of capabilities, or found out on the way."""
    refused = refusal(network, name)
    if refused is not None:
        return Unavailable(refused.problem.removeprefix(f"{name}: "))
    return attempt(verb, network, *arguments)


def _tried(network: Network, found: Answer) -> Tried:
    """Return the changes that help; what the report has simulated already is their present trial."""
    if found.samples == 1:
        raise UnsupportedError("one network bounds no spread, so no change can be ranked; simulate at least two")
    return Tried(*remedies_of(network, Trial(found.growth), found.samples, found.seed))


def _derived(f: Subject) -> tuple[Any, Any, Any, Any]:
    if f.repeats_block:
        return (Unavailable(NO_LAYERS),) * 4
    act = f.phi
    steepest = attempt(slope_bound, act)
    saturated = attempt(saturation, act, _flat(steepest))
    return steepest, saturated, attempt(length_map, act), attempt(gradient_gain, act)


def _flat(steepest: Extremum | Unavailable) -> float:
    return flat_slope(math.inf if isinstance(steepest, Unavailable) else steepest.enclosure[1])


def _around(sigma_w: float, point: CriticalPoint | Unavailable) -> tuple[float, float]:
    """Return the stretch of σ_w that shows this network and the critical one."""
    both = [sigma_w] if isinstance(point, Unavailable) else [sigma_w, point.sigma_w]
    return 0.6 * min(both), 1.4 * max(both)


def _law(network: Network, found: Answer) -> Any:
    """Return the law of the singular values, where it is known within seconds, or why not."""
    moving = found.stationary is None and found.subject.phi.homogeneous_degree != 1
    if moving and int(network.depth) > MOST_MOVING_LAYERS:
        return Unavailable(
            f"q_l changes over all {network.depth} layers, so every layer has its own law, and combining so many takes "
            "minutes; vgtheory spectrum computes it"
        )
    return spectrum(network)


def _compared(prediction: Any, study: Any) -> Any:
    """Return how the prediction holds, layer by layer, or why they cannot be compared."""
    if isinstance(prediction, Unavailable):
        return prediction
    if "log_gradient_norm_std" not in prediction:
        return Unavailable("the prediction has no spread to measure deviations by")
    try:
        norm = "log_gradient_norm"  # of a block, all streams together
        return compare_layers(prediction, study, norm, FALSE_ALARM, TOLERANCE)
    except InputError as reason:  # too few living samples
        return Unavailable(f"{reason.subject}, and a comparison takes {reason.accepted}")
    except UnsupportedError as reason:
        return Unavailable(str(reason).rstrip("."))


class _Clock:
    """Times the stages and reports how many are done."""

    STAGES = 4

    def __init__(self, seconds: dict[str, float], progress: Progress | None) -> None:
        self.seconds, self.progress, self.done = seconds, progress, 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        with timed(self.seconds, name):
            yield
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.STAGES)
