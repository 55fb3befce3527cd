"""Blocks over one column in the compiled pass over vectors: the numbers of the steps one by one, and no overflow."""

import numpy as np
import pytest

import vgtheory as vg
from vgtheory.kernels import program
from vgtheory.model.rewriting import stacked
from vgtheory.study.programs.numbers import Batch, Machine
from vgtheory.study.programs.passes import there_and_back
from vgtheory.study.programs.recorded_norms import OfStreams, streams_and_gradients
from vgtheory.study.programs.vectors import vector_program

W, V = vg.Weights.gaussian(1.2, 0.3), vg.Weights.gaussian(0.9)
HAAR, NO_BIAS = vg.Weights.orthogonal(1.1, 0.2), vg.Weights.orthogonal(1.1)
DENSE, BLOCKS = vg.blocks.dense("tanh", W), vg.blocks
CASES = {
    "dense": DENSE,
    "orthogonal": BLOCKS.dense("gelu", HAAR),
    "skip": BLOCKS.residual(DENSE, scale=-0.5, keep=0.9),
    "RMS norm": BLOCKS.residual(BLOCKS.normalised(BLOCKS.dense("gelu", NO_BIAS), "rms")),
    "layer norm last": BLOCKS.normalised(BLOCKS.residual(DENSE), "layer", "after"),
    "hidden units": BLOCKS.residual(BLOCKS.normalised(BLOCKS.mlp("relu", W, HAAR, 3), "layer")),
    "gates in one matrix": BLOCKS.residual(BLOCKS.normalised(BLOCKS.gated("silu", W, W, V, 2)), "1/sqrt(depth)"),
    "gates apart": BLOCKS.gated("sigmoid", W, NO_BIAS, HAAR, expansion=2),
    "bilinear": BLOCKS.residual(BLOCKS.normalised(BLOCKS.gated("identity", W, W, V), "rms")),
    "in a row": BLOCKS.residual(BLOCKS.normalised(BLOCKS.residual(DENSE, keep=0.5), "rms"), keep=0.7),
}


def machine_of(block, width, depth):
    return Machine(stacked(block, width, depth), width, depth, vg.Inputs(), True)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("width", "depth"), [(16, 5), (33, 30)])
def test_it_gives_the_numbers_of_the_steps_run_one_by_one(name, width, depth):
    machine = machine_of(CASES[name], width, depth)
    assert vector_program(machine) is not None
    found, notes = streams_and_gradients(machine, 3, 1, 4), OfStreams(machine, 4)
    there_and_back(Batch(machine, 3, 1, 4), notes)
    for what, values in notes.found.items():
        np.testing.assert_allclose(found[what], values, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_bits_depend_neither_on_the_chunk_nor_on_how_many_layers_are_kept(name, monkeypatch):
    machine = machine_of(CASES[name], 17, 40)
    whole = streams_and_gradients(machine, 1, 0, 6)
    monkeypatch.setattr(program, "SEGMENT_BYTES", 1)
    for what, values in streams_and_gradients(machine, 1, 2, 3).items():
        np.testing.assert_array_equal(values, whole[what][2:5])


@pytest.mark.parametrize("block", [BLOCKS.lstm(W, tied=False), BLOCKS.rnn("tanh", W)])
def test_what_is_driven_or_tied_is_run_step_by_step(block):
    assert vector_program(machine_of(block, 8, 3)) is None


def test_small_and_large_signals_are_carried_in_units():
    """ReLU is linear: σ_w only multiplies, beyond the ends of float64 too."""
    depth = 300
    base = streams_and_gradients(machine_of(BLOCKS.dense("relu", vg.Weights.gaussian(1.4)), 12, depth), 1, 0, 2)
    for factor in (1e-50, 1e50):
        block = BLOCKS.dense("relu", vg.Weights.gaussian(1.4 * factor))
        scaled = streams_and_gradients(machine_of(block, 12, depth), 1, 0, 2)
        down = np.log(factor) * np.arange(depth, -1, -1)
        np.testing.assert_allclose(scaled["gradient x"], base["gradient x"] + down, rtol=1e-12, atol=1e-9)
        np.testing.assert_allclose(scaled["share x"], base["share x"], rtol=1e-9)
    deep = streams_and_gradients(machine_of(BLOCKS.residual(BLOCKS.dense("relu", W), 2), 16, 3000), 1, 0, 2)
    assert np.isfinite(deep["gradient x"]).all()
    assert deep["gradient x"][:, 0].min() > 1000
