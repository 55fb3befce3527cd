"""Figures as files of their own, each complete or not there at all."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from vgtheory._atomic import write_bytes, write_text
from vgtheory._errors import InputError
from vgtheory.reporting.style import pdf_bytes, svg_text


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as SVG or PDF, by the suffix of the path."""
    if path.suffix == ".svg":
        write_text(path, svg_text(figure))
    elif path.suffix == ".pdf":
        write_bytes(path, pdf_bytes(figure))
    else:
        raise InputError(f"the figure {path.name}", "a name ending in .svg or .pdf", "rename it")
