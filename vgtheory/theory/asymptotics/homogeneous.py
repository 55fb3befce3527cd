"""Exact laws at every width and depth for φ(h) = a h₊ − b h₋: linear, ReLU, leaky ReLU, |h|.

Rows of (W, b) are symmetric, so the slopes are fair coins, independent of the squares of W t.  Let X = a² A + b² B,
A ~ χ²(n), B ~ χ²(N − n), n ~ Binomial(N, ½).  For each l the squared gradient norm of layer l is, in law,
(X_l/|g|²) ∏_{k>l} (σ_k²/N_{k−1}) X_k with independent factors, where |g|² ~ χ²(N_L) belongs to X_L and takes out the
length of the loss gradient.  Hanin & Nica (2020) have the ReLU case.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log, pi

import numpy as np
import scipy

from vgtheory.kernels.quadrature import Array
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.theory.asymptotics.finite_width import haar_dimensions
from vgtheory.theory.asymptotics.mean_field import table_of


@dataclass(frozen=True)
class ExactNorms:
    """Exact mean and variance, shape (L,), of ln‖δ_l‖² and, without bias, of ln‖∂ℓ/∂W_l‖_F² (None with bias).

    For ReLU both are given that no layer is dead (all slopes zero); `dead_probability` is the chance of one.
    """

    mean: Array
    variance: Array
    weight_mean: Array | None
    weight_variance: Array | None
    dead_probability: float


def exact_norms(network: Network) -> ExactNorms:
    """Return the exact moments of the log norms of one network's gradients over its random weights.

    Raises UnsupportedError where there is no exact law.
    """
    require(network, "predict (exact law)")
    orthogonal = network.weights.family == "orthogonal"
    values = np.abs(table_of(network.activation).values(np.array([1.0, -1.0]))[0])
    widths = np.array(network.widths)
    laws = {int(n): log_square_sum(float(values[0]), float(values[1]), int(n)) for n in set(widths[1:].tolist())}
    mean, variance = np.array([laws[n] for n in widths[1:].tolist()]).T
    scale = 2 * np.log(np.array(network.sigmas)[:, 0]) - np.log(widths[:-1])
    # Layer k's factor (σ_k²/N_{k−1}) X_k; δ_l carries the coins of layers l..L and the weights of layers l + 1..L.
    steps, steps_variance = scale + mean, variance
    back, spread = np.append(scale[1:], 0.0) + mean, variance.copy()
    end_mean, end_variance = _log_length(widths[-1:])
    if (
        orthogonal
    ):  # a direction is uniform in max(N_{k−1}, N_k) dimensions; X/χ² of as many is the part of it that stays
        larger = haar_dimensions(network)
        fixed_mean, fixed_variance = _log_length(larger)
        gain = np.log(larger) - fixed_mean
        steps, steps_variance = steps + gain, variance - fixed_variance
        back, spread = back + np.append(gain[1:], 0.0), spread - np.append(fixed_variance[1:], 0.0)
    back[-1] -= end_mean[0]
    spread[-1] -= end_variance[0]
    out_mean, out_variance = np.cumsum(back[::-1])[::-1], np.cumsum(spread[::-1])[::-1]
    dead = -float(np.expm1(np.log1p(-(0.5 ** widths[1:].astype(float))).sum())) if values.min() == 0 else 0.0
    if any(sigma_b > 0 for _, sigma_b in network.sigmas):
        return ExactNorms(out_mean, out_variance, None, None, dead)
    # Without bias ‖x_{l−1}‖² is a product of the same factors, independent of δ_l.
    inputs = log(widths[0]) + np.append(0.0, np.cumsum(steps)[:-1])
    return ExactNorms(
        out_mean, out_variance, out_mean + inputs, out_variance + np.append(0.0, np.cumsum(steps_variance)[:-1]), dead
    )


def _log_length(freedom: Array) -> tuple[Array, Array]:
    """Return mean and variance of ln χ²."""
    return scipy.special.digamma(freedom / 2) + log(2), scipy.special.polygamma(1, freedom / 2)


@lru_cache(maxsize=4096)
def log_square_sum(positive: float, negative: float, width: int) -> tuple[float, float]:
    """Return mean and variance of ln X, X = a² A + b² B as above, given X > 0.

    Equal slopes: χ²(N). One zero: a binomial mixture of χ²(n). Otherwise from the Laplace transform
    E e^{−tX} = [½(1 + 2a²t)^{−½} + ½(1 + 2b²t)^{−½}]^N, by the trapezoid rule in ln t, which converges exponentially.
    """
    top, share = max(positive, negative), (min(positive, negative) / max(positive, negative)) ** 2
    if share == 1:
        return 2 * log(top) + float(scipy.special.digamma(width / 2)) + log(2), float(
            scipy.special.polygamma(1, width / 2)
        )
    if share == 0:
        mean, variance = _binomial_mixture(width)
        return 2 * log(top) + mean, variance
    centre = -log(width)
    u = centre + np.arange(-60, 80 - log(share), 0.02)  # in N = 1 the transform falls only like t^{−1/2}
    t = np.exp(u)
    first, second = (1 + 2 * t) ** -0.5, (1 + 2 * share * t) ** -0.5
    with np.errstate(under="ignore"):
        density = width * ((first + second) / 2) ** (width - 1) * (first**3 + share * second**3) / 2 * t
    density /= density.sum()
    mean = float(density @ u)
    # t is distributed as e/X, e a unit exponential with E ln e = −γ, Var ln e = π²/6.
    return 2 * log(top) - mean - float(np.euler_gamma), float(density @ (u - mean) ** 2) - pi**2 / 6


def _binomial_mixture(width: int) -> tuple[float, float]:
    half = int(20 * width**0.5) + 1
    n = np.arange(max(1, width // 2 - half), min(width, width // 2 + half) + 1)
    weight = np.exp(
        scipy.special.gammaln(width + 1)
        - scipy.special.gammaln(n + 1)
        - scipy.special.gammaln(width - n + 1)
        - width * log(2)
    )
    weight /= weight.sum()
    means = scipy.special.digamma(n / 2) + log(2)
    mean = float(weight @ means)
    return mean, float(weight @ (scipy.special.polygamma(1, n / 2) + (means - mean) ** 2))
