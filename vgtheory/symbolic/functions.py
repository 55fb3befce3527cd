"""The functions that a formula may call, under the names that mathematics, Python and frameworks give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from vgtheory.symbolic.catalogue_rows import ROWS

FUNCTIONS: dict[str, Callable[..., sp.Expr]] = {
    "exp": sp.exp,
    "log": sp.log,
    "ln": sp.log,
    "sqrt": sp.sqrt,
    "sin": sp.sin,
    "cos": sp.cos,
    "tan": sp.tan,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "tanh": sp.tanh,
    "sech": lambda t: 1 / sp.cosh(t),
    "atan": sp.atan,
    "arctan": sp.atan,
    "asinh": sp.asinh,
    "erf": sp.erf,
    "erfc": sp.erfc,
    "abs": sp.Abs,
    "Abs": sp.Abs,
    "sign": sp.sign,
    "Heaviside": sp.Heaviside,
    "min": sp.Min,
    "max": sp.Max,
    "Min": sp.Min,
    "Max": sp.Max,
    "sigmoid": lambda t: 1 / (1 + sp.exp(-t)),
    "softplus": lambda t: sp.log(1 + sp.exp(t)),
    "relu": lambda t: sp.Max(t, 0),
    "normal_cdf": lambda t: (1 + sp.erf(t / sp.sqrt(2))) / 2,
}
VARIADIC = 4  # the most arguments of min and max


@dataclass(frozen=True)
class Function:
    """A function of formulas: what it makes of its arguments, the first `required` of which must be given.

    Parameters
    ----------
    apply : from the arguments, None for one that is left out, to the expression.
    names : the names, in any framework, of each argument; none for one that is only given by its place.
    """

    apply: Callable[..., sp.Expr]
    names: tuple[tuple[str, ...], ...] = ((),)
    required: int = 1


def _clamp(t: sp.Expr, lo: sp.Expr | None = None, hi: sp.Expr | None = None) -> sp.Expr:
    above = t if lo is None else sp.Max(t, lo)
    return above if hi is None else sp.Min(above, hi)


def _logarithm(base: int) -> Function:
    return Function(lambda t: sp.log(t) / sp.log(base))


_PLACES = (("input", "features"),)
_TWO = (("input",), ("other",))
_CLAMP = Function(
    _clamp,
    (*_PLACES, ("min", "a_min", "clip_value_min", "lo"), ("max", "a_max", "clip_value_max", "hi")),
)
_EXTREMES = {name: Function(f, ((),) * VARIADIC) for name, f in FUNCTIONS.items() if name.lower() in ("min", "max")}
# What frameworks call otherwise, or have beyond the functions above.
_FRAMEWORKS = {
    "absolute": Function(sp.Abs),
    "fabs": Function(sp.Abs),
    "arcsinh": Function(sp.asinh),
    "sgn": Function(sp.sign),
    "expit": Function(FUNCTIONS["sigmoid"]),
    "ndtr": Function(FUNCTIONS["normal_cdf"]),
    "expm1": Function(lambda t: sp.exp(t) - 1),
    "log1p": Function(lambda t: sp.log(1 + t)),
    "log2": _logarithm(2),
    "log10": _logarithm(10),
    "square": Function(lambda t: t**2),
    "rsqrt": Function(lambda t: 1 / sp.sqrt(t)),
    "reciprocal": Function(lambda t: 1 / t),
    "negative": Function(lambda t: -t),
    "neg": Function(lambda t: -t),
    "maximum": Function(sp.Max, _TWO, 2),
    "fmax": Function(sp.Max, _TWO, 2),
    "minimum": Function(sp.Min, _TWO, 2),
    "fmin": Function(sp.Min, _TWO, 2),
    "logaddexp": Function(lambda a, b: sp.log(sp.exp(a) + sp.exp(b)), _TWO, 2),
    "clamp": _CLAMP,
    "clip": _CLAMP,
    "clip_by_value": _CLAMP,
}
_FURTHER_NAMES = {"alpha": ("negative_slope",)}
_ROWS = {
    name: Function(
        row.of, (*_PLACES, *((p.symbol.name, *_FURTHER_NAMES.get(p.symbol.name, ())) for p in row.parameters))
    )
    for row in ROWS
    for name in (row.name, *row.aliases)
}
_PLAIN = {name: Function(f, _PLACES) for name, f in FUNCTIONS.items()}
KNOWN = {**_ROWS, **_PLAIN, **_EXTREMES, **_FRAMEWORKS, "softplus": _ROWS["softplus"]}
_SPELLINGS = {name.lower().replace("_", ""): name for name in (*_FRAMEWORKS, *_ROWS, *FUNCTIONS)}


def known_name(name: str) -> str | None:
    """Return the name of a function as written here: ``SiLU`` and ``silu`` are one; None for what is no function."""
    return name if name in KNOWN else _SPELLINGS.get(name.lower().replace("_", "")) if len(name) > 1 else None
