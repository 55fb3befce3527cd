"""The package's errors: one small tree, each message naming the value, what is accepted and the next step."""

from collections.abc import Iterable
from difflib import get_close_matches


class VgtheoryError(Exception):
    """Base of every error that vgtheory raises on purpose; the command line prints it in one line and exits with 2."""


class InputError(VgtheoryError, ValueError):
    """A value that is outside what is accepted.

    Parameters
    ----------
    problem : the value and what is wrong with it, e.g. ``"depth = 0"``.
    accepted : what is accepted, e.g. ``"an integer of at least 1"``.
    hint : the next step, e.g. ``"give --depth 50"``.
    """

    def __init__(self, problem: str, accepted: str, hint: str) -> None:
        super().__init__(f"{problem}: accepted is {accepted}; {hint}")
        self.problem, self.accepted, self.hint = problem, accepted, hint

    def __reduce__(self) -> tuple:
        return type(self), (self.problem, self.accepted, self.hint)


class FormulaError(InputError):
    """A formula string that is not one of vgtheory's formulas: refused before anything is evaluated."""


class UnknownNameError(InputError):
    """A name that nothing answers to; near names are suggested."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str], hint: str = "") -> "UnknownNameError":
        """Return the error for `name`, suggesting the nearest of `known`."""
        known = sorted(known)
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        shown = name if len(name) <= 40 else name[:37] + "..."
        step = f"did you mean {' or '.join(near)}?" if near else hint or "see that list"
        return cls(f"unknown {kind} {shown!r}", "one of " + ", ".join(known), step)


class UnsupportedError(VgtheoryError):
    """A question that is well posed but that the chosen method cannot answer; the message says why and what can."""


class NoSolutionError(VgtheoryError):
    """An equation without a solution in the stated range (no fixed point, no critical point)."""


class ConflictError(VgtheoryError):
    """Writing would overwrite results that belong to another specification."""


class StudyInterrupted(KeyboardInterrupt):
    """Ctrl-C during a study; the message says what is kept and how to go on."""


class RareDrawsWarning(UserWarning):
    """A statistic was asked for that draws dominate which are too rare to be in the sample."""
