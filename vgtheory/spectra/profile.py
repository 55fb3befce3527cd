"""Layers of different variances q_l or widths as few factors: which laws stand for all layers, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import Array
from vgtheory.model.network import Network
from vgtheory.spectra.factor import Factor, Kind
from vgtheory.spectra.limiting_law import limiting_law
from vgtheory.spectra.one_layer import OneLayer
from vgtheory.spectra.product import Product
from vgtheory.spectra.slope_law import SlopeLaw, slope_law
from vgtheory.symbolic.activation import Activation

_MOST_LAWS = 20
_CLOSE = 1.3  # spread of ln q_l
_MOST_FACTORS = 400
_MOST_NODES = 200_000  # of all laws together; more take minutes to follow
_LARGEST = 80.0  # ln q above which d² is its limit at ±∞ but for a probability of 1e-17
_SMALLEST, _NEAR = -40.0, 1e-9  # ln q below which φ' is its first order at 0 to 1e-8, and h as near
_DEAD = 1e-7  # more dead units than this anywhere: the layers with most of them stay whole
# ln d² is followed so far below the largest d²: to its end; if the spectrum cannot be followed there, to d < 10⁻⁶⁵.
# At large q most of a smooth law may lie thousands of decades down (φ'² of GELU at q = 10⁴ reaches e^−400000).
_DEPTHS = (np.inf, 300.0)


def representative_lengths(log_q: Array, most: int = _MOST_LAWS) -> tuple[Array, Array]:
    """Return (ln q, counts) of a few layers that stand for all: the Gauss rule of the measure Σ_l δ(ln q_l).

    ln z depends on the profile through Σ_l f(ln q_l) with smooth f, for which K nodes are exact to degree 2K − 1
    (Lanczos' algorithm on diag(ln q_l)); counts add up to L and need not be integers.
    """
    spread = float(np.ptp(log_q))
    if spread < 1e-10:
        return log_q[-1:], np.array([float(len(log_q))])
    values, counts = np.unique(log_q, return_counts=True)  # layers at a fixed point are one value
    # Five laws for variances within a factor e change no quantile by more than 1e-10 (tanh, GELU).
    wanted = 3 + 1.5 * spread if spread < _CLOSE else 4 + 2 * spread
    order = min(most, len(np.unique(np.round(values, 12))), int(np.ceil(wanted)))
    center = float(log_q.mean())
    x = (values - center) / spread
    basis = np.empty((order, len(x)))
    basis[0] = np.sqrt(counts / len(log_q))
    diagonal, beside = [], []
    for j in range(order):
        known = basis[: j + 1]
        y = x * known[j]
        diagonal.append(float(known[j] @ y))
        for _ in range(2):  # full orthogonalisation, twice: exact to rounding
            y -= (known @ y) @ known
        norm = float(np.linalg.norm(y))
        if norm < 1e-8 or j == order - 1:
            break
        beside.append(norm)
        basis[j + 1] = y / norm
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1) if beside else np.diag(diagonal)
    nodes, vectors = np.linalg.eigh(matrix)
    return center + spread * nodes, len(log_q) * vectors[0] ** 2


def factors(
    activation: Activation,
    log_q: Array,
    kind: Kind,
    log_variance: float,
    shape: tuple[float, float] = (1.0, 1.0),
    deep: float = np.inf,
) -> tuple[Factor, ...]:
    """Return the factors that stand for layers with variances e^{log_q}, shape (L,), and shape (N_{l−1}, N_l)/N_L."""
    if _order_at_zero(activation) == 0:
        log_q = np.maximum(log_q, _SMALLEST)
    alone = _bottleneck(activation, log_q, deep)
    nodes, counts = log_q[alone][:1], np.array([float(alone.sum())] * bool(alone.any()))
    if not alone.all():
        rest = representative_lengths(log_q[~alone])
        nodes, counts = np.append(rest[0], nodes), np.append(rest[1], counts)
    return tuple(
        Factor(_law(activation, float(t), deep), float(n), kind, log_variance, *shape)
        for t, n in zip(nodes, counts, strict=True)
    )


def _law(activation: Activation, log_q: float, deep: float) -> SlopeLaw:
    """Return the law of d², what lies more than `deep` below the largest in ln d² as dark."""
    law = limiting_law(activation, np.inf) if log_q > _LARGEST else None
    law = law or slope_law(activation, float(np.exp(np.clip(log_q, _SMALLEST, _LARGEST))))
    if log_q < _SMALLEST:
        law = law.moved(_order_at_zero(activation) * (log_q - _SMALLEST))
    dark = law.log_nodes < law.log_nodes[-1] - deep if len(law.log_nodes) else np.zeros(0, bool)
    if not dark.any():
        return law
    lost = float(law.weights[dark].sum())
    seen = law.levels.min(axis=1) >= law.log_nodes[-1] - deep
    kept = {
        "log_nodes": law.log_nodes[~dark],
        "weights": law.weights[~dark],
        "levels": law.levels[seen],
        "shares": law.shares[seen],
    }
    return replace(law, **kept, zero_mass=law.zero_mass + lost, dark=law.dark + lost)


def _order_at_zero(activation: Activation) -> float:
    """Return k where φ'(h) is of order |h|^k next to 0, to 6 digits."""
    near = _NEAR * np.array([[-1.0, 1.0], [-2.0, 2.0]])
    with np.errstate(invalid="ignore"):
        orders = np.diff(evaluator(activation).log_slope(near), axis=0) / np.log(2)
    finite = orders[np.isfinite(orders)]
    return round(float(finite.min()), 6) if finite.size else 0.0


def profile_product(activation: Activation, log_q: Array, kind: Kind, log_variance: float) -> Product:
    """Return the law of x = s² for square layers of variances e^{log_q}, shape (L,), followed to its lower end."""
    return _followed(lambda deep: Product(factors(activation, log_q, kind, log_variance, deep=deep)))


def rectangular_law(network: Network, log_q: Array, kind: Kind) -> Product | OneLayer:
    """Return the law of x = s² for layers of any widths, N_l proportional to the given ones.

    A first orthogonal layer that does not widen has orthogonal rows, as a square one has: alone, J Jᵀ = σ_w² D².

    Raises UnsupportedError where more than 400 different laws would be needed.
    """
    if kind == "orthogonal" and len(log_q) == 1 and network.widths[0] >= network.widths[1]:
        return OneLayer(network.activation, float(np.exp(log_q[0])), 2 * float(np.log(network.sigmas[0][0])))
    widths = np.array(network.widths, dtype=float) / network.widths[-1]
    if kind == "orthogonal":
        widths[0] = min(widths[0], widths[1])
    shapes: dict[tuple[float, float, float], list[int]] = {}
    for k, (sigma_w, _) in enumerate(network.sigmas):
        shapes.setdefault((sigma_w, float(widths[k]), float(widths[k + 1])), []).append(k)

    def made(deep: float) -> Product:
        parts: list[Factor] = []
        for (sigma_w, before, after), layers in shapes.items():
            log_variance = 2 * float(np.log(sigma_w))
            parts += factors(network.activation, log_q[layers], kind, log_variance, (before, after), deep)
            if len(parts) > _MOST_FACTORS:
                raise UnsupportedError(
                    f"more than {_MOST_FACTORS} layers of different widths and variances; use vg.sample(network)"
                )
        return Product(tuple(parts), float(widths[0]))

    return _followed(made)


def _followed(made: Callable[[float], Product]) -> Product:
    """Return the product with laws as deep as it can be followed to its lower end."""
    product = made(_DEPTHS[0])
    if not all(f.law.log_nodes.size for f in product.parts):
        raise UnsupportedError("no unit of some layer has a slope that can be told from 0, so every gradient is 0")
    reaches = any(f.law.log_nodes[-1] - f.law.log_nodes[0] > _DEPTHS[1] for f in product.parts)
    many = sum(len(f.law.log_nodes) for f in product.parts) > _MOST_NODES
    if reaches and (many or not _is_followed(product)):
        product = made(_DEPTHS[1])
    _ = product.bands
    return product


def _is_followed(product: Product) -> bool:
    try:
        return product.bands is not None
    except UnsupportedError:
        return False


def _bottleneck(activation: Activation, log_q: Array, deep: float) -> NDArray[np.bool_]:
    """Return which layers have the most dead units: they decide the lowest part of the law and must stay whole."""
    ends = [float(log_q.min()), float(log_q.max())]
    dead = [_law(activation, t, deep).zero_mass for t in ends]
    if max(dead) < _DEAD:
        return np.zeros(len(log_q), dtype=bool)
    return np.abs(log_q - ends[int(np.argmax(dead))]) < 1e-9
