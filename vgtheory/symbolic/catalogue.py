"""The catalogue: every named activation is one row of data, with its parameters and where it comes from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from vgtheory._errors import InputError, UnknownNameError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.notation import x


@dataclass(frozen=True)
class Parameter:
    """A parameter of an activation: its symbol, default value, what is accepted, and where it usually lies."""

    symbol: sp.Symbol
    default: sp.Expr
    domain: sp.Set
    typical: tuple[float, float]


@dataclass(frozen=True)
class Entry:
    """A named activation: formula, parameters, a word on it, and its reference."""

    name: str
    expr: sp.Expr
    parameters: tuple[Parameter, ...] = ()
    reference: str = ""

    def __call__(self, **values: Any) -> Activation:
        """Return the activation; parameters not given take their defaults, a SymPy symbol keeps one symbolic."""
        known = {p.symbol.name: p for p in self.parameters}
        for key, value in values.items():
            if key not in known:
                names = ", ".join(known) or "none"
                raise InputError(f"parameter {key!r} of {self.name}", names, "drop it or correct the name")
            number = exact(value)
            if number.is_number and known[key].domain.contains(number) is not sp.true:
                raise InputError(f"{key} = {value}", f"a number in {known[key].domain}", f"e.g. {known[key].default}")
        chosen = {name: values.get(name, p.default) for name, p in known.items()}
        return Activation(self.expr, name=self.name, **chosen)


def _parameter(name: str, default: Any, domain: sp.Set, typical: tuple[float, float], **assumptions: bool) -> Parameter:
    return Parameter(sp.Symbol(name, real=True, **assumptions), sp.Rational(str(default)), domain, typical)


_POSITIVE = sp.Interval.open(0, sp.oo)
_alpha_leaky = _parameter("alpha", "0.01", sp.Interval(-10, 10), (0.0, 0.5))
_alpha_elu = _parameter("alpha", 1, _POSITIVE, (0.5, 2.0), positive=True)
# Klambauer et al. (2017): the pair that makes N(0, 1) a fixed point, to the digits that frameworks carry.
_SELU_SCALE = sp.Rational("1.0507009873554804934193349852946")
_SELU_ALPHA = sp.Rational("1.6732632423543772848170429916717")
_normal_cdf = (1 + sp.erf(x / sp.sqrt(2))) / 2
_a, _e = _alpha_leaky.symbol, _alpha_elu.symbol

_ENTRIES = (
    Entry("identity", x),
    Entry("sigmoid", 1 / (1 + sp.exp(-x))),
    Entry("tanh", sp.tanh(x)),
    Entry("erf", sp.erf(x)),
    Entry("sin", sp.sin(x), reference="sitzmann2020"),
    Entry("relu", sp.Piecewise((x, x > 0), (0, True)), reference="nair2010"),
    Entry("leaky_relu", sp.Piecewise((x, x > 0), (_a * x, True)), (_alpha_leaky,), "maas2013"),
    Entry("elu", sp.Piecewise((x, x > 0), (_e * (sp.exp(x) - 1), True)), (_alpha_elu,), "clevert2016"),
    Entry(
        "selu",
        sp.Piecewise((_SELU_SCALE * x, x > 0), (_SELU_SCALE * _SELU_ALPHA * (sp.exp(x) - 1), True)),
        reference="klambauer2017",
    ),
    Entry("gelu", x * _normal_cdf, reference="hendrycks2016"),
    Entry(
        "gelu_tanh",
        x / 2 * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (x + sp.Rational("0.044715") * x**3))),
        reference="hendrycks2016",
    ),
    Entry("silu", x / (1 + sp.exp(-x)), reference="ramachandran2017"),
    Entry("mish", x * sp.tanh(sp.log(1 + sp.exp(x))), reference="misra2019"),
    Entry("softplus", sp.log(1 + sp.exp(x)), reference="dugas2001"),
    Entry("hard_tanh", sp.Piecewise((-1, x < -1), (1, x > 1), (x, True))),
)


class Catalogue(Mapping[str, Entry]):
    """Read-only mapping from an activation's name to its factory."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self._entries = {e.name: e for e in entries}

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except KeyError:
            hint = "or write a formula in x, e.g. x/(1+exp(-x))"
            raise UnknownNameError.among("activation", str(name), self._entries, hint) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


catalogue: Mapping[str, Callable[..., Activation]] = Catalogue(_ENTRIES)


def activation(source: Activation | sp.Expr | str, **parameters: Any) -> Activation:
    """Return an Activation from a catalogue name, a formula string, a SymPy expression, or itself.

    A string that is one identifier looks up the catalogue (``"x"`` alone is the identity as a formula).

    >>> activation("leaky_relu", alpha=0.2).expr
    Piecewise((x, x > 0), (x/5, True))
    """
    if isinstance(source, Activation):
        if parameters:
            raise InputError("parameters with a finished Activation", "none", "give them when making it")
        return source
    if isinstance(source, str) and source.strip().isidentifier() and source.strip() not in ("x", "h"):
        return catalogue[source.strip()](**parameters)
    return Activation(source, **parameters)
