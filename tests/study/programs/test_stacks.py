"""Stacks over one column, whose matrices are asked once from either side: the law of drawn ones, biases and all."""

import numpy as np
import pytest

import vgtheory as vg
from tests.study.programs.statistics import FALSE_ALARM, smallest_p
from vgtheory.model.rewriting import stacked
from vgtheory.study.programs import oracles
from vgtheory.study.programs.numbers import Batch, Machine
from vgtheory.study.programs.passes import back, run_layer
from vgtheory.study.programs.recorded_norms import streams_and_gradients

SAMPLES = 3000
W, V, HAAR = vg.Weights.gaussian(1.2), vg.Weights.gaussian(1.1, 0.4), vg.Weights.orthogonal(1.3, 0.4)
CASES = {
    "gaussian": (vg.blocks.residual(vg.blocks.mlp("tanh", V, W, 2)), 5, 3),
    "orthogonal, rows and columns": (vg.blocks.mlp("tanh", HAAR, HAAR, 2), 5, 3),
    "gated, normed": (vg.blocks.residual(vg.blocks.normalised(vg.blocks.gated("silu", W, V, W, 2), "rms")), 6, 3),
}


class Recorded:
    """What overlaps of gradients with streams and answers a pass shows, beside lengths."""

    def __init__(self):
        self.rows, self.x = [], []

    def before(self, layer, state, unit):
        self.x.append(state["x"])

    def up(self, layer):
        pass

    def down(self, layer, gradients, unit):
        for name in layer.streams.keys() & gradients.keys():
            x, g = layer.streams[name], gradients[name]
            self.rows += [np.einsum("scn,scn->s", x, g), np.einsum("scn,scn->s", g, g), x[:, 0, 0] * g[:, 0, 0]]

    def after(self, layer, gradients, unit):
        pass


def statistics(case, asked, key):
    block, width, depth = case
    machine = Machine(stacked(block, width, depth) if asked else block, width, depth, vg.Inputs(), asked)
    batch, notes = Batch(machine, key, 0, SAMPLES), Recorded()
    rng = np.random.default_rng(key)
    state, layers = {"x": rng.normal(size=(SAMPLES, 1, width))}, []
    for index in range(depth):
        layers.append(run_layer(index + 1, state, batch))
        state = {"x": layers[-1].streams[block.streams[0][1]]}
    gradients, unit = {"x": np.tanh(state["x"]) + rng.normal(size=(SAMPLES, 1, width))}, np.zeros(SAMPLES)
    for layer in reversed(layers):
        gradients, unit = back(layer, gradients, unit, batch, notes)
    names = sorted(layers[-1].streams)
    squares = [np.einsum("scn,scn->s", layer.streams[name], layer.streams[name]) for layer in layers for name in names]
    return np.sign(np.array([*notes.rows, *squares])).T * np.log1p(np.abs(np.array([*notes.rows, *squares]))).T


@pytest.mark.parametrize("name", CASES)
def test_asked_once_gives_the_law_of_drawn_matrices(name, monkeypatch):
    drawn = statistics(CASES[name], False, 1)
    assert smallest_p(statistics(CASES[name], True, 2), drawn) > FALSE_ALARM
    known = oracles.backward_all

    def forgetful(haar, draws, g, delta, h, x, *scales):  # the twin: what went up is not taken out of what comes down
        known(haar, draws, g, delta, h, np.zeros_like(x), *scales)

    monkeypatch.setattr(oracles, "backward_all", forgetful)
    assert smallest_p(statistics(CASES[name], True, 2), drawn) < FALSE_ALARM


def test_two_per_cent_of_the_scale_are_noticed():
    block, width, _ = CASES["gaussian"]
    wrong = vg.blocks.residual(vg.blocks.mlp("tanh", vg.Weights.gaussian(1.122, 0.408), vg.Weights.gaussian(1.224), 2))
    # Of four pairs of seeds the smallest p was 3e-8 to 5e-4; in 8 layers two were above FALSE_ALARM.
    assert smallest_p(statistics((wrong, width, 16), True, 4), statistics((block, width, 16), False, 3)) < FALSE_ALARM


@pytest.mark.parametrize("weights", [W, HAAR])
def test_samples_do_not_depend_on_how_many_there_are(weights):
    machine = Machine(vg.blocks.mlp("tanh", weights, weights, 2), 33, 5, vg.Inputs(), True)
    whole, part = streams_and_gradients(machine, 1, 0, 6), streams_and_gradients(machine, 1, 2, 3)
    for name, found in whole.items():
        np.testing.assert_array_equal(found[2:5], part[name])


def test_matrices_of_one_question_and_one_variance_are_one():
    block = vg.blocks.transformer("gelu", W, 2, "deep", "gated")
    names = [m.name.replace("p1_g_f_", "").replace("p2_g_f_", "") for m in stacked(block, 8, 3).matrices]
    assert names == ["Wq, Wk", "Wv", "Wo", "Wgate, Wvalue", "Wout"]  # DeepNorm scales the values
    for other in (vg.blocks.transformer("gelu", vg.Weights.orthogonal(1), 2), vg.blocks.lstm(W)):
        assert stacked(other, 8, 3) == other
    xavier = vg.Weights.xavier()  # a variance that knows the outputs
    assert stacked(vg.blocks.gated("silu", xavier, xavier, xavier), 8, 3).matrices[0].name == "Wgate"
