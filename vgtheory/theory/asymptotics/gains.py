"""Gains: by what to multiply σ_w = 1 so that signals, or gradients, keep their size through an activation.

What frameworks call a gain mixes three requirements, each of which has its own number:

- forward, second moment: 1/√E φ(z)², so that outputs have mean square 1 when pre-activations are N(0, 1);
- forward, standard deviation: 1/√Var φ(z), the same for the variance (equal for odd φ);
- backward: 1/√E φ'(z)², so that squared gradients keep their mean.

ReLU's √2 is the first and the third at once (E φ² = E φ'² = 1/2; He et al. (2015)).  PyTorch's 5/3 for tanh is none of
the three (1.5925, 1.5925, 1.4674): a network of that gain settles at q = 1.1785, its outputs at a root mean square of
0.6513, and its gradient grows, χ = 1.2098.  PyTorch's 3/4 for SELU is none either (1, 1, 0.9660): it gives up the fixed
point q = 1 that SELU is made for (there χ = 1.0716) for q = 0.0230, where SELU is almost two half-lines and χ = 1.0037.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vgtheory._errors import UnsupportedError, VgtheoryError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.integrability import finite_mean, is_flat
from vgtheory.symbolic.printing import decimal, displayed
from vgtheory.theory.asymptotics.fixed_points import FixedPoint, fixed_points
from vgtheory.theory.asymptotics.moments import table_of
from vgtheory.theory.asymptotics.unit_means import UnitMeans, slope_square_at_zero

# torch.nn.init.calculate_gain; the gain of leaky ReLU depends on its slope.
_FRAMEWORK = {"identity": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": 2**0.5, "selu": 3 / 4}


@dataclass(frozen=True)
class Gains:
    """The gains of an activation at q = 1, the critical one without bias, and what a framework's does.

    Parameters
    ----------
    rms : 1/√E φ(z)²; inf where φ = 0, 0 where the mean is infinite.
    std : 1/√Var φ(z); inf where φ is constant, 0 where the variance is infinite.
    backward : 1/√E φ'(z)²; inf where φ' = 0 almost everywhere, 0 where the mean is infinite.
    small_signal : σ_w with χ = 1 for q → 0, 1/√((φ'(0⁺)² + φ'(0⁻)²)/2); nan unless φ(0) = 0 and that slope is not 0,
        0 where it is infinite.
    framework : what `torch.nn.init.calculate_gain` returns; nan where it knows no gain.
    settled : the stable fixed point with the largest q that a network with that gain and no bias has, None without.
    """

    rms: float
    std: float
    backward: float
    small_signal: float
    framework: float
    settled: FixedPoint | None

    def _repr_latex_(self) -> str:
        rows = ((r"1/\sqrt{\mathbb{E}\varphi^2}", self.rms), (r"1/\sqrt{\operatorname{Var}\varphi}", self.std))
        shown = (*rows, (r"1/\sqrt{\mathbb{E}\varphi'^2}", self.backward))
        return displayed(r", \quad ".join(f"{name} = {decimal(value, 10)}" for name, value in shown))


def gains(act: Any) -> Gains:
    """Return the gains of an activation for pre-activations of variance 1.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula.

    Raises
    ------
    InputError : symbolic parameters.
    UnsupportedError : a mean at q = 1 that cannot be computed and is not shown to be infinite.

    Notes
    -----
    He et al. (2015), eqs. 10 and 14; Glorot & Bengio (2010).  An infinite gain is what an activation without slope
    would need, a gain of 0 what one with an infinite mean would.

    Examples
    --------
    >>> g = gains("tanh")
    >>> round(g.rms, 10), round(g.backward, 10), round(g.settled.chi, 10)
    (1.5925374197, 1.4674135916, 1.2098313204)
    """
    act = to_activation(act)
    table = table_of(act)
    framework = _framework(act)
    rms = std = backward = 0.0
    if not _is_infinite(act, 0):  # else E φ'² is infinite too, by Poincaré's inequality
        m = table.direct(np.zeros(1))
        rms = float("inf") if all(piece.expr == 0 for piece in act.pieces) else _gain(act, 0, m.log_square[0])
        std, backward = _standard(act), _gain(act, 1, m.log_slope_square[0])
    return Gains(rms, std, backward, _small_signal(act), framework, _settled(act, framework))


def _is_infinite(act: Activation, order: int) -> bool:
    """Return whether E φ^(order)(z)² is shown to be infinite."""
    try:
        return not finite_mean(act, order).holds(1)
    except UnsupportedError:  # growth that is not known: left to the quadrature, which looks at its own tail
        return False


def _gain(act: Activation, order: int, log_mean: float) -> float:
    """Return 1/√mean of φ^(order)(z)²; UnsupportedError where that is neither computed nor shown to be infinite."""
    if np.isneginf(log_mean):
        return float("inf")
    if not np.isfinite(log_mean):
        if _is_infinite(act, order):
            return 0.0
        mean = ("E φ²", "E φ'²")[order]
        raise UnsupportedError(f"{mean} of {act.name} at q = 1 cannot be computed; rescale its argument")
    return float(np.exp(-log_mean / 2))


def _standard(act: Activation) -> float:
    """Return 1/√Var φ(z), from deviations from the mean, without what is added to φ: no digit cancels."""
    if is_flat(act) and not act.jumps():
        return float("inf")
    act = Activation(act.expr.as_independent(act.symbol, as_Add=True)[1])
    first, one = UnitMeans(act, lambda evaluate, _: lambda h: evaluate.value(h)[None]), np.ones(1)
    mean = float(first.at(one)[0, 0])
    second = UnitMeans(act, lambda evaluate, _: lambda h: (evaluate.value(h)[None] - mean) ** 2)
    variance = float(second.at(one)[0, 0])
    if not 0 < variance < float("inf"):
        raise UnsupportedError(f"Var φ(z) of {act.name} cannot be computed in doubles; rescale its argument")
    return variance**-0.5


def _small_signal(act: Activation) -> float:
    if float(table_of(act).values(np.zeros(1))[0, 0]) != 0:
        return float("nan")
    square = slope_square_at_zero(act)
    return 1 / square**0.5 if square else float("nan")


def _framework(act: Activation) -> float:
    if act.name == "leaky_relu":
        slope = float(act.derivative().subs(act.symbol, -1))
        return float((2 / (1 + slope**2)) ** 0.5)
    return _FRAMEWORK.get(act.name, float("nan"))


def _settled(act: Activation, gain: float) -> FixedPoint | None:
    if not np.isfinite(gain):
        return None
    try:
        stable = [p for p in fixed_points(act, gain) if p.stable]
    except VgtheoryError:
        return None
    return stable[-1] if stable else None
