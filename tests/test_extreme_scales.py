"""Every verb at every scale: an answer, or one of the package's errors that names what is out of range."""

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vgtheory as vg
from vgtheory.model.sizes import LARGEST_SCALE, SMALLEST_SCALE
from vgtheory.model.weights import fan_in

FAMILIES = ("gaussian", "orthogonal")
PARTS = ({}, {"skip": 0.1}, {"norm": "layer"}, {"norm": "rms-after"}, {"dropout": 0.1})
ACTIVATIONS = ("tanh", "relu")
VERBS = {
    "bounds": lambda network: vg.bounds(network).tightest(),
    "predict": vg.predict,
    "predict, inputs": lambda network: vg.predict(network, inputs=2),
    "simulate": lambda network: vg.simulate(network, samples=2),
    "spectrum": lambda network: vg.spectrum(network, q="profile").ppf_log(0.5),
    "eigenvalues": lambda network: vg.eigenvalues(network, q="profile").ppf_log(0.5),
    "lyapunov": vg.lyapunov,
    "sample": lambda network: vg.sample(network, of="singular values", samples=1),
    "fixed points": lambda n: vg.fixed_points(n.activation, *n.sigmas[0]),
    "critical": lambda n: vg.critical(n.activation, n.sigmas[0][1]),
    "phase diagram": lambda n: vg.phase_diagram(n.activation, n.sigmas[0][0], n.sigmas[0][1]),
}
# The quick ones are asked by default.
QUICK = ("predict", "simulate", "fixed points", "critical", "phase diagram")


def asked(verb, activation, family, sigma_w, sigma_b, parts):
    """Ask; the package's errors are answers, and anything else, a warning too, is not."""
    weights = getattr(vg.Weights, family)(sigma_w, sigma_b)
    with contextlib.suppress(vg.VgtheoryError):
        VERBS[verb](vg.Network(activation, weights, width=6, depth=4, **parts))


EXTREME = st.floats(np.log10(SMALLEST_SCALE), np.log10(LARGEST_SCALE)).map(lambda e: float(10**e))
SCALES = st.tuples(
    st.sampled_from([SMALLEST_SCALE, LARGEST_SCALE]) | EXTREME,
    st.sampled_from([0.0, SMALLEST_SCALE, LARGEST_SCALE]) | EXTREME,
)
EASY = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None}


@pytest.mark.parametrize("verb", QUICK)
@settings(max_examples=6, **EASY)
@given(scales=SCALES, parts=st.sampled_from(PARTS))
def test_no_scale_gets_anything_but_an_answer_or_an_error_of_the_package(verb, scales, parts):
    asked(verb, "tanh", "gaussian", *scales, parts)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("verb", VERBS)
@settings(max_examples=4, **EASY)
@given(scales=SCALES, family=st.sampled_from(FAMILIES), parts=st.sampled_from(PARTS))
def test_no_scale_of_any_activation_does(verb, activation, scales, family, parts):
    asked(verb, activation, family, *scales, parts)


@pytest.mark.parametrize("sigma", [1e-300, 1e-200, 9.9e-61, 1.1e60, 1e160, 1e300, 10**400, -1.0, float("nan"), np.inf])
def test_what_no_scale_can_be_is_named(sigma):
    asks = (
        lambda: vg.Weights.gaussian(sigma),
        lambda: vg.Weights.orthogonal(1, sigma),
        lambda: vg.fixed_points("tanh", sigma),
        lambda: vg.critical("tanh", sigma),
        lambda: vg.Network("tanh", vg.Weights.gaussian(1), 8, 4, skip=sigma).skip_scales if sigma > 0 else vg.Skip("x"),
    )
    for ask in asks[:4] if not 0 < sigma < np.inf else asks:
        with pytest.raises(vg.VgtheoryError, match=r"1e-60|finite number|real number"):
            ask()


def test_a_scale_that_depends_on_the_shape_is_looked_at_where_the_shape_is_known():
    network = vg.Network("tanh", vg.Weights.gaussian(fan_in**20), 10_000, 4)
    with pytest.raises(vg.VgtheoryError, match="sigma_w must be 0, or a finite number from 1e-60 to 1e"):
        vg.predict(network)


@pytest.mark.parametrize(("activation", "sigma_w"), [("tanh", 1e3), ("sigmoid", 1e4), ("erf", 1e3), ("tanh", 1e60)])
@pytest.mark.parametrize("method", ["exact", "dense"])
def test_slopes_that_underflow_are_said_to(activation, sigma_w, method):
    network = vg.Network(activation, vg.Weights.gaussian(sigma_w), width=4, depth=20)
    with pytest.raises(vg.VgtheoryError, match=r"the slopes of .* leave the range of float64.*saturated"):
        vg.simulate(network, samples=8, method=method)


def test_a_large_bias_leaves_the_share_of_the_weights_its_digits():
    """ln‖∂ℓ/∂W_l‖ − ln‖∂ℓ/∂h_l‖ = ln‖x_{l−1}‖, of x = φ(b) whatever the small weights: none of it may cancel."""
    small, smaller = (vg.predict(vg.Network("tanh", vg.Weights.gaussian(s, 1.0), 50, 4)) for s in (1e-6, 1e-12))
    for suffix in ("", "_std"):
        assert np.isfinite(smaller["log_weight_gradient_norm" + suffix]).all()
    inputs = [p.log_weight_gradient_norm - p.log_gradient_norm for p in (small, smaller)]
    np.testing.assert_allclose(inputs[1], inputs[0], rtol=1e-9)
    np.testing.assert_allclose(smaller.log_weight_gradient_norm_std, small.log_weight_gradient_norm_std, rtol=1e-6)
