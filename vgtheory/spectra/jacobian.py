"""The singular values of the input-output Jacobian J = ∂x_L/∂x_0 of an infinitely wide network, at any depth."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from vgtheory._errors import InputError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.spectra.curve import Curve, Ensemble
from vgtheory.spectra.equal_layers import EqualLayers
from vgtheory.spectra.lengths import lengths_of, log_lengths, residual_lengths
from vgtheory.spectra.one_layer import OneLayer
from vgtheory.spectra.product import Product
from vgtheory.spectra.profile import factors, profile_product, rectangular_law
from vgtheory.spectra.residual import ResidualLimit, is_trivial, limit_strength, outlier, residual_product
from vgtheory.spectra.slope_law import WIDTH, SlopeLaw, normal_mass, slope_law
from vgtheory.spectra.spectrum import Spectrum, SquaredLaw
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.formula import exact

_CONSTANT = 1e-10  # spread of ln q_l below which all layers have one law


def spectrum(network: Network, q: ArrayLike | Literal["profile", "stationary"] = "profile") -> Spectrum:
    """Return the law of the singular values of the Jacobian J = ∂x_L/∂x_0 at this depth, width → ∞.

    There are N_L, the roots of the eigenvalues of J Jᵀ: where a network widens 1 − N_0/N_L or more of them are 0, which
    ``vg.sample`` does not list.

    Parameters
    ----------
    network : numbers everywhere; widths may differ (N_l → ∞ in these proportions) and there may be skip connections,
        then J = ∏ (I + a D_l W_l) or ∏ (I + a W'_l D_l W_l).  With weights that are not Gaussian or orthogonal the law
        is that of Gaussian ones (universality).
    q : variance of the pre-activations: "profile", q_l of every layer from ‖x_0‖² = N_0; "stationary", the value that
        q_l tends to from there; a number; or one number per layer, e.g. measured ones (`q` of ``vg.simulate`` or of
        ``vg.inspect``).

    Raises
    ------
    NoSolutionError : "stationary" where q_l tends to 0 or diverges.
    UnsupportedError : normalisation or dropout; an activation whose slope is zero wherever it exists; a spectrum that
        could not be followed to its lower end.

    Notes
    -----
    The eigenvalues of J Jᵀ have the free multiplicative convolution of the laws of the layers (Pennington et al.
    (2017)).  With one law of D² it is an explicit curve (`kernels.spectral_curve`); otherwise a path of Newton
    solutions (`kernels.spectral_path`) over at most 20 laws that stand for all layers of one shape.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> law = spectrum(Network("relu", Weights.he(), width=500, depth=10))
    >>> law.atoms
    ((0.0, 0.5),)
    >>> round(law.mean_square, 12), round(law.relative_var_square, 12)
    (1.0, 20.0)
    >>> residual = spectrum(Network("tanh", Weights.gaussian(1.0), width=500, depth=50, skip=0.15))
    >>> low, high = residual.support_log()
    >>> round(low, 2), round(high, 2)
    (-1.03, 1.02)
    """
    _require_supported(network)
    assumptions = ["width → ∞ at fixed depth", "pre-activations normal, independent between units"]
    if network.weights.acts_by_variance:
        assumptions.append("the distribution of the weights' entries enters through its variance only (universality)")
    apart, equal = None, None
    if network.skip is not None:
        log_q = residual_lengths(network, q)
        law: SquaredLaw = Product(()) if is_trivial(network) else residual_product(network, log_q)
        apart = outlier(network, law) if isinstance(law, Product) and law.parts else None
    else:
        ensemble: Ensemble = "orthogonal" if network.weights.family == "orthogonal" else "gaussian"
        log_q = log_lengths(network, q)
        if len(set(network.widths)) > 1:
            law = rectangular_law(network, log_q, ensemble)
        elif float(np.ptp(log_q)) < _CONSTANT:
            law = one_law(network.activation, float(np.exp(log_q[-1])), len(log_q), ensemble, _log_variance(network))
            equal = equal_layers(network, ensemble, float(np.exp(log_q[-1])))
        else:
            law = profile_product(network.activation, log_q, ensemble, _log_variance(network))
    if isinstance(law, Product):
        _ = law.bands  # what cannot be followed is refused here, not at the first question
    return Spectrum(law, lengths_of(log_q), "asymptotic", tuple(assumptions), apart, equal)


def residual_limit(network: Network, q: ArrayLike | Literal["profile"] = "profile") -> Spectrum:
    """Return the law that `spectrum` of a residual network tends to as depth → ∞ at fixed c = a² σ_w² Σ_l E φ'(h_l)².

    A closed form, free multiplicative Brownian motion, the same for Gaussian and orthogonal weights; at depth L it is
    off by about c/L: use `spectrum` below some 50 layers.

    Raises InputError for a network without skip connections, else as `spectrum` does.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> law = residual_limit(Network("relu", Weights.he(), width=500, depth=1000, skip="1/sqrt(depth)"))
    >>> round(law.log_mean_square, 12), round(float(law.ppf(0.5)), 12)
    (1.0, 1.0)
    """
    _require_supported(network)
    if network.skip is None:
        raise InputError("a network without skip connections", "one with skip=", 'e.g. skip="1/sqrt(depth)"')
    log_q = residual_lengths(network, q)
    law: SquaredLaw = Product(()) if is_trivial(network) else ResidualLimit(limit_strength(network, log_q))
    assumptions = ("width → ∞, then depth → ∞ at fixed c", "pre-activations normal, independent between units")
    return Spectrum(law, lengths_of(log_q), "asymptotic", assumptions)


def layer_laws(network: Network, q: Any) -> tuple[tuple[SlopeLaw, ...], tuple[float, ...], Ensemble, float, Array]:
    """Return (laws of φ'(h)², how many layers each stands for, ensemble, ln σ_w², ln q_l) of layers of one width.

    Raises errors as `spectrum` does.
    """
    _require_supported(network)
    ensemble: Ensemble = "orthogonal" if network.weights.family == "orthogonal" else "gaussian"
    log_q = log_lengths(network, q)
    parts = factors(network.activation, log_q, ensemble, _log_variance(network))
    return tuple(f.law for f in parts), tuple(f.count for f in parts), ensemble, _log_variance(network), log_q


def one_law(activation: Activation, q: float, depth: int, ensemble: Ensemble, log_variance: float) -> SquaredLaw:
    """Return the law of x = s² where every layer has pre-activations of variance q.

    Up to three orthogonal layers the curve comes close to the law's own axis, which takes finer panels.
    """
    if ensemble == "orthogonal" and depth == 1:
        return OneLayer(activation, q, log_variance)
    fine = ensemble == "orthogonal" and depth <= 3
    law = slope_law(activation, q, WIDTH / 2) if fine else slope_law(activation, q)
    return Curve(law, depth, ensemble, log_variance)


def equal_layers(network: Network, ensemble: Ensemble, q: float) -> EqualLayers | None:
    """Return what is exact of equal layers; None unless φ' has finitely many values."""
    pieces = network.activation.derivative_pieces()
    if any(piece.expr.free_symbols for piece in pieces):
        return None
    shares: dict[sp.Expr, sp.Expr] = {}
    for piece in pieces:
        square = _decimals(piece.expr) ** 2
        low, high = float(piece.lo) / np.sqrt(q), float(piece.hi) / np.sqrt(q)
        shares[square] = shares.get(square, sp.Integer(0)) + exact(normal_mass(low, high))
    levels = tuple(sorted((square, share) for square, share in shares.items() if square != 0))
    sigma_w, _ = network.weights.sigma_at(*network.widths[:2])
    return EqualLayers(ensemble, int(network.depth), _decimals(sigma_w), levels)


def _decimals(value: sp.Expr) -> sp.Expr:
    """Return a number with its decimals at their printed value."""
    return value.xreplace({number: exact(float(number)) for number in value.atoms(sp.Float)})


def _require_supported(network: Network) -> None:
    require(network, "spectrum")


def _log_variance(network: Network) -> float:
    return 2 * float(np.log(network.sigmas[0][0]))
