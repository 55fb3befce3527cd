"""What zeros around a map cost a convolution: the factor of the mean squares per layer, and the scale that undoes it.

With zeros outside, the mean squares over the positions of a row obey q ← σ_w²χ A q, A the average over K taps in which
zeros count: a banded symmetric matrix.  Forward and backward, its largest eigenvalue is what a layer keeps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.program import Block
from vgtheory.model.steps import Ask, Map, Mix
from vgtheory.model.windows import neighbours
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import sigma_w
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint, critical, fixed_points

positions = sp.Symbol("s", integer=True, positive=True)
kept = sp.Symbol("lambda", positive=True)
THREE_TAPS = Formula(
    lhs=kept,
    expr=(1 + 2 * sp.cos(sp.pi / (positions + 1))) / 3,
    status="proved",
    name="what zero padding keeps",
    statement=(
        "with three taps and zeros around a row of s positions, the mean squares of signal and gradient over its "
        "positions are multiplied per layer by a matrix with this largest eigenvalue; in two dimensions by the product "
        "over both"
    ),
    assumptions=("independent weights of equal variance at every tap",),
)


@dataclass(frozen=True)
class CriticalConvolution:
    """The scale of a convolution's weights at which the mean squared gradient neither grows nor falls per layer.

    Parameters
    ----------
    formula : the scale as a statement, with what it assumes.
    kept : the share λ of the mean square that padding leaves per layer, all dimensions together; 1 on a ring.
    """

    formula: Formula
    kept: Formula

    @property
    def sigma_w(self) -> float:
        """Return the critical σ_w."""
        return float(self.formula.value())

    def _repr_latex_(self) -> str:
        return self.formula._repr_latex_()


def padding_factor(kernel: int, s: int) -> Formula:
    """Return λ, the share of the mean square that a layer keeps on a row of s positions with zeros around it.

    Three taps have the closed form (1 + 2cos(π/(s + 1)))/3; other kernels the largest eigenvalue, computed.

    >>> [round(float(padding_factor(3, s).value()), 4) for s in (32, 7, 2, 1)]
    [0.997, 0.9493, 0.6667, 0.3333]
    """
    if kernel == 3:
        return THREE_TAPS.at(s=s)
    table = neighbours((s,), kernel, True)
    averages = np.zeros((s, s + 1))
    np.add.at(averages, (np.arange(s)[None, :], table), 1.0 / kernel)
    largest = float(np.linalg.eigvalsh(averages[:, :s])[-1])
    return Formula(
        lhs=kept, expr=sp.Float(largest, 17), status="quadrature", name=THREE_TAPS.name,
        statement=f"largest eigenvalue of the average over {kernel} taps on {s} positions with zeros around them",
        assumptions=THREE_TAPS.assumptions, error=1e-14,
    )  # fmt: skip


def critical_convolution(block: Block, shape: tuple[int, ...] | None) -> CriticalConvolution | CriticalPoint:
    """Return the σ_w at which a convolution keeps the mean squared gradient per layer.

    Raises
    ------
    InputError : zeros padded, and no shape of the map.
    UnsupportedError : a convolution with a norm or a skip connection, or zeros padded beside a stride, or an activation
        that is not homogeneous.
    """
    plain = _plain(block)
    if plain is None:
        raise UnsupportedError(
            f"the critical scale of {block.name} is not known in closed form; use vg.predict of a network"
        )
    window, act = plain
    kernel, zeros, _, stride = window.options
    zeros = zeros and kernel > 1 and not block.matrices[0].centre
    if zeros and stride > 1:
        raise UnsupportedError(
            f"the critical scale of {block.name} with zeros around maps that shrink from layer to layer; use "
            "vg.predict of a network"
        )
    if act.homogeneous_degree != 1:
        if zeros:
            raise UnsupportedError(
                f"the critical scale of {block.name} with zeros around the map, whose lengths differ by position; use "
                "vg.predict of a network at several scales"
            )
        return critical(act, float(block.matrices[0].weights.sigma_b))
    if zeros and shape is None:
        raise InputError(
            "a convolution with zeros around a map of unknown shape", "a network of it",
            "e.g. vg.critical(vg.Network(block, width=64, depth=24, shape=(7, 7)))",
        )  # fmt: skip
    factors = [padding_factor(kernel, s) for s in shape] if zeros and shape is not None else []
    whole = Formula(
        lhs=kept, expr=sp.Mul(*(f.expr for f in factors)), name=THREE_TAPS.name,
        status="quadrature" if any(f.status != "proved" for f in factors) else "proved",
        statement="share of the mean square that a layer keeps, all dimensions together",
        assumptions=THREE_TAPS.assumptions, error=sum(float(f.error) for f in factors),
    )  # fmt: skip
    slope = sum(act.expr.subs(act.symbol, sign) ** 2 for sign in (1, -1)) / sp.Integer(2)
    value = 1 / sp.sqrt(slope * whole.expr)
    formula = Formula(
        lhs=sigma_w, expr=value, status=whole.status, name="critical scale of a convolution",
        statement="the mean squared gradient neither grows nor falls exponentially with the number of layers",
        assumptions=(*THREE_TAPS.assumptions, "Gaussian pre-activations: any width for independent normal weights"),
        error=float(whole.error) * float(value),
    )  # fmt: skip
    return CriticalConvolution(formula, whole)


def _plain(block: Block) -> tuple[Mix, Activation] | None:
    """Return the window and the activation of a convolution without norm and skip connection; None for other blocks."""
    if [type(step) for step in block.steps] != [Mix, Ask, Map]:
        return None
    window, _, last = block.steps
    assert isinstance(window, Mix)
    assert isinstance(last, Map)
    (expr,), (symbol,) = last.expressions, last.symbols
    return window, Activation(expr.xreplace({symbol: sp.Symbol("x", real=True)}))


def pattern_factors(block: Block, shape: tuple[int, ...]) -> Array | None:
    """Return χ_c |v̂(θ)| for θ = 2πk/s, k = 0..s/2: what a layer leaves of a pattern in the covariances on a ring.

    Of covariances near their fixed point a deviation with k periods around the ring is multiplied by χ_c v̂(θ), χ_c =
    σ_w² E φ'φ' at the correlation c* that positions tend to and v̂(θ) = Σ_o v_o e^{iθo} of the variances' shares v_o of
    the taps (Xiao et al. (2018)).  Weights at the middle tap alone, |v̂| = 1, keep all patterns alike.  None for other
    blocks, zeros around the map, strides, and where no fixed point is stable.
    """
    plain = _plain(block)
    if plain is None or len(shape) != 1 or plain[0].options[1] or plain[0].stride > 1:
        return None
    (window, act), matrix = plain, block.matrices[0]
    sigma_w, sigma_b = matrix.sigmas(1, 1)
    try:
        stable = [p for p in fixed_points(act, sigma_w, sigma_b) if p.stable and p.q > 0 and p.xi_c != 0]
    except (NoSolutionError, UnsupportedError):
        return None
    if not stable:
        return None
    angles = 2 * np.pi * np.arange(shape[0] // 2 + 1) / shape[0]
    taps = np.arange(window.taps) - window.taps // 2
    shares = np.abs(np.exp(1j * np.outer(angles, taps)).mean(axis=1))
    return np.exp(-1 / stable[0].xi_c) * (np.ones_like(shares) if matrix.centre else shares)
