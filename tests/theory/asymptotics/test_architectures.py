"""Mean field of networks with parts against exact simulation, closed forms and published rates."""

import json
from pathlib import Path

import numpy as np
import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.theory.asymptotics.architectures import (
    architecture_rates,
    correlation_profile,
    predict_architecture,
    profile,
)
from vgtheory.theory.asymptotics.mean_field import log_length_profile

MOMENTS = [
    v
    for v in json.loads((Path(__file__).parents[2] / "reference" / "gains.json").read_text())["values"]
    if v["name"].startswith("gaussian moments q=1")
]
PARTS = [
    {"skip": "1/sqrt(depth)"},
    {"skip": vg.Skip(0.5, 2, 1.2)},
    {"norm": "layer"},
    {"norm": "rms"},
    {"norm": "layer-after"},
    {"norm": "rms-after"},
    {"dropout": 0.2},
    {"skip": 0.4, "norm": "layer", "dropout": 0.1},
]
# 8 parts × 2 activations × 2 quantities; 5 standard errors and 1/N terms of relative size 30/N on top: P < 1e-5 in all.
WIDTH, DEPTH, SAMPLES = 1000, 12, 60


def deviations(act, parts, factor=1.0):
    """Return how far mean q_L and ln‖∂ℓ/∂h_1‖ of simulated networks are from mean field, in units of the tolerance."""
    network = vg.Network(act, vg.Weights.gaussian(1.3 * factor, 0.2), WIDTH, DEPTH, **parts)
    truth = vg.Network(act, vg.Weights.gaussian(1.3, 0.2), WIDTH, DEPTH, **parts)
    found, seen = vg.predict(network), vg.simulate(truth, SAMPLES, seed=3)
    out = []
    for name, layer in (("q", DEPTH), ("log_gradient_norm", 1)):
        sample = seen[name].sel(layer=layer).values
        error, value = sample.std(ddof=1) / SAMPLES**0.5, float(found[name].sel(layer=layer))
        out.append(abs(sample.mean() - value) / (5 * error + 30 / WIDTH * (abs(value) if name == "q" else 1)))
    return out


@pytest.mark.parametrize("act", ["tanh", "relu"])
@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_mean_field_is_what_wide_simulated_networks_do(act, parts):
    assert max(deviations(act, parts)) < 1


@pytest.mark.parametrize("parts", [PARTS[1], PARTS[6]], ids=str)
def test_scales_that_are_two_percent_off_would_be_noticed(parts):
    assert max(deviations("relu", parts, 1.04)) > 1


def test_without_parts_it_is_the_plain_mean_field():
    network = vg.Network("gelu", vg.Weights.gaussian(1.3, 0.3), 100, 40)
    found, plain = profile(network), vg.predict(network)
    assert np.log(found.q) == pytest.approx(log_length_profile(network), abs=1e-12)
    assert found.log_gradient / 2 == pytest.approx(plain.log_gradient_norm_infinite_width.values, abs=1e-11)


def test_a_branch_of_scale_zero_changes_nothing():
    found = profile(vg.Network("tanh", vg.Weights.gaussian(3), 100, 50, skip=0))
    assert found.log_signal == pytest.approx(np.zeros(50))
    assert found.square == pytest.approx(np.ones(50))


def test_one_over_root_depth_tends_to_the_exponential():
    """(1 + σ_w²/(2L))^L → e^{σ_w²/2} for ReLU with two matrices."""
    depth = 4000
    network = vg.Network("relu", vg.Weights.gaussian(1.2), 10, depth, skip=vg.Skip("1/sqrt(depth)", 2, 1.0))
    found = profile(network)
    total = found.log_signal[0] + np.log1p(0.72 / depth)
    (rate,) = (f for f in architecture_rates("relu") if f.name == "residual, scale 1/√L")
    assert total == pytest.approx(float(np.log(float(rate.at(sigma_w=1.2).value()))), rel=2e-4)


@pytest.mark.parametrize("moment", thinned(MOMENTS, 4), ids=lambda v: v["name"].split()[-1])
def test_batch_normalisation_has_the_published_rate(moment):
    """Yang et al. (2019): E φ'²/Var φ, 1.46694 for ReLU; the same from the profile at depth."""
    name, published = moment["name"].split()[-1], float(moment["value"]["bn_explosion"])
    (rate,) = (f for f in architecture_rates(name) if f.name == "batch normalisation")
    assert float(rate.value()) == pytest.approx(published, rel=1e-12)
    found = profile(vg.Network(name, vg.Weights.gaussian(1.7, 0.4), 100, 30, norm="batch"))
    assert -np.diff(found.log_gradient)[5] == pytest.approx(np.log(published), rel=1e-9)


def test_finite_batches_of_linear_networks():
    """Simulated gains in the published reference: 1.198 ± 0.011 (B = 8), 1.0676 ± 0.0039 (B = 16)."""
    (rate,) = (f for f in architecture_rates("identity") if f.name == "batch normalisation, finite batch")
    assert float(rate.at(batch=8).value()) == pytest.approx(1.2, rel=1e-14)
    assert float(rate.at(batch=16).value()) == pytest.approx(14 / 13, rel=1e-14)
    with pytest.raises(InputError):
        rate.at(batch=3)


@pytest.mark.parametrize(
    ("keep", "published"),
    thinned(
        [(0.99, 0.9029325991163069), (0.95, 0.7448170868845322), (0.9, 0.6271458849492152), (0.5, 0.21723362822122166)],
        4,
    ),
)
def test_dropout_keeps_two_passes_apart(keep, published):
    """c = keep·κ(c), κ the arc-cosine map (Schoenholz et al. (2017), section 5); published to 11 digits."""
    network = vg.Network("relu", vg.Weights.gaussian((2 * keep) ** 0.5), 100, 500, dropout=1 - keep)
    assert correlation_profile(network, 1.0)[-1] == pytest.approx(published, abs=2e-9)


def test_correlations_of_a_plain_network_follow_cho_and_saul():
    """1 − c after ten layers from 0 is 0.128464483978482; the first layer's own step keeps c_1 = 0."""
    found = correlation_profile(vg.Network("relu", vg.Weights.he(), 100, 11), 0.0)
    assert 1 - found[-1] == pytest.approx(0.128464483978482, rel=1e-12)
    residual = correlation_profile(vg.Network("relu", vg.Weights.he(), 100, 11, skip="1/sqrt(depth)"), 0.0)
    assert residual[-1] < found[-1]  # a skip connection keeps inputs apart for longer


def test_what_has_no_answer_says_so():
    with pytest.raises(UnsupportedError, match="batch"):
        correlation_profile(vg.Network("relu", vg.Weights.he(), 100, 5, norm="batch"), 0.5)
    with pytest.raises(InputError, match="correlation"):
        correlation_profile(vg.Network("relu", vg.Weights.he(), 100, 5), 2.0)
    with pytest.raises(NoSolutionError, match=r"diverges|variance"):
        profile(vg.Network("relu", vg.Weights.gaussian(20), 100, 400, skip=1))
    network = vg.Network("tanh", vg.Weights.gaussian(1.5), 64, 9, norm="rms", skip=1)
    found = vg.predict(network)
    assert np.isnan(found.log_gradient_norm_std).all()
    assert "normalised branches beside skip" in found.attrs["reliable"]
    assert found.attrs == predict_architecture(network, found.attrs["reliable"].split("without ")[1]).attrs
    with pytest.raises(UnsupportedError, match="without a spread"):
        vg.compare(found, vg.simulate(network, 10))
    with pytest.raises(UnsupportedError, match="closure"):
        vg.predict(network, method="closure")
    with pytest.raises(UnsupportedError, match="slope 0"):
        vg.predict(vg.Network("sign(x)", vg.Weights.lecun(), 64, 9, norm="rms"))
