"""Saturation: given the past, the pre-activations of a layer are independent N(0, v), so each neuron is a coin toss."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import (
    active_tail,
    eps,
    fraction,
    q,
    saturated_fraction,
    saturated_layer,
    saturated_tail,
    saturation_probability,
)
from vgtheory.symbolic.saturation import Saturation, saturation
from vgtheory.theory.proofs.layered_network import LayeredNetwork

DEFAULT_EPS = sp.Rational(1, 100)  # where φ' cannot be inverted for a symbolic eps


def saturation_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return the probability that a neuron is saturated, and bounds on the saturated fraction at every depth."""
    if s.family != "gaussian" or not s.gaussian_bias:
        return []
    found = _set(s)
    if found is None or found.expr is None or found.expr is sp.S.EmptySet or found.expr is sp.S.Reals:
        return []
    probability = found.probability(q)
    below = f"ε = {found.eps}" if found.eps.is_number else "ε is below sup |φ'|"
    assumptions = ("weights and biases Gaussian", below)
    held = () if found.condition is sp.true else (found.condition,)
    formulas = [
        Formula(
            saturation_probability,
            probability,
            "equality",
            "proved",
            "probability of saturation",
            "A neuron whose pre-activation has variance q has a slope of at most ε with this probability.",
            assumptions,
            conditions=held,
        )
    ]
    if not (s.uniform_width and found.period is None and _grows_with_variance(found.expr)):
        return formulas
    layer, bounded = s.layers[0], s.slope.value_bound
    if layer.sigma_b.is_positive:
        least = probability.subs(q, layer.sigma_b**2)
        formulas.append(_fraction(least, "lower bound", "at least", "bias", assumptions))
        formulas += _counts(s, least, assumptions, few=True)
    if bounded is not None:
        most = probability.subs(q, layer.sigma_w**2 * sp.Max(bounded.value, 1) ** 2 + layer.sigma_b**2)
        inputs = (*assumptions, "|φ| is bounded (checked)", "‖x_0‖² = N_0")
        formulas.append(_fraction(most, "upper bound", "at most", "bounded activation", inputs))
        formulas += _counts(s, most, inputs, few=False)
    return [formulas[0], *(replace(f, conditions=(*held, *f.conditions)) for f in formulas[1:])]


def _counts(s: LayeredNetwork, share: sp.Expr, assumptions: tuple[str, ...], few: bool) -> list[Formula]:
    """Return Chernoff's bound on a layer's count, binomially dominated at every depth, and P(the whole layer).

    Given the past the count is Binomial(N, π(v)) with π between its values at the least and the largest v, so it lies
    stochastically between two binomials, with independent copies over the layers.
    """
    width = s.layers[0].outputs
    distance = fraction * sp.log(fraction / share) + (1 - fraction) * sp.log((1 - fraction) / (1 - share))
    side = sp.Lt(fraction, share) if few else sp.Gt(fraction, share)
    return [
        Formula(
            active_tail if few else saturated_tail,
            sp.exp(-width * distance),
            "upper bound",
            "proved",
            "few saturated neurons" if few else "many saturated neurons",
            f"In every layer the probability that {'no more' if few else 'no less'} than this share of neurons is "
            f"saturated is at most this (Chernoff's bound for Binomial(N, π), jointly independent over layers).",
            assumptions,
            ("boucheron2013",),
            conditions=(side, sp.Lt(fraction, 1)),
        ),
        Formula(
            saturated_layer,
            share**width,
            "lower bound" if few else "upper bound",
            "proved",
            f"whole layer saturated, {'bias' if few else 'bounded activation'}",
            f"The probability that all neurons of a layer are saturated is at {'least' if few else 'most'} this; then "
            "the layer multiplies the gradient by at most ε.",
            assumptions,
        ),
    ]


def _set(s: LayeredNetwork) -> Saturation | None:
    for level in (eps, DEFAULT_EPS):
        try:
            return saturation(s.network.activation, level)
        except UnsupportedError:
            continue
    return None


def _grows_with_variance(whole: sp.Set) -> bool:
    """Return whether the set is made of outer half-lines around 0, whose probability grows with the variance."""
    parts = whole.args if isinstance(whole, sp.Union) else (whole,)
    if len(parts) == 1 and whole.has(eps):
        return False  # the end of one half-line may change its sign with eps, as softplus's does at 1/2
    left = [part.sup.is_nonpositive or _negative(part.sup) for part in parts if part.inf == -sp.oo]
    right = [part.inf.is_nonnegative or _negative(-part.inf) for part in parts if part.sup == sp.oo]
    return len(left) + len(right) == len(parts) and all(left + right)


def _negative(end: sp.Expr) -> bool:
    """Return whether an end that depends on eps is negative for small eps (it keeps its sign up to sup |φ'|)."""
    return bool(sp.N(end.subs(eps, sp.Rational(1, 10**6))) <= 0)


def _fraction(value: sp.Expr, kind: str, relation: str, why: str, assumptions: tuple[str, ...]) -> Formula:
    return Formula(
        saturated_fraction,
        value,
        kind,  # type: ignore[arg-type]
        "proved",
        f"saturated fraction, {why}",
        f"In every layer, at every depth and width, the expected fraction of saturated neurons is {relation} this.",
        assumptions,
    )
