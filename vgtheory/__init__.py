"""Will the gradient of this deep network vanish or explode, why, and what has to change?

The symbolic half (activations, derivation, bounds) loads with the package; the numeric half (code generation,
simulation, spectra, reports) loads at first use, so that ``import vgtheory`` stays close to ``import sympy``.
"""

from importlib import import_module
from typing import Any

from vgtheory._errors import VgtheoryError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.formula import Formula

__version__ = "0.1.0"

# Public name -> module that defines it; loaded at first use.
_LAZY: dict[str, str] = {}

__all__ = [  # noqa: RUF022 - the order of the story: declare, derive, predict, run, explain
    "Activation",
    "activation",
    "catalogue",
    "Weights",
    "Network",
    "Formula",
    "VgtheoryError",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'vgtheory' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
