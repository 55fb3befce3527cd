"""Every step of every block backward against differences of the same program forward, and stacks against dense ones."""

import math

import numpy as np
import pytest
from scipy import ndimage, stats

import vgtheory as vg
from tests.thinning import thinned
from vgtheory.model.program import on_maps
from vgtheory.study.programs import numbers, passes
from vgtheory.study.programs.numbers import Batch, Machine
from vgtheory.study.programs.passes import back, carried_on, run_layer, there_and_back
from vgtheory.study.programs.recorded_norms import OfStreams

W, V = vg.Weights.gaussian(1.2, 0.1), vg.Weights.orthogonal(0.9, 0.1)
U, Q = vg.Weights.gaussian(1.5), vg.Weights.orthogonal(1.5)
BLOCKS = [
    vg.blocks.dense("tanh", W),
    vg.blocks.mlp("gelu", W, V, expansion=2),
    vg.blocks.gated("silu", W, V, W, expansion=2),
    vg.blocks.residual(vg.blocks.normalised(vg.blocks.gated("tanh", W, W, W), "rms"), scale="1/sqrt(depth)"),
    vg.blocks.normalised(vg.blocks.residual(vg.blocks.dense("erf", W), keep=2), "layer", "after"),
    vg.blocks.attention(U, heads=1),
    vg.blocks.attention(Q, heads=7, causal=True),
    vg.blocks.transformer("gelu", U, 7, norm="pre", scale="1/sqrt(2*depth)", causal=True),
    vg.blocks.transformer("silu", Q, 1, norm="post", mlp="gated", kind="rms"),
    vg.blocks.transformer("tanh", U, 7, norm="none"),
    vg.blocks.transformer("relu", U, 1, norm="deep", mlp="gated"),
    vg.blocks.conv("tanh", W, kernel=1),
    vg.blocks.residual(vg.blocks.conv("gelu", W, kernel=3, padding="zeros", norm="layer"), 0.5),
    vg.blocks.rnn("softplus", W),
    vg.blocks.minimal(W, update_bias=1),
    vg.blocks.gru(W),
    vg.blocks.gru(W, reset="before"),
    vg.blocks.lstm(W),
    vg.blocks.lstm.pytorch(),
    vg.blocks.lstm.chrono(50),
    vg.blocks.cell({"c": "tanh(a)*c + b/(1 + b**2)", "h": "c*s(h)"}, W),
]


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("shape", [(1,), (3,), (3, 4)])
@pytest.mark.parametrize("block", thinned(BLOCKS, 2), ids=lambda b: b.name)
def test_the_gradient_is_the_derivative_of_the_program(block, shape, asked):
    block, columns = on_maps(block, len(shape)), math.prod(shape)
    if shape[1:] and not block.mixes("window"):
        pytest.skip("only windows see two dimensions")
    if asked and any(m.weights.family == "uniform" for m in block.matrices):
        pytest.skip("uniform entries are drawn")
    width, depth, samples = 7, 3, 2
    rng = np.random.default_rng(0)
    start = {name: rng.normal(size=(samples, columns, width)) for name in block.carried}
    along = {name: rng.normal(size=(samples, columns, width)) for name in block.carried}
    out = {name: rng.normal(size=(samples, columns, width)) for name in block.carried}
    batch = Batch(Machine(block, width, depth, vg.Inputs(0.3), asked, shape), 1, 0, samples)

    def loss(shift):
        state = {name: x + shift * along[name] for name, x in start.items()}
        tape = []
        for index in range(depth):
            tape.append(run_layer(index + 1, state, batch))
            state = carried_on(tape[-1], block)
        return sum(np.einsum("scn,scn->s", state[name], out[name]) for name in out), tape

    # Untied matrices that are asked answer a second run as a new matrix would: there each layer is differenced alone.
    if asked and not block.tied:
        batch.machine = Machine(block, width, depth, vg.Inputs(0.3), False, shape)
    _, tape = loss(0.0)
    gradients, unit = out, np.zeros(samples)
    notes = OfStreams(batch.machine, samples)
    for layer in reversed(tape):
        gradients, unit = back(layer, gradients, unit, batch, notes)
    step = 2e-5
    ahead, far = (loss(k * step)[0] - loss(-k * step)[0] for k in (1, 2))
    want = (8 * ahead - far) / (12 * step)  # the error is of fourth order
    got = sum(np.einsum("scn,scn->s", gradients[name], along[name]) for name in gradients) * np.exp(unit)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize("shape", [(5,), (3, 4)])
def test_a_convolution_is_the_correlation_of_images(shape, padding):
    block = on_maps(vg.blocks.conv("identity", U, 3, padding), len(shape))
    machine = Machine(block, 4, 1, vg.Inputs(), False, shape)
    batch = Batch(machine, 1, 0, 2)
    x = np.random.default_rng(4).normal(size=(2, machine.columns, 4))
    layer = run_layer(1, {"x": x}, batch)
    drawn = layer.oracles["W"]
    kernels = (drawn.scale * drawn.matrices).reshape(2, 4, *(3,) * len(shape), 4)
    want = np.zeros((2, 4, *shape))
    mode = "wrap" if padding == "circular" else "constant"
    for s, out, channel in np.ndindex(2, 4, 4):
        image, kernel = x[s, :, channel].reshape(shape), kernels[s, out, ..., channel]
        want[s, out] += ndimage.correlate(image, kernel, mode=mode)
    np.testing.assert_allclose(layer.streams["y"], want.reshape(2, 4, -1).swapaxes(1, 2), atol=1e-12)


def test_a_causal_token_sees_no_later_ones_and_the_first_one_only_itself():
    machine = Machine(vg.blocks.transformer("gelu", U, 2, causal=True), 8, 1, vg.Inputs(), False, (6,))
    batch = Batch(machine, 1, 0, 3)
    x = np.random.default_rng(5).normal(size=(3, 6, 8))
    moved = x.copy()
    moved[:, 4] *= -1.0
    a, b = (carried_on(run_layer(1, {"x": start}, batch), machine.block)["x"] for start in (x, moved))
    np.testing.assert_array_equal(a[:, :4], b[:, :4])
    assert (abs(a - b)[:, 4:].max(axis=2) > 0.01).all()


def test_the_gradient_at_a_matrix_is_the_sum_of_outer_products():
    block = vg.blocks.dense("tanh", W)
    batch = Batch(Machine(block, 5, 1, vg.Inputs(), False, (2,)), 1, 0, 2)
    rng = np.random.default_rng(3)
    start, out = rng.normal(size=(2, 2, 5)), rng.normal(size=(2, 2, 5))
    layer = run_layer(1, {"x": start}, batch)
    notes = OfStreams(batch.machine, 2)
    back(layer, {"x": out}, np.zeros(2), batch, notes)
    (pair,) = layer.asked["W"]
    gradient = np.einsum("sco,sci->soi", pair[1], pair[0])
    np.testing.assert_allclose(np.exp(notes.found["weights"][:, 0]), np.linalg.norm(gradient, axis=(1, 2)))


@pytest.mark.parametrize("weights", [W, V], ids=["gaussian", "orthogonal"])
def test_dense_blocks_have_the_law_of_dense_networks(weights):
    samples, false_alarm = 3000, 1e-3
    dense = vg.simulate(vg.Network("tanh", weights, width=12, depth=5), samples, seed=1)
    block = vg.simulate(vg.Network(vg.blocks.dense("tanh", weights), width=12, depth=5), samples, seed=2)

    def smallest(a, b):
        return 5 * min(stats.ks_2samp(a.sel(layer=at), b.sel(layer=at)).pvalue for at in range(1, 6))

    a = dense.log_weight_gradient_norm
    assert smallest(a, block.log_weight_gradient_norm) > false_alarm
    # The power twin: gradients that are 2 % larger per layer.
    assert smallest(a, block.log_weight_gradient_norm + 0.02 * (5 - block.layer)) < false_alarm


def test_signals_below_float64_have_the_gradients_of_a_dense_network():
    """All signals are linear combinations of the first: 0 would be no number to differentiate ReLU at."""
    weights, samples, layers = vg.Weights.gaussian(0.4), 150, (1, 300, 600)
    dense = vg.simulate(vg.Network("relu", weights, width=12, depth=600), samples, seed=1, method="exact")
    block = vg.simulate(vg.Network(vg.blocks.dense("relu", weights), width=12, depth=600), samples, seed=2)
    assert (block.stream_square.sel(layer=600) == 0).all()

    def smallest(a, b):
        return len(layers) * min(stats.ks_2samp(a.sel(layer=at), b.sel(layer=at)).pvalue for at in layers)

    a, b = dense.log_weight_gradient_norm, block.log_weight_gradient_norm
    assert smallest(a, b) > 1e-3
    # The power twin: logarithms that are one part in a hundred off.
    assert smallest(a, 1.01 * b) < 1e-3


def step_by_step(machine):
    """Return what three samples show, also where there is a compiled pass."""
    notes = OfStreams(machine, 3)
    there_and_back(Batch(machine, 1, 0, 3), notes)
    return notes.found


def test_small_signals_in_units_have_the_bits_of_a_shorter_way(monkeypatch):
    """A ReLU network is linear in its input's size: where units begin must not matter beyond rounding."""
    machine = Machine(vg.blocks.dense("relu", vg.Weights.gaussian(0.5)), 9, 60, vg.Inputs(), True)
    kept = step_by_step(machine)
    monkeypatch.setattr(passes, "SMALL", np.log(1e-3))
    for name, values in step_by_step(machine).items():
        np.testing.assert_allclose(values, kept[name], rtol=1e-12, atol=1e-12)
    assert not Machine(vg.blocks.dense("relu", vg.Weights.gaussian(0.5, 0.1)), 9, 60, vg.Inputs(), True).linear_at_zero
    assert not Machine(vg.blocks.dense("x**3", W), 9, 60, vg.Inputs(), True).linear_at_zero


def test_a_deep_stack_keeps_few_layers_and_runs_the_others_again(monkeypatch):
    block = vg.blocks.residual(vg.blocks.normalised(vg.blocks.mlp("relu", vg.Weights.he(), W, 2), "rms"), scale=0.3)
    machine = Machine(block, 9, 50, vg.Inputs(), True)
    assert machine.segment(3) == 50
    kept = step_by_step(machine)
    monkeypatch.setattr(numbers, "KEPT", 1)
    assert machine.segment(3) == 8
    again = step_by_step(machine)
    for name, values in kept.items():
        np.testing.assert_array_equal(values, again[name])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: vg.simulate(n, 2, method="chain"), "chain"),
        (lambda n: vg.simulate(n, 2, inputs=vg.Inputs(0.5)), "for recurrent cells"),
        (lambda n: vg.spectrum(n), "dense layers"),
        (lambda n: n.activation, "no activation of its own"),
        (
            lambda n: vg.simulate(vg.Network(vg.blocks.lstm.pytorch(), 64, 4), 2, method="exact"),
            "gaussian and orth",
        ),
        (lambda n: vg.Network(vg.blocks.normalised(n.block, "layer"), 1, 4), "at least 2"),
        (lambda n: vg.Network(n.block, width=0, depth=3), "width must be"),
        (lambda n: vg.simulate(vg.Network(vg.blocks.lstm(W), 10**5, 10**5), 1, method="exact"), "memory"),
        (lambda n: vg.simulate(vg.Network(vg.blocks.dense("x**3 + x", vg.Weights.gaussian(9)), 8, 90), 2), "float64"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(vg.VgtheoryError, match=message):
        call(vg.Network(vg.blocks.dense("tanh", W), width=16, depth=4))
