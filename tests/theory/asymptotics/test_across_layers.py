"""Covariances between layers and forward tangents, against exactly sampled and dense networks."""

from itertools import pairwise

import numpy as np
import pytest

import vgtheory as vg
from tests.oracles import weight_matrices
from tests.thinning import thinned
from vgtheory._errors import VgtheoryError
from vgtheory.theory.asymptotics.across_layers import layer_covariance, tangent_norms
from vgtheory.theory.asymptotics.finite_width import finite_width

BOUND = 4.5


def network(name, family, width, depth, scales=(1.5, 0.3)):
    return vg.Network(name, getattr(vg.Weights, family)(*scales), width, depth)


def covariance_scores(sample, expected):
    """Distances of all sample covariances from what was predicted, in standard errors."""
    centred = sample - sample.mean(axis=0)
    products = centred[:, :, None] * centred[:, None, :]
    return (products.mean(axis=0) - expected) / (products.std(axis=0) / len(sample) ** 0.5)


@pytest.fixture(scope="module", params=["gaussian", "orthogonal"])
def sampled(request):
    net = network("tanh", request.param, 256, 8)
    return net, vg.simulate(net, 6000, seed=2)


@pytest.mark.parametrize("quantity", ["log_gradient_norm", "log_weight_gradient_norm", "q"])
def test_covariances_of_sampled_networks(sampled, quantity):
    """36 pairs of layers: false-alarm rate below 3e-4.  Power: 20 % off is seen."""
    net, study = sampled
    predicted = vg.predict(net, inputs=vg.Inputs())
    assert predicted.attrs["reliable"] == "yes"
    assert predicted[f"{quantity}_covariance"].dims == ("layer", "other_layer")
    values = predicted[f"{quantity}_covariance"].values
    assert np.array_equal(values, values.T)
    assert np.abs(covariance_scores(study[quantity].values, values)).max() < BOUND
    assert np.abs(covariance_scores(study[quantity].values, 1.2 * values)).max() > BOUND


def test_the_diagonal_is_the_variance():
    net = network("silu", "gaussian", (40, 90, 60, 120), 3)
    terms = finite_width(net)
    for quantity, variance in (
        ("log_gradient_norm", terms.variance),
        ("log_weight_gradient_norm", terms.weight_variance),
    ):
        assert np.diag(layer_covariance(net)[quantity]) == pytest.approx(variance / 4, rel=1e-12)


@pytest.mark.slow
def test_what_is_not_known_of_inputs_is_left_out_and_said():
    deep = vg.predict(network("tanh", "gaussian", 9, 5000), inputs=vg.Inputs())
    assert "q_covariance" not in deep
    assert "at most 4,000" in deep.attrs["left_out"]
    assert "log_tangent_norm" in deep
    normed = vg.predict(
        vg.Network("tanh", vg.Weights.gaussian(1.5), 16, 4, norm="rms"), inputs=vg.Inputs(correlation=0.5)
    )
    assert "correlation" in normed
    assert "log_tangent_norm" not in normed
    assert normed.attrs["left_out"].count("rms norm") == 2
    assert "left_out" not in vg.predict(network("tanh", "gaussian", 9, 5)).attrs


def test_correlations_of_three_inputs_and_their_labels():
    cosines = [[1.0, 0.5, -0.2], [0.5, 1.0, 0.0], [-0.2, 0.0, 1.0]]
    predicted = vg.predict(network("tanh", "gaussian", 2000, 5), inputs=vg.Inputs(correlation=cosines))
    found = predicted.correlation
    assert dict(found.sizes) == {"layer": 5, "input": 3, "other_input": 3}
    assert np.array_equal(found.values, found.values.transpose(0, 2, 1))
    assert (found.values[:, range(3), range(3)] == 1).all()
    sampled = vg.simulate(network("tanh", "gaussian", 2000, 5), 40, seed=4, inputs=vg.Inputs(correlation=cosines))
    error = sampled.correlation.std("sample") / 40**0.5 + 2 / 2000  # and the order 1/N
    assert (abs(sampled.correlation.mean("sample") - found) < 6 * error + 1e-9).all()


def test_tangents_in_the_prediction_are_those_of_the_expansion():
    net = network("tanh", "gaussian", 64, 6)
    predicted, terms = vg.predict(net, inputs=vg.Inputs()), tangent_norms(net)
    assert np.array_equal(predicted.log_tangent_norm.values, terms.mean / 2)
    assert np.array_equal(2 * predicted.log_tangent_norm_std.values, np.sqrt(terms.variance))


@pytest.mark.parametrize("wrong", [0, True, "1", None, 0.6])
def test_other_inputs_are_refused(wrong):
    with pytest.raises(VgtheoryError, match="inputs"):
        vg.predict(network("tanh", "gaussian", 9, 5), inputs=wrong)


def tangents(family, widths, scales, samples, seed):
    """ln‖t_l‖² of dense tanh networks."""
    rng = np.random.default_rng(seed)
    x, t = rng.standard_normal((2, samples, widths[0]))
    x *= (widths[0] / (x * x).sum(axis=1, keepdims=True)) ** 0.5
    t /= (t * t).sum(axis=1, keepdims=True) ** 0.5
    out = []
    for before, own in pairwise(widths):
        w = weight_matrices(family, samples, own, before, scales[0], rng)
        h = np.einsum("sij,sj->si", w, x) + scales[1] * rng.standard_normal((samples, own))
        x = np.tanh(h)
        t = (1 - x * x) * np.einsum("sij,sj->si", w, t)
        out.append(np.log((t * t).sum(axis=1)))
    return np.stack(out, axis=1)


@pytest.mark.parametrize(
    ("family", "widths"),
    thinned([("gaussian", [60, 80, 50, 70, 60]), ("orthogonal", [64] * 5), ("orthogonal", [40, 60, 50])], 2),
)
def test_tangents_of_dense_networks(family, widths):
    """Means and variances of ln‖t_l‖²: bounds of 4.5 standard errors; without β or v_η the check would fail."""
    sample = tangents(family, widths, (1.5, 0.3), 2500, 4)
    p = tangent_norms(network("tanh", family, tuple(widths), len(widths) - 1))
    n, spread = len(sample), sample.var(axis=0)
    assert np.abs((sample.mean(axis=0) - p.mean) / np.sqrt(spread / n)).max() < BOUND
    assert np.abs((spread / p.variance - 1) / np.sqrt(2 / n)).max() < BOUND
    assert np.abs((spread / (0.8 * p.variance) - 1) / np.sqrt(2 / n)).max() > BOUND


def test_tangents_and_gradients_grow_alike():
    """Per layer at the fixed point the same variance and the same mean, by duality."""
    net = network("tanh", "gaussian", 500, 200)
    forward, backward = tangent_norms(net), finite_width(net)
    assert np.diff(forward.variance)[80:120] == pytest.approx(-np.diff(backward.variance)[80:120], rel=1e-6)
    assert np.diff(forward.mean)[80:120] == pytest.approx(-np.diff(backward.mean)[80:120], rel=1e-6)
    linear = tangent_norms(network("identity", "orthogonal", 16, 20, (1.0, 0.0)))
    assert linear.mean == pytest.approx(0, abs=1e-12)
    assert linear.variance == pytest.approx(0, abs=1e-12)
