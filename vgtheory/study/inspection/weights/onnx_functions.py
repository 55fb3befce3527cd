"""Functions that an ONNX graph makes of primitive operators, as formulas: activations of the catalogue, norms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from operator import neg
from typing import Any

import numpy as np
import sympy as sp
from scipy.special import erf

from vgtheory.study.inspection.functions import PROBES, of_the_catalogue
from vgtheory.symbolic.catalogue import activation

Z = sp.Symbol("x", real=True)  # what goes in
MEAN = sp.Function("mean")  # over the components of a vector
_CLOSE = 1e-6  # constants in files have single precision
# What a formula from a file may have, so that none takes long: terms, exponents, arguments of known functions.
_MOST, _HIGHEST, _LARGEST = 60, 64, 500.0

# Operators of one argument that are activations of the catalogue, with their parameters' names here and there, and
# defaults there.
ACTIVATIONS: Mapping[str, tuple[str, tuple[tuple[str, str, float], ...]]] = {
    "Celu": ("celu", (("alpha", "alpha", 1.0),)),
    "Elu": ("elu", (("alpha", "alpha", 1.0),)),
    "Gelu": ("gelu", ()),
    "HardSwish": ("hard_swish", ()),
    "LeakyRelu": ("leaky_relu", (("alpha", "alpha", 0.01),)),
    "Mish": ("mish", ()),
    "PRelu": ("prelu", (("alpha", "slope", 0.25),)),
    "Relu": ("relu", ()),
    "Selu": ("selu", ()),
    "Sigmoid": ("sigmoid", ()),
    "Softplus": ("softplus", ()),
    "Softsign": ("softsign", ()),
    "Tanh": ("tanh", ()),
}
# Those with parameters that no activation of the catalogue has, as formulas of what goes in and of attributes.
FORMULAS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "HardSigmoid": lambda x, said: sp.Max(
        0, sp.Min(1, float(said.get("alpha", 0.2)) * x + float(said.get("beta", 0.5)))
    ),
}
# Operators that others are composed of: as formulas, and of numbers.
PRIMITIVES: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "Abs": (sp.Abs, np.abs),
    "Add": (lambda a, b: a + b, np.add),
    "Clip": (lambda a, low, high: sp.Min(sp.Max(a, low), high), np.clip),
    "Cos": (sp.cos, np.cos),
    "Div": (lambda a, b: a / b, np.divide),
    "Erf": (sp.erf, erf),
    "Exp": (sp.exp, np.exp),
    "Log": (sp.log, np.log),
    "Max": (sp.Max, np.maximum),
    "Min": (sp.Min, np.minimum),
    "Mul": (lambda a, b: a * b, np.multiply),
    "Neg": (neg, np.negative),
    "Pow": (lambda a, b: a**b, np.power),
    "Reciprocal": (lambda a: 1 / a, np.reciprocal),
    "Sin": (sp.sin, np.sin),
    "Sqrt": (sp.sqrt, np.sqrt),
    "Sub": (lambda a, b: a - b, np.subtract),
}
_E = sp.Wild("e", exclude=[Z])
# What a normalisation is, however its operators are chosen: products, powers and quotients have one form here.
NORMS: Mapping[str, Any] = {
    "layer": (Z - MEAN(Z)) / sp.sqrt(MEAN((Z - MEAN(Z)) ** 2) + _E),
    "rms": Z / sp.sqrt(MEAN(Z**2) + _E),
}
Named = tuple[str, tuple[tuple[str, float], ...]]


@dataclass(frozen=True)
class Formula:
    """A function of what goes in, as a formula of Z and by its values at the probes (NaN where it has means).

    `name` is what it is called where one operator makes it.
    """

    expr: Any
    values: tuple[float, ...]
    name: Named | None = None

    @property
    def bare(self) -> bool:
        """Return whether it is what goes in."""
        return bool(self.expr == Z)


BARE = Formula(Z, PROBES)


def constant(value: float) -> Formula | None:
    """Return a number of a file, halves exactly so that powers simplify; None if it is not finite."""
    if not isfinite(value):
        return None
    halves = float(4 * value).is_integer() and abs(value) < 1e6
    return Formula(sp.Rational(value) if halves else sp.Float(float(value)), (float(value),) * len(PROBES))


def mean_of(inside: Formula) -> Formula:
    """Return the mean over the components."""
    return Formula(MEAN(inside.expr), (float("nan"),) * len(PROBES))


def composed(operator: str, attributes: Mapping[str, Any], arguments: Sequence[Formula]) -> Formula | None:
    """Return an operator of formulas as one; None of an operator that is none of these, or where it grows too long."""
    if operator in FORMULAS:
        return _formula(FORMULAS[operator](Z, attributes), arguments[0])
    return _composed(operator, named(operator, attributes) if operator in ACTIVATIONS else None, tuple(arguments))


def _formula(outer: Any, inner: Formula) -> Formula | None:
    """Return a formula of a formula; None where it grows too long, or what is given to it does."""
    expr = outer.subs(Z, inner.expr)
    if expr.count_ops() > _MOST or not all(abs(value) <= _LARGEST for value in inner.values):
        return None
    return Formula(expr, tuple(float(outer.subs(Z, value).evalf()) for value in inner.values))


@lru_cache(2**12)
def _composed(operator: str, name: Named | None, arguments: tuple[Formula, ...]) -> Formula | None:
    first = arguments[0]
    if name is not None:
        if not all(abs(value) <= _LARGEST for value in first.values):
            return None
        known = activation(name[0], **dict(name[1]))
        expr = known.expr.subs(known.symbol, first.expr)
        values = tuple(float(known.expr.subs(known.symbol, value).evalf()) for value in first.values)
    elif operator in PRIMITIVES and len(arguments) == _arity(operator):
        symbolic, numeric = PRIMITIVES[operator]
        if operator == "Pow" and not (arguments[1].expr.is_number and abs(arguments[1].expr) <= _HIGHEST):
            return None
        expr = symbolic(*(argument.expr for argument in arguments))
        with np.errstate(all="ignore"):
            values = tuple(numeric(*(np.array(argument.values) for argument in arguments)).tolist())
    else:
        return None
    high = any(abs(power.exp) > _HIGHEST for power in expr.atoms(sp.Pow) if power.exp.is_number)
    if high or expr.count_ops() > _MOST or expr.has(sp.nan, sp.zoo, sp.oo):
        return None
    return Formula(expr, values, name if first.bare else None)


def _arity(operator: str) -> int:
    return {"Clip": 3}.get(operator, 2 if operator in _BINARY else 1)


_BINARY = ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub")


def named(operator: str, attributes: Mapping[str, Any]) -> Named:
    """Return the activation that an operator is, and its parameters."""
    name, parameters = ACTIVATIONS[operator]
    rough = operator == "Gelu" and attributes.get("approximate") in (b"tanh", "tanh")
    values = tuple((ours, float(attributes.get(theirs, default))) for ours, theirs, default in parameters)
    return "gelu_tanh" if rough else name, values


@lru_cache(2**12)
def function_of(formula: Formula) -> Named | None:
    """Return the activation that a formula is; None of a constant, of what goes in, or where there are means in it.

    One that is not in the catalogue is named by its formula.
    """
    if formula.name is not None:
        return formula.name
    if formula.bare or formula.expr.free_symbols != {Z} or not all(map(isfinite, formula.values)):
        return None
    known = of_the_catalogue("", formula.values, _CLOSE)
    return (str(formula.expr) if known is None else known.name, ())


@lru_cache(2**12)
def norm_of(formula: Formula) -> tuple[str, float] | None:
    """Return the kind of norm that a formula is, and its eps; None if it is none."""
    if not formula.expr.has(MEAN):
        return None
    for kind, pattern in NORMS.items():
        found = formula.expr.match(pattern)
        if found is not None and 0 <= found[_E] < 1:
            return kind, float(found[_E])
    return None
