"""How deep is too deep? Depths at which a mean-square bound proves that gradients are below a threshold."""

from __future__ import annotations

import sympy as sp

from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import (
    depth_float16,
    depth_float32,
    depth_to_vanish,
    eps,
    gradient_norm,
    layer,
    layer_gradient_square,
    p,
)
from vgtheory.theory.bounds.mean_square import Rate, upper_rates
from vgtheory.theory.bounds.setting import Setting, certainly_below

# Smallest normal numbers, IEEE 754 binary32 (bfloat16 has the same exponents) and binary16: 2**-126 and 2**-14.
FLOATS = (
    (depth_float32, 126, "float32 and bfloat16"),
    (depth_float16, 14, "float16"),
)


def smallest_rate(s: Setting) -> Rate | None:
    """Return the upper bound with the smallest factor, or None where there is none or it is symbolic."""
    rates = [r for r in upper_rates(s) if not any(r.factor(shape).free_symbols for shape in s.layers)]
    return min(rates, key=lambda r: max(float(enclose(r.factor(shape), 15)) for shape in s.layers), default=None)


def depth_bounds(s: Setting) -> list[Formula]:
    """Return Markov's bound on the gradient norm, and the depths that follow where the rate is below 1."""
    best = smallest_rate(s)
    if best is None:
        return []
    found = [
        Formula(
            gradient_norm,
            sp.sqrt(s.product(best.factor) / p),
            "upper bound",
            best.status,
            "gradient norm with probability 1 − p",
            "With probability at least 1 − p the gradient at the input is at most this long (Markov's inequality).",
            best.assumptions,
        )
    ]
    if s.uniform_width:
        found.append(_per_layer(s, best))
    rate = best.factor(s.layers[0])
    if not s.uniform_width or not certainly_below(rate, sp.Integer(1)) or rate == 0:
        return found
    found.append(
        Formula(
            depth_to_vanish,
            sp.log(1 / (p * eps**2)) / sp.log(1 / rate),
            "upper bound",
            best.status,
            "depth to vanish",
            "From this depth on the gradient at the input is at most eps with probability at least 1 − p.",
            best.assumptions,
        )
    )
    for symbol, exponent, name in FLOATS:
        found.append(
            Formula(
                symbol,
                2 * exponent * sp.log(2) / sp.log(1 / rate),
                "upper bound",
                best.status,
                f"depth to leave {name.split()[0]}",
                f"From this depth on the root mean square of the gradient's norm is below the smallest normal number "
                f"of {name}, 2**-{exponent}.",
                best.assumptions,
            )
        )
    return found


def _per_layer(s: Setting, best: Rate) -> Formula:
    """Return E‖∂ℓ/∂h_l‖² ≤ χ^{L−l+1}/σ_w²: start from φ'(h_i)e_i at layer l, whose mean square is at most χ/σ_w²."""
    chi, sigma_w = best.factor(s.layers[0]), s.layers[0].sigma_w
    return Formula(
        layer_gradient_square,
        chi ** (s.depth - layer) * sp.expand(chi / sigma_w**2) if sigma_w != 0 else sp.Integer(0),
        "upper bound",
        best.status,
        "gradient at layer l",
        "The mean squared gradient with respect to the pre-activations of any layer is at most this.",
        best.assumptions,
    )
