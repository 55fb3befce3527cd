"""The critical scale: where the predicted gradient neither grows nor falls, of ReLU and its like with bias too."""

from dataclasses import replace

import numpy as np
import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, NoSolutionError
from vgtheory.theory.asymptotics.critical_scale import critical_scale, critical_scale_of


@pytest.mark.parametrize(
    ("name", "sigma_b", "exact"),
    [
        ("relu", 0.3, 2**0.5),
        ("relu", 0.0, 2**0.5),
        ("identity", 1.0, 1.0),
        ("abs(x)", 0.2, 1.0),
        ("max(x, x/2)", 0.1, 1.6**0.5),
    ],
)
def test_homogeneous_activations_have_one_at_every_bias(name, sigma_b, exact):
    point = critical_scale(name, sigma_b)
    assert point.sigma_w == pytest.approx(exact, rel=1e-12)
    assert point.stable
    assert (point.q == np.inf) == (sigma_b > 0)


@pytest.mark.parametrize(
    ("act", "sigma_b"), thinned([("tanh", 0.2), ("relu", 0.5), ("sin", 0.1), ("softsign", 0.5)], 2)
)
def test_the_predicted_gradient_is_the_same_in_all_settled_layers(act, sigma_b):
    network = vg.Network(act, vg.Weights.gaussian(1.0, sigma_b), 100, 300)
    point = critical_scale_of(network)
    made = replace(network, weights=replace(network.weights, sigma_w=point.sigma_w))
    chi = vg.predict(made).chi.values
    assert chi[-2] == pytest.approx(1, abs=1e-6)
    other = replace(network, weights=replace(network.weights, sigma_w=1.05 * point.sigma_w))
    assert abs(vg.predict(other).chi.values[-2] - 1) > 1e-3


def test_it_is_critical_where_that_is_known():
    assert critical_scale("tanh", 0.2) == vg.critical("tanh", 0.2)
    assert critical_scale("relu", 0.0) == vg.critical("relu", 0.0)


def test_refusals():
    with pytest.raises(InputError, match="sigma_b"):
        critical_scale("tanh", -1.0)
    with pytest.raises(NoSolutionError, match="slope 0"):
        critical_scale("step", 0.1)
    with pytest.raises(NoSolutionError, match="∞"):
        critical_scale("sqrt(abs(x))", 0.1)
