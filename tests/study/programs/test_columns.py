"""Transformers asked and drawn; what they show of tokens; published initialisations; what does not fit."""

from dataclasses import replace

import numpy as np
import pytest

import vgtheory as vg
from tests.study.programs.statistics import FALSE_ALARM, smallest_p, statistics
from vgtheory.model.steps import Add
from vgtheory.study.programs.numbers import Batch, Machine
from vgtheory.study.programs.passes import carried_on, run_layer

W = vg.Weights.gaussian(1.2)


CASES = {
    "pre-norm": (vg.blocks.transformer("tanh", W, 2, scale=0.7, expansion=2), 16, 3, (4,)),
    "post-norm, more tokens than components": (vg.blocks.transformer("gelu", W, 2, "post", "gated"), 8, 2, (12,)),
    "orthogonal, causal": (vg.blocks.transformer("relu", vg.Weights.orthogonal(1), 2, "none", causal=True), 8, 2, (4,)),
    "DeepNorm": (vg.blocks.transformer("relu", W, 1, "deep", expansion=1), 8, 3, (3,)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_asked_and_drawn_matrices_give_the_same_law(name):
    block, width, depth, shape = CASES[name]
    asked = statistics(block, width, depth, shape, True, 13)
    assert smallest_p(asked, statistics(block, width, depth, shape, False, 14)) > FALSE_ALARM


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
    assert study.score_spread[:, 1:].max() < 1e-9
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


def test_tokens_share_the_gradient_and_scores_spread_as_their_weights_say():
    network = vg.Network(vg.blocks.transformer("tanh", vg.Weights.gaussian(1.1), 2), 256, 3, tokens=4)
    study = vg.simulate(network, 30, seed=4)
    whole = np.log(np.exp(2 * study.log_token_gradient_norm).sum("token")) / 2
    np.testing.assert_allclose(whole, study.log_stream_gradient_norm[..., 0], rtol=1e-10, atol=1e-10)
    assert study.log_token_gradient_norm.dims == ("sample", "layer", "token")
    # Queries and keys of normalised tokens have components of variance σ², nearly orthogonal tokens independent scores
    # of standard deviation σ², of which the mean of 4 takes a quarter of the square.
    assert float(study.score_spread[:, 1].mean()) == pytest.approx(1.21 * 0.75**0.5, rel=0.05)


PUBLISHED = {
    "original": (vg.blocks.transformer.original(), "post", {"Wq": 1 / 64, "W1": 2 / (5 * 64)}, {}),
    "GPT-2": (vg.blocks.transformer.gpt2(8), "pre", {"Wk": 4e-4, "W1": 4e-4}, {"Wo": 24**-0.5, "W2": 24**-0.5}),
    "LLaMA": (vg.blocks.transformer.llama(8), "pre", {"Wv": 4e-4, "Wgate": 4e-4, "Wout": 4e-4}, {}),
    "vision": (vg.blocks.transformer.vit(8), "pre", {"Wo": 1 / 64, "W2": 2 / (5 * 64)}, {}),
    "DeepNet": (
        vg.blocks.transformer.deepnorm(), "deep", {"Wq": 1 / 64, "W2": 2 / (5 * 64)},
        dict.fromkeys(("Wv", "Wo", "W1", "W2"), 96 ** (-0.25)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_initialisations_have_their_variances_and_factors(name):
    """Variances of entries at width 64, and factors of matrices at 12 layers, as the publications print them."""
    block, norm, variances, factors = PUBLISHED[name]
    for matrix in block.matrices:
        short = matrix.name.rpartition("_")[2]
        sigma, bias = matrix.sigmas(64, 12)
        factor = factors.get(short, 1.0)
        assert bias == 0
        if short in variances:
            assert sigma**2 / (64 * matrix.inputs) == pytest.approx(variances[short] * factor**2, rel=1e-12)
        alone = matrix.weights.sigma_at(64 * matrix.inputs, 64 * matrix.outputs)[0]
        assert sigma / float(alone) == pytest.approx(factor, rel=1e-12)
    kinds = [step.kind for step in block.mixes("layer", "rms")]
    assert kinds == ["rms" if name == "LLaMA" else "layer"] * 2
    assert (block.steps[0].reads == ("x",) and block.steps[0] in block.mixes("layer", "rms")) == (norm == "pre")
    assert block.mixes("attention")[0].options[1] == (name in ("GPT-2", "LLaMA"))
    keep = [step.factors(12)[0] for step in block.steps if isinstance(step, Add)]
    assert keep == pytest.approx([24**0.25 if norm == "deep" else 1.0] * 2)
    network = vg.Network(block, 64, 12, tokens=3)
    assert np.isfinite(vg.simulate(network, 2).log_token_gradient_norm).all()


@pytest.mark.slow
@pytest.mark.parametrize(("out", "rate"), [(1.6, 0.0856), (0.8, 0.0352)])
def test_collapsed_tokens_after_norms_follow_the_sub_layer_law(out, rate):
    study = vg.simulate(vg.Network(blocks_of(4, out, post), 1024, 30, tokens=2), 12, seed=1).isel(stream=0)
    grown = 2 * (study.log_stream_gradient_norm[:, 4] - study.log_stream_gradient_norm[:, 24]) / 20
    assert abs(float(grown.mean()) - rate) < 4 * float(grown.std()) / 12**0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: vg.Network(vg.blocks.transformer("gelu", W, 3), width=16, depth=2, tokens=4),
            "multiple of the 3 heads",
        ),
        (
            lambda: vg.simulate(vg.Network(vg.blocks.attention(W, 4), 64, 2, tokens=10**6), 1),
            "tokens must be so few that a sample fits",
        ),
        (lambda: vg.Network(vg.blocks.attention(W, 4), 64, 2, tokens=4, shape=(4,)), "one of them"),
        (lambda: vg.Network(vg.blocks.attention(W, 4), 64, 2, tokens=0), "tokens must be a whole number"),
        (lambda: vg.blocks.attention(vg.Weights.gaussian(1, 0.2), 4), "sigma_b"),
        (lambda: vg.blocks.attention(W, 0), "heads must be"),
        (lambda: vg.blocks.attention(W, 2, causal=1), "True or False"),
        (lambda: vg.blocks.transformer("gelu", W, 2, norm="middle"), "deep"),
        (lambda: vg.gains(vg.blocks.transformer("gelu", W, 2)), "other tokens"),
    ],
)
def test_what_does_not_fit_is_said_before_any_work(call, message):
    with pytest.raises(vg.VgtheoryError, match=message):
        call()


# The same program's table: ln|g_0|²/|g_L|² and cosine after the last of L layers at width 192, 16 tokens, 4 heads.
TABLE = {
    "post": (post, (0.85, 0.89, 1.61, 4.80), (0.67, 0.99, 1.0, 1.0)),
    "pre": (pre, (2.69, 3.47, 4.33, 5.08), (0.19, 0.30, 0.39, 0.53)),
    "pre, scaled": (
        lambda part: vg.blocks.residual(vg.blocks.normalised(part), "1/sqrt(2*depth)"),
        (0.59, 0.60, 0.62, 0.62), (0.02,) * 4,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TABLE, "deep"])
def test_the_table_of_norms_is_made_again(name):
    """Means of 8 networks against those of 4, and what rounding to two digits leaves."""
    for k, depth in enumerate((6, 12, 24, 48)):
        if name == "deep":
            block, gradient, cosine = vg.blocks.transformer("tanh", vg.Weights.gaussian(1), 4, "deep"), 0.01, 0.0
        else:
            wrapped, gradients, cosines = TABLE[name]
            block, gradient, cosine = blocks_of(4, 1.6, wrapped), gradients[k], cosines[k]
        study = vg.simulate(vg.Network(block, 192, depth, tokens=16), 8, seed=1).isel(stream=0)
        for found, want in ((2 * study.log_stream_gradient_norm[:, 0], gradient), (study.cosine[:, -1], cosine)):
            spread = float(found.std(ddof=1)) * (1 / 4 + 1 / 8) ** 0.5
            assert abs(float(found.mean()) - want) < 4.5 * spread + 0.02, (name, depth)


# Attention alone before norms at width 1024, 8 tokens, 6 layers, 4 heads: cosine, ln q, ln|g_0|²/|g_L|² of a separate
# program's chain of Gram matrices with 1,200 draws, by the scale of queries and keys.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("scale", "cosine", "length", "gradient"), [(1.5, 0.4689, 1.461, 3.235), (1, 0.6402, 1.284, 1.706)]
)
def test_attention_at_width_1024_has_the_limit_of_gram_matrices(scale, cosine, length, gradient):
    block = pre(vg.blocks.attention(vg.Weights.gaussian(1), 4))
    matrices = tuple(
        replace(m, weights=vg.Weights.gaussian(scale)) if m.name.endswith(("Wq", "Wk")) else m for m in block.matrices
    )
    network = vg.Network(replace(block, matrices=matrices), 1024, 6, tokens=8)
    study, theory = vg.simulate(network, 48, seed=2).isel(stream=0), vg.predict(network).isel(stream=0)
    for found, said, want in (
        (study.cosine[:, -1], theory.cosine[-1], cosine),
        (np.log(study.stream_square[:, -1]), np.log(theory.stream_square[-1]), length),
        (2 * study.log_stream_gradient_norm[:, 0], 2 * theory.log_stream_gradient_norm[0], gradient),
    ):
        spread = float(found.std(ddof=1))
        assert abs(float(found.mean()) - want) < 4.5 * spread / 48**0.5 + 0.005
        assert abs(float(said) - want) < 4.5 * spread / 64**0.5
