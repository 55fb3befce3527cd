"""`Weights`: the distribution of one layer's weights and biases, by its scale (σ_w, σ_b) and its shape."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import sympy as sp

from vgtheory._errors import InputError, shown
from vgtheory.model.arrays import LayerArrays
from vgtheory.model.sizes import SCALES, standard_deviation
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.parser import read
from vgtheory.symbolic.printing import displayed, to_latex
from vgtheory.symbolic.specification import described, flag_of, need_known, text_of

Family = Literal["gaussian", "orthogonal", "uniform", "truncated_normal", "rademacher", "sparse", "low_rank", "given"]
BiasFamily = Literal["gaussian", "uniform"]

# What each family is besides its scale: names of numbers.
OPTIONS: dict[str, tuple[str, ...]] = {
    "truncated_normal": ("cut",),
    "sparse": ("density",),
    "low_rank": ("noise", "rank"),
}
# Independent entries of one distribution with finite variance: as the width grows only the variance matters.
INDEPENDENT = ("gaussian", "uniform", "truncated_normal", "rademacher", "sparse")
# U W V is distributed as W for all orthogonal U and V.
ROTATION_INVARIANT = ("gaussian", "orthogonal")
MAX_RANK = 10**6

WEIGHT_ENTRIES = frozenset({"weights", "sigma_w", "sigma_b", "bias", "options", "tied", "arrays"})  # of a description

# fan_in and fan_out stand for N_{l-1} and N_l inside σ_w and σ_b of initialisers that depend on the shape.
fan_in = sp.Symbol("fan_in", integer=True, positive=True)
fan_out = sp.Symbol("fan_out", integer=True, positive=True)


@dataclass(frozen=True)
class Weights:
    """The distribution of (W_l, b_l): Var (W_l)_ij = σ_w²/N_{l−1} (orthogonal: W_l = σ_w · Haar), Var b_i = σ_b².

    Use the constructors: ``Weights.gaussian(1.5, 0.05)``, ``.orthogonal``, ``.uniform``, ``.truncated_normal``,
    ``.rademacher``, ``.sparse``, ``.low_rank``, ``.given``, ``.he()``, ``.xavier()``, ``.lecun()``,
    ``.pytorch_default()``; ``weights.tie()`` has one matrix for all layers.

    Parameters
    ----------
    family : shape of the distribution of the weights.
    sigma_w, sigma_b : standard deviations in the convention above; numbers, or SymPy expressions
        (in which ``fan_in`` and ``fan_out`` stand for the layer's shape).
    bias_family : shape of the distribution of the biases.
    options : numbers that the family needs besides, as (name, value), in the order of the names.
    tied : whether all layers have the same matrix and bias.
    arrays : the matrices and biases of a network that is given.

    Examples
    --------
    >>> weights = Weights.gaussian(sigma_w=1.5, sigma_b=0.05)
    >>> weights.sigma_w, weights.sigma_b
    (3/2, 1/20)
    >>> Weights.he().sigma_b, Weights.orthogonal(1).tie().tied
    (0, True)
    """

    family: Family
    sigma_w: sp.Expr
    sigma_b: sp.Expr
    bias_family: BiasFamily = "gaussian"
    options: tuple[tuple[str, sp.Expr], ...] = ()
    tied: bool = False
    arrays: LayerArrays | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.family, str) or self.family not in get_args(Family):
            raise InputError("family", "one of " + ", ".join(get_args(Family)), "e.g. gaussian", got=shown(self.family))
        if not isinstance(self.bias_family, str) or self.bias_family not in get_args(BiasFamily):
            raise InputError("bias_family", "gaussian or uniform", "e.g. gaussian", got=f"{self.bias_family!r}")
        if (self.arrays is not None) != (self.family == "given") or (self.tied and self.arrays is not None):
            raise InputError(f"{self.family} weights with these arrays", "arrays that are given", "see Weights.given")
        if tuple(name for name, _ in self.options) != OPTIONS.get(self.family, ()):
            raise InputError(f"options {self.options}", str(OPTIONS.get(self.family, ())), f"see Weights.{self.family}")
        object.__setattr__(self, "options", tuple((name, _option(name, value)) for name, value in self.options))
        object.__setattr__(self, "sigma_w", _scale("sigma_w", self.sigma_w))
        object.__setattr__(self, "sigma_b", _scale("sigma_b", self.sigma_b))

    def _repr_latex_(self) -> str:
        weight = rf"\operatorname{{Var}} (W_l)_{{ij}} = {to_latex(self.sigma_w**2)} / N_{{l-1}}"
        if self.family == "orthogonal":
            weight = rf"W_l^{{\mathsf T}} W_l = {to_latex(self.sigma_w**2)} I"
        bias = rf"\operatorname{{Var}} b_i = {to_latex(self.sigma_b**2)}"
        return displayed(rf"{weight}, \quad {bias} \quad \text{{({self.family.replace('_', ' ')})}}")

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
    def truncated_normal(cls, sigma_w: Any, sigma_b: Any = 0, cut: Any = 2) -> Weights:
        """Return independent normal weights cut at ±cut standard deviations, then scaled to variance σ_w²/N_{l−1}.

        The scaling is that of variance-scaling initialisers (1/0.8796 at cut = 2); biases are normal.
        """
        return cls("truncated_normal", sigma_w, sigma_b, options=(("cut", cut),))

    @classmethod
    def rademacher(cls, sigma_w: Any, sigma_b: Any = 0) -> Weights:
        """Return independent weights ±σ_w/√N_{l−1} with fair signs, and normal biases of variance σ_b²."""
        return cls("rademacher", sigma_w, sigma_b)

    @classmethod
    def sparse(cls, sigma_w: Any, sigma_b: Any = 0, density: Any = 0.1) -> Weights:
        """Return independent weights that are normal with probability `density`, else 0, of variance σ_w²/N_{l−1}."""
        return cls("sparse", sigma_w, sigma_b, options=(("density", density),))

    @classmethod
    def low_rank(cls, sigma_w: Any, sigma_b: Any = 0, rank: Any = 1, noise: Any = 0) -> Weights:
        """Return W = σ_w (√((1 − noise)/(rank N_{l−1})) U Vᵀ + √(noise/N_{l−1}) G), U, V, G standard normal.

        U is N_l × rank and V is N_{l−1} × rank; `noise` is the share of the variance σ_w²/N_{l−1} that the full-rank
        part G has, 0 ≤ noise ≤ 1.  Biases are normal.
        """
        return cls("low_rank", sigma_w, sigma_b, options=(("noise", noise), ("rank", rank)))

    @classmethod
    def given(cls, weights: Sequence[Any], biases: Sequence[Any] | None = None) -> Weights:
        """Return weights without chance: these matrices W_1..W_L, of shape (N_l, N_{l−1}), and biases b_1..b_L or none.

        Its sigma_w is the root mean square over the layers of what W_l's entries say, σ_w² = N_{l−1}·mean (W_l)_ij²,
        and so is sigma_b: a description, which no formula uses.  Raises InputError for arrays that are not finite
        numbers of matching shapes.
        """
        arrays = LayerArrays.of(weights, biases)
        for k, scales in enumerate(arrays.layer_scales, 1):
            for name, scale in zip(("sigma_w", "sigma_b"), scales, strict=True):
                standard_deviation(f"{name} of layer {k}, the root mean square of its entries,", scale)
        return cls("given", *arrays.scales, arrays=arrays)

    def tie(self) -> Weights:
        """Return these weights with one W and one b, drawn once, for all layers (which need the same width).

        >>> Weights.gaussian(1.2, 0.1).tie().tied
        True
        """
        return replace(self, tied=True)

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

    def option(self, name: str) -> float:
        """Return a number that the family needs besides its scales, such as "density"."""
        return float(dict(self.options)[name])

    @property
    def has_independent_layers(self) -> bool:
        """Return whether layers are independent, and their weights iid with finite variance or Haar matrices.

        What mean field and random matrix theory need.  Others than normal and Haar ones enter through their variance.
        """
        return self.family in (*INDEPENDENT, "orthogonal") and not self.tied

    @property
    def is_isotropic(self) -> bool:
        """Return whether a matrix turned on either side is distributed as before."""
        return self.family in ROTATION_INVARIANT

    @property
    def rotates(self) -> bool:
        """Return whether matrix and biases turned together are distributed as before: then none has to be drawn."""
        return self.is_isotropic and (self.bias_family == "gaussian" or self.sigma_b == 0)

    @property
    def acts_by_variance(self) -> bool:
        """Return whether the weights act like normal ones of the same variance, but only as the width grows."""
        return self.family in INDEPENDENT and self.family != "gaussian" and not self.tied

    @property
    def text(self) -> str:
        """Return the distribution's shape in words.

        >>> Weights.sparse(1, density=0.2).tie().text
        'tied sparse (density 0.2)'
        """
        numbers = ", ".join(f"{name} {float(value):g}" for name, value in self.options)
        words = self.family.replace("_", " ") + (f" ({numbers})" if numbers else "")
        return f"tied {words}" if self.tied else words

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description, in which given arrays are named by their digest."""
        spec: dict[str, Any] = {
            "weights": self.family,
            "sigma_w": str(self.sigma_w),
            "sigma_b": str(self.sigma_b),
            "bias": self.bias_family,
        }
        spec |= {"options": {name: str(value) for name, value in self.options}} if self.options else {}
        spec |= {"tied": True} if self.tied else {}
        return spec | ({"arrays": self.arrays.digest} if self.arrays else {})

    @classmethod
    def from_spec(
        cls, spec: Mapping[str, Any], symbols: Mapping[str, sp.Symbol], arrays: str | os.PathLike[str] | None = None
    ) -> Weights:
        """Return the weights that a :attr:`spec` describes; given arrays are read from the folder `arrays`.

        Raises InputError if they are not there or are not those.
        """
        with described("weights"):
            need_known(spec, "weights", WEIGHT_ENTRIES)
            laws = {**symbols, "fan_in": fan_in, "fan_out": fan_out}
            options = spec.get("options", {})
            return cls(
                text_of(spec, "weights"),  # type: ignore[arg-type]  # checked by the constructor
                read(text_of(spec, "sigma_w"), laws),
                read(text_of(spec, "sigma_b"), laws),
                spec["bias"],
                tuple((name, read(text_of(options, name), {})) for name in options),
                flag_of(spec, "tied"),
                LayerArrays.load(arrays, spec["arrays"]) if "arrays" in spec else None,
            )


def _option(name: str, value: Any) -> sp.Expr:
    """Return a number that a family needs besides its scales, if it is one that it may be."""
    accepted = {
        "cut": ("a number from 0.1 to 10", lambda x: 0.1 <= x <= 10),
        "density": ("a number from 1e-6 to 1", lambda x: 1e-6 <= x <= 1),
        "noise": ("a number from 0 to 1", lambda x: 0 <= x <= 1),
        "rank": (f"a whole number from 1 to {MAX_RANK:,}", lambda x: x.is_Integer and 1 <= x <= MAX_RANK),
    }
    text, holds = accepted[name]
    try:
        number = exact(value)
    except InputError:
        number = sp.nan
    if not (number.is_number and number.is_real and holds(number)):
        raise InputError(f"{name}", text, "it is a parameter of the weights' distribution", got=shown(value))
    return number


def _scale(name: str, value: Any) -> sp.Expr:
    if isinstance(value, float):
        standard_deviation(name, value)  # which shows it as it was written
    number = exact(value)
    if number.is_number:
        standard_deviation(name, number)
    elif number.is_extended_real is False or number.is_extended_negative:
        raise InputError(name, SCALES, "it is a standard deviation, e.g. 1.5", got=shown(value))
    return number
