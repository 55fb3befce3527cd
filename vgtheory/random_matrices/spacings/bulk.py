"""What the levels of infinite random matrices do on the scale of their spacing: exact curves for β = 0, 1, 2 and 4."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import sici

from vgtheory._errors import InputError
from vgtheory.random_matrices.arguments import choice, numbers
from vgtheory.random_matrices.laws.law import Array

_BETAS = (0, 1, 2, 4)
_PIECE, _NODES = 2.0, 24  # Gauss–Legendre nodes per so many mean spacings; the curves oscillate with period 1 or ½


@dataclass(frozen=True)
class Bulk:
    """Levels of mean spacing 1 in the bulk of the GOE (β = 1), GUE (2), GSE (4), or independent ones (0), N → ∞.

    Lengths L, distances r and times τ are numbers or arrays of them, not negative.  Formulas: Mehta (2004), chapters
    6, 7, 8 and 16.
    """

    beta: int

    def cluster(self, distance: ArrayLike) -> Array:
        """Return Y₂(r); the density of a level at the distance r from another one is 1 − Y₂(r)."""
        r = _not_negative("distance", distance)
        if self.beta == 0:
            return np.zeros(r.shape)[()]
        if self.beta == 2:
            return (np.sinc(r) ** 2)[()]
        if self.beta == 1:
            return (np.sinc(r) ** 2 + _sinc_slope(r) * (0.5 - sici(np.pi * r)[0] / np.pi))[()]
        return (np.sinc(2 * r) ** 2 - _sinc_slope(2 * r) * sici(2 * np.pi * r)[0] / np.pi)[()]

    def number_variance(self, lengths: ArrayLike) -> Array:
        """Return Σ²(L), the variance of the number of levels in a window of length L."""
        length = _not_negative("lengths", lengths)
        if self.beta == 0:
            return length[()]
        if self.beta == 2:
            return _unitary_variance(length)[()]
        if self.beta == 1:
            angle = sici(np.pi * length)[0] / np.pi
            return (2 * _unitary_variance(length) + angle * (angle - 1))[()]
        angle = sici(2 * np.pi * length)[0] / (2 * np.pi)
        return (_unitary_variance(2 * length) / 2 + angle**2)[()]

    def delta3(self, lengths: ArrayLike) -> Array:
        """Return Δ₃(L) = 2/L⁴ ∫₀ᴸ (L³ − 2L²r + r³) Σ²(r) dr (Pandey 1979), the integral to 1e-13."""
        length = _not_negative("lengths", lengths)
        return np.array([self._delta3(float(v)) for v in length.ravel()]).reshape(length.shape)[()]

    def _delta3(self, length: float) -> float:
        if self.beta == 0 or length == 0:
            return length / 15
        node, weight = np.polynomial.legendre.leggauss(_NODES)
        ends = np.linspace(0, 1, 1 + int(np.ceil(length / _PIECE)))
        u = (ends[:-1, None] + (ends[1] - ends[0]) * (1 + node) / 2).ravel()  # r/L
        w = np.tile(weight, len(ends) - 1) * (ends[1] - ends[0]) / 2
        return float(2 * w @ ((1 - 2 * u + u**3) * self.number_variance(length * u)))

    def form_factor(self, times: ArrayLike) -> Array:
        """Return K(τ) = 1 − ∫Y₂(r) e^{2πirτ} dr, the connected form factor; ∞ at τ = 1 for β = 4."""
        t = _not_negative("times", times)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.beta == 0:
                value = np.ones(t.shape)
            elif self.beta == 2:
                value = np.minimum(t, 1.0)
            elif self.beta == 1:
                late = 2 - t * np.log1p(2 / (2 * np.maximum(t, 1.0) - 1))
                value = np.where(t <= 1, 2 * t - t * np.log1p(2 * t), late)
            else:
                value = np.where(t < 2, t / 2 - t / 4 * np.log(np.abs(1 - t)), 1.0)
        return value[()]


def bulk(beta: int) -> Bulk:
    """Return the exact curves of levels in the bulk of large matrices: Σ²(L), Δ₃(L), K(τ) and Y₂(r).

    Parameters
    ----------
    beta : 1 (GOE), 2 (GUE), 4 (GSE), or 0 for independent levels.

    Raises
    ------
    InputError : another β; for those the surmises are known (`spacing_surmise`), and the curves are not.

    Examples
    --------
    >>> [round(float(bulk(beta).number_variance(5.0)), 6) for beta in (0, 1, 2, 4)]
    [5.0, 0.768385, 0.508991, 0.349646]
    """
    return Bulk(int(choice("beta", beta, _BETAS)))


def _not_negative(name: str, value: ArrayLike) -> np.ndarray:
    found = numbers(name, value)
    if not (found >= 0).all():
        raise InputError(name, "numbers that are not negative", f"give {name}=1.0")
    return found


def _sinc_slope(r: np.ndarray) -> np.ndarray:
    """Return d/dr sin(πr)/(πr)."""
    inside = np.where(r == 0, 1.0, r)
    series = -(np.pi**2) * r / 3 * (1 - (np.pi * r) ** 2 / 10)
    return np.where(r < 1e-4, series, (np.cos(np.pi * r) - np.sinc(r)) / inside)


def _unitary_variance(length: np.ndarray) -> np.ndarray:
    """Return Σ²(L) of β = 2."""
    x = 2 * np.pi * np.where(length == 0, 1.0, length)
    sine, cosine = sici(x)
    value = (np.log(x) + np.euler_gamma + 1 - np.cos(x) - cosine) / np.pi**2 + length * (1 - 2 / np.pi * sine)
    return np.where(length == 0, 0.0, value)
