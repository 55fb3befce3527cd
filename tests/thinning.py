"""Matrices whose rows repeat each other: some rows by default, half as many more slow, the rest before a release."""

from collections.abc import Iterable
from typing import Any

import pytest


def thinned(cases: Iterable[Any], every: int, start: int = 0) -> list[Any]:
    """Return the cases as parameters: of every so many one as it is, of every second so many another one slow.

    The others are exhaustive.

    Order them so that each family has a row on a kept place: others are asked by no default run.  Tests that share one
    list, say the catalogue's activations, have a `start` of their own each, 0 to every − 1: then one of them asks each
    row.  A tuple is a value for each of a test's arguments; what is a parameter already keeps its marks.
    """
    found = []
    for k, case in enumerate(cases):
        row = case if hasattr(case, "marks") else pytest.param(*(case if isinstance(case, tuple) else (case,)))
        found.append(pytest.param(*row.values, marks=[*row.marks, *_marks(k - start, every)], id=row.id))
    return found


def _marks(k: int, every: int) -> list[pytest.MarkDecorator]:
    if k % every == 0:
        return []
    return [pytest.mark.slow if k % (2 * every) == every // 2 else pytest.mark.exhaustive]
