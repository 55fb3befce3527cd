"""Any text as LaTeX text: specials escaped, Greek letters and mathematical signs set, long words breakable.

`escape` is for text that may hold anything, such as a user's name for something; `prose` for the package's own
sentences, in which `` `code` `` and scripts like ``x_{max}`` mean what they do in :mod:`vgtheory.reporting.document`.
"""

from __future__ import annotations

import re
import unicodedata

from vgtheory.reporting.document import CODE, SCRIPT

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
_SIGNS = {
    "−": "-", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "∼": r"\sim", "≪": r"\ll", "≫": r"\gg",
    "∝": r"\propto", "→": r"\to", "←": r"\leftarrow", "⇒": r"\Rightarrow", "⟺": r"\iff", "⇔": r"\Leftrightarrow",
    "∞": r"\infty", "√": r"\surd", "∏": r"\prod", "∑": r"\sum", "Σ": r"\Sigma", "∫": r"\int", "∂": r"\partial",
    "∈": r"\in", "∉": r"\notin", "⊂": r"\subset", "⊆": r"\subseteq", "∪": r"\cup", "∩": r"\cap", "∅": r"\emptyset",
    "∀": r"\forall", "∃": r"\exists", "·": r"\cdot", "×": r"\times", "±": r"\pm", "∓": r"\mp", "‖": r"\|",
    "∘": r"\circ", "⊥": r"\perp", "ℓ": r"\ell", "ℝ": r"\mathbb{R}", "ℕ": r"\mathbb{N}", "𝔼": r"\mathbb{E}",
    "′": "'", "″": "''", "½": r"\tfrac12", "¼": r"\tfrac14", "¾": r"\tfrac34", "⌈": r"\lceil", "⌉": r"\rceil",
    "⌊": r"\lfloor", "⌋": r"\rfloor", "⟨": r"\langle", "⟩": r"\rangle", "…": r"\dots", "∇": r"\nabla", "°": r"{}^\circ",
    "∎": r"\square",
}  # fmt: skip
_PUNCTUATION = {"–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "\u00a0": "~", "\u202f": r"\,"}
_GREEK = {
    "GREEK SMALL LETTER PHI": r"\varphi",
    "GREEK SMALL LETTER EPSILON": r"\varepsilon",
    "GREEK SMALL LETTER LAMDA": r"\lambda",
    "GREEK CAPITAL LETTER LAMDA": r"\Lambda",
    "GREEK SMALL LETTER FINAL SIGMA": r"\varsigma",
    "GREEK SMALL LETTER OMICRON": "o",
}
_LATIN_CAPITALS = {"Alpha": "A", "Beta": "B", "Epsilon": "E", "Zeta": "Z", "Eta": "H", "Iota": "I", "Kappa": "K"}
_LATIN_CAPITALS |= {"Mu": "M", "Nu": "N", "Omicron": "O", "Rho": "P", "Tau": "T", "Chi": "X"}
_LONG_WORD = re.compile(r"[^\s]{25,}")
_INDEXED = re.compile(r"(?<![A-Za-z0-9_])([A-Za-zα-ωΑ-Ωℓ])_([A-Za-z0-9α-ωℓ]{1,3})(?![A-Za-z0-9_])")
_SCRIPTED = re.compile(rf"(?:(?<![^\W_])([^\W\d_]))?((?:{SCRIPT.pattern})+)")
_RELATION = r"(?:\\(?:le|ge|ne|approx|sim|ll|gg|propto|to|in|pm|cdot|times)|[<>=+])"
_NUMBER = r"-?\d+(?:\.\d+)?"
_JOINS = tuple(
    (re.compile(pattern), joined)
    for pattern, joined in (
        (r"(\\[A-Za-z]+)\$\$(?=[A-Za-z])", r"\1 "),  # $\partial$$h$
        (r"(?<!\\)\$\$", ""),
        (rf"\$({_NUMBER})\$(?=[\^\\])", r"\1"),
        (rf"(?<![\w.$])({_NUMBER})\$(?=[\^\\])", r"$\1"),  # 10$^{-3}$
        (rf"\$(-|\\pm)\$({_NUMBER})(?![\w.])", r"$\1\2$"),
        (r"(?<![A-Za-z\\])(ln|max|min|exp)\$(?=\\\|)", r"$\\\1"),
        (r"(?<![A-Za-z\\])([EP])\$(?=\\\||\\varphi)", r"$\\mathbb{\1}"),
        (r"\$/\$", "/"),
        (r"\$ (=|\+|/) \$", r" \1 "),
        (rf"\$ (=) ({_NUMBER})(?![\w.])", r" \1 \2$"),
        (rf"\$ \$({_RELATION})", r" \1"),
        (rf"({_RELATION})\$ \$", r"\1 "),
        (rf"({_RELATION})\$ ({_NUMBER})\$", r"\1 \2"),
        (rf"({_RELATION})\$ ({_NUMBER})(?![\w.])", r"\1 \2$"),
        (rf"(?<![\w.$])({_NUMBER}) \$({_RELATION})", r"$\1 \2"),
    )
)
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
    parts = CODE.split(source)
    return "".join(verbatim(part) if position % 2 else _together(_scripts(part)) for position, part in enumerate(parts))


def _together(text: str) -> str:
    """Return text in which what belongs to one formula stands in one: letters, signs, numbers and relations."""
    for pattern, joined in _JOINS:
        text = pattern.sub(joined, text)
    return text


def verbatim(text: str) -> str:
    """Return `text` in typewriter; it may break after operators, else a long formula runs into the margin."""
    pieces = re.split(r"(?<=[-+*/(,:_])", text)
    return r"\texttt{" + r"\allowbreak{}".join(escape(piece) for piece in pieces) + "}"


def _scripts(part: str) -> str:
    out, last = [], 0
    for match in _SCRIPTED.finditer(part):
        base = _letter(match[1]) if match[1] else ""
        marks = "".join(
            f"{mark}{{{_scripted(braced or bare)}}}"
            for mark, braced, bare in SCRIPT.findall(match[2])
            if braced or bare
        )
        out += [escape(part[last : match.start()]), f"${base}{marks}$" if base or marks else ""]
        last = match.end()
    return "".join([*out, escape(part[last:])])


def _scripted(inner: str) -> str:
    """Return what stands in a script as mathematics, words upright."""
    words = re.split(r"([A-Za-z]{2,})", inner)
    return "".join(rf"\mathrm{{{w}}}" if i % 2 else "".join(_mathletter(ch) for ch in w) for i, w in enumerate(words))


def _mathletter(ch: str) -> str:
    if ch.isascii():
        return "" if not ch.isprintable() else rf"\text{{{_SPECIAL[ch]}}}" if ch in _SPECIAL else ch
    return _mathematical(ch) or rf"\text{{{_character(ch)}}}"


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
    if ch in _SIGNS:
        return _SIGNS[ch]
    name = unicodedata.name(ch, "")
    if name in _GREEK:
        return _GREEK[name]
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name)
    if greek:
        word = greek[2].lower()
        if greek[1] == "CAPITAL":
            word = word.capitalize()
        return _LATIN_CAPITALS.get(word, "\\" + word)
    script = re.fullmatch(r"<(super|sub)> ([0-9A-F]+)", unicodedata.decomposition(ch))
    if script:
        inner = _letter(chr(int(script[2], 16)))
        return f"{'^' if script[1] == 'super' else '_'}{{{inner}}}"
    return None
