"""Report, compare, advise and inspect judge the same networks, and give each one regime."""

import itertools

import numpy as np
import pytest

import vgtheory as vg
from vgtheory.reporting.answer import answer
from vgtheory.study.advice.problems import problems_of
from vgtheory.study.advice.trial import try_out
from vgtheory.study.intervals import half_width
from vgtheory.study.lineup import lineup
from vgtheory.theory.regime import LIMIT, Regime, is_critical, regime

W = vg.Weights
NETWORKS = {
    "tanh, a change of 5.8 in ln over 100 layers": (vg.Network("tanh", W.gaussian(1.5, 0.05), 512, 100), "balanced"),
    "tanh, deeper": (vg.Network("tanh", W.gaussian(1.5, 0.05), 256, 300), "explodes"),
    "sigmoid": (vg.Network("sigmoid", W.gaussian(1.0), 64, 40), "vanishes"),
    "relu, He": (vg.Network("relu", W.he(), 256, 30), "critical"),
    "relu, He, with biases": (vg.Network("relu", W.he(0.1), 256, 30), "critical"),
    "relu, dying": (vg.Network("relu", W.he(), 3, 60), "dead"),
    "leaky relu, too large": (vg.Network("leaky_relu", W.gaussian(2.0), 64, 40), "explodes"),
    "orthogonal tanh": (vg.Network("tanh", W.orthogonal(1.1, 0.3), 64, 20), "balanced"),
    "layers of different scales": (vg.Network("tanh", W.pytorch_default(), [16, 64, 64], 2), "balanced"),
    "two layers": (vg.Network("tanh", W.gaussian(1.0), 32, 2), "balanced"),
}
# A given network of this kind is no typical one: inspection of one says little about the others.
NARROW = {
    # The mean of 64, −10.75 ± 0.44, is six standard errors farther from the limit than its interval reaches.
    "critical, but drifting": (vg.Network("relu", W.he(), 16, 120), "vanishes"),
    "a layer that is dead": (vg.Network("relu", W.he(), 1, 1, dropout=0.9), "dead"),
}
VERDICTS = {
    "balanced": "healthy",
    "critical": "healthy",
    "vanishes": "vanishes",
    "explodes": "explodes",
    "dead": "vanishes",
}


@pytest.mark.parametrize("name", NETWORKS | NARROW)
def test_report_compare_and_advise_say_the_same(name):
    network, expected = (NETWORKS | NARROW)[name]
    told = answer(network, 64, 5)
    beside = lineup([network], samples=64, seed=5).isel(network=0)
    compared = str(beside.regime.values)
    if network.parts == ():
        assert told.critical.sigma_w == float(beside.critical_sigma_w)
    trial = try_out(network, 64, 5)  # what ``vg.advise`` judges by, without its remedies
    assert {told.regime.value, compared, trial.regime.value} == {expected}
    kinds = {problem.kind for problem in problems_of(network, trial)}
    wrong = {"vanishes": "vanishing", "explodes": "exploding", "dead": "dead networks"}
    assert (wrong[expected] in kinds) if expected in wrong else kinds.isdisjoint(wrong.values())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if max(network.widths) > 128 else ())  # singular values take seconds
        for name, (network, expected) in NETWORKS.items()
        if expected != "dead"
    ],
)
def test_inspect_judges_its_weights_as_the_others_judge_the_network(name):
    network, expected = NETWORKS[name]
    sigma_w, sigma_b = network.sigmas[0]
    rng = np.random.default_rng(1)
    tensors = {}
    for k, (n, m) in enumerate(itertools.pairwise(network.widths)):
        orthogonal = network.weights.family == "orthogonal"
        weight = np.linalg.qr(rng.standard_normal((m, n)))[0] if orthogonal else rng.standard_normal((m, n)) / n**0.5
        tensors[f"layers.{k:03}.weight"] = sigma_w * weight
        tensors[f"layers.{k:03}.bias"] = sigma_b * rng.standard_normal(m)
    found = vg.inspect(tensors, activation=network.activation, order="names", skip=0)
    assert found.verdict == VERDICTS[expected]


def test_the_limit_and_its_uncertainty():
    assert regime(LIMIT - 0.1) is Regime.balanced
    assert regime(LIMIT + 0.1) is Regime.explodes
    assert regime(-LIMIT - 0.1) is Regime.vanishes
    assert regime(LIMIT + 0.1, error=0.12) is Regime.undecided
    assert regime(5.0, error=float("nan")) is Regime.undecided
    assert regime(float("nan")) is Regime.undecided
    assert regime(float("-inf")) is Regime.dead
    assert regime(3.0, dead=0.5) is Regime.balanced
    assert regime(-20.0, spread=9.0, critical=True) is Regime.vanishes


def test_undecided_is_rare_far_from_the_limit_and_common_at_it():
    """Of means of eight networks: wrong regimes in at most 1 % of cases, either side."""
    rng = np.random.default_rng(0)

    def said(true, normal=False):
        of = rng.normal(true, 0.3, (20_000, 8))
        error = of.std(axis=1, ddof=1) / 8**0.5
        error = 2.5758 * error if normal else half_width(error, 8)
        return [regime(mean, half) for mean, half in zip(of.mean(axis=1), error, strict=True)]

    for true, right in ((LIMIT - 1.2, Regime.balanced), (LIMIT + 1.2, Regime.explodes)):
        assert said(true).count(right) > 0.99 * 20_000  # eleven standard errors away
    at_it = said(LIMIT - 1e-9)
    assert at_it.count(Regime.explodes) < 0.0075 * 20_000  # 0.5 % expected, 5 standard errors of a proportion
    assert at_it.count(Regime.undecided) > 0.985 * 20_000
    assert said(LIMIT - 1e-9, normal=True).count(Regime.explodes) > 0.0075 * 20_000  # the normal quantile: 1.8 %


def test_chi_one_is_seen_by_the_prediction():
    assert is_critical(vg.predict(vg.Network("relu", W.he(), 64, 30)))
    assert is_critical(vg.predict(vg.Network("identity", W.orthogonal(1.0), 64, 30)))
    assert not is_critical(vg.predict(vg.Network("tanh", W.gaussian(1.0), 64, 30)))
    assert not is_critical(vg.predict(vg.Network("relu", W.gaussian(1.42), 64, 30)))
