"""The singular values of one layer's weights beside those of the Jacobian: what multiplying layers does."""

from __future__ import annotations

import math

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vgtheory._errors import UnsupportedError
from vgtheory.model.network import Network
from vgtheory.random_matrices import laws
from vgtheory.reporting.plot.spectrum import spectrum
from vgtheory.reporting.style import GREEN, RC, VERMILION, new_figure
from vgtheory.spectra.jacobian import spectrum as jacobian_spectrum


@matplotlib.rc_context(RC)
def layer_and_jacobian(network: Network, sample: xr.Dataset | None = None) -> tuple[Axes, Axes]:
    """Return the axes of the density of ln s for one layer's weights (left) and for the Jacobian (right).

    The left density is Marchenko–Pastur's for Gaussian weights (in the limit of wide layers for all of this variance),
    one atom at ln σ_w for orthogonal ones.

    Parameters
    ----------
    network : of equal widths and numbers.
    sample : ``vg.sample(network)``, drawn as a histogram behind the right one.

    Raises UnsupportedError for a network without these spectra.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=16, depth=8)
    >>> axes = layer_and_jacobian(network)
    """
    if isinstance(network.width, tuple) or float(network.sigmas[0][0]) == 0:
        raise UnsupportedError(
            "the weights' spectrum beside the Jacobian's of unequal widths or σ_w = 0; use plot.spectrum"
        )
    left, right = new_figure(8.4, 3.4).subplots(1, 2)
    scale = math.log(float(network.sigmas[0][0]))
    left.set_xlabel(r"$\ln s$ ($s$: singular value of $W_l$)")
    left.set_ylabel("density")
    if network.weights.family == "orthogonal":
        left.axvline(scale, color=GREEN, ls="--", label=rf"all at $\ln\sigma_w = {scale:.3g}$")
    else:
        law = laws.marchenko_pastur(1.0)  # of s²/σ_w²
        y = np.linspace(math.log(1e-3), math.log(2.0), 600)
        density = np.asarray(law.pdf(np.exp(2 * y)), dtype=float) * 2 * np.exp(2 * y)
        left.plot(y + scale, density, color=VERMILION, label="Marchenko–Pastur")
    left.set_ylim(bottom=0)
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0))
    spectrum(jacobian_spectrum(network), sample, ax=right)
    return left, right
