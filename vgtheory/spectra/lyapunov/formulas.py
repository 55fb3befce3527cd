"""Formulas of the Lyapunov exponents: the limit law, its first correction, and closed forms at finite width."""

from __future__ import annotations

from typing import Any

import sympy as sp

from vgtheory.spectra.curve import Ensemble
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import chi, depth, sigma_w, width

rank = sp.Symbol("k", integer=True, positive=True)  # exponents are counted from the largest
slope = sp.Symbol("d", positive=True)  # |φ'|, where it is not 0
active = sp.Symbol("p", positive=True)  # P(φ' ≠ 0)
_exponent = sp.Symbol("lambda", real=True)
_ordered = sp.Symbol("lambda_k", real=True)
_r, _t = sp.Symbol("r", positive=True), sp.Symbol("t", positive=True)
_rows = sp.Symbol("n", integer=True, positive=True)
_log_s = sp.log(sp.Symbol("s", positive=True))
_variance = sp.Symbol("v_k", nonnegative=True)  # of what one layer adds to ln of the k-th stretch

PARAMETER = "t = E r/(r + φ'(√q z)²) is the probability of exponents up to λ; r runs from 0 to ∞"
LIMIT = "width → ∞, then depth → ∞"


def limit_formulas(ensemble: Ensemble) -> tuple[Formula, ...]:
    """Return the limit law, its upper end and the first correction at finite depth."""
    law = sigma_w**2 * _r * (1 - _t) / (1 if ensemble == "gaussian" else _t)
    correction = depth * _exponent + sp.log(_t / (1 - _t)) / 2
    common: dict[str, Any] = {
        "status": "asymptotic",
        "assumptions": (LIMIT, PARAMETER),
        "reference": ("newman1986", "tucci2010"),
    }
    return (
        Formula(sp.exp(2 * _exponent), law, name="law of the Lyapunov exponents", **common),
        Formula(sp.Symbol("lambda_max", real=True), sp.log(chi) / 2, name="largest Lyapunov exponent", **common),
        Formula(_log_s, correction, "asymptotic", name="singular values of a deep network, to O(1/L)", **common),
    )


def finite_width_formulas(ensemble: Ensemble, masked: bool) -> tuple[Formula, ...]:
    """Return λ_k and the variance of what one layer adds, for slopes 0 and d: n ~ binomial(N, p) rows are active.

    With d = 0 nowhere p = 1, and the sum is its term n = N.
    """
    status = "proved" if masked else "asymptotic"
    held = ("slopes are 0 or ±d; units are active independently", "growth of a direction while it lives, n ≥ k")
    common: dict[str, Any] = {"status": status, "assumptions": held}
    if ensemble == "gaussian":
        scale, gone = sp.log(2 * sigma_w**2 * slope**2 / width) / 2, sp.S.Zero
        reference: tuple[str, ...] = ("newman1986", "bartlett1933")
    else:
        scale, reference = sp.log(sigma_w * slope), ("mezzadri2007",)
        gone = sp.polygamma(0, (width - rank + 1) / 2)
    full = (sp.polygamma(0, (width - rank + 1) / 2) - gone) / 2
    spread = sp.polygamma(1, (width - rank + 1) / 2) / 4 if ensemble == "gaussian" else sp.S.Zero
    chance = sp.binomial(width, _rows) * active**_rows * (1 - active) ** (width - _rows)
    mean = sp.Sum(chance * (sp.polygamma(0, (_rows - rank + 1) / 2) - gone), (_rows, rank, width))
    mean = mean / sp.Sum(chance, (_rows, rank, width)) / 2
    return (
        Formula(_ordered, scale + full, name="exponents at width N, no unit dead", reference=reference, **common),
        Formula(_variance, spread, name="variance per layer, no unit dead", reference=reference, **common),
        Formula(_ordered, scale + mean, name="exponents at width N, masked layers", reference=reference, **common),
    )


def complex_formula() -> Formula:
    """Return λ_k of products of complex Gaussian matrices, E|W_ij|² = σ_w²/N.

    Examples
    --------
    >>> newman = complex_formula().at(sigma_w=1, d=1, width=2, k=2)
    >>> round(float(newman.value()), 6)  # (ln(1/2) − γ)/2
    -0.635181
    """
    value = (sp.log(sigma_w**2 * slope**2 / width) + sp.polygamma(0, width - rank + 1)) / 2
    held = ("complex Gaussian weights", "slopes ±d")
    return Formula(
        _ordered,
        value,
        name="exponents at width N, complex",
        assumptions=held,
        reference=("forrester2013", "akemann2014"),
    )
