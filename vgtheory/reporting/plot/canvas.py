"""What the figures share: a legend above the axes, and the figure behind them."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vgtheory._errors import UnknownNameError


def legend_above(ax: Axes, *sources: Axes) -> None:
    """Put the legend of these axes (and of `sources`) above them, where it covers no data."""
    handles, labels = [], []
    for source in (ax, *sources):
        for handle, label in zip(*source.get_legend_handles_labels(), strict=True):
            handles.append(handle)
            labels.append(label)
    if handles:
        ax.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


# Widths in inches: one column and a page of two-column journals (Physical Review, IEEE), a 16:9 slide, half of it.
SIZES = {"column": 3.4, "page": 7.0, "slide": 12.0, "half slide": 6.0}


def sized(axes: Axes | tuple[Axes, ...], preset: str) -> Figure:
    """Return the figure of the axes at a size for print: "column", "page", "slide" or "half slide".

    Widths are 3.4, 7, 12 and 6 inches; the proportions stay, and so does the size of the text in points.

    Raises UnknownNameError for another name.

    >>> import vgtheory as vg
    >>> sized(vg.plot.activation(vg.activation("tanh")), "column").get_size_inches().round(2).tolist()
    [3.4, 2.75]
    """
    if preset not in SIZES:
        raise UnknownNameError.among("size", preset, SIZES)
    figure = figure_of(axes)
    width, height = figure.get_size_inches()
    figure.set_size_inches(SIZES[preset], height * SIZES[preset] / width)
    for ax in figure.axes:
        _narrow_legend(ax, SIZES[preset] * figure.dpi)
    return figure


def _narrow_legend(ax: Axes, room: float) -> None:
    """Set a legend that is wider than the figure (in pixels) in one column, and in smaller type if need be."""
    legend = ax.get_legend()
    if legend is None:
        return
    renderer = FigureCanvasAgg(figure_of(ax)).get_renderer()
    if legend.get_window_extent(renderer).width <= room:
        return
    handles = [handle for handle in legend.legend_handles if handle is not None]
    labels = [text.get_text() for text in legend.get_texts()]
    size = float(legend.get_texts()[0].get_fontsize())
    legend = ax.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1, fontsize=size)
    wide = legend.get_window_extent(renderer).width
    if wide > room:
        for text in legend.get_texts():
            text.set_fontsize(size * room / wide)


def figure_of(axes: Axes | tuple[Axes, ...]) -> Figure:
    """Return the figure that holds the axes."""
    first = axes if isinstance(axes, Axes) else axes[0]
    figure = first.get_figure(root=True)
    assert figure is not None, "axes that were removed from their figure"
    return figure
