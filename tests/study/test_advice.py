"""advise: the problems named are there, and a remedy does what is claimed when other random numbers judge it."""

import re
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
import sympy as sp
from scipy.stats import t as student
from scipy.stats import ttest_ind_from_stats

import vgtheory as vg
from vgtheory._errors import InputError
from vgtheory.reporting.translation import translator
from vgtheory.study.advice import trial as trials_module
from vgtheory.study.advice.advise import advise
from vgtheory.study.advice.recipes import recipe
from vgtheory.study.advice.remedies import Remedy, best_of_each_kind, candidates
from vgtheory.study.advice.simulated_remedies import not_enough
from vgtheory.study.advice.trial import Trial, simulated, try_out
from vgtheory.study.growth import Growth, growth_of
from vgtheory.symbolic import kept
from vgtheory.theory.regime import Regime

DEEP_SIGMOID = vg.Network("sigmoid", vg.Weights.pytorch_default(), width=64, depth=40)


@pytest.fixture(scope="module")
def sigmoid():
    return advise(DEEP_SIGMOID, samples=256)


def test_a_deep_sigmoid_network_vanishes_because_its_weights_are_too_small(sigmoid):
    assert [p.kind for p in sigmoid.problems][:2] == ["vanishing", "vanishing"]
    assert "σ_w ≥ 4" in sigmoid.problems[1].text
    # ½ ln χ = −1.95 per layer and 24 ln 2 = 16.6: lost 9 layers before the end
    assert 30 <= sigmoid.problems[0].from_layer <= 33


def test_remedies_are_ranked_and_better(sigmoid):
    shown = [(r.trial.off, r.cost != "") for r in sigmoid.remedies]
    assert shown == sorted(shown)
    for r in sigmoid.remedies:  # what is shown is what a typical network is off by, to half a step of e^¼
        assert abs(np.log(r.trial.off) - np.hypot(r.trial.simulated, r.trial.std)) <= 0.125 + 1e-12
    assert sigmoid.remedies[0].trial.badness < sigmoid.trial.badness / 50
    assert max(r.trial.badness for r in sigmoid.remedies) < sigmoid.trial.badness / 3
    # σ_w ≥ 4 is critical only where signals are long: q* = 45 at the smallest bias.
    assert "saturated" in next(r.cost for r in sigmoid.remedies if r.kind == "critical scale")
    kinds = {"activation", "activation transform", "critical scale", "orthogonal weights", "skip connection"}
    assert kinds <= {r.kind for r in sigmoid.remedies}


def trial(change, stderr, std, dead=0.0, samples=100):
    """Return a trial of networks of 9 layers, of which a share is dead."""
    return Trial(Growth(9, samples, round(samples * dead), change, stderr, std))


def remedy(kind, change, cost="", std=0.1, loss=None):
    return Remedy(kind, kind, None, trial(change, 0.01, std), "", "", cost, loss)


def test_what_keeps_more_of_the_gradient_ranks_above_what_costs_nothing():
    found = [
        remedy("normalisation", -12.0),  # better than it was, and yet not balanced
        remedy("skip connection", -1.71),  # ×0.18
        remedy("orthogonal weights", -0.21, "saturated"),  # ×0.81
        remedy("activation", 0.19, "saturated"),
        remedy("width", 0.23),  # as near as the one before, and without a cost
        remedy("critical scale", 0.2, std=3.0),  # on average only: its networks differ by a factor of 20
    ]
    order = ["width", "activation", "orthogonal weights", "skip connection", "critical scale", "normalisation"]
    assert [r.kind for r in best_of_each_kind(found)] == order


def test_of_modules_what_lasts_ranks_first_then_what_learns():
    found = [
        remedy("activation", 0.0, loss=0.2),
        remedy("orthogonal weights", 0.0, loss=0.1),
        remedy("skip connection", 0.9, loss=0.4),
        remedy("normalisation", -9.0, loss=0.0),
    ]
    order = ["skip connection", "orthogonal weights", "activation", "normalisation"]
    assert [r.kind for r in best_of_each_kind(found)] == order


def change(network, samples, seed):
    norms = vg.simulate(network, samples=samples, seed=seed, method="dense").log_gradient_norm.values
    return norms[:, 0] - norms[:, -1]


SURE = 7e-6  # two-sided, of 4.5 standard errors


def agreement(claimed, seen):
    """Return the p-value of two means being equal: of eight networks errors are not known well."""
    here = (claimed.simulated, claimed.std, claimed.growth.samples)
    return ttest_ind_from_stats(*here, seen.mean(), seen.std(ddof=1), len(seen), equal_var=False).pvalue


def test_claims_hold_when_matrices_are_drawn(sigmoid):
    # Three claims at most: false alarm about 2e-5.
    for remedy in sigmoid.remedies:
        if remedy.kind in ("skip connection", "critical scale", "orthogonal weights"):
            assert agreement(remedy.trial, change(remedy.network, 1000, seed=77)) > SURE


def test_a_scale_two_percent_off_is_noticed(sigmoid):
    remedy = next(r for r in sigmoid.remedies if r.kind == "critical scale")
    sigma_w, sigma_b = remedy.network.sigmas[0]
    wrong = vg.Network("sigmoid", vg.Weights.gaussian(1.02 * sigma_w, sigma_b), width=64, depth=40)
    claimed = try_out(remedy.network, 2048, seed=0)
    assert agreement(claimed, change(remedy.network, 2000, seed=77)) > SURE
    assert agreement(claimed, change(wrong, 2000, seed=77)) < SURE


def test_nothing_goes_wrong_in_a_wide_critical_network():
    advice = advise(vg.Network("relu", vg.Weights.he(), width=512, depth=20), samples=32)
    assert advice.problems == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "kinds"),
    [
        (vg.Network("tanh", vg.Weights.gaussian(2.0), width=256, depth=100), {"exploding"}),
        (vg.Network("gelu", vg.Weights.gaussian(1.2), width=256, depth=100), {"vanishing", "length collapse"}),
        (vg.Network("relu", vg.Weights.gaussian(2.0), width=256, depth=60), {"exploding", "length growth"}),
        (vg.Network("tanh", vg.Weights.gaussian(1.0, 2.0), width=256, depth=30), {"vanishing", "saturation"}),
        (vg.Network("relu", vg.Weights.he(), width=16, depth=200), {"spread"}),
        (vg.Network("relu", vg.Weights.he(), width=2, depth=50), {"dead networks"}),
    ],
)
def test_each_problem_is_named(network, kinds):
    found = {p.kind for p in advise(network, samples=16).problems}
    assert kinds <= found


def test_the_width_that_is_advised_gives_the_wanted_spread():
    advice = advise(vg.Network("relu", vg.Weights.he(), width=32, depth=100), samples=64)
    remedy = next(r for r in advice.remedies if r.kind == "width")
    assert remedy.trial.std == pytest.approx(0.5, rel=0.3)


def test_recipes_state_the_scale():
    code = recipe(vg.Network("tanh", vg.Weights.gaussian(1.25, 0.05), width=8, depth=2))
    assert re.search(r"std=1\.25 / layer\.weight\[0\]\.numel\(\)\*\*0\.5", code.pytorch)
    assert "layer.bias, std=0.05" in code.pytorch
    assert "variance_scaling(1.5625" in code.jax
    orthogonal = recipe(vg.Network("tanh", vg.Weights.orthogonal(1.25), width=8, depth=2))
    assert "orthogonal_(layer.weight, gain=1.25)" in orthogonal.pytorch
    assert "zeros_(layer.bias)" in orthogonal.pytorch


def test_recipes_run_in_pytorch():
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(1000, 1000)
    for weights in (vg.Weights.gaussian(1.25, 0.5), vg.Weights.orthogonal(1.25, 0.5)):
        code = recipe(vg.Network("tanh", weights, width=8, depth=2)).pytorch
        exec(code, {"torch": torch, "layer": layer})  # noqa: S102 - our own text, which users are told to run
        scale = float(layer.weight.detach().std()) * sqrt(1000)
        assert scale == pytest.approx(1.25, rel=5 / 1000)  # standard error 0.7/1000
        assert float(layer.bias.detach().std()) == pytest.approx(0.5, rel=0.15)


def test_recipes_run_in_jax():
    jax = pytest.importorskip("jax")
    code = recipe(vg.Network("tanh", vg.Weights.gaussian(1.25), width=8, depth=2)).jax
    kernel = eval(code, {"jax": jax})(jax.random.key(0), (1000, 1000))  # noqa: S307 - our own text
    assert float(np.std(kernel)) * sqrt(1000) == pytest.approx(1.25, rel=5 / 1000)


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="samples"):
        advise(DEEP_SIGMOID, samples=1)

    with pytest.raises(InputError):
        advise(vg.Network("tanh", vg.Weights.gaussian(sp.Symbol("s", positive=True)), width=8, depth=3))


def test_a_remedy_reduces_what_is_wrong_dead_networks_first():
    advice = advise(vg.Network("relu", vg.Weights.he(), width=8, depth=200), samples=32)
    assert advice.trial.regime is Regime.dead
    assert advice.problems[0].kind == "dead networks"
    for remedy in advice.remedies:
        assert remedy.trial.dead <= advice.trial.dead / 2
        assert abs(remedy.trial.simulated) < 0.3 * abs(advice.trial.simulated)
    assert any(text.startswith("leaky_relu") for text in advice.rejected)


@pytest.mark.parametrize(
    ("present", "tried", "cures"),
    [
        ((-41.0, 0.5, 5.0, 0.58), (-44.0, 0.5, 5.0, 0.0), False),  # alive, but as bad
        ((-41.0, 0.5, 5.0, 0.58), (-2.0, 0.1, 1.0, 0.0), True),
        ((-41.0, 0.5, 5.0, 0.58), (-2.0, 0.1, 1.0, 0.4), False),  # as many dead
        ((-1.0, 0.1, 1.0, 0.3), (-1.5, 0.1, 1.0, 0.0), True),  # the dead were all that was wrong
        ((-1.0, 0.1, 1.0, 0.0), (-0.2, 0.1, 0.1, 0.1), False),  # kills networks
        ((float("-inf"), 0.0, 0.0, 1.0), (-30.0, 0.1, 1.0, 0.0), False),
        ((float("-inf"), 0.0, 0.0, 1.0), (3.0, 0.1, 1.0, 0.0), True),
        ((-20.0, 0.1, 1.0, 0.0), (-1.0, 0.1, 0.5, 0.0), True),
    ],
)
def test_what_counts_as_a_cure(present, tried, cures):
    assert trial(*tried).cures(trial(*present)) is cures


def test_what_a_few_networks_reject_no_cure_would_be_of_all():
    network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=64, depth=60)
    advice = advise(network, samples=64)
    present, rejected = advice.trial, [text for text in advice.rejected if " networks, not enough" in text]
    assert rejected
    for candidate in candidates(network, present):
        whole = simulated(candidate.network, 64, seed=0)
        few = simulated(candidate.network, 64, seed=0, present=present)
        few_reject = few.growth.samples < 64 and not few.cures(present)
        assert any(text.startswith(f"{candidate.change}: ") for text in rejected) is few_reject
        assert not (few_reject and whole.cures(present))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([5.32], "5.32 in ln in one network, too few to tell"),
        ([5.32, -np.inf], "5.32 in ln in one network, 50% dead, too few to tell"),
        ([5.0, 6.0], "5.5 ± 32 in ln, not enough"),  # Cauchy's quantile 63.66 times ½
        ([-np.inf], "1 of 1 networks are dead"),
    ],
)
def test_a_single_network_gives_no_error_and_no_claim(changes, text):
    assert not_enough(Trial(Growth.of(changes, layers=9)), len(changes)) == text
    assert translator("zh")(f"tanh: {text}") != f"tanh: {text}"


@pytest.mark.parametrize(
    "network",
    [
        vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=32, depth=20),
        vg.Network(vg.blocks.lstm(vg.Weights.gaussian(1.0)), width=8, depth=12),
    ],
)
def test_a_trial_goes_on_where_it_stopped_to_look(network, monkeypatch):
    whole = simulated(network, 40, seed=3)
    monkeypatch.setattr(Trial, "suffices", lambda *_: False)  # 8, 16, 32, 40
    looked = simulated(network, 40, seed=3, present=whole)
    assert replace(looked, growth=replace(looked.growth, looks=1)) == whole
    assert looked.growth.looks == 4
    monkeypatch.undo()
    alone = vg.simulate(network, 40, seed=3)
    assert whole.growth == growth_of(alone)


def test_a_trial_is_remembered_and_on_this_machine_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "_in_use", lambda _: tmp_path)  # of facts: machine code stays where it is
    monkeypatch.setattr(kept, "WORTH", -1.0)
    networks = [vg.Network("tanh", vg.Weights.gaussian(scale), width=16, depth=5) for scale in (1, 2)]
    networks += [vg.Network(vg.blocks.lstm(vg.Weights.gaussian(1)), width=16, depth=5)]
    trials = [simulated(network, 12, seed=3) for network in networks]
    assert [made.growth for made in trials] == [growth_of(vg.simulate(network, 12, seed=3)) for network in networks]
    trials_module._drawn.cache_clear()  # as another process begins
    monkeypatch.setattr(trials_module, "samples_of", lambda network, *_: pytest.fail(f"{network} is simulated"))
    assert [simulated(network, 12, seed=3) for network in networks] == trials
    for other in (lambda: simulated(networks[0], 12, seed=4), lambda: simulated(networks[0], 13, seed=3)):
        with pytest.raises(pytest.fail.Exception, match="is simulated"):
            other()
    monkeypatch.setattr(trials_module, "machine", lambda: "another")
    with pytest.raises(pytest.fail.Exception, match="is simulated"):
        simulated(networks[0], 12, seed=3)


def test_a_trial_ends_where_it_knows_the_mean():
    network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=64, depth=60, skip=1 / 60)
    few = simulated(network, 64, seed=0, present=trial(60.0, 0.2, 1.9, 0.0))
    assert few.growth.samples < 64
    assert few.growth.half_width <= 0.25
    assert abs(few.simulated - simulated(network, 512, seed=5).simulated) <= 0.25
    assert simulated(network, 64, seed=0, present=trial(-41.0, 0.5, 5.0, 0.58)).growth.samples == 64  # deaths are rare


@pytest.mark.slow
def test_the_interval_at_which_a_trial_ends_holds_the_mean():
    # 20000 trials of normal networks of mean 1: a share of 1 % misses it in at most 254 of them (99.99 %), while
    # intervals for one look each miss it in about 300.
    draws, present = np.random.default_rng(8).normal(1.0, 0.3, (20_000, 64)), trial(60.0, 0.2, 1.9)
    means = {n: draws[:, :n].mean(axis=1) for n in (8, 16, 32, 64)}
    stds = {n: draws[:, :n].std(axis=1, ddof=1) for n in means}
    missed = {1: 0, 4: 0}
    for looks in missed:
        for k in range(len(draws)):
            for n in means:
                growth = Growth(9, n, 0, means[n][k], stds[n][k] / sqrt(n), stds[n][k], looks)
                if Trial(growth).suffices(present):
                    break
            missed[looks] += abs(growth.change - 1) > growth.half_width
    assert missed[4] < 254 < missed[1]


def test_the_interval_of_one_of_several_looks_is_wider():
    once, four = (Growth(9, 8, 0, 1.0, 0.1, 0.3, looks).half_width for looks in (1, 4))
    assert once == pytest.approx(0.1 * student.ppf(0.995, 7), rel=1e-12)
    assert four == pytest.approx(0.1 * student.ppf(1 - 0.005 / 4, 7), rel=1e-12)


@pytest.mark.parametrize(
    ("present", "tried", "enough"),
    [
        ((63.0, 0.2, 1.9, 0.0), (77.0, 0.7, 1.9, 0.0), True),
        ((63.0, 0.2, 1.9, 0.0), (20.0, 0.7, 1.9, 0.0), False),  # above 0.3·63, but not by much more than its error
        ((63.0, 0.2, 1.9, 0.0), (-77.0, 0.7, 1.9, 0.0), True),
        ((63.0, 0.2, 1.9, 0.0), (1.0, 20.0, 57.0, 0.0), False),  # its spread is what is too large, and is less known
        ((-41.0, 0.5, 5.0, 0.58), (-44.0, 0.5, 1.4, 0.0), False),  # fewer dead networks may be a cure
        ((float("-inf"), 0.0, 0.0, 1.0), (-44.0, 0.5, 1.4, 0.0), False),
        ((63.0, 0.2, 1.9, 0.0), (1.0, 0.07, 0.2, 0.0), True),  # a cure whose mean is known
        ((63.0, 0.2, 1.9, 0.0), (1.0, 0.08, 0.2, 0.0), False),  # 3.5 standard errors at seven degrees of freedom
        ((63.0, 0.2, 1.9, 0.0), (6.9, 0.05, 0.2, 0.0), False),  # whether that is too much is not decided
    ],
)
def test_when_a_few_networks_are_enough(present, tried, enough):
    assert trial(*tried, samples=8).suffices(trial(*present)) is enough


def test_code_for_a_formula_catches_no_function_of_that_name():
    network = vg.Network("x*exp(-x**2)", vg.Weights.gaussian(1, 0.3), width=16, depth=40)
    advice = advise(network, samples=8)
    kinds = {r.kind: r.code for r in advice.remedies}
    assert "# in your own forward()" in kinds["skip connection"]
    assert "phi(x) instead of x*exp(-x**2)" in kinds["activation"]
    assert not any("TorchFunctionMode" in text for text in kinds.values())
    for text in kinds.values():
        compile(text, "remedy", "exec")


def test_another_scale_of_a_skip_connection_is_a_remedy():
    advice = advise(vg.Network("relu", vg.Weights.he(), width=64, depth=40, skip=1), samples=16)
    remedy = next(r for r in advice.remedies if r.kind == "skip connection")
    assert "1/" in remedy.change
    assert remedy.network.skip.matrices == 1
    assert abs(remedy.trial.simulated) < 2


def test_batch_norm_is_judged_in_batches():
    advice = advise(vg.Network("relu", vg.Weights.he(), width=96, depth=60, norm="batch"), samples=4)
    assert advice.problems[0].kind == "exploding"  # π/(π − 1) per layer of the squared norm
    assert advice.trial.simulated == pytest.approx(59 / 2 * np.log(np.pi / (np.pi - 1)), rel=0.2)
    assert {r.kind for r in advice.remedies} & {"normalisation", "skip connection"}
