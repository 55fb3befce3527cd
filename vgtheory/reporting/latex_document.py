r"""The pieces of a LaTeX document, each a string: heading, paragraph, formula, table, figure; and `document`.

Packages: amsmath, amssymb, booktabs and graphicx (figures, and the guard that shrinks what is wider than a line).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

import mpmath
import sympy as sp

from vgtheory._errors import InputError
from vgtheory._references import REFERENCES, Reference
from vgtheory.reporting.latex_layout import equation_rows
from vgtheory.reporting.latex_text import escape
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.formula import RELATIONS, Formula
from vgtheory.symbolic.printing import decimal, to_latex

LINES_PER_TABLE = 36  # a tabular does not break across pages
_WIDE_CELL = 45  # characters beyond which a column is set as a paragraph
_LEVELS = ("section", "subsection", "subsubsection")

PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,booktabs,graphicx}
\setlength{\textwidth}{16cm}
\setlength{\oddsidemargin}{-0.05cm}
\setlength{\textheight}{23cm}
\setlength{\topmargin}{-1.2cm}
\setlength{\emergencystretch}{4em}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.5em}
\raggedbottom
% Sets its argument at natural size, or shrinks it to the line where it is wider.
\newsavebox{\fitbox}
\newcommand{\fit}[1]{\sbox{\fitbox}{#1}%
  \ifdim\wd\fitbox>\linewidth\resizebox{\linewidth}{!}{\usebox{\fitbox}}\else\usebox{\fitbox}\fi}
"""


def heading(text: str, level: int = 1) -> str:
    """Return a heading of level 1 to 3; `text` is escaped."""
    if level not in (1, 2, 3):
        raise InputError(f"level = {level!r}", "1, 2 or 3", "use 1 for sections")
    return rf"\{_LEVELS[level - 1]}*{{{escape(text)}}}"


def paragraph(text: str) -> str:
    """Return a paragraph of plain text, escaped."""
    return escape(text) + "\n"


def equation(obj: Formula | sp.Basic | str) -> str:
    r"""Return a displayed equation of a Formula or expression (or of LaTeX mathematics), broken into lines."""
    body = obj if isinstance(obj, str) else aligned([obj])
    return "\\[\n\\fit{$\\displaystyle\n" + body + "\n$}\n\\]"


def aligned(items: Iterable[Formula | sp.Basic]) -> str:
    r"""Return an ``aligned`` environment, one broken equation after the other."""
    rows = [row for item in items for row in rows_of(item)]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def rows_of(item: Formula | sp.Basic) -> list[str]:
    """Return the rows of one formula or expression for an ``aligned`` environment."""
    if isinstance(item, Formula):
        return equation_rows(to_latex(item.lhs), RELATIONS[item.kind], item.expr)
    if isinstance(item, sp.Expr):
        return equation_rows("", "", item)
    return ["& " + to_latex(item)]


def definition(item: Activation) -> str:
    """Return an activation's name and formula."""
    left = to_latex(sp.Function("varphi")(item.symbol))
    name = f"\\textbf{{Activation {escape(item.name)}.}}\n" if item.name != str(item.expr) else ""
    return name + equation(
        "\\begin{aligned}\n" + " \\\\\n".join(equation_rows(left, "=", item.expr)) + "\n\\end{aligned}"
    )


def formula(item: Formula) -> str:
    """Return a formula with its name, statement, assumptions, status and references around it."""
    parts = []
    title = rf"\textbf{{{escape(item.name[:1].upper() + item.name[1:])}.}}" if item.name else ""
    if title or item.statement:
        parts.append(f"{title} {escape(item.statement)}".strip())
    parts.append(equation(item))
    known = [f"{escape(item.kind)}, {escape(item.status)}"]
    if item.error and not item.expr.free_symbols:
        known.append(rf"value ${_long(item.value())}$, error at most ${decimal(item.error)}$")
    if item.conditions:
        known.append("holds for " + ", ".join(f"${to_latex(c)}$" for c in item.conditions))
    text = r"\emph{Status:} " + "; ".join(known) + "."
    if item.assumptions:
        text += r" \emph{Assumptions:} " + "; ".join(escape(a.rstrip(".")) for a in item.assumptions) + "."
    if item.reference:
        text += r" \emph{Reference:} " + ", ".join(_cited(key) for key in item.reference) + "."
    parts.append(rf"{{\small {text}\par}}")
    return "\n".join(parts) + "\n"


def _long(number: mpmath.mpf) -> str:
    mantissa, _, power = mpmath.nstr(number, 15).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(power)}}}" if power else mantissa


def _cited(key: str) -> str:
    # The author and year as text, so that one run of pdflatex suffices; \nocite marks the work for the bibliography.
    return rf"{escape(REFERENCES[key].short)}\nocite{{{key}}}" if key in REFERENCES else escape(key)


def table(header: Sequence[Any], rows: Iterable[Sequence[Any]], caption: str = "") -> str:
    """Return a booktabs table; cells may be text, numbers, SymPy expressions or Formulas (their right-hand side).

    A long table is cut into several, as a ``tabular`` does not break across pages.
    Raises InputError for a row that is not as long as the header.
    """
    lines = [tuple(row) for row in rows]
    for row in lines:
        if len(row) != len(header):
            raise InputError(f"a row of {len(row)} cells", f"{len(header)} cells as in the header", "complete the row")
    columns = _columns(header, lines)
    head = " & ".join(_cell(h) for h in header)
    pages = _pages(lines, columns.count("p{"))
    out = []
    for page in pages:
        body = "".join(" & ".join(_cell(c) for c in row) + " \\\\\n" for row in page)
        out.append(
            "\\begin{center}\n"
            + (escape(caption) + "\\\\*[0.4em]\n" if caption else "")  # * keeps it on the page of its table
            + f"\\fit{{\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head} \\\\\n\\midrule\n{body}"
            + "\\bottomrule\n\\end{tabular}}\n\\end{center}\n"
        )
    return "\n".join(out)


def _pages(rows: list[tuple[Any, ...]], paragraphs: int) -> list[list[tuple[Any, ...]]]:
    """Return the rows in groups that fit a page; a cell set as a paragraph takes several lines."""
    per_line = 60 / max(paragraphs, 1)
    pages: list[list[tuple[Any, ...]]] = [[]]
    used = 0
    for row in rows:
        longest = max((len(c) for c in row if isinstance(c, str)), default=0) if paragraphs else 0
        lines = max(1, math.ceil(longest / per_line))
        if pages[-1] and used + lines > LINES_PER_TABLE:
            pages.append([])
            used = 0
        pages[-1].append(row)
        used += lines
    return pages


def _columns(header: Sequence[Any], rows: list[tuple[Any, ...]]) -> str:
    texts = [[c for c in column if isinstance(c, str)] for column in zip(header, *rows, strict=True)]
    wide = [max((len(t) for t in column), default=0) > _WIDE_CELL for column in texts]
    numeric = [bool(rows) and not any(isinstance(row[i], str) for row in rows) for i in range(len(header))]
    share = 0.75 / max(sum(wide), 1)
    return "".join(
        rf"p{{{share:.2f}\linewidth}}" if w else "r" if n else "l" for w, n in zip(wide, numeric, strict=True)
    )


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, Formula):
        return f"${to_latex(value.expr)}$"
    if isinstance(value, sp.Basic):
        return f"${to_latex(value)}$"
    if value is None:
        return "--"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"${decimal(value)}$"


def figure(path: str | PurePath, caption: str = "") -> str:
    """Return a figure from a file that pdflatex reads (PDF, PNG, JPEG), at most as wide as the line."""
    name = PurePath(path).as_posix()
    if re.search(r"[\\{}%#$&~^\s]", name):
        raise InputError(f"the figure path {name!r}", "a path without spaces and LaTeX specials", "rename the file")
    below = f"\\\\*\n{escape(caption)}" if caption else ""
    return (
        "\\begin{center}\n"
        rf"\includegraphics[width=0.95\linewidth,height=0.8\textheight,keepaspectratio]{{\detokenize{{{name}}}}}"
        f"{below}\n\\end{{center}}\n"
    )


def document(title: str, parts: Iterable[str]) -> str:
    """Return a complete document of the given pieces, with a bibliography of what they cite."""
    body = "\n".join(parts)
    keys = {key for group in re.findall(r"\\(?:no)?cite\{([^}]*)\}", body) for key in group.split(",")}
    return (
        f"{PREAMBLE}\\title{{{escape(title)}}}\n\\author{{}}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n"
        f"{body}\n{bibliography(keys)}\\end{{document}}\n"
    )


def bibliography(keys: Iterable[str]) -> str:
    """Return ``thebibliography`` of the works with these keys, "" without any."""
    cited = sorted((REFERENCES[k] for k in set(keys)), key=lambda r: (r.authors, r.year))
    if not cited:
        return ""
    items = "".join(f"\\bibitem{{{r.key}}} {_entry(r)}\n" for r in cited)
    return f"\\begin{{thebibliography}}{{99}}\n{items}\\end{{thebibliography}}\n"


def _entry(work: Reference) -> str:
    names = escape(work.authors.replace(" and ", "; "))
    arxiv = rf" arXiv:\,{escape(work.arxiv)}." if work.arxiv else ""
    return rf"{names.rstrip('.')}. {escape(work.title)}. \emph{{{escape(work.venue)}}}, {work.year}.{arxiv}"
