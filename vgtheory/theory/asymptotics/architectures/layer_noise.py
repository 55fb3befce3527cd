"""What one layer contributes to ln‖δ_l‖² at order 1/N, and the sums over layers, for networks with parts.

The forward state is a vector s_l of means over neurons (for a plain network V_l alone), with covariance P_l and bias
m_l, both of order 1/N.  ln‖∂ℓ/∂x_l‖² answers to it with a row α_l, as in ``theory.finite_width``::

    P_{l+1} = J P Jᵀ + Σ/N             m_{l+1} = J m + ½ H : P
    α_{l−1} = α_l J_l + γ_l            ρ_{l−1} = ρ_l + [v_l + 2 α_l·c_l + α_l Σ_l α_lᵀ]/N

with γ_l the answer of layer l's own gain, v_l the variance of its noise and c_l its covariance with the noise of s_l.
"""

from dataclasses import dataclass

import numpy as np

from vgtheory.kernels.quadrature import Array


@dataclass(frozen=True)
class Forward:
    """The state along the layers: `jacobian` (L, d, d), `noise` Σ/N (L, d, d), `hessian` (L, d, d, d).

    Parameters
    ----------
    start : covariance of s_0, shape (d, d).
    """

    jacobian: Array
    noise: Array
    hessian: Array
    start: Array

    def moments(self) -> tuple[Array, Array]:
        """Return covariance (L, d, d) and bias (L, d) of s_{l−1}, what goes into layers 1..L."""
        depth, size = self.jacobian.shape[:2]
        covariance, bias = np.empty((depth, size, size)), np.empty((depth, size))
        p, m = self.start, np.zeros(size)
        for k, (j, noise, hessian) in enumerate(zip(self.jacobian, self.noise, self.hessian, strict=True)):
            covariance[k], bias[k] = p, m
            m = j @ m + np.einsum("kij,ij->k", hessian, p) / 2
            p = j @ p @ j.T + noise
        return covariance, bias


def responses(jacobian: Array, own: Array) -> Array:
    """Return α_l for l = L, ..., 0 in the order 0..L, shape (L + 1, d): α_{l−1} = α_l J_l + γ_l, α_L = 0."""
    depth, size = own.shape
    out = np.zeros((depth + 1, size))
    for k in range(depth - 1, -1, -1):
        out[k] = out[k + 1] @ jacobian[k] + own[k]
    return out


def quadratic(rows: Array, matrices: Array) -> Array:
    """Return r P rᵀ for every layer."""
    return np.einsum("ki,kij,kj->k", rows, matrices, rows)


def later_sums(terms: Array) -> Array:
    """Return Σ_{k > l} terms_k for every l."""
    return np.append(np.cumsum(terms[:0:-1])[::-1], 0.0)
