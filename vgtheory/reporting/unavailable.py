"""A question that may have no answer: its answer, or the reason as data that a report can print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.symbolic.time_limit import within

LONGEST = 20.0  # seconds for one question of a report

T = TypeVar("T")


@dataclass(frozen=True)
class Unavailable:
    """What could not be found, and why, in a sentence without its full stop."""

    reason: str


def attempt(verb: Callable[..., T], *arguments: Any, **options: Any) -> T | Unavailable:
    """Return verb(...), or why it has no answer within bounded time; bad input and defects still raise."""
    try:
        with within(LONGEST, f"the answer of {getattr(verb, '__name__', 'one part')}"):
            return verb(*arguments, **options)
    except (UnsupportedError, NoSolutionError) as reason:
        return Unavailable(str(reason).rstrip("."))
