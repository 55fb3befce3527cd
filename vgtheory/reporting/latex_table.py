r"""Booktabs tables: columns that share the line by what they hold, formulas broken inside their cells, pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.reporting.latex_layout import equation_rows, width
from vgtheory.reporting.latex_text import prose
from vgtheory.symbolic.formula import RELATIONS, Formula
from vgtheory.symbolic.printing import decimal
from vgtheory.symbolic.rounding import NEAREST

LINES_PER_TABLE = 38  # a tabular does not break across pages
CHARACTERS = 92.0  # of small type in a line of the documents
NARROW = 24  # characters up to which a column of text is as wide as its longest cell
CHARACTER = 5.2  # points of a formula, measured at ten points, that are as wide as a character of small type
FORMULA = 46.0  # characters beyond which a formula in a cell is broken into lines
SMALLEST = 16.0  # characters that a formula's column gets at least


def table(header: Sequence[Any], rows: Iterable[Sequence[Any]], caption: str = "", floats: str = "table") -> str:
    """Return a booktabs table; cells may be text, numbers, SymPy expressions or Formulas (their right-hand side).

    With a caption it is a float, ``table`` or the environment of that name.

    Text that is long is set as paragraphs, a long formula in several lines.  A long table is cut into several, as a
    ``tabular`` does not break across pages.

    A row of one cell is the title of those below it.  Raises InputError for any other row that is not as long as the
    header.
    """
    lines = [tuple(row) for row in rows]
    for row in lines:
        if len(row) not in (1, len(header)):
            raise InputError(f"a row of {len(row)} cells", f"{len(header)} cells as in the header", "complete the row")
    complete = [row for row in lines if len(row) == len(header)]
    shares = _shares(header, complete)
    room = _room(header, complete)
    tall = any(isinstance(c, (Formula, sp.Basic)) and _height(c, None, room) > 1.5 for row in complete for c in row)
    stretch = r"\renewcommand{\arraystretch}{1.5}" if tall else ""
    out = []
    for number, page in enumerate(_pages(lines, shares, room)):
        above = f"\\caption{{{prose(caption)}}}\n" if caption and number == 0 else ""
        begin, end = (rf"\begin{{{floats}}}[htbp]\centering", rf"\end{{{floats}}}")
        if not caption and floats == "table":
            begin, end = r"\begin{center}", r"\end{center}"
        body = _tabular(header, page, shares, complete, room)
        out.append(f"{begin}\\small\\setlength{{\\tabcolsep}}{{4pt}}{stretch}\n{above}{body}\n{end}\n")
    return "\n".join(out)


def tabular(header: Sequence[Any], rows: Sequence[tuple[Any, ...]]) -> str:
    """Return the ``tabular`` alone, all rows in one, for a text of one's own that loads booktabs."""
    return _tabular(header, rows, [None] * len(header), rows, FORMULA)


def _tabular(
    header: Sequence[Any],
    page: Sequence[tuple[Any, ...]],
    shares: list[float | None],
    rows: Sequence[tuple[Any, ...]],
    room: float,
) -> str:
    spec = "".join(_column(i, share, rows) for i, share in enumerate(shares))
    head = " & ".join(_cell(h, share) for h, share in zip(header, shares, strict=True))
    body = "".join(_row(row, shares, room) + " \\tabularnewline\n" for row in page)
    return (
        f"\\begin{{tabular}}{{@{{}}{spec}@{{}}}}\n\\toprule\n{head} \\tabularnewline\n\\midrule\n{body}"
        "\\bottomrule\n\\end{tabular}"
    )


def _row(row: tuple[Any, ...], shares: list[float | None], room: float) -> str:
    if len(row) < len(shares):
        return rf"\multicolumn{{{len(shares)}}}{{@{{}}p{{\linewidth}}@{{}}}}{{\itshape {_cell(row[0])}}}"
    return " & ".join(_cell(c, share, room) for c, share in zip(row, shares, strict=True))


def _size(cell: Any) -> float:
    """Return about how many characters wide a cell is."""
    if isinstance(cell, str):
        return float(len(cell))
    return width(_math(cell, FORMULA)) / CHARACTER if isinstance(cell, (Formula, sp.Basic)) else 8.0


def _room(header: Sequence[Any], rows: list[tuple[Any, ...]]) -> float:
    """Return how many characters wide a formula may be, so that all columns share the line."""
    columns = list(zip(header, *rows, strict=True))
    formulas = [any(isinstance(c, (Formula, sp.Basic)) for c in column) for column in columns]
    if not any(formulas):
        return FORMULA
    others = sum(min(max(map(_size, c)), NARROW) for c, math in zip(columns, formulas, strict=True) if not math)
    left = CHARACTERS - others - 2 * len(columns)
    return min(FORMULA, max(left / sum(formulas), SMALLEST))


def _shares(header: Sequence[Any], rows: list[tuple[Any, ...]]) -> list[float | None]:
    """Return for each column its share of the line if it is set as paragraphs, None if it is as wide as it needs."""
    longest = [max(map(_size, column)) for column in zip(header, *rows, strict=True)]
    holds_text = [all(isinstance(c, str | None) for c in column) for column in zip(header, *rows, strict=True)]
    if sum(longest) + 2 * len(longest) <= CHARACTERS:
        return [None] * len(longest)
    wide = [text and size > NARROW for text, size in zip(holds_text, longest, strict=True)]
    left = CHARACTERS - sum(size for size, w in zip(longest, wide, strict=True) if not w) - 2 * len(longest)
    wanted = sum(math.sqrt(size) for size, w in zip(longest, wide, strict=True) if w)
    room = max(left, 0.25 * CHARACTERS) / CHARACTERS
    return [room * math.sqrt(size) / wanted if w else None for size, w in zip(longest, wide, strict=True)]


def _column(i: int, share: float | None, rows: Sequence[tuple[Any, ...]]) -> str:
    if share is not None:
        return rf"p{{{share:.3f}\linewidth}}"
    numeric = bool(rows) and all(isinstance(row[i], (int, float)) for row in rows)
    return "r" if numeric else "l"


def _pages(rows: list[tuple[Any, ...]], shares: list[float | None], room: float) -> list[list[tuple[Any, ...]]]:
    """Return the rows in groups that fit a page."""
    pages: list[list[tuple[Any, ...]]] = [[]]
    used = 0.0
    for row in rows:
        lines = max(_height(c, share, room) for c, share in zip(row, shares, strict=len(row) > 1))
        if pages[-1] and used + lines > LINES_PER_TABLE:
            pages.append([])
            used = 0.0
        pages[-1].append(row)
        used += lines
    return pages


def _height(cell: Any, share: float | None, room: float) -> float:
    if isinstance(cell, str):
        return math.ceil(len(cell) / (share * CHARACTERS)) if share else 1.0
    if not isinstance(cell, (Formula, sp.Basic)):
        return 1.0
    text = _math(cell, room)
    tall = 1.9 if r"\frac" in text or r"\sqrt" in text else 1.5
    return tall * (1 + text.count(r"\\"))


def _math(cell: Formula | sp.Basic, room: float) -> str:
    """Return a cell's formula, broken into lines where it is wider than so many characters."""
    expr, side = (cell.expr, RELATIONS[cell.kind].side) if isinstance(cell, Formula) else (cell, NEAREST)
    rows = equation_rows(None, "", expr, room * CHARACTER, side)
    if len(rows) == 1:
        return rows[0].replace("&", "", 1).strip()
    return "\\begin{aligned}[t]\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _cell(value: Any, share: float | None = None, room: float = FORMULA) -> str:
    if isinstance(value, str):
        return (r"\raggedright " if share is not None else "") + prose(value)
    if isinstance(value, (Formula, sp.Basic)):
        return f"${_math(value, room)}$"
    if value is None:
        return "--"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"${decimal(value)}$"
