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


def finite_width_formulas(ensemble: Ensemble, proved: bool, dead: bool) -> tuple[Formula, ...]:
    """Return λ_k and the variance v_k of what one layer adds to ln of the k-th stretch, for slopes 0 and ±d.

    dead : whether units are dead with probability 1 − p; n ~ binomial(N, p) rows are active.
    """
    common: dict[str, Any] = {"status": "proved" if proved else "asymptotic"}
    if ensemble == "gaussian":
        scale, lost, lost_spread = sp.log(2 * sigma_w**2 * slope**2 / width) / 2, sp.S.Zero, sp.S.Zero
        common["reference"] = ("newman1986", "bartlett1933")
    else:
        scale = sp.log(sigma_w * slope)
        lost, lost_spread = (sp.polygamma(order, (width - rank + 1) / 2) for order in (0, 1))
        common["reference"] = ("mezzadri2007",)
    if not dead:
        common["assumptions"] = ("slopes are ±d",)
        mean, spread = (sp.polygamma(order, (width - rank + 1) / 2) for order in (0, 1))
        names = ("exponents at width N", "variance per layer at width N")
    else:
        common["assumptions"] = (
            "slopes are 0 or ±d, independently between units and of the weights",
            "growth of a direction while it lives, n ≥ k",
        )
        mean = _over_rows(sp.polygamma(0, (_rows - rank + 1) / 2))
        square = _over_rows(sp.polygamma(0, (_rows - rank + 1) / 2) ** 2)
        spread = _over_rows(sp.polygamma(1, (_rows - rank + 1) / 2)) + square - mean**2
        names = ("exponents at width N, masked layers", "variance per layer at width N, masked layers")
    found = (
        Formula(_ordered, scale + (mean - lost) / 2, name=names[0], **common),
        Formula(_variance, (spread - lost_spread) / 4, name=names[1], **common),
    )
    return found if dead or ensemble == "orthogonal" else (*found, complex_formula())


def _over_rows(value: sp.Expr) -> sp.Expr:
    """Return the mean over the number n of active rows, given n ≥ k."""
    chance = sp.binomial(width, _rows) * active**_rows * (1 - active) ** (width - _rows)
    return sp.Sum(chance * value, (_rows, rank, width)) / sp.Sum(chance, (_rows, rank, width))


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
