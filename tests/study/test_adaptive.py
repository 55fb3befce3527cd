"""A study that ends by itself ends where its interval is short enough, at the same sample everywhere."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from vgtheory._errors import InputError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study import simulate as module
from vgtheory.study.adaptive import FIRST_LOOK, Until
from vgtheory.study.simulate import simulate
from vgtheory.study.statistics import statistics
from vgtheory.theory.asymptotics.prediction import predict

NETWORK = Network("relu", Weights.he(), width=32, depth=20)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "chunk_size", lambda cost: 16)


def half_width(study, variable, layer, statistic="mean"):
    found = statistics(study, quantiles=(0.5,)).sel(layer=layer)
    key = f"{variable}_{statistic}"
    return float((found[f"{key}_high"] - found[f"{key}_low"]).squeeze() / 2)


@pytest.mark.parametrize(
    ("variable", "layer", "statistic", "target"),
    [
        ("log_gradient_norm", 1, "mean", 0.03),
        ("log_weight_gradient_norm", 7, "mean", 0.05),
        ("log_q", 20, "variance", 0.2),
        ("log_gradient_norm", 3, "median", 0.06),
    ],
)
def test_the_interval_is_as_short_as_wanted_and_not_much_shorter(variable, layer, statistic, target):
    study = simulate(NETWORK, 20_000, until=Until(target, variable, layer, statistic))
    assert FIRST_LOOK < study.sizes["sample"] < 20_000
    found = half_width(study, variable, layer, "quantile" if statistic == "median" else statistic)
    least = 0.5 if statistic == "median" else 0.8  # spacings of order statistics vary more
    assert least * target < found <= target


def test_the_samples_are_those_of_a_study_of_that_length_whoever_computes_them(tmp_path):
    until = Until(0.05)
    reference = simulate(NETWORK, 20_000, until=until)
    plain = simulate(NETWORK, reference.sizes["sample"])
    for name in plain:
        assert_array_equal(reference[name], plain[name])
    with ThreadPoolExecutor(3) as pool:
        assert simulate(NETWORK, 20_000, executor=pool, until=until).identical(reference)
    assert simulate(NETWORK, 20_000, checkpoint=tmp_path, until=until).identical(reference)
    seen = []
    simulate(NETWORK, 20_000, checkpoint=tmp_path, until=Until(0.04), progress=lambda done, total: seen.append(done))
    assert len(seen) > reference.sizes["sample"] // 16


def test_the_cap_holds_and_the_result_says_whether_the_target_was_reached():
    capped = simulate(NETWORK, 100, until=Until(1e-4))
    assert capped.sizes["sample"] == 100
    assert "not reached" in capped.attrs["until"]
    assert "not reached" not in simulate(NETWORK, 20_000, until=Until(0.1)).attrs["until"]
    assert simulate(NETWORK, 3, until=Until(0.1)).sizes["sample"] == 3


@pytest.mark.slow
def test_intervals_at_the_stop_still_cover():
    truth = float(predict(NETWORK).log_gradient_norm[0])
    hits = 0
    for seed in range(300):
        study = simulate(NETWORK, 5000, seed=seed, until=Until(0.08))
        found = statistics(study, quantiles=()).sel(layer=1)
        hits += float(found.log_gradient_norm_mean_low) <= truth <= float(found.log_gradient_norm_mean_high)
    assert hits >= 267  # 93 % of 300 with a false alarm of 1 %: sequential looks cost up to 2 %
    assert hits < 300


def test_a_statistic_that_stays_infinite_ends_at_the_cap():
    # A layer where (nearly) every network is dead has no mean.
    network = Network("relu", Weights.he(), width=1, depth=12)
    study = simulate(network, 200, until=Until(0.1, statistic="variance"))
    assert study.sizes["sample"] == 200
    assert np.isneginf(study.log_gradient_norm.values[:, 0]).mean() > 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Until(0), "half_width"),
        (lambda: Until(0.1, "gradient"), "variable"),
        (lambda: Until(0.1, statistic="mode"), "statistic"),
        (lambda: Until(0.1, level=1), "level"),
        (lambda: simulate(NETWORK, 10, until=Until(0.1, layer=21)), "layer = 21"),
        (lambda: simulate(NETWORK, 10, until=Until(0.1, layer=0)), "layer = 0"),
        (lambda: simulate(NETWORK, 10, until=0.1), "until"),
    ],
)
def test_bad_targets_are_named(make, message):
    with pytest.raises(InputError, match=message):
        make()
