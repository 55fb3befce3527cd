r"""Line breaking: a long equation as rows of an `aligned` environment, broken at sums, in brackets, at products.

Widths are estimated in characters; documents add a macro that measures for real and shrinks what still is too wide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import sympy as sp

from vgtheory.symbolic.printing import prepared, printed
from vgtheory.symbolic.rounding import NEAREST, Side

LINE = 70.0  # estimated characters that fit in one line of the documents
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_&]|\s+|.", re.DOTALL)
_SILENT = {r"\left", r"\right", r"\mathrm", r"\operatorname", r"\mathbb", r"\mathcal", r"\displaystyle", r"\text"}
_LONG = {r"\ln": 2, r"\sin": 3, r"\cos": 3, r"\tan": 3, r"\tanh": 4, r"\exp": 3, r"\max": 3, r"\min": 3}
_LONG |= {r"\arcsin": 6, r"\arccos": 6, r"\arctan": 6, r"\quad": 2, r"\begin": 0, r"\end": 0, r"\sinh": 4, r"\cosh": 4}


def width(latex: str) -> float:
    """Return about how many characters wide `latex` is set."""
    return _Ruler(_TOKEN.findall(latex)).measure()


class _Ruler:
    """A reader of LaTeX that adds up widths: the wider half of a fraction, scripts at 0.7, the widest row of cases."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at = tokens, 0

    def measure(self) -> float:
        rows, total = [], 0.0
        while self.at < len(self.tokens) and self.tokens[self.at] != "}":
            token = self.tokens[self.at]
            if token == r"\\":
                rows.append(total)
                total, self.at = 0.0, self.at + 1
            else:
                total += self._piece()
        return max([*rows, total])

    def _group(self) -> float:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        if self.at >= len(self.tokens):
            return 0.0
        if self.tokens[self.at] != "{":
            return self._piece()
        self.at += 1
        inside = self.measure()
        self.at += 1
        return inside

    def _piece(self) -> float:
        token = self.tokens[self.at]
        if token == "{":
            return self._group()
        self.at += 1
        if token in (r"\frac", r"\tfrac", r"\dfrac"):
            return max(self._group(), self._group()) + 0.5
        if token in ("^", "_"):
            return 0.7 * self._group()
        if token in (r"\begin", r"\end"):
            self._group()
            return 1.5
        if token in _SILENT or token.isspace():
            return 0.0
        if token in ("=", "+", "-", r"\le", r"\ge", r"\sim"):
            return 2.0
        return float(_LONG.get(token, 1.0))


def equation_rows(lhs: str, relation: str, expr: sp.Expr, line: float = LINE, side: Side = NEAREST) -> list[str]:
    r"""Return rows for `aligned`: ``lhs &= …`` and continuation rows ``&\quad + …``."""
    shown = prepared(expr, side)
    text = printed(shown)
    if width(lhs) + 2 + width(text) <= line:
        return [rf"{lhs} &{relation} {text}"]
    first, rows = rf"{lhs} &{relation} ", []
    if width(lhs) > line / 3:
        first, rows = rf"&{relation} ", [rf"{lhs} &"]
        room = line - 3
    else:
        room = line - width(lhs) - 3
    lines = list(_fill(_chunks(shown, room), room))
    return [*rows, first + lines[0], *(rf"&\quad {{}}{text}" for text in lines[1:])]


def _fill(chunks: Iterator[str] | list[str], room: float) -> Iterator[str]:
    line = ""
    for chunk in chunks:
        if line and width(line) + width(chunk) > room:
            yield line
            line = chunk
        else:
            line = f"{line} {chunk}" if line else chunk
    if line:
        yield line


def _chunks(expr: sp.Expr, room: float) -> list[str]:
    """Return pieces that may be set on separate lines, signs and brackets included."""
    text = printed(expr)
    if width(text) <= room:
        return [text]
    if isinstance(expr, sp.Add):
        return _sum_chunks(expr, room)
    if isinstance(expr, sp.Mul):
        return _product_chunks(expr, room)
    return [text]


def _sum_chunks(expr: sp.Expr, room: float) -> list[str]:
    out: list[str] = []
    for term in expr.as_ordered_terms():
        pieces = _chunks(term, room)
        sign = "" if not out or pieces[0].startswith("-") else "+ "
        out += [sign + pieces[0], *pieces[1:]]
    return out


def _product_chunks(expr: sp.Expr, room: float) -> list[str]:
    sums = [a for a in expr.args if isinstance(a, sp.Add)]
    if sums:
        longest = max(sums, key=lambda a: width(printed(a)))
        rest = expr / longest
        inner = _sum_chunks(longest, room - 4)
        before = "" if rest == 1 else "-" if rest == -1 else printed(rest) + " "
        return (
            [rf"{before}\Bigl({inner[0]}", *inner[1:-1], rf"{inner[-1]}\Bigr)"] if len(inner) > 1 else [printed(expr)]
        )
    numerator, denominator = sp.fraction(expr)
    if not isinstance(numerator, sp.Mul):
        return [printed(expr)]
    factors = [printed(a) for a in numerator.args]
    if denominator != 1:
        factors.insert(0, rf"\frac{{1}}{{{printed(denominator)}}}")
    return [factors[0], *(rf"\cdot {f}" for f in factors[1:])]
