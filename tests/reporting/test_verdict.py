"""The verdict follows what the networks did, and says so where theory for infinite width says something else."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import xarray as xr

import vgtheory as vg
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.verdict import verdict
from vgtheory.study.growth import Growth
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint
from vgtheory.theory.regime import Regime


def findings(change, chi, std=0.5, samples=64, dead=0, predicted=None, wide=None, depth=101, critical=1.2):
    alive = max(samples - dead, 1)
    growth = Growth(depth, samples, dead, change, std / alive**0.5, std)
    wide = (depth - 1) * math.log(chi) / 2 if wide is None and chi else wide
    point = Unavailable("q grows without limit") if critical is None else CriticalPoint(critical, 0.5, 0.8, True)
    return SimpleNamespace(
        network=vg.Network("tanh", vg.Weights.gaussian(1.5), width=64, depth=depth),
        growth=growth,
        final_chi=chi,
        prediction={
            "chi": xr.DataArray([chi or math.nan]),
            "log_gradient_norm_infinite_width": xr.DataArray([wide or 0.0, 0.0]),
        },
        predicted_change=wide if predicted is None else predicted,
        mean_field_change=wide,
        critical=point,
    )


@pytest.mark.parametrize(
    ("change", "chi", "regime"),
    [
        (20.0, 1.5, Regime.explodes),
        (-20.0, 0.67, Regime.vanishes),
        (0.5, 1.01, Regime.balanced),
        (0.0, 1.0, Regime.critical),
    ],
)
def test_regimes(change, chi, regime):
    said = verdict(findings(change, chi))
    assert said.regime is regime
    assert said.sentence.startswith(regime.value.capitalize()[:7])


def test_the_rate_and_the_remedy_are_named():
    text = verdict(findings(20.0, math.exp(0.4))).text
    assert "1.2214 per layer" in text  # e^0.2
    assert "20.000 ± 0.062" in text
    assert "σ_w = 1.2 would make it critical" in text


def test_drift_at_chi_one_within_the_spread_is_still_critical_but_told():
    said = verdict(findings(-2.5, 1.0, std=1.6, wide=0.0))
    assert said.regime is Regime.critical
    assert "2.5 in ln below mean field" in said.text


def test_drift_at_chi_one_beyond_the_spread_vanishes():
    said = verdict(findings(-40.0, 1.0, std=7.0, wide=0.0))
    assert said.regime is Regime.vanishes
    assert said.predicted is Regime.critical
    assert "with χ = 1 exactly" in said.text


def test_theory_and_simulation_at_odds():
    said = verdict(findings(-10.0, 1.2))
    assert said.regime is Regime.vanishes
    assert said.predicted is Regime.explodes
    assert "simulated networks disagree" in said.text


def test_dead_networks():
    some = verdict(findings(-5.0, 0.9, dead=3))
    assert "3 of 64 networks are dead" in some.text
    most = verdict(findings(float("nan"), 0.9, dead=60))
    assert most.regime is Regime.dead
    assert "60 of 64" in most.sentence


def test_without_prediction_or_critical_point():
    f = findings(20.0, None, wide=None, critical=None)
    f.predicted_change = None
    said = verdict(f)
    assert said.predicted is None
    assert said.regime is Regime.explodes
    assert "no critical σ_w here: q grows without limit" in said.text


def test_one_layer_and_one_sample():
    single = findings(0.0, 1.5, depth=2)
    single.growth = replace(single.growth, layers=1)
    assert verdict(single).regime is Regime.balanced
    alone = findings(20.0, 1.5)
    alone.growth = replace(alone.growth, stderr=math.nan, std=math.nan)
    assert "(20 in" in verdict(alone).sentence


def test_astronomical_factors_are_powers_of_ten():
    assert "10^{2171}" in verdict(findings(5000.0, 4.0)).sentence


def test_a_homogeneous_activation_with_bias_keeps_the_gradient_without_a_fixed_point():
    found = findings(0.1, 1.0, critical=None)
    found.network = vg.Network("relu", vg.Weights.gaussian(2**0.5, 0.1), width=64, depth=101)
    assert "It keeps the gradient (χ = 1 at every q)" in verdict(found).text
    found.final_chi, found.network = 0.5, vg.Network("relu", vg.Weights.gaussian(1, 0.1), width=64, depth=101)
    assert "σ_w = 1.41421 would keep the gradient" in verdict(found).text
