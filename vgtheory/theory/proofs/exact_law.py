"""Exact laws at every width and depth for φ(h) = a h₊ − b h₋ and Gaussian weights, with or without biases.

The sign of h_i is independent of the square of (W T)_i (flip both), so ‖T_l‖²/‖T_{l−1}‖² = (σ_w²/N_{l−1})(a²χ²_n +
b²χ²_{N−n}), n ~ Binomial(N_l, ½), independent over layers (Hanin & Nica 2020 for ReLU).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp
from flint import acb, arb

from vgtheory._errors import need_values
from vgtheory.symbolic.enclosed import Enclosed
from vgtheory.symbolic.formula import Formula, Status
from vgtheory.symbolic.notation import (
    dead_probability,
    log_stretch,
    mean_log_det,
    mean_log_stretch,
    p,
    theta,
    var_log_det,
    var_log_stretch,
)
from vgtheory.theory.asymptotics.homogeneous import log_square_sum
from vgtheory.theory.proofs.gradient_moments import DIRECTION
from vgtheory.theory.proofs.infimum import WIDEST, Infimum, LogMoment
from vgtheory.theory.proofs.layered_network import Layer, LayeredNetwork

GAUSSIAN = "weights Gaussian"
KIND = {1: "mean", 2: "variance"}


class LogLength(Enclosed):
    """Mean (order 1) or variance (order 2) of ln χ²_n for n ~ Binomial(N, share), given n ≥ 1; share is ½ or 1.

    For share = 1 they are ψ(N/2) + ln 2 and ψ'(N/2), else finite sums of these.
    """

    is_commutative = True
    is_extended_real = True

    def __new__(cls, order: Any, width: Any, share: Any) -> LogLength:
        """Return the moment, not evaluated."""
        obj: LogLength = sp.Expr.__new__(cls, sp.sympify(order), sp.sympify(width), sp.sympify(share))
        return obj

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        order, width, share = self.args
        n = printer._print(width)
        of = rf"\chi^2_{{{n}}}" if share == 1 else rf"\chi^2_{{\mathrm{{Bin}}({n}, 1/2)}}"
        text = rf"\mathbb{{E}}\ln {of}" if order == 1 else rf"\operatorname{{Var}}\ln {of}"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text

    def _sympystr(self, printer: Any) -> str:
        return f"LogLength({', '.join(printer._print(a) for a in self.args)})"

    def _plain(self, printer: Any) -> str:
        order, width, share = self.args
        n = printer._print(width)
        return f"{'E' if order == 1 else 'Var'} ln χ²_{n if share == 1 else f'Bin({n}, 1/2)'}"

    def enclosure(self, bits: int) -> arb:
        """Return a ball around the value."""
        need_values("the mean of a logarithm", self.free_symbols)
        return _log_length(int(self.args[0]), int(self.args[1]), self.args[2] == 1)


@lru_cache(maxsize=256)
def _log_length(order: int, width: int, full: bool) -> arb:
    if full:
        return _polygamma(0, width) + arb(2).log() if order == 1 else _polygamma(1, width)
    weight, total = arb(2) ** -width, arb(0)
    means, squares = arb(0), arb(0)
    for n in range(1, width + 1):
        weight = weight * (width - n + 1) / n
        mean = _polygamma(0, n) + arb(2).log()
        total += weight
        means += weight * mean
        squares += weight * (mean * mean + _polygamma(1, n)) if order == 2 else 0
    return means / total if order == 1 else squares / total - (means / total) ** 2


def _polygamma(order: int, twice: int) -> arb:
    half = acb(twice) / 2
    return (half.digamma() if order == 0 else acb(2).zeta(half)).real  # ψ'(x) is Hurwitz's ζ(2, x)


class LogDeterminant(Enclosed):
    """Mean or variance of ln|det G|² for an N × N standard normal matrix: Σ_{k≤N} of those of ln χ²_k (Bartlett)."""

    is_commutative = True
    is_extended_real = True

    def __new__(cls, order: Any, width: Any) -> LogDeterminant:
        """Return the moment, not evaluated."""
        obj: LogDeterminant = sp.Expr.__new__(cls, sp.sympify(order), sp.sympify(width))
        return obj

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        order, width = self.args
        of = r"\mathbb{E}\ln" if order == 1 else r"\operatorname{Var}\ln"
        text = rf"\sum_{{k=1}}^{{{printer._print(width)}}}{of} \chi^2_k"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text

    def _sympystr(self, printer: Any) -> str:
        return f"LogDeterminant({', '.join(printer._print(a) for a in self.args)})"

    def _plain(self, printer: Any) -> str:
        order, width = self.args
        return f"Σ_(k ≤ {printer._print(width)}) {'E' if order == 1 else 'Var'} ln χ²_k"

    def enclosure(self, bits: int) -> arb:
        """Return a ball around the value."""
        need_values("a determinant's logarithm", self.free_symbols)
        order, width = int(self.args[0]), int(self.args[1])
        return sum((_log_length(order, k, True) for k in range(1, width + 1)), arb(0))


def exact_bounds(s: LayeredNetwork) -> list[Formula]:
    """Return what the exact law gives: mean and variance of ln‖J v‖², the lower tail, P(dead), the determinant."""
    if s.family != "gaussian" or s.two_slopes is None or any(layer.sigma_w == 0 for layer in s.layers):
        return []
    found = []
    if all(layer.outputs.is_Integer and layer.outputs <= WIDEST for layer in s.layers):
        found += [_moment(s, order) for order in (1, 2)]
    right, left = s.two_slopes
    if s.is_masked and right * left == 0:
        found += [_dead(s), _lower_tail(s), *_large_width(s)]
    if s.is_masked and right * left != 0 and all(layer.inputs == layer.outputs for layer in s.layers):
        found += [_determinant(s, order) for order in (1, 2)]
    return found


def _moment(s: LayeredNetwork, order: int) -> Formula:
    status: Status = "proved" if s.is_masked else "quadrature"
    dead = s.two_slopes is not None and s.two_slopes[0] * s.two_slopes[1] == 0
    given = ", given that no layer is dead" if dead else ""
    return Formula(
        mean_log_stretch if order == 1 else var_log_stretch,
        s.total(lambda layer: _layer_moment(s, layer, order)),
        "equality",
        status,
        f"{KIND[order]} of the log stretch",
        f"The {KIND[order]} of ln ‖J v‖² for a fixed direction v{given}.",
        (GAUSSIAN, DIRECTION, "φ is linear on either side of 0"),
        ("hanin2020",),
    )


def _layer_moment(s: LayeredNetwork, layer: Layer, order: int) -> sp.Expr:
    assert s.two_slopes is not None
    right, left = s.two_slopes
    scale = sp.log(layer.sigma_w**2 / layer.inputs) if order == 1 else sp.Integer(0)
    if not s.is_masked:
        return scale + sp.Float(log_square_sum(float(right), float(left), int(layer.outputs))[order - 1], 15)
    assert s.slope.largest is not None
    share = sp.Rational(1, 2) if right * left == 0 else sp.Integer(1)
    slope = sp.log(s.slope.largest.value**2) if order == 1 else sp.Integer(0)
    return scale + slope + LogLength(order, layer.outputs, share)


def _dead(s: LayeredNetwork) -> Formula:
    """Return P(dead) = 1 − ∏(1 − 2^{−N_l}): a layer is dead when all its pre-activations are negative."""
    return Formula(
        dead_probability,
        1 - s.product(lambda layer: 1 - sp.Integer(2) ** -layer.outputs),
        "equality",
        "proved",
        "probability of a dead network",
        "The probability that all neurons of some layer are inactive, so that no gradient passes at this input.",
        ("(W_l, b_l) is distributed as (−W_l, −b_l), neurons independent",),
        ("hanin2020",),
    )


def _lower_tail(s: LayeredNetwork) -> Formula:
    """Return the lower tail by negative moments, 0 < θ < ½, on the event that no layer is dead."""
    assert s.slope.largest is not None
    kappa, half = s.slope.largest.value, sp.Rational(1, 2)
    centre = s.total(lambda layer: sp.log(layer.sigma_w**2 * kappa**2 / 2))
    moments = s.total(lambda layer: LogMoment(-theta, layer.outputs, half))
    best = Infimum((moments + sp.log(1 / p)) / theta, (theta, 0, half))
    return Formula(
        log_stretch,
        centre + sp.log(s.layers[-1].outputs / s.layers[0].inputs) - best,
        "lower bound",
        "proved",
        "negative moments with optimal exponent",
        "With probability at least 1 − p − P(dead) a fixed direction v keeps at least this much of its length.",
        (GAUSSIAN, DIRECTION, "holds with probability at least 1 − p − P(dead)"),
        ("hanin2020",),
    )


def _large_width(s: LayeredNetwork) -> list[Formula]:
    """Return mean −(5/2)Σ1/N_l and variance 5Σ1/N_l about the bound in mean, to first order in the widths."""
    assert s.slope.largest is not None
    kappa = s.slope.largest.value
    beta = s.total(lambda layer: 1 / layer.outputs)
    centre = s.total(lambda layer: sp.log(layer.sigma_w**2 * kappa**2 / 2))
    centre += sp.log(s.layers[-1].outputs / s.layers[0].inputs)
    values = {
        mean_log_stretch: ("mean", centre - sp.Rational(5, 2) * beta),
        var_log_stretch: ("variance", 5 * beta),
    }
    return [
        Formula(
            lhs,
            value,
            "asymptotic",
            "asymptotic",
            f"{name} of the log stretch at large width",
            f"The {name} of ln ‖J v‖² to first order in the inverse widths.",
            (GAUSSIAN, DIRECTION, "depth/width small"),
            ("hanin2020",),
        )
        for lhs, (name, value) in values.items()
    ]


def _determinant(s: LayeredNetwork, order: int) -> Formula:
    """Return the mean or variance of ln|det J|² for square linear networks (Bartlett's decomposition)."""
    assert s.slope.largest is not None
    kappa = s.slope.largest.value

    def term(layer: Layer) -> sp.Expr:
        scale = layer.inputs * sp.log(layer.sigma_w**2 * kappa**2 / layer.inputs) if order == 1 else sp.Integer(0)
        return scale + LogDeterminant(order, layer.inputs)

    return Formula(
        mean_log_det if order == 1 else var_log_det,
        s.total(term),
        "equality",
        "proved",
        f"{KIND[order]} of the log determinant",
        f"The {KIND[order]} of ln |det J|²; it is in law a sum of independent ln χ²_k, k = 1..N, over the layers.",
        (GAUSSIAN, "square layers", "|φ'| is constant"),
        ("bartlett1933",),
    )
