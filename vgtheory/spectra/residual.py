"""Residual networks x_l = x_{l−1} + a φ(W x_{l−1} + b): the law at any depth, its limit, the singular value apart.

Every block I + Y has R-diagonal Y = a D W (or a W' D W), so that its law is a free sum (Haagerup & Schultz (2007)), and
blocks multiply freely.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log, sqrt

import numpy as np
from numpy.polynomial import chebyshev

from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import Array, PanelGrid, gaussian_means
from vgtheory.model.network import Network
from vgtheory.random_matrices.laws.law import Pairs
from vgtheory.spectra.factor import Kind
from vgtheory.spectra.product import Product
from vgtheory.spectra.profile import factors
from vgtheory.spectra.slope_law import slope_law
from vgtheory.spectra.spectrum import SquaredLaw
from vgtheory.symbolic.activation import Activation

_BISECTIONS = 80
_PRODUCTS = np.array([[0, 1, 1], [1, 2, 2], [1, 2, 2]])  # of φ and φ'h, twice
_NODES = 20  # of a panel of length 1 in ln q: 1e-13 of the largest value
_APART = 1e-3  # a singular value is apart from the rest where ln s exceeds the edge by more than this


def residual_kind(network: Network) -> Kind:
    """Return which block I + Y the network is made of."""
    if network.skip is not None and network.skip.matrices == 2:
        return "residual-two"
    return "residual-orthogonal" if network.weights.family == "orthogonal" else "residual"


def residual_product(network: Network, log_q: Array) -> Product:
    """Return the law of x = s² for variances e^{log_q} of the pre-activations, shape (L,)."""
    return Product(factors(network.activation, log_q, residual_kind(network), log_scale(network)))


def log_scale(network: Network) -> float:
    """Return ln a² σ_w², times the variance of the second matrix where there is one; −inf where a = 0."""
    scale, second = network.skip_scales
    with np.errstate(divide="ignore"):
        return float(2 * np.log(abs(scale) * network.sigmas[0][0] * second))


@dataclass(frozen=True)
class ResidualLimit(SquaredLaw):
    """The law of x = s² as depth → ∞ at fixed c = a² σ_w² Σ_l E φ'(h_l)²: free multiplicative Brownian motion.

    With 0 < θ < θ_max, B = cos θ + c sin θ/θ and r = B ± √(B² − 1)

        ln x = ln r + c (r² − 1)/(r² + 1 − 2 r cos θ),     density of ln x = θ/(2π c)

    (S(m) = e^{−c(1+2m)}; Biane (1997), "Free Brownian motion, free stochastic calculus and random matrices").  ln x is
    symmetric about 0: J and J⁻¹ have one law.  E x = e^c.
    """

    c: float

    @property
    def log_mean(self) -> float:
        """Return ln E x = c."""
        return self.c

    @property
    def relative_variance(self) -> float:
        """Return Var x/(E x)² = 2 c."""
        return 2 * self.c

    @property
    def found_bands_log(self) -> Pairs:
        """Return ± [ln(1 + c + √(c² + 2c)) + √(c² + 2c)], the one band."""
        root = np.sqrt(self.c**2 + 2 * self.c)
        edge = float(np.log1p(self.c + root) + root)
        return ((-edge, edge),)

    @cached_property
    def _largest(self) -> float:
        """Return θ_max, the root of 2 cos θ + 2 c sin θ/θ = 2, where r = 1 and x = 1."""
        low, high = 0.0, np.pi
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if self._excess(np.array(middle)) > 0 else (low, middle)
        return (low + high) / 2

    def _excess(self, theta: Array) -> Array:
        """Return B − 1 = c sin θ/θ − 2 sin²(θ/2)."""
        return self.c * np.sinc(theta / np.pi) - 2 * np.sin(theta / 2) ** 2

    def _upper(self, theta: Array) -> tuple[Array, Array]:
        """Return (ln x ≥ 0, Prob(X > x)) at θ."""
        excess = np.maximum(self._excess(theta), 0.0)
        log_r = np.log1p(excess + np.sqrt(excess * (excess + 2)))
        # (r² + 1)/2r = 1 + excess and (r² − 1)/2r = sinh ln r.
        lift = np.maximum(excess + 2 * np.sin(theta / 2) ** 2, 1e-300)
        log_x = log_r + self.c * np.sinh(log_r) / lift
        # Ψ = −ln(1 + m) + c m² with m = 1/(r e^{iθ} − 1); survival = Im Ψ/π.
        e = np.exp(log_r + 1j * theta) - 1
        m = 1 / np.where(e == 0, 1e-300, e)
        psi = -(log_r + 1j * theta - np.log(np.where(e == 0, 1e-300, e)))
        return log_x, (psi + self.c * m**2).imag / np.pi

    def _solve(self, target: Array, column: int) -> Array:
        """Return θ at which ln x (column 0) or the survival (1) of the upper half has this value."""
        low, high = np.zeros(target.shape), np.full(target.shape, self._largest)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            value = self._upper(middle)[column]
            outside = value > target if column == 0 else value < target
            low, high = np.where(outside, middle, low), np.where(outside, high, middle)
        return (low + high) / 2

    def at_value(self, log_x: Array) -> tuple[Array, Array]:
        """Return (density of ln x, Prob(X > x)) at ln x."""
        size = np.abs(log_x)
        inside = size < self.support[1]
        theta = self._solve(np.where(inside, size, 0.0), 0)
        above = np.where(inside, self._upper(theta)[1], 0.0)
        density = np.where(inside, theta / (2 * np.pi * self.c), 0.0)
        return density, np.where(log_x >= 0, above, 1 - above)

    def at_probability(self, survival: Array) -> Array:
        """Return ln x at Prob(X > x) = survival."""
        upper = np.minimum(survival, 1 - survival)
        log_x = self._upper(self._solve(upper, 1))[0]
        return np.where(survival <= 0.5, log_x, -log_x)


def limit_strength(network: Network, log_q: Array) -> float:
    """Return c = a² σ_w² Σ_l E φ'(h_l)² (times the variance of the second matrix)."""
    parts = factors(network.activation, log_q, "residual", log_scale(network))
    return float(sum(f.count * np.exp(f.log_variance + f.law.log_mean) for f in parts))


class _StreamMeans:
    """E φ, φ², φ'h, φφ'h, (φ'h)², φ'² at h = √q z by interpolation in ln q: a network may have many thousand layers."""

    def __init__(self, activation: Activation) -> None:
        self._act = evaluator(activation)
        self._grid = PanelGrid(self._integrands, tuple(float(b) for b in activation.breakpoints))
        self._panels: dict[int, Array] = {}

    def _integrands(self, h: Array) -> Array:
        value, slope = self._act.value(h), self._act.slope(h)
        return np.stack([value, value**2, slope * h, value * slope * h, (slope * h) ** 2, slope**2])

    def at(self, q: float) -> Array:
        """Return the six means."""
        t = float(np.log(q))
        k = int(np.floor(t))
        if k not in self._panels:
            nodes = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
            values = gaussian_means(self._integrands, np.exp(k + (nodes + 1) / 2), self._grid)
            self._panels[k] = np.asarray(chebyshev.chebfit(nodes, values.T, _NODES - 1), dtype=np.float64)
        return np.cos(np.arange(_NODES) * np.arccos(2 * (t - k) - 1)) @ self._panels[k]


def log_growth(network: Network) -> float:
    """Return ln of the factor by which J stretches the best vector of the span of x_0 and (1, ..., 1), width → ∞.

    Where E φ'(h) h ≠ 0 the matrix D W has a part of rank one along the stream, which adds up coherently over a residual
    network: one singular value can leave the rest.  The three vectors x, J x_0 and J (1, ..., 1) have means and inner
    products that close under x ← x + a φ(h), u ← u + a φ'(h) (W u).
    """
    stream = _StreamMeans(network.activation)
    scale, second = network.skip_scales
    two = network.skip is not None and network.skip.matrices == 2
    inner = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])  # of x_0, u = x_0, w = (1, ..., 1)
    means = np.array([0.0, 0.0, 1.0])
    total = 0.0  # ln of what u and w have been divided by
    for sigma_w, sigma_b in network.sigmas:
        q = sigma_w**2 * inner[0, 0] + sigma_b**2
        f, ff, sh, fsh, shh, ss = stream.at(q)
        # W u = along · h + an independent rest, so that φ'(h) W u = along · φ'(h) h + φ'(h) · rest; x has φ(h) instead.
        along = sigma_w**2 * inner[0] / q
        along[0] = 1.0
        gain = along[:, None] * np.array([ff, fsh, shh])[_PRODUCTS] * along
        gain[1:, 1:] += ss * (sigma_w**2 * inner[1:, 1:] - q * along[1:, None] * along[1:])
        first = (0.0 if two else scale) * along * np.array([f, sh, sh])
        cross = means[:, None] * first
        inner = inner + cross + cross.T + (scale * second) ** 2 * gain
        means = means + first
        size = sqrt(inner[1, 1] + inner[2, 2])
        inner[1:] /= size
        inner[:, 1:] /= size
        means[1:] /= size
        total += log(size)
    # x_0 and (1, ..., 1) are orthogonal and of equal norm.
    return float(total + np.log(np.linalg.eigvalsh(inner[1:, 1:])[-1]) / 2)


def outlier(network: Network, product: Product) -> float | None:
    """Return ln s of the singular value that leaves the rest, None where none is known to."""
    growth = log_growth(network)
    return growth if growth > product.support[1] / 2 + _APART else None


def is_trivial(network: Network) -> bool:
    """Return whether J is the identity: a = 0, or a slope that is 0 almost everywhere."""
    return log_scale(network) == -np.inf or not len(slope_law(network.activation, 1.0).log_nodes)
