"""Sentences that can be said in any language: an id, which is the English text, and what fills its slots.

``t("σ_w = {value} would make it critical.", value="1.2")`` is what the catalogues of :mod:`.translation` look up by its
id; a value may be a message itself.  :func:`said` joins sentences.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Message:
    """A sentence: `id` with slots ``{name}``, and the values of its slots."""

    id: str
    values: tuple[tuple[str, Text], ...] = ()

    def __str__(self) -> str:
        """Return the sentence in English."""
        return filled(self.id, {name: str(value) for name, value in self.values})


@dataclass(frozen=True)
class Joined:
    """Sentences in a row."""

    parts: tuple[Text, ...]

    def __str__(self) -> str:
        """Return the sentences in English."""
        return " ".join(str(part) for part in self.parts)


class Verbatim(str):
    """What is the same in every language: a symbol, a name, a citation."""


Text = str | Message | Joined


def t(text: str, /, **values: Text) -> Message:
    """Return a message; every literal `text` is found by the extraction of catalogues.

    >>> str(t("{n} of them {what}", n="3", what=t("are dead")))
    '3 of them are dead'
    """
    return Message(text, tuple(values.items()))


def said(*parts: Text | None) -> Joined:
    """Return what is not empty of these sentences, in a row."""
    return Joined(tuple(part for part in parts if part))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its slots filled; braces around anything else stay.

    >>> filled("x_{l−1} of {name}", {"name": "tanh"})
    'x_{l−1} of tanh'
    """
    return SLOT.sub(lambda slot: values.get(slot[1], slot[0]), text)
