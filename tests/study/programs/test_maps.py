"""Convolutions and residual stages, asked and drawn: strides, projections, batch norm, weights at one tap."""

from dataclasses import replace

import numpy as np
import pytest

import vgtheory as vg
from tests.study.programs.statistics import FALSE_ALARM, smallest_p, statistics
from vgtheory.model.steps import Mix
from vgtheory.study.programs import mixes
from vgtheory.study.programs.mixes import MIXES, Around

W, V = vg.Weights.gaussian(1.2), vg.Weights.gaussian(1.5, 0.2)
CASES = {
    "ring": (vg.blocks.conv("tanh", V), 16, 3, (5,)),
    "more positions than inputs of a channel": (vg.blocks.conv("leaky_relu", V, padding="zeros"), 4, 3, (16,)),
    "map": (vg.blocks.conv("gelu", V, padding="zeros", norm="layer"), 6, 3, (3, 4)),
    "stride": (vg.blocks.conv("tanh", V, padding="zeros", stride=2), 8, 2, (9,)),
    "stride in two dimensions": (vg.blocks.conv("tanh", V, stride=2), 6, 2, (5, 6)),
    "delta-orthogonal": (vg.blocks.conv("tanh", vg.Weights.orthogonal(1.3), delta=True), 8, 3, (4,)),
    "stage": (vg.blocks.resnet("tanh", W, units=2, norm=None), 6, 1, (4, 4)),
    "stage with batch norm": (vg.blocks.resnet("relu", W, units=1), 5, 1, (4,), 3),
}


def compared(case, twin=None):
    block, width, depth, shape, *batch = case
    asked = statistics(block, width, depth, shape, True, 11, *batch)
    return smallest_p(asked, statistics(twin or block, width, depth, shape, False, 12, *batch))


@pytest.mark.parametrize(
    "name", [name if name == "stride" else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_asked_and_drawn_matrices_give_the_same_law(name):
    assert compared(CASES[name]) > FALSE_ALARM


def test_the_comparison_notices_weights_that_are_three_percent_larger():
    assert compared(CASES["ring"], vg.blocks.conv("tanh", vg.Weights.gaussian(1.545, 0.2))) < FALSE_ALARM


@pytest.mark.slow
def test_the_comparison_notices_a_projection_left_out_and_a_tap_that_reads_zeros(monkeypatch):
    block = CASES["stage"][0]
    without = tuple(replace(m, scale=m.scale * 0) if m.name.endswith("WP") else m for m in block.matrices)
    assert compared(CASES["stage"], replace(block, matrices=without)) < FALSE_ALARM
    right = statistics(*CASES["map"], True, 11)
    known = mixes.neighbours

    def wrong(shape, kernel, zeros, stride):
        table = known(shape, kernel, zeros, stride).copy()
        table[0] = np.prod(shape)  # a zero, wherever it is
        return table

    monkeypatch.setattr(mixes, "neighbours", wrong)
    assert smallest_p(right, statistics(*CASES["map"], False, 12)) < FALSE_ALARM


@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e155, 1e200])
def test_batch_norm_of_what_float64_does_not_hold_is_no_vector_of_equal_numbers(bad):
    rows = np.array([[1.0, bad, 2.0], [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]])
    with np.errstate(invalid="ignore"):
        n, _ = mixes.batch_norm(Mix(("n",), "batch", ("x",)), (rows,), Around((3,), (0.0,)))
    assert np.isnan(n[0]).all()
    assert n[1] == pytest.approx([-(1.5**0.5), 0, 1.5**0.5])
    assert not n[2].any()


@pytest.mark.parametrize(("zeros", "stride", "kernel"), [(1, 1, 3), (1, 2, 3), (0, 2, 5), (1, 3, 1), (0, 1, 3)])
def test_windows_are_slices_of_a_padded_map_and_their_adjoints_transposed(zeros, stride, kernel):
    rng, shape = np.random.default_rng(5), (7, 6)
    step = Mix(("w",), "window", ("x",), options=(kernel, zeros, 2, stride))
    x = rng.normal(size=(2, 42, 3))
    found, left = MIXES["window"][0](step, (x,), Around(shape, ()))
    edge = kernel // 2
    padded = np.pad(
        x.reshape(2, 7, 6, 3), ((0, 0), (edge, edge), (edge, edge), (0, 0)), "constant" if zeros else "wrap"
    )
    want = [
        padded[:, a : a + 7 : stride, b : b + 6 : stride].reshape(2, -1, 3)
        for a in range(kernel)
        for b in range(kernel)
    ]
    np.testing.assert_array_equal(found, np.concatenate(want, axis=2))
    u = rng.normal(size=found.shape)
    (back,) = MIXES["window"][1](step, (x,), Around(shape, ()), left, u)
    assert (found * u).sum() == pytest.approx((x * back).sum(), rel=1e-12)


def test_a_batch_is_asked_or_drawn_and_says_which():
    network = vg.Network(vg.blocks.conv("relu", vg.Weights.he(), norm="batch"), width=256, depth=3, shape=(4,))
    wide, narrow = vg.simulate(network, 2, batch=3), vg.simulate(network, 2, batch=40)
    assert (wide.attrs["oracle"], wide.attrs["batch"]) == ("asked: no matrix is drawn", 3)
    assert (narrow.attrs["oracle"], narrow.attrs["batch"]) == ("drawn", 40)
    # After batch norm and ReLU half of a mean square of 1 is left.
    np.testing.assert_allclose(narrow.stream_square[:, 1:], 0.5, atol=0.03)
    # In the limit a layer with batch norm of ReLU multiplies the squared gradient by pi/(pi - 1), Yang et al. (2019).
    deep = vg.simulate(vg.Network(network.block, 64, 12, shape=(4,)), 8, batch=64).isel(stream=0)
    rate = 2 * float((deep.log_stream_gradient_norm[:, 2] - deep.log_stream_gradient_norm[:, 10]).mean()) / 8
    assert rate == pytest.approx(np.log(np.pi / (np.pi - 1)), abs=0.06)


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
    ("block", "shape", "width"),
    [
        (vg.blocks.conv("relu", vg.Weights.he(), padding="zeros", stride=2), (16, 16), 128),
        (vg.blocks.conv("tanh", vg.Weights.orthogonal(1.2, 0.2), delta=True, stride=2), (27,), 192),
    ],
    ids=["zeros", "delta-orthogonal"],
)
def test_strided_convolutions_are_predicted_by_position(block, shape, width):
    network = vg.Network(block, width, 3, shape=shape)
    theory, study = vg.predict(network).isel(stream=0), vg.simulate(network, 24, seed=2).isel(stream=0)
    for seen, said in (
        (study.log_stream_gradient_norm, theory.log_stream_gradient_norm),
        (study.log_weight_gradient_norm[:, 1:], theory.log_weight_gradient_norm[1:]),
        (np.log(study.stream_square), np.log(theory.stream_square)),
    ):
        error = seen.std("sample") / 24**0.5
        assert (abs(seen.mean("sample") - said) < 5 * error + 0.012).all()


def test_delta_orthogonal_layers_keep_every_gradient_of_a_linear_map():
    network = vg.Network(
        vg.blocks.conv("identity", vg.Weights.orthogonal(1), delta=True, padding="zeros"), 24, 30, shape=(7,)
    )
    study = vg.simulate(network, 3)
    np.testing.assert_allclose(study.log_stream_gradient_norm, 0, atol=1e-9)
    np.testing.assert_allclose(study.stream_square, 1, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: vg.Network(vg.blocks.conv("relu", W, 5, "zeros"), 8, 2, shape=(4, 9)),
            "kernel 5 on a map",
        ),
        (lambda: vg.Network(vg.blocks.conv("relu", W, 3), width=8, depth=2, shape=(2,)), "no larger than the map"),
        (lambda: vg.Network(vg.blocks.conv("relu", W), 64, 2, shape=(3, 3, 3)), "one or two numbers"),
        (lambda: vg.blocks.conv("relu", W, 4), "odd number"),
        (lambda: vg.blocks.conv("relu", W, padding="reflect"), "circular"),
        (lambda: vg.critical(vg.blocks.conv("relu", W, padding="zeros")), "shape"),
        (lambda: vg.Network(vg.blocks.conv("relu", W, stride=4), 8, 2, shape=(4,)), "stride 4 on a map"),
        (lambda: vg.Network(vg.blocks.resnet("relu", W), 8, 6, shape=(32, 32)), "at layer 5.*depth=4"),
        (lambda: vg.blocks.residual(vg.blocks.conv("relu", W, stride=2)), "different strides"),
        (lambda: vg.blocks.conv("relu", W, stride=0), "stride must be"),
        (lambda: vg.blocks.conv("relu", W, norm="instance"), "norm must be"),
        (lambda: vg.blocks.conv("relu", W, delta=1), "delta must be"),
        (lambda: vg.blocks.resnet("relu", W, units=0), "units must be"),
        (lambda: vg.simulate(vg.Network(vg.blocks.resnet("relu", W), 8, 1, shape=(4, 4)), 2), "a batch of inputs"),
        (lambda: vg.predict(vg.Network(vg.blocks.resnet("relu", W), 8, 1, shape=(4, 4))), "batch norm ties"),
        (
            lambda: vg.critical(vg.Network(vg.blocks.conv("relu", W, padding="zeros", stride=2), 8, 1, shape=(4, 4))),
            "maps that shrink",
        ),
        (
            lambda: vg.simulate(vg.Network(vg.blocks.conv("relu", W), 64, 2, shape=(900, 900)), 1),
            "shape must be so small that a sample fits",
        ),
    ],
)
def test_what_does_not_fit_is_said_before_any_work(call, message):
    with pytest.raises(vg.VgtheoryError, match=message):
        call()
