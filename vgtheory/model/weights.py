"""`Weights`: the law of one layer's weights and biases, by scale (σ_w, σ_b) and by the shape of the distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.symbolic.formula import exact

Family = Literal["gaussian", "orthogonal", "uniform"]
BiasFamily = Literal["gaussian", "uniform"]

# fan_in and fan_out stand for N_{l-1} and N_l inside σ_w and σ_b of initialisers that depend on the shape.
fan_in = sp.Symbol("fan_in", integer=True, positive=True)
fan_out = sp.Symbol("fan_out", integer=True, positive=True)


@dataclass(frozen=True)
class Weights:
    """The law of (W_l, b_l): Var (W_l)_ij = σ_w²/N_{l−1} (orthogonal: W_l = σ_w · Haar), Var b_i = σ_b².

    Use the constructors: ``Weights.gaussian(1.5, 0.05)``, ``.orthogonal``, ``.uniform``, ``.he()``, ``.xavier()``,
    ``.lecun()``, ``.pytorch_default()``.

    Parameters
    ----------
    family : shape of the distribution of the weights.
    sigma_w, sigma_b : standard deviations in the convention above; numbers, or SymPy expressions
        (in which ``fan_in`` and ``fan_out`` stand for the layer's shape).
    bias_family : shape of the distribution of the biases.
    """

    family: Family
    sigma_w: sp.Expr
    sigma_b: sp.Expr
    bias_family: BiasFamily = "gaussian"

    def __post_init__(self) -> None:
        if self.family not in get_args(Family):
            raise InputError(f"family = {self.family!r}", "one of " + ", ".join(get_args(Family)), "e.g. gaussian")
        if self.bias_family not in get_args(BiasFamily):
            raise InputError(f"bias_family = {self.bias_family!r}", "gaussian or uniform", "e.g. gaussian")
        object.__setattr__(self, "sigma_w", _scale("sigma_w", self.sigma_w))
        object.__setattr__(self, "sigma_b", _scale("sigma_b", self.sigma_b))

    @classmethod
    def gaussian(cls, sigma_w: Any, sigma_b: Any = 0) -> Weights:
        """Return independent normal weights of variance σ_w²/N_{l−1} and normal biases of variance σ_b²."""
        return cls("gaussian", sigma_w, sigma_b)

    @classmethod
    def orthogonal(cls, sigma_w: Any, sigma_b: Any = 0) -> Weights:
        """Return σ_w times Haar-distributed orthogonal matrices and normal biases of variance σ_b²."""
        return cls("orthogonal", sigma_w, sigma_b)

    @classmethod
    def uniform(cls, sigma_w: Any, sigma_b: Any = 0) -> Weights:
        """Return independent uniform weights of variance σ_w²/N_{l−1} and normal biases of variance σ_b²."""
        return cls("uniform", sigma_w, sigma_b)

    @classmethod
    def he(cls, sigma_b: Any = 0) -> Weights:
        """Return He et al. (2015): normal weights of variance 2/fan_in."""
        return cls.gaussian(sp.sqrt(2), sigma_b)

    @classmethod
    def lecun(cls, sigma_b: Any = 0) -> Weights:
        """Return LeCun et al. (1998): normal weights of variance 1/fan_in."""
        return cls.gaussian(1, sigma_b)

    @classmethod
    def xavier(cls, sigma_b: Any = 0) -> Weights:
        """Return Glorot & Bengio (2010), eq. 16: uniform weights of variance 2/(fan_in + fan_out)."""
        return cls("uniform", sp.sqrt(2 * fan_in / (fan_in + fan_out)), sigma_b)

    @classmethod
    def pytorch_default(cls) -> Weights:
        """Return what ``torch.nn.Linear`` draws: weights and biases uniform on ±1/√fan_in, so σ_w² = 1/3."""
        return cls("uniform", 1 / sp.sqrt(3), 1 / sp.sqrt(3 * fan_in), "uniform")

    def sigma_at(self, shape_in: Any, shape_out: Any) -> tuple[sp.Expr, sp.Expr]:
        """Return (σ_w, σ_b) of a layer with `shape_in` inputs and `shape_out` outputs."""
        shape = {fan_in: shape_in, fan_out: shape_out}
        return self.sigma_w.subs(shape), self.sigma_b.subs(shape)


def _scale(name: str, value: Any) -> sp.Expr:
    finite = not (isinstance(value, float) and not math.isfinite(value))
    number = exact(value) if finite else None
    if (
        number is None
        or number.is_extended_real is False
        or number.is_extended_negative
        or (number.is_number and not (number.is_real and number >= 0))
    ):
        raise InputError(f"{name} = {value}", "a finite number of at least 0", "it is a standard deviation, e.g. 1.5")
    return number
