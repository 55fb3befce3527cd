"""Random matrix ensembles, normalised so that their spectra tend to the laws of `vgtheory.random_matrices.laws`."""

from vgtheory.random_matrices.ensembles.circular import Circular, Haar, circular_beta, haar
from vgtheory.random_matrices.ensembles.elliptic import EllipticMatrices, elliptic_matrices
from vgtheory.random_matrices.ensembles.ensemble import Ensemble
from vgtheory.random_matrices.ensembles.ginibre import Ginibre, ginibre
from vgtheory.random_matrices.ensembles.goodness import (
    MEAN_RATIO,
    RatioTest,
    Rigidity,
    SpacingRatio,
    independent_ks,
    ks_distance,
    ratio_test,
    rigid_ks,
    rigidity,
    spacing_ratio,
    spacing_ratios,
)
from vgtheory.random_matrices.ensembles.hermite import Hermite, goe, gse, gue, hermite
from vgtheory.random_matrices.ensembles.jacobi import Jacobi, jacobi
from vgtheory.random_matrices.ensembles.laguerre import Laguerre, laguerre, lue, wishart
from vgtheory.random_matrices.ensembles.products import Product, ginibre_products
from vgtheory.random_matrices.ensembles.sparse import RegularGraphs, SparseWigner, regular_graphs, sparse
from vgtheory.random_matrices.ensembles.spiked import SpikedWigner, SpikedWishart, spiked_wigner, spiked_wishart

__all__ = [
    "MEAN_RATIO",
    "Circular",
    "EllipticMatrices",
    "Ensemble",
    "Ginibre",
    "Haar",
    "Hermite",
    "Jacobi",
    "Laguerre",
    "Product",
    "RatioTest",
    "RegularGraphs",
    "Rigidity",
    "SpacingRatio",
    "SparseWigner",
    "SpikedWigner",
    "SpikedWishart",
    "circular_beta",
    "elliptic_matrices",
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
    "ratio_test",
    "regular_graphs",
    "rigid_ks",
    "rigidity",
    "spacing_ratio",
    "spacing_ratios",
    "sparse",
    "spiked_wigner",
    "spiked_wishart",
    "wishart",
]
