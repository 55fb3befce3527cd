"""What the figures share: a legend above the axes, and the figure behind them."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def legend_above(ax: Axes, *sources: Axes) -> None:
    """Put the legend of these axes (and of `sources`) above them, where it covers no data."""
    handles, labels = [], []
    for source in (ax, *sources):
        for handle, label in zip(*source.get_legend_handles_labels(), strict=True):
            handles.append(handle)
            labels.append(label)
    if handles:
        ax.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def figure_of(axes: Axes | tuple[Axes, ...]) -> Figure:
    """Return the figure that holds the axes."""
    first = axes if isinstance(axes, Axes) else axes[0]
    figure = first.get_figure(root=True)
    assert figure is not None, "axes that were removed from their figure"
    return figure
