"""Sweeps and line-ups of networks of blocks: each point is the simulation of its own, and physics comes out."""

import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.study.growth import growth_of

W, B = vg.Weights.gaussian(1), vg.blocks


def cell(forget_bias, depth=6):
    return vg.Network(B.lstm(W, forget_bias), width=12, depth=depth)


def test_every_point_is_a_simulation_of_its_own():
    inputs = vg.Inputs(kind="same", variance=0.5)
    found = vg.sweep(cell, 5, seed=3, over={"forget_bias": [0, 3], "depth": [4, 6]}, inputs=inputs)
    assert found.log_stream_gradient_norm_mean.dims == ("forget_bias", "depth", "layer", "stream")
    for bias, depth in ((0, 4), (3, 6)):
        alone = vg.simulate(cell(bias, depth), 5, seed=3, inputs=inputs)
        point = found.sel(forget_bias=bias, depth=depth)
        logs = alone.log_stream_gradient_norm.sel(stream="h")
        np.testing.assert_allclose(
            point.log_stream_gradient_norm_mean.sel(stream="h")[: depth + 1], logs.mean("sample"), atol=1e-12
        )
        np.testing.assert_allclose(
            point.log_stream_gradient_norm_std.sel(stream="h")[: depth + 1], logs.std("sample", ddof=1), atol=1e-12
        )
        assert point.log_stream_gradient_norm_mean[depth + 1 :].isnull().all()
        assert float(point.change) == pytest.approx(growth_of(alone).change)
    assert (found.change.sel(forget_bias=3) > found.change.sel(forget_bias=0)).all()  # what remembers keeps gradients


def test_scales_and_sizes_of_a_network_are_swept_as_they_are():
    found = vg.sweep(vg.Network(B.rnn("tanh", W), width=16, depth=8), 4, over={"sigma_w": [0.5, 1.5], "width": [8, 16]})
    assert (found.change.sel(sigma_w=0.5) < found.change.sel(sigma_w=1.5)).all()
    assert set(found.regime.values.ravel()) <= {"vanishes", "balanced", "explodes", "undecided"}


def test_the_place_of_a_norm_is_an_axis():
    made = lambda norm: vg.Network(B.transformer("relu", W, 2, norm=norm, expansion=2), 16, 3, tokens=4)  # noqa: E731
    found = vg.sweep(made, 3, over={"norm": ["pre", "post"]})
    assert list(found.norm.values) == ["pre", "post"]
    assert found.log_stream_square_mean.sel(norm="post", layer=3, stream="x") == pytest.approx(0, abs=1e-5)
    assert {"cosine_mean", "entropy_mean"} <= set(found.data_vars)


@pytest.mark.parametrize(
    ("network", "over", "message"),
    [
        (cell(1), {"forget_bias": [0, 1]}, "lambda forget_bias"),
        (cell(1), {}, "values by name"),
        (cell, {"forget_bais": [0, 1]}, "forget_bais"),
        (cell, {"forget_bias": "01"}, "different numbers or texts"),
        (cell, {"forget_bias": [1, 1]}, "different numbers or texts"),
        (lambda a: a, {"a": [1, 2]}, "returns a network"),
    ],
)
def test_what_cannot_be_swept_is_named(network, over, message):
    with pytest.raises(InputError, match=message):
        vg.sweep(network, 2, over=over)


def test_batch_norm_is_refused_at_the_point_that_has_it():
    made = lambda norm: vg.Network(B.conv("relu", W, norm=norm), 8, 2, shape=(4,))  # noqa: E731
    with pytest.raises(UnsupportedError, match="batch"):
        vg.sweep(made, 2, over={"norm": ["rms", "batch"]})


def test_blocks_stand_side_by_side_with_their_theory():
    networks = [cell(0), cell(3), vg.Network(B.gru(W), 12, 6)]
    found = vg.compare(networks, samples=8, seed=1)
    assert found.network.values.tolist() == ["LSTM (1)", "LSTM (2)", "GRU, reset after"]
    assert found["mean"].dims == ("network", "layer")
    assert np.isfinite(found.predicted).all()
    assert float(found.critical_sigma_w[0]) == pytest.approx(2)
    assert found.change[1] > found.change[0]
    study = vg.simulate(networks[2], 8, seed=1)
    np.testing.assert_allclose(found["mean"][2], study.log_stream_gradient_norm[..., 0].mean("sample"), atol=1e-12)
    vg.plot.lineup(found)


def test_unlike_networks_do_not_stand_side_by_side():
    with pytest.raises(InputError, match=r"vg\.blocks\.dense"):
        vg.compare([cell(0), vg.Network("tanh", W, 12, 6)], samples=2)
    with pytest.raises(InputError, match="one depth"):
        vg.compare([cell(0), cell(0, 7)], samples=2)
