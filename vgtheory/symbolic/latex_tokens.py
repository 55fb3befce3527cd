"""The tokens of a LaTeX formula and the place up to which they have been read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vgtheory._errors import FormulaError
from vgtheory.symbolic.latex_words import EQUALITIES, LOGIC, RELATIONS, SPACE


class Tokens:
    """A sequence of tokens that is read from left to right.

    Parameters
    ----------
    tokens : of the formula; spaces are left out.
    names : LaTeX of a symbol, without braces and spaces, to its name.
    """

    def __init__(self, tokens: list[str], names: Mapping[str, str]) -> None:
        self.tokens = [t for t in tokens if not t.isspace() and t not in SPACE - {"&"}]
        self.names, self.at, self.nesting = names, 0, 0

    def peek(self) -> str | None:
        """Return the next token, None at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, expected: str | None = None) -> str:
        """Return the next token and go beyond it. Raises FormulaError where another one was expected."""
        token = self.peek()
        if token is None or (expected is not None and token != expected):
            raise self.refused(token, expected)
        self.at += 1
        return token

    def refused(self, token: str | None, expected: str | None = None) -> FormulaError:
        """Return the error for a token that does not fit."""
        found = "the end of the formula" if token is None else f"{token[:40]!r} in a LaTeX formula"
        accepted = f"{expected!r} there" if expected else r"\frac, \sqrt, powers, functions such as \tanh, cases"
        return FormulaError(found, accepted, r"write it as in \frac{x}{1 + e^{-x}}, or in Python's notation")

    def starts_factor(self, token: str | None) -> bool:
        """Return whether a token begins a further factor of a product."""
        if token is None or token in (")", "]", "|", "}", "&", r"\\", ",", "^", "_", "+", "-"):
            return False
        if token in RELATIONS or token in EQUALITIES or token in LOGIC:
            return False
        return token not in (r"\right", r"\end", r"\}", r"\rvert")

    def word(self) -> str:
        """Return the letters of a group in braces."""
        self.take("{")
        letters = ""
        while (token := self.take()) != "}":
            letters += token
        return letters

    def is_variable(self, token: str) -> bool:
        """Return whether a name also stands where no bracket follows, as the variable of the formula does."""
        after = [*self.tokens[1:], None]
        return any(t == token and a not in ("(", "[", r"\left") for t, a in zip(self.tokens, after, strict=True))

    def skip(self, *tokens: str) -> None:
        """Leave out one of the tokens, where it stands."""
        if self.peek() in tokens:
            self.take()


def as_factor(text: str) -> str:
    """Return formula text in brackets unless it is one number, one name, or in brackets already."""
    return text if re.fullmatch(r"\w+(\.\d*)?", text) or re.fullmatch(r"\w*\([^()]*\)", text) else f"({text})"
