"""Where the command line writes: any encoding will do, closed streams are empty ones."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import unicodedata

_WORDS = {
    "‖": "||", "∂": "d", "ℓ": "l", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∼": "~", "∞": "inf", "√": "sqrt",
    "→": "->", "−": "-", "×": "x", "·": "*", "∈": "in", "∪": "u", "∏": "prod", "∑": "sum", "′": "'", "…": "...",
    "–": "-", "—": "-", "ℤ": "Z", "⋯": "...", "ᵀ": "^T", "∅": "{}", "’": "'",
}  # fmt: skip


def spelled(problem: UnicodeError) -> tuple[str, int]:
    """Return what a stream of few characters shows instead: sigma for σ, <= for ≤, ^2 for ²; for ``codecs``."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    return "".join(map(_in_ascii, problem.object[problem.start : problem.end])), problem.end


def _in_ascii(ch: str) -> str:
    if ch in _WORDS:
        return _WORDS[ch]
    name = unicodedata.name(ch, "")
    if name.startswith("GREEK SMALL LETTER "):
        return name.removeprefix("GREEK SMALL LETTER ").lower().replace("lamda", "lambda")
    if name.startswith("GREEK CAPITAL LETTER "):
        return name.removeprefix("GREEK CAPITAL LETTER ").capitalize().replace("Lamda", "Lambda")
    kind, _, base = unicodedata.decomposition(ch).rpartition(" ")
    plain = "".join(c for c in unicodedata.normalize("NFKD", ch) if c.isascii())
    return f"^{plain}" if kind == "<super>" and base and plain else plain or "?"


codecs.register_error("vgtheory.spelled", spelled)


def prepare() -> None:
    """Make standard output and error take every text; closed ones take it to nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="vgtheory.spelled")


def abandon() -> None:
    """Let standard output go to nowhere: who reads it is gone or its disk full, and Python flushes it again at exit."""
    with contextlib.suppress(OSError, ValueError):  # no file behind it, as under a test
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
