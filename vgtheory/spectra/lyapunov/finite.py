"""Lyapunov exponents at finite width where the QR factors of the layers are independent of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
from scipy.special import bdtr, digamma, gammaln, xlog1py, xlogy, zeta

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.kernels.quadrature import Array
from vgtheory.model.weights import ROTATION_INVARIANT
from vgtheory.random_matrices.arguments import choice, whole
from vgtheory.spectra.curve import Ensemble
from vgtheory.spectra.slope_law import SlopeLaw

Field = Literal["real", "complex"]
FIELDS: tuple[Field, ...] = ("real", "complex")
MAX_WIDTH, MAX_MASKED_WIDTH = 10**6, 20_000  # of sums over the number of active rows, O(N^{3/2})
_AT_ONCE = 1_000_000
_LOW, _HIGH, _STEP = -45.0, 90.0, 0.1  # of ln t: at width 1 the transform falls like t^{−1/2} only


@dataclass(frozen=True)
class WidthExponents:
    """The exponents λ_1 ≥ ... ≥ λ_N of a network of width N as depth → ∞.

    Attributes
    ----------
    value : λ_k, shape (N,), descending; with dead units the growth per layer of a direction while it lives.
    layer_variance : variance of what a layer adds to ln of the k-th stretch; over L layers the exponent has variance
        layer_variance/L, and is normal for many.
    death : probability that the k-th direction dies in one given layer, P(fewer than k rows are active).
    width, field : N, "real" or "complex".
    status : "proved", or "asymptotic" where masks are independent of the weights only as the width grows (off by
        O(1/N), as for hard_tanh).
    assumptions : what holds or is assumed.
    reference : keys of the bibliography.
    """

    value: Array
    layer_variance: Array
    death: Array
    width: int
    field: Field
    status: Literal["proved", "asymptotic"]
    assumptions: tuple[str, ...]
    reference: tuple[str, ...]

    def stderr(self, depth: int, samples: int = 1) -> Array:
        """Return the standard deviation of the exponents measured over so many layers and networks, shape (N,)."""
        return np.sqrt(self.layer_variance / (whole("depth", depth) * whole("samples", samples)))

    def survival(self, depth: int) -> Array:
        """Return the probability that each direction is alive after so many layers, shape (N,)."""
        return np.exp(xlog1py(float(whole("depth", depth)), -self.death))


def require_family(family: str) -> None:
    """Raise UnsupportedError unless the weights are Gaussian or orthogonal."""
    if family not in ROTATION_INVARIANT:
        _refuse(f"{family} weights")


def _refuse(why: str) -> NoReturn:
    raise UnsupportedError(
        f'exponents at finite width have no known closed form for {why}; use vg.sample(network, of="exponents"), '
        "which measures them with their errors, or ppf at large width"
    )


def width_exponents(
    law: SlopeLaw, ensemble: Ensemble, family: str, sigma_w: float, masked: bool, width: int, field: Field
) -> WidthExponents:
    """Return the exponents at finite width for slopes that are 0 or of one size (see ``Lyapunov.at_width``)."""
    width, field = whole("width", width), choice("field", field, FIELDS)
    require_family(family)
    if len(law.log_nodes) != 1:
        _refuse("slopes of several sizes (but top_at_width and mean_at_width)")
    most = MAX_WIDTH if law.zero_mass == 0 else MAX_MASKED_WIDTH
    if width > most:
        raise InputError(
            "width",
            f"a whole number up to {most:,}",
            "use ppf: the exponents agree with it to O(1/N)",
            got=shown(width),
        )
    beta = 1 if field == "real" else 2
    k = np.arange(1, width + 1)
    if law.zero_mass == 0:
        mean, spread = digamma(beta * (width - k + 1) / 2), zeta(2.0, beta * (width - k + 1) / 2)
    else:
        mean, spread = _over_active_rows(width, 1 - law.zero_mass, beta)
    scale = 2 * np.log(sigma_w) + law.log_nodes[0]
    if ensemble == "gaussian":
        mean = mean + scale + np.log(2 / (beta * width))
    else:
        mean = mean + scale - digamma(beta * (width - k + 1) / 2)
        spread = np.maximum(spread - zeta(2.0, beta * (width - k + 1) / 2), 0.0)
    death = bdtr(k - 1.0, width, 1 - law.zero_mass) if law.zero_mass > 0 else np.zeros(width)
    return WidthExponents(
        mean / 2, spread / 4, death, width, field, "proved" if masked else "asymptotic",
        _assumptions(law, ensemble, masked), ("newman1986",) if field == "real" else ("forrester2013", "akemann2014"),
    )  # fmt: skip


def _assumptions(law: SlopeLaw, ensemble: Ensemble, masked: bool) -> tuple[str, ...]:
    said = ["weights Gaussian" if ensemble == "gaussian" else "weights Haar orthogonal (unitary)"]
    if law.zero_mass > 0:
        said.append("growth of a direction while it lives: in a deep network of fixed width all die in the end")
        if not masked:
            said.append("units are active independently of each other and of the weights, right as N → ∞")
    elif not masked:
        said.append("the slopes are those at the limit of q_l, right as N → ∞")
    return tuple(said)


def top_at_width(law: SlopeLaw, ensemble: Ensemble, sigma_w: float, width: int) -> float:
    """Return λ_1 at finite width for slopes of any law (see ``Lyapunov.top_at_width``).

    E ln X = ∫ (e^{−t} − E e^{−tX}) dt/t for X = Σ d_i² z_i², with E e^{−tX} = (E (1 + 2 t d²)^{−1/2})^N, given X > 0.
    """
    u = np.arange(_LOW, _HIGH, _STEP)
    # d² in units of N E d², so that X is about 1.
    shifted = u[:, None] + law.log_nodes - law.log_mean - np.log(width)
    one = np.exp(-0.5 * np.logaddexp(0.0, np.log(2.0) + shifted)) @ law.weights + law.zero_mass
    empty = float(xlogy(width, law.zero_mass))
    with np.errstate(divide="ignore"):
        transform = np.exp(width * np.log(one))
    transform = (transform - np.exp(empty)) / -np.expm1(empty)
    log_x = float((np.exp(-np.exp(u)) - transform).sum() * _STEP) + np.log(width) + law.log_mean
    lost = np.log(width) if ensemble == "gaussian" else digamma(width / 2) + np.log(2.0)
    return float(np.log(sigma_w) + (log_x - lost) / 2)


def _over_active_rows(width: int, active: float, beta: int) -> tuple[Array, Array]:
    """Return mean and variance of ln of a gamma variable of shape β(n − k + 1)/2, given n ≥ k, for k = 1..N.

    n is binomial(N, active).  For every k the sum runs over a window that holds all but 1e-30 of the conditional law.
    """
    n = np.arange(width + 1)
    log_p = gammaln(width + 1) - gammaln(n + 1) - gammaln(width - n + 1)
    log_p = log_p + xlogy(n, active) + xlog1py(width - n, -active)
    sigma = float(np.sqrt(width * active * (1 - active)))
    first = max(0, int(width * active - 12 * sigma) - 5)
    window = np.arange(int(24 * sigma) + 60)
    table = np.concatenate([[np.nan], digamma(beta * np.arange(1, width + 1) / 2)])
    spread = np.concatenate([[np.nan], zeta(2.0, beta * np.arange(1, width + 1) / 2)])
    mean, variance = np.empty((2, width))
    step = max(1, _AT_ONCE // len(window))
    for start in range(0, width, step):
        k = np.arange(start + 1, min(start + step, width) + 1)[:, None]
        rows = np.maximum(k, first) + window
        inside = rows <= width
        rows = np.minimum(rows, width)
        p = np.where(inside, log_p[rows], -np.inf)
        p = np.exp(p - p.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        value = table[rows - k + 1]
        mean[k[:, 0] - 1] = center = (p * value).sum(axis=1)
        variance[k[:, 0] - 1] = (p * (spread[rows - k + 1] + (value - center[:, None]) ** 2)).sum(axis=1)
    return mean, variance
