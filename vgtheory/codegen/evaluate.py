"""φ, φ' and ln|φ'| of an activation with NumPy alone: for theory and quadrature, where nothing is worth compiling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from vgtheory.codegen.form import StableForm
from vgtheory.codegen.interpret import Array, run
from vgtheory.codegen.stabilise import stabilise
from vgtheory.symbolic.activation import Activation


@dataclass(frozen=True)
class Evaluator:
    """φ of one activation on float64 arrays of any shape: finite wherever the true value is, NaN for NaN."""

    origin: Activation
    form: StableForm

    def value(self, h: ArrayLike) -> Array:
        """Return φ(h)."""
        return run(self.form, h, "value")[0]

    def slope(self, h: ArrayLike) -> Array:
        """Return φ'(h); at a kink the derivative from the left."""
        return run(self.form, h, "slope")[0]

    def both(self, h: ArrayLike) -> tuple[Array, Array]:
        """Return φ(h) and φ'(h), whose common parts are worked out once."""
        value, slope = run(self.form, h, "value", "slope")
        return value, slope

    def log_slope(self, h: ArrayLike) -> Array:
        """Return ln|φ'(h)|, −inf where φ' = 0; right also where φ' itself underflows exponentially."""
        rest, exponent = run(self.form, h, "slope_rest", "slope_exponent")
        with np.errstate(all="ignore"):
            return np.log(np.abs(rest)) - exponent


@lru_cache(maxsize=256)
def evaluator(act: Activation) -> Evaluator:
    """Return the NumPy evaluator of an activation, made once per activation.

    Raises InputError for an activation with symbolic parameters, UnsupportedError for functions that have no code.

    >>> from vgtheory.symbolic.catalogue import activation
    >>> evaluator(activation("tanh")).log_slope([0.0, 1000.0])
    array([    0.        , -1998.61370564])
    """
    return Evaluator(act, stabilise(act))
