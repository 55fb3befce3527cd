"""Stages of residual networks, and other blocks whose maps read sums: closed forms where there are some, simulation."""

import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import UnsupportedError
from vgtheory.theory.asymptotics.programs.stack_population import population_stack
from vgtheory.theory.asymptotics.programs.stacks import stack_profile

HE, B = vg.Weights.he(), vg.blocks


@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (B.resnet("relu", HE, units=1, norm=None), (16, 16)),
        (B.conv("tanh", vg.Weights.gaussian(1.3, 0.2), padding="zeros"), (5,)),
        (B.residual(B.normalised(B.mlp("gelu", HE, HE), "layer"), scale="1/sqrt(depth)"), (1,)),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_populations_agree_with_closed_forms_where_there_are_some(block, shape):
    network = vg.Network(block, 64, 3, shape=shape)  # which makes windows of two dimensions
    exact, drawn = (f(network.block, 64, 3, shape) for f in (stack_profile, population_stack))
    np.testing.assert_allclose(drawn["square"], exact["square"], rtol=0.03)
    for name in ("gradient", "weights"):
        np.testing.assert_allclose(drawn[name], exact[name], atol=0.03)


def test_units_that_can_be_followed_by_hand():
    block = B.resnet("relu", vg.Weights.gaussian(0), units=3, stride=1, norm=None, kernel=1)
    found = population_stack(block, 64, 2, (1,))
    # Without branches y = φ(x): half of the square and of the gradient is lost once, and what is positive stays so.
    np.testing.assert_allclose(found["square"], [1, 0.5, 0.5], rtol=1e-3)
    np.testing.assert_allclose(found["gradient"], [np.log(0.5), np.log(0.5), 0], atol=1e-3)
    grown = population_stack(B.resnet("identity", HE, units=2, stride=1, norm=None, kernel=1), 64, 1, (1,))
    np.testing.assert_allclose(grown["square"][-1], 25, rtol=0.03)  # (1 + 2·2)², of two units
    np.testing.assert_allclose(grown["gradient"][0], np.log(25), atol=0.03)


@pytest.mark.parametrize(
    ("norm", "depth", "side"),
    [(None, 1, 4), *(pytest.param(norm, 2, 8, marks=pytest.mark.slow) for norm in (None, "rms"))],
)
def test_a_stage_predicts_its_simulation(norm, depth, side):
    network = vg.Network(B.resnet("relu", vg.Weights.gaussian(1), 2, norm=norm), 96, depth, shape=(side, side))
    theory, study = vg.predict(network), vg.simulate(network, 24, seed=5)
    assert theory.attrs["method"] == "population"
    for name, value in (
        ("stream_square", np.log(study.stream_square.mean("sample"))),
        ("log_stream_gradient_norm", 0.5 * np.log(np.exp(2 * study.log_stream_gradient_norm).mean("sample"))),
    ):
        want = np.log(theory[name]) if name == "stream_square" else theory[name]
        np.testing.assert_allclose(value.values[:, 0], want.values[:, 0], atol=0.12, err_msg=name)
    product = 0.5 * np.log(0.5)  # a theory in which slopes of successive units were independent would lose this more
    assert abs(
        float(study.log_stream_gradient_norm.mean("sample")[0, 0] - theory.log_stream_gradient_norm[0, 0])
    ) < abs(product)


def test_batch_norm_stays_refused_with_what_answers_instead():
    with pytest.raises(UnsupportedError, match="batch"):
        vg.predict(vg.Network(B.resnet("relu", HE), 32, 2, shape=(8, 8)))
