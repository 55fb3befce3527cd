"""How many levels lie in windows: number variance, Δ₃ and the spectral form factor of unfolded spectra."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from vgtheory._errors import InputError
from vgtheory.kernels.levels import count_spread, exponential_sums, line_distance
from vgtheory.random_matrices.arguments import numbers, positive
from vgtheory.random_matrices.laws.law import Array
from vgtheory.random_matrices.spacings.unfolding import spectra_of

_WINDOWS = 8  # per length of a window, where it is moved in steps
_MEAN = (0.5, 2.0)  # mean spacings that count as unfolded


def number_variance(levels: ArrayLike, lengths: ArrayLike, period: float | None = None) -> Array:
    """Return Σ²(L), the mean of (n − L)² over all windows of length L, n the number of levels in one.

    Parameters
    ----------
    levels : unfolded, of mean spacing 1: one spectrum, shape (N,), or several, shape (spectra, N); see `unfold`.
    lengths : L > 0, in mean spacings; a number or an array.
    period : of levels on a circle, N where they are N·θ/2π.

    Every place of a window counts: the integral over it is exact.  `bulk(beta).number_variance` is what is expected.

    Raises
    ------
    InputError : levels that are not unfolded, a length that is not positive or reaches over the whole spectrum.

    Examples
    --------
    >>> float(number_variance(np.arange(50) + 0.5, 0.5))  # equally spaced: 0 or 1 level in half a spacing
    0.25
    """

    def spread(row: np.ndarray, first: float, last: float, length: float) -> float:
        return count_spread(row, first, last, length) / (last - first)

    return _over_windows(levels, lengths, period, spread)


def delta3(levels: ArrayLike, lengths: ArrayLike, period: float | None = None) -> Array:
    """Return Δ₃(L), the mean over windows of the least (1/L)∫(N(x) − ax − b)² dx over all lines (Dyson & Mehta 1963).

    Parameters
    ----------
    levels : unfolded, of mean spacing 1: one spectrum, shape (N,), or several, shape (spectra, N); see `unfold`.
    lengths : L > 0, in mean spacings; a number or an array.
    period : of levels on a circle, N where they are N·θ/2π.

    Raises
    ------
    InputError : levels that are not unfolded, a length that is not positive or reaches over the whole spectrum.

    Examples
    --------
    >>> round(float(delta3(np.arange(400) + 0.5, 20.0)), 3)  # equally spaced: 1/12
    0.083
    """

    def distance(row: np.ndarray, first: float, last: float, length: float) -> float:
        return line_distance(row, first, last, length, int(np.ceil(_WINDOWS * (last - first) / length)))

    return _over_windows(levels, lengths, period, distance)


def form_factor(levels: ArrayLike, times: ArrayLike, connected: bool = False) -> Array:
    """Return the spectral form factor K(τ) = E|Σ_j e^{2πiτx_j}|²/N of unfolded levels x.

    Parameters
    ----------
    levels : of mean spacing 1: one spectrum, shape (N,), or several, shape (spectra, N), over which E is the mean.
    times : τ in units of the Heisenberg time; K → 1 for large τ.
    connected : subtract |E Σ_j e^{2πiτx_j}|²/N, the part of the mean density, which is large at small τ.  It needs
        several spectra, and is unbiased.

    Raises
    ------
    InputError : levels that are not unfolded, or `connected` with fewer than two spectra.

    Examples
    --------
    >>> np.round(form_factor(np.arange(10.0), [0.0, 0.5, 1.0]), 12)  # Bragg peaks of a crystal
    array([10.,  0., 10.])
    """
    rows, at = _unfolded(levels, None), numbers("times", times)
    if connected and len(rows) < 2:
        raise InputError("levels", "several spectra, for the connected part", "give connected=False", got="one")
    sums = np.array([exponential_sums(row, at.ravel()) for row in rows])
    total = (sums[:, 0] ** 2 + sums[:, 1] ** 2).mean(axis=0)
    if connected:
        mean = sums.mean(axis=0)
        total = (total - (mean**2).sum(axis=0)) * len(rows) / (len(rows) - 1)
    return (total / rows.shape[1]).reshape(at.shape)[()]


def _unfolded(levels: ArrayLike, period: float | None) -> np.ndarray:
    rows = spectra_of("levels", levels)
    range_ = (rows[:, -1] - rows[:, 0]).mean() if period is None else period
    spacing = float(range_ / (rows.shape[1] - (period is None)))
    if not _MEAN[0] <= spacing <= _MEAN[1]:
        hint = "give unfold(eigenvalues)" if period is None else "give N θ/2π with period=N"
        raise InputError("levels", "unfolded ones, of mean spacing 1", hint, got=f"mean spacing {spacing:.4g}")
    return rows


def _over_windows(
    levels: ArrayLike,
    lengths: ArrayLike,
    period: float | None,
    measure: Callable[[np.ndarray, float, float, float], float],
) -> Array:
    """Return the mean over spectra of a measure of (levels, first start, last start, length), for every length."""
    period = None if period is None else positive("period", period)
    rows, at = _unfolded(levels, period), numbers("lengths", lengths)
    room = float((rows[:, -1] - rows[:, 0]).min()) if period is None else period
    if not ((at > 0) & (at < room)).all():
        raise InputError("lengths", f"positive numbers below {room:.6g}, the spectrum", "give lengths=[1.0, 2.0, 5.0]")
    if period is not None:
        rows = np.concatenate([rows, rows + period], axis=1)
    out = np.zeros(at.size)
    for row in rows:
        for k, length in enumerate(at.ravel()):
            last = row[-1] - length if period is None else row[0] + period
            out[k] += measure(row, row[0], last, length) / len(rows)
    return out.reshape(at.shape)[()]
