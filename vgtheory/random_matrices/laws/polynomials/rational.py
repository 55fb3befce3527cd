"""Rationals and integer polynomials in flint's types."""

from collections.abc import Sequence

from flint import arb, arb_poly, ctx, fmpq, fmpz, fmpz_poly

BITS = 192  # of balls


def dyadic(ball: arb) -> fmpq:
    """Return the middle of a ball exactly."""
    mantissa, exponent = ball.mid().man_exp()
    return fmpq(int(mantissa)) * fmpq(2) ** int(exponent)


def in_z(factor: object) -> fmpz_poly:
    """Return a polynomial in z alone, of several generators, with integer coefficients."""
    rows = {key[0]: c for key, c in factor.to_dict().items()}  # type: ignore[attr-defined]
    return fmpz_poly(integers([rows.get(k, fmpq(0)) for k in range(max(rows) + 1)]))


def integers(values: list[fmpq]) -> list[int]:
    """Return the values times their common denominator."""
    common = 1
    for v in values:
        common *= int(v.q) // int(fmpz(common).gcd(v.q))
    return [int(v.p) * (common // int(v.q)) for v in values]


def shifted(row: fmpz_poly, place: fmpq) -> list[fmpq]:
    """Return the coefficients of row(place + t)."""
    out = [fmpq(0)]
    for c in reversed(row.coeffs()):
        out = [place * a + b for a, b in zip([*out, fmpq(0)], [fmpq(0), *out], strict=True)]
        out[0] += c
    return out


def in_doubles(rows: Sequence[fmpz_poly], place: arb) -> list[list[float]]:
    """Return the coefficients of row(place + u), highest first, as doubles in units of the largest of all.

    What may vanish as far as the ball of the place tells is exactly 0.
    """
    with ctx.workprec(BITS):
        found = [arb_poly(row)(arb_poly([place, 1])).coeffs() for row in rows]
        unit = max((abs(c.mid()) for row in found for c in row), key=float)
        return [[0.0 if c.contains(0) else float(c.mid() / unit) for c in reversed(row)] or [0.0] for row in found]


def rational(x: float) -> fmpq:
    """Return a finite double exactly."""
    return fmpq(*x.as_integer_ratio())


def residues(rows: list[fmpz_poly], place: fmpq) -> list[tuple[float, fmpq | None]]:
    """Return what the mass of an atom can be: the real roots M of the lowest order of P(place + t, M/t) in t.

    `rows` are the polynomials in z that stand with G⁰, G¹, …; rational roots come exactly as well.
    """
    orders: dict[int, dict[int, fmpq]] = {}
    for j, row in enumerate(rows):
        for i, c in enumerate(shifted(row, place)):
            if c != 0:
                orders.setdefault(i - j, {})[j] = c
    lowest = orders[min(orders)]
    poly = fmpz_poly(integers([lowest.get(j, fmpq(0)) for j in range(max(lowest) + 1)]))
    with ctx.workprec(BITS):
        return [
            (float(r.real.mid()), fmpq(-int(part[0]), int(part[1])) if part.degree() == 1 else None)
            for part, _ in poly.factor()[1]
            for r, _ in part.complex_roots()
            if r.imag == 0
        ]
