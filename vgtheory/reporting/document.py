"""The report as data: sections of paragraphs, formulas, tables and figures, from which each format is rendered.

Text is plain Unicode; ``x_l``, ``x_{max}`` and ``e^{…}`` are subscripts and superscripts, and `` `code` `` is verbatim.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CODE = re.compile(r"`([^`]*)`")
SCRIPT = re.compile(r"([_^])(?:\{([^{}]*)\}|([A-Za-z0-9*∞ℓ])(?![A-Za-z0-9_]))")


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Equation:
    """A displayed formula as LaTeX (amsmath, no dollar signs), how it is known, and a line below it."""

    latex: str
    known: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table; every cell is text."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class FigureBlock:
    """A figure by file name without suffix, its caption, and what it shows for who cannot see it."""

    name: str
    caption: str
    alt: str


Block = Paragraph | Equation | Table | FigureBlock


@dataclass(frozen=True)
class Section:
    """A numbered section."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """Title, one-sentence verdict, key numbers (name, value, how it is known), sections, keys of the works referred to,
    provenance as JSON text.
    """

    title: str
    subtitle: str
    verdict: str
    regime: str
    key_numbers: tuple[tuple[str, str, str], ...]
    sections: tuple[Section, ...]
    references: tuple[str, ...]
    provenance: str


def code(text: str) -> str:
    """Return a user's text as verbatim inline code."""
    return "`" + text.replace("`", "'") + "`"
