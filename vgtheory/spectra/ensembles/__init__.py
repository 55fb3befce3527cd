"""Random matrix ensembles, normalised so that their spectra tend to the laws of `vgtheory.spectra.laws`."""

from vgtheory.spectra.ensembles.hermite import Hermite, goe, gse, gue, hermite

__all__ = ["Hermite", "goe", "gse", "gue", "hermite"]
