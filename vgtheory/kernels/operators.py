"""Random matrices as operators: W on one vector, then Wᵀ on one vector given what W did; nothing of W is drawn.

Every pair of functions here samples h = gain·Ωx + bias·b and later g = Ωᵀδ, ‖δ‖ = 1, jointly distributed as a drawn Ω
would give them; Ω has independent normal entries of variance 1, or orthonormal rows or columns (Haar).  Networks take
such a pair as arguments (``FORWARD``, ``BACKWARD``), and pairs that multiply drawn matrices serve the same networks.
"""

import math

import numpy as np
from numba import boolean, float64, int64, types, uint64, void

from vgtheory.kernels._jit import ELEMENTWISE_FLAGS, compiled, entry, piece
from vgtheory.kernels.arguments import Place
from vgtheory.kernels.entries import ENTRIES
from vgtheory.kernels.normals import DRAW, fill, fill_normal_pairs
from vgtheory.kernels.oracle import DRAWS
from vgtheory.kernels.signals import (
    BIAS,
    BIAS_WEIGHT,
    REST_BACKWARD,
    REST_FORWARD,
    accumulate,
    combined,
    dot,
    log_norm,
    scaled,
    square_sum,
)

# A distribution of matrices: (kind, normals, distribution of the entries, its numbers or given entries, that of the
# biases, given biases), see ``matrices.MatrixDistribution``; of it the operators here need the normals.
LAW = types.Tuple((int64, DRAW, ENTRIES, float64[::1], ENTRIES, float64[::1]))
# (h, x, gain, bias, law, places of the layer in given entries and biases, key, sample, layer, purpose, work)
FORWARD_SIGNATURE = void(
    float64[::1], float64[::1], float64, float64, LAW, int64, int64, uint64, int64, int64, int64, float64[:, ::1]
)
# (g, δ, h, x, and the rest as forward); `purpose` is the one of ξ, forward + 1.
BACKWARD_SIGNATURE = void(
    float64[::1], float64[::1], float64[::1], float64[::1], float64, float64, LAW, int64, int64, uint64, int64, int64,
    int64, float64[:, ::1],
)  # fmt: skip
FORWARD, BACKWARD = types.FunctionType(FORWARD_SIGNATURE), types.FunctionType(BACKWARD_SIGNATURE)
forward = compiled(FORWARD_SIGNATURE, flags=ELEMENTWISE_FLAGS)
backward = compiled(BACKWARD_SIGNATURE, flags=ELEMENTWISE_FLAGS)
WORK = 2  # rows of scratch, each as long as the widest layer


@piece
def _gaussian_forward(draw, place, purpose, h, x, gain, bias):
    fill(draw, h, place.key, place.sample, place.layer, purpose, 0)
    scaled(h, h, math.sqrt(gain * gain * dot(x, x) + bias * bias))


@piece
def _gaussian_backward(draw, place, purpose, g, delta, h, x, gain, bias, work):
    fill(draw, g, place.key, place.sample, place.layer, purpose, 0)
    square = gain * gain * dot(x, x) + bias * bias
    if square == 0.0 or gain == 0.0:  # h = 0 or h = b says nothing about Ω
        return
    known = dot(h, delta) - gain * dot(x, g)
    if bias > 0.0:
        draw(work[0, :1], work[1, :1], place.key, place.sample, place.layer, BIAS_WEIGHT, 0)
        known -= bias * work[0, 0]
    accumulate(g, x, gain * (known / square))


@piece
def _haar_forward(draw, place, purpose, h, x, gain, bias, work):
    fill(draw, h, place.key, place.sample, place.layer, purpose, 0)
    rest = square_sum(draw, x.size - h.size, place.key, place.sample, place.layer, REST_FORWARD, work[0])
    scaled(h, h, gain * math.sqrt(dot(x, x) / (dot(h, h) + rest)))
    if bias > 0.0:
        noise = work[0, : h.size]
        fill(draw, noise, place.key, place.sample, place.layer, BIAS, 0)
        accumulate(h, noise, bias)


@piece
def _haar_backward(draw, place, purpose, g, delta, x, work):
    key, sample, layer = place
    z = work[0, : delta.size]
    fill(draw, z, key, sample, layer, purpose - 1, 0)
    norm = dot(z, z) + square_sum(draw, x.size - delta.size, key, sample, layer, REST_FORWARD, work[1])
    cosine = dot(z, delta) / math.sqrt(norm)
    fill(draw, g, key, sample, layer, purpose, 0)
    rest = square_sum(draw, delta.size - x.size, key, sample, layer, REST_BACKWARD, work[1])
    square = dot(x, x)
    if square == 0.0:  # nothing went up: Ωᵀδ has any direction
        scaled(g, g, 1.0 / math.sqrt(dot(g, g) + rest))
        return
    if x.size == 1:  # no direction is orthogonal to x
        scaled(g, x, cosine / math.sqrt(square))
        return
    accumulate(g, x, -dot(x, g) / square)
    across = math.sqrt(max(1.0 - cosine * cosine, 0.0) / (dot(g, g) + rest))
    combined(g, g, across, x, cosine / math.sqrt(square))


@forward
def gaussian_forward(h, x, gain, bias, law, start, bias_start, key, sample, layer, purpose, work):
    """Set h = gain·Ωx + bias·b, normal of variance gain²‖x‖² + bias²."""
    _gaussian_forward(law[1], Place(key, sample, layer), purpose, h, x, gain, bias)


@backward
def gaussian_backward(g, delta, h, x, gain, bias, law, start, bias_start, key, sample, layer, purpose, work):
    """Set g = Ωᵀδ.

    The bias is one more input: given h, the extended matrix (gain·Ω, bias·b) is h x̃ᵀ/‖x̃‖² and, across x̃, as before.
    """
    _gaussian_backward(law[1], Place(key, sample, layer), purpose, g, delta, h, x, gain, bias, work)


@forward
def haar_forward(h, x, gain, bias, law, start, bias_start, key, sample, layer, purpose, work):
    """Set h = gain·Ωx + bias·b: Ωx has any direction, and length ‖x‖ where Ω keeps lengths."""
    _haar_forward(law[1], Place(key, sample, layer), purpose, h, x, gain, bias, work)


@backward
def haar_backward(g, delta, h, x, gain, bias, law, start, bias_start, key, sample, layer, purpose, work):
    """Set g = Ωᵀδ = (w·δ) x̂ + (1 − (w·δ)²)^½ v: w = Ωx̂, and v uniform on the unit sphere across x̂."""
    _haar_backward(law[1], Place(key, sample, layer), purpose, g, delta, x, work)


STREAM = float64[:, :, ::1]


@entry(void(boolean, DRAWS, STREAM, STREAM, float64, float64))
def forward_all(haar, draws, h, x, gain, bias):
    """Set h = gain·Ωx + bias·b for every sample's Ω, (sample, 1, ·); NaN where ‖x‖² is not finite."""
    work = np.empty((WORK, max(h.shape[2], x.shape[2])))
    for s in range(h.shape[0]):
        if not dot(x[s, 0], x[s, 0]) < math.inf:
            h[s] = math.nan
            continue
        place = Place(draws.key, draws.first + s, draws.layer)
        if haar:
            _haar_forward(fill_normal_pairs, place, draws.purpose, h[s, 0], x[s, 0], gain, bias, work)
        else:
            _gaussian_forward(fill_normal_pairs, place, draws.purpose, h[s, 0], x[s, 0], gain, bias)


@entry(void(boolean, DRAWS, STREAM, STREAM, STREAM, STREAM, float64, float64))
def backward_all(haar, draws, g, delta, h, x, gain, bias):
    """Set g = gain·Ωᵀδ for every sample's Ω, given its h; `draws` are those of h."""
    work, purpose = np.empty((WORK + 1, max(h.shape[2], x.shape[2]))), draws.purpose + 1
    unit = work[WORK, : h.shape[2]]
    for s in range(h.shape[0]):
        log_size = log_norm(delta[s, 0])
        if not -math.inf < log_size < math.inf:
            g[s] = 0.0 if log_size == -math.inf else math.nan
            continue
        half = math.exp(0.5 * log_size)  # in two steps: the reciprocal of a subnormal norm is not finite
        scaled(unit, delta[s, 0], 1.0 / half)
        scaled(unit, unit, 1.0 / half)
        place = Place(draws.key, draws.first + s, draws.layer)
        if haar:
            _haar_backward(fill_normal_pairs, place, purpose, g[s, 0], unit, x[s, 0], work)
        else:
            _gaussian_backward(fill_normal_pairs, place, purpose, g[s, 0], unit, h[s, 0], x[s, 0], gain, bias, work)
        scaled(g[s, 0], g[s, 0], half)
        scaled(g[s, 0], g[s, 0], gain * half)


GAUSSIAN_PAIR, HAAR_PAIR = (gaussian_forward, gaussian_backward), (haar_forward, haar_backward)
