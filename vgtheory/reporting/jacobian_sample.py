"""A sampled Jacobian for the report's histogram: of the network itself, or of a smaller one where that is too slow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.model.network import Network
from vgtheory.reporting.unavailable import Unavailable, attempt
from vgtheory.spectra.jacobian import spectrum
from vgtheory.spectra.sampling import sampling_cost
from vgtheory.study.sample import sample

PATIENCE = 1.0  # seconds of estimated work that a histogram is worth
SMALL_WIDTH, SMALL_DEPTH = 128, 32  # depth/width small, where the law of infinite width holds well
ENOUGH_VALUES = 512


@dataclass(frozen=True)
class JacobianSample:
    """ln s of the singular values of sampled networks, shape (networks, width), and the law at their depth.

    ``why_smaller`` is empty where the networks have the width and depth that were asked for.
    """

    width: int
    depth: int
    networks: int
    log_values: np.ndarray
    law: Any
    why_smaller: str


def sample_jacobian(network: Network, seed: int) -> JacobianSample | Unavailable:
    """Return singular values of sampled networks of this kind, at a size that takes about a second."""
    widths = network.widths
    cost = sampling_cost(network)
    chosen, why = network, ""
    if cost.seconds > PATIENCE:
        width, depth = min(SMALL_WIDTH, *widths), min(SMALL_DEPTH, int(network.depth))
        chosen = replace(network, width=width, depth=depth)
        why = (
            f"All singular values of a network of width {max(widths)} and depth {len(widths) - 1} take about "
            f"{cost.seconds:.0f} s to sample, too long for a report."
        )
    each = sampling_cost(chosen).seconds
    count = int(np.clip(min(ENOUGH_VALUES / min(chosen.widths), PATIENCE / max(each, 1e-9)), 1, 32))
    law = attempt(spectrum, chosen)
    try:
        drawn = sample(chosen, samples=count, seed=seed)
    except UnsupportedError as reason:
        return Unavailable(str(reason).rstrip("."))
    values = np.asarray(drawn["log_singular_value"], dtype=float)
    return JacobianSample(min(chosen.widths), int(chosen.depth), count, values, law, why)
