r"""The pieces of a LaTeX document, each a string: heading, paragraph, statement, formula, figure; and `document`.

Packages: amsmath, amssymb, amsthm (part of amsart), booktabs, graphicx and flafter (part of LaTeX): no float stands
before what it belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import NamedTuple

import mpmath
import sympy as sp

from vgtheory._errors import InputError
from vgtheory._references import REFERENCES, Reference
from vgtheory.reporting.latex_layout import COLUMN, LINE, equation_rows
from vgtheory.reporting.latex_text import escape, prose, verbatim
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.formula import RELATIONS, Formula, subject_of
from vgtheory.symbolic.notation import varphi
from vgtheory.symbolic.printing import decimal, to_latex
from vgtheory.symbolic.rounding import DOWN

_LEVELS = ("section", "subsection", "subsubsection")
_COMMON = r"""\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,amsthm,booktabs,graphicx,flafter}
\setlength{\emergencystretch}{4em}
\raggedbottom
\allowdisplaybreaks
\newtheorem{theorem}{Theorem}
\newtheorem{lemma}[theorem]{Lemma}
\newtheorem{estimate}[theorem]{Estimate}
\theoremstyle{definition}
\newtheorem{activation}[theorem]{Activation}
"""


class Sheet(NamedTuple):
    """A kind of page: how it is set up, the points that an equation may take, and where tables and figures float."""

    preamble: str
    line: float
    table: str


SHEETS = {
    1: Sheet(
        r"\documentclass[10pt]{amsart}" + "\n" + _COMMON + r"\setlength{\textwidth}{16cm}"
        r"\setlength{\oddsidemargin}{-0.05cm}\setlength{\evensidemargin}{-0.05cm}\calclayout" + "\n",
        LINE, "table",
    ),
    2: Sheet(
        r"\documentclass[10pt,twocolumn]{article}" + "\n" + _COMMON + r"\setlength{\textwidth}{6.75in}"
        r"\setlength{\columnsep}{0.25in}\setlength{\oddsidemargin}{-0.125in}\setlength{\textheight}{9in}"
        r"\setlength{\topmargin}{-0.5in}" + "\n",
        COLUMN, "table*",
    ),
}  # fmt: skip
ONE = SHEETS[1]
_STATEMENTS = {"proved": "theorem", "certified": "theorem"}  # anything else is an estimate


def heading(text: str, level: int = 1, numbered: bool = False) -> str:
    """Return a heading of level 1 to 3."""
    if level not in (1, 2, 3):
        raise InputError("level", "1, 2 or 3", "use 1 for sections", got=f"{level!r}")
    return rf"\{_LEVELS[level - 1]}{'' if numbered else '*'}{{{prose(text)}}}"


def paragraph(text: str) -> str:
    """Return a paragraph of running text."""
    return prose(text) + "\n"


def equation(obj: Formula | sp.Basic | str, label: str = "", sheet: Sheet = ONE) -> str:
    r"""Return a displayed equation of a Formula or expression (or of LaTeX mathematics), broken into lines.

    With a `label` the equation is numbered, and ``\eqref{eq:label}`` refers to it.
    """
    body = obj if isinstance(obj, str) else aligned([obj], sheet.line)
    begin, end = (rf"\begin{{equation}}\label{{eq:{slug(label)}}}", r"\end{equation}") if label else (r"\[", r"\]")
    return f"{begin}\n{body}\n{end}"


def slug(text: str) -> str:
    """Return `text` as a label: lower-case words joined by hyphens, the same for the same text.

    >>> slug("Gradient at layer l")
    'gradient-at-layer-l'
    """
    return re.sub(r"[^a-z0-9:]+", "-", text.lower()).strip("-") or "formula"


class Labels:
    """The labels of one document: the same formula in the same place gets the same one, and none comes twice."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}

    def new(self, text: str) -> str:
        """Return a label for a formula of this name."""
        name = slug(text)
        self._used[name] = self._used.get(name, 0) + 1
        return name if self._used[name] == 1 else f"{name}-{self._used[name]}"


def aligned(items: Iterable[Formula | sp.Basic | str], line: float = LINE) -> str:
    r"""Return an ``aligned`` environment, one broken equation after the other; `line` in points."""
    rows = [row for item in items for row in rows_of(item, line)]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def rows_of(item: Formula | sp.Basic | str, line: float = LINE) -> list[str]:
    """Return the rows of one formula or expression (or of LaTeX mathematics) for an ``aligned`` environment."""
    if isinstance(item, str):
        return ["& " + item]
    if isinstance(item, Formula):
        relation, subject = RELATIONS[item.kind], subject_of(item)
        if subject is None:
            return equation_rows(None, "", item.expr, line)
        return equation_rows(subject, relation.latex, item.expr, line, relation.side)
    return equation_rows(None, "", item, line)


def statement(kind: str, title: str, body: str, label: str = "") -> str:
    """Return a theorem environment; title and body are LaTeX."""
    named = f"[{{{title}}}]" if title else ""
    marked = rf"\label{{{kind}:{slug(label)}}}" if label else ""
    return f"\\begin{{{kind}}}{named}{marked}\n{body.strip()}\n\\end{{{kind}}}\n"


def definition(item: Activation, label: str = "", sheet: Sheet = ONE) -> str:
    """Return an activation's name and formula."""
    title = prose(item.name) if item.name != str(item.expr) else ""
    shown = equation(Formula(varphi(item.symbol), item.expr), label, sheet)
    return statement("activation", title, shown, label)


def formula(item: Formula, label: str = "", sheet: Sheet = ONE) -> str:
    """Return a formula as a theorem, an estimate where it is neither proved nor certified, and what it rests on."""
    parts = [prose(item.statement), equation(item, label, sheet)]
    if item.conditions:
        parts.append("for " + ", ".join(f"${to_latex(c, side=DOWN)}$" for c in item.conditions) + ".")
    if item.assumptions:
        parts.append("Assumptions: " + "; ".join(prose(a.rstrip(".")) for a in item.assumptions) + ".")
    kind = _STATEMENTS.get(item.status, "estimate")
    shown = statement(kind, prose(item.name[:1].upper() + item.name[1:]), "\n".join(filter(None, parts)), label)
    known = [f"{prose(item.kind)}, {prose(item.status)}"]
    if item.error and not item.expr.free_symbols:
        known.append(rf"value ${_long(item.value())}$, error at most ${decimal(item.error)}$")
    text = rf"\emph{{Status:}} {'; '.join(known)}."
    if item.reference:
        text += r" \emph{Reference:} " + ", ".join(cited(key) for key in item.reference) + "."
    return f"{shown}{{\\small\\noindent {text}\\par}}\n"


def _long(number: mpmath.mpf) -> str:
    mantissa, _, power = mpmath.nstr(number, 15).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(power)}}}" if power else mantissa


def cited(key: str) -> str:
    r"""Return author and year of a work with ``\cite``; the bibliography of the document then lists it."""
    return rf"{escape(REFERENCES[key].short)}~\cite{{{key}}}" if key in REFERENCES else escape(key)


def listing(source: str) -> str:
    """Return lines of a program in small typewriter, their indentation kept; long ones break after operators."""
    lines = "\n\n".join(_line(line) for line in source.splitlines())
    return (
        f"{{\\footnotesize\\frenchspacing\\setlength{{\\parskip}}{{0pt}}\\setlength{{\\parindent}}{{0pt}}\\raggedright\n"
        f"{lines}\n\n}}"
    )


def _line(line: str) -> str:
    code = line.lstrip(" ")
    # Spaces and ties in a row are one in some classes.
    indent = rf"\texttt{{\phantom{{{'x' * (len(line) - len(code))}}}}}" if code != line else ""
    return r"\mbox{}" + indent + verbatim(code)


def figure(path: str | PurePath, caption: str = "") -> str:
    """Return a floating figure from a file that pdflatex reads (PDF, PNG, JPEG), at most as wide as the line."""
    return f"\\begin{{figure}}[htbp]\\centering\n{_drawing(path, caption, '0.75')}\n\\end{{figure}}\n"


def figures_beside(figures: Sequence[tuple[str, str]]) -> str:
    """Return (path, caption) side by side in one float, each with a number of its own."""
    begin = rf"\begin{{minipage}}[t]{{{0.97 / len(figures):.3f}\linewidth}}\centering\small"
    drawn = (_drawing(path, caption, "1") for path, caption in figures)
    columns = "\\hfill\n".join(f"{begin}\n{each}\n\\end{{minipage}}" for each in drawn)
    # amsart indents captions, which narrow columns have no room for.
    narrow = r"\ifdefined\captionindent\captionindent=0pt\fi" + "\n"
    return f"\\begin{{figure}}[htbp]\n{narrow}{columns}\n\\end{{figure}}\n"


def _drawing(path: str | PurePath, caption: str, share: str) -> str:
    name = PurePath(path).as_posix()
    if re.search(r"[\\{}%#$&~^\s]", name):
        raise InputError(f"the figure path {name!r}", "a path without spaces and LaTeX specials", "rename the file")
    below = f"\n\\caption{{{prose(caption)}}}\\label{{fig:{slug(PurePath(path).stem)}}}" if caption else ""
    size = rf"width={share}\linewidth,height=0.8\textheight,keepaspectratio"
    return rf"\includegraphics[{size}]{{\detokenize{{{name}}}}}{below}"


def document(
    title: str, parts: Iterable[str], subtitle: str = "", works: Iterable[str] = (), sheet: Sheet = ONE
) -> str:
    """Return a complete document of the given pieces, with a bibliography of what they cite and of `works`, by key."""
    body = "\n".join(parts)
    below = rf"\begin{{center}}{prose(subtitle)}\end{{center}}" + "\n" if subtitle else ""
    keys = cited_keys(body) | (set(works) & REFERENCES.keys())
    return (
        f"{sheet.preamble}\\begin{{document}}\n\\begin{{center}}\\LARGE {prose(title)}\\end{{center}}\n"
        f"{below}{body}\n{bibliography(keys)}\\end{{document}}\n"
    )


def cited_keys(source: str) -> set[str]:
    """Return the keys of the bibliography that LaTeX text cites."""
    groups = re.findall(r"\\(?:no)?cite\{([^}]*)\}", source)
    return {key for group in groups for key in group.split(",")} & REFERENCES.keys()


def bibliography(keys: Iterable[str]) -> str:
    """Return ``thebibliography`` of the works with these keys, "" without any: no run of BibTeX is needed."""
    cited = _works(keys)
    if not cited:
        return ""
    items = "".join(f"\\bibitem{{{r.key}}} {_entry(r)}\n" for r in cited)
    return f"\\begin{{thebibliography}}{{99}}\n{items}\\end{{thebibliography}}\n"


def bibtex(keys: Iterable[str]) -> str:
    """Return the BibTeX entries of the works with these keys."""
    return "\n".join(r.bibtex + "\n" for r in _works(keys))


def _works(keys: Iterable[str]) -> list[Reference]:
    return sorted((REFERENCES[k] for k in set(keys)), key=lambda r: (r.authors, r.year))


def _entry(work: Reference) -> str:
    names = escape(work.authors.replace(" and others", " et al.").replace(" and ", "; "))
    arxiv = rf" arXiv:\,{escape(work.arxiv)}." if work.arxiv and work.venue != "arXiv" else ""
    venue = rf"\emph{{{escape(work.venue)}}}" + (f":{escape(work.arxiv)}" if work.venue == "arXiv" else "")
    return rf"{names.rstrip('.')}. {escape(work.title)}. {venue}, {work.year}.{arxiv}"
