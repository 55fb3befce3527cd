"""Classical laws of random matrices as frozen distributions: pdf, cdf, sf, ppf, moment, mean, var, support, rvs."""

from vgtheory.random_matrices.laws.atom import PointMass, point_mass
from vgtheory.random_matrices.laws.condition import (
    DemmelCondition,
    EdelmanCondition,
    GaussianCondition,
    demmel_condition,
    edelman_condition,
    gaussian_condition,
)
from vgtheory.random_matrices.laws.elliptic import Elliptic, circular, elliptic
from vgtheory.random_matrices.laws.finite import (
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
from vgtheory.random_matrices.laws.fits.estimate import Estimate, Goodness
from vgtheory.random_matrices.laws.fits.marchenko_pastur import MarchenkoPasturFit, Outlier, fit_marchenko_pastur
from vgtheory.random_matrices.laws.fits.moments import LawFit, fit_law
from vgtheory.random_matrices.laws.free import (
    FreeProduct,
    FreeSum,
    GivenR,
    GivenS,
    free_product,
    free_sum,
    from_r_transform,
    from_s_transform,
)
from vgtheory.random_matrices.laws.free_bessel import FreeBessel, free_bessel
from vgtheory.random_matrices.laws.fuss_catalan import FussCatalan, fuss_catalan
from vgtheory.random_matrices.laws.ginibre_product import GinibreProduct, ginibre_product
from vgtheory.random_matrices.laws.kesten_mckay import KestenMcKay, kesten_mckay
from vgtheory.random_matrices.laws.law import Law
from vgtheory.random_matrices.laws.marchenko_pastur import MarchenkoPastur, marchenko_pastur
from vgtheory.random_matrices.laws.planar import PlanarLaw
from vgtheory.random_matrices.laws.polynomials.law import AlgebraicLaw
from vgtheory.random_matrices.laws.polynomials.phases import BandPhase, band_phases
from vgtheory.random_matrices.laws.polynomials.reading import algebraic, discrete
from vgtheory.random_matrices.laws.raney import Raney, raney
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.semicircle import QuarterCircle, Semicircle, quarter_circle, semicircle
from vgtheory.random_matrices.laws.tracy_widom import TracyWidom, tracy_widom
from vgtheory.random_matrices.laws.transforms import Transforms, transforms
from vgtheory.random_matrices.laws.wachter import Wachter, wachter
from vgtheory.random_matrices.laws.wishart_product import WishartProduct, wishart_product

__all__ = [
    "AlgebraicLaw",
    "BandPhase",
    "DemmelCondition",
    "EdelmanCondition",
    "Elliptic",
    "Estimate",
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
    "Goodness",
    "KestenMcKay",
    "Law",
    "LawFit",
    "MarchenkoPastur",
    "MarchenkoPasturFit",
    "Outlier",
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
    "algebraic",
    "band_phases",
    "circular",
    "demmel_condition",
    "discrete",
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
    "fit_law",
    "fit_marchenko_pastur",
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
