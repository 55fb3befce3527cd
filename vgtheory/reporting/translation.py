"""Catalogues: ``languages/CODE/LC_MESSAGES/vgtheory.po`` says every message in one language.

Messages are looked up by their id.  Finished English sentences of other parts of the package (statements of theorems,
labels of figures, errors) are matched against those entries, with slots or without, that belong to no file of the
reports; what fills a slot is translated in turn, except what a user wrote, which is called ``{got}``.  A new language
is one more file: a copy of another catalogue with its strings translated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.resources import files

from babel.messages.pofile import read_po

from vgtheory._errors import UnknownNameError
from vgtheory.reporting.message import SLOT, Joined, Message, Text, Verbatim, filled

SOURCE = "en"
GIVEN = "got"  # the slot of what a user wrote
_VERBATIM = re.compile(r"`[^`]*`|<[^>]*>|\$[^$]*\$")  # code, names in brackets, mathematics of figures
_WORDS = re.compile(r"[A-Za-z]{3,}")
_END = re.compile(r"(?<=[.:;,)]) ")  # where a sentence, or a part of one, may end


def languages() -> tuple[str, ...]:
    """Return the codes of all languages, English first."""
    folder = files("vgtheory.reporting") / "languages"
    return (SOURCE, *sorted(entry.name for entry in folder.iterdir() if (entry / "LC_MESSAGES").is_dir()))


@lru_cache(maxsize=8)
def translator(language: str) -> Translator:
    """Return the translator into a language.

    Raises UnknownNameError for one without a catalogue.

    >>> translator("zh")("critical")
    '临界'
    """
    if language not in languages():
        raise UnknownNameError.among("language", language, languages())
    return Translator(language, *(({}, ()) if language == SOURCE else catalogue(language)))


def catalogue(language: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the translated messages of a language by their ids, and the ids of those that are finished texts."""
    path = files("vgtheory.reporting") / "languages" / language / "LC_MESSAGES" / "vgtheory.po"
    with path.open("rb") as file:
        found = read_po(file, locale=language)
    entries = [entry for entry in found if entry.id and entry.string and not entry.fuzzy]
    book = {str(entry.id): str(entry.string) for entry in entries}
    return book, tuple(str(entry.id) for entry in entries if not entry.locations)


@dataclass(frozen=True)
class Translator:
    """Says texts in a language; English needs no catalogue.

    Parameters
    ----------
    language : its code, as HTML's ``lang``.
    book : id → message in the language.
    finished : the ids that finished texts are matched against.
    missing : collects every text that stayed English.
    """

    language: str
    book: Mapping[str, str]
    finished: tuple[str, ...] = ()
    missing: dict[str, None] = field(default_factory=dict, compare=False)

    def __call__(self, text: Text) -> str:
        """Return the text in the language."""
        if self.language == SOURCE or isinstance(text, Verbatim):
            return str(text)
        match text:
            case Message(id=key, values=values):
                if key not in self.book:
                    self.missing[key] = None
                return filled(self.book.get(key, key), {name: self(value) for name, value in values})
            case Joined(parts=parts):
                return "".join(self(part) for part in parts)
            case str():
                return self._finished(text)

    def _finished(self, text: str) -> str:
        """Return a finished English text in the language: as a whole, else what its ids cover from the left."""
        if not _WORDS.search(_VERBATIM.sub("", text)):
            return text
        whole = self._matched(text)
        if whole is not None:
            return whole
        for cut in reversed(list(_END.finditer(text))):
            head = self._matched(text[: cut.start()])
            if head is not None:
                return head + self._finished(text[cut.end() :])
        self.missing[text] = None
        return text

    def _matched(self, text: str) -> str | None:
        if text in self.book:
            return self.book[text]
        for pattern, said in self._patterns:
            match = pattern.fullmatch(text)
            if match is not None:
                filling = match.groupdict()
                return filled(said, {name: v if name == GIVEN else self._slot(v) for name, v in filling.items()})
        return None

    def _slot(self, text: str) -> str:
        """Return what fills a slot of a finished text; one word that no entry knows is a name."""
        return text if " " not in text and text not in self.book else self._finished(text)

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """Return the ids with slots as patterns, those with most fixed text first, open ends that fit anything last."""
        order = sorted((key for key in self.finished if "{" in key), key=_precedence)
        return [(_pattern(key), self.book[key]) for key in order]


def _precedence(key: str) -> tuple[bool, int]:
    return key.startswith(f"{{{GIVEN}}}") or key.endswith(f"{{{GIVEN}}}"), -len(SLOT.sub("", key))


def _pattern(key: str) -> re.Pattern[str]:
    parts, seen = [], set()
    for k, piece in enumerate(SLOT.split(key)):
        if k % 2 == 0:
            parts.append(re.escape(piece))
        else:
            parts.append(f"(?P={piece})" if piece in seen else f"(?P<{piece}>.+?)")
            seen.add(piece)
    return re.compile("".join(parts), re.DOTALL)
