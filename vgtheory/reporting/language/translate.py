"""Finished English text into another language, phrase by phrase.

The story is told once, in English.  A phrase book pairs each of its phrases with a translation; ``{…}`` stands for
what varies (numbers, names, further phrases).  Text that no phrase covers stays English, as statements of theorems do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from vgtheory._errors import UnknownNameError
from vgtheory.reporting.document import Block, Document, Equation, FigureBlock, Paragraph, Section, Table
from vgtheory.reporting.language.chinese import CHINESE

_BOOKS: Mapping[str, Mapping[str, str]] = {"zh": CHINESE}
LANGUAGES = ("en", *_BOOKS)
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Translator:
    """Looks finished text up in a phrase book; English is the empty one.

    Parameters
    ----------
    language : its code, as HTML's ``lang``.
    book : phrase in English → phrase in the language, with ``{name}`` for what varies.
    """

    language: str
    book: Mapping[str, str]

    @cached_property
    def _phrases(self) -> list[tuple[re.Pattern[str], str]]:
        """Return patterns with their translations, those with most fixed text first."""
        order = sorted(self.book, key=lambda phrase: -len(_SLOT.sub("", phrase)))
        return [(_pattern(phrase), self.book[phrase]) for phrase in order]

    def __call__(self, text: str) -> str:
        """Return the text in the language: as a whole where a phrase covers it, else sentence by sentence."""
        if not self.book or not text.strip():
            return text
        whole = self._phrase(text)
        if whole is not None:
            return whole
        # A phrase that covers the beginning, and the rest in its turn; a sentence that none covers stays.
        for end in range(len(text) - 1, 0, -1):
            if text[end] == " " and text[end - 1] in ".:;,)":
                head = self._phrase(text[:end])
                if head is not None:
                    return head + self(text[end + 1 :])
        first, mark, rest = text.partition(". ")
        return f"{first}. {self(rest)}" if mark else text

    def _phrase(self, text: str) -> str | None:
        for pattern, translation in self._phrases:
            match = pattern.fullmatch(text)
            if match is not None:
                return translation.format_map({name: self._inner(value) for name, value in match.groupdict().items()})
        return None

    def _inner(self, text: str) -> str:
        return self(text) if re.search("[A-Za-z]{2}", text) else text


def _pattern(phrase: str) -> re.Pattern[str]:
    parts, seen = [], set()
    for k, piece in enumerate(_SLOT.split(phrase)):
        if k % 2 == 0:
            parts.append(re.escape(piece))
        else:
            parts.append(f"(?P={piece})" if piece in seen else f"(?P<{piece}>.+?)")
            seen.add(piece)
    return re.compile("".join(parts), re.DOTALL)


@lru_cache(maxsize=8)
def translator(language: str) -> Translator:
    """Return the translator into a language, "en" or "zh".

    Raises UnknownNameError for another one.

    >>> translator("zh")("critical")
    '临界'
    """
    if language not in LANGUAGES:
        raise UnknownNameError.among("language", language, LANGUAGES)
    return Translator(language, _BOOKS.get(language, {}))


def translated(document: Document, language: str) -> Document:
    """Return a report in a language; formulas, numbers, figures and provenance stay as they are."""
    say = translator(language)
    if not say.book:
        return document
    return replace(
        document,
        title=say(document.title),
        subtitle=say(document.subtitle),
        verdict=say(document.verdict),
        key_numbers=tuple((say(a), say(b), say(c)) for a, b, c in document.key_numbers),
        sections=tuple(Section(say(s.title), tuple(_block(b, say) for b in s.blocks)) for s in document.sections),
    )


def _block(block: Block, say: Translator) -> Block:
    match block:
        case Paragraph(text):
            return Paragraph(say(text))
        case Equation():
            return replace(block, known=say(block.known), note=say(block.note))
        case Table():
            rows = tuple(tuple(say(cell) for cell in row) for row in block.rows)
            return Table(tuple(say(h) for h in block.header), rows, say(block.caption))
        case FigureBlock():
            return replace(block, caption=say(block.caption), alt=say(block.alt))
