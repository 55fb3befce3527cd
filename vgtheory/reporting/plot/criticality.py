"""The gain χ against σ_w."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, GREEN, GREY, RC, VERMILION, new_figure


@matplotlib.rc_context(RC)
def criticality(
    sigma_w: np.ndarray,
    chi: np.ndarray,
    here: tuple[float, float] | None,
    critical: float | None,
    ax: Axes | None = None,
) -> Axes:
    """Return the axes of the gain χ against σ_w, with the network's own σ_w and the critical one marked.

    Examples
    --------
    >>> import numpy as np
    >>> sigma_w = np.linspace(0.5, 2, 50)
    >>> ax = criticality(sigma_w, sigma_w**2 / 2, here=(1.0, 0.5), critical=2**0.5)
    """
    if ax is None:
        ax = new_figure(5.2, 3.0).subplots()
    ax.axhline(1.0, color=GREY, lw=1)
    ax.plot(sigma_w, chi, color=BLUE, label=r"$\chi$ at the stable fixed point")
    if critical is not None:
        ax.plot([critical], [1.0], "D", color=GREEN, ms=7, label=rf"critical: $\sigma_w={critical:.4g}$")
    if here is not None:
        ax.plot([here[0]], [here[1]], "o", color=VERMILION, ms=7, label=rf"this network: $\chi={here[1]:.4g}$")
    ax.set_xlabel(r"$\sigma_w$")
    ax.set_ylabel(r"gain per layer $\chi$")
    legend_above(ax)
    return ax
