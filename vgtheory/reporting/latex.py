"""Formulas as LaTeX: a fragment for a text of one's own, an aligned environment, or a document that compiles as it is.

The pieces of documents (`heading`, `paragraph`, `formula`, `table`, `figure`, `document`) are offered here too.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.reporting.latex_document import (
    aligned,
    definition,
    document,
    equation,
    figure,
    formula,
    heading,
    paragraph,
)
from vgtheory.reporting.latex_table import table
from vgtheory.reporting.latex_text import escape
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.formula import RELATIONS, Formula
from vgtheory.symbolic.printing import to_latex

__all__ = [
    "aligned",
    "definition",
    "document",
    "equation",
    "escape",
    "figure",
    "formula",
    "heading",
    "latex",
    "paragraph",
    "table",
    "write_latex",
]

Form = Literal["fragment", "aligned", "document"]
Item: TypeAlias = "Formula | Activation | sp.Basic | str"


def latex(obj: Any, form: Form = "fragment") -> str:
    r"""Return LaTeX of a Formula, an Activation, a SymPy expression, or a sequence of them.

    Parameters
    ----------
    obj : what to set; an Activation is set as φ(x) = its formula.
    form : "fragment", mathematics without dollar signs or line breaks; "aligned", an ``aligned`` environment with long
        equations broken into lines; "document", a file that pdflatex compiles, in which each formula has its
        statement, assumptions, status and reference.

    Raises
    ------
    InputError : another form, or an object that is none of these.

    Examples
    --------
    >>> from vgtheory.symbolic.catalogue import activation
    >>> print(latex(activation("tanh")))
    \varphi{\left(x \right)} = \tanh{\left(x \right)}
    """
    items = _items(obj)
    if form == "fragment":
        return " \\\\\n".join(_fragment(item) for item in items)
    if form == "aligned":
        return aligned(_equation(item) for item in items)
    if form == "document":
        return document("Formulas", [_piece(item) for item in items])
    raise InputError(f"form = {form!r}", '"fragment", "aligned" or "document"', "choose one")


def write_latex(path: str | os.PathLike[str], items: Any, title: str = "Formulas") -> Path:
    """Write formulas as a LaTeX document and return its path; the file appears complete or not at all.

    Parameters
    ----------
    path : the file to write; its directory must exist.
    items : a Formula, Activation, SymPy expression, or a sequence of them; text among them becomes a paragraph.
    title : the document's title.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(f"the directory {target.parent}", "an existing directory", "create it first")
    text = document(title, [_piece(item) for item in _items(items)])
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes it private
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target


def _items(obj: Any) -> list[Item]:
    several = obj if isinstance(obj, Iterable) and not isinstance(obj, (str, sp.Basic, Formula)) else [obj]
    return [_stated(item) for item in several]


def _stated(item: Any) -> Item:
    if isinstance(item, (Activation, Formula, sp.Basic, str)):
        return item
    if isinstance(item, sp.MatrixBase):
        return item.as_immutable()
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        return sp.sympify(item)
    accepted = "a Formula, an Activation, a SymPy expression, or a sequence of them"
    raise InputError(f"an object of type {type(item).__name__}", accepted, "pass e.g. vg.bounds(network)")


def _equation(item: Item) -> Formula | sp.Basic:
    """Return `item` as an equation or expression: an Activation as φ(x) = …, text as itself."""
    if isinstance(item, Activation):
        return Formula(sp.Function("varphi")(item.symbol), item.expr)
    return sp.Symbol(item) if isinstance(item, str) else item


def _fragment(item: Item) -> str:
    if isinstance(item, str):
        return rf"\text{{{escape(item)}}}"
    equal = _equation(item)
    if isinstance(equal, Formula):
        return f"{to_latex(equal.lhs)} {RELATIONS[equal.kind]} {to_latex(equal.expr)}"
    return to_latex(equal)


def _piece(item: Item) -> str:
    if isinstance(item, Activation):
        return definition(item)
    if isinstance(item, Formula):
        return formula(item)
    return paragraph(item) if isinstance(item, str) else equation(item)
