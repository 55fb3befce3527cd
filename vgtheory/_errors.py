"""The package's errors: one small tree, each message naming the value, what is accepted and the next step."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple


def shown(value: Any) -> str:
    """Return a value as its owner would write it, cut where it is long.

    >>> shown("tanh"), shown([0] * 99)
    ("'tanh'", '[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0...')
    """
    plain = value.item() if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () else value
    text = " ".join(repr(plain).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def counted(count: int, noun: str) -> str:
    """Return a number of things.

    >>> counted(1, "value"), counted(2_000, "sample")
    ('1 value', '2,000 samples')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def visible(text: str) -> str:
    r"""Return text in which what would steer a terminal (control characters, changes of direction) is written out.

    >>> print(visible("a\x1b[31mb"), visible("σ_w ≤ 1"))
    a\x1b[31mb σ_w ≤ 1
    """
    return "".join(ch if ch in "\n\t" or not _STEERS.match(ch) else ascii(ch)[1:-1] for ch in text)


def need_call(name: str, value: Any) -> None:
    """Raise InputError unless the value is None or can be called."""
    if value is not None and not callable(value):
        raise InputError(name, "a function of two numbers, done and total", "leave it out for none", got=shown(value))


def need_values(what: str, symbols: Iterable[Any]) -> None:
    """Raise UnsupportedError, naming the symbols, unless there are none: what is evaluated needs their values."""
    names = ", ".join(sorted(str(symbol) for symbol in symbols))
    if names:
        raise UnsupportedError(f"{what} cannot be evaluated while {names} have no values; give them values first")


_STEERS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Instead(NamedTuple):
    """What to do instead, as a Python caller writes it and as it is typed in a shell ("" where it cannot be)."""

    python: str
    shell: str


class VgtheoryError(Exception):
    """Base of every error that vgtheory raises on purpose; the command line prints it in one line and exits with 2.

    Examples
    --------
    >>> import vgtheory as vg
    >>> vg.Network("tanh", vg.Weights.he(), width=64, depth=0)
    Traceback (most recent call last):
    vgtheory._errors.InputError: depth must be a whole number from 1 to 10,000,000 (got 0); e.g. depth=100
    """

    @property
    def in_shell(self) -> str:
        """Return the message as the command line says it."""
        return str(self)


class InputError(VgtheoryError, ValueError):
    """A value that is outside what is accepted.

    With `got` the message reads "depth must be a whole number of at least 1 (got 0); e.g. depth=50".

    Parameters
    ----------
    subject : what was given, as the caller named it, e.g. ``"depth"``; without `got` the whole finding, e.g.
        ``"3 widths for depth 5"``.
    accepted : what is accepted, e.g. ``"a whole number of at least 1"``.
    hint : the next step, e.g. ``"e.g. depth=50"``.
    got : the value, as the caller would write it.
    """

    def __init__(self, subject: str, accepted: str, hint: str, got: str | None = None) -> None:
        found = f"{subject}: expected {accepted}" if got is None else f"{subject} must be {accepted} (got {got})"
        super().__init__(f"{found}; {hint}")
        self.subject, self.accepted, self.hint, self.got = subject, accepted, hint, got

    def __reduce__(self) -> tuple:
        return type(self), (self.subject, self.accepted, self.hint, self.got)


class FormulaError(InputError):
    """A formula string that is not one of vgtheory's formulas: refused before anything is evaluated."""


class UnknownNameError(InputError):
    """A name that nothing answers to; near names are suggested."""

    def __init__(self, subject: str, accepted: str, hint: str, got: str | None = None) -> None:
        super().__init__(subject, accepted, hint, got)
        if hint.endswith("?"):  # the nearest name before all of them
            self.args = (f"{subject}: {hint} (expected {accepted})",)

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str], hint: str = "") -> "UnknownNameError":
        """Return the error for `name`, suggesting the nearest of `known`."""
        known = sorted(known)
        by_lower = {each.lower(): each for each in known}
        near = [by_lower[each] for each in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.55)]
        cut = name if len(name) <= 40 else name[:37] + "..."
        step = f"did you mean {' or '.join(near)}?" if near else hint or "see that list"
        return cls(f"unknown {kind} {cut!r}", "one of " + ", ".join(known), step)


class UnsupportedError(VgtheoryError):
    """A question that is well posed but that the chosen method cannot answer; the message says why and what can.

    Parameters
    ----------
    problem : what cannot be answered, and why.
    instead : what can be done; the message ends with it.
    """

    def __init__(self, problem: str, instead: Iterable[Instead] = ()) -> None:
        self.problem, self.instead = problem, tuple(instead)
        super().__init__(self._said([step.python for step in self.instead]))

    def __reduce__(self) -> tuple:
        return type(self), (self.problem, self.instead)

    @property
    def in_shell(self) -> str:
        """Return the message with what can be typed in a shell instead."""
        return self._said([step.shell for step in self.instead])

    def _said(self, steps: list[str]) -> str:
        return "; ".join(part for part in (self.problem, ", or ".join(step for step in steps if step)) if part)


class NoSolutionError(VgtheoryError):
    """An equation without a solution in the stated range (no fixed point, no critical point)."""


class ConflictError(VgtheoryError):
    """Writing would overwrite results that belong to another specification."""


class StudyInterrupted(KeyboardInterrupt):
    """Ctrl-C during a study; the message says what is kept and how to go on."""


class VgtheoryWarning(UserWarning):
    """Base of the warnings that vgtheory gives: RareDrawsWarning, VanishingWarning, UnseenWarning and
    TargetMissedWarning.

    ``warnings.filterwarnings("ignore", category=vg.VgtheoryWarning)`` turns them off; ``message=``, a regular
    expression, chooses among them.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", VgtheoryWarning)  # doubts become errors
    """


class RareDrawsWarning(VgtheoryWarning):
    """A statistic is dominated by draws that are too rare to occur in the sample."""


class VanishingWarning(VgtheoryWarning):
    """A gradient of a network that is being trained has all but vanished since the first step, or is no number."""


class UnseenWarning(VgtheoryWarning):
    """A network was watched and no step of its training was seen."""


class TargetMissedWarning(VgtheoryWarning):
    """Weights were set so that the gradient of a network keeps its size, and it does not."""
