"""Measured and predicted gradients of a model that is recognised, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Comparison:
    """ln of the gradient norm at several places, from the input to the output, as measured and as predicted.

    Attributes
    ----------
    over : what the places are: "call", or "block".
    names : of the modules there.
    numbers : the places' own, counted from 1.
    measured, predicted : ln of the norm, up to a constant; one more than places where they are around them.
    gaps : by step from a place to the next, whether there is no prediction of it; () where there is of all.
    """

    over: str
    names: NDArray
    numbers: NDArray
    measured: NDArray
    predicted: NDArray
    gaps: NDArray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def dataset(self) -> xr.Dataset:
        """Return the gains from each place to the next, their ratio, and both changes from the last to the first.

        NaN at the last place, unless there is a number for what comes after it, and where nothing is predicted; the
        changes are over the other steps.
        """
        count = len(self.names)
        steps = [logs[:-1] - logs[1:] for logs in (self.measured, self.predicted)]
        known = ~self.gaps if len(self.gaps) else np.ones(len(steps[0]), dtype=bool)
        changes = [float(step[known].sum()) for step in steps]
        steps[1] = np.where(known, steps[1], np.nan)
        gains = [np.exp(np.append(step, np.nan)[:count]) for step in steps]
        columns = {"name": self.names, "gain": gains[0], "predicted_gain": gains[1], "ratio": gains[0] / gains[1]}
        return xr.Dataset(
            {name: (self.over, values) for name, values in columns.items()},
            coords={self.over: self.numbers},
            attrs={"log_change": changes[0], "predicted_log_change": changes[1]},
        )
