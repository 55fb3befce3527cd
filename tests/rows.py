"""Row passes written by hand with the C library's functions, for tests of the kernels without the code generator."""

import math

import numpy as np
from numba import float64, njit, void
from scipy.special import erf

ROW = void(float64[::1], float64[::1], float64[::1])


@njit(ROW)
def tanh_row(h, value, slope):
    for i in range(h.size):
        value[i] = math.tanh(h[i])
        slope[i] = 1.0 - value[i] ** 2


@njit(ROW)
def relu_row(h, value, slope):
    for i in range(h.size):
        value[i] = max(h[i], 0.0)
        slope[i] = 1.0 if h[i] > 0.0 else 0.0


@njit(ROW)
def gelu_row(h, value, slope):
    for i in range(h.size):
        below = 0.5 * math.erfc(-h[i] / math.sqrt(2.0))
        value[i] = h[i] * below
        slope[i] = below + h[i] * math.exp(-0.5 * h[i] * h[i]) / math.sqrt(2.0 * math.pi)


@njit(ROW)
def identity_row(h, value, slope):
    for i in range(h.size):
        value[i] = h[i]
        slope[i] = 1.0


# Name -> (row pass, φ and φ' in NumPy, linear near 0, linear far out).
ACTIVATIONS = {
    "tanh": (tanh_row, np.tanh, lambda h: 1.0 - np.tanh(h) ** 2, True, False),
    "relu": (relu_row, lambda h: np.maximum(h, 0.0), lambda h: (h > 0.0).astype(float), True, True),
    "gelu": (
        gelu_row,
        lambda h: 0.5 * h * (1.0 + erf(h / np.sqrt(2.0))),
        lambda h: 0.5 * (1.0 + erf(h / np.sqrt(2.0))) + h * np.exp(-0.5 * h * h) / np.sqrt(2.0 * np.pi),
        True,
        True,
    ),
    "identity": (identity_row, lambda h: h, np.ones_like, True, True),
}
