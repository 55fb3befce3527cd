"""Eigenvalues in the complex plane against the law of a random matrix."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, RC, VERMILION, new_figure

_LEVELS = (0.25, 0.5, 0.75)  # of the law's mass inside dotted curves


@matplotlib.rc_context(RC)
def eigenvalues(values: ArrayLike, law: Any | None = None, ax: Axes | None = None) -> Axes:
    """Return the axes of eigenvalues in the complex plane, with the edge of a planar law and its quartiles.

    Parameters
    ----------
    values : complex numbers of any shape.
    law : a planar law such as ``vg.laws.circular()`` or ``vg.laws.elliptic(0.5)``; None for the points alone.

    Examples
    --------
    >>> import vgtheory as vg
    >>> ax = eigenvalues(vg.ensembles.ginibre(50).spectra(2, random_state=0), vg.laws.circular())
    """
    if ax is None:
        ax = new_figure(4.6, 4.9).subplots()
    z = np.asarray(values, dtype=complex).ravel()
    ax.plot(z.real, z.imag, ".", color=BLUE, ms=3, alpha=0.6, label=f"{z.size} eigenvalues")
    if law is not None:
        right, top = law.semi_axes
        angle = np.linspace(0, 2 * np.pi, 400)
        for level in (1.0, *_LEVELS):
            scale = float(law.ppf(level))
            ax.plot(
                scale * right * np.cos(angle), scale * top * np.sin(angle),
                color=VERMILION, lw=1.6 if level == 1 else 0.9, ls="-" if level == 1 else ":",
                label={1.0: "edge of the law", _LEVELS[0]: "25, 50, 75 % of its mass"}.get(level),
            )  # fmt: skip
    ax.set_aspect("equal")
    ax.margins(0.06)
    ax.set_xlabel(r"$\mathrm{Re}\,\lambda$")
    ax.set_ylabel(r"$\mathrm{Im}\,\lambda$")
    legend_above(ax)
    return ax
