"""Growth of orthonormal directions per block of layers, and the exponents with their errors that follow from it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory.kernels.quadrature import Array
from vgtheory.model.variables import labels

BLOCKS, LEAST_BLOCK = 64, 16  # how many blocks of layers are kept apart, and layers of the shortest
ENOUGH_SAMPLES = 16  # from here on networks tell the spread, which holds whatever the layers' correlation


def block_ends(depth: int) -> NDArray[np.int64]:
    """Return the last layer of every block: at most 64 blocks of at least 16 layers, all but the last of one length."""
    block = max(LEAST_BLOCK, -(-depth // BLOCKS))
    return np.minimum(block * np.arange(1, -(-depth // block) + 1), depth)


def exponents(growth: Array, ends: NDArray[np.int64]) -> tuple[Array, Array, Array]:
    """Return mean growth per layer, its standard error and of how many numbers it is the mean, by direction.

    The first of several blocks is left out; networks in which a direction dies are left out of its mean.
    """
    used = slice(1, None) if len(ends) > 1 else slice(None)
    layers = np.diff(ends, prepend=0)[used]
    rates = growth[:, used] / layers[:, None]
    mean, error, count = np.full((3, growth.shape[2]), np.nan)
    for j in range(growth.shape[2]):
        alive = np.isfinite(rates[:, :, j]).all(axis=1)
        each = rates[alive, :, j]
        if not alive.any():
            mean[j] = -np.inf
            continue
        per_network = each @ layers / layers.sum()
        mean[j] = per_network.mean()
        batches = per_network if alive.sum() >= ENOUGH_SAMPLES else each.ravel()
        count[j] = len(batches)
        if len(batches) > 1:
            error[j] = batches.std(ddof=1) / np.sqrt(len(batches))
    return mean, error, count


def growth_dataset(growth: Array, ends: NDArray[np.int64]) -> xr.Dataset:
    """Return the growth, shape (sample, block, direction), with the exponents and their standard errors."""
    mean, error, count = exponents(growth, ends)
    growth_text = "ln of the growth of orthonormal perturbations over the layers of a block"
    return xr.Dataset(
        {
            "log_growth": (("sample", "block", "direction"), growth, labels(growth_text)),
            "exponent": ("direction", mean, labels("Lyapunov exponent per layer")),
            "exponent_stderr": ("direction", error, labels("its standard error")),
            "exponent_samples": (
                "direction",
                count,
                labels("networks, or blocks of few, that it is a mean of"),
            ),
        },
        {
            "sample": ("sample", np.arange(len(growth)), {"long_name": "index of the random network"}),
            "layer": ("block", ends, {"long_name": "last layer of the block"}),
            "direction": ("direction", np.arange(1, growth.shape[2] + 1), {"long_name": "1 grows fastest"}),
        },
    )
