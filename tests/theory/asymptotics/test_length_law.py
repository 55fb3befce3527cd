"""Laws of lengths as a few points, and the stretches that layers share."""

from itertools import pairwise

import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import UnsupportedError
from vgtheory.theory.asymptotics.length_law import Law, condensed, laws_along, moved
from vgtheory.theory.asymptotics.length_range import lengths_of


def test_condensed_laws_have_the_same_moments():
    """Two humps, 400 points: moments about the mean to degree 12."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-3, 0.3, 200), rng.normal(1, 1, 200)])
    law = condensed(Law(x, np.full(400, 1 / 400)))
    assert len(law.points) == 16
    assert (law.chances > 0).all()
    for k in range(13):
        assert law.chances @ law.points**k == pytest.approx((x**k).mean(), rel=1e-9)


def test_a_thousand_small_steps():
    """ln R' = ½ ln R + 1e-4 g from a point: the variance settles at 1e-8/(1 − ¼), no digits lost, no step twice."""
    made = []

    def move(step, law):
        made.append(step)
        return moved(law, 0.5 * law.points + 3.0, np.full(len(law.points), 1e-4))

    laws = laws_along(Law(np.array([6.0]), np.ones(1)), ["same"] * 1000, move)
    assert len(laws) == 1001
    assert len(made) < 40
    assert laws[0].moments(laws[0].points) == (6.0, 0.0)
    mean, variance = laws[-1].moments(laws[-1].points)
    assert mean == pytest.approx(6.0, abs=1e-12)
    assert variance == pytest.approx(1e-8 / 0.75, rel=1e-6)


def network(name, weights, width, depth):
    return vg.Network(name, weights, width, depth)


@pytest.mark.parametrize(("name", "sigma_w", "width"), [("tanh", 1.0, 64), ("gelu", 1.4, 32), ("sin", 1.3, 200)])
def test_lengths_stay_inside(name, sigma_w, width):
    """2000 chains V' = σ_w² mean φ(√V z)², sampled: none leaves its layer's stretch (rarer than 1e-6 a layer)."""
    depth, act = 20, vg.compile(vg.activation(name))
    stretches = lengths_of(network(name, vg.Weights.gaussian(sigma_w), width, depth)).stretches
    rng, v = np.random.default_rng(0), np.full(2000, sigma_w**2)
    for low, high in stretches:
        assert low <= np.log(v).min()
        assert np.log(v).max() <= high
        v = sigma_w**2 * (act(np.sqrt(v)[:, None] * rng.standard_normal((2000, width))) ** 2).mean(axis=1)


def test_stretches_are_shared_where_lengths_stay_and_follow_them_where_they_move():
    settled = lengths_of(network("tanh", vg.Weights.gaussian(1.5, 0.1), 100, 300)).stretches
    assert len(set(settled)) < 8
    moving = lengths_of(network("tanh", vg.Weights.gaussian(0.5), 20_000, 20)).stretches
    assert len(set(moving)) == 20
    assert all(b.high < a.low for a, b in pairwise(moving))


def test_lengths_beyond_the_table():
    with pytest.raises(UnsupportedError, match="range of moments"):
        lengths_of(network("tanh", vg.Weights.gaussian(0.5), 20, 400))
