"""Mean field of networks with skip connections, normalisation and dropout: lengths, gradients, correlations by layer.

Width → ∞ at fixed depth.  Over the neurons of a layer x_l has a mean μ_l and a mean square r_l, h_l is normal with
variance q_l = σ_w² r_{l−1} + σ_b², and what the normalisation leaves, u_l, is normal with variance s².  With
m₁ = E φ(u), m₂ = E φ(u)², g = E φ'(u)²:

    no skip   r_l = m₂, μ_l = m₁            ‖∂ℓ/∂x_{l−1}‖² = σ_w² γ_l ‖∂ℓ/∂x_l‖²
    skip a    r_l = r_{l−1} + 2a μ_{l−1} m₁ + a² m₂, μ_l = μ_{l−1} + a m₁
                                            ‖∂ℓ/∂x_{l−1}‖² = (1 + a² σ_w² γ_l) ‖∂ℓ/∂x_l‖²

γ_l is g divided by the squared scales of the normalisations.  Dropout at rate p divides m₂ and g by 1 − p, but leaves
products of two passes alone: two inputs meet different masks.  A second matrix makes m₁ = 0 and multiplies m₂ and g by
its σ_w².  Batch normalisation is taken over a large batch of independent inputs.
"""

from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError, shown
from vgtheory.kernels.close_pairs import close_means
from vgtheory.kernels.quadrature import Array, UnresolvedError, bivariate_means
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.theory.asymptotics.moments import MomentTable, table_of
from vgtheory.theory.asymptotics.unit_means import UnitMeans


@dataclass(frozen=True)
class Profile:
    """Layers 1..L of the infinitely wide network, each field of shape (L,).

    Parameters
    ----------
    q : variance of h_l.
    log_gradient : ln ‖∂ℓ/∂h_l‖², for a loss whose gradient at x_L has norm 1.
    log_signal : ln ‖∂ℓ/∂x_l‖².
    square : mean square of x_l.
    """

    q: Array
    log_gradient: Array
    log_signal: Array
    square: Array


class _Branch(NamedTuple):
    """One layer's branch: mean and mean square of what it adds, its squared gradient factor, and its scales."""

    mean: float
    square: float
    slope: float
    variance: float  # s² of u
    divisor: float  # squared scale of the normalisation after φ
    centre: float  # m₁ that the normalisation after φ takes away


class _Branches:
    """The branch of a network as a function of what enters its layer."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.table: MomentTable = table_of(network.activation)
        act = network.activation
        self._odd = act.parity == "odd"
        self._values = UnitMeans(act, lambda evaluate, _: lambda h: evaluate.value(h)[None])
        norm = network.norm
        self.kind = "" if norm is None else norm.kind
        self.before = norm is not None and norm.place == "before"
        self.after = norm is not None and norm.place == "after"
        self.eps = 0.0 if norm is None else float(norm.eps)
        self.keep = 1 - network.drop_rate
        self.scale, self.second = network.skip_scales if network.skip else (1.0, 1.0)
        self.two = network.skip is not None and network.skip.matrices == 2

    def at(self, q: float, spread: float) -> _Branch:
        """Return the branch behind h of variance q, of which `spread` over the inputs of a batch."""
        variance, inverse = q, 1.0
        if self.before:
            own = spread if self.kind == "batch" else q
            variance, inverse = own / (own + self.eps), 1 / (own + self.eps)
        if not 0 < variance < np.inf:
            raise NoSolutionError(
                f"a pre-activation has variance {variance:g} and cannot be normalised; use other scales"
            )
        m = self.table.at(np.array([log(variance)]))
        square, slope = float(np.exp(m.log_square[0])), float(np.exp(m.log_slope_square[0])) * inverse
        mean = self.mean(variance)
        divisor, centre = 1.0, 0.0
        if self.after:
            centre = mean if self.kind == "layer" else 0.0
            square -= centre**2
            divisor = square + self.eps
            mean, square, slope = (mean - centre) / divisor**0.5, square / divisor, slope / divisor
        square, slope = square / self.keep, slope / self.keep
        if self.two:
            mean, square, slope = 0.0, square * self.second**2, slope * self.second**2
        return _Branch(mean, square, slope, variance, divisor, centre)

    def mean(self, variance: float) -> float:
        """Return E φ(√variance z)."""
        if self._odd:
            return 0.0
        return float(self._values.at(np.array([variance]))[0, 0])

    def product(self, variance: float, c: float) -> float:
        """Return E φ(u) φ(v) at correlation c, shrunk as the branch shrinks products of two passes.

        Raises UnsupportedError where φ oscillates too often to be integrated.
        """
        if abs(c) >= 1:
            c = float(np.sign(c))
        try:
            if 0 <= c < 1 - 1e-15:
                return float(close_means(self.table.values, variance, float(np.arccos(c)), self.table.grid)[1][0])
            return float(bivariate_means(self.table.values, (variance, variance), c, self.table.grid)[0])
        except UnresolvedError as problem:
            raise UnsupportedError(
                f"correlations under {self.table.activation.name} at q = {variance:.6g}: {problem}; use smaller "
                "sigma_w or sigma_b, or vg.simulate"
            ) from None


def profile(network: Network) -> Profile:
    """Return lengths and gradient norms of every layer, width → ∞, for an input with ‖x_0‖² = N_0 of mean 0.

    Parameters
    ----------
    network : skip connections, normalisation and dropout are allowed; with numbers for depth and scales.

    Raises
    ------
    InputError : σ_w = 0 in a layer.
    NoSolutionError : the variance of pre-activations diverges.
    UnsupportedError : weights that depend on each other between layers.

    Notes
    -----
    Yang & Schoenholz (2017) for skip connections, Yang et al. (2019) for batch normalisation, Schoenholz et al. (2017),
    section 5, for dropout.

    Examples
    --------
    >>> from vgtheory.model.weights import Weights
    >>> p = profile(Network("relu", Weights.gaussian(1.0), 100, 50, skip="1/sqrt(depth)"))
    >>> round(float(p.log_signal[0] / np.log1p(0.5 / 50)), 9)  # (1 + a² σ_w²/2) per layer
    49.0
    """
    require(network, "predict")
    branches = _Branches(network)
    skip = network.skip is not None
    scale = branches.scale
    square, mean = 1.0, 0.0
    depth = len(network.sigmas)
    q, inner, outer, squares = np.empty((4, depth))
    for k, (sigma_w, sigma_b) in enumerate(network.sigmas):
        if sigma_w == 0:
            raise InputError(
                "sigma_w", "a positive number", "no gradient passes such a layer", got=f"0 in layer {k + 1}"
            )
        q[k] = sigma_w**2 * square + sigma_b**2
        branch = branches.at(q[k], sigma_w**2 * (square - mean**2))
        inner[k] = scale**2 * branch.slope
        outer[k] = (1.0 if skip else 0.0) + sigma_w**2 * inner[k]
        if skip:
            square += 2 * scale * mean * branch.mean + scale**2 * branch.square
            mean += scale * branch.mean
        else:
            square, mean = branch.square, branch.mean
        squares[k] = square
        if not np.isfinite(square):
            raise NoSolutionError(f"the variance of pre-activations diverges at layer {k + 2}; use a smaller sigma_w")
    with np.errstate(divide="ignore"):
        growth = np.log(outer)
        signal = np.append(np.cumsum(growth[:0:-1])[::-1], 0.0)  # ln ‖∂ℓ/∂x_l‖² from the layers above l
        return Profile(q, signal + np.log(inner), signal, squares)


def correlation_profile(network: Network, correlation: float) -> Array:
    """Return the correlation of two inputs' h_l in layers 1..L, shape (L,), width → ∞.

    Parameters
    ----------
    network : as for :func:`profile`, without batch normalisation.
    correlation : of the two inputs x_0, −1 to 1; both have ‖x_0‖² = N_0.  With dropout each has its own masks.

    Raises
    ------
    InputError : a correlation outside −1 to 1.
    UnsupportedError : batch normalisation, which ties all inputs of a batch together.

    Examples
    --------
    >>> from vgtheory.model.weights import Weights
    >>> network = Network("relu", Weights.gaussian(1.8**0.5), 100, 60, dropout=0.1)
    >>> round(float(correlation_profile(network, 1.0)[-1]), 6)  # below 1, though the inputs are equal
    0.627146
    """
    if not -1 <= correlation <= 1:
        raise InputError("correlation", "a number from -1 to 1", "give one", got=shown(correlation))
    require(network, "predict (correlations)")
    branches = _Branches(network)
    skip, scale = network.skip is not None, branches.scale
    lengths = profile(network)
    cross, mean = correlation, 0.0
    out = np.empty(len(lengths.q))
    for k, (sigma_w, sigma_b) in enumerate(network.sigmas):
        q = float(lengths.q[k])
        out[k] = c = min(max((sigma_w**2 * cross + sigma_b**2) / q, -1.0), 1.0)
        branch = branches.at(q, q)
        both = (branches.product(branch.variance, c) - branch.centre**2) / branch.divisor
        both *= branches.second**2 if branches.two else 1.0
        cross = cross + 2 * scale * mean * branch.mean + scale**2 * both if skip else both
        mean = mean + scale * branch.mean if skip else branch.mean
    return out
