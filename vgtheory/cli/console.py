"""The terminal: tables with rich on stdout, a progress bar on stderr for long work only, nothing that steers it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from vgtheory._errors import visible

PATIENCE = 1.0  # seconds before a progress bar appears
_SCRIPT = re.compile(r"([_^])\{([^{}]*)\}")


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
    Console(highlight=False, markup=False, soft_wrap=True).print(plain(text))


def say_code(text: str) -> None:
    """Print code as it is, ready to be copied."""
    Console(highlight=False, markup=False, soft_wrap=True).print(visible(text))
