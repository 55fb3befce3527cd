"""Simulation of networks with skip connections, normalisation and dropout, O(N) per layer beside the matrices' work.

Layers are those of ``branch``.  Memory is O(N√L + L): the forward pass keeps the signal at the start of each segment of
layers, and a segment is run again, from the same random numbers, when the gradient reaches it.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import boolean, float64, int64, uint64, void

from vgtheory.kernels._jit import ROW_PASS, entry, piece
from vgtheory.kernels._numba_internals import borrowed
from vgtheory.kernels.arguments import Activation, Layers, Norms, Place, Samples
from vgtheory.kernels.branch import NUMBERS, Branch, Net, Slot, backward_layer, forward_layer
from vgtheory.kernels.matrices import MatrixDistribution
from vgtheory.kernels.normalise import LAYER, NONE, RMS
from vgtheory.kernels.normals import DRAW, fill, fill_normal_pairs, fill_uniform_pairs
from vgtheory.kernels.operators import BACKWARD, FORWARD, LAW, WORK
from vgtheory.kernels.signals import SIGNAL, dot, scaled

SEGMENT_BYTES = 2**23  # kept vectors of one segment; a network that fits is run forward once

KINDS = {"": NONE, "layer": LAYER, "rms": RMS}


class Memory(NamedTuple):
    """Signals and their units where segments start; what is kept of a segment's layers; scratch; the flag of the end.

    Rows of scratch from WORK on are the signal, δ and two gradients.
    """

    starts: Any
    units: Any
    kept: Any
    numbers: Any
    work: Any
    stop: Any


@piece
def _run(net, origin, begin, end, t, memory, norms):
    """Run layers begin + 1..end forward, keeping their vectors in the slots from 0 on; return the units of x_end."""
    for k in range(begin, end):
        if memory.stop[0] != 0:
            break
        slot = Slot(memory.kept[k - begin], memory.numbers[k - begin], memory.work)
        place = Place(origin.key, origin.sample, k + 1)
        t, norms.weight[k], norms.q[k] = forward_layer(net, place, memory.work[WORK], t, slot)
    return t


@piece
def _network(net, origin, memory, norms):
    """Run one sample, whose rows of the results are `norms`."""
    widths, depth, segment = net.widths, net.sigma_w.size, memory.kept.shape[0]
    signal, pair, draw = memory.work[WORK], memory.work[WORK + 2 :], net.law[1]
    x = signal[: widths[0]]
    fill(draw, x, origin.key, origin.sample, 0, SIGNAL, 0)
    scaled(x, x, math.sqrt(widths[0] / dot(x, x)))
    t = 0.0
    last = (depth - 1) // segment
    for s in range(last + 1):
        begin = s * segment
        scaled(memory.starts[s, : widths[begin]], signal[: widths[begin]], 1.0)
        memory.units[s] = t
        t = _run(net, origin, begin, min(begin + segment, depth), t, memory, norms)
    g = pair[0, : widths[depth]]
    fill(draw, g, origin.key, origin.sample, depth + 1, SIGNAL, 0)
    scaled(g, g, 1.0 / math.sqrt(dot(g, g)))
    t = 0.0
    for s in range(last, -1, -1):
        begin, end = s * segment, min((s + 1) * segment, depth)
        if s < last:
            scaled(signal[: widths[begin]], memory.starts[s, : widths[begin]], 1.0)
            _run(net, origin, begin, end, memory.units[s], memory, norms)
        for k in range(end - 1, begin - 1, -1):
            if memory.stop[0] != 0:
                return
            side = (depth - 1 - k) % 2
            slot = Slot(memory.kept[k - begin], memory.numbers[k - begin], memory.work)
            g, below = pair[side, : widths[k + 1]], pair[1 - side, : widths[k]]
            t, norms.gradient[k] = backward_layer(
                net, Place(origin.key, origin.sample, k + 1), g, below, t, slot
            )  # fmt: skip
            norms.weight[k] += norms.gradient[k]


@entry(
    void(
        ROW_PASS, FORWARD, BACKWARD, LAW, DRAW, int64[:, ::1], int64[::1], float64[::1], float64[::1],
        boolean, boolean, float64, float64, int64, int64, float64, float64, boolean, boolean, uint64, int64,
        int64[::1], float64[:, ::1], float64[::1], float64[:, :, ::1], float64[:, ::1], float64[:, ::1],
        float64[:, ::1], float64[:, ::1], float64[:, ::1],
    )
)  # fmt: skip
def _assembled_samples(
    row, matrix, matrix_back, law, draw_uniform, places, widths, sigma_w, sigma_b,
    skip, two, scale, second, before, after, log_eps, rate, linear_at_zero, linear_at_infinity, seed, first, stop,
    starts, units, kept, numbers, work, gradient, weight, q,
):  # fmt: skip
    branch = Branch(skip, two, scale, second, before, after, log_eps, rate)
    net = Net(
        row, matrix, matrix_back, law, draw_uniform, borrowed(places), borrowed(widths), borrowed(sigma_w),
        borrowed(sigma_b), branch, linear_at_zero, linear_at_infinity,
    )  # fmt: skip
    memory = Memory(
        borrowed(starts), borrowed(units), borrowed(kept), borrowed(numbers), borrowed(work), borrowed(stop)
    )
    for i in range(gradient.shape[0]):
        norms = Norms(borrowed(gradient)[i], borrowed(weight)[i], borrowed(q)[i])
        _network(net, Place(seed, first + i, i), memory, norms)


@dataclass(frozen=True)
class Parts:
    """What a network has besides matrices and activation.

    Parameters
    ----------
    skip : whether x_{l−1} is added to the branch.
    scale : a, the branch's factor; used with `skip`.
    second : σ_w of W'_l, None without it.
    before, after : "layer", "rms" or "", normalisation before and after the activation.
    eps : of the normalisation.
    rate : of dropout.
    """

    skip: bool = False
    scale: float = 1.0
    second: float | None = None
    before: str = ""
    after: str = ""
    eps: float = 0.0
    rate: float = 0.0


PLAIN = Parts()


def assembled_samples(
    activation: Activation,
    operators: tuple[Any, Any],
    law: MatrixDistribution,
    parts: Parts,
    layers: Layers,
    samples: Samples,
    norms: Norms,
    most_bytes: int = SEGMENT_BYTES,
) -> None:
    """Fill row i of the norms with sample number i of these.

    The input x_0 is uniform on the sphere ‖x_0‖² = N_0.  `operators` are a pair of ``FORWARD`` and ``BACKWARD`` for
    this law: ``GAUSSIAN_PAIR`` and ``HAAR_PAIR`` draw no matrix.  `most_bytes` is about what kept vectors may
    take; the numbers do not depend on it.
    """
    widths = layers.widths
    depth, most = len(layers.sigma_w), int(widths.max())
    fitting = most_bytes // (8 * most * (4 if parts.second is None else 6))
    segment = min(depth, max(fitting, math.isqrt(depth) + 1))
    places = np.zeros((depth, 3), np.int64)  # the matrix's layer, and where its entries and its bias begin
    places[:, 0] = 1 if law.tied else np.arange(1, depth + 1)
    places[1:, 1], places[1:, 2] = np.cumsum(widths[:-2] * widths[1:-1]), np.cumsum(widths[1:-1])
    log_eps = math.log(parts.eps) if parts.eps > 0 else -math.inf
    row, *linear = activation
    branch = Branch(
        skip=parts.skip,
        two=parts.second is not None,
        scale=parts.scale,
        second=parts.second or 0.0,
        before=KINDS[parts.before],
        after=KINDS[parts.after],
        log_eps=log_eps,
        rate=parts.rate,
    )
    segments = (depth - 1) // segment + 1
    kept = np.empty((segment, 4 if parts.second is None else 6, most))
    memory = (np.empty((segments, most)), np.empty(segments), kept, np.empty((segment, NUMBERS)))
    numbers = (law.kind, fill_normal_pairs, law.entries, law.data, law.bias_entries, law.biases)
    matrices = (*operators, numbers, fill_uniform_pairs, places)
    work = np.empty((WORK + 4, most))
    _assembled_samples(row, *matrices, *layers, *branch, *linear, *samples, *memory, work, *norms)
