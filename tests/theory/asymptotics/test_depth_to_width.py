"""Growth per layer at fixed points, to the digits of a table of them, and the ratio of depth to width that follows."""

import math

import pytest

import vgtheory as vg
from vgtheory._errors import InputError, NoSolutionError
from vgtheory.theory.asymptotics.depth_to_width import depth_to_width

# activation, σ_w, σ_b, q*, χ, N × variance per layer, N × drift per layer; computed once by an independent program
TABLE = [
    ("tanh", 1.5, 0.05, 0.79839, 1.13671, 4.616, -1.845),
    ("tanh", 1.3, 0.2, 0.50554, 0.99772, 3.904, -1.616),
    ("selu", 1.0, 0.0, 1.0, 1.07157, 4.420, -1.468),
    ("sin", 1.3, 0.2, 0.65867, 1.07133, 3.431, -1.484),
    ("softplus", 1.0, 0.1, 0.87451, 0.28933, 3.816, -0.589),
    ("sigmoid", 4.0, 0.5, 6.1399, 0.39110, 4.900, -2.747),
    ("gelu", 1.4, 0.3, 0.26635, 0.70588, 8.987, 2.512),
]


@pytest.mark.parametrize(("name", "sigma_w", "sigma_b", "q", "chi", "variance", "drift"), TABLE)
def test_growth_per_layer(name, sigma_w, sigma_b, q, chi, variance, drift):
    found = depth_to_width(name, sigma_w, sigma_b)
    assert (found.q, found.chi) == pytest.approx((q, chi), rel=2e-5)
    assert (found.variance_per_layer, found.drift_per_layer) == pytest.approx((variance, drift), abs=1.5e-3)
    assert found.ratio == pytest.approx(1 / variance, rel=1e-3)


def test_homogeneous_activations():
    relu, linear = depth_to_width("relu", 2**0.5, 0.3), depth_to_width("identity", 1.0)
    assert (relu.ratio, linear.ratio) == pytest.approx((1 / 5, 1 / 2), rel=1e-6)
    assert depth_to_width("identity", 1.0, 0.0, "orthogonal").ratio == math.inf


def test_the_ratio_is_where_the_variance_is_one():
    ratio = depth_to_width("tanh", 1.5, 0.05).ratio
    p = vg.predict(vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), 2000, round(2000 * ratio)))
    assert 4 * float(p.log_gradient_norm_std[0]) ** 2 == pytest.approx(1, abs=0.02)
    assert p.attrs["depth_to_width"] == pytest.approx(ratio, rel=0.01)


def test_refusals():
    with pytest.raises(InputError, match="family"):
        depth_to_width("tanh", 1.0, family="uniform")
    with pytest.raises(InputError, match="sigma_w"):
        depth_to_width("tanh", 0.0)
    with pytest.raises(NoSolutionError, match="beyond every bound"):
        depth_to_width("x**2", 1.0, 0.5)
