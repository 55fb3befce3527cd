"""Formulas as LaTeX: a fragment for a text of one's own, an aligned environment, or a document that compiles as it is.

The pieces of documents (`heading`, `paragraph`, `formula`, `table`, `figure`, `document`) are offered here too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import sympy as sp

from vgtheory._atomic import write_text
from vgtheory._errors import InputError, shown
from vgtheory.model.network import BlockNetwork
from vgtheory.reporting.block_laws import network_parts
from vgtheory.reporting.catalogue_table import catalogue_parts
from vgtheory.reporting.dataset_table import dataset_tables, is_dataset, tabulars
from vgtheory.reporting.derivation import Derivation
from vgtheory.reporting.derivation_steps import derivation_parts, steps
from vgtheory.reporting.latex_document import (
    SHEETS,
    Labels,
    Sheet,
    aligned,
    bibtex,
    cited_keys,
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
from vgtheory.symbolic.catalogue import Catalogue
from vgtheory.symbolic.formula import Formula, formula_latex
from vgtheory.symbolic.notation import varphi
from vgtheory.symbolic.printing import to_latex

__all__ = [
    "aligned",
    "bibtex",
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
]

Form = Literal["fragment", "aligned", "document"]


def latex(
    obj: Any,
    path: str | os.PathLike[str] | None = None,
    form: Form | None = None,
    exact: bool = False,
    title: str = "",
    columns: int = 1,
) -> str:
    r"""Return LaTeX of a Formula, an Activation, a derivation, a Dataset, any result with LaTeX of its own, or several.

    Fragments and aligned environments of formulas are accepted by KaTeX in strict mode and by pdflatex with amsmath.

    Parameters
    ----------
    obj : what to set, or a sequence of it; an Activation is set as φ(x) = its formula, a Derivation as the formulas of
        its steps, a network of blocks as the equations of its program, in documents with its critical scale and bounds,
        a Dataset over one dimension as a booktabs table.  Text in a sequence becomes a paragraph.
    path : a .tex file to write as well; it appears complete or not at all, and its directory must exist.  What a
        document cites is written beside it as a BibTeX file of the same name, for texts of one's own.
    form : "fragment", mathematics without dollar signs or line breaks (of a Dataset: a ``tabular``); "aligned", an
        ``aligned`` environment with long equations broken into lines; "document", a file that pdflatex compiles
        (amsart, or article with two columns), in which each formula is a theorem with its label, assumptions, status
        and reference, and a derivation has its steps.  By default "document" where a path is given, else "fragment".
    exact : keep every digit instead of five, so that ``vg.Activation`` reads the same function back (fragments only).
    title : of a document.
    columns : 1 or 2; equations are broken so that they fit into the text of amsart, or a column of two.

    Raises
    ------
    InputError : another form, number of columns, an object that is none of these, or a path that cannot be written.

    Examples
    --------
    >>> from vgtheory.symbolic.catalogue import activation
    >>> print(latex(activation("tanh")))
    \varphi{\left(x \right)} = \tanh{\left(x \right)}
    """
    target = None if path is None else _target(path)
    form = form or ("fragment" if path is None else "document")
    if exact and form != "fragment":
        raise InputError("exact with form", 'form="fragment"', "other forms are for the eye; drop one", got=f"{form!r}")
    if not isinstance(columns, int) or columns not in SHEETS:
        raise InputError("columns", "1 or 2", "choose one", got=f"{columns!r}")
    if not isinstance(title, str):
        raise InputError("title", "text", 'e.g. title="Bounds"', got=f"{title!r}")
    text = _set(obj, form, exact, title, SHEETS[columns])
    if target is not None:
        write_text(target, text if text.endswith("\n") else text + "\n")
        if keys := cited_keys(text):
            write_text(target.with_suffix(".bib"), bibtex(keys))
    return text


def _set(obj: Any, form: Form, exact: bool, title: str, sheet: Sheet) -> str:
    if form == "document":
        return document(title or _title(obj), _pieces(obj, sheet), sheet=sheet)
    if form not in ("fragment", "aligned"):
        raise InputError("form", '"fragment", "aligned" or "document"', "choose one", got=f"{form!r}")
    if is_dataset(obj):
        if form == "aligned":
            raise InputError("form", '"fragment" or "document" for a Dataset', "choose one", got=f"{form!r}")
        return "\n".join(tabulars(obj))
    if form == "fragment":
        return " \\\\\n".join(_fragment(item, exact) for item in _items(obj))
    return aligned((_equation(item) for item in _items(obj)), sheet.line)


def _target(path: str | os.PathLike[str]) -> Path:
    named = isinstance(path, (str, os.PathLike)) and bool(str(path)) and "\0" not in str(path)
    if not named or Path(path).is_dir():
        raise InputError("path", "the name of a .tex file", 'e.g. "bounds.tex"', got=shown(path))
    target = Path(path)
    if target.suffix == ".bib":
        raise InputError(f"the file {target.name}", "a name ending in .tex", "the .bib is written beside it")
    return target


def _title(obj: Any) -> str:
    if isinstance(obj, Catalogue):
        return "Activations"
    if isinstance(obj, BlockNetwork):
        return obj.block.name
    return f"Derivation of `{obj.activation.name.replace('`', '')}`" if isinstance(obj, Derivation) else "Formulas"


def _items(obj: Any) -> Iterator[Any]:
    """Yield what `obj` consists of: text, formulas, activations, SymPy expressions, objects with LaTeX of their own."""
    if isinstance(obj, Derivation):
        yield from (f for step in steps(obj) for f in step.formulas)
    elif isinstance(obj, Catalogue):
        yield from (entry() for entry in obj.values())
    elif isinstance(obj, sp.MatrixBase):
        yield obj.as_immutable()
    elif isinstance(obj, (str, sp.Basic)) or hasattr(obj, "_repr_latex_"):
        yield obj
    elif isinstance(obj, (int, float)) and not isinstance(obj, bool):
        yield sp.sympify(obj)
    elif isinstance(obj, (Sequence, Iterator)) and not isinstance(obj, (bytes, bytearray)):
        for item in obj:
            yield from _items(item)
    else:
        accepted = "a Formula, an Activation, a Derivation, a Dataset, a SymPy expression, or a sequence of them"
        raise InputError(f"an object of type {type(obj).__name__}", accepted, "e.g. vg.bounds(network)")


def _equation(item: Any) -> Formula | sp.Basic | str:
    """Return `item` as an equation or expression: an Activation as φ(x) = …; else its own LaTeX."""
    if isinstance(item, Activation):
        return Formula(varphi(item.symbol), item.expr)
    if isinstance(item, str):
        return rf"\text{{{escape(item)}}}"
    return item if isinstance(item, (Formula, sp.Basic)) else _own(item)


def _own(item: Any) -> str:
    """Return the LaTeX that an object has of its own, without what makes it a display of a notebook."""
    text = item._repr_latex_().strip("$").strip()
    return str(text.removeprefix(r"\displaystyle").strip())


def _fragment(item: Any, exact: bool) -> str:
    equal = _equation(item)
    if isinstance(equal, Formula):
        return formula_latex(equal, exact)
    return equal if isinstance(equal, str) else to_latex(equal, exact)


def _pieces(obj: Any, sheet: Sheet) -> Iterator[str]:
    """Yield the pieces of a document about `obj`."""
    labels = Labels()
    several = isinstance(obj, (list, tuple))
    for item in obj if several else [obj]:
        if is_dataset(item):
            yield from dataset_tables(item, sheet.table)
        elif isinstance(item, Derivation):
            if several:
                yield heading(_title(item))
            yield from derivation_parts(item, labels, level=2 if several else 1, sheet=sheet)
        elif isinstance(item, Catalogue):
            yield from catalogue_parts(item)
        elif isinstance(item, BlockNetwork):
            yield from network_parts(item, labels, sheet, level=2 if several else 1)
        else:
            yield from (_piece(part, labels, sheet) for part in _items(item))


def _piece(item: Any, labels: Labels, sheet: Sheet) -> str:
    if isinstance(item, Activation):
        return definition(item, labels.new(item.name), sheet)
    if isinstance(item, Formula):
        return formula(item, labels.new(item.name), sheet)
    return paragraph(item) if isinstance(item, str) else equation(_equation(item), sheet=sheet)
