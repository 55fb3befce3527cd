"""Random matrix ensembles, normalised so that their spectra tend to the laws of `vgtheory.spectra.laws`."""

from vgtheory.spectra.ensembles.circular import Circular, Haar, circular_beta, haar
from vgtheory.spectra.ensembles.ensemble import Ensemble
from vgtheory.spectra.ensembles.ginibre import Ginibre, ginibre
from vgtheory.spectra.ensembles.hermite import Hermite, goe, gse, gue, hermite
from vgtheory.spectra.ensembles.laguerre import Laguerre, laguerre, lue, wishart

__all__ = [
    "Circular",
    "Ensemble",
    "Ginibre",
    "Haar",
    "Hermite",
    "Laguerre",
    "circular_beta",
    "ginibre",
    "goe",
    "gse",
    "gue",
    "haar",
    "hermite",
    "laguerre",
    "lue",
    "wishart",
]
