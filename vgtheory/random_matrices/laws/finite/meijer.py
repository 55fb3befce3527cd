"""The weight of products of complex Ginibre matrices, Meijer's G^{L,0}_{0,L}(x | 0, …, 0), by its Mellin integral."""

import numpy as np
from scipy.special import digamma, loggamma, polygamma

_POINTS = 240


def log_weight(log_x: np.ndarray, factors: int) -> np.ndarray:
    """Return ln w_L(x) at ln x, w_L(x) = (1/2πi) ∫ Γ(s)^L x^{−s} ds, the density of a product of L exponentials.

    The line of integration runs through the saddle L ψ(c) = ln x, so that nothing cancels; t = c sinh τ, in which the
    trapezoidal rule converges exponentially whether c is near the pole at 0 or far from it.
    """
    log_x = np.asarray(log_x, dtype=float)
    c = _inverse_digamma(log_x / factors)
    spread = 1 / np.sqrt(factors * polygamma(1, c))
    end = np.arcsinh((10 * spread + 30 / factors) / c)
    step = end / _POINTS
    tau = step[..., None] * np.arange(_POINTS + 1)
    s = c[..., None] * (1 + 1j * np.sinh(tau))
    peak = factors * loggamma(c + 0j).real - c * log_x
    terms = np.exp(factors * loggamma(s) - s * log_x[..., None] - peak[..., None]) * np.cosh(tau)
    terms[..., 0] /= 2
    return peak + np.log(terms.real.sum(-1) * step * c / np.pi)


def _inverse_digamma(y: np.ndarray) -> np.ndarray:
    """Return c > 0 with ψ(c) = y (Newton from Minka's start)."""
    c = np.where(y > -2.2, np.exp(np.minimum(y, 700.0)) + 0.5, -1 / (y - digamma(1.0)))
    for _ in range(6):
        c = np.maximum(c - (digamma(c) - y) / polygamma(1, c), 1e-3 * c)
    return c
