"""Random matrices as operators: W on one vector, then Wᵀ on one vector given what W did; nothing of W is drawn.

Every pair of functions here samples h = gain·Ωx + bias·b and later g = Ωᵀδ, ‖δ‖ = 1, jointly distributed as a drawn Ω
would give them; Ω has independent normal entries of variance 1, or orthonormal rows or columns (Haar).  Networks take
such a pair as arguments (``FORWARD``, ``BACKWARD``), and pairs that multiply drawn matrices serve the same networks.
"""

import math

from numba import float64, int64, types, uint64, void

from vgtheory.kernels._jit import ELEMENTWISE_FLAGS, compiled
from vgtheory.kernels.entries import ENTRIES
from vgtheory.kernels.normals import DRAW, fill
from vgtheory.kernels.signals import (
    BIAS,
    BIAS_WEIGHT,
    REST_BACKWARD,
    REST_FORWARD,
    accumulate,
    combined,
    dot,
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


@forward
def gaussian_forward(h, x, gain, bias, law, start, bias_start, key, sample, layer, purpose, work):
    """Set h = gain·Ωx + bias·b, normal of variance gain²‖x‖² + bias²."""
    draw = law[1]
    fill(draw, h, key, sample, layer, purpose, 0)
    scaled(h, h, math.sqrt(gain * gain * dot(x, x) + bias * bias))


@backward
def gaussian_backward(g, delta, h, x, gain, bias, law, start, bias_start, key, sample, layer, purpose, work):
    """Set g = Ωᵀδ.

    The bias is one more input: given h, the extended matrix (gain·Ω, bias·b) is h x̃ᵀ/‖x̃‖² and, across x̃, as before.
    """
    draw = law[1]
    fill(draw, g, key, sample, layer, purpose, 0)
    square = gain * gain * dot(x, x) + bias * bias
    if square == 0.0 or gain == 0.0:  # h = 0 or h = b says nothing about Ω
        return
    known = dot(h, delta) - gain * dot(x, g)
    if bias > 0.0:
        draw(work[0, :1], work[1, :1], key, sample, layer, BIAS_WEIGHT, 0)
        known -= bias * work[0, 0]
    accumulate(g, x, gain * (known / square))


@forward
def haar_forward(h, x, gain, bias, law, start, bias_start, key, sample, layer, purpose, work):
    """Set h = gain·Ωx + bias·b: Ωx has any direction, and length ‖x‖ where Ω keeps lengths."""
    draw = law[1]
    fill(draw, h, key, sample, layer, purpose, 0)
    rest = square_sum(draw, x.size - h.size, key, sample, layer, REST_FORWARD, work[0])
    scaled(h, h, gain * math.sqrt(dot(x, x) / (dot(h, h) + rest)))
    if bias > 0.0:
        noise = work[0, : h.size]
        fill(draw, noise, key, sample, layer, BIAS, 0)
        accumulate(h, noise, bias)


@backward
def haar_backward(g, delta, h, x, gain, bias, law, start, bias_start, key, sample, layer, purpose, work):
    """Set g = Ωᵀδ = (w·δ) x̂ + (1 − (w·δ)²)^½ v: w = Ωx̂, and v uniform on the unit sphere across x̂."""
    draw = law[1]
    z = work[0, : h.size]
    fill(draw, z, key, sample, layer, purpose - 1, 0)
    norm = dot(z, z) + square_sum(draw, x.size - h.size, key, sample, layer, REST_FORWARD, work[1])
    cosine = dot(z, delta) / math.sqrt(norm)
    fill(draw, g, key, sample, layer, purpose, 0)
    rest = square_sum(draw, h.size - x.size, key, sample, layer, REST_BACKWARD, work[1])
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


GAUSSIAN_PAIR, HAAR_PAIR = (gaussian_forward, gaussian_backward), (haar_forward, haar_backward)
