"""For which values of a symbol a law has how many bands: a phase diagram of the support that is proved.

Bands begin and end at real zeros z of D, the discriminant of P(z, G; θ) in G times its leading coefficient.  While θ
moves without two zeros of D meeting or leaving to infinity, every real root G between two of them stays a simple real
one and every complex one complex, so that the bands keep their number.  Zeros meet, or leave, only where a
discriminant, a resultant or a leading coefficient of the factors of D in z vanishes: finitely many θ, which are
isolated by balls.  One value between each two of them decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import sympy as sp
from flint import Ordering, ctx, fmpq, fmpq_mpoly, fmpq_mpoly_ctx, fmpz_poly

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices.arguments import finite
from vgtheory.random_matrices.laws.polynomials.law import AlgebraicLaw
from vgtheory.random_matrices.laws.polynomials.rational import dyadic, integers
from vgtheory.random_matrices.laws.polynomials.terms import G, Z, rational_of
from vgtheory.symbolic.formula import exact

_BITS = 192


@dataclass(frozen=True)
class BandPhase:
    """An open interval of a symbol's values, and the number of bands that the law has for all of them."""

    low: float
    high: float
    bands: int


def band_phases(law: AlgebraicLaw, low: float, high: float) -> tuple[BandPhase, ...]:
    """Return how many bands a law with one symbol has for all values between two, which is proved; neighbours differ.

    Parameters
    ----------
    law : from :func:`algebraic`, sums, products, …, with exactly one symbol.
    low, high : the values to look between; ends themselves are left out.

    Raises
    ------
    InputError : not exactly one symbol, or not low < high.
    UnsupportedError : a zero of the discriminant that no value of the symbol moves off another one.

    Examples
    --------
    >>> from vgtheory import laws
    >>> atoms = laws.algebraic("(z**2 - t**2)*G - z")  # ±t, and a semicircle of variance 1 added
    >>> [(phase.low, phase.high, phase.bands) for phase in band_phases(atoms + laws.semicircle(), 0.5, 2)]
    [(0.5, 1.0, 1), (1.0, 2.0, 2)]
    """
    if not isinstance(law, AlgebraicLaw) or len(law.equation.symbols) != 1:
        found = ", ".join(map(str, law.equation.symbols)) if isinstance(law, AlgebraicLaw) else f"{law!r}"[:60]
        hint = 'e.g. laws.algebraic("c*z*G**2 - (z - 1 + c)*G + 1")'
        raise InputError("law", "an algebraic law with exactly one symbol", hint, got=found or "none")
    first, last = (rational_of(exact(finite(name, v))) for name, v in (("low", low), ("high", high)))
    if first >= last:
        raise InputError("high", f"a number above low = {low:g}", f"give high={low + 1:g}", got=f"{high:g}")
    (symbol,) = law.equation.symbols
    marks = [first, *_turning(law, symbol, first, last), last]
    out: list[BandPhase] = []
    for a, b in pairwise(marks):
        count = len(law.at(**{str(symbol): _between(a, b)}).bands)
        if out and out[-1].bands == count:
            out[-1] = BandPhase(out[-1].low, _float(b), count)
        else:
            out.append(BandPhase(_float(a), _float(b), count))
    return tuple(out)


def _between(low: fmpq, high: fmpq) -> sp.Rational:
    """Return a number between two, a double where one is."""
    short, middle = fmpq(*_float((low + high) / 2).as_integer_ratio()), (low + high) / 2
    found = short if low < short < high else middle
    return sp.Rational(int(found.p), int(found.q))


def _float(value: fmpq) -> float:
    return int(value.p) / int(value.q)


def _turning(law: AlgebraicLaw, symbol: sp.Symbol, low: fmpq, high: fmpq) -> list[fmpq]:
    """Return the symbol's values inside at which zeros of D meet or leave, ascending, each the middle of its ball."""
    space = fmpq_mpoly_ctx.get(("z", "G", "t"), Ordering.lex)
    poly = sp.Poly(law.equation.expr, Z, G, symbol, domain="QQ")
    curve = space.from_dict({key: rational_of(c) for key, c in poly.rep.to_sympy_dict().items()})
    degree = law.equation.degree
    lead = space.from_dict({(i, 0, k): c for (i, j, k), c in curve.to_dict().items() if j == degree})
    parts: dict[str, fmpq_mpoly] = {}
    for whole in (curve.discriminant("G"), lead) if degree > 1 else (lead,):
        for factor, _ in whole.factor()[1]:
            parts[str(factor)] = factor
    moving = [factor for factor in parts.values() if factor.degrees()[0]]
    conditions = [factor for factor in parts.values() if not factor.degrees()[0]]
    for factor in moving:
        top = factor.degrees()[0]
        conditions.append(space.from_dict({(0, 0, k): c for (i, _, k), c in factor.to_dict().items() if i == top}))
        if top > 1:
            conditions.append(factor.discriminant("z"))
    conditions += [one.resultant(two, "z") for one, two in combinations(moving, 2)]
    roots: dict[str, fmpz_poly] = {}
    for condition in conditions:
        if not condition:
            raise UnsupportedError("zeros of this law's discriminant coincide for all values of the symbol")
        for factor, _ in condition.factor()[1]:
            if factor.degrees()[2]:
                roots[str(factor)] = _in_symbol(factor)
    found = []
    with ctx.workprec(_BITS):
        for row in roots.values():
            exactly = fmpq(-int(row[0]), int(row[1])) if row.degree() == 1 else None
            balls = [root.real for root, _ in row.complex_roots() if root.imag == 0]
            found += [exactly] if exactly is not None else [dyadic(ball) for ball in balls]
    return sorted(value for value in found if low < value < high)


def _in_symbol(factor: fmpq_mpoly) -> fmpz_poly:
    rows = {key[2]: c for key, c in factor.to_dict().items()}
    return fmpz_poly(integers([rows.get(k, fmpq(0)) for k in range(max(rows) + 1)]))
