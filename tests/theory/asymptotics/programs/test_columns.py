"""Convolutions by position and transformers by Gram matrices of tokens, against exact simulation and closed forms."""

import numpy as np
import pytest
import sympy as sp
from scipy import integrate

import vgtheory as vg
from tests.thinning import thinned
from vgtheory.study.programs.numbers import Batch, Machine
from vgtheory.study.programs.passes import carried_on, run_layer, start
from vgtheory.theory.asymptotics.programs.kernel_tables import kernel
from vgtheory.theory.asymptotics.programs.padding import THREE_TAPS, padding_factor
from vgtheory.theory.asymptotics.programs.tokens import Known, Layer, forward, tokens_profile

X = sp.Symbol("h", real=True)


def he(padding, kernel=3):
    return vg.blocks.conv("relu", vg.Weights.he(), kernel, padding)


# Squared gradient that a 3×3 layer keeps with zeros around s × s positions.
@pytest.mark.parametrize(
    ("s", "kept"), thinned([(32, 0.994), (14, 0.971), (7, 0.901), (4, 0.762), (2, 0.444), (1, 0.111)], 3)
)
def test_zero_padding_has_a_critical_scale(s, kept):
    network = vg.Network(he("zeros"), width=64, depth=400, shape=(s, s))
    point = vg.critical(network)
    assert float(point.kept.value()) == pytest.approx(kept, abs=6e-4)
    assert point.sigma_w == pytest.approx((2 / float(point.kept.value())) ** 0.5, rel=1e-12)
    assert point.formula.status == "proved"
    # Deep layers of the predicted profile lose exactly that; on a ring nothing.
    slope = 2 * np.diff(vg.predict(network).log_stream_gradient_norm.values[:2, 0])[0]
    assert -slope == pytest.approx(np.log(float(point.kept.value())), abs=1e-6 if s < 32 else 1e-4)
    if s > 2:
        ring = vg.predict(vg.Network(he("circular"), width=64, depth=9, shape=(s, s)))
        np.testing.assert_allclose(ring.log_stream_gradient_norm, 0, atol=1e-12)
    at = vg.blocks.conv("relu", vg.Weights.gaussian(point.sigma_w), padding="zeros")
    kept_there = vg.predict(vg.Network(at, width=64, depth=400, shape=(s, s))).log_stream_gradient_norm.values[:, 0]
    assert abs(kept_there[0] - kept_there[1]) < 1e-4


@pytest.mark.parametrize("s", [1, 2, 5, 9])
def test_three_taps_have_the_largest_eigenvalue_of_a_banded_matrix(s):
    banded = sum(np.eye(s, k=k) for k in (-1, 0, 1)) / 3
    assert float(THREE_TAPS.at(s=s).value()) == pytest.approx(np.linalg.eigvalsh(banded)[-1], rel=1e-12)
    wide = sum(np.eye(s, k=k) for k in (-2, -1, 0, 1, 2)) / 5
    assert float(padding_factor(5, s).value()) == pytest.approx(np.linalg.eigvalsh(wide)[-1], rel=1e-12)


def test_rings_and_other_activations():
    assert vg.critical(he("circular")).sigma_w == pytest.approx(2**0.5)
    assert vg.critical(vg.blocks.conv("leaky_relu", vg.Weights.he())).sigma_w == pytest.approx((2 / 1.0001) ** 0.5)
    tanh = vg.critical(vg.blocks.conv("tanh", vg.Weights.gaussian(1, 0.3)))
    assert tanh.sigma_w == pytest.approx(vg.critical("tanh", 0.3).sigma_w)
    wide = vg.critical(vg.Network(he("zeros", 5), 8, 2, shape=(6, 9)))
    want = float(padding_factor(5, 6).value()) * float(padding_factor(5, 9).value())
    assert wide.sigma_w == pytest.approx((2 / want) ** 0.5)
    with pytest.raises(vg.VgtheoryError, match="differ by position"):
        vg.critical(vg.blocks.conv("tanh", vg.Weights.gaussian(1), padding="zeros"))


@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (vg.blocks.conv("tanh", vg.Weights.gaussian(1.5, 0.3), padding="zeros"), (6,)),
        (vg.blocks.conv("gelu", vg.Weights.gaussian(1.6), 5, "zeros"), (5, 5)),
        (vg.blocks.residual(vg.blocks.conv("tanh", vg.Weights.gaussian(1.2), norm="layer"), 0.5), (5,)),
    ],
    ids=["tanh", "gelu in two dimensions", "residual"],
)
def test_wide_convolutions_are_predicted_by_position(block, shape):
    network = vg.Network(block, width=300, depth=6, shape=shape)
    theory, study = vg.predict(network).isel(stream=0), vg.simulate(network, 24, seed=1).isel(stream=0)
    for seen, said in (
        (study.log_stream_gradient_norm, theory.log_stream_gradient_norm),
        (study.log_weight_gradient_norm[:, 1:], theory.log_weight_gradient_norm[1:]),
        (np.log(study.stream_square), np.log(theory.stream_square)),
    ):
        error = seen.std("sample") / 24**0.5
        assert (abs(seen.mean("sample") - said) < 5 * error + 0.012).all()


CHAINS = {
    "ring": (vg.blocks.conv("tanh", vg.Weights.gaussian(1.8, 0.3)), (6,)),
    "lengths that differ by position": (vg.blocks.conv("tanh", vg.Weights.gaussian(1.2, 0.3), padding="zeros"), (5,)),
    "map": (vg.blocks.conv("relu", vg.Weights.he(0.2), padding="zeros"), (2, 3)),
    "middle tap": (vg.blocks.conv("gelu", vg.Weights.gaussian(1.5, 0.4), padding="zeros", delta=True), (4,)),
}


@pytest.mark.parametrize("name", CHAINS)
def test_covariances_of_wide_convolutions_are_predicted(name):
    """Streams of 40 networks of 256 channels, run by the program; errors by position pair, 5 σ and 3/256."""
    block, shape = CHAINS[name]
    network = vg.Network(block, width=256, depth=3, shape=shape)
    theory = vg.predict(network)
    batch = Batch(Machine(network.block, 256, 3, vg.Inputs(), True, shape), 5, 0, 40)
    state = start(batch)
    for layer in range(1, 4):
        state = carried_on(run_layer(layer, state, batch), network.block)
        x = state["x"]
        found = x @ x.swapaxes(1, 2) / 256
        want = theory.covariance[layer].values
        assert (abs(found.mean(0) - want) < 5 * found.std(0) / 40**0.5 + 3 / 256 * abs(want).max()).all()
        # The twin: positions that had nothing in common.
        if name == "middle tap":
            assert (abs(found.mean(0) - np.diag(np.diag(want))) > 5 * found.std(0) / 40**0.5 + 3 / 256).any()
    study = vg.simulate(network, 40, seed=3)
    error = study.cosine.std("sample") / 40**0.5
    assert (abs(study.cosine.mean("sample") - theory.cosine) < 5 * error + 3 / 256).all()
    # The total of the chain's gradient is that of the mean field by position, which knows no other position.
    by_chain = 0.5 * tokens_profile(network.block, 256, 3, shape)["gradient"][0]
    np.testing.assert_allclose(by_chain, theory.log_stream_gradient_norm[:, 0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("kernel", "delta"), thinned([(3, False), (5, False), (3, True)], 2))
def test_patterns_over_a_ring_fade_by_their_factor(kernel, delta):
    block, ring = vg.blocks.conv("tanh", vg.Weights.gaussian(2.5, 0.3), kernel, delta=delta), 8
    network = vg.Network(block, width=64, depth=1, shape=(ring,))
    point = next(p for p in vg.fixed_points("tanh", sigma_w=2.5, sigma_b=0.3) if p.stable)
    rest = ((point.q - 0.09) / 6.25) * np.ones((ring, ring))
    off = ~np.eye(ring, dtype=bool)
    rest[off] = (point.c * point.q - 0.09) / 6.25
    for k, factor in enumerate(vg.predict(network).pattern_factor.values):
        wave = np.cos(2 * np.pi * k * np.arange(ring) / ring)
        pattern = 1e-5 * (wave[:, None] + wave[None, :]) * off
        layer = Layer(
            64, 1, (ring,), np.random.default_rng(0), {"x": Known(np.zeros((1, ring)), (rest + pattern)[None])}
        )
        for at, step in enumerate(network.block.steps):
            forward(step, at, layer, network.block)
        change = layer.streams["y"].gram[0] - rest
        share = abs((change * pattern)[off].sum() / (pattern**2)[off].sum())
        assert share == pytest.approx(factor, abs=2e-3)
        if delta:
            assert factor == pytest.approx(np.exp(-1 / point.xi_c), rel=1e-9)
    assert "pattern_factor" not in vg.predict(vg.Network(block, width=64, depth=1, shape=(6, 6)))


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(("name", "c"), thinned([("relu", 0.6), ("relu", -0.99), ("tanh", 0.9), ("gelu", 0.999)], 2))
def test_kernels_are_integrals_over_two_normal_quantities(name, c, order):
    act = vg.activation(name)
    function = act.expr.xreplace({act.symbol: X})
    f = vg.compile(act).gradient if order else vg.compile(act)
    q, s = 1.44, (1 - c * c) ** 0.5

    def inner(u):
        points = [] if name != "relu" else [-c * u / s] if abs(c * u / s) < 9 else []
        part = integrate.quad(lambda z: f(1.2 * (c * u + s * z)) * np.exp(-z * z / 2), -9, 9, points=points, limit=200)
        return part[0] * f(1.2 * u) * np.exp(-u * u / 2)

    want = sum(integrate.quad(inner, *side, epsabs=1e-9, limit=200)[0] for side in ((-9, 0), (0, 9))) / (2 * np.pi)
    gram = q * np.array([[[1.0, c], [c, 1.0]]])
    assert kernel(function, order, gram)[0, 0, 1] == pytest.approx(want, abs=2e-6)


@pytest.mark.parametrize("order", [0, 1])
def test_kernels_between_columns_of_different_lengths(order):
    f = vg.compile("tanh").gradient if order else vg.compile("tanh")
    gram = np.array([[[1.0, 0.3], [0.3, 0.5]]])
    c = 0.3 / 0.5**0.5
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    u, v = np.meshgrid(nodes, nodes, indexing="ij")
    means = (np.outer(weights, weights) * f(u) * f(0.5**0.5 * (c * u + (1 - c * c) ** 0.5 * v))).sum() / (2 * np.pi)
    function = vg.activation("tanh").expr.xreplace({vg.activation("tanh").symbol: X})
    assert kernel(function, order, gram)[0, 0, 1] == pytest.approx(means, rel=1e-8)
    with pytest.raises(vg.VgtheoryError, match="does not end"):
        kernel(sp.Max(X, 0) + sp.Max(X - 1, 0), 0, gram)


W = vg.Weights.gaussian
TRANSFORMERS = {
    "attention": vg.blocks.residual(vg.blocks.normalised(vg.blocks.attention(W(1), 4))),
    "pre-norm": vg.blocks.transformer("tanh", W(1), 4, expansion=2),
    "pre-norm, gated, causal": vg.blocks.transformer("silu", W(1.2), 4, mlp="gated", causal=True, expansion=1),
    "post-norm": vg.blocks.transformer("relu", W(1), 2, "post", kind="rms", expansion=1),
    "DeepNorm": vg.blocks.transformer("gelu", W(1), 4, "deep", expansion=1),
    "a map that is read without a matrix": vg.blocks.sequence(
        vg.blocks.residual(vg.blocks.normalised(vg.blocks.attention(W(1), 4))),
        vg.blocks.normalised(vg.blocks.residual(vg.blocks.dense("relu", W(1))), "layer", "after"),
    ),
    "no norm": vg.blocks.transformer("relu", W(0.6), 4, "none", expansion=1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_wide_transformers_are_predicted_by_gram_matrices(name):
    """Means within 4.5 standard errors and what 1/width is seen to move: 3·tokens/(10·width) of each."""
    network = vg.Network(TRANSFORMERS[name], width=512, depth=4, tokens=8)
    theory, study = vg.predict(network), vg.simulate(network, 40, seed=3)
    assert theory.attrs["reliable"] == "yes"
    one, other = theory.isel(stream=0), study.isel(stream=0)
    for seen, said in (
        (other.log_stream_gradient_norm, one.log_stream_gradient_norm),
        (other.log_weight_gradient_norm[:, 1:], one.log_weight_gradient_norm[1:]),
        (other.cosine[:, 1:], one.cosine[1:]),
        (other.entropy[:, 1:], one.entropy[1:]),
        (np.log(other.stream_square), np.log(one.stream_square)),
    ):
        error = seen.std("sample") * (1 / 40 + 1 / 64) ** 0.5
        assert (abs(seen.mean("sample") - said) < 4.5 * error + 0.3 * 8 / 512).all()
    if name == "pre-norm":  # the power twin: what neutral attention would say of the gradient
        wrong = one.log_stream_gradient_norm + 0.5 * np.arange(4, -1, -1) * np.log(1.1)
        error = other.log_stream_gradient_norm.std("sample") * (1 / 40 + 1 / 64) ** 0.5
        assert (abs(other.log_stream_gradient_norm.mean("sample") - wrong) > 4.5 * error + 0.3 * 8 / 512).any()


def test_a_prediction_of_tokens_says_where_it_does_not_reach():
    block = TRANSFORMERS["attention"]
    narrow = vg.predict(vg.Network(block, width=64, depth=2, tokens=8))
    assert "tokens/width" in narrow.attrs["reliable"]
    assert "components are not normal" in narrow.attrs["reliable"]
    assert vg.predict(vg.Network(block, width=64, depth=2, tokens=1)).attrs["method"] == "mean field"
    alike = vg.Network(vg.blocks.transformer("tanh", W(1), 4, "none"), width=512, depth=2, tokens=8)
    with pytest.raises(vg.VgtheoryError, match="different lengths"):
        vg.predict(alike)
    with pytest.raises(vg.VgtheoryError, match="GiB a draw"):
        vg.predict(vg.Network(block, width=512, depth=100, tokens=2000))
