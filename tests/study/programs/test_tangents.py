"""Perturbations of blocks against differences of the same program, gradients, and what is known of their growth."""

import math

import numpy as np
import pytest
from scipy import stats

import vgtheory as vg
from tests.study.programs.test_steps import BLOCKS, W
from vgtheory.model.program import on_maps
from vgtheory.study.programs.numbers import Batch, Layer, Machine
from vgtheory.study.programs.passes import carried_on, run_layer
from vgtheory.study.programs.steps import forward
from vgtheory.study.programs.tangents import push

STRIDED = vg.blocks.conv("tanh", W, 3, "zeros", stride=2)
CASES = [*((block, shape) for block in BLOCKS for shape in ((1,), (3,))), (STRIDED, (6,)), (STRIDED, (4, 5))]


@pytest.mark.parametrize(("block", "shape"), CASES, ids=lambda case: getattr(case, "name", None))
def test_a_perturbation_is_the_difference_of_the_program(block, shape):
    block, columns, samples = on_maps(block, len(shape)), math.prod(shape), 2
    batch = Batch(Machine(block, 7, 1, vg.Inputs(0.3), False, shape), 1, 0, samples)
    rng = np.random.default_rng(0)
    size = samples, columns, 7
    state = {name: rng.normal(size=size) for name in block.carried}
    along = {name: rng.normal(size=size) for name in block.carried}

    def after(shift):
        return carried_on(run_layer(1, {n: x + shift * along[n] for n, x in state.items()}, batch), block)

    layer, moved = Layer(1, dict(state)), {name: np.repeat(x, 2, axis=0) for name, x in along.items()}
    for at, step in enumerate(block.steps):
        forward(step, at, layer, batch)
        push(step, at, layer, moved, batch)
    step = 2e-5
    ahead, far = ({n: after(k * step)[n] - after(-k * step)[n] for n in state} for k in (1, 2))
    for name, new in block.streams:
        want = (8 * ahead[name] - far[name]) / (12 * step)
        for direction in (0, 1):
            np.testing.assert_allclose(moved[new][direction::2], want, rtol=1e-6, atol=1e-7)


def test_an_orthogonal_linear_network_stretches_every_direction_alike():
    block = vg.blocks.dense("identity", vg.Weights.orthogonal(2))
    found = vg.sample(vg.Network(block, width=9, depth=40), of="growth", samples=3, directions=4)
    np.testing.assert_allclose(found.exponent, math.log(2), rtol=1e-12)


def test_cells_at_rest_grow_at_the_root_of_their_critical_line():
    # Without input J = a + bU at every step: the leading exponent is ln(a + bσ) for a wide cell.
    block = vg.blocks.lstm(vg.Weights.orthogonal(1.5), forget_bias=1.0)
    found = vg.sample(vg.Network(block, 48, 1500), of="growth", samples=2, inputs=vg.Inputs(0.0, "none"))
    a, b = 1 / (1 + math.exp(-1)), 0.25
    # Eigenvalues of U are on the circle of radius 1.5: the largest |a + bλ| of 48 is just below a + 1.5 b.
    assert float(found.exponent[0]) == pytest.approx(math.log(a + 1.5 * b), rel=0.03)


def test_exponents_of_blocks_add_up_to_the_determinant_and_begin_with_the_growth():
    cell = vg.Network(vg.blocks.lstm(vg.Weights.gaussian(1.2)), 5, 60)
    every = vg.sample(cell, of="exponents", samples=3, seed=4)
    assert dict(every.sizes) == {"sample": 3, "block": every.sizes["block"], "direction": 10}
    first = vg.sample(cell, of="growth", samples=3, seed=4, directions=10)
    np.testing.assert_array_equal(every.log_growth, first.log_growth)
    # Orthogonal matrices of slope 1: every direction grows by ln sigma in every layer.
    linear = vg.Network(vg.blocks.dense("identity", vg.Weights.orthogonal(1.5)), 6, 20)
    np.testing.assert_allclose(vg.sample(linear, of="exponents", samples=2).exponent, math.log(1.5), rtol=1e-12)
    with pytest.raises(vg.VgtheoryError, match="at most 256 of the 600"):
        vg.sample(vg.Network(vg.blocks.lstm(vg.Weights.gaussian(1.2)), 300, 3), of="exponents")
    with pytest.raises(vg.VgtheoryError, match="qr_every must be left out for exponents of blocks"):
        vg.sample(linear, of="exponents", qr_every=3)


def test_blocks_of_dense_layers_grow_as_networks_of_layers():
    weights, false_alarm = vg.Weights.gaussian(1.5, 0.1), 1e-3

    def growth(network, seed):
        return vg.sample(network, of="growth", samples=400, seed=seed, directions=2).log_growth.values[:, 0]

    layers = growth(vg.Network("tanh", weights, 12, 8), 1)
    blocks = growth(vg.Network(vg.blocks.dense("tanh", weights), 12, 8), 2)
    assert 2 * min(stats.ks_2samp(layers[:, j], blocks[:, j]).pvalue for j in (0, 1)) > false_alarm
    # The power twin: 5 % larger per layer.
    assert min(stats.ks_2samp(layers[:, j], blocks[:, j] + 0.05 * 8).pvalue for j in (0, 1)) < false_alarm


def test_results_depend_on_seed_and_index_only():
    network = vg.Network(vg.blocks.gru(W), 8, 20)
    few, many = (vg.sample(network, of="growth", samples=n, seed=3, directions=2).log_growth for n in (2, 5))
    np.testing.assert_array_equal(few, many[:2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: vg.sample(n, of="growth", directions=9), "directions"),
        (lambda n: vg.sample(n, of="singular values"), "dense layers"),
        (lambda n: vg.sample(n, of="growth", inputs=vg.Inputs(0.5)), "for recurrent cells"),
        (
            lambda n: vg.sample(vg.Network(vg.blocks.dense("x**3 + x", vg.Weights.gaussian(9)), 8, 90), of="growth"),
            "float64",
        ),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(vg.VgtheoryError, match=message):
        call(vg.Network(vg.blocks.dense("tanh", W), width=8, depth=4))
