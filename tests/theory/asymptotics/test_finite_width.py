"""The 1/N statistics against networks multiplied out with dense matrices, and against limits.

Statistical tests use fixed seeds.  A bound of 4.5 standard errors on each of 32 numbers has a false-alarm rate of
at most 2e-4 over seeds; the next order of the expansion is worth less than one standard error at these sizes.
"""

import numpy as np
import pytest
from scipy.special import expit

import vgtheory as vg
from tests.oracles import network_gradients
from vgtheory._errors import UnsupportedError
from vgtheory.theory.asymptotics import finite_width as module
from vgtheory.theory.asymptotics.finite_width import finite_width, layer_coefficients

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
FUNCTIONS = {
    "tanh": (np.tanh, lambda h: 1 - np.tanh(h) ** 2),
    "sin": (np.sin, np.cos),
    "sigmoid": (expit, lambda h: expit(h) * (1 - expit(h))),
    "selu": (
        lambda h: SELU_SCALE * np.where(h > 0, h, SELU_ALPHA * np.expm1(np.minimum(h, 0))),
        lambda h: SELU_SCALE * np.where(h > 0, 1, SELU_ALPHA * np.exp(np.minimum(h, 0))),
    ),
    "relu": (lambda h: np.maximum(h, 0), lambda h: (h > 0) * 1.0),
}
SCALES = {"tanh": (1.5, 0.05), "sin": (1.3, 0.2), "sigmoid": (4.0, 0.5), "selu": (1.0, 0.0), "relu": (2**0.5, 0.1)}
BOUND = 4.5


def brute(name, family, widths, samples, seed):
    rng = np.random.default_rng(seed)
    parts = [
        network_gradients(family, *FUNCTIONS[name], widths, *SCALES[name], min(500, samples - k), rng)
        for k in range(0, samples, 500)
    ]
    return {key: 2 * np.concatenate([p[key] for p in parts]) for key in ("gradient", "weight")}


def network(name, family, widths):
    return vg.Network(name, getattr(vg.Weights, family)(*SCALES[name]), tuple(widths), len(widths) - 1)


def scores(sample, mean, variance):
    """How many standard errors a sample's mean and variance lie from what was predicted."""
    n = len(sample)
    spread = sample.var(axis=0, ddof=1)
    fourth = ((sample - sample.mean(axis=0)) ** 4).mean(axis=0)
    return np.stack(
        [(sample.mean(axis=0) - mean) / np.sqrt(spread / n), (spread - variance) / np.sqrt((fourth - spread**2) / n)]
    )


@pytest.fixture(scope="module")
def tanh_sample():
    return brute("tanh", "gaussian", [64] * 9, 4000, 1)


def test_tanh_means_and_variances_of_both_gradients(tanh_sample):
    p = finite_width(network("tanh", "gaussian", [64] * 9))
    assert np.abs(scores(tanh_sample["gradient"], p.mean, p.variance)).max() < BOUND
    assert np.abs(scores(tanh_sample["weight"], p.weight_mean, p.weight_variance)).max() < BOUND
    assert p.warnings == ()


@pytest.mark.parametrize("dropped", ["covariance", "slope_noise", "length_noise"])
def test_the_sample_tells_when_a_term_is_dropped(tanh_sample, dropped, monkeypatch):
    """Power twin: without any one of these terms the same check fails (rank_one: in the slow tests)."""
    right = layer_coefficients

    def wrong(net):
        k = right(net)
        return module.LayerCoefficients(**{**vars(k), dropped: 0 * getattr(k, dropped)})

    monkeypatch.setattr(module, "layer_coefficients", wrong)
    p = finite_width(network("tanh", "gaussian", [64] * 9))
    found = [
        np.abs(scores(tanh_sample["gradient"], p.mean, p.variance)).max(),
        np.abs(scores(tanh_sample["weight"], p.weight_mean, p.weight_variance)).max(),
    ]
    assert max(found) > BOUND


@pytest.mark.slow
def test_unequal_widths():
    widths = [40, 90, 60, 120, 50, 80]
    p = finite_width(network("sin", "gaussian", widths))
    sample = brute("sin", "gaussian", widths, 3000, 2)
    assert np.abs(scores(sample["gradient"], p.mean, p.variance)).max() < BOUND
    assert np.abs(scores(sample["weight"], p.weight_mean, p.weight_variance)).max() < BOUND


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu", "selu"])
def test_other_activations_with_gaussian_weights(name):
    widths = [96] * 7
    p = finite_width(network(name, "gaussian", widths))
    sample = brute(name, "gaussian", widths, 2000, 3)
    assert np.abs(scores(sample["gradient"], p.mean, p.variance)).max() < BOUND
    assert np.abs(scores(sample["weight"], p.weight_mean, p.weight_variance)).max() < BOUND


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family"), [("tanh", "orthogonal"), ("selu", "orthogonal"), ("tanh", "uniform")])
def test_other_weights(name, family):
    widths = [64] * 6
    p = finite_width(network(name, family, widths))
    sample = brute(name, family, widths, 2000, 4)
    assert np.abs(scores(sample["gradient"], p.mean, p.variance)).max() < BOUND
    assert np.abs(scores(sample["weight"], p.weight_mean, p.weight_variance)).max() < BOUND


def deep_scores(name):
    """Scores of 20 000 exactly sampled networks of width 128 and depth 40, once per activation."""
    net = network(name, "gaussian", [128] * 41)
    if name not in DEEP:
        DEEP[name] = 2 * vg.simulate(net, 20_000, seed=8, method="exact")["log_gradient_norm"].values
    p = finite_width(net)
    return np.abs(scores(DEEP[name], p.mean, p.variance)).max()


DEEP = {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tanh", "selu", "sin", "sigmoid"])
def test_deep_networks_sampled_exactly(name, monkeypatch):
    """Mean to 0.01 and variance to 1 % (one standard error): 80 numbers, false-alarm rate below 1e-3."""
    assert deep_scores(name) < BOUND
    right = layer_coefficients
    for dropped in ("covariance", "slope_noise", "length_noise", "rank_one", "slope_curvature"):
        monkeypatch.setattr(
            module,
            "layer_coefficients",
            lambda net, d=dropped: module.LayerCoefficients(**{**vars(right(net)), d: 0 * getattr(right(net), d)}),
        )
        assert deep_scores(name) > BOUND, dropped
    monkeypatch.setattr(
        module,
        "layer_coefficients",
        lambda net: module.LayerCoefficients(**{**vars(right(net)), "slope_noise": 1.1 * right(net).slope_noise}),
    )
    assert deep_scores(name) > BOUND


def test_the_infinitely_wide_limit():
    p = finite_width(vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), 10**6, 40))
    assert p.mean == pytest.approx(p.wide_mean, abs=1e-3)
    assert p.variance.max() < 1e-3
    assert p.wide_mean[0] == pytest.approx(p.log_chi[:-1].sum() + p.wide_mean[-1])


def test_growth_per_layer_at_the_fixed_point():
    """tanh (1.5, 0.05): N × variance per layer 4.616, N × drift per layer −1.845, to three digits; ReLU 5 and −2.5."""
    width, depth = 1000, 400
    p = finite_width(vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width, depth))
    assert width * np.diff(p.variance)[100:200] == pytest.approx(-4.616, abs=2e-3)
    assert width * np.diff(p.mean - p.wide_mean)[100:200] == pytest.approx(1.845, abs=2e-3)
    relu = finite_width(vg.Network("relu", vg.Weights.he(), width, depth))
    assert width * np.diff(relu.variance)[:-1] == pytest.approx(-5.0, abs=1e-9)
    assert width * np.diff(relu.mean)[:-1] == pytest.approx(2.5, abs=1e-9)


def test_orthogonal_linear_networks_do_not_fluctuate():
    p = finite_width(vg.Network("identity", vg.Weights.orthogonal(1.1), 16, 50))
    assert p.variance == pytest.approx(0, abs=1e-12)
    assert p.mean == pytest.approx(p.wide_mean, abs=1e-12)


def test_warnings_name_what_fails():
    assert finite_width(vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), 64, 300)).warnings == ()
    gelu = finite_width(vg.Network("gelu", vg.Weights.gaussian(1.4, 0.3), 64, 60)).warnings
    assert any("length" in w for w in gelu)
    assert any("align" in w for w in gelu)
    assert any("align" in w for w in finite_width(vg.Network("softplus", vg.Weights.gaussian(1, 0.1), 64, 60)).warnings)
    assert any("slopes" in w for w in finite_width(vg.Network("sigmoid", vg.Weights.gaussian(4, 0.5), 10, 5)).warnings)
    with pytest.raises(UnsupportedError, match="slope 0"):
        finite_width(vg.Network("sign(x)", vg.Weights.orthogonal(1.5), (4, 5), 1))
