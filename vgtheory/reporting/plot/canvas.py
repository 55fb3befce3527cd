"""What the figures share: a legend above the axes, and the figure behind them."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

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
ORDINARY = 5.2  # inches for which the type of the figures is chosen
SMALLEST, SMALL = 5.5, 0.7  # points of type that is still read, and the share of the ordinary size in a column
WIDEST_LEGEND = 0.8  # of the figure


def sized(axes: Axes | tuple[Axes, ...], preset: str) -> Figure:
    """Return the figure of the axes at a size for print: "column", "page", "slide" or "half slide".

    Widths are 3.4, 7, 12 and 6 inches; the proportions stay, and so does the size of the text in points
    where it fits; nothing is cut off.

    Raises UnknownNameError for another name.

    >>> import vgtheory as vg
    >>> sized(vg.plot.activation(vg.activation("tanh")), "column").get_size_inches().round(2).tolist()
    [3.4, 2.75]
    """
    if preset not in SIZES:
        raise UnknownNameError.among("size", preset, SIZES)
    figure = figure_of(axes)
    wide, high = figure.get_size_inches()
    figure.set_size_inches(SIZES[preset], high * SIZES[preset] / wide)
    _scale_text(figure, min(1.0, max(SIZES[preset] / ORDINARY, SMALL)))
    for ax in figure.axes:
        _narrow_legend(ax)
    while _sticks_out(figure) and _scale_text(figure, 0.93):
        pass
    return figure


def _scale_text(figure: Figure, factor: float) -> bool:
    """Scale all type, though not below what is still read; return whether anything changed."""
    texts = [text for text in figure.findobj(Text) if float(text.get_fontsize()) * factor > SMALLEST]
    for text in texts:
        text.set_fontsize(factor * float(text.get_fontsize()))
    return bool(texts)


def _narrow_legend(ax: Axes) -> None:
    """Set a legend in one column where its two are wider than the axes may be, and make room for it above them."""
    legend, figure = ax.get_legend(), figure_of(ax)
    if legend is None:
        return
    before = legend.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    if before.width <= WIDEST_LEGEND * figure.bbox.width:
        return
    handles = [handle for handle in legend.legend_handles if handle is not None]
    labels, size = [text.get_text() for text in legend.get_texts()], legend.get_texts()[0].get_fontsize()
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
    legend = ax.legend(handles, labels, **place, ncols=1, fontsize=size, frameon=False)
    after = legend.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + max(after.height - before.height, 0.0) / figure.dpi)


def _sticks_out(figure: Figure) -> bool:
    """Return whether anything that is drawn lies beyond the edges of the figure, by more than half a point."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    box, room = figure.get_tightbbox(renderer), 0.5 / 72
    width, height = figure.get_size_inches()
    return bool(box.x0 < -room or box.y0 < -room or box.x1 > width + room or box.y1 > height + room)


def figure_of(axes: Axes | tuple[Axes, ...]) -> Figure:
    """Return the figure that holds the axes.

    Examples
    --------
    >>> import vgtheory as vg
    >>> figure = figure_of(vg.plot.law(vg.laws.semicircle()))
    >>> type(figure).__name__
    'Figure'
    """
    first = axes if isinstance(axes, Axes) else axes[0]
    figure = first.get_figure(root=True)
    assert figure is not None, "axes that were removed from their figure"
    return figure
