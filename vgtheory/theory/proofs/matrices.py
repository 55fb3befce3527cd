"""One random weight matrix, and what it says about J: norm, smallest singular value, condition number."""

from __future__ import annotations

import sympy as sp

from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import (
    jacobian_condition,
    jacobian_entry,
    jacobian_frobenius,
    jacobian_least,
    one_weight_condition,
    one_weight_least,
    one_weight_norm,
    p,
    weight_frobenius,
    weight_least,
    weight_norm,
)
from vgtheory.theory.proofs.certified_slope import Known
from vgtheory.theory.proofs.layered_network import Layer, LayeredNetwork

PROBABILITY = "holds with probability at least 1 − p"
GAUSSIAN = "weights Gaussian"
CHEN_DONGARRA = sp.Rational(6414, 1000)  # the constant of their theorem on the condition number's tail


def matrix_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return the deterministic bounds by the given weights' norms, then those of random matrices."""
    found = _given(s)
    layer = s.layers[0]
    if s.family == "orthogonal" and s.has_isotropic_weights and s.uniform_width:
        found.append(
            Formula(
                one_weight_norm,
                layer.sigma_w,
                "equality",
                "proved",
                "norm of an orthogonal matrix",
                "The largest and the smallest singular value of every weight matrix equal this.",
                ("square orthogonal weight matrices",),
            )
        )
    if s.family != "gaussian" or layer.sigma_w == 0 or not s.uniform_width:
        return found
    return [*found, *_square(layer), *_products(s, layer)]


def _given(s: LayeredNetwork) -> list[Formula]:
    kappa, least = s.slope.largest, s.slope.smallest
    if kappa is None:
        return []
    found = [
        _plain(
            jacobian_entry,
            kappa.value**s.depth,
            kappa,
            "entrywise product",
            "No entry of J is larger than this times the same entry of |W_L| ⋯ |W_1|.",
        ),
        _plain(
            jacobian_frobenius,
            kappa.value**s.depth * weight_frobenius * weight_norm ** (s.depth - 1),
            kappa,
            "Frobenius norm",
            "The Frobenius norm of J is at most this; any one layer may enter with its Frobenius norm.",
        ),
    ]
    widths = s.network.width if isinstance(s.network.width, tuple) else (1,)
    if least is not None and least.value != 0 and list(widths) == sorted(widths):
        found.append(
            _plain(
                jacobian_least,
                (least.value * weight_least) ** s.depth,
                least,
                "product of smallest singular values",
                "The smallest singular value of J is at least this.",
                "lower bound",
            )
        )
    return found


def _plain(
    lhs: sp.Symbol, value: sp.Expr, known: Known, name: str, statement: str, kind: str = "upper bound"
) -> Formula:
    return Formula(lhs, value, kind, known.status, name, statement + " For every draw and input.")  # type: ignore[arg-type]


def _square(layer: Layer) -> list[Formula]:
    """Return norm, smallest singular value and condition number of one square Gaussian weight matrix."""
    sigma_w, width = layer.sigma_w, layer.inputs
    return [
        Formula(
            one_weight_norm,
            sigma_w * (2 + sp.sqrt(2 * sp.log(1 / p) / width)),
            "upper bound",
            "proved",
            "norm of one weight matrix",
            "With probability at least 1 − p the norm of one weight matrix is at most this.",
            (GAUSSIAN, PROBABILITY),
            ("gordon1985", "davidson2001"),
        ),
        Formula(
            one_weight_least,
            sigma_w * p / width,
            "lower bound",
            "proved",
            "smallest singular value of one weight matrix",
            "With probability at least 1 − p the smallest singular value of one weight matrix is at least this.",
            (GAUSSIAN, PROBABILITY),
            ("edelman1988", "sankar2006"),
        ),
        Formula(
            one_weight_condition,
            _condition(p, width),
            "upper bound",
            "proved",
            "condition number of one weight matrix",
            "With probability at least 1 − p the condition number of one weight matrix is at most this.",
            (GAUSSIAN, PROBABILITY),
            ("chen2005",),
        ),
    ]


def _condition(failure: sp.Expr, width: sp.Expr) -> sp.Expr:
    """Return x·N with P(cond > x·N) < 6.414/(x√(2π)) = failure; the theorem is for x ≥ 1."""
    return width * sp.Max(1, CHEN_DONGARRA / (sp.sqrt(2 * sp.pi) * failure))


def _products(s: LayeredNetwork, layer: Layer) -> list[Formula]:
    """Return s_min(J) ≥ ∏κ₋σ_w p/(LN) and cond(J) ≤ ∏(κ/κ₋)cond(W_l), a union over the layers."""
    kappa, least = s.slope.largest, s.slope.smallest
    if kappa is None or least is None or least.value == 0:
        return []
    share = p / s.depth
    return [
        Formula(
            jacobian_least,
            (least.value * layer.sigma_w * share / layer.inputs) ** s.depth,
            "lower bound",
            least.status,
            "smallest singular value, Gaussian weights",
            "With probability at least 1 − p the smallest singular value of J is at least this, at every input.",
            (GAUSSIAN, PROBABILITY),
            ("edelman1988", "sankar2006"),
        ),
        Formula(
            jacobian_condition,
            (kappa.value / least.value * _condition(share, layer.inputs)) ** s.depth,
            "upper bound",
            least.status,
            "condition number, Gaussian weights",
            "With probability at least 1 − p the condition number of J is at most this, at every input.",
            (GAUSSIAN, PROBABILITY),
            ("chen2005",),
        ),
    ]
