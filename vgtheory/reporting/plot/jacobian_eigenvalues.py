"""Eigenvalues of the Jacobian in the complex plane, with the circles that its law puts them into."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from vgtheory.reporting.plot.canvas import legend_above
from vgtheory.reporting.style import BLUE, RC, VERMILION, new_figure

_LEVELS = (0.25, 0.5, 0.75)  # of the law's nonzero mass inside dotted circles


@matplotlib.rc_context(RC)
def jacobian_eigenvalues(law: Any, sample: Any | None = None, ax: Axes | None = None) -> Axes:
    """Return the axes of |λ|^{1/L} e^{i arg λ}, λ an eigenvalue of J: the law's circles over sampled values.

    Parameters
    ----------
    law : ``vg.eigenvalues(network)``.
    sample : ``vg.sample(network, of="eigenvalues")``; zeros are counted in the label.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=16, depth=8)
    >>> ax = jacobian_eigenvalues(vg.eigenvalues(network), vg.sample(network, of="eigenvalues", samples=1))
    """
    if ax is None:
        ax = new_figure(4.6, 4.9).subplots()
    depth = law.depth
    if sample is not None:
        modulus, argument = sample.log_modulus.values.ravel(), sample.argument.values.ravel()
        alive = np.isfinite(modulus)
        z = np.exp(modulus[alive] / depth + 1j * argument[alive])
        dead = np.mean(~alive)
        text = f"{modulus.size} eigenvalues" + (f", {100 * dead:.3g} % of them 0" if dead else "")
        ax.plot(z.real, z.imag, ".", color=BLUE, ms=3, alpha=0.6, label=text)
    turn = np.exp(1j * np.linspace(0, 2 * np.pi, 400))
    inner = law.support_log()[0]
    rings: list[tuple[float, str, str | None]] = [(law.log_radius, "-", "edge of the law, width → ∞")]
    if np.isfinite(inner) and inner < law.log_radius:
        rings.append((inner, "-", None))
    for level in _LEVELS:
        place = float(law.ppf_log(law.zero_mass + (1 - law.zero_mass) * level))
        rings.append((place, ":", "25, 50, 75 % of its mass" if level == _LEVELS[0] else None))
    for place, style, label in rings:
        circle = np.exp(place / depth) * turn
        ax.plot(circle.real, circle.imag, color=VERMILION, lw=1.6 if style == "-" else 0.9, ls=style, label=label)
    ax.set_aspect("equal")
    ax.margins(0.06)
    ax.set_xlabel(r"$|\lambda|^{1/L} \cos\,\arg\lambda$")
    ax.set_ylabel(r"$|\lambda|^{1/L} \sin\,\arg\lambda$")
    legend_above(ax)
    return ax
