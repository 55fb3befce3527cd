r"""Mathematics inside sentences: which runs of a text are formulas, and these as LaTeX.

Sentences are written in Unicode, ``σ_w = 1.5`` or ``ln‖∂ℓ/∂h_l‖``, which a terminal shows as it is.  Pages and LaTeX
documents set such runs of letters, scripts, numbers, signs and brackets as formulas.  A single Latin letter is one, but
not the articles; what stands between dollar signs is LaTeX already.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from vgtheory.reporting.signs import LATEX_OF


class Piece(NamedTuple):
    """A part of a sentence: "text", "code" or "math"; mathematics as LaTeX, in parts between which a line may end."""

    kind: str
    parts: tuple[str, ...]


class _Token(NamedTuple):
    kind: str
    text: str


_INDEX = r"[_^](?:\{[^{}]*\}|(?:[A-Za-z]{1,5}(?:16|32)?|[0-9*∞ℓα-ωΑ-Ω]{1,3})(?![A-Za-z0-9_{]))"
_SCRIPT = rf"(?:{_INDEX}|[²³⁰¹⁴-⁹⁺₀-₉₊ᵀ]|['′″](?![a-z])|\*(?![\w*(.]))"
_LETTER = r"[α-ωΑ-Ωϕϵ∂ℓ∞∅ℝℕℤ𝔼½¼¾∇]"
_NAMES = "ln|max|min|sup|inf|exp|diag|cond|Var|det"
_NUMBER = r"(?<![\w.])−?\d+(?:\.\d+)?"
_KINDS = (
    ("code", r"`[^`]*`"),
    ("latex", r"\$[^$]+\$"),
    ("symbol", rf"(?<![\w.’'])[A-Za-z]{_SCRIPT}+|{_LETTER}{_SCRIPT}*"),
    ("name", rf"(?<!\w)(?:{_NAMES})(?=[‖|(]| (?:ln[‖|]|[‖|α-ω]|[A-Za-z](?![A-Za-z0-9])))"),
    ("symbol", r"(?<=[+=·] )a(?!\w)"),
    ("text", r"(?<!\w)(?:[aAI](?![\w=])(?! =)|[A-Za-z](?=[\w’-]|'[a-z]|\.\w))[\w’'.-]*|[^\W\d_]{2,}\w*"),
    ("symbol", r"(?<![A-Za-z0-9_.’'-])[A-Za-z](?!\w)"),
    ("number", rf"{_NUMBER}(?![\w%]|\.\d|-)(?:\^(?:\{{[^{{}}]*\}}|\w)|[²³])?"),
    ("number", rf"{_NUMBER}(?={_LETTER}|[A-Za-z](?!\w))"),
    ("sign", r"[=<>≤≥≈≠∼≪≫∝→∈∉⊂⊆∪∩±×·+−/⇒⇔⋯∘]"),
    ("root", "√"),
    ("bar", rf"[‖|]{_SCRIPT}*"),
    ("open", r"[(\[⌈⌊⟨]"),
    ("close", rf"[)\]⌉⌋⟩]{_SCRIPT}*"),
    ("comma", ", "),
    ("space", " "),
    ("text", r"\w[\w.,%]*|."),
)  # fmt: skip
_TOKEN = re.compile("|".join(f"(?P<{kind}{k}>{pattern})" for k, (kind, pattern) in enumerate(_KINDS)), re.DOTALL)
_RELATIONS = frozenset("=<>≤≥≈≠∼≪≫∝→∈∉⊂⊆∪∩±+⇒⇔")
_LOOSE = frozenset("/·+−⋯∘")  # that belong to a formula only between two parts of it
_LEADING = _LOOSE - {"−"} | {"×"}  # that do not begin one
_COMMANDS = ("ln", "max", "min", "sup", "inf", "exp", "det")
_COMMAND = re.compile(r"\\[A-Za-z]+$")
_LONG = 14  # characters of a formula that may be broken


@lru_cache(maxsize=4096)
def pieces(text: str) -> tuple[Piece, ...]:
    r"""Return the parts of a sentence in their order.

    >>> [tuple(piece) for piece in pieces("weights of σ_w² = 2, as in `a_b`")]
    [('text', ('weights of ',)), ('math', ('\\sigma_{w}^{2} = 2',)), ('text', (', as in ',)), ('code', ('a_b',))]
    """
    tokens = [_Token(str(m.lastgroup).rstrip("0123456789"), m[0]) for m in _TOKEN.finditer(text)]
    out: list[Piece] = []
    for run in _runs(tokens):
        piece = _piece(run)
        if piece.kind == "text" and out and out[-1].kind == "text":
            piece = Piece("text", (out.pop().parts[0] + piece.parts[0],))
        out.append(piece)
    return tuple(out)


def _piece(run: list[_Token]) -> Piece:
    kind, text = run[0]
    if len(run) == 1 and kind in ("code", "latex"):
        return Piece("code" if kind == "code" else "math", (text[1:-1],))
    if not _is_formula(run):
        return Piece("text", ("".join(token.text for token in run),))
    if len("".join(token.text for token in run)) <= _LONG:
        return Piece("math", (_latex(run),))
    return Piece("math", tuple(_latex(part) for part in _broken(run)))


def _runs(tokens: list[_Token]) -> Iterator[list[_Token]]:
    """Yield the tokens in groups, each of which is one formula or no part of any."""
    group: list[_Token] = []
    for k, token in enumerate(tokens):
        before, after = group[-1] if group else None, tokens[k + 1] if k + 1 < len(tokens) else None
        if token.kind in ("text", "code", "latex") or (
            token.kind in ("space", "comma") and not _joins(group, before, token, after)
        ):
            yield from _balanced(group)
            yield [token]
            group = []
        else:
            group.append(token)
    yield from _balanced(group)


def _joins(group: list[_Token], before: _Token | None, here: _Token, after: _Token | None) -> bool:
    """Return whether a space or a comma is inside a formula."""
    if before is None or after is None:
        return False
    if here.kind == "comma":
        inside = sum({"open": 1, "close": -1}.get(token.kind, 0) for token in group)
        return inside > 0 and after.kind in ("number", "symbol", "bar")
    if before.kind == "sign" or after.kind == "sign":
        return after.kind not in ("text", "space", "code", "latex") and before.kind != "space"
    return before.kind in ("symbol", "close", "name", "bar") and after.kind in ("symbol", "root", "name", "bar")


def _balanced(group: list[_Token]) -> Iterator[list[_Token]]:
    """Yield a group cut at brackets without a partner, and at signs that have nothing on one side."""
    opened: list[int] = []
    bars = [k for k, token in enumerate(group) if token.kind == "bar"]
    cut = {bars[-1]} if len(bars) % 2 else set()
    for k, token in enumerate(group):
        if token.kind == "open":
            opened.append(k)
        elif token.kind == "close":
            if opened:
                opened.pop()
            else:
                cut.add(k)
    cut |= set(opened)
    if not cut and len(group) > 2 and group[0].kind == "open" and group[-1].text in ")" and _spans(group):
        cut = {0, len(group) - 1}  # brackets of the sentence
    start = 0
    for k in [*sorted(cut), len(group)]:
        yield from _trimmed(group[start:k])
        if k < len(group):
            yield [_Token("text", group[k].text)]
        start = k + 1


def _spans(group: list[_Token]) -> bool:
    """Return whether the first bracket is closed by the last token."""
    depth = 0
    for k, token in enumerate(group):
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        if depth == 0:
            return k == len(group) - 1
    return False


def _trimmed(group: list[_Token]) -> Iterator[list[_Token]]:
    end = len(group)
    while end and (group[end - 1].kind in ("space", "comma", "name", "root") or group[end - 1].text in _LOOSE):
        end -= 1
    start = 0
    while start < end and (group[start].kind in ("space", "comma") or (group[start].text in _LEADING)):
        start += 1
    yield from (part for part in (group[:start], group[start:end], group[end:]) if part)


def _is_formula(run: list[_Token]) -> bool:
    if any(token.kind in ("symbol", "name", "root") for token in run):
        return True
    numbers = [token for token in run if token.kind == "number"]
    scripted = any("^" in token.text or not token.text[-1].isdigit() for token in numbers)
    signs = [token for token in run if token.kind == "sign" and token.text not in _LOOSE]
    return scripted or bool(signs and (numbers or signs[0].text == "→")) or any(t.text.startswith("−") for t in numbers)


def _broken(run: list[_Token]) -> Iterator[list[_Token]]:
    """Yield the parts of a formula between which a line may end: before relations outside of brackets."""
    part: list[_Token] = []
    depth = 0
    for token in run:
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        if token.text in _RELATIONS and depth == 0 and any(t.kind != "space" for t in part):
            yield part
            part = []
        part.append(token)
    yield part


def _latex(run: list[_Token]) -> str:
    out, k = [], 0
    while k < len(run):
        text, k = _one(run, k)
        out.append(text)
    return _joined(out).strip()


def _joined(parts: list[str]) -> str:
    """Return LaTeX in which no command runs into the letter after it."""
    text = ""
    for part in parts:
        text += " " + part if _COMMAND.search(text) and part[:1].isalpha() else part
    return text


def _one(run: list[_Token], k: int) -> tuple[str, int]:
    """Return the LaTeX of what begins at a token, and where the next begins."""
    token, after = run[k], run[k + 1] if k + 1 < len(run) else None
    match token.kind:
        case "root" if after is not None:
            if after.kind != "open":
                inner, at = _one(run, k + 1)
                return rf"\sqrt{{{inner}}}", at
            end = _closing(run, k + 1)
            return rf"\sqrt{{{_latex(run[k + 2 : end])}}}{_marks(run[end].text[1:])}", end + 1
        case "name":
            return f"\\{token.text}" if token.text in _COMMANDS else rf"\operatorname{{{token.text}}}", k + 1
        case "space":
            sign = "sign" in (run[k - 1].kind if k else "sign", after.kind if after else "sign")
            return " " if sign else "" if run[k - 1].kind == "name" else r"\,", k + 1
        case "comma":
            return r",\, ", k + 1
    if token.text in ("E", "P") and after is not None and (after.kind in ("bar", "open") or _expectation(run, k)):
        return rf"\mathbb{{{token.text}}}", k + 1
    base, marks = (token.text, "") if token.kind in ("number", "sign") else (token.text[0], token.text[1:])
    if token.kind == "number" and (scripted := re.search(r"[\^²³]", token.text)):
        base, marks = token.text[: scripted.start()], token.text[scripted.start() :]
    return _joined([_sign(ch) for ch in base]) + _marks(marks), k + 1


def _expectation(run: list[_Token], k: int) -> bool:
    return k + 2 < len(run) and run[k + 1].kind == "space" and run[k + 2].kind in ("symbol", "name", "bar", "root")


def _closing(run: list[_Token], k: int) -> int:
    depth = 0
    for at in range(k, len(run)):
        depth += {"open": 1, "close": -1}.get(run[at].kind, 0)
        if depth == 0:
            return at
    return len(run) - 1


def _sign(ch: str) -> str:
    return LATEX_OF.get(ch, ch)


def _marks(text: str) -> str:
    """Return subscripts and superscripts as LaTeX, primes first."""
    primes, low, high = "", "", ""
    for mark in re.findall(_SCRIPT, text):
        if mark[0] in "'′″":
            primes += _sign(mark) if mark != "'" else "'"
        elif mark[0] == "_":
            low += _inner(mark[1:].strip("{}"))
        elif mark[0] in "^*":
            high += _inner(mark[1:].strip("{}") if mark[0] == "^" else "*")
        else:
            script = unicodedata.normalize("NFKC", mark)
            if unicodedata.decomposition(mark).startswith("<sub>"):
                low += script
            else:
                high += {"T": r"\top"}.get(script, script)
    return primes + (f"_{{{low}}}" if low else "") + (f"^{{{high}}}" if high else "")


def _inner(text: str) -> str:
    """Return what stands in a script, words upright."""
    words = re.split(r"([A-Za-z]{3,}\d*)", text)
    return "".join(
        rf"\mathrm{{{word}}}" if k % 2 else _joined([_sign(ch) for ch in word]) for k, word in enumerate(words)
    )
