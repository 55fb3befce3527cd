"""How a simulated gradient changes over the whole depth, from the last layer to the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from vgtheory.study.intervals import living, moments, student
from vgtheory.theory.regime import Regime, regime


@dataclass(frozen=True)
class Growth:
    """ln‖∂ℓ/∂h_1‖ − ln‖∂ℓ/∂h_L‖ of the simulated networks that are not dead: mean, standard error and spread.

    Attributes
    ----------
    layers, samples, dead : L, the number of networks, and of those whose gradient is zero in some layer.
    change, stderr, std : NaN where too few networks live.
    """

    layers: int
    samples: int
    dead: int
    change: float
    stderr: float
    std: float

    @property
    def half_width(self) -> float:
        """Return half the length of the 99 % interval of the change; NaN where fewer than two networks live."""
        return float(student(self.samples - self.dead)) * self.stderr

    @property
    def rate(self) -> float:
        """Return the mean change per layer, 0 for a network of one layer."""
        return self.change / (self.layers - 1) if self.layers > 1 else 0.0

    @property
    def rate_half_width(self) -> float:
        """Return half the length of the 99 % interval of the rate."""
        return self.half_width / (self.layers - 1) if self.layers > 1 else 0.0

    def regime(self, critical: bool = False) -> Regime:
        """Return what the gradient does; `critical`: whether theory says that χ = 1 along the whole depth."""
        dead = self.dead / self.samples
        if self.layers == 1:  # which keeps what it gets, if it gets anything
            return regime(0.0, dead=dead)
        return regime(self.change, self.half_width, dead, critical, self.std)


def growth_of(study: xr.Dataset) -> Growth:
    """Return how ln‖∂ℓ/∂h_l‖ changes from the last layer to the first in the networks of a study.

    Of blocks it is the gradient at all streams together, from the end of the network to its start.
    """
    values = whole_gradient(study).transpose("sample", "layer").values.astype(float)
    alive = values[living(values)]
    mean, variance, count = moments(alive[:, :1] - alive[:, -1:])
    n = int(count[0])
    std = float(np.sqrt(variance[0]))
    return Growth(values.shape[1], len(values), len(values) - n, float(mean[0]), std / max(n, 1) ** 0.5, std)


def whole_gradient(found: xr.Dataset) -> xr.DataArray:
    """Return ln of the gradient's norm by layer, of blocks that at all streams together: of a study or a prediction."""
    if "log_stream_gradient_norm" not in found:
        return found["log_gradient_norm"]
    logs = found["log_stream_gradient_norm"]
    total = np.logaddexp.reduce(2 * logs.transpose("stream", ...).values, axis=0) / 2
    return logs.isel(stream=0, drop=True).copy(data=total)
