"""The verdict follows what the networks did, and says so where theory for infinite width says something else."""

import math
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import vgtheory as vg
from vgtheory.reporting.answer import Answer
from vgtheory.reporting.subject import subject_of
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.verdict import verdict
from vgtheory.study.growth import Growth
from vgtheory.theory.asymptotics.critical_scale import critical_scale_of
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint
from vgtheory.theory.regime import Regime

TANH = vg.Network("tanh", vg.Weights.gaussian(1.5), width=64, depth=101)


def answer(change, chi, std=0.5, samples=64, dead=0, predicted=None, wide=None, depth=101, critical=1.2, network=TANH):
    alive = max(samples - dead, 1)
    wide = (depth - 1) * math.log(chi) / 2 if wide is None and chi else wide
    point = Unavailable("q grows without limit") if critical is None else CriticalPoint(critical, 0.5, 0.8, True)
    layers = np.arange(1, depth + 1)
    prediction = Unavailable("no theory")
    if wide is not None:
        line = np.linspace(1.0, 0.0, depth)
        prediction = xr.Dataset(
            {
                "q": ("layer", np.full(depth, 0.5)),
                "chi": ("layer", np.full(depth, chi or math.nan)),
                "log_gradient_norm_infinite_width": ("layer", wide * line),
                "log_gradient_norm": ("layer", (wide if predicted is None else predicted) * line),
            }
        )
    return Answer(
        subject_of(network), samples, 0, prediction, xr.Dataset(coords={"layer": layers}),
        Growth(depth, samples, dead, change, std / alive**0.5, std), (), point, {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "chi", "regime", "words"),
    [
        (20.0, 1.5, Regime.explodes, "The gradient explodes"),
        (-20.0, 0.67, Regime.vanishes, "The gradient vanishes"),
        (0.5, 1.01, Regime.balanced, "The gradient survives: it is balanced"),
        (0.0, 1.0, Regime.critical, "The gradient survives: the network is critical"),
    ],
)
def test_regimes(change, chi, regime, words):
    said = verdict(answer(change, chi))
    assert said.regime is regime
    assert str(said.sentence).startswith(words)


def test_the_rate_and_the_remedy_are_named():
    text = str(verdict(answer(20.0, math.exp(0.4))).text)
    assert "each layer multiplies it by 1.221" in text  # e^0.2
    assert "from layer 101 back to layer 1 it grows by a factor of 5×10^{8}" in text  # e^20 = 4.85e8
    assert "Weights of σ_w = 1.2 instead of 1.5 would make it critical" in text


def test_drift_at_chi_one_within_the_spread_is_still_critical_but_told():
    said = verdict(answer(-2.5, 1.0, std=1.6, wide=0.0))
    assert said.regime is Regime.critical
    assert "smaller by a factor of 12 than in an infinitely wide" in str(said.text)  # e^2.5 = 12.2


def test_drift_at_chi_one_beyond_the_spread_vanishes():
    said = verdict(answer(-40.0, 1.0, std=7.0, wide=0.0))
    assert said.regime is Regime.vanishes
    assert said.predicted is Regime.critical


def test_theory_and_simulation_at_odds():
    said = verdict(answer(-10.0, 1.2))
    assert said.regime is Regime.vanishes
    assert said.predicted is Regime.explodes
    assert "simulated networks disagree" in str(said.text)


def test_dead_networks():
    some = verdict(answer(-5.0, 0.9, dead=3))
    assert "3 of 64 networks are dead" in str(some.text)
    most = verdict(answer(float("nan"), 0.9, dead=60))
    assert most.regime is Regime.dead
    assert "60 of 64" in str(most.sentence)


def test_without_prediction_or_critical_point():
    said = verdict(answer(20.0, None, critical=None))
    assert said.predicted is None
    assert said.regime is Regime.explodes
    assert "no critical σ_w here: q grows without limit" in str(said.text)


def test_one_layer_and_one_sample():
    single = answer(0.0, 1.5, depth=2)
    single = replace(single, growth=replace(single.growth, layers=1))
    assert verdict(single).regime is Regime.balanced
    alone = answer(20.0, 1.5)
    alone = replace(alone, growth=replace(alone.growth, stderr=math.nan, std=math.nan))
    assert verdict(alone).regime is Regime.undecided


def test_astronomical_factors_are_powers_of_ten():
    assert "10^{2171}" in str(verdict(answer(5000.0, 4.0)).sentence)


def test_a_homogeneous_activation_with_bias_keeps_the_gradient_without_a_fixed_point():
    he = vg.Network("relu", vg.Weights.gaussian(2**0.5, 0.1), width=64, depth=101)
    point = critical_scale_of(he)
    kept = replace(answer(0.1, 1.0, network=he), critical=point)
    assert "It keeps the gradient (χ = 1 at every q)" in str(verdict(kept).text)
    small = vg.Network("relu", vg.Weights.gaussian(1, 0.1), width=64, depth=101)
    said = verdict(replace(answer(0.1, 0.5, wide=0.0, network=small), critical=point))
    assert "σ_w = 1.41421 would keep the gradient" in str(said.text)
