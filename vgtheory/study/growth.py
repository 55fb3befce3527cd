"""How a simulated gradient changes over the whole depth, from the last layer to the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from vgtheory.study.intervals import half_width, living, moments
from vgtheory.theory.regime import Regime, regime


@dataclass(frozen=True)
class Growth:
    """ln‖∂ℓ/∂h_1‖ − ln‖∂ℓ/∂h_L‖ of the simulated networks that are not dead: mean, standard error and spread.

    Attributes
    ----------
    layers, samples, dead : L, the number of networks, and of those whose gradient is zero in some layer.
    change, stderr, std : NaN where too few networks live.
    looks : how often the networks may be looked at, each time deciding whether to simulate more.

    Examples
    --------
    >>> Growth.of([3.0, 5.0, -np.inf], layers=8).change
    4.0
    """

    layers: int
    samples: int
    dead: int
    change: float
    stderr: float
    std: float
    looks: int = 1

    @classmethod
    def of(cls, changes: ArrayLike, layers: int, looks: int = 1) -> Growth:
        """Return the growth of networks whose gradients change by this much each; −inf is a dead one."""
        each = np.asarray(changes, dtype=float)[:, None]
        mean, variance, living = (column[0] for column in moments(each))
        std = float(np.sqrt(variance))
        stderr = std / max(int(living), 1) ** 0.5
        return cls(layers, len(each), len(each) - int(living), float(mean), stderr, std, looks)

    @property
    def half_width(self) -> float:
        """Return half the length of the 99 % interval of the change; NaN where fewer than two networks live.

        The intervals of all looks hold the mean together with that probability (Bonferroni), at whichever look, and
        for whatever reason, simulation stopped.
        """
        return float(half_width(self.stderr, self.samples - self.dead, 1 - 0.01 / self.looks))

    @property
    def dead_share(self) -> float:
        """Return the share of the networks that have no gradient in some layer."""
        return self.dead / self.samples

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
        if self.layers == 1:  # which keeps what it gets, if it gets anything
            return regime(0.0, dead=self.dead_share)
        return regime(self.change, self.half_width, self.dead_share, critical, self.std)


def growth_of(study: xr.Dataset) -> Growth:
    """Return how ln‖∂ℓ/∂h_l‖ changes from the last layer to the first in the networks of a study."""
    return Growth.of(changes_of(study), study.sizes["layer"])


def changes_of(study: xr.Dataset) -> NDArray[np.float64]:
    """Return ln‖∂ℓ/∂h_1‖ − ln‖∂ℓ/∂h_L‖ of every network of a study, −inf where a layer has no gradient.

    Of blocks it is the gradient at all streams together, from the end of the network to its start.
    """
    values = whole_gradient(study).transpose("sample", "layer").values.astype(float)
    changes = np.full(len(values), -np.inf)
    alive = living(values)
    changes[alive] = values[alive, 0] - values[alive, -1]
    return changes


def whole_gradient(found: xr.Dataset) -> xr.DataArray:
    """Return ln of the gradient's norm by layer, of blocks that at all streams together: of a study or a prediction."""
    if "log_stream_gradient_norm" not in found:
        return found["log_gradient_norm"]
    logs = found["log_stream_gradient_norm"]
    total = np.logaddexp.reduce(2 * logs.transpose("stream", ...).values, axis=0) / 2
    return logs.isel(stream=0, drop=True).copy(data=total)
