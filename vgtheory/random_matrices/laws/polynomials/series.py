"""Moments, free cumulants and the series of 1 + M(t) at infinity, over any field: numbers, rationals, formulas."""

from collections.abc import Mapping, Sequence
from typing import Any


def power(series: Sequence[Any], exponent: Any, count: int) -> list[Any]:
    """Return the first `count` coefficients of series^exponent, series[0] = 1 (J. C. P. Miller's recursion)."""
    out = [series[0]]
    for n in range(1, count):
        terms = ((k * (exponent + 1) - n) * series[k] * out[n - k] for k in range(1, min(n, len(series) - 1) + 1))
        out.append(sum(terms, 0 * series[0]) / n)
    return out


def free_cumulants(moments: Sequence[Any]) -> list[Any]:
    """Return κ_0 = 0, κ_1, … from m_0 = 1, m_1, …: κ_n = [tⁿ] M(t)^{1−n}/(1 − n) (Lagrange's inversion)."""
    count = len(moments)
    rest = (power(moments, 1 - n, n + 1)[n] / (1 - n) for n in range(2, count))
    return [0 * moments[0], *moments[1:2], *rest]


def moments_of(cumulants: Sequence[Any], one: Any = 1.0) -> list[Any]:
    """Return m_0 = 1, m_1, … from κ_0 = 0, κ_1, …: m_n = [gⁿ] (1 + g R(g))^{n+1}/(n + 1)."""
    series = [one, *cumulants[1:]]
    return [one, *(power(series, n + 1, n + 1)[n] / (n + 1) for n in range(1, len(cumulants)))]


def product_moments(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    """Return the moments of the free product of two laws from theirs, as many; neither mean may be 0.

    With χ(m) = m S(m)/(1 + m) the inverse of M(t) − 1 the product has χ = χ_a χ_b (1 + m)/m.
    """
    count, inverses = len(first) - 1, []
    for moments in (first, second):  # χ/m, by Lagrange's inversion
        lead = moments[1]
        shape = [value / lead for value in moments[1:]]
        inverses.append([power(shape, -n, n)[n - 1] / n / lead**n for n in range(1, count + 1)])
    a, b = inverses
    joint = [sum((a[k] * b[n - k] for k in range(n + 1)), 0 * a[0]) for n in range(count)]
    joint = [joint[0], *(joint[n] + joint[n - 1] for n in range(1, count))]
    lead = joint[0]
    shape = [value / lead for value in joint]
    return [first[0], *(power(shape, -n, n)[n - 1] / n / lead**n for n in range(1, count + 1))]


def expansion(terms: Mapping[tuple[int, int], Any], count: int, one: Any) -> list[Any] | None:
    """Return m_0 = 1, …, m_count of the branch G = 1/z + m_1/z² + … of Σ c_ij zⁱ Gʲ = 0; None where there is none.

    With t = 1/z and y = zG the equation is Σ c_ij t^{j−i} yʲ, whose root y = 1 at t = 0 must be a simple one.
    """
    least = min(j - i for i, j in terms)
    at_infinity = {(j - i - least, j): c for (i, j), c in terms.items()}
    if sum((c for (n, _), c in at_infinity.items() if n == 0), 0 * one) != 0:
        return None
    return continued(at_infinity, count, one, one)


def continued(terms: Mapping[tuple[int, int], Any], count: int, one: Any, first: Any) -> list[Any] | None:
    """Return u_0 = `first`, …, u_count of the series u(t) on which Σ c_nk tⁿ uᵏ vanishes; None at a double root."""
    rows: dict[int, list[tuple[int, Any]]] = {}  # power of u: (power of t, coefficient)
    for (n, k), c in terms.items():
        rows.setdefault(k, []).append((n, c))
    u, degree, firsts = [first], max(rows), [one]
    for _ in range(degree):
        firsts.append(firsts[-1] * first)
    slope = sum((k * c * firsts[k - 1] for (n, k), c in terms.items() if n == 0 and k), 0 * one)
    if slope == 0:
        return None
    powers = [[value] for value in firsts]
    for n in range(1, count + 1):
        u.append(0 * one)
        for j, row in enumerate(powers):
            row.append(sum((powers[j - 1][k] * u[n - k] for k in range(n + 1)), 0 * one) if j else 0 * one)
        missing = sum((c * powers[j][n - shift] for j, row in rows.items() for shift, c in row if shift <= n), 0 * one)
        u[n] = -missing / slope
        for j in range(1, degree + 1):
            powers[j][n] = powers[j][n] + j * firsts[j - 1] * u[n]
    return u
