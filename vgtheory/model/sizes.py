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
