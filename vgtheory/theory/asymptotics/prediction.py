"""`predict`: what theory says about every layer of a network, as one labelled data set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import scipy

from vgtheory._door import lazy
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.capabilities import refusal, require, works
from vgtheory.model.columns import Columns
from vgtheory.model.inputs import Inputs, check_inputs, to_inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.model.sizes import LOG_DOUBLE
from vgtheory.model.variables import PREDICTED
from vgtheory.theory.asymptotics.doubts import closure_doubts
from vgtheory.theory.asymptotics.finite_width import FiniteWidth, finite_width
from vgtheory.theory.asymptotics.homogeneous import ExactNorms, exact_norms
from vgtheory.theory.asymptotics.prediction_of_inputs import with_inputs
from vgtheory.theory.methods import CLOSURE, EXACT_LAW, ORDER_1_N, UNIFORM_LOSS, UNIT_INPUT, reliability

if TYPE_CHECKING:
    import xarray as xr

    from vgtheory.theory.asymptotics.closure import Closure

# Loaded for the networks that need it.
_load, _ = lazy(
    __name__,
    {
        "architecture_finite_width": "vgtheory.theory.asymptotics.architectures:architecture_finite_width",
        "predict_architecture": "vgtheory.theory.asymptotics.architectures:predict_architecture",
        "closure": "vgtheory.theory.asymptotics.closure:closure",
        "predict_blocks": "vgtheory.theory.asymptotics.programs.prediction:predict_blocks",
    },
)

Method = Literal["auto", "exact law", "order 1/N", "closure"]

# Up to these the expansion is as good as the closure, which it is much faster than; above, next orders show.
EXPANDED = {"noise": 0.04, "alignment_weight": 0.01, "next_order": 0.01, "length_shift": 0.02}
NEVER = 1e-12  # chance of a unit with a slope in a layer that is called dead


@dataclass(frozen=True)
class _Norms:
    """Statistics of one kind of log norm squared, how they are known, and why not to trust them."""

    mean: Array
    variance: Array
    method: str
    doubts: tuple[str, ...] = ()


def predict(network: Network, method: Method = "auto", inputs: Inputs | int = 1) -> xr.Dataset:
    """Return the predicted gradient norms of every layer, mean and spread over random networks of this width and depth.

    For a loss whose gradient at x_L is uniform on the unit sphere and an input with ‖x_0‖² = N_0.

    Parameters
    ----------
    network : with numbers for width, depth and scales; of blocks: the limit width → ∞ of streams and their gradients,
        over (layer 0..L, stream), by mean field or, of recurrent cells, by populations of units.
    method : "exact law", for positively homogeneous activations (linear, ReLU, leaky ReLU, |x|) at every width and
        depth; "order 1/N", the expansion in the width, O(depth); "closure", which follows lengths and alignments that
        fluctuate too much to be expanded in, and skewed slopes, within seconds.  "auto" takes the exact law where there
        is one, else the expansion where fluctuations, alignment and skewness are small, else the closure.
    inputs : 1, or Inputs, for what follows below.

    Returns
    -------
    Dataset over ``layer`` = 1..L with q, log_q, chi, log_gradient_norm (natural logarithms), log_gradient_norm_std,
    log_gradient_norm_rms, log_gradient_norm_infinite_width, log_weight_gradient_norm, log_weight_gradient_norm_std,
    relative_length_bias, relative_length_variance, alignment.  attrs: method, weight_method, reliable ("yes", or "no: "
    and why), weight_reliable, expansion ("holds", or "fails: " and why), law, assumptions, dead_probability,
    variance_per_layer and drift_per_layer (what a layer adds to variance and mean of ln‖δ_l‖² at leading order in
    1/width, the drift beyond ln χ, on average over the middle half of the layers, times the smallest width),
    depth_to_width (1/variance_per_layer, the ratio L/N at which ln‖δ‖² has variance 1, so that gradients of two
    networks differ by a factor of about e and the infinitely wide network no longer describes one of them; ReLU: 1/5,
    Hanin & Nica (2020)), spec (JSON).

    With Inputs also what is known of: correlation(layer, input, other_input) of h_l, width → ∞, where a correlation of
    the inputs is given; covariances of log_gradient_norm, log_weight_gradient_norm and q between layers (name +
    "_covariance", over layer and other_layer) and forward tangents t_l = φ'(h_l)∘W_l t_{l−1} (log_tangent_norm,
    log_tangent_norm_std, tangent_alignment) to order 1/N.  attrs: inputs, left_out (what is not known, and why).

    dead_probability is the chance that all slopes of some layer are zero;
    mean and spread are those of the other networks.

    "yes" means that mean and standard deviation of log_gradient_norm are right, in every layer, to a tenth of the
    largest standard deviation of a layer, with Gaussian weights and with orthogonal ones of 48 units and more: what
    networks of 2 to 64 units keep in simulations, not what is proved.  With narrower orthogonal layers "yes" is said
    without that number: means were off by up to .36 of it (12 units), .12 (32), standard deviations by .11 (8).

    With skip connections, layer or RMS normalisation, or dropout: the expansion, which the method "auto" takes there
    whatever it is worth.  Where it is not known (normalised branches beside skip connections, batch normalisation,
    dropout behind a normalisation, orthogonal weights with either of these two), and where E φ⁴ or E φ'⁴ is infinite,
    the mean field alone (width → ∞): spreads are NaN and ``reliable`` says so.

    Raises
    ------
    InputError : symbolic or zero quantities.
    NoSolutionError : q_l diverges.
    UnsupportedError : a slope that vanishes everywhere, moments that are not finite, a method that does not apply.

    Notes
    -----
    Mean field: Poole et al. (2016), Schoenholz et al. (2017).  ln‖δ_l‖ is a sum over layers and close to normal, so
    ‖δ_l‖ is close to log-normal: its typical value is e^mean, the root of its mean square e^{mean + std²}, which rare
    networks dominate once std exceeds about 1 (Hanin & Nica (2020) for ReLU).  At infinite width both are one.

    Examples
    --------
    >>> import vgtheory as vg
    >>> p = predict(vg.Network("relu", vg.Weights.he(), width=100, depth=50))
    >>> p.attrs["method"], round(float(p.log_gradient_norm_std[0] ** 2), 3)
    ('exact law', 0.644)
    """
    if not isinstance(method, str) or method not in get_args(Method):
        raise InputError("method", ", ".join(map(repr, get_args(Method))), 'leave it out for "auto"', got=f"{method!r}")
    given = to_inputs(inputs)
    require(network, "predict" if method == "auto" else f"predict ({method})")
    check_inputs(given, isinstance(network, BlockNetwork) and network.block.recurrent, int(network.depth))
    if isinstance(network, BlockNetwork):
        if given.correlation is not None:
            require(network, "predict (correlations)")
        predicted: xr.Dataset = _load("predict_blocks")(network, given)
        return predicted
    found = predict_layers(network, method).dataset()
    return found if inputs == 1 else with_inputs(found, network, given)


def predict_layers(network: Network, method: Method = "auto") -> Columns:
    """Return what :func:`predict` says of the layers of a network that repeats no block; its arguments are checked."""
    if network.parts or not works(network, "predict (order 1/N)"):
        return _expanded(network)
    terms = finite_width(network)
    if dead := _last_without_slope(network, terms):
        found = _columns(network, *_without_gradient(terms, dead), None, None)
        return replace(found, attrs=found.attrs | {"dead_probability": 1.0})
    wanted = method == EXACT_LAW or (method == "auto" and works(network, f"predict ({EXACT_LAW})"))
    exact = exact_norms(network) if wanted else None
    return _columns(network, terms, *_norms(network, terms, exact, method), exact)


def _expanded(network: Network) -> Columns:
    """Return the expansion where it is known, else the mean field, which then says why it has no spread."""
    if unknown := refusal(network, "predict (order 1/N)"):
        return _mean_field(network, unknown.problem)
    try:
        terms: FiniteWidth = _load("architecture_finite_width")(network)
    except UnsupportedError as problem:
        return _mean_field(network, problem.problem)
    gradient = _Norms(terms.mean, terms.variance, ORDER_1_N, terms.warnings)
    weight = _Norms(terms.weight_mean, terms.weight_variance, ORDER_1_N, terms.warnings)
    return _columns(network, terms, gradient, weight, None, None)


def _mean_field(network: Network, why: str) -> Columns:
    """Return the limit width → ∞, and why there is no more."""
    found: Columns = _load("predict_architecture")(network, why)
    return found


def _last_without_slope(network: Network, terms: FiniteWidth) -> int:
    """Return the last layer in which no unit has a slope, up to a chance of 1e-12; 0 where there is none."""
    if not _dies(network):
        return 0
    spread = np.exp(np.clip(terms.log_q / 2, -LOG_DOUBLE, LOG_DOUBLE))
    slopes = network.activation.derivative_pieces()
    on = sum(_chance(float(p.lo) / spread, float(p.hi) / spread) for p in slopes if p.expr != 0)
    off = np.flatnonzero(np.array(network.widths[1:]) * on < NEVER)
    return int(off[-1]) + 1 if off.size else 0


def _chance(low: Array, high: Array) -> Array:
    """Return P(low < z < high) of a normal z, without loss of digits far out."""
    turned = low > 0
    a, b = np.where(turned, -high, low), np.where(turned, -low, high)
    return scipy.special.ndtr(b) - scipy.special.ndtr(a)


def _without_gradient(terms: FiniteWidth, layer: int) -> tuple[FiniteWidth, _Norms, _Norms]:
    """Return the expansion with no gradient at this layer and before it."""
    dead = np.arange(len(terms.mean)) < layer
    log_chi, wide, mean, weight_mean = (
        np.where(dead, -np.inf, x) for x in (terms.log_chi, terms.wide_mean, terms.mean, terms.weight_mean)
    )
    variance, weight_variance = (np.where(dead, np.nan, x) for x in (terms.variance, terms.weight_variance))
    gradient = _Norms(mean, variance, ORDER_1_N, terms.warnings)
    weight = replace(gradient, mean=weight_mean, variance=weight_variance)
    return replace(terms, log_chi=log_chi, wide_mean=wide, mean=mean, variance=variance), gradient, weight


def _dead_layers(network: Network) -> float:
    """Return the chance that dropout, or a φ that is 0 on one side of 0, makes all slopes of some layer zero."""
    one_sided = network.activation.homogeneous_degree == 1 and _dies(network)
    off = 1 - (1 - network.drop_rate) * (0.5 if one_sided else 1.0)
    return -float(np.expm1(np.log1p(-(off ** np.array(network.widths[1:], dtype=float))).sum()))


def _columns(
    network: Network,
    terms: FiniteWidth,
    gradient: _Norms,
    weight: _Norms,
    closed: Closure | None,
    exact: ExactNorms | None,
) -> Columns:
    with np.errstate(over="ignore", under="ignore"):
        q, chi = np.exp(terms.log_q), np.exp(terms.log_chi)
    bias, spread = terms.length_bias, terms.length_variance
    if closed is not None:
        sigma_b = np.array(network.sigmas)[:, 1]
        bias, spread = (closed.length_mean + sigma_b**2) / q - 1, closed.length_variance / q**2
    rms = terms.wide_mean if exact is not None else gradient.mean + gradient.variance / 2
    values = {
        "q": q,
        "log_q": terms.log_q,
        "chi": chi,
        "log_gradient_norm": gradient.mean / 2,
        "log_gradient_norm_std": _half_spread(gradient.variance),
        "log_gradient_norm_rms": rms / 2,
        "log_gradient_norm_infinite_width": terms.wide_mean / 2,
        "log_weight_gradient_norm": weight.mean / 2,
        "log_weight_gradient_norm_std": _half_spread(weight.variance),
        "relative_length_bias": bias,
        "relative_length_variance": spread,
        "alignment": terms.alignment,
    }
    return Columns(
        values, PREDICTED, _attributes(network, terms, _dead_probability(network, exact, closed), gradient, weight)
    )


def _norms(
    network: Network, terms: FiniteWidth, exact: ExactNorms | None, method: Method
) -> tuple[_Norms, _Norms, Closure | None]:
    """Return the statistics of ‖δ_l‖² and ‖∂ℓ/∂W_l‖² by the method that holds, and the closure where it was needed."""
    if exact is not None and exact.weight_mean is not None and exact.weight_variance is not None:
        return (
            _Norms(exact.mean, exact.variance, EXACT_LAW),
            _Norms(exact.weight_mean, exact.weight_variance, EXACT_LAW),
            None,
        )
    closed, doubts = None, terms.warnings
    better = bool(terms.warnings) or any(float(getattr(terms, name).max()) > limit for name, limit in EXPANDED.items())
    if method == CLOSURE or (method != ORDER_1_N and better):
        closed, doubts = _closed(network, terms, method)
    known, name = (terms, ORDER_1_N) if closed is None else (closed, CLOSURE)
    weight = _Norms(known.weight_mean, known.weight_variance, name, doubts)
    if exact is None:
        return _Norms(known.mean, known.variance, name, doubts), weight, closed
    # The gradient's part of the weight gradient is exact, the input's length is not.
    mean, variance = weight.mean + (exact.mean - known.mean), weight.variance + (exact.variance - known.variance)
    return _Norms(exact.mean, exact.variance, EXACT_LAW), _Norms(mean, variance, name, doubts), closed


def _closed(network: Network, terms: FiniteWidth, method: Method) -> tuple[Closure | None, tuple[str, ...]]:
    """Return the closure and what speaks against it; without one where it does not apply."""
    try:
        found: Closure = _load("closure")(network)
    except UnsupportedError as problem:
        if method == CLOSURE:
            raise
        return None, (*terms.warnings, f"and the closure does not apply: {problem.problem}") if terms.warnings else ()
    fixed = float(terms.next_order.max()) if network.weights.family == "orthogonal" else 0.0
    return found, closure_doubts(found, float(terms.noise.max()), fixed, _dies(network))


def _dies(network: Network) -> bool:
    """Return whether a slope is exactly zero somewhere, so that gradients can be too."""
    return any(piece.expr == 0 for piece in network.activation.derivative_pieces())


def _half_spread(variance: Array) -> Array:
    return np.sqrt(np.maximum(variance, 0.0)) / 2  # orthogonal linear networks: zero up to rounding


def _dead_probability(network: Network, exact: ExactNorms | None, closed: Closure | None) -> float:
    """Return the chance, left out of the moments, that all slopes of some layer are zero."""
    if exact is not None:
        return exact.dead_probability
    if network.parts:
        return _dead_layers(network)
    return closed.lost if closed is not None and closed.lost > 1e-12 and _dies(network) else 0.0


def _attributes(
    network: Network, terms: FiniteWidth, dead: float, gradient: _Norms, weight: _Norms
) -> dict[str, str | float]:
    assumptions = [UNIFORM_LOSS, UNIT_INPUT]
    if network.weights.acts_by_variance:
        assumptions.append(
            f"{network.weights.text} weights act like gaussian ones of the same variance (asymptotic in the width)"
        )
    if dead:
        assumptions.append("given that no layer is dead")
    width = min(network.widths)
    growth = width * _growth(terms.variance)
    with np.errstate(invalid="ignore"):  # −∞ in both where no gradient arrives
        beyond = terms.mean - terms.wide_mean
    return {
        "method": gradient.method,
        "weight_method": weight.method,
        "reliable": reliability(gradient.doubts),
        "weight_reliable": reliability(weight.doubts),
        "expansion": "fails: " + "; ".join(terms.warnings) if terms.warnings else "holds",
        "law": "|dloss/dh_l|_2 is log-normal in the bulk",
        "assumptions": "; ".join(assumptions),
        "dead_probability": dead,
        "variance_per_layer": growth,
        "drift_per_layer": width * _growth(beyond),
        "depth_to_width": 1 / growth if growth > 1e-6 else float("inf"),
        "max_relative_length_variance": float(terms.length_variance.max()),
        "max_alignment_weight": float(terms.alignment_weight.max()),
        "spec": network.spec_json,
    }


def _growth(variance: Array) -> float:
    """Return by how much the variance grows per layer, in the middle half of the layers."""
    first, last = len(variance) // 4, (3 * len(variance)) // 4
    return float(variance[0]) if last == first else float((variance[first] - variance[last]) / (last - first))
