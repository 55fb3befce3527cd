"""Any text as LaTeX text: specials escaped, Greek letters and mathematical signs set, long words breakable.

`escape` is for text that may hold anything, such as a user's name for something; `prose` for the package's own
sentences, in which `` `code` `` and scripts like ``x_{max}`` mean what they do in :mod:`vgtheory.reporting.document`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from vgtheory.reporting.mathematics import pieces
from vgtheory.reporting.signs import LATEX_OF

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': "''",
}
_PUNCTUATION = {"–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "\u00a0": "~", "\u202f": r"\,"}
_LONG_WORD = re.compile(r"[^\s]{25,}")
_INDEXED = re.compile(r"(?<![A-Za-z0-9_])([A-Za-zα-ωΑ-Ωℓ])_([A-Za-z0-9α-ωℓ]{1,3})(?![A-Za-z0-9_])")
_BREAK = "\u200b"  # zero-width space: where a long word may break


def escape(text: str) -> str:
    r"""Return `text`, which may hold anything, as LaTeX text that pdflatex sets.

    >>> print(escape("50% of σ_w² & more_words"))
    50\% of $\sigma_{w}$$^{2}$ \& more\_words
    """
    text = _LONG_WORD.sub(_breakable, unicodedata.normalize("NFC", str(text)))
    out, last = [], 0
    for match in _INDEXED.finditer(text):
        out += [_plain(text[last : match.start()]), f"${_letter(match[1])}_{{{_letters(match[2])}}}$"]
        last = match.end()
    return "".join([*out, _plain(text[last:])])


def prose(source: str) -> str:
    r"""Return a sentence of the package as LaTeX text: mathematics in it is set as mathematics.

    >>> print(prose("σ_w ≤ 10^{−3}, 50 %, x_{max}, `a_b`"))
    $\sigma_{w} \le 10^{-3}$, 50 \%, $x_{\mathrm{max}}$, \texttt{a\_\allowbreak{}b}
    >>> print(prose("ln‖∂ℓ/∂h_l‖ is −2.5 ± 0.1, 3×10^{−9} in all"))
    $\ln\|\partial\ell/\partial h_{l}\|$ is $-2.5 \pm 0.1$, $3\times10^{-9}$ in all
    """
    return "".join(_SET[piece.kind]("".join(piece.parts)) for piece in pieces(source))


def verbatim(text: str) -> str:
    """Return `text` in typewriter; it may break after operators, else a long formula runs into the margin."""
    pieces = re.split(r"(?<=[-+*/(,:_])", text)
    shown = r"\allowbreak{}".join(escape(piece) for piece in pieces)
    # Straight quotes, as a program has them, also where they are copied from the PDF.
    return r"\texttt{" + shown.replace("''", r"\textquotedbl{}").replace("'", r"\textquotesingle{}") + "}"


def _breakable(match: re.Match[str]) -> str:
    word = match[0]
    return _BREAK.join(word[i : i + 4] for i in range(0, len(word), 4))


def _plain(text: str) -> str:
    return "".join(_character(ch) for ch in text)


def _letters(text: str) -> str:
    return "".join(_letter(ch) for ch in text)


def _letter(ch: str) -> str:
    """Return a letter as it is written inside mathematics."""
    return ch if ch.isascii() else _mathematical(ch) or ch


def _character(ch: str) -> str:
    if ch in _SPECIAL:
        return _SPECIAL[ch]
    if ch == _BREAK:
        return r"\allowbreak{}"
    if ch in "\n\t\r":
        return " "
    if ch.isascii():
        return ch if ch.isprintable() else ""
    if ch in _PUNCTUATION:
        return _PUNCTUATION[ch]
    math = _mathematical(ch)
    if math is not None:
        return f"${math}$"
    # Western European letters are in the T1 fonts; anything else has no glyph and is named by its code point.
    return ch if 0xA1 <= ord(ch) <= 0x17E and ch.isalpha() else rf"\texttt{{U+{ord(ch):04X}}}"


def _mathematical(ch: str) -> str | None:
    """Return what stands for `ch` inside $…$, None where it is not a mathematical character."""
    if ch in LATEX_OF:
        return LATEX_OF[ch]
    script = re.fullmatch(r"<(super|sub)> ([0-9A-F]+)", unicodedata.decomposition(ch))
    if script:
        inner = _letter(chr(int(script[2], 16)))
        return f"{'^' if script[1] == 'super' else '_'}{{{inner}}}"
    return None


_SET: dict[str, Callable[[str], str]] = {"text": escape, "code": verbatim, "math": lambda latex: f"${latex}$"}
