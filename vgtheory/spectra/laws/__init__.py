"""Classical laws of random matrices as frozen distributions: pdf, cdf, sf, ppf, moment, mean, var, support, rvs."""

from vgtheory.spectra.laws.atom import PointMass, point_mass
from vgtheory.spectra.laws.condition import (
    DemmelCondition,
    EdelmanCondition,
    GaussianCondition,
    demmel_condition,
    edelman_condition,
    gaussian_condition,
)
from vgtheory.spectra.laws.elliptic import Elliptic, circular, elliptic
from vgtheory.spectra.laws.finite import (
    FiniteGinibre,
    FiniteGoe,
    FiniteGse,
    FiniteGue,
    FiniteLoe,
    FiniteLse,
    FiniteLue,
    FiniteProduct,
    RealEigenvalues,
    finite_ginibre,
    finite_goe,
    finite_gse,
    finite_gue,
    finite_loe,
    finite_lse,
    finite_lue,
    finite_product,
    finite_real_ginibre,
)
from vgtheory.spectra.laws.free import (
    FreeProduct,
    FreeSum,
    GivenR,
    GivenS,
    free_product,
    free_sum,
    from_r_transform,
    from_s_transform,
)
from vgtheory.spectra.laws.free_bessel import FreeBessel, free_bessel
from vgtheory.spectra.laws.fuss_catalan import FussCatalan, fuss_catalan
from vgtheory.spectra.laws.ginibre_product import GinibreProduct, ginibre_product
from vgtheory.spectra.laws.kesten_mckay import KestenMcKay, kesten_mckay
from vgtheory.spectra.laws.law import RealLaw
from vgtheory.spectra.laws.marchenko_pastur import MarchenkoPastur, marchenko_pastur
from vgtheory.spectra.laws.planar import PlanarLaw
from vgtheory.spectra.laws.raney import Raney, raney
from vgtheory.spectra.laws.semicircle import QuarterCircle, Semicircle, quarter_circle, semicircle
from vgtheory.spectra.laws.tracy_widom import TracyWidom, tracy_widom
from vgtheory.spectra.laws.transforms import Transforms, transforms
from vgtheory.spectra.laws.wachter import Wachter, wachter
from vgtheory.spectra.laws.wishart_product import WishartProduct, wishart_product

__all__ = [
    "DemmelCondition",
    "EdelmanCondition",
    "Elliptic",
    "FiniteGinibre",
    "FiniteGoe",
    "FiniteGse",
    "FiniteGue",
    "FiniteLoe",
    "FiniteLse",
    "FiniteLue",
    "FiniteProduct",
    "FreeBessel",
    "FreeProduct",
    "FreeSum",
    "FussCatalan",
    "GaussianCondition",
    "GinibreProduct",
    "GivenR",
    "GivenS",
    "KestenMcKay",
    "MarchenkoPastur",
    "PlanarLaw",
    "PointMass",
    "QuarterCircle",
    "Raney",
    "RealEigenvalues",
    "RealLaw",
    "Semicircle",
    "TracyWidom",
    "Transforms",
    "Wachter",
    "WishartProduct",
    "circular",
    "demmel_condition",
    "edelman_condition",
    "elliptic",
    "finite_ginibre",
    "finite_goe",
    "finite_gse",
    "finite_gue",
    "finite_loe",
    "finite_lse",
    "finite_lue",
    "finite_product",
    "finite_real_ginibre",
    "free_bessel",
    "free_product",
    "free_sum",
    "from_r_transform",
    "from_s_transform",
    "fuss_catalan",
    "gaussian_condition",
    "ginibre_product",
    "kesten_mckay",
    "marchenko_pastur",
    "point_mass",
    "quarter_circle",
    "raney",
    "semicircle",
    "tracy_widom",
    "transforms",
    "wachter",
    "wishart_product",
]
