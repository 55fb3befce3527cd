"""What the simulation kernels are given and what they fill, by name."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# A flag that nobody sets: what runs with it is never stopped.
RUNNING = np.zeros(1, np.int64)


class Activation(NamedTuple):
    """A row pass, and whether φ(th) = tφ(h) to working precision for |h| below 1e−120 and above 1e120.

    Where it is, signals outside that range are carried with a scale.
    """

    row: Any
    linear_at_zero: bool
    linear_at_infinity: bool


class SingleActivation(NamedTuple):
    """The same for single precision: with a row pass over float32, signals are carried below 1e−15 and above 1e15."""

    row: Any
    single_row: Any
    linear_at_zero: bool
    linear_at_infinity: bool


class Layers(NamedTuple):
    """The widths N_0..N_L, and σ_w and σ_b of layers 1..L; the input has ‖x_0‖² = N_0."""

    widths: NDArray[np.int64]
    sigma_w: NDArray[np.float64]
    sigma_b: NDArray[np.float64]


class Samples(NamedTuple):
    """Which samples: those from number `first` on, of a seed; once ``stop[0]`` is not 0 their kernels return early."""

    seed: np.uint64
    first: int
    stop: NDArray[np.int64] = RUNNING


class Norms(NamedTuple):
    """What is filled, (sample, layer): ln‖∂ℓ/∂h_l‖, ln‖∂ℓ/∂W_l‖_F and ‖h_l‖²/N_l for l = 1..L."""

    gradient: NDArray[np.float64]
    weight: NDArray[np.float64]
    q: NDArray[np.float64]


class Place(NamedTuple):
    """Where a layer's random numbers come from."""

    key: Any
    sample: int
    layer: int
