r"""The pieces of a LaTeX document, each a string: heading, paragraph, formula, table, figure; and `document`.

Packages: amsmath, amssymb, booktabs and graphicx (figures, and the guard that shrinks what is wider than a line).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

import mpmath
import sympy as sp

from vgtheory._errors import InputError
from vgtheory._references import REFERENCES, Reference
from vgtheory.reporting.latex_layout import equation_rows
from vgtheory.reporting.latex_text import escape, prose
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.formula import RELATIONS, Formula
from vgtheory.symbolic.notation import varphi
from vgtheory.symbolic.printing import decimal, to_latex
from vgtheory.symbolic.rounding import DOWN

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
% Sets its argument at natural size, or shrinks it to the line (or the optional width) where it is wider.
\newsavebox{\fitbox}
% A caption of a figure or table that stays where it is.
\makeatletter
\newcommand{\captioned}[2]{\def\@captype{#1}\caption{#2}}
\makeatother
\newcommand{\work}[1]{}% the key of a work that is cited by author and year
\newcommand{\fit}[2][\linewidth]{\sbox{\fitbox}{#2}%
  \ifdim\wd\fitbox>#1\relax\resizebox{#1}{!}{\usebox{\fitbox}}\else\usebox{\fitbox}\fi}
"""


def heading(text: str, level: int = 1, numbered: bool = False) -> str:
    """Return a heading of level 1 to 3."""
    if level not in (1, 2, 3):
        raise InputError("level", "1, 2 or 3", "use 1 for sections", got=f"{level!r}")
    return rf"\{_LEVELS[level - 1]}{'' if numbered else '*'}{{{prose(text)}}}"


def paragraph(text: str) -> str:
    """Return a paragraph of running text."""
    return prose(text) + "\n"


def equation(obj: Formula | sp.Basic | str, label: str = "") -> str:
    r"""Return a displayed equation of a Formula or expression (or of LaTeX mathematics), broken into lines.

    With a `label` the equation is numbered, and ``\eqref{eq:label}`` refers to it.
    """
    body = obj if isinstance(obj, str) else aligned([obj])
    if not label:
        return "\\[\n\\fit{$\\displaystyle\n" + body + "\n$}\n\\]"
    return (
        f"\\begin{{equation}}\\label{{eq:{slug(label)}}}\n\\fit[0.9\\linewidth]{{$\\displaystyle\n"
        f"{body}\n$}}\n\\end{{equation}}"
    )


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


def aligned(items: Iterable[Formula | sp.Basic | str]) -> str:
    r"""Return an ``aligned`` environment, one broken equation after the other."""
    rows = [row for item in items for row in rows_of(item)]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def rows_of(item: Formula | sp.Basic | str) -> list[str]:
    """Return the rows of one formula or expression (or of LaTeX mathematics) for an ``aligned`` environment."""
    if isinstance(item, str):
        return ["& " + item]
    if isinstance(item, Formula):
        relation = RELATIONS[item.kind]
        return equation_rows(to_latex(item.lhs), relation.latex, item.expr, side=relation.side)
    if isinstance(item, sp.Expr):
        return equation_rows("", "", item)
    return ["& " + to_latex(item)]


def definition(item: Activation, label: str = "") -> str:
    """Return an activation's name and formula."""
    name = f"\\textbf{{Activation {escape(item.name)}.}}\n" if item.name != str(item.expr) else ""
    return name + equation(Formula(varphi(item.symbol), item.expr), label)


def formula(item: Formula, label: str = "") -> str:
    """Return a formula with its name, statement, assumptions, status and references around it."""
    parts = []
    title = rf"\textbf{{{prose(item.name[:1].upper() + item.name[1:])}.}}" if item.name else ""
    if title or item.statement:
        parts.append(f"{title} {prose(item.statement)}".strip())
    parts.append(equation(item, label))
    known = [f"{prose(item.kind)}, {prose(item.status)}"]
    if item.error and not item.expr.free_symbols:
        known.append(rf"value ${_long(item.value())}$, error at most ${decimal(item.error)}$")
    if item.conditions:
        known.append("holds for " + ", ".join(f"${to_latex(c, side=DOWN)}$" for c in item.conditions))
    text = r"\emph{Status:} " + "; ".join(known) + "."
    if item.assumptions:
        text += r" \emph{Assumptions:} " + "; ".join(prose(a.rstrip(".")) for a in item.assumptions) + "."
    if item.reference:
        text += r" \emph{Reference:} " + ", ".join(cited(key) for key in item.reference) + "."
    parts.append(rf"{{\small {text}\par}}")
    return "\n".join(parts) + "\n"


def _long(number: mpmath.mpf) -> str:
    mantissa, _, power = mpmath.nstr(number, 15).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(power)}}}" if power else mantissa


def cited(key: str) -> str:
    """Return author and year of a work, which the bibliography of the document then lists."""
    # The author and year as text, so that one run of pdflatex suffices; \work marks the key for the bibliography.
    return rf"{escape(REFERENCES[key].short)}\work{{{key}}}" if key in REFERENCES else escape(key)


def figure(path: str | PurePath, caption: str = "") -> str:
    """Return a figure from a file that pdflatex reads (PDF, PNG, JPEG), at most as wide as the line."""
    name = PurePath(path).as_posix()
    if re.search(r"[\\{}%#$&~^\s]", name):
        raise InputError(f"the figure path {name!r}", "a path without spaces and LaTeX specials", "rename the file")
    below = f"\n\\captioned{{figure}}{{{prose(caption)}}}\\label{{fig:{slug(PurePath(path).stem)}}}" if caption else ""
    return (
        "\\begin{center}\n"
        rf"\includegraphics[width=0.95\linewidth,height=0.8\textheight,keepaspectratio]{{\detokenize{{{name}}}}}"
        f"{below}\n\\end{{center}}\n"
    )


def document(title: str, parts: Iterable[str], subtitle: str = "", works: Iterable[str] = ()) -> str:
    """Return a complete document of the given pieces, with a bibliography of what they cite and of `works`, by key."""
    body = "\n".join(parts)
    below = f"{prose(subtitle)}\n\n" if subtitle else ""
    return (
        f"{PREAMBLE}\\begin{{document}}\n\\begin{{center}}\\LARGE {prose(title)}\\end{{center}}\n"
        f"{below}{body}\n{bibliography(cited_keys(body) | (set(works) & REFERENCES.keys()))}\\end{{document}}\n"
    )


def cited_keys(source: str) -> set[str]:
    """Return the keys of the bibliography that LaTeX text cites."""
    groups = re.findall(r"\\(?:work|(?:no)?cite)\{([^}]*)\}", source)
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
