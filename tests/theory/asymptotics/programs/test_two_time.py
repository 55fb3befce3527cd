"""The closure at two times: within 1 % of the rate at moderate inputs, and it says where it is not to be trusted."""

import numpy as np
import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.theory.asymptotics.programs.two_time import two_time

B = vg.blocks


def asked(sigma_w, forget_bias, variance, depth=60):
    network = vg.Network(B.lstm(vg.Weights.gaussian(sigma_w), forget_bias), 1024, depth)
    return network, vg.Inputs(variance=variance)


def rate(found):
    """Return the growth of ln‖∂ℓ/∂c‖ per step from the end, away from either end."""
    c = found.log_stream_gradient_norm.sel(stream="c")
    return float(c.sel(layer=30) - c.sel(layer=2)) / -28


# Sampled at N = 1024 over 60 steps: (σ_w, b_f, variance of inputs), rate per step, its standard error.
SAMPLED = [((3**-0.5, 0, 1 / 3), -0.5039, 0.0008), ((1, 1, 1), -0.1948, 0.0013), ((2, 1, 1), -0.0617, 0.0018)]


@pytest.mark.parametrize(("parameters", "sampled", "error"), thinned(SAMPLED, 3))
def test_moderate_inputs_within_a_percent_of_the_rate(parameters, sampled, error):
    found = two_time(*asked(*parameters))
    assert found.attrs["reliable"] == "yes"
    assert rate(found) == pytest.approx(sampled, rel=0.01, abs=error)


@pytest.mark.parametrize(("parameters", "sampled"), thinned([((1, 1, 4), -0.2957), ((4, 1, 4), 0.010)], 2))
def test_strong_inputs_are_off_and_it_says_so(parameters, sampled):
    found = two_time(*asked(*parameters))
    assert "few units" in found.attrs["reliable"]
    assert abs(rate(found) - sampled) > 0.02 * abs(sampled)  # a doubt that would never be right says nothing


def test_gates_that_steps_share_are_a_doubt():
    assert "which steps share" in two_time(*asked(2, 1, 0.05, 20)).attrs["reliable"]


def test_without_weights_gradients_are_those_of_the_cell_path():
    network, inputs = asked(0, 0.5, 1.0, 10)
    logs = two_time(network, inputs).log_stream_gradient_norm.values
    z = np.random.default_rng(1).standard_normal(400_000)
    kept = np.log(np.mean((1 / (1 + np.exp(-z - 0.5))) ** 2)) / 2  # E F² per step, exactly
    np.testing.assert_allclose(np.diff(logs[:-1, 1]), -kept, atol=3e-3)
    assert logs[10, 0] == 0
    assert np.isneginf(logs[:10, 0]).all()


@pytest.mark.slow
def test_it_is_close_to_populations_which_need_no_closure():
    network, inputs = asked(1, 1, 1)
    closed, followed = two_time(network, inputs), vg.predict(network, inputs=inputs)
    assert rate(closed) == pytest.approx(rate(followed), rel=0.015)
    # Gates that are correlated over time, which is neglected, cost the squares a tenth after some steps.
    np.testing.assert_allclose(closed.stream_square[:4], followed.stream_square[:4], rtol=0.03, atol=1e-3)
    np.testing.assert_allclose(closed.stream_square, followed.stream_square, rtol=0.12, atol=1e-3)


@pytest.mark.parametrize(
    ("block", "inputs", "message"),
    [
        (B.gru(vg.Weights.gaussian(1)), vg.Inputs(), "no cell c'"),
        (B.lstm(vg.Weights.gaussian(1), tied=False), vg.Inputs(), "tied weights"),
        (B.lstm(vg.Weights.gaussian(1)), vg.Inputs(kind="same"), "new at every step"),
        (B.lstm.chrono(20), vg.Inputs(), "no cell c'"),
    ],
)
def test_what_it_does_not_close_is_refused_with_what_answers(block, inputs, message):
    with pytest.raises(UnsupportedError, match=message):
        two_time(vg.Network(block, 64, 5), inputs)
    with pytest.raises(InputError, match="gated cell"):
        two_time(vg.Network("tanh", vg.Weights.gaussian(1), 8, 3))
