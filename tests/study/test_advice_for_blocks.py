"""Advice for networks of blocks: remedies that do what is claimed, with code that does it to PyTorch's modules."""

import numpy as np
import pytest

import vgtheory as vg
from vgtheory.study.advice.problems import problems_of
from vgtheory.study.advice.trial import try_out

torch = pytest.importorskip("torch")
W = vg.Weights.gaussian(1)


def kinds(advice):
    return [remedy.kind for remedy in advice.remedies]


def ran(code, model):
    given = {"model": model}
    exec(compile(code, "remedy", "exec"), given)  # noqa: S102  (the point of the test)
    return given["model"]


@pytest.mark.slow
def test_a_forgetful_lstm_is_told_to_remember():
    network = vg.Network(vg.blocks.lstm(W, 0), width=32, depth=24)
    advice = vg.advise(network, samples=6)
    assert advice.problems[0].kind == "vanishing"
    assert "per step" in advice.problems[0].text
    assert set(kinds(advice)) <= {"forget bias", "chrono", "critical scale", "orthogonal weights"}
    best = advice.remedies[0]
    assert best.trial.badness < 0.3 * advice.trial.badness
    assert abs(best.trial.predicted - best.trial.simulated) < 1
    assert best.cost
    n = 5
    for remedy in advice.remedies:
        model = ran(remedy.code, torch.nn.LSTM(3, n, num_layers=2))
        bias = (model.bias_ih_l1 + model.bias_hh_l1).detach().numpy()
        if remedy.kind == "forget bias":
            assert np.unique(bias[n : 2 * n]).size == 1
            assert f"bias {bias[n]:.4g} of" in remedy.change
        if remedy.kind == "chrono":
            assert (bias[n : 2 * n] >= 0).all()
            assert (bias[n : 2 * n] <= np.log(23)).all()
            np.testing.assert_array_equal(bias[:n], -bias[n : 2 * n])


@pytest.mark.slow
def test_inputs_change_what_is_advised():
    network = vg.Network(vg.blocks.gru(W), width=16, depth=3)
    quiet, driven = (vg.advise(network, 2, inputs=vg.Inputs(v, "same")).trial for v in (0.01, 4.0))
    assert quiet.simulated != driven.simulated
    assert quiet.predicted != driven.predicted


@pytest.mark.slow
def test_stacks_are_told_of_scales_and_norms_of_their_branches():
    block = vg.blocks.transformer("gelu", vg.Weights.gaussian(1.5), 2, norm="none")
    advice = vg.advise(vg.Network(block, width=16, depth=12, tokens=3), samples=6)
    assert advice.problems[0].kind == "exploding"
    assert set(kinds(advice)) == {"residual scale", "norm place"}
    layer = torch.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16)
    before = layer.linear2.weight.detach().clone()
    scaled = next(r for r in advice.remedies if r.kind == "residual scale")
    ran(scaled.code, torch.nn.Sequential(layer))
    np.testing.assert_allclose(layer.linear2.weight.detach(), before / 12, rtol=1e-6)


@pytest.mark.slow
def test_post_norm_is_told_to_be_pre_norm():
    block = vg.blocks.transformer("gelu", vg.Weights.gaussian(3), 2, norm="post")
    advice = vg.advise(vg.Network(block, width=32, depth=48, tokens=4), samples=8)
    moved = [r for r in advice.remedies if r.kind == "norm place"]
    for remedy in moved:
        if remedy.code:
            layer = torch.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16)
            assert ran(remedy.code, torch.nn.Sequential(layer))[0].norm_first
    assert moved or any("pre-norm" in text for text in advice.rejected)


ONE_STEP = vg.Network(vg.blocks.rnn("tanh", vg.Weights.gaussian(1e-5)), width=16, depth=1)


def test_a_block_of_one_layer_can_lose_the_gradient():
    assert "vanishing" in {problem.kind for problem in problems_of(ONE_STEP, try_out(ONE_STEP, 8, seed=0))}


@pytest.mark.slow  # every remedy is simulated
def test_advice_says_that_a_block_of_one_layer_loses_the_gradient():
    assert "vanishing" in {problem.kind for problem in vg.advise(ONE_STEP, samples=8).problems}
