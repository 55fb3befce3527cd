"""Names for what a formula says more than once: ``f ln(f/a) + …, a = erfc(…)`` instead of three times the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import sympy as sp

from vgtheory.symbolic.enclosed import Enclosed

LEAST = 4  # operations of a part that is worth a name
SHORTHANDS = ("a", "b", "u", "y")  # letters that stand for nothing else in the package
INTEGRAL = "m"


def named(expr: sp.Basic) -> tuple[sp.Basic, tuple[tuple[sp.Symbol, sp.Expr], ...]]:
    """Return `expr` with names for its long repeated parts, and what each name stands for, in order of first need.

    >>> from vgtheory.symbolic.notation import eps
    >>> part = sp.erfc(sp.acosh(1 / (2 * sp.sqrt(eps))))
    >>> named(sp.log(part) + sp.log(1 - part))
    (log(a) + log(1 - a), ((a, erfc(acosh(1/(2*sqrt(eps))))),))
    """
    used = {s.name for s in expr.atoms(sp.Symbol)}
    free = [name for name in (*SHORTHANDS, INTEGRAL) if name not in used]
    found: list[tuple[sp.Symbol, sp.Expr]] = []
    while free and (part := _longest_repeated(expr)) is not None:
        name = free.pop(-1 if isinstance(part, Enclosed) and INTEGRAL in free else 0)
        symbol = sp.Symbol(name, real=True)
        expr = expr.xreplace({part: symbol})
        found.append((symbol, part))
    return expr, tuple(found)


def _longest_repeated(expr: sp.Basic) -> sp.Expr | None:
    """Return the part without bound variables whose name saves most operations, None where none saves enough."""
    counts = Counter(_parts(expr))
    size = {p: int(p.count_ops()) + LEAST * isinstance(p, Enclosed) for p, count in counts.items() if count > 1}
    worth = [part for part in size if size[part] >= LEAST]
    return max(worth, key=lambda part: ((counts[part] - 1) * size[part], str(part)), default=None)


def _parts(expr: sp.Basic) -> Iterator[sp.Expr]:
    """Yield the parts that are neither atoms nor numbers and hold no bound variable."""
    free = expr.free_symbols
    for part in sp.preorder_traversal(expr):
        if isinstance(part, sp.Expr) and part.args and part.free_symbols and part.free_symbols <= free:
            yield part
