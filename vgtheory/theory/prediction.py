"""`predict`: what theory says about every layer of a network, as one labelled data set."""

import numpy as np
import xarray as xr

from vgtheory.model.network import Network, require_independent_layers, require_plain
from vgtheory.theory.finite_width import FiniteWidth, finite_width
from vgtheory.theory.homogeneous import ExactNorms, exact_norms, has_exact_law

_UNITS = {
    "q": "variance of a pre-activation, width to infinity, for an input with |x_0|^2 = N_0",
    "log_q": "natural logarithm of q (stays finite where q leaves the range of doubles)",
    "chi": "gain of the squared gradient norm from layer l + 1 to l",
    "log_gradient_norm": "mean over networks of ln |dloss/dh_l|_2",
    "log_gradient_norm_std": "standard deviation over networks of ln |dloss/dh_l|_2",
    "log_gradient_norm_infinite_width": "ln |dloss/dh_l|_2 of the infinitely wide network",
    "log_weight_gradient_norm": "mean over networks of ln |dloss/dW_l|_F",
    "log_weight_gradient_norm_std": "standard deviation over networks of ln |dloss/dW_l|_F",
    "relative_length_bias": "(E |h_l|^2/N - q_l)/q_l, order 1/N",
    "relative_length_variance": "variance of the conditional variance of h_l, over q_l^2, order 1/N",
    "alignment": "w_l: E cos^2 of the angle between h_l and dloss/dh_l is (1 + w_l)/N",
}


def predict(network: Network) -> xr.Dataset:
    """Return the predicted gradient norms of every layer, mean and spread over random networks of this width and depth.

    For a loss whose gradient at x_L is uniform on the unit sphere and an input with ‖x_0‖² = N_0.  Positively
    homogeneous activations (linear, ReLU, leaky ReLU, |x|) follow their exact law at every width; others the expansion
    to order 1/N.

    Parameters
    ----------
    network : with numbers for width, depth and scales.

    Returns
    -------
    Dataset over ``layer`` = 1..L with q, log_q, chi, log_gradient_norm (natural logarithms), log_gradient_norm_std,
    log_gradient_norm_infinite_width, log_weight_gradient_norm, log_weight_gradient_norm_std, relative_length_bias,
    relative_length_variance, alignment.  attrs: method ("exact law" or "order 1/N"), weight_method, reliable ("yes", or
    "no: " and why), weight_reliable, assumptions, dead_probability, spec (JSON).

    Raises
    ------
    InputError : symbolic or zero quantities.
    NoSolutionError : q_l diverges.
    UnsupportedError : orthogonal weights between layers of different width; a slope that vanishes everywhere.

    Notes
    -----
    Mean field: Poole et al. (2016), Schoenholz et al. (2017).  Cost O(depth).

    Examples
    --------
    >>> import vgtheory as vg
    >>> p = predict(vg.Network("relu", vg.Weights.he(), width=100, depth=50))
    >>> p.attrs["method"], round(float(p.log_gradient_norm_std[0] ** 2), 3)
    ('exact law', 0.644)
    """
    require_plain(network, "predict")
    require_independent_layers(network, "predict")
    terms = finite_width(network)
    exact = exact_norms(network) if has_exact_law(network) else None
    mean, variance = (terms.mean, terms.variance) if exact is None else (exact.mean, exact.variance)
    if exact is None or exact.weight_mean is None or exact.weight_variance is None:
        weight_mean, weight_variance = terms.weight_mean + (mean - terms.mean), terms.weight_variance
        if exact is not None:  # the gradient's part is exact, the input's length to order 1/N
            weight_variance = weight_variance + (variance - terms.variance)
    else:
        weight_mean, weight_variance = exact.weight_mean, exact.weight_variance
    with np.errstate(over="ignore", under="ignore"):
        q, chi = np.exp(terms.log_q), np.exp(terms.log_chi)
    values = {
        "q": q,
        "log_q": terms.log_q,
        "chi": chi,
        "log_gradient_norm": mean / 2,
        "log_gradient_norm_std": _half_spread(variance),
        "log_gradient_norm_infinite_width": terms.wide_mean / 2,
        "log_weight_gradient_norm": weight_mean / 2,
        "log_weight_gradient_norm_std": _half_spread(weight_variance),
        "relative_length_bias": terms.length_bias,
        "relative_length_variance": terms.length_variance,
        "alignment": terms.alignment,
    }
    return xr.Dataset(
        {name: ("layer", value, {"description": _UNITS[name]}) for name, value in values.items()},
        coords={"layer": np.arange(1, len(q) + 1)},
        attrs=_attributes(network, terms, exact),
    )


def _half_spread(variance: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(variance, 0.0)) / 2  # orthogonal linear networks: zero up to rounding


def _attributes(network: Network, terms: FiniteWidth, exact: ExactNorms | None) -> dict[str, str | float]:
    assumptions = ["the loss gradient at x_L is uniform on the unit sphere", "|x_0|^2 = N_0"]
    if network.weights.acts_by_variance:
        assumptions.append(
            f"{network.weights.text} weights act like gaussian ones of the same variance (asymptotic in the width)"
        )
    if exact is not None and exact.dead_probability:
        assumptions.append("given that no layer is dead")
    reliable = _verdict(terms.warnings if exact is None else ())
    weights_exact = exact is not None and exact.weight_mean is not None
    return {
        "method": "order 1/N" if exact is None else "exact law",
        "weight_method": "exact law" if weights_exact else "order 1/N",
        "reliable": reliable,
        "weight_reliable": _verdict(() if weights_exact else terms.warnings),
        "assumptions": "; ".join(assumptions),
        "dead_probability": 0.0 if exact is None else exact.dead_probability,
        "max_relative_length_variance": float(terms.length_variance.max()),
        "max_alignment_weight": float(terms.alignment_weight.max()),
        "spec": network.spec_json,
    }


def _verdict(reasons: tuple[str, ...]) -> str:
    return "no: " + "; ".join(reasons) if reasons else "yes"
