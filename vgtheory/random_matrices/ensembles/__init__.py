"""Random matrix ensembles, normalised so that their spectra tend to the laws of `vgtheory.random_matrices.laws`."""

from vgtheory.random_matrices.ensembles.circular import Circular, Haar, circular_beta, haar
from vgtheory.random_matrices.ensembles.elliptic import EllipticMatrices, elliptic_matrices
from vgtheory.random_matrices.ensembles.ensemble import Ensemble
from vgtheory.random_matrices.ensembles.ginibre import Ginibre, ginibre
from vgtheory.random_matrices.ensembles.goodness import (
    Rigidity,
    independent_ks,
    ks_distance,
    rigid_ks,
    rigidity,
)
from vgtheory.random_matrices.ensembles.hermite import Hermite, goe, gse, gue, hermite
from vgtheory.random_matrices.ensembles.jacobi import Jacobi, jacobi
from vgtheory.random_matrices.ensembles.laguerre import Laguerre, laguerre, lue, wishart
from vgtheory.random_matrices.ensembles.products import Product, ginibre_products
from vgtheory.random_matrices.ensembles.sparse import RegularGraphs, SparseWigner, regular_graphs, sparse
from vgtheory.random_matrices.ensembles.spiked import SpikedWigner, SpikedWishart, spiked_wigner, spiked_wishart
from vgtheory.random_matrices.spacings.bulk import Bulk, bulk
from vgtheory.random_matrices.spacings.counts import delta3, form_factor, number_variance
from vgtheory.random_matrices.spacings.mean_ratios import mean_ratio
from vgtheory.random_matrices.spacings.ratios import (
    BetaFit,
    RatioTest,
    fit_beta,
    ratio_test,
    spacing_ratio,
    spacings,
)
from vgtheory.random_matrices.spacings.surmises import RatioSurmise, SpacingSurmise, ratio_surmise, spacing_surmise
from vgtheory.random_matrices.spacings.unfolding import unfold

__all__ = [
    "BetaFit",
    "Bulk",
    "Circular",
    "EllipticMatrices",
    "Ensemble",
    "Ginibre",
    "Haar",
    "Hermite",
    "Jacobi",
    "Laguerre",
    "Product",
    "RatioSurmise",
    "RatioTest",
    "RegularGraphs",
    "Rigidity",
    "SpacingSurmise",
    "SparseWigner",
    "SpikedWigner",
    "SpikedWishart",
    "bulk",
    "circular_beta",
    "delta3",
    "elliptic_matrices",
    "fit_beta",
    "form_factor",
    "ginibre",
    "ginibre_products",
    "goe",
    "gse",
    "gue",
    "haar",
    "hermite",
    "independent_ks",
    "jacobi",
    "ks_distance",
    "laguerre",
    "lue",
    "mean_ratio",
    "number_variance",
    "ratio_surmise",
    "ratio_test",
    "regular_graphs",
    "rigid_ks",
    "rigidity",
    "spacing_ratio",
    "spacing_surmise",
    "spacings",
    "sparse",
    "spiked_wigner",
    "spiked_wishart",
    "unfold",
    "wishart",
]
