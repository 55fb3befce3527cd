"""Figures: each function takes results and returns matplotlib axes, drawn in the one style of the package.

The figure is ``ax.figure``, e.g. ``vg.plot.spectrum(law).figure.savefig("spectrum.pdf")``.
"""

from vgtheory.reporting.plot.activation import activation
from vgtheory.reporting.plot.band_phases import band_phases
from vgtheory.reporting.plot.canvas import figure_of, sized
from vgtheory.reporting.plot.cobweb import cobweb
from vgtheory.reporting.plot.coordinates import coordinate_check
from vgtheory.reporting.plot.critical_line import critical_line
from vgtheory.reporting.plot.criticality import criticality
from vgtheory.reporting.plot.eigenvalues import eigenvalues
from vgtheory.reporting.plot.exponents import exponents
from vgtheory.reporting.plot.gradient import gradient
from vgtheory.reporting.plot.inspection import inspection
from vgtheory.reporting.plot.jacobian_eigenvalues import jacobian_eigenvalues
from vgtheory.reporting.plot.law import ensemble, law
from vgtheory.reporting.plot.layer_and_jacobian import layer_and_jacobian
from vgtheory.reporting.plot.lineup import lineup
from vgtheory.reporting.plot.phase import phase, phase_gallery
from vgtheory.reporting.plot.prediction import prediction
from vgtheory.reporting.plot.spectrum import spectrum
from vgtheory.reporting.plot.streams import gradient_in_time, token_cosine
from vgtheory.reporting.plot.sweep import sweep

__all__ = [
    "activation",
    "band_phases",
    "cobweb",
    "coordinate_check",
    "critical_line",
    "criticality",
    "eigenvalues",
    "ensemble",
    "exponents",
    "figure_of",
    "gradient",
    "gradient_in_time",
    "inspection",
    "jacobian_eigenvalues",
    "law",
    "layer_and_jacobian",
    "lineup",
    "phase",
    "phase_gallery",
    "prediction",
    "sized",
    "spectrum",
    "sweep",
    "token_cosine",
]
