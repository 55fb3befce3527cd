"""Figures that a command writes if it is asked to: nobody else waits for matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_picture(out: Path | None, picture: Callable[[Any], Any]) -> None:
    """Write what `picture` draws with ``vg.plot``, which it is given, if there is a file to write."""
    if out is None:
        return
    from vgtheory.reporting import plot
    from vgtheory.reporting.figure_files import write_figure

    write_figure(plot.figure_of(picture(plot)), out)
