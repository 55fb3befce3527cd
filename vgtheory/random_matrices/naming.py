"""Laws and ensembles by name, with parameters by name: what the command line and configuration files need."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from vgtheory._errors import InputError, UnknownNameError
from vgtheory.random_matrices import ensembles, laws
from vgtheory.random_matrices.ensembles.ensemble import Ensemble
from vgtheory.random_matrices.laws.planar import PlanarLaw
from vgtheory.random_matrices.laws.real import RealLaw

LAWS: Mapping[str, Callable[..., Any]] = {
    name: getattr(laws, name)
    for name in (
        "marchenko_pastur",
        "semicircle",
        "quarter_circle",
        "circular",
        "elliptic",
        "fuss_catalan",
        "raney",
        "free_bessel",
        "wishart_product",
        "ginibre_product",
        "kesten_mckay",
        "wachter",
        "tracy_widom",
        "edelman_condition",
        "demmel_condition",
        "gaussian_condition",
        "finite_goe",
        "finite_gue",
        "finite_gse",
        "finite_loe",
        "finite_lue",
        "finite_lse",
        "finite_ginibre",
        "finite_real_ginibre",
        "finite_product",
        "algebraic",
        "from_r_transform",
        "from_s_transform",
    )
}
ENSEMBLES: Mapping[str, Callable[..., Any]] = {
    name: getattr(ensembles, name)
    for name in (
        "goe",
        "gue",
        "gse",
        "hermite",
        "wishart",
        "lue",
        "laguerre",
        "jacobi",
        "ginibre",
        "ginibre_products",
        "elliptic_matrices",
        "haar",
        "circular_beta",
        "sparse",
        "regular_graphs",
        "spiked_wigner",
        "spiked_wishart",
    )
}


def law(name: str, **parameters: Any) -> RealLaw | PlanarLaw:
    """Return the law of this name with these parameters.

    Raises
    ------
    UnknownNameError : no law has this name.
    InputError : a parameter is missing, unknown or outside its range.

    Examples
    --------
    >>> law("marchenko_pastur", ratio=0.25).support()
    (0.25, 2.25)
    """
    return _call("law", LAWS, name, parameters)


def ensemble(name: str, **parameters: Any) -> Ensemble:
    """Return the ensemble of this name with these parameters, `size` among them.

    Raises
    ------
    UnknownNameError : no ensemble has this name.
    InputError : a parameter is missing, unknown or outside its range.

    Examples
    --------
    >>> ensemble("goe", size=3)
    Hermite(size=3, beta=1.0)
    """
    return _call("ensemble", ENSEMBLES, name, parameters)


def _call(kind: str, known: Mapping[str, Callable[..., Any]], name: str, parameters: dict[str, Any]) -> Any:
    if name not in known:
        raise UnknownNameError.among(kind, name, known)
    accepted = inspect.signature(known[name]).parameters
    listed = ", ".join(accepted) or "none"
    for given in parameters:
        if given not in accepted:
            raise InputError(f"parameter {given} of {name}", f"one of its parameters ({listed})", "give one of those")
    for needed, parameter in accepted.items():
        if parameter.default is inspect.Parameter.empty and needed not in parameters:
            raise InputError(f"{name} without {needed}", f"all of {listed}", f"give {needed}, e.g. --param {needed}=2")
    return known[name](**parameters)
