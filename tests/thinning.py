"""Matrices whose rows repeat each other: some rows by default, all of them with the slow tests."""

from collections.abc import Iterable
from typing import Any

import pytest


def thinned(cases: Iterable[Any], every: int) -> list[Any]:
    """Return the cases as parameters, the first and every so many-th after it as they are and the others slow.

    Order them so that each family has a row on a kept place: what is slow alone is asked by no default run.  A tuple is
    a value for each of a test's arguments; what is a parameter already keeps its marks.
    """
    found = []
    for k, case in enumerate(cases):
        row = case if hasattr(case, "marks") else pytest.param(*(case if isinstance(case, tuple) else (case,)))
        found.append(
            pytest.param(*row.values, marks=[*row.marks, *([pytest.mark.slow] if k % every else [])], id=row.id)
        )
    return found
