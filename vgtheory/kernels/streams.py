"""Operations on streams, arrays (sample, column, component): what programs need besides matrices and maps."""

import math

import numpy as np
from numba import float64, int64, void

from vgtheory.kernels._jit import entry
from vgtheory.kernels.normalise import normalise, normalise_back
from vgtheory.kernels.normals import fill, fill_normal_pairs, fill_uniform_pairs
from vgtheory.kernels.oracle import DRAWS
from vgtheory.kernels.signals import log_norm, scaled

STREAM = float64[:, :, ::1]


@entry(void(DRAWS, STREAM))
def normals(draws, out):
    """Fill a stream with standard normals; column c takes the counters from c times its length on."""
    for s in range(out.shape[0]):
        for c in range(out.shape[1]):
            start = c * out.shape[2]
            fill(fill_normal_pairs, out[s, c], draws.key, draws.first + s, draws.layer, draws.purpose, start)


@entry(void(DRAWS, STREAM))
def uniforms(draws, out):
    """Fill a stream with numbers uniform on [0, 1), counted like ``normals``."""
    for s in range(out.shape[0]):
        for c in range(out.shape[1]):
            start = c * out.shape[2]
            fill(fill_uniform_pairs, out[s, c], draws.key, draws.first + s, draws.layer, draws.purpose, start)


@entry(void(int64, STREAM, STREAM, float64[:, ::1]))
def normalised(kind, x, out, slopes):
    """Set out = norm(x) of every column, kind LAYER or RMS with eps = 0, and slopes (sample, column) = 1/s."""
    for s in range(x.shape[0]):
        for c in range(x.shape[1]):
            log_slope, _, _ = normalise(out[s, c], x[s, c], kind, 0.0, -math.inf, False)
            slopes[s, c] = math.exp(log_slope)


@entry(void(int64, STREAM, STREAM, float64[:, ::1]))
def normalised_back(kind, gradient, x, slopes):
    """Turn the gradient at norm(x) into the gradient at x, in place."""
    work = np.empty(x.shape[2])
    for s in range(x.shape[0]):
        for c in range(x.shape[1]):
            normalise_back(gradient[s, c], x[s, c], kind, 0.0, work)
            scaled(gradient[s, c], gradient[s, c], slopes[s, c])


@entry(void(STREAM, float64[::1]))
def log_norms(x, out):
    """Set out = ln of the Frobenius norm of every sample's part of a stream."""
    for s in range(x.shape[0]):
        out[s] = log_norm(x[s].reshape(-1))
