"""How deep is too deep? Depths at which a mean-square bound proves that gradients are below a threshold."""

from __future__ import annotations

import sympy as sp

from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import (
    depth_float16,
    depth_float32,
    depth_to_vanish,
    eps,
    gradient_norm,
    p,
)
from vgtheory.theory.bounds.rates import smallest_rate
from vgtheory.theory.bounds.setting import Setting, certainly_below

# Smallest normal numbers, IEEE 754 binary32 (bfloat16 has the same exponents) and binary16: 2**-126 and 2**-14.
FLOATS = (
    (depth_float32, 126, "float32 and bfloat16"),
    (depth_float16, 14, "float16"),
)


def depth_bounds(s: Setting) -> list[Formula]:
    """Return Markov's bound on the gradient norm, and the depths that follow where the rate is below 1."""
    best = smallest_rate(s)
    if best is None:
        return []
    found = [
        Formula(
            gradient_norm,
            sp.sqrt(best.prefactor * s.product(best.factor) / p),
            "upper bound",
            best.status,
            "gradient norm with probability 1 − p",
            "With probability at least 1 − p the gradient at the input is at most this long (Markov's inequality).",
            best.assumptions,
        )
    ]
    rate = best.factor(s.layers[0])
    if not s.uniform_width or not certainly_below(rate, sp.Integer(1)) or rate == 0:
        return found
    found.append(
        Formula(
            depth_to_vanish,
            sp.log(best.prefactor / (p * eps**2)) / sp.log(1 / rate),
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
                (2 * exponent * sp.log(2) + sp.log(best.prefactor)) / sp.log(1 / rate),
                "upper bound",
                best.status,
                f"depth to leave {name.split()[0]}",
                f"From this depth on the root mean square of the gradient's norm is below the smallest normal number "
                f"of {name}, 2**-{exponent}.",
                best.assumptions,
            )
        )
    return found
