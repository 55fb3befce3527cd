"""Discs that hold exactly one root G of Σ c_ij zⁱ Gʲ = 0 for every z near a place.

With P(z + u, c + v) = Σ a_ij uⁱ vʲ and |Σ_{ij ≠ 01} a_ij uⁱ vʲ| < |a_01| r for |u| ≤ ρ, |v| = r exactly one root lies
within r of c for every z within ρ (Rouché).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb, inf, isfinite

from flint import acb, acb_poly, fmpz_poly

LEAST = 2.0**-120  # radius of the smallest disc relative to G
UP = 1 + 1e-9  # what covers the rounding of doubles in bounds
_NEWTON = 8


@dataclass(frozen=True)
class Discs:
    """Discs around roots G of an equation.

    Parameters
    ----------
    rows : the integer polynomials in z that stand with G⁰, G¹, …
    smallest : radius of the smallest disc around 0.
    """

    rows: tuple[fmpz_poly, ...]
    smallest: float

    @cached_property
    def _rows(self) -> list[acb_poly]:
        return [acb_poly(row) for row in self.rows]

    @cached_property
    def _floats(self) -> list[list[float]]:
        unit = max(abs(int(c)) for row in self.rows for c in row.coeffs())
        return [[int(c) / unit for c in reversed(row.coeffs())] for row in self.rows]

    def polished(self, z: acb, g: acb, beside: bool = False) -> acb:
        """Return the root next to g by Newton's method, in doubles first unless `beside` another root."""
        guess = inf if beside else root_near(self._floats, complex(z), complex(g))
        g = acb(guess) if isfinite(abs(guess)) else g
        for _ in range(_NEWTON):
            value, slope = acb(0), acb(0)
            for row in reversed(self._rows):
                slope = slope * g + value
                value = value * g + row(z)
            new = middle(g - value / slope)
            moved, g = complex(new - g), new
            if abs(moved) <= 1e-20 * abs(complex(new)):  # the next step would move by the square
                break
        return g

    def least(self, g: acb) -> float:
        """Return the radius of the smallest disc around g."""
        return LEAST * abs(complex(g)) + self.smallest

    def _sizes(self, z: acb, g: acb) -> list[list[float]]:
        """Return upper bounds of |a_ij| at z and g, a row of i for each j, but of a_01 a lower one."""
        local = [row(acb_poly([z, 1])) for row in self._rows]
        out = []
        for j in range(len(local)):  # divided derivatives in G, by Horner's scheme
            total = acb_poly([0])
            for k in range(len(local) - 1, j - 1, -1):
                total = total * g + comb(k, j) * local[k]
            out.append([float(abs(c).abs_upper()) * UP for c in total.coeffs()] or [0.0])
            if j == 1:
                out[1][0] = float(abs(total[0]).abs_lower()) / UP
        return out

    def radius(self, z: acb, g: acb, reach: float, least: float) -> float | None:
        """Return r > `least` with exactly one root within r of g for every z within `reach`; None if none is found."""
        sizes = self._sizes(z, g)
        sums = [sum(c * reach**i for i, c in enumerate(row)) for row in sizes]
        slope = sizes[1][0]
        if slope <= 0:
            return None
        r = max(2 * sums[0] / slope, least)
        rest = sums[0] + (sums[1] - slope) * r + sum(c * r**j for j, c in enumerate(sums[2:], 2))
        return r if rest * UP < slope * r else None


def root_near(rows: Sequence[Sequence[float]], z: complex, g: complex) -> complex:
    """Return the root next to g of Σ rows_j(z) Gʲ, coefficients highest first, by Newton's method in doubles."""
    local = []
    for row in rows:
        total = 0j
        for c in row:
            total = total * z + c
        local.append(total)
    for _ in range(_NEWTON):
        value, slope = 0j, 0j
        for there in reversed(local):
            slope = slope * g + value
            value = value * g + there
        if slope == 0:
            break
        new = g - value / slope
        if abs(new - g) <= 1e-13 * abs(new):
            return new
        g = new
    return g


def middle(ball: acb) -> acb:
    """Return the middle of a ball, without its radius."""
    return acb(ball.real.mid(), ball.imag.mid())


def inside(small: acb, large: acb) -> bool:
    """Return whether a ball lies in the interior of another."""
    return bool(large.real.contains_interior(small.real) and large.imag.contains_interior(small.imag))
