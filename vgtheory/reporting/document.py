"""The report as data: sections of paragraphs, formulas, tables, figures and code, from which each format is rendered.

Text is plain Unicode; ``x_l``, ``x_{max}`` and ``e^{…}`` are subscripts and superscripts, `` `code` `` is verbatim, and
what :mod:`.mathematics` finds in it is set as formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from vgtheory.reporting.message import Joined, Message, Text

D = TypeVar("D")


def _verbatim(default: Any = "") -> Any:
    """Return a field that is the same in every language."""
    return field(default=default, metadata={"verbatim": True})


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: Text


@dataclass(frozen=True)
class Heading:
    """The title of a part of a section."""

    text: Text


@dataclass(frozen=True)
class Equation:
    """A displayed formula as LaTeX (amsmath, no dollar signs), how it is known, and a line below it."""

    latex: str = _verbatim()
    known: Text = ""
    note: Text = ""


@dataclass(frozen=True)
class Table:
    """A table; every cell is text, and a row of one cell is the title of the rows below it."""

    header: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    caption: Text = ""


@dataclass(frozen=True)
class FigureBlock:
    """A figure by file name without suffix, its caption, and what it shows for who cannot see it."""

    name: str = _verbatim()
    caption: Text = ""
    alt: Text = ""


@dataclass(frozen=True)
class FigureRow:
    """Figures side by side where there is room."""

    figures: tuple[FigureBlock, ...]


@dataclass(frozen=True)
class Code:
    """Lines of a program to copy."""

    source: str = _verbatim()


@dataclass(frozen=True)
class Fold:
    """What is shown on demand."""

    title: Text
    blocks: tuple[Block, ...]


Block = Paragraph | Heading | Equation | Table | FigureBlock | FigureRow | Code | Fold


@dataclass(frozen=True)
class Section:
    """A numbered section."""

    title: Text
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """Title, what the network is, the verdict, key numbers (name, value, how it is known), sections, keys of the works
    referred to, provenance, the data of the live figure as JSON text, and what depth counts.
    """

    title: Text
    subtitle: Text
    verdict: Text
    regime: str = _verbatim()
    key_numbers: tuple[tuple[Text, Text, Text], ...] = ()
    sections: tuple[Section, ...] = ()
    references: tuple[str, ...] = _verbatim(())
    provenance: str = _verbatim()
    live: str = _verbatim()
    unit: Text = "layer"

    @property
    def figures(self) -> set[str]:
        """Return the names of all figures."""
        return {name for section in self.sections for name in _figures(section.blocks)}

    @property
    def without_figures(self) -> Document:
        """Return the document in text, formulas and tables alone."""
        return replace(self, sections=tuple(replace(s, blocks=_unillustrated(s.blocks)) for s in self.sections))


def _figures(blocks: tuple[Block, ...]) -> Iterator[str]:
    for block in blocks:
        match block:
            case FigureBlock(name=name):
                yield name
            case FigureRow(figures=inner) | Fold(blocks=inner):
                yield from _figures(inner)


def _unillustrated(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    kept = (block for block in blocks if not isinstance(block, (FigureBlock, FigureRow)))
    return tuple(replace(b, blocks=_unillustrated(b.blocks)) if isinstance(b, Fold) else b for b in kept)


def spoken(part: D, say: Callable[[Text], str]) -> D:
    """Return a document, or any part of one, with every text said by `say`; what is verbatim stays."""
    found: D = _spoken(part, say)
    return found


def _spoken(part: Any, say: Callable[[Text], str]) -> Any:
    if isinstance(part, (str, Message, Joined)):
        return say(part)
    if isinstance(part, tuple):
        return tuple(_spoken(each, say) for each in part)
    texts = [f.name for f in fields(part) if not f.metadata.get("verbatim")]
    return replace(part, **{name: _spoken(getattr(part, name), say) for name in texts})


def code(text: str) -> str:
    """Return a user's text as verbatim inline code."""
    return "`" + text.replace("`", "'") + "`"
