"""Networks with batch normalisation, a batch of inputs at once: matrices are made and multiplied by BLAS.

n = (h − m)/√(s² + eps) with mean m and mean square deviation s² of each unit over the batch (Ioffe & Szegedy (2015));
backward, b = ∂ℓ/∂n:  ∂ℓ/∂h = (b − mean(b) − n·mean(b∘n))/√(s² + eps), means over the batch.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.arguments import Layers, Norms, Place, Samples
from vgtheory.kernels.entries import gaussian_entries
from vgtheory.kernels.matrices import GIVEN, HAAR, LEFT, LOW_RANK, NONE, RIGHT, MatrixDistribution
from vgtheory.kernels.normalise import EQUAL, ROUNDING
from vgtheory.kernels.signals import BIAS, ROWS

Array = NDArray[np.float64]


def _rows(law: MatrixDistribution, shape: tuple[int, int], place: Place, purpose: int) -> Array:
    out = np.empty(shape)
    for i in range(shape[0]):
        law.entries(out[i], law.data, *place, purpose + i)
    return out


def matrix(law: MatrixDistribution, shape: tuple[int, int], place: Place, start: int) -> Array:
    """Return a layer's matrix of shape (N_l, N_{l−1}), entries of variance 1 (given ones as they are)."""
    if law.kind == GIVEN:
        return law.data[start : start + shape[0] * shape[1]].reshape(shape)
    if law.kind == HAAR:  # QR of a Gaussian matrix with positive diagonal is Haar distributed (Mezzadri 2007)
        tall = shape[0] >= shape[1]
        q, r = np.linalg.qr(_rows(law, (max(shape), min(shape)), place, ROWS))
        q *= np.sign(np.diag(r)) * math.sqrt(max(shape))
        return q if tall else q.T
    if law.kind == LOW_RANK:
        rank, noise = int(law.data[0]), float(law.data[1])
        left = _rows(law, (rank, shape[0]), place, LEFT)
        right = _rows(law, (rank, shape[1]), place, RIGHT)
        outer = math.sqrt((1.0 - noise) / rank) * (left.T @ right)
        return outer + math.sqrt(noise) * _rows(law, shape, place, ROWS) if noise > 0.0 else outer
    return _rows(law, shape, place, ROWS)


def _bias(law: MatrixDistribution, sigma_b: float, size: int, place: Place, start: int) -> Array:
    if law.kind == GIVEN:
        return law.biases[start : start + size]
    out = np.zeros(size)
    if sigma_b > 0.0:
        law.bias_entries(out, law.biases, *place, BIAS)
    return sigma_b * out


def _vectors(count: int, size: int, place: Place) -> Array:
    """Return standard normal vectors, one per input, as columns."""
    out = np.empty((count, size))
    for i in range(count):
        gaussian_entries(out[i], NONE, *place, ROWS + i)
    return out.T


class Step(NamedTuple):
    """What the way back needs of a layer: its input and matrix, n with 1/√(s² + eps), and φ'(n)."""

    x: Array
    matrix: Array
    norm: tuple[Array, Array]
    slope: Array


class Batch(NamedTuple):
    """A batch through networks of one kind: row pass, distribution of the matrices, layers, size and eps."""

    row: Any
    law: MatrixDistribution
    layers: Layers
    size: int
    eps: float

    def forward(self, origin: Place, q: Array) -> Iterator[Step]:
        """Yield the layers of one sample, and fill q."""
        (widths, sigma_w, sigma_b), law = self.layers, self.law
        x = _vectors(self.size, int(widths[0]), origin)
        x *= math.sqrt(widths[0]) / np.linalg.norm(x, axis=0)
        start = offset = 0
        for k in range(len(sigma_w)):
            shape = int(widths[k + 1]), int(widths[k])
            place = origin._replace(layer=1 if law.tied else k + 1)
            gain = 1.0 if law.kind == GIVEN else sigma_w[k] / math.sqrt(shape[1])
            w = gain * matrix(law, shape, place, start)
            h = w @ x + _bias(law, sigma_b[k], shape[0], place, offset)[:, None]
            start, offset = start + w.size, offset + shape[0]
            q[k] = np.mean(h * h)
            norm = _normalised(h, self.eps)
            value, slope = np.empty(h.size), np.empty(h.size)
            self.row(norm[0].ravel(), value, slope)
            yield Step(x, w, norm, slope.reshape(h.shape))
            x = value.reshape(h.shape)

    def backward(self, steps: Sequence[Step], origin: Place, gradient: Array, weight: Array) -> None:
        """Fill the logarithms of the gradients' norms of one sample."""
        depth = len(steps)
        g = _vectors(self.size, int(self.layers.widths[depth]), origin._replace(layer=depth + 1))
        g = g / np.linalg.norm(g)
        log_scale = 0.0
        for k in range(depth - 1, -1, -1):
            step = steps[k]
            delta = _normalised_back(step.slope * g, *step.norm, self.eps)
            size = float(np.linalg.norm(delta))
            if size == 0.0:
                gradient[: k + 1] = weight[: k + 1] = -math.inf
                return
            delta /= size
            log_scale += math.log(size)
            gradient[k] = log_scale
            share = float(np.linalg.norm(delta @ step.x.T))
            weight[k] = log_scale + math.log(share) if share > 0.0 else -math.inf
            g = step.matrix.T @ delta


def batch_samples(batch: Batch, samples: Samples, norms: Norms) -> None:
    """Fill row i of the norms with sample number i of these.

    The inputs are independent and uniform on the sphere ‖x_0‖² = N_0; the loss gradient at the batch's x_L, a matrix of
    N_L × batch numbers, is uniform on the unit sphere.
    """
    for i in range(len(norms.q)):
        origin = Place(samples.seed, samples.first + i, 0)
        steps = []
        for step in batch.forward(origin, norms.q[i]):
            steps.append(step)
            if samples.stop[0] != 0:
                return
        batch.backward(steps, origin, norms.gradient[i], norms.weight[i])


def _normalised(h: Array, eps: float) -> tuple[Array, Array]:
    """Return n and 1/√(s² + eps), each unit over the batch; 0 where that is not finite."""
    mean = h.mean(axis=1, keepdims=True)
    centred = h - mean
    centred -= centred.mean(axis=1, keepdims=True)  # the mean of nearly equal numbers is off by as much as they differ
    square = np.mean(centred * centred, axis=1, keepdims=True)
    square = np.where(square > EQUAL * mean * mean, square, 0.0)
    with np.errstate(divide="ignore"):
        inverse = np.where(square + eps > 0.0, 1.0 / np.sqrt(square + eps), 0.0)
    return centred * inverse, inverse


def _normalised_back(b: Array, n: Array, inverse: Array, eps: float) -> Array:
    """Return ∂ℓ/∂h for b = ∂ℓ/∂n: across n (and the ones) b passes whole, along n to the share eps/(s² + eps)."""
    square = np.mean(n * n, axis=1, keepdims=True)
    along = n * (np.mean(b * n, axis=1, keepdims=True) / np.where(square > 0.0, square, 1.0))
    across = b - b.mean(axis=1, keepdims=True) - along
    noise = ROUNDING * np.sqrt(np.mean(b * b, axis=1, keepdims=True))
    across[np.abs(across) <= noise * (1.0 + np.abs(n))] = 0.0  # rounding alone: no gradient passes
    return (across + eps * inverse**2 * along) * inverse
