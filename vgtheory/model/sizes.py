"""Sizes and scales of networks as numbers or symbols, checked."""

from __future__ import annotations

from typing import Any

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.symbolic.formula import exact

MAX_DEPTH = 10**7
MAX_WIDTH = 10**6


def size(name: str, value: Any, most: int) -> sp.Expr:
    """Return a whole number from 1 to `most`, or a symbolic size; raise InputError for anything else."""
    if isinstance(value, sp.Expr) and not value.is_number:
        return value
    found = exact(value) if isinstance(value, (int, sp.Expr)) or hasattr(value, "item") else None
    if found is None or not found.is_Integer or not 1 <= found <= most:
        raise InputError(f"{name}", f"a whole number from 1 to {most:,}", f"e.g. {name} = 100", got=f"{value}")
    return found


def number(name: str, value: sp.Expr) -> float:
    """Return the number; raise InputError while it is symbolic."""
    if value.free_symbols:
        raise InputError(f"{name}", "a number", "substitute numbers for its symbols", got=f"{value}")
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
