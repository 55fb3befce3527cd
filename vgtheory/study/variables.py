"""The variables of a simulation and of its summaries: names, texts, and logarithms of all of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

# Variables of a simulation: name, long name.
FIELDS = (
    ("log_gradient_norm", "ln of the 2-norm of the loss gradient at h_l"),
    ("log_weight_gradient_norm", "ln of the Frobenius norm of the loss gradient at W_l"),
    ("q", "squared length of the pre-activations over the width, |h_l|^2 / N_l"),
)
# What is summarised; of q the logarithm, since a few networks carry the mean of q at great depth.
SUMMARISED = (*((name, text) for name, text in FIELDS if name != "q"), ("log_q", "ln of q = |h_l|^2 / N_l"))
DEAD = "number of networks whose gradient at h_l is zero"


def summarised(study: xr.Dataset) -> dict[str, NDArray[np.float64]]:
    """Return the samples (sample, layer) of what is summarised."""
    return with_logarithms({name: study[name].transpose("sample", "layer").values for name, _ in FIELDS})


def with_logarithms(arrays: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Return the arrays and ln q."""
    with np.errstate(divide="ignore"):
        return {**arrays, "log_q": np.log(arrays["q"])}
