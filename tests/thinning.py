"""Matrices whose rows repeat each other: some rows by default, all of them with the slow tests."""

from collections.abc import Iterable
from typing import Any

import pytest


def thinned(cases: Iterable[Any], every: int) -> list[Any]:
    """Return the cases as parameters, the first and every so many-th after it as they are and the others slow.

    A tuple is a value for each of a test's arguments.
    """
    rows = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*row, marks=[pytest.mark.slow] if k % every else []) for k, row in enumerate(rows)]
