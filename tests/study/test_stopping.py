"""A study that ends by itself ends where its interval is short enough, at the same sample everywhere."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import vgtheory as vg
from vgtheory._errors import InputError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study import experiment as module
from vgtheory.study.simulate import simulate
from vgtheory.study.stopping import FIRST_LOOK
from vgtheory.study.summary import summarise
from vgtheory.theory.asymptotics.prediction import predict

NETWORK = Network("relu", Weights.he(), width=32, depth=20)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "chunk_size", lambda cost: 16)


def half_width(study):
    found = summarise(study, quantiles=()).sel(layer=1)
    return float((found.log_gradient_norm_mean_high - found.log_gradient_norm_mean_low).max() / 2)


@pytest.mark.parametrize(
    ("network", "target", "options"),
    [
        (NETWORK, 0.03, {}),
        (NETWORK, 0.08, {}),
        (Network("tanh", Weights.gaussian(1.5, 0.1), width=8, depth=6), 0.1, {"inputs": 2, "outputs": 2}),
        (Network("tanh", Weights.gaussian(1.5), width=8, depth=6, norm="batch"), 0.1, {"batch": 4}),
    ],
)
def test_the_interval_is_as_short_as_wanted_and_not_much_shorter(network, target, options):
    study = simulate(network, 20_000, half_width=target, **options)
    assert FIRST_LOOK < study.sizes["sample"] < 20_000
    assert 0.8 * target < half_width(study) <= target


def test_the_samples_are_those_of_a_study_of_that_length_whoever_computes_them(tmp_path):
    reference = simulate(NETWORK, 20_000, half_width=0.05)
    plain = simulate(NETWORK, reference.sizes["sample"])
    for name in plain:
        assert_array_equal(reference[name], plain[name])
    with ThreadPoolExecutor(3) as pool:
        assert simulate(NETWORK, 20_000, executor=pool, half_width=0.05).identical(reference)
    assert simulate(NETWORK, 20_000, checkpoint=tmp_path, half_width=0.05).identical(reference)
    seen = []
    simulate(NETWORK, 20_000, checkpoint=tmp_path, half_width=0.04, progress=lambda done, total: seen.append(done))
    assert len(seen) > reference.sizes["sample"] // 16


def test_the_cap_holds_and_the_result_says_whether_the_target_was_reached():
    capped = simulate(NETWORK, 100, half_width=1e-4)
    assert capped.sizes["sample"] == 100
    assert "not reached" in capped.attrs["half_width"]
    assert simulate(NETWORK, 20_000, half_width=0.1).attrs["half_width"].startswith("reached: half width 0.0")
    assert simulate(NETWORK, 3, half_width=0.1).sizes["sample"] == 3


@pytest.mark.slow
def test_intervals_at_the_stop_still_cover():
    truth = float(predict(NETWORK).log_gradient_norm[0])
    hits = 0
    for seed in range(300):
        study = simulate(NETWORK, 5000, seed=seed, half_width=0.08)
        found = summarise(study, quantiles=()).sel(layer=1)
        hits += float(found.log_gradient_norm_mean_low) <= truth <= float(found.log_gradient_norm_mean_high)
    assert hits >= 267  # 93 % of 300 with a false alarm of 1 %: sequential looks cost up to 2 %
    assert hits < 300


def test_a_mean_that_there_is_not_ends_at_the_cap():
    # At width 1 a network of 30 layers is dead but for one in 2^30.
    study = simulate(Network("relu", Weights.he(), width=1, depth=30), 200, half_width=0.1)
    assert study.sizes["sample"] == 200
    assert np.isneginf(study.log_gradient_norm.values).all()
    assert study.attrs["half_width"].startswith("not reached: half width nan")


@pytest.mark.parametrize("value", [0, -1, float("nan"), "0.1", True, [0.1]])
def test_bad_targets_are_named(value):
    with pytest.raises(InputError, match=r"half_width must be a positive number \(got "):
        simulate(NETWORK, 10, half_width=value)


def test_several_networks_have_no_common_end():
    with pytest.raises(InputError, match="half_width together with several networks"):
        vg.simulate([NETWORK, NETWORK], 10, half_width=0.1)


def test_studies_of_blocks_end_by_themselves_too():
    network = vg.Network(vg.blocks.lstm(vg.Weights.gaussian(1)), 8, 6)
    found = simulate(network, 5000, half_width=0.1)
    watched = found.log_stream_gradient_norm.sel(stream="h", layer=0)
    assert found.sizes["sample"] < 5000
    assert 1.96 * float(watched.std() / len(watched) ** 0.5) == pytest.approx(0.1, rel=0.1)
    assert found.attrs["half_width"].startswith("reached")
    assert "log_stream_gradient_norm at layer 0" in found.attrs["half_width"]
