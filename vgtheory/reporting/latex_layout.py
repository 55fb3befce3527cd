r"""Line breaking: a long equation as rows of an `aligned` environment, broken at sums, at products and in brackets.

Widths are measured as TeX sets them at ten points, a little generously; what cannot be broken is written otherwise:
a wide fraction as a product, a wide root as a power.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

import sympy as sp

from vgtheory.symbolic.naming import named
from vgtheory.symbolic.printing import prepared, printed
from vgtheory.symbolic.rounding import NEAREST, Side

LINE, COLUMN = 318.0, 205.0  # points of a displayed equation beside its number: amsart's text, a column of two
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_&]|\s+|.", re.DOTALL)
_SILENT = {r"\left", r"\right", r"\mathrm", r"\operatorname", r"\mathcal", r"\displaystyle", r"\text", r"\limits"}
_RELATIONS = ("=", "<", ">", ":", r"\le", r"\ge", r"\leq", r"\geq", r"\sim", r"\in", r"\approx", r"\ne")
_FUNCTIONS = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "det", "log", "Pr")
_WIDTHS = {
    r"\infty": 10.0, r"\mathbb": 1.0, r"\sqrt": 9.0, r"\quad": 10.0, r"\,": 1.7, r"\;": 2.8, r"\ ": 3.4, "&": 0.0,
    r"\ldots": 13.5, r"\cdots": 13.5, r"\|": 5.0, "|": 2.8, ".": 2.8, ",": 4.5, "/": 5.0, "'": 2.5, r"\cdot": 7.3,
    r"\#": 8.4, r"\cup": 11.2, r"\ln": 10.6, r"\exp": 16.5, r"\inf": 13.0, r"\sup": 15.5, r"\min": 19.0,
    r"\max": 21.0, r"\varepsilon": 4.7, r"\sigma": 6.1, r"\varphi": 6.6, "+": 12.3, "-": 12.3, "m": 8.8, "w": 7.2,
}  # fmt: skip
_WIDTHS |= dict.fromkeys(_RELATIONS, 13.4) | {rf"\{name}": 5.3 * len(name) + 1.7 for name in _FUNCTIONS}
_WIDTHS |= dict.fromkeys(("(", ")", "[", "]"), 4.6)
_GROWN = 2.8  # that a bracket around a fraction is wider
_SCRIPT = 0.74
_SUM, _COMMA, _PRODUCT, _FIRST = range(4)  # kinds of places where a line may end, best first


class Piece(NamedTuple):
    """What is not broken: its LaTeX and width, how deep in brackets it stands, and what break may come before it."""

    text: str
    width: float
    level: int
    before: int | None
    pair: int = 0  # of brackets: positive on opening, negative on closing


def width(latex: str) -> float:
    """Return about how many points wide `latex` is set."""
    rows = [0.0]
    for piece in _Reader(latex).pieces():
        rows = [*rows, 0.0] if piece.text == r"\\" else [*rows[:-1], rows[-1] + piece.width]
    return max(rows)


class _Reader:
    """A reader of LaTeX mathematics as pieces; what is wider than `room` is written so that it can be broken."""

    def __init__(self, latex: str, room: float = float("inf")) -> None:
        self.tokens, self.at, self.room = _TOKEN.findall(latex), 0, room
        self.pairs = 0

    def pieces(self, level: int = 0, stops: tuple[str, ...] = ()) -> list[Piece]:
        out: list[Piece] = []
        while (token := self._peek()) and token not in stops:
            out += self._piece(level, out[-1] if out else None)
        return out

    def _peek(self) -> str:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self.at += 1
        return token

    def _group(self) -> str:
        """Return the text of the next group or token."""
        start = self.at + 1 if self._peek() == "{" else self.at
        if self._take() != "{":
            return self.tokens[self.at - 1]
        start, depth = self.at, 1
        while self.at < len(self.tokens) and depth:
            depth += {"{": 1, "}": -1}.get(self.tokens[self.at], 0)
            self.at += 1
        return "".join(self.tokens[start : self.at - 1])

    def _piece(self, level: int, last: Piece | None) -> list[Piece]:
        token = self._peek()
        opens = last is None or last.pair > 0 or last.text.strip() in (*_RELATIONS, "+", "-", ",", r"\cdot")
        if token == r"\left":
            return self._fenced(level, last)
        if token in (r"\frac", r"\tfrac"):
            return self._fraction(level, opens)
        if token == r"\begin":
            # First in a bracket, too, where no sign is due.
            return [self._environment(level, _FIRST if last is None and level else None if opens else _PRODUCT)]
        if token == r"\sqrt" and self.tokens[self.at + 1] == "{":
            self._take()
            inside = self._group()
            if width(inside) + 9 > self.room:
                return self._within(rf"\left({inside}\right)^{{1/2}}", level)
            return [Piece(rf"\sqrt{{{inside}}}", width(inside) + 9, level, None if opens else _PRODUCT)]
        self._take()
        if token == "{":
            self.at -= 1
            return self._within(self._group(), level)
        if token in ("^", "_"):
            script = self._group()
            return [Piece(f"{token}{{{script}}}", self._script_width(script, last), level, None)]
        if token in (r"\operatorname", r"\mathrm", r"\text", r"\mathbb", r"\mathcal", r"\mathsf"):
            word = self._group()
            return [Piece(f"{token}{{{word}}}", 2.0 + 5.6 * len(word), level, None if opens else _PRODUCT)]
        if token in ("+", "-"):
            return [Piece(token, 7.8, level, None)] if opens else [Piece(token, 12.3, level, _SUM)]
        joins = opens or token in ("'", "!", ".", ",", "/", "&", ")", "]") or token in _RELATIONS
        joins = (
            joins or (token.isdigit() and last is not None and last.text[-1:] in "0123456789.") or token == r"\ldots"
        )
        spaced = f"{token} " if len(token) > 2 else token
        before = _COMMA if last is not None and last.text == "," else None if joins else _PRODUCT
        return [Piece(spaced, self._advance(token), level, before)]

    def _advance(self, token: str) -> float:
        if token in _SILENT:
            return 0.0
        return _WIDTHS.get(token, 5.05 if token.isdigit() else 7.8 if token.isupper() else 6.0)

    def _script_width(self, script: str, last: Piece | None) -> float:
        wide = _SCRIPT * width(script) + 0.5
        # Scripts on either side of a letter stand above one another, and those of max, sup and inf below it.
        if last is not None and last.text[:1] in "^_":
            return max(wide - last.width, 0.0)
        below = last is not None and last.text.strip() in (r"\inf", r"\sup", r"\max", r"\min", r"\prod", r"\sum")
        return max(wide - (last.width if below and last else 0.0), 0.0)

    def _within(self, text: str, level: int) -> list[Piece]:
        inner = _Reader(text, self.room)
        inner.pairs = self.pairs
        found = inner.pieces(level)
        self.pairs = inner.pairs
        return found

    def _fenced(self, level: int, last: Piece | None) -> list[Piece]:
        self._take()
        opening = self._take()
        self.pairs += 1
        pair = self.pairs
        inside = self.pieces(level + 1, (r"\right", r"\middle"))
        while self._take() == r"\middle":
            self._take()
            inside.append(Piece(r"\mid ", 8.4, level + 1, None))
            inside += self.pieces(level + 1, (r"\right", r"\middle"))
        closing = self._take()
        grown = _GROWN if any(r"\frac" in p.text or r"\sqrt" in p.text for p in inside) else 0.0
        bare = last is None or last.pair > 0 or last.text.strip().isalpha() or last.text[:1] in "\\^_"
        first, final = (self._advance(end) + grown if end != "." else 1.2 for end in (opening, closing))
        before = None if bare else _PRODUCT
        return [Piece(opening, first, level, before, pair), *inside, Piece(closing, final, level, None, -pair)]

    def _fraction(self, level: int, opens: bool) -> list[Piece]:
        command = self._take()
        top, bottom = self._group(), self._group()
        wide = max(width(top), width(bottom)) + 3.6
        if wide <= self.room:
            return [Piece(f"{command}{{{top}}}{{{bottom}}}", wide, level, None if opens else _PRODUCT)]
        if width(bottom) > width(top):
            return self._within(rf"{top} / \left({bottom}\right)", level)
        inside = rf"\left({top}\right)" if _is_sum(top) else top
        return self._within(rf"\frac{{1}}{{{bottom}}} {inside}", level)

    def _environment(self, level: int, before: int | None) -> Piece:
        """Return cases and the like, which stay in one piece."""
        start, depth = self.at, 0
        while True:
            token = self._take()
            depth += {r"\begin": 1, r"\end": -1}.get(token, 0)
            if not depth or not token:
                break
        self._group()
        text = "".join(self.tokens[start : self.at])
        rows = re.sub(r"\\(?:begin|end)\{\w+\}", "", text).split(r"\\")
        columns = zip_longest(*(row.split("&") for row in rows), fillvalue="")
        wide = sum(max(map(width, cells)) + 10.0 for cells in columns)
        return Piece(text, wide + 12.0, level, before)


def _is_sum(latex: str) -> bool:
    return any(p.before == _SUM and p.level == 0 for p in _Reader(latex).pieces())


def equation_rows(
    lhs: sp.Basic | None, relation: str, expr: sp.Basic, line: float = LINE, side: Side = NEAREST
) -> list[str]:
    r"""Return rows for `aligned`: ``lhs &= …``, continuation rows ``&\quad + …`` and what repeated parts are called."""
    (left, right), names = named(sp.Tuple(prepared(lhs or sp.S.Zero), prepared(expr, side)))
    before = "" if lhs is None else printed(left)
    rows = broken(before, relation, printed(right), line)
    beside = 0.0 if rows[0].startswith("& ") else width(before)  # what stands left of the alignment
    if names and beside > line / 3:  # too little room is left beside it for what follows
        rows[0], beside = f"& {rows[0].replace(f' &{relation}', f' {relation}', 1)}", 0.0
    for name, part in names:
        rows += broken("", rf"\text{{with }} {printed(name)} =", printed(part), line - beside)
    return rows


def broken(lhs: str, relation: str, text: str, line: float = LINE) -> list[str]:
    r"""Return LaTeX ``lhs relation text`` as rows of an `aligned` environment, none wider than `line` points."""
    left, sign = width(lhs), width(relation) + 2.0 if relation else 0.0
    if left + sign + width(text) <= line:
        return [rf"{lhs} &{relation} {text}"]
    # A long left-hand side has a row of its own, and what follows is indented under it.
    own_row = left > line / 3
    room = line - sign - (10.0 if own_row else left) - 10.0
    first, *others = _joined(_lines(_Reader(text, room).pieces(), room))
    above = [rf"& {text}" for text in _joined(_lines(_Reader(lhs, line).pieces(), line))] if own_row else []
    rows = [*above, rf"&\quad {relation} {first}"] if own_row else [rf"{lhs} &{relation} {first}"]
    indent = r"\qquad" if own_row else r"\quad"
    return [*rows, *(rf"&{indent} {{}}{text}" for text in others)]


def _lines(pieces: list[Piece], room: float) -> Iterator[list[Piece]]:
    """Yield the pieces in lines that fit, broken where it hurts least."""
    while sum(p.width for p in pieces) > room:
        total, fits = 0.0, list[tuple[int, int, int]]()
        for i, piece in enumerate(pieces):
            total += piece.width
            if total > room and fits:
                break
            if i and piece.before is not None:
                early = int(total < room / 3)
                fits.append((early, piece.level + piece.before, -i))
        if not fits:
            break
        at = -min(fits)[2]
        yield pieces[:at]
        bare = pieces[at].before == _PRODUCT and pieces[at].text.strip() != r"\cdot"
        sign = [Piece(r"\cdot ", 7.3, pieces[at].level, None)] if bare else []
        pieces = [*sign, pieces[at]._replace(before=None), *pieces[at + 1 :]]
    yield pieces


def _joined(lines: Iterable[list[Piece]]) -> Iterator[str]:
    """Yield each line's LaTeX; brackets that stand on two lines get a fixed size, around cases a larger one."""
    found = list(lines)
    home = {piece.pair: i for i, line in enumerate(found) for piece in line if piece.pair}
    tall = _around_environments(piece for line in found for piece in line)
    for line in found:
        out = ""
        for piece in line:
            if piece.pair:
                whole, side = (r"\left", "l") if piece.pair > 0 else (r"\right", "r")
                split = rf"\{'Bigg' if abs(piece.pair) in tall else 'Big'}{side}"
                out += (whole if home[piece.pair] == home[-piece.pair] else split) + piece.text
            else:
                command = piece.text[:1].isalpha() and re.search(r"\\[A-Za-z]+\Z", out)
                out += f" {piece.text}" if command else piece.text
        yield out


def _around_environments(pieces: Iterable[Piece]) -> set[int]:
    """Return the pairs of brackets with cases or the like inside."""
    inside: list[int] = []
    tall: set[int] = set()
    for piece in pieces:
        if piece.pair > 0:
            inside.append(piece.pair)
        elif piece.pair < 0:
            inside.remove(-piece.pair)
        elif piece.text.startswith(r"\begin"):
            tall |= set(inside)
    return tall
