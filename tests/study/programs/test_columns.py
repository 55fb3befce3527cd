"""Attention, transformers and convolutions asked and drawn; what they show of tokens; what does not fit."""

import numpy as np
import pytest
from scipy import stats

import vgtheory as vg
from vgtheory.study.programs.notes import streams_and_gradients
from vgtheory.study.programs.numbers import Batch, Machine
from vgtheory.study.programs.passes import carried_on, run_layer

FALSE_ALARM = 1e-3  # of a whole case, Bonferroni; seeds are fixed
SAMPLES = 3000
W, V = vg.Weights.gaussian(1.2), vg.Weights.gaussian(1.5, 0.2)


def statistics(block, width, depth, shape, asked, key):
    network = vg.Network(block, width, depth, shape=shape)
    found = streams_and_gradients(Machine(network.block, width, depth, vg.Inputs(), asked, shape), key, 0, SAMPLES)
    rows = [np.log(found["square x"][:, 1:]), found["gradient x"][:, :-1], found["share x"][:, :-1]]
    rows += [found["weights"], found["cosine"]]
    return np.hstack([*rows, found["entropy"][:, 1:]] if "entropy" in found else rows)


def smallest_p(a, b):
    """Return the least p of KS tests of all statistics and of 20 joint linear forms, Bonferroni."""
    centre, size = np.vstack([a, b]).mean(0), np.vstack([a, b]).std(0)
    keep = size > 1e-9
    a, b = (((x - centre) / np.where(keep, size, 1))[:, keep] for x in (a, b))
    forms = np.random.default_rng(2).normal(size=(a.shape[1], 20))
    a, b = np.hstack([a, a @ forms]), np.hstack([b, b @ forms])
    return min(stats.ks_2samp(a[:, j], b[:, j]).pvalue for j in range(a.shape[1])) * a.shape[1]


CASES = {
    "pre-norm": (vg.blocks.transformer("tanh", W, 2, scale=0.7, expansion=2), 16, 3, (4,)),
    "post-norm, more tokens than components": (vg.blocks.transformer("gelu", W, 2, "post", "gated"), 8, 2, (12,)),
    "orthogonal, causal": (vg.blocks.transformer("relu", vg.Weights.orthogonal(1), 2, "none", causal=True), 8, 2, (4,)),
    "DeepNorm": (vg.blocks.transformer("relu", W, 1, "deep", expansion=1), 8, 3, (3,)),
    "ring": (vg.blocks.conv("tanh", V), 16, 3, (5,)),
    "more positions than inputs of a channel": (vg.blocks.conv("relu", V, padding="zeros"), 4, 3, (16,)),
    "map": (vg.blocks.conv("gelu", V, padding="zeros", norm="layer"), 6, 3, (3, 4)),
}


@pytest.mark.parametrize(
    "name", [name if name == "ring" else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_asked_and_drawn_matrices_give_the_same_law(name):
    block, width, depth, shape = CASES[name]
    asked = statistics(block, width, depth, shape, True, 11)
    assert smallest_p(asked, statistics(block, width, depth, shape, False, 12)) > FALSE_ALARM


def test_the_comparison_notices_weights_that_are_three_percent_larger():
    block, width, depth, shape = CASES["ring"]
    wider = vg.blocks.conv("tanh", vg.Weights.gaussian(1.545, 0.2))
    asked = statistics(block, width, depth, shape, True, 11)
    assert smallest_p(asked, statistics(wider, width, depth, shape, False, 12)) < FALSE_ALARM


@pytest.mark.parametrize("asked", [True, False])
def test_tokens_that_are_alike_stay_alike(asked):
    machine = Machine(vg.blocks.transformer("gelu", W, 2), 8, 1, vg.Inputs(), asked, (6,))
    x = np.random.default_rng(0).normal(size=(3, 1, 8)).repeat(6, axis=1)
    out = carried_on(run_layer(1, {"x": x}, Batch(machine, 1, 0, 3)), machine.block)["x"]
    np.testing.assert_allclose(out, out[:, :1].repeat(6, axis=1), atol=1e-9)


def test_cosine_and_entropy_are_those_of_the_streams():
    network = vg.Network(vg.blocks.transformer("tanh", vg.Weights.gaussian(1e-6), 2, causal=True), 64, 2, tokens=5)
    study = vg.simulate(network, 200, seed=3)
    # Scores of almost 0: a causal query sees t keys alike; skipped branches of almost 0 leave independent tokens.
    uniform = np.mean([np.log(t) for t in range(1, 6)])
    np.testing.assert_allclose(study.entropy[:, 1:], uniform, atol=1e-9)
    assert np.isnan(study.entropy[:, 0]).all()
    assert study.cosine.dims == ("sample", "layer")
    assert abs(float(study.cosine.mean())) < 4 * (2 / (5 * 4 * 64 * 200)) ** 0.5
    alone = vg.simulate(vg.Network(vg.blocks.attention(W, 1), 8, 2, tokens=1), 3)
    assert "cosine" not in alone
    np.testing.assert_array_equal(alone.entropy[:, 1:], 0.0)


def blocks_of(heads, out, wrapped):
    """Return attention and a tanh MLP, each wrapped, the MLP's second matrix of scale `out`."""
    w = vg.Weights.gaussian(1)
    parts = vg.blocks.attention(w, heads), vg.blocks.mlp("tanh", w, vg.Weights.gaussian(out), 2)
    return vg.blocks.sequence(*map(wrapped, parts))


def pre(part):
    return vg.blocks.residual(vg.blocks.normalised(part))


def post(part):
    return vg.blocks.normalised(vg.blocks.residual(part), "layer", "after")


# ln|g_0|²/|g_L|² and cosine after the last of L layers at width 192, 16 tokens, 4 heads: four samples each of an
# independent program of the same networks.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrapped", "depth", "gradient", "cosine"),
    [(post, 6, 0.85, 0.67), (post, 12, 0.89, 0.99), (pre, 6, 2.69, 0.19), (pre, 12, 3.47, 0.30)],
)
def test_tokens_collapse_after_norms_and_less_before_them(wrapped, depth, gradient, cosine):
    study = vg.simulate(vg.Network(blocks_of(4, 1.6, wrapped), 192, depth, tokens=16), 20, seed=1).isel(stream=0)
    found = 2 * study.log_stream_gradient_norm[:, 0]
    spread = float(found.std()) * (1 / 4 + 1 / 20) ** 0.5
    assert abs(float(found.mean()) - gradient) < 4 * spread + 0.005
    spread = float(study.cosine[:, -1].std()) * (1 / 4 + 1 / 20) ** 0.5
    assert abs(float(study.cosine[:, -1].mean()) - cosine) < 4 * spread + 0.005


def test_deep_norm_keeps_tokens_apart_and_the_gradient():
    block = vg.blocks.transformer("tanh", vg.Weights.gaussian(1), 4, "deep")
    study = vg.simulate(vg.Network(block, 96, 12, tokens=8), 6, seed=1).isel(stream=0)
    assert abs(2 * float(study.log_stream_gradient_norm[:, 0].mean())) < 0.05
    assert abs(float(study.cosine[:, -1].mean())) < 0.1
    assert str(block.matrices[-1].scale) == "2**(1/4)/(2*depth**(1/4))"
    assert [m.scale == 1 for m in block.matrices] == [True, True, False, False, False, False]


@pytest.mark.slow
@pytest.mark.parametrize(("out", "rate"), [(1.6, 0.0856), (0.8, 0.0352)])
def test_collapsed_tokens_after_norms_follow_the_sub_layer_law(out, rate):
    study = vg.simulate(vg.Network(blocks_of(4, out, post), 1024, 30, tokens=2), 12, seed=1).isel(stream=0)
    grown = 2 * (study.log_stream_gradient_norm[:, 4] - study.log_stream_gradient_norm[:, 24]) / 20
    assert abs(float(grown.mean()) - rate) < 4 * float(grown.std()) / 12**0.5


@pytest.mark.parametrize("shape", [(5,), (2, 2), (4, 4)])
def test_zero_padding_costs_what_the_theory_says(shape):
    network = vg.Network(vg.blocks.conv("relu", vg.Weights.he(), padding="zeros"), 96, 12, shape=shape)
    study = vg.simulate(network, 24, seed=1).isel(stream=0)
    rate = float(np.log(float(vg.critical(network).kept.value())))
    theory = vg.predict(network).isel(stream=0)
    for seen, said in (
        (np.log(study.stream_square), np.log(theory.stream_square)),
        (2 * study.log_stream_gradient_norm, 2 * theory.log_stream_gradient_norm),
    ):
        error = seen.std("sample") / 24**0.5
        assert (abs(seen.mean("sample") - said) < 4 * error + 0.02).all()
    slopes = 2 * (study.log_stream_gradient_norm[:, 2] - study.log_stream_gradient_norm[:, 10]) / 8
    assert abs(float(slopes.mean()) - rate) < 4 * float(slopes.std()) / 24**0.5 + 0.005
    assert abs(float(slopes.mean())) > 4 * float(slopes.std()) / 24**0.5 + 0.005  # a ring would keep it


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: vg.Network(vg.blocks.transformer("gelu", W, 3), width=16, depth=2, tokens=4),
            "multiple of the 3 heads",
        ),
        (
            lambda: vg.Network(vg.blocks.conv("relu", W, 5, "zeros"), 8, 2, shape=(4, 9)),
            "kernel 5 on a map",
        ),
        (lambda: vg.Network(vg.blocks.conv("relu", W, 3), width=8, depth=2, shape=(2,)), "no larger than the map"),
        (
            lambda: vg.simulate(vg.Network(vg.blocks.attention(W, 4), 64, 2, tokens=10**6), 1),
            "tokens must be one whose",
        ),
        (lambda: vg.Network(vg.blocks.attention(W, 4), 64, 2, tokens=4, shape=(4,)), "one of them"),
        (lambda: vg.Network(vg.blocks.attention(W, 4), 64, 2, tokens=0), "tokens must be a whole number"),
        (lambda: vg.Network(vg.blocks.conv("relu", W), 64, 2, shape=(3, 3, 3)), "one or two numbers"),
        (lambda: vg.blocks.attention(V, 4), "sigma_b"),
        (lambda: vg.blocks.attention(W, 0), "heads must be"),
        (lambda: vg.blocks.attention(W, 2, causal=1), "True or False"),
        (lambda: vg.blocks.transformer("gelu", W, 2, norm="middle"), "deep"),
        (lambda: vg.blocks.conv("relu", W, 4), "odd number"),
        (lambda: vg.blocks.conv("relu", W, padding="reflect"), "circular"),
        (lambda: vg.gains(vg.blocks.transformer("gelu", W, 2)), "other tokens"),
        (lambda: vg.critical(vg.blocks.conv("relu", W, padding="zeros")), "shape"),
    ],
)
def test_what_does_not_fit_is_said_before_any_work(call, message):
    with pytest.raises(vg.VgtheoryError, match=message):
        call()
