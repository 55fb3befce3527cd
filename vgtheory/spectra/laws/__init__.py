"""Classical laws of random matrices as frozen distributions: pdf, cdf, sf, ppf, moment, mean, var, support, rvs."""

from vgtheory.spectra.laws.atom import PointMass, point_mass
from vgtheory.spectra.laws.elliptic import Elliptic, circular, elliptic
from vgtheory.spectra.laws.fuss_catalan import FussCatalan, fuss_catalan
from vgtheory.spectra.laws.ginibre_product import GinibreProduct, ginibre_product
from vgtheory.spectra.laws.marchenko_pastur import MarchenkoPastur, marchenko_pastur
from vgtheory.spectra.laws.semicircle import QuarterCircle, Semicircle, quarter_circle, semicircle
from vgtheory.spectra.laws.tracy_widom import TracyWidom, tracy_widom

__all__ = [
    "Elliptic",
    "FussCatalan",
    "GinibreProduct",
    "MarchenkoPastur",
    "PointMass",
    "QuarterCircle",
    "Semicircle",
    "TracyWidom",
    "circular",
    "elliptic",
    "fuss_catalan",
    "ginibre_product",
    "marchenko_pastur",
    "point_mass",
    "quarter_circle",
    "semicircle",
    "tracy_widom",
]
