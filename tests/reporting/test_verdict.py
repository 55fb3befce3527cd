"""The verdict follows what the networks did, and says so where theory for infinite width says something else."""

import math
import re
from dataclasses import fields, replace

import numpy as np
import pytest
import xarray as xr

import vgtheory as vg
from vgtheory.reporting.answer import Answer
from vgtheory.reporting.answer import answer as answer_of
from vgtheory.reporting.document import FigureRow
from vgtheory.reporting.findings import Findings, Tried, gather
from vgtheory.reporting.key_numbers import key_numbers
from vgtheory.reporting.story import agreement
from vgtheory.reporting.story_change import critical_scale
from vgtheory.reporting.story_matrices import matrices_step
from vgtheory.reporting.subject import subject_of
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.verdict import verdict
from vgtheory.study.advice.code import Code
from vgtheory.study.advice.remedies import Candidate, Remedy
from vgtheory.study.advice.simulated_remedies import Rejected, remedies_of
from vgtheory.study.advice.trial import Trial
from vgtheory.study.growth import Growth
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


def test_the_rate_is_named():
    text = str(verdict(answer(20.0, math.exp(0.4))).text)
    assert "each layer multiplies it by 1.221" in text  # e^0.2
    assert "from layer 101 back to layer 1 it grows by a factor of 5×10^{8}" in text  # e^20 = 4.85e8


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
    lone = found(answer(20.0, None, critical=None), Tried((), ()))
    assert "no critical σ_w here: q grows without limit" in str(critical_scale(lone))


def test_one_layer_and_one_sample():
    single = answer(0.0, 1.5, depth=2)
    single = replace(single, growth=replace(single.growth, layers=1))
    assert verdict(single).regime is Regime.balanced
    alone = answer(20.0, 1.5)
    alone = replace(alone, growth=replace(alone.growth, stderr=math.nan, std=math.nan))
    assert verdict(alone).regime is Regime.undecided


def test_astronomical_factors_are_powers_of_ten():
    assert "10^{2171}" in str(verdict(answer(5000.0, 4.0)).sentence)


def found(given, advice, **further):
    names = {field.name for field in fields(Findings)} - {field.name for field in fields(Answer)}
    return Findings(**vars(given), **(dict.fromkeys(names) | {"advice": advice} | further))


def advised(change, dead=0, half=0.1, kept=True):
    """Return advice whose only change is the critical scale 1.2 of `answer`, among the remedies or rejected."""
    network = replace(TANH, weights=vg.Weights.gaussian(1.2))
    trial = Trial(Growth(101, 64, dead, change, half / 2.66, half * 3))
    tried = Candidate("critical scale", "Gaussian weights with σ_w = 1.2, σ_b = 0", network, Code("", ""))
    if kept:
        return Tried((Remedy(tried.kind, tried.change, network, trial, "", ""),), ())
    return Tried((), (Rejected(tried, trial, "no better"),))


@pytest.mark.parametrize(
    ("advice", "words"),
    [
        (
            advised(-0.1),
            "σ_w = 1.2 instead of 1.5 would make it critical: in 64 simulated networks the gradient",
        ),
        (
            advised(-9.0),
            "help and are not enough: in 64 simulated networks the gradient in layer 1 is then 0.00012",
        ),
        (advised(-19.0, kept=False), "is no cure at this width and depth: in 64 simulated networks the gradient in"),
        (advised(-1.0, dead=60, kept=False), "is no cure at this width: 60 of 64 simulated networks with it are dead."),
        (
            advised(-4.75, half=0.79, kept=False),
            "would make it critical: in 64 simulated networks the gradient in layer 1",
        ),
        (advised(-1.0, dead=6), "is no cure at this width: 6 of 64 simulated networks with it are dead."),
        *(
            (
                advised(-6.0, half=half, kept=kept),
                "Whether the critical σ_w = 1.2 keeps the gradient is not decided: in",
            )
            for half in (1.5, math.nan)  # NaN: of a single network
            for kept in (True, False)
        ),
        (Unavailable("time is up"), "The critical σ_w = 1.2 was not simulated: time is up."),
        (None, ""),
    ],
)
def test_the_critical_scale_is_what_its_simulation_makes_of_it(advice, words):
    text = str(critical_scale(found(answer(20.0, math.exp(0.4)), advice)))
    assert (words in text) if words else not text


@pytest.mark.parametrize(
    ("weights", "width", "words"),
    [
        (vg.Weights.gaussian(1.5).tie(), 64, "was not simulated: scales are tried with Gaussian or orthogonal"),
        (vg.Weights.sparse(1.5, 0, 0.1), 64, "not with weights like these."),
        (vg.Weights.orthogonal(1.5).tie(), 64, "not with weights like these."),
        (vg.Weights.orthogonal(1.5), (64, *[32] * 101), "was not simulated: orthogonal weights are tried only where"),
        (vg.Weights.gaussian(1.5, 0.3), 64, ""),  # what was tried has no biases
        (vg.Weights.gaussian(1.5), 64, "would make it critical: in 64 simulated networks"),
    ],
)
def test_a_trial_of_other_weights_says_nothing_of_these(weights, width, words):
    network = replace(TANH, weights=weights, width=width)
    text = str(critical_scale(found(answer(20.0, math.exp(0.4), network=network), advised(-0.1))))
    assert (words in text) if words else not text


def test_the_critical_scale_of_orthogonal_weights_is_tried_with_such():
    network = vg.Network("tanh", vg.Weights.orthogonal(1.5, 0.1), width=16, depth=40)
    given = answer_of(network, samples=16)
    text = str(critical_scale(found(given, Tried(*remedies_of(network, Trial(given.growth), 16, 0)))))
    rescaled = replace(network, weights=vg.Weights.orthogonal(given.critical.sigma_w, 0.1))
    logs = vg.simulate(rescaled, 64, seed=5, method="dense").log_gradient_norm.values
    assert abs((logs[:, 0] - logs[:, -1]).mean()) < math.log(1e3)
    assert "would make it critical" in text


def test_an_unstable_critical_point_and_one_that_is_there():
    unstable = replace(answer(20.0, 1.5), critical=CriticalPoint(1.2, 0.5, 1.8, False))
    assert "was not simulated: its fixed point is unstable" in str(critical_scale(found(unstable, Tried((), ()))))
    there = found(answer(-20.0, 1.0, critical=1.5), Tried((), ()))
    assert str(critical_scale(there)) == "It has the critical σ_w."


def test_one_network_ranks_no_change():
    given = answer_of(vg.Network("sigmoid", vg.Weights.gaussian(1), width=8, depth=30), samples=1)
    assert "one simulated network does not tell" in str(verdict(given).text)
    assert not [name for name, *_ in key_numbers(given) if "spread" in str(name)]
    gathered = gather(given)
    assert isinstance(gathered.advice, Unavailable)
    assert "was not simulated: one network bounds no spread" in str(critical_scale(gathered))


def test_what_kills_simulated_networks_is_not_recommended():
    network = vg.Network("Min(Max(50*x,-1),1)", vg.Weights.gaussian(1, 0.3), width=16, depth=20)
    given = answer_of(network)
    advice = Tried(*remedies_of(network, Trial(given.growth), 64, 0))
    text = str(critical_scale(found(given, advice)))
    rescaled = replace(network, weights=vg.Weights.gaussian(given.critical.sigma_w, 0.3))
    drawn = vg.simulate(rescaled, 64, seed=5, method="dense").log_gradient_norm.values
    assert np.isneginf(drawn[:, 0]).all()
    assert "is no cure at this width: 64 of 64" in text
    assert "would make it critical" not in text
    # Smaller biases are what helps: at σ_w = 1/50, σ_b = 0 units are within the linear part.
    best = next(remedy for remedy in advice.remedies if remedy.kind == "critical scale")
    assert best.network.sigmas[-1] == pytest.approx((0.02, 0.0))
    alive = vg.simulate(best.network, 64, seed=5, method="dense").log_gradient_norm.values
    assert np.isfinite(alive[:, 0]).mean() > 0.9


def test_which_scales_keep_layers_alive():
    shifted = vg.Network("Max(x-1,0)", vg.Weights.gaussian(1.4), width=64, depth=20)
    alive = vg.simulate(replace(shifted, weights=vg.Weights.gaussian(4.55)), 64, method="dense").log_gradient_norm
    assert np.isfinite(alive.values).all()
    assert np.isneginf(vg.simulate(shifted, 64, method="dense").log_gradient_norm.values[:, 0]).all()
    text = str(verdict(answer_of(shifted)).text)
    assert "no scale" not in text
    assert "another scale of the weights" in text
    dying = []
    for sigma_w in (0.1, 1.4, 10.0):
        narrow = vg.Network("relu", vg.Weights.gaussian(sigma_w), width=2, depth=60)
        dying.append(np.isneginf(vg.simulate(narrow, 64, method="dense").log_gradient_norm.values))
        assert "no scale of the weights does" in str(verdict(answer_of(narrow)).text)
    assert (dying[0] == dying[1]).all()  # the same networks, whatever the scale
    assert (dying[1] == dying[2]).all()


@pytest.mark.parametrize(("name", "sigma_b"), [("Abs(x)", 0.3), ("identity", 0.0)])
def test_an_exact_isometry_is_told_as_one(name, sigma_b):
    network = vg.Network(name, vg.Weights.orthogonal(1, sigma_b), width=8, depth=20)
    rng, jacobian, x = np.random.default_rng(0), np.eye(8), np.ones(8)
    for _ in range(20):
        w = np.linalg.qr(rng.standard_normal((8, 8)))[0]
        h = w @ x + sigma_b * rng.standard_normal(8)
        slopes = np.sign(h) if name == "Abs(x)" else np.ones(8)
        jacobian, x = slopes[:, None] * (w @ jacobian), np.abs(h) if name == "Abs(x)" else h
    assert np.linalg.svd(jacobian, compute_uv=False) == pytest.approx(np.ones(8), abs=1e-12)
    given = answer_of(network)
    assert "it is as long in layer 1 as in layer 20" in str(verdict(given).text)
    told = found(given, None, law=vg.spectrum(network), sampled=Unavailable(""))
    numbers = {str(name): str(value) for name, value, _ in key_numbers(given)}
    assert numbers["depth at which it leaves float32"] == "never"
    assert numbers["spread between networks, standard deviation of ln"] == "0"
    assert str(critical_scale(told)) == ""
    assert str(agreement(told)) == "Theory predicts the same for every network, to all digits."
    step = " ".join(str(block.text) for block in matrices_step(told) if hasattr(block, "text"))
    assert "stretches all directions alike" in step
    assert "all its singular values are 1" in step
    assert "spread with every layer" not in step
    assert not any(isinstance(block, FigureRow) for block in matrices_step(told))  # of rounding errors


@pytest.mark.parametrize("widths", [(12, 8, 8), (12, 12, 8), (12, 10, 8)])
def test_a_narrowing_network_of_orthogonal_weights_loses_directions(widths):
    network = vg.Network("identity", vg.Weights.orthogonal(1), width=widths, depth=2)
    rng, jacobian = np.random.default_rng(0), np.eye(12)
    for outputs, inputs in ((widths[1], widths[0]), (widths[2], widths[1])):
        jacobian = np.linalg.qr(rng.standard_normal((inputs, inputs)))[0][:outputs] @ jacobian
    assert np.linalg.svd(jacobian, compute_uv=False) == pytest.approx(np.ones(8), abs=1e-12)
    assert np.linalg.matrix_rank(jacobian) == 8  # of the 12 directions of an input
    told = found(answer_of(network), None, law=vg.spectrum(network), sampled=Unavailable(""))
    step = " ".join(str(block.text) for block in matrices_step(told) if hasattr(block, "text"))
    assert "all directions alike" not in step
    assert "eigenvalues" not in step
    assert (
        "of 2 such layers are 1, and every gradient is multiplied by that; of the 12 directions of an input 8" in step
    )


def test_weights_of_zero_are_what_kills():
    network = vg.Network("tanh", vg.Weights.gaussian(0, 0.1), width=8, depth=5)
    text = str(verdict(answer_of(network)).text)
    assert text == "The gradient dies: all weights of a layer are 0, so that nothing at all arrives before it."


def test_a_product_that_spreads_is_no_isometry():
    network = vg.Network("tanh", vg.Weights.orthogonal(1.1, 0.1), width=8, depth=20)
    told = found(answer_of(network), None, law=vg.spectrum(network), sampled=Unavailable(""))
    step = " ".join(str(block.text) for block in matrices_step(told) if hasattr(block, "text"))
    assert "spread with every layer" in step


def test_a_rate_within_its_error_gives_no_depth():  # 0.003 ± 0.0066: 88.7 in ln takes 9,200 layers at least
    given = replace(
        answer(0.3, 1.0, std=2.0), prediction=Unavailable("")
    )  # 0.003 ± 0.0066 per layer: 88.7 in ln takes 9,200 layers at least
    numbers = {str(name): str(value) for name, value, _ in key_numbers(given)}
    assert re.fullmatch(r"more than 9,\d{3} layers", numbers["depth at which it leaves float32"])
