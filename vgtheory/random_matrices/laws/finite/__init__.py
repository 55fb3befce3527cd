"""One-point laws at finite N: an eigenvalue picked at random from one matrix of that size."""

from vgtheory.random_matrices.laws.finite.ginibre import FiniteGinibre, finite_ginibre
from vgtheory.random_matrices.laws.finite.orthogonal import (
    FiniteGoe,
    FiniteGse,
    FiniteLoe,
    FiniteLse,
    finite_goe,
    finite_gse,
    finite_loe,
    finite_lse,
)
from vgtheory.random_matrices.laws.finite.real_ginibre import RealEigenvalues, finite_real_ginibre
from vgtheory.random_matrices.laws.finite.singular import FiniteProduct, finite_product
from vgtheory.random_matrices.laws.finite.unitary import FiniteGue, FiniteLue, finite_gue, finite_lue

__all__ = [
    "FiniteGinibre",
    "FiniteGoe",
    "FiniteGse",
    "FiniteGue",
    "FiniteLoe",
    "FiniteLse",
    "FiniteLue",
    "FiniteProduct",
    "RealEigenvalues",
    "finite_ginibre",
    "finite_goe",
    "finite_gse",
    "finite_gue",
    "finite_loe",
    "finite_lse",
    "finite_lue",
    "finite_product",
    "finite_real_ginibre",
]
