"""Measured and predicted gradients of a model that is recognised, side by side."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    over: str
    names: NDArray
    numbers: NDArray
    measured: NDArray
    predicted: NDArray

    def dataset(self) -> xr.Dataset:
        """Return the gains from each place to the next, their ratio, and both changes from the last to the first.

        NaN at the last place, unless there is a number for what comes after it.
        """
        count = len(self.names)
        gains = [np.exp(np.append(logs[:-1] - logs[1:], np.nan)[:count]) for logs in (self.measured, self.predicted)]
        columns = {"name": self.names, "gain": gains[0], "predicted_gain": gains[1], "ratio": gains[0] / gains[1]}
        changes = [float(logs[0] - logs[-1]) for logs in (self.measured, self.predicted)]
        return xr.Dataset(
            {name: (self.over, values) for name, values in columns.items()},
            coords={self.over: self.numbers},
            attrs={"log_change": changes[0], "predicted_log_change": changes[1]},
        )
