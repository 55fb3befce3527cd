"""What carries a gradient through a block, against simulated gradients, sampled units and products by hand."""

import math

import numpy as np
import pytest
import sympy as sp

import vgtheory as vg
from vgtheory.model.streams import stream
from vgtheory.theory.asymptotics.programs.paths import (
    flat_shares,
    mean_square_slope,
    own_paths,
    read_variances,
    skipped,
    zeros_around,
)

W, B = vg.Weights, vg.blocks


def lstm_path(bias, drive):
    network = vg.Network(B.lstm(W.gaussian(1e-3), forget_bias=bias), width=256, depth=9)
    return own_paths(network.block, read_variances(network, {"h": 0.0, "c": 0.0}, drive))


def test_gates_keep_of_the_cell_state_what_a_simulated_gradient_has_left():
    """Without recurrent weights the gradient at c is multiplied by the forget gate alone, by fresh inputs each step."""
    network = vg.Network(B.lstm(W.gaussian(1e-3), forget_bias=1), width=256, depth=9)
    study = vg.simulate(network, samples=256, seed=1, inputs=vg.Inputs(1.0))
    g = study.log_stream_gradient_norm.sel(stream="c")
    squares = np.exp(2 * (g.sel(layer=0) - g.sel(layer=8)))
    seen = float(squares.mean()) ** (1 / 8)
    (path,) = lstm_path(1, 1.0)
    assert (path.state, path.gates) == ("c", ("f",))
    # The eighth root of a mean over 256 networks; 4 standard errors are a false alarm once in 16,000 runs.
    error = float(squares.std()) / 16 / float(squares.mean()) / 8
    assert error < 0.005
    assert abs(seen / path.square - 1) < 4 * error
    (wrong,) = lstm_path(1.05, 1.0)  # 3 % off
    assert abs(seen / wrong.square - 1) > 4 * error


def test_a_gate_s_mean_is_that_of_normal_numbers():
    z, weights = np.polynomial.hermite_e.hermegauss(200)
    gate = 1 / (1 + np.exp(-1 - math.sqrt(2.0) * z))
    (path,) = lstm_path(1, 2.0)
    assert path.mean == pytest.approx(weights @ gate / weights.sum(), rel=1e-9)
    assert path.square == pytest.approx(weights @ gate**2 / weights.sum(), rel=1e-9)


def test_a_state_that_no_gate_hands_on_has_no_path():
    network = vg.Network(B.rnn("tanh", W.gaussian(1)), width=8, depth=4)
    variances = read_variances(network, {"h": 0.3}, 1.0)
    assert own_paths(network.block, variances) == []
    assert variances == {stream("a"): pytest.approx(1.3)}
    z, weights = np.polynomial.hermite_e.hermegauss(200)
    slope = np.cosh(math.sqrt(1.3) * z) ** -4.0
    assert mean_square_slope(network.block, variances) == pytest.approx(weights @ slope / weights.sum(), rel=1e-7)


def test_skip_connections_hand_on_the_product_of_what_they_keep():
    dense = B.dense("tanh", W.gaussian(1))
    assert skipped(B.residual(dense), 5) == 1
    assert skipped(B.residual(dense, keep="1/sqrt(depth)"), 4) == pytest.approx(0.25)
    assert skipped(B.transformer("relu", W.gaussian(1), 2, norm="pre"), 4) == 1
    assert skipped(B.transformer("relu", W.gaussian(1), 2, norm="post"), 4) is None
    assert skipped(dense, 4) is None


def test_saturated_shares_are_those_of_normal_units_and_at_most_chebyshev_s_of_others():
    cell = B.cell({"c": "s(f)*c + (1-s(f))*tanh(g)", "h": "tanh(c)"}, W.gaussian(1))
    found, complete = flat_shares(cell, {stream("f"): 4.0, stream("g"): 2.0}, {"c": 0.5, "h": 0.3})
    assert complete
    edge = math.acosh(10)  # tanh' = 0.01
    shares = dict(found)
    assert shares["g"] == pytest.approx(math.erfc(edge / 2), rel=1e-9)
    assert shares["c"] == pytest.approx(0.5 / edge**2, rel=1e-9)
    relu, whole = flat_shares(B.dense("relu", W.he()), {stream("h"): 3.0}, {"x": 1.0})
    assert (relu, whole) == ([("h", 0.5)], True)
    assert flat_shares(B.gru(W.gaussian(1)), {}, {"h": 0.3})[1] is False  # tanh(u s(r) + x): two arguments


def test_what_maps_read_has_the_variance_of_what_came_in():
    network = vg.Network(B.mlp("relu", W.gaussian(2**0.5, 0.5), W.he()), width=8, depth=3)
    assert next(iter(read_variances(network, {"x": 3.0}, 0.0).values())) == pytest.approx(2 * 3.0 + 0.25)
    tokens = vg.Network(B.transformer("relu", W.gaussian(1.5), 2, norm="pre"), width=8, depth=3, tokens=4)
    known = read_variances(tokens, {"x": 7.0}, 0.0)
    assert list(known.values()) == pytest.approx([2.25] * len(known))  # behind norms
    assert all(isinstance(symbol, sp.Symbol) for symbol in known)


@pytest.mark.parametrize(
    ("block", "found"),
    [
        (B.conv("relu", W.he(), 3, padding="zeros"), True),
        (B.conv("relu", W.he(), 3, padding="circular"), False),
        (B.conv("relu", W.he(), 1, padding="zeros"), False),
        (B.dense("relu", W.he()), False),
    ],
)
def test_zeros_are_seen_where_they_are(block, found):
    assert (zeros_around(block) is not None) == found
