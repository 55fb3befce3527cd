"""Symbolic results in words: extrema, saturated sets, formulas, and how each of them is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vgtheory.reporting.document import code
from vgtheory.reporting.wording import number
from vgtheory.symbolic.extrema import Extremum
from vgtheory.symbolic.saturation import Saturation

KNOWN = {
    "proved": "proved, closed form",
    "certified": "certified (ball arithmetic)",
    "numeric": "numeric, not certified",
    "quadrature": "quadrature",
    "asymptotic": "asymptotic",
}
LONGEST_FORM = 40  # characters of a closed form that is still shown beside its value


def extremum_value(value: Extremum) -> str:
    """Return an extremum as text: its value, the closed form where short, and where it is taken.

    >>> from vgtheory.symbolic.catalogue import activation
    >>> from vgtheory.symbolic.extrema import slope_bound
    >>> extremum_value(slope_bound(activation("tanh")))
    '1, taken at x = 0'
    """
    if value.expr is not None and value.expr.is_infinite:
        return number(float(value.expr))
    if value.expr is not None and value.expr.free_symbols:
        return code(str(value.expr))
    lo, hi = value.enclosure
    if not (math.isfinite(lo) and math.isfinite(hi)):
        return f"between {number(lo)} and {number(hi)}"
    shown = number((lo + hi) / 2, 10)
    if value.expr is not None and not value.expr.is_Rational and len(str(value.expr)) <= LONGEST_FORM:
        shown = f"{shown} = {code(str(value.expr))}"
    if value.at is None or value.at.free_symbols:
        return shown
    where = number(float(value.at), 6)
    return f"{shown}, taken at x = {where}" if value.attained else f"{shown}, approached as x → {where}"


def intervals_text(intervals: Sequence[tuple[float, float]]) -> str:
    """Return a union of intervals as text.

    >>> intervals_text([(-math.inf, -2.5), (2.5, math.inf)])
    '(−∞, −2.5] ∪ [2.5, ∞)'
    """
    return " ∪ ".join(
        f"{'(−∞' if lo == -math.inf else f'[{number(lo, 5)}'}, {'∞)' if hi == math.inf else f'{number(hi, 5)}]'}"
        for lo, hi in intervals
    )


def saturated_text(value: Saturation) -> str:
    """Return the saturated set as text, "" where it is empty.

    >>> from vgtheory.symbolic.catalogue import activation
    >>> from vgtheory.symbolic.saturation import saturation
    >>> saturated_text(saturation(activation("cos"), 0.5))
    '[−0.5236, 0.5236] + 3.1416 k, k ∈ ℤ'
    """
    text = intervals_text(value.intervals)
    return text if value.period is None or not text else f"{text} + {number(float(value.period), 5)} k, k ∈ ℤ"
