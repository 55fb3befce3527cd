"""Mean field of stacks: the numbers of gated and plain sub-layers, and whole stacks against exact simulation."""

import mpmath as mp
import numpy as np
import pytest

import vgtheory as vg

W = vg.Weights.gaussian(1)
# D = B/F at q = 1 of plain MLPs, from closed moments of the activations.
PLAIN = {
    "relu": 1.0, "gelu": 1.072, "silu": 1.067, "mish": 1.059, "elu": 1.036, "selu": 1.072, "tanh": 1.178, "erf": 1.226,
    "sigmoid": 0.153, "softplus": 0.318,
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_a_gated_block_has_one_more_than_the_plain_one(name):
    plain, gated = vg.gains(vg.blocks.mlp(name, W, W)), vg.gains(vg.blocks.gated(name, W, W, W))
    assert plain.ratio == pytest.approx(PLAIN[name], abs=6e-4)
    assert gated.ratio == pytest.approx(1 + plain.ratio, rel=1e-9)
    moments = vg.calculus.length_map(name).at(q=1).value(), vg.calculus.gradient_gain(name).at(q=1).value()
    assert (plain.length, plain.gradient) == pytest.approx(tuple(map(float, moments)), rel=1e-9)


def test_scales_enter_as_squares():
    g = vg.gains(vg.blocks.gated("relu", vg.Weights.gaussian(2), vg.Weights.gaussian(3), vg.Weights.orthogonal(0.5)))
    assert g.length == pytest.approx(0.25 * 9 * 2)
    assert g.gradient == pytest.approx(0.25 * 9 * (2 + 2))


@pytest.mark.parametrize(("power", "at"), [(0.75, 0), (0.6, 0), (0.8, 1), (0.9, -0.3)])
def test_slopes_that_are_unbounded_at_a_point_are_integrated(power, at):
    g = vg.gains(vg.blocks.mlp(f"abs(x - ({at}))**{power}", W, W))

    def mean(factor, exponent):  # over the distance t = s^k from the point, which takes the power away
        k = 1 / (1 + exponent)
        ends = [0, *(t ** (1 / k) for t in (0.5, 1, 2, 4, 12))]
        return factor * mp.quad(lambda s: k * (mp.npdf(at + s**k) + mp.npdf(at - s**k)), ends)

    assert g.length == pytest.approx(float(mean(1, 2 * power)), rel=1e-10)
    assert g.gradient == pytest.approx(float(mean(power**2, 2 * power - 2)), rel=1e-10)


# (block, q_64, ln|g_0|²/|g_L|²) of 64 pre-RMS blocks with skip connections: the law, by hand from closed moments.
STACKS = [
    (vg.blocks.mlp("relu", W, W), 33.0, 3.497),
    (vg.blocks.mlp("silu", W, W), 23.77, 3.368),
    (vg.blocks.gated("relu", W, W, W), 33.0, 6.603),
    (vg.blocks.gated("silu", W, W, W), 23.77, 6.231),
    (vg.blocks.gated("identity", W, W, W), 65.0, 7.671),
    (vg.blocks.gated("sigmoid", W, W, W), 19.78, 3.418),
]


@pytest.mark.parametrize(("block", "length", "gradient"), STACKS, ids=lambda v: getattr(v, "name", ""))
def test_streams_before_norms_follow_the_product_law(block, length, gradient):
    network = vg.Network(vg.blocks.residual(vg.blocks.normalised(block, "rms")), width=1024, depth=64)
    theory = vg.predict(network).isel(stream=0)
    assert float(theory.stream_square[-1]) == pytest.approx(length, abs=6e-3)
    assert 2 * float(theory.log_stream_gradient_norm[0]) == pytest.approx(gradient, abs=6e-4)


MLP = vg.blocks.mlp("tanh", vg.Weights.gaussian(2), W, expansion=2)
SIMULATED = {
    "dense": vg.blocks.dense("tanh", vg.Weights.gaussian(1.4, 0.2)),
    "dense orthogonal": vg.blocks.dense("gelu", vg.Weights.orthogonal(1.3, 0.3)),
    "mlp": vg.blocks.mlp("relu", vg.Weights.he(), vg.Weights.gaussian(1, 0.1), expansion=2),
    "pre-norm gated": vg.blocks.residual(vg.blocks.normalised(vg.blocks.gated("silu", W, W, W, 2), "layer"), scale=0.5),
    "post-norm": vg.blocks.normalised(
        vg.blocks.residual(vg.blocks.mlp("tanh", vg.Weights.gaussian(2), W, 2)), "rms", "after"
    ),
    "residual of one matrix": vg.blocks.residual(vg.blocks.dense("relu", vg.Weights.he()), scale="1/depth"),
    "DeepNorm": vg.blocks.normalised(
        vg.blocks.residual(vg.blocks.mlp("relu", W, W, 2), keep="(2*depth)**0.25"), "layer", "after"
    ),
}


@pytest.mark.parametrize("name", SIMULATED)
def test_wide_stacks_are_predicted(name):
    network = vg.Network(SIMULATED[name], width=600, depth=6)
    theory, study = vg.predict(network).isel(stream=0), vg.simulate(network, 40, seed=1).isel(stream=0)
    for variable in ("log_stream_gradient_norm", "log_weight_gradient_norm"):
        seen, said = study[variable].isel(layer=slice(1, 6)), theory[variable].isel(layer=slice(1, 6))
        error = seen.std("sample") / 40**0.5
        assert (abs(seen.mean("sample") - said) < 5 * error + 0.012).all()
        # The same check on a law that is wrong by 2 % of the squared gradient per layer fails.
        wrong = said + 0.02 * np.arange(6, 1, -1)
        assert (abs(seen.mean("sample") - wrong) > 5 * error + 0.012).any()
    squares = np.log(study.stream_square)
    error = squares.std("sample") / 40**0.5
    assert (abs(squares.mean("sample") - np.log(theory.stream_square)) < 5 * error + 0.012).all()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: vg.gains(vg.blocks.lstm(W)), "recurrent cell"),
        (lambda: vg.critical(vg.blocks.dense("tanh", W)), "no recurrent cell"),
        (lambda: vg.critical(vg.blocks.lstm(W), sigma_b=1), "carry their biases"),
        (lambda: vg.predict(vg.Network(vg.blocks.mlp("x**3 + x", vg.Weights.gaussian(9), W), 64, 90)), "overflows"),
        (lambda: vg.predict(vg.Network(vg.blocks.gated("silu", *3 * [vg.Weights.gaussian(5)], 2), 32, 12)), "layer 7"),
    ],
)
def test_refusals(ask, message):
    with pytest.raises(vg.VgtheoryError, match=message):
        ask()
