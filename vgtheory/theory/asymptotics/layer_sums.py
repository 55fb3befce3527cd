"""The sums over one layer that decide what a signal and a tangent do, with their cumulants.

h_i = √R z_i + σ_b β_i with R = σ_w²‖x‖²/N, and the tangent W t ∝ y_i = θ z_i + √(1 − θ²) ζ_i, with θ the cosine between
x and t, and independent normals z, β, ζ.  One layer is known by three means over its N units,

    X = mean φ(h)²,     T = mean φ'(h)² y²,     C = mean φ(h) φ'(h) y,

because the next R is σ_w² X, the tangent's squared length grows by σ_w² T, and the next cosine is C/√(X T).  Each is a
mean of iid terms; orthogonal matrices and a tangent of given length condition the means of z², zζ and ζ² on 1, 0 and 1.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.polynomial.hermite_e import hermegauss

from vgtheory._errors import UnsupportedError
from vgtheory.kernels.quadrature import CUT, TEST_NODES, Array, UnresolvedError, normal_rule
from vgtheory.theory.asymptotics.moments import MomentTable

# Features of a unit, of which X, T and C are linear combinations, and what may be conditioned on.
_FEATURES = ("φ²", "φ'²z²", "φ'²zζ", "φ'²ζ²", "φφ'z", "φφ'ζ")
_CONSTRAINTS = ("z²", "zζ", "ζ²")
# Gauss–Hermite nodes for β and ζ, exact for polynomials to degree 7; third moments have degree 6.
_NODE, _NODE_WEIGHT = hermegauss(4)
_NODE_WEIGHT = _NODE_WEIGHT / _NODE_WEIGHT.sum()
_ABOVE = _NODE > 0  # half of ζ's nodes, as every feature is even or odd in ζ
_ODD = np.array([name.endswith("zζ") or name.endswith("φ'ζ") for name in _FEATURES + _CONSTRAINTS], dtype=int)
# Where no unit is active to the precision of doubles.
SILENT = "the closure follows logarithms, and at lengths within reach every unit is silent; use vg.simulate"


class Cumulants(NamedTuple):
    """Mean, covariance and third cumulants of a unit's features, at every length: leading axis m."""

    mean: Array
    second: Array
    third: Array


class LayerLaw(NamedTuple):
    """What the means X, T, C of a layer do, each of shape (m,): relative to their expectations.

    log_x, log_t : ln E X, ln E T.
    cosine : E C/√(E X · E T).
    xx, tt, cc, xt, xc, tc : covariances of X/E X, T/E T, C/√(E X · E T).
    xxx, ttt, xxt, xtt : third cumulants.
    """

    log_x: Array
    log_t: Array
    cosine: Array
    xx: Array
    tt: Array
    cc: Array
    xt: Array
    xc: Array
    tc: Array
    xxx: Array
    ttt: Array
    xxt: Array
    xtt: Array


def unit_cumulants(table: MomentTable, log_weight: Array, sigma_b: float, independent_bias: bool) -> Cumulants:
    """Return the cumulants of the features and constraints of one unit at R = exp(log_weight), shape (m,).

    With `independent_bias`, z is the part of h that comes through the weights; otherwise z stands for h/√V,
    V = R + σ_b², which is enough (and faster) where nothing is conditioned on it.

    Raises UnsupportedError where φ oscillates too often to be integrated.
    """
    try:
        found = [_unit(table, float(np.exp(t)), sigma_b, independent_bias) for t in log_weight]
    except UnresolvedError as problem:
        raise UnsupportedError(f"sums over layers of {table.activation.name}: {problem}; use vg.simulate") from None
    return Cumulants(*(np.stack(part) for part in zip(*found, strict=True)))


def _unit(table: MomentTable, weight: float, sigma_b: float, independent_bias: bool) -> tuple[Array, Array, Array]:
    v = weight + sigma_b**2
    z, w = normal_rule(v, table.grid.edges(CUT * np.sqrt(v)), nodes=TEST_NODES)  # enough for 1e-14 here
    kept = w > 1e-25  # nothing that is a power of h matters beyond ten standard deviations
    z, w = z[kept], w[kept]
    value, slope = table.values(np.sqrt(v) * z)
    node, node_weight = _NODE, _NODE_WEIGHT
    through = np.zeros((1, 1)), np.ones(1)
    if independent_bias and sigma_b > 0:
        r = np.sqrt(weight / v)
        through = (r * z + np.sqrt(1 - r * r) * node[:, None])[:, None], node_weight
        zu = through[0]
    else:
        zu = z[None, None]
    zeta, zeta_weight = node[_ABOVE][None, :, None], 2 * node_weight[_ABOVE][None, :, None]
    p = slope * slope
    shape = np.broadcast_shapes(zu.shape, zeta.shape)
    rows = [value * value, p * zu**2, p * zu * zeta, p * zeta**2, value * slope * zu, value * slope * zeta]
    rows += [zu**2, zu * zeta, zeta**2 + 0 * zu]
    weights = np.broadcast_to(through[1][:, None, None] * zeta_weight * w, shape).ravel()
    y = np.stack([np.broadcast_to(row, shape).ravel() for row in rows])
    mean = (1 - _ODD) * (y @ weights)
    y = y - mean[:, None]
    scaled = y * weights
    first, second = np.triu_indices(len(y))
    half = (y[first] * y[second]) @ scaled.T
    third = np.empty((len(y),) * 3)
    third[first, second] = third[second, first] = half
    pairs = _ODD[:, None] + _ODD
    return mean, (1 - pairs % 2) * (scaled @ y.T), (1 - (pairs[:, :, None] + _ODD) % 2) * third


def layer_law(unit: Cumulants, along: Array, width: int, total: int = 0, conditioned: tuple[str, ...] = ()) -> LayerLaw:
    """Return the law of X, T, C of a layer of `width` units, given the mean of each `conditioned` feature.

    Parameters
    ----------
    unit : of shape (m, ...).
    along : coefficient of z in y, shape (m,); that of ζ is √(1 − along²).
    total : units whose mean is conditioned on; more than `width` where only a part of them is seen.

    Notes
    -----
    Conditioning a mean of iid terms on another, to order 1/N (saddlepoint expansion): the covariance loses its
    regression on the constraints, the third cumulant is that of the residual, and the mean shifts by
    −½ Σ (C_ss⁻¹)_jk κ(residual, s_j, s_k)/N.
    """
    n, rows = len(_FEATURES), _combinations(along)
    mean = np.einsum("mif,mf->mi", rows, unit.mean)
    second = np.einsum("mif,mfg,mjg->mij", rows, unit.second, rows) / width
    third = _third(unit.third, rows) / width**2
    if conditioned:
        chosen = [n + _CONSTRAINTS.index(name) for name in conditioned]
        inverse = np.linalg.inv(unit.second[:, chosen][:, :, chosen])
        residual = rows.copy()  # f − B s, of the three means
        residual[:, :, chosen] -= np.einsum("mif,mfs,mst->mit", rows, unit.second[:, :, chosen], inverse)
        shift = np.einsum("mif,mfst,mst->mi", residual, unit.third[:, :, chosen][:, :, :, chosen], inverse)
        mean = mean - shift / (2 * total)
        given = np.einsum("mif,mfg,mjg->mij", residual, unit.second, residual)
        # N/(N + 2) is the next order for what is quadratic in the conditioned normals, and exact for T at θ = 0.
        second = (second + (given - second * width) / total) * total / (total + 2)
        third += (_third(unit.third, residual) - third * width**2) / (width * total)
    return _relative(mean, second, third)


def _combinations(along: Array) -> Array:
    """Return X, T, C as combinations of features and constraints, shape (m, 3, 9)."""
    s = np.sqrt(np.maximum(1 - along * along, 0.0))
    out = np.zeros((len(along), 3, len(_FEATURES) + len(_CONSTRAINTS)))
    out[:, 0, 0] = 1.0
    out[:, 1, 1], out[:, 1, 2], out[:, 1, 3] = along**2, 2 * along * s, s * s
    out[:, 2, 4], out[:, 2, 5] = along, s
    return out


def _third(tensor: Array, rows: Array) -> Array:
    """Return κ_xxx, κ_ttt, κ_xxt, κ_xtt, stacked on the last axis."""
    x, t = rows[:, 0], rows[:, 1]
    by_x, by_t = (np.einsum("mfgh,mh->mfg", tensor, part) for part in (x, t))
    terms = ((x, by_x, x), (t, by_t, t), (x, by_x, t), (x, by_t, t))
    return np.stack([np.einsum("mf,mfg,mg->m", *term) for term in terms], axis=-1)


def _relative(mean: Array, second: Array, third: Array) -> LayerLaw:
    x, t = mean[:, 0], mean[:, 1]
    if not (np.all(x > 0) and np.all(t > 0)):
        raise UnsupportedError(SILENT)
    scale = np.stack([x, t, np.sqrt(x * t)], axis=-1)
    k = second / (scale[:, :, None] * scale[:, None, :])
    return LayerLaw(
        np.log(x), np.log(t), mean[:, 2] / scale[:, 2],
        k[:, 0, 0], k[:, 1, 1], k[:, 2, 2], k[:, 0, 1], k[:, 0, 2], k[:, 1, 2],
        third[:, 0] / x**3, third[:, 1] / t**3, third[:, 2] / (x * x * t), third[:, 3] / (x * t * t),
    )  # fmt: skip


class LogStep(NamedTuple):
    """ln X, ln T and the next cosine C/√(X T) driven by two normals g, k; each field of shape (m,).

    ln X = log_x + noise_x g;  θ' = cosine + cosine_with_x g + cosine_own k;  ln T has mean log_t and variance
    variance_t, of which t_with_x g + t_with_cosine k follows the two others.
    """

    log_x: Array
    noise_x: Array
    cosine: Array
    cosine_with_x: Array
    cosine_own: Array
    log_t: Array
    variance_t: Array
    t_with_x: Array
    t_with_cosine: Array


class LogMoments(NamedTuple):
    """Means (relative to ln E X, ln E T), variances and covariance of ln X and ln T, each of shape (m,)."""

    mean_x: Array
    mean_t: Array
    xx: Array
    tt: Array
    xt: Array


def expanded_logs(law: LayerLaw) -> LogMoments:
    """Return the moments of the logarithms to order 1/N²."""
    mean_x, xx = log_moments(law.xx, law.xxx)
    mean_t, tt = log_moments(law.tt, law.ttt)
    both = law.xt - (law.xxt + law.xtt) / 2 + law.xt**2 / 2 + law.xt * (law.xx + law.tt)
    return LogMoments(mean_x, mean_t, xx, tt, both)


def log_step(law: LayerLaw, logs: LogMoments) -> LogStep:
    """Return the joint law of ln X, θ' and ln T, whose moments are known to order 1/N where the cosine enters."""
    variance_t = np.maximum(logs.tt, 0.0)
    noise = np.sqrt(np.maximum(logs.xx, 0.0))
    c = law.cosine
    cosine = c * (1 + 0.375 * (law.xx + law.tt) + law.xt / 4) - (law.xc + law.tc) / 2
    turn = law.cc - c * (law.xc + law.tc) + c * c * (law.xx + law.tt + 2 * law.xt) / 4
    with_x = _ratio(law.xc - c * (law.xx + law.xt) / 2, noise)
    own = np.sqrt(np.maximum(turn - with_x**2, 0.0))
    first = _ratio(logs.xt, noise)
    second = _ratio(law.tc - c * (law.xt + law.tt) / 2 - with_x * first, own)
    # Orders of 1/N that were left out must not make a part larger than the whole.
    parts = first**2 + second**2
    shrink = np.sqrt(np.where(parts > variance_t, variance_t / np.where(parts > 0, parts, 1.0), 1.0))
    return LogStep(
        law.log_x + logs.mean_x, noise, cosine, with_x, own,
        law.log_t + logs.mean_t, variance_t, shrink * first, shrink * second,
    )  # fmt: skip


def _ratio(a: Array, b: Array) -> Array:
    return np.where(b > 1e-12, a / np.maximum(b, 1e-12), 0.0)


def log_moments(variance: Array, third: Array) -> tuple[Array, Array]:
    """Return mean and variance of ln Y for a positive Y of mean 1, to order 1/N² where its cumulants are κ_n ~ N^{1−n}.

    E ln Y = −κ₂/2 + κ₃/3 − ¾κ₂², Var ln Y = κ₂ − κ₃ + (5/2)κ₂², summed so that they are exact for the gamma law
    (κ₃ = 2κ₂²) at any variance.
    """
    k = np.maximum(variance, 0.0)
    skew = np.maximum(third - 2 * k * k, -3 * k)
    skew = skew / (1 + np.maximum(skew, 0) / np.maximum(k, 1e-300))  # resummed; right for log-normal Y to 1 %
    shape = 1 / np.maximum(k, 1e-8)
    small = k < 1e-8  # ψ(1/k) + ln k would cancel
    mean = np.where(small, -k / 2, scipy.special.digamma(shape) - np.log(shape)) + skew / 3
    return mean, np.maximum(np.where(small, k, scipy.special.polygamma(1, shape)) - skew, 0.0)
