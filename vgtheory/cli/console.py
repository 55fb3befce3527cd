"""The terminal: tables with rich on stdout, a progress bar on stderr for long work only, nothing that steers it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from vgtheory._errors import visible

PATIENCE = 1.0  # seconds before a progress bar appears
_SCRIPT = re.compile(r"([_^])\{([^{}]*)\}")
_NUMBER = re.compile(r"(?P<digits>−?\d[\d,]*(\.\d+)?)?(×?(?P<sign>−?)10\^\{?(?P<power>−?\d+)\}?)?")

# Where a command's page goes instead of the terminal, while it is recorded.
_RECORD: ContextVar[dict[str, list[Any]] | None] = ContextVar("record", default=None)


@contextmanager
def recorded() -> Iterator[dict[str, list[Any]]]:
    """Yield what is printed meanwhile, which does not reach the terminal: ``tables`` and lines of ``text``.

    >>> with recorded() as page:
    ...     table(("layer", "gain"), [("1", "−1.5×10^{−3}")])
    >>> page
    {'tables': [{'title': '', 'columns': ['layer', 'gain'], 'rows': [[1, -0.0015]]}], 'text': []}
    """
    page: dict[str, list[Any]] = {"tables": [], "text": []}
    before = _RECORD.set(page)
    try:
        yield page
    finally:
        _RECORD.reset(before)


def value_of(cell: str) -> float | int | str:
    """Return a cell as the number that it shows, or its text.

    >>> value_of("−0.5"), value_of("12,000"), value_of("10^{−3}"), value_of("3.2 ± 0.1")
    (-0.5, 12000, 0.001, '3.2 ± 0.1')
    """
    found = _NUMBER.fullmatch(cell)
    if found is None or not cell:
        return plain(cell)
    digits, power = (found["digits"] or found["sign"] + "1").replace("−", "-").replace(",", ""), found["power"]
    if power is None:
        return float(digits) if "." in digits else int(digits)
    return float(f"{digits}e{power.replace('−', '-')}")


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a callback progress(done, total) that draws a bar on stderr once the work has taken a second."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(name, total=1)
    start, shown = time.monotonic(), False

    def advance(done: int, total: int) -> None:
        nonlocal shown
        if not shown and time.monotonic() - start > PATIENCE:
            bar.start()
            shown = True
        bar.update(task, completed=done, total=total)

    try:
        yield advance
    finally:
        if shown:
            bar.stop()


def plain(text: str) -> str:
    """Return report text for the terminal: scripts without braces, code without ticks, nothing that steers it.

    >>> plain("10^{−3}, σ_w, `x`")
    '10^−3, σ_w, x'
    """
    return visible(_SCRIPT.sub(r"\1\2", text).replace("`", ""))


def table(header: tuple[str, ...], rows: Any, title: str = "") -> None:
    """Print a table of text."""
    page = _RECORD.get()
    if page is not None:
        cells = [[value_of(cell) for cell in row] for row in rows]
        page["tables"].append({"title": title, "columns": [plain(name) for name in header], "rows": cells})
        return
    console = Console()
    # Piped output keeps its lines whole; a terminal wraps cells at its width.
    if not console.is_terminal:
        console = Console(width=160)
    drawn = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for name in header:
        drawn.add_column(name, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(plain(cell)) for cell in row))
    console.print(drawn)


def say(text: str) -> None:
    """Print report text, however long, without breaking its lines."""
    _print_line(plain(text))


def say_code(text: str) -> None:
    """Print code as it is, ready to be copied."""
    _print_line(visible(text))


def _print_line(text: str) -> None:
    page = _RECORD.get()
    if page is None:
        Console(highlight=False, markup=False, soft_wrap=True).print(text)
    elif text:
        page["text"].append(text)
