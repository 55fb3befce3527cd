"""One look for every figure: colour-blind safe colours, constrained layout, the same bytes from the same data."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# fontTools, which embeds fonts, warns of the dates inside matplotlib's own ones.
logging.getLogger("fontTools").setLevel(logging.ERROR)

# Okabe & Ito (2008), "Color universal design": told apart with every common colour vision deficiency.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
# Ink of text and frames.  The HTML page replaces exactly this colour by the text colour of light or dark mode.
INK = "#232629"
GREY = "#8A8F98"

RC = {
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "vgtheory",  # else matplotlib draws random element names and no two files are equal
    "pdf.compression": 6,
    "pdf.fonttype": 42,  # TrueType; journals refuse Type 3
}


def new_figure(width: float = 5.2, height: float = 3.4) -> Figure:
    """Return an empty figure in the package's style, outside of pyplot's global state; sizes in inches."""
    with matplotlib.rc_context(RC):
        return Figure(figsize=(width, height), layout="constrained")


def svg_text(figure: Figure) -> str:
    """Return the figure as SVG with a transparent background; equal figures give equal text."""
    buffer = io.StringIO()
    canvas, dpi = figure.canvas, figure.dpi
    with matplotlib.rc_context(RC), _transparent(figure):
        try:
            FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # savefig draws once more, to lay out
        finally:
            figure.set_canvas(canvas)
            figure.dpi = dpi
    _keep_layout(figure)
    return buffer.getvalue()


def pdf_bytes(figure: Figure) -> bytes:
    """Return the figure as a PDF file, without a time stamp."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(RC):
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    _keep_layout(figure)
    return buffer.getvalue()


@contextmanager
def _transparent(figure: Figure) -> Iterator[None]:
    """Draw figure and axes without their backgrounds."""
    patches = [figure.patch, *(ax.patch for ax in figure.axes)]
    shown = [patch.get_visible() for patch in patches]
    for patch in patches:
        patch.set_visible(False)
    try:
        yield
    finally:
        for patch, visible in zip(patches, shown, strict=True):
            patch.set_visible(visible)


def _keep_layout(figure: Figure) -> None:
    """Keep the places of a figure that was drawn: laid out anew, what was laid out before would move."""
    figure.set_layout_engine("none")
