"""Sizes and scales of networks as numbers or symbols, and sizes of studies, checked."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
import sympy as sp

from vgtheory._errors import InputError, shown
from vgtheory.symbolic.formula import exact

MAX_DEPTH = 10**7
MAX_WIDTH = 10**6
MAX_SAMPLES = 10**7
MAX_SEED = 2**64 - 1
LOG_DOUBLE = 700.0  # |ln| up to which a number is a normal double
# Beyond, σ⁴ and with it the spread of a variance leaves the range of doubles.
SMALLEST_SCALE, LARGEST_SCALE = 1e-60, 1e60
ENTRIES = frozenset({"width", "depth", "skip", "norm", "dropout"})  # of a network's description, beside φ and weights
SCALES = f"0, or a finite number from {SMALLEST_SCALE:g} to {LARGEST_SCALE:g}"


def size(name: str, value: Any, most: int) -> sp.Expr:
    """Return a whole number from 1 to `most`, or a symbolic size; raise InputError for anything else."""
    if isinstance(value, sp.Expr) and not value.is_number:
        return value
    found = exact(value) if isinstance(value, (int, sp.Expr)) or getattr(value, "shape", None) == () else None
    if found is None or not found.is_Integer or not 1 <= found <= most:
        raise InputError(f"{name}", f"a whole number from 1 to {most:,}", f"e.g. {name}=100", got=shown(value))
    return found


def whole_number(name: str, value: Any, least: int, most: int, example: str) -> int:
    """Return the value as an int; raise InputError unless it is a whole number from `least` to `most`."""
    try:
        number = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise InputError(name, f"a whole number from {least} to {most:,}", f"e.g. {name}={example}", got=shown(value))
    return number


def several_widths(value: Any) -> tuple[int, ...] | None:
    """Return the widths N_0..N_L of a sequence or array of whole numbers; None for one width.

    >>> several_widths(np.array([8, 16])), several_widths(8)
    ((8, 16), None)
    """
    listed = isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes))
    if not listed or getattr(value, "shape", None) == ():
        return None
    return tuple(int(plain_size("width", n, MAX_WIDTH)) for n in value)


def standard_deviation(name: str, value: Any) -> float:
    """Return σ as a double; raise InputError unless it is 0 or of a size whose fourth power is a double.

    >>> standard_deviation("sigma_w", 1e-200)
    Traceback (most recent call last):
    vgtheory._errors.InputError: sigma_w must be 0, or a finite number from 1e-60 to 1e+60 (got 1e-200); it is a \
standard deviation, e.g. 1.5
    """
    real = isinstance(value, (int, float, np.number, sp.Expr)) and not isinstance(value, (bool, complex))
    try:
        sigma = float(value) if real else float("nan")
    except (OverflowError, TypeError):  # whole numbers beyond doubles; symbols
        sigma = float("nan")
    # What is not 0 is not to become 0 as a double.
    if not (isfinite(sigma) and (not value or SMALLEST_SCALE <= sigma <= LARGEST_SCALE)):
        raise InputError(name, SCALES, "it is a standard deviation, e.g. 1.5", got=shown(value))
    return sigma


def number(name: str, value: sp.Expr) -> float:
    """Return the number; raise InputError while it is symbolic, and for sizes that no scale may have."""
    if value.free_symbols:
        raise InputError(f"{name}", "a number", "substitute numbers for its symbols", got=shown(value))
    if value and not SMALLEST_SCALE <= abs(float(value)) <= LARGEST_SCALE:
        raise InputError(
            name, f"0, or of a size {SCALES.removeprefix('0, or a finite number ')}", "choose another", got=shown(value)
        )
    return float(value)


def plain_size(name: str, value: Any, most: int) -> sp.Expr:
    """Return a whole number from 1 to `most`; raise InputError for anything else, symbols too."""
    found = size(name, value, most)
    if not found.is_number:
        raise InputError(name, "a number", f"e.g. {name}=64; formulas are for dense layers", got=f"{found}")
    return found


def to_shape(tokens: Any, shape: Any) -> tuple[int, ...]:
    """Return the shape of a map of positions, or of a row of tokens; (1,) where neither is given.

    Raises InputError for both, and for what are not one or two whole numbers.
    """
    if tokens is not None:
        if shape is not None:
            raise InputError("tokens and shape together", "one of them", "tokens=T is shape=(T,)")
        return (int(plain_size("tokens", tokens, MAX_WIDTH)),)
    if shape is None:
        return (1,)
    if not isinstance(shape, (tuple, list)) or not 1 <= len(shape) <= 2:
        raise InputError("shape", "one or two numbers of positions", "e.g. shape=(28, 28)", got=f"{shape!r}"[:60])
    return tuple(int(plain_size("shape", n, MAX_WIDTH)) for n in shape)
