"""The words of figures in another language, in a font of this machine that has its letters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, FontProperties, findfont, findSystemFonts, fontManager, get_font
from matplotlib.text import Text

from vgtheory.reporting.message import Text as Words
from vgtheory.reporting.translation import SOURCE, Translator

LATIN = "DejaVu Sans"  # matplotlib's own
_BOXES = "Last Resort"  # a font of every letter, each one as a box
_USUAL = (300, 350, 400, 450, 500, "normal", "regular", "book")
_MATH = re.compile(r"(\$[^$]*\$)")
_ASCII = re.compile(r"[\x20-\x7e]+")


def said_in(figures: Iterable[Figure], say: Translator) -> bool:
    """Say every label of the figures in a language; whether that could be done.

    Where no font of this machine has its letters all labels stay English, which can be read, as boxes cannot.  What is
    said is laid out anew when the figure is next drawn.
    """
    if say.language == SOURCE:
        return True
    figures = list(figures)
    labels = [
        (text, said)
        for figure in figures
        for text in figure.findobj(Text)
        if (said := say(_words(text))) != _words(text)
    ]
    font = font_with(frozenset("".join(said for _, said in labels)))
    if font is None:
        return False
    for text, said in labels:
        text.set_text(_typeset(said) if font != LATIN else said)
        text.set_fontfamily([font, LATIN])
    for figure in figures:
        figure.set_layout_engine("constrained")
    return True


def _words(text: Text) -> Words:
    return str(text.get_text())


@cache
def font_with(letters: frozenset[str]) -> str | None:
    """Return a font that has those of the letters that :data:`LATIN` lacks, itself where it has all; None without one.

    >>> font_with(frozenset("σ_w ≤ 1"))
    'DejaVu Sans'
    """
    foreign = {ord(letter) for letter in letters} - set(get_font(findfont(FontProperties(family=LATIN))).get_charmap())
    if not foreign:
        return LATIN
    return next((entry.name for entry in _fonts() if foreign <= set(get_font(entry.fname).get_charmap())), None)


def _fonts() -> Iterator[FontEntry]:
    """Yield upright fonts of the usual weight; at last those that came to the machine after matplotlib's list of fonts.

    Of fonts for all of East Asia, in which a letter looks different by country, the simplified Chinese one is first.
    """
    yield from _upright(fontManager.ttflist)
    known = {entry.fname for entry in fontManager.ttflist}
    before = len(fontManager.ttflist)
    for path in sorted(set(findSystemFonts()) - known):
        try:
            fontManager.addfont(path)
        except (OSError, RuntimeError, ValueError):  # a file that is no font for matplotlib
            continue
    yield from _upright(fontManager.ttflist[before:])


def _upright(entries: list[FontEntry]) -> list[FontEntry]:
    usual = (entry for entry in entries if entry.style == "normal" and entry.weight in _USUAL)
    real = (entry for entry in usual if not entry.name.startswith(_BOXES))
    return sorted(real, key=lambda entry: (not entry.name.endswith((" SC", " CN")), "Serif" in entry.name))


def _typeset(label: str) -> str:
    """Return a label in which Latin text beside mathematics is mathematics too: there a font has no other beside it."""
    pieces = _MATH.split(label)
    if len(pieces) == 1:
        return label
    return "".join(
        piece if k % 2 else _ASCII.sub(lambda match: rf"$\mathrm{{{_escaped(match[0])}}}$", piece)
        for k, piece in enumerate(pieces)
    )


def _escaped(text: str) -> str:
    return re.sub(r"([%#&_{}])", r"\\\1", text).replace(" ", r"\ ")
