"""What a layer has besides weights and an activation: a skip connection, a normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sympy as sp

from vgtheory._errors import InputError, shown
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.notation import depth as depth_symbol
from vgtheory.symbolic.parser import read
from vgtheory.symbolic.specification import need_known

NormKind = Literal["layer", "rms", "batch"]
Place = Literal["before", "after"]
NORMS = tuple(kind + place for kind in get_args(NormKind) for place in ("", "-after") if kind + place != "batch-after")


@dataclass(frozen=True)
class Skip:
    """x_l = x_{l−1} + a y_l with y_l = φ(h_l) (one matrix), or y_l = W'_l φ(h_l) (two matrices).

    Parameters
    ----------
    scale : a, a number, or an expression (SymPy or a string) in which ``depth`` stands for L; 0 is allowed, what
        branches that are learned from zero have at initialisation.
    matrices : 1 or 2 per branch.  W'_l is square with independent normal entries of variance sigma_w²/N.
    sigma_w : scale of W'_l; of no meaning with one matrix.

    Examples
    --------
    >>> Skip("1/sqrt(depth)").at(100)
    1/10
    """

    scale: sp.Expr
    matrices: int = 1
    sigma_w: sp.Expr = sp.S.One

    def __post_init__(self) -> None:
        if self.matrices not in (1, 2) or isinstance(self.matrices, bool):
            raise InputError("matrices", "1 or 2", "2 adds W'_l behind the activation", got=f"{self.matrices!r}")
        object.__setattr__(self, "scale", _real("scale of a skip connection", self.scale))
        sigma_w = _real("sigma_w of a skip connection", self.sigma_w)
        if sigma_w.is_negative:
            raise InputError(
                "sigma_w", "at least 0", "it is a standard deviation", got=f"{sigma_w} in a skip connection"
            )
        object.__setattr__(self, "sigma_w", sigma_w if self.matrices == 2 else sp.Integer(1))

    def at(self, depth: Any) -> sp.Expr:
        """Return a for a network of this depth."""
        value = self.scale.subs(depth_symbol, depth)
        if value.is_number and not (value.is_real and value.is_finite):
            raise InputError(f"a skip connection of scale {self.scale} at depth {depth}", "a real number", "change it")
        return value

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description."""
        spec: dict[str, Any] = {"scale": str(self.scale), "matrices": self.matrices}
        return spec | ({"sigma_w": str(self.sigma_w)} if self.matrices == 2 else {})

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], symbols: Mapping[str, sp.Symbol]) -> Skip:
        """Return the skip connection that a :attr:`spec` describes."""
        need_known(spec, "a skip connection", frozenset({"scale", "matrices", "sigma_w"}))
        known = {**symbols, "depth": depth_symbol}
        return cls(read(spec["scale"], known), spec["matrices"], read(spec.get("sigma_w", "1"), known))


@dataclass(frozen=True)
class Norm:
    """Normalisation of a vector v of N numbers: (v − m)/√(s² + eps), before the activation or after it.

    "layer": m the mean and s² the mean square deviation of v's numbers (Ba et al. (2016)); "rms": m = 0 and s² their
    mean square (Zhang & Sennrich (2019)); "batch": m and s² of each number over a batch of inputs (Ioffe & Szegedy
    (2015)).  No learned gain and shift: at initialisation they are 1 and 0.  Where s² + eps = 0 the result is 0 and no
    gradient passes.

    Parameters
    ----------
    kind : "layer", "rms" or "batch".
    place : "before", φ(norm(h_l)), or "after", norm(φ(h_l)).
    eps : added to the variance.  0 by default, so that laws of homogeneous networks are exact; frameworks take 1e-5.

    Examples
    --------
    >>> Norm("layer", place="after").place
    'after'
    """

    kind: NormKind
    place: Place = "before"
    eps: sp.Expr = sp.S.Zero

    def __post_init__(self) -> None:
        named = isinstance(self.kind, str) and isinstance(self.place, str)
        if not named or self.kind not in get_args(NormKind) or self.place not in get_args(Place):
            raise InputError(
                f"Norm({self.kind!r}, {self.place!r})", "layer, rms or batch, before or after", "e.g. Norm('rms')"
            )
        if self.kind == "batch" and self.place == "after":
            raise InputError("batch normalisation after the activation", "before it", "use norm='batch'")
        eps = _real("eps of a normalisation", self.eps)
        if not eps.is_number or eps < 0:
            raise InputError("eps", "a number of at least 0", "e.g. eps=1e-5", got=f"{self.eps} in a normalisation")
        object.__setattr__(self, "eps", eps)

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description."""
        return {"kind": self.kind, "place": self.place, "eps": str(self.eps)}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Norm:
        """Return the normalisation that a :attr:`spec` describes."""
        need_known(spec, "a normalisation", frozenset({"kind", "place", "eps"}))
        return cls(spec["kind"], spec["place"], read(spec["eps"], {}))


def to_skip(value: Any) -> Skip | None:
    """Return the skip connection that an argument stands for: None, a Skip, or its scale."""
    return value if value is None or isinstance(value, Skip) else Skip(value)


def to_norm(value: Any) -> Norm | None:
    """Return the normalisation that an argument stands for: None, a Norm, or its name.

    >>> to_norm("rms-after")
    Norm(kind='rms', place='after', eps=0)
    """
    if value is None or isinstance(value, Norm):
        return value
    if not isinstance(value, str) or value not in NORMS:
        raise InputError("norm", "None, a Norm or one of " + ", ".join(NORMS), "e.g. norm='layer'", got=f"{value!r}")
    kind, _, place = value.partition("-")
    return Norm(kind, place or "before")  # type: ignore[arg-type]


def to_dropout(value: Any) -> sp.Expr | None:
    """Return the rate of dropout that an argument stands for; None for 0, which drops nothing."""
    if value is None:
        return None
    rate = _real("dropout", value)
    if rate.is_number and not 0 <= rate < 1:
        raise InputError("dropout", "a rate p with 0 <= p < 1", "e.g. dropout=0.1", got=shown(value))
    return None if rate == 0 else rate


def _real(name: str, value: Any) -> sp.Expr:
    """Return a real number or expression, in which every symbol named depth is L."""
    if isinstance(value, str):
        return read(value, {"depth": depth_symbol})
    number = exact(value)
    number = number.subs({s: depth_symbol for s in number.free_symbols if s.name == "depth"})
    if number.is_extended_real is False or (number.is_number and not (number.is_real and number.is_finite)):
        raise InputError(
            f"{name}", "a real number or an expression in depth", "e.g. 0.5 or '1/sqrt(depth)'", got=shown(value)
        )
    return number
