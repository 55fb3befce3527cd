"""The orthonormal directions of one sampled network: its layers one by one, with QR steps as often as rounding asks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network
from vgtheory.model.sizes import LOG_DOUBLE
from vgtheory.spectra.sampling import drawn_layers

PILOT = 16  # layers with a QR step each, from which the number of layers between later ones follows
MOST_LAYERS = 64  # between QR steps: beyond, they cost nothing
_CERTAIN = 3.0  # standard deviations by which the spread of a few layers may exceed its mean
_EPS = 2.0**-52
LARGEST = 1e100  # size of the directions that brings a QR step: far inside float64
_UNSORTED = math.log(1e3)  # slopes that differ more are sorted, so that QR keeps small rows (Cox & Higham 1998)


def layers_between(spreads: Array, tolerance: float) -> int:
    """Return the number k of layers between QR steps that rounding allows.

    The k-layer product has directions whose stretches differ by a factor of exp(k (λ_1 − λ_m)); rounding of the largest
    drowns that share of the smallest, so ε exp(k (λ_1 − λ_m)) must stay below the tolerance.

    Parameters
    ----------
    spreads : ln of the ratio of the largest to the smallest stretch in single layers, shape (n,); their mean is
        λ_1 − λ_m, and three standard deviations of a sum of k are added.

    Examples
    --------
    >>> layers_between(np.full(16, 3.0), 1e-8), layers_between(np.full(16, 0.1), 1e-8)
    (5, 64)
    """
    mean, deviation = float(np.mean(spreads)), float(np.std(spreads))
    allowed = math.log(tolerance / _EPS)
    k = 1
    while k < MOST_LAYERS and (k + 1) * mean + _CERTAIN * math.sqrt(k + 1) * deviation <= allowed:
        k += 1
    return k


class Frame:
    """The leading directions of one sampled network, with its forward pass."""

    def __init__(
        self,
        network: Network,
        ends: NDArray[np.int64],
        count: int,
        tolerance: float,
        step: int | None,
        rng: np.random.Generator,
    ) -> None:
        self.network, self.tolerance, self.rng = network, tolerance, rng
        self.ends, self.growth = set(ends.tolist()), np.zeros((len(ends), count))
        self.given, self.step = step, step or 1
        self.rounding = 0.0
        self._spreads: list[float] = []
        self._offset, self._since = 0.0, 0
        self._rows = np.eye(network.widths[0], count)  # x_0 is uniform, so that no coordinate is special
        self._places: NDArray[np.intp] | None = None  # the units that the rows stand for; None: all, in order

    def run(self) -> Array:
        """Return ln of the growth, (block, direction)."""
        network, rng = self.network, self.rng
        act, keep = evaluator(network.activation), 1 - network.drop_rate
        homogeneous = network.activation.homogeneous_degree == 1
        x = rng.standard_normal(network.widths[0])
        x *= np.sqrt(len(x)) / np.linalg.norm(x)
        block, log_size = 0, 0.0
        for layer, (w, b) in enumerate(drawn_layers(network, rng), 1):
            # Positively homogeneous signals are kept at length √N and their size apart: no overflow at any depth.
            with np.errstate(over="ignore", invalid="ignore"):
                h = w @ x + b * math.exp(min(-log_size, LOG_DOUBLE))
                square = float(h @ h)
            if not math.isfinite(square):
                raise UnsupportedError(f"the pre-activations overflow at layer {layer}; use a smaller sigma_w")
            slopes, x = act.log_slope(h), act.value(h)
            if keep < 1:
                kept = rng.random(len(x)) < keep
                slopes, x = np.where(kept, slopes - np.log(keep), -np.inf), np.where(kept, x / keep, 0.0)
            if homogeneous and (size := float(np.linalg.norm(x))) > 0:
                x, log_size = x * (math.sqrt(len(x)) / size), log_size + math.log(size) - math.log(len(x)) / 2
            self._multiply(w, slopes)
            self._since += 1
            if self._is_due(layer):
                self._orthonormalise(block)
            if self.given is None and len(self._spreads) == PILOT and self.step == 1:
                self.step = layers_between(np.array(self._spreads), self.tolerance)
            block += layer in self.ends
        return self._finished()

    def _multiply(self, weights: Array, log_slopes: Array) -> None:
        """Multiply the directions by D W; dead units leave, and with them as many of the last directions."""
        alive = np.flatnonzero(np.isfinite(log_slopes))
        if len(alive) and np.ptp(log_slopes[alive]) > _UNSORTED:
            alive = alive[np.argsort(-log_slopes[alive], kind="stable")]
        slopes = log_slopes[alive]
        top = float(slopes.max()) if len(alive) else 0.0
        used = weights[alive] if self._places is None else weights[np.ix_(alive, self._places)]
        self._rows = ((used @ self._rows) * np.exp(slopes - top)[:, None])[:, : len(alive)]
        whole = len(alive) == len(log_slopes) and bool((alive[1:] > alive[:-1]).all())
        self._places, self._offset = None if whole else alive, self._offset + top

    def _is_due(self, layer: int) -> bool:
        if self._since >= self.step or layer in self.ends or not self._rows.size:
            return True
        size = float(np.abs(self._rows).max())
        return not 1 / LARGEST < size < LARGEST

    def _orthonormalise(self, block: int) -> None:
        q, triangle = np.linalg.qr(self._rows)
        with np.errstate(divide="ignore"):
            logs = np.log(np.abs(np.diagonal(triangle)))
        live = len(logs) if np.isfinite(logs).all() else int(np.argmin(np.isfinite(logs)))
        logs = logs[:live]
        self.growth[block, :live] += logs + self._offset
        self.growth[block, live:] = -np.inf
        if live:
            spread = float(logs.max() - logs.min())
            if self._since == 1:
                self._spreads.append(spread)
            else:
                lost = _EPS * math.exp(min(spread, 300.0))
                self.rounding = max(self.rounding, lost)
                if lost > self.tolerance and self.given is None:
                    self.step -= 1  # the first layers were tamer than those to come
        self._rows, self._offset, self._since = q[:, :live], 0.0, 0

    def _finished(self) -> Array:
        dead = np.isneginf(self.growth)
        return np.where(np.maximum.accumulate(dead, axis=0), -np.inf, self.growth)
