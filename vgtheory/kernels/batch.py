"""Networks with batch normalisation, a batch of inputs at once: matrices are made and multiplied by BLAS.

n = (h − m)/√(s² + eps) with mean m and mean square deviation s² of each unit over the batch (Ioffe & Szegedy (2015));
backward, b = ∂ℓ/∂n:  ∂ℓ/∂h = (b − mean(b) − n·mean(b∘n))/√(s² + eps), means over the batch.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.entries import gaussian_entries
from vgtheory.kernels.matrices import GIVEN, HAAR, LEFT, LOW_RANK, NONE, RIGHT, MatrixLaw
from vgtheory.kernels.normalise import EQUAL, ROUNDING
from vgtheory.kernels.signals import BIAS, ROWS

Array = NDArray[np.float64]


def _rows(law: MatrixLaw, shape: tuple[int, int], key: np.uint64, sample: int, layer: int, purpose: int) -> Array:
    out = np.empty(shape)
    for i in range(shape[0]):
        law.entries(out[i], law.data, key, sample, layer, purpose + i)
    return out


def matrix(law: MatrixLaw, shape: tuple[int, int], key: np.uint64, sample: int, layer: int, start: int) -> Array:
    """Return a layer's matrix of shape (N_l, N_{l−1}), entries of variance 1 (given ones as they are)."""
    if law.kind == GIVEN:
        return law.data[start : start + shape[0] * shape[1]].reshape(shape)
    if law.kind == HAAR:  # QR of a Gaussian matrix with positive diagonal is Haar distributed (Mezzadri 2007)
        tall = shape[0] >= shape[1]
        q, r = np.linalg.qr(_rows(law, (max(shape), min(shape)), key, sample, layer, ROWS))
        q *= np.sign(np.diag(r)) * math.sqrt(max(shape))
        return q if tall else q.T
    if law.kind == LOW_RANK:
        rank, noise = int(law.data[0]), float(law.data[1])
        left = _rows(law, (rank, shape[0]), key, sample, layer, LEFT)
        right = _rows(law, (rank, shape[1]), key, sample, layer, RIGHT)
        outer = math.sqrt((1.0 - noise) / rank) * (left.T @ right)
        return outer + math.sqrt(noise) * _rows(law, shape, key, sample, layer, ROWS) if noise > 0.0 else outer
    return _rows(law, shape, key, sample, layer, ROWS)


def _vectors(count: int, size: int, key: np.uint64, sample: int, layer: int) -> Array:
    """Return standard normal vectors, one per input, as columns."""
    out = np.empty((count, size))
    for i in range(count):
        gaussian_entries(out[i], NONE, key, sample, layer, ROWS + i)
    return out.T


def batch_samples(
    row: Any,
    law: MatrixLaw,
    widths: NDArray[np.int64],
    sigma_w: Array,
    sigma_b: Array,
    batch: int,
    eps: float,
    seed: np.uint64,
    first: int,
    gradient: Array,
    weight: Array,
    q: Array,
) -> None:
    """Fill row i of the results with sample `first` + i.

    The inputs are independent and uniform on the sphere ‖x_0‖² = N_0; the loss gradient at the batch's x_L, a matrix of
    N_L × batch numbers, is uniform on the unit sphere.
    """
    for i in range(len(gradient)):
        _one(row, law, widths, sigma_w, sigma_b, batch, eps, seed, first + i, gradient[i], weight[i], q[i])


def _one(
    row: Any,
    law: MatrixLaw,
    widths: NDArray[np.int64],
    sigma_w: Array,
    sigma_b: Array,
    batch: int,
    eps: float,
    key: np.uint64,
    sample: int,
    gradient: Array,
    weight: Array,
    q: Array,
) -> None:
    depth = len(sigma_w)
    x = _vectors(batch, int(widths[0]), key, sample, 0)
    x *= math.sqrt(widths[0]) / np.linalg.norm(x, axis=0)
    kept, matrices = [], []
    start = offset = 0
    for k in range(depth):
        shape = int(widths[k + 1]), int(widths[k])
        layer = 1 if law.shared else k + 1
        gain = 1.0 if law.kind == GIVEN else sigma_w[k] / math.sqrt(shape[1])
        w = gain * matrix(law, shape, key, sample, layer, start)
        h = w @ x + _bias(law, sigma_b[k], shape[0], key, sample, layer, offset)[:, None]
        start, offset = start + w.size, offset + shape[0]
        q[k] = np.mean(h * h)
        norm = _normalised(h, eps)
        n = norm[0]
        value, slope = np.empty(n.size), np.empty(n.size)
        row(n.ravel(), value, slope)
        kept.append((x, norm, slope.reshape(n.shape)))
        matrices.append(w)
        x = value.reshape(n.shape)
    g = _vectors(batch, int(widths[depth]), key, sample, depth + 1)
    g = g / np.linalg.norm(g)
    log_scale = 0.0
    for k in range(depth - 1, -1, -1):
        x, norm, slope = kept[k]
        delta = _normalised_back(slope * g, *norm, eps)
        size = float(np.linalg.norm(delta))
        if size == 0.0:
            gradient[: k + 1] = weight[: k + 1] = -math.inf
            return
        delta /= size
        log_scale += math.log(size)
        gradient[k] = log_scale
        share = float(np.linalg.norm(delta @ x.T))
        weight[k] = log_scale + math.log(share) if share > 0.0 else -math.inf
        g = matrices[k].T @ delta


def _bias(law: MatrixLaw, sigma_b: float, size: int, key: np.uint64, sample: int, layer: int, offset: int) -> Array:
    if law.kind == GIVEN:
        return law.biases[offset : offset + size]
    out = np.zeros(size)
    if sigma_b > 0.0:
        law.bias_entries(out, law.biases, key, sample, layer, BIAS)
    return sigma_b * out


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
