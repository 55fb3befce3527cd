"""Blocks over one column in the compiled pass over vectors: the numbers of the steps one by one, and no overflow."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import vgtheory as vg
from vgtheory.kernels import program
from vgtheory.model.program import Block
from vgtheory.model.rewriting import stacked
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix
from vgtheory.model.streams import stream
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
A, N, X, Z = (stream(name) for name in "anxz")
ASK = Ask(("a",), "m", "x")


def of_steps(streams, *steps, outputs=1):
    """A block of one matrix m, its streams written as pairs of letters."""
    return Block("made here", tuple(map(tuple, streams.split())), steps, (Matrix("m", W, outputs),))


CASES |= {
    "delay": of_steps("xy zx", ASK, Map(("y",), (sp.tanh(A) + Z / 2,))),
    "swapped": of_steps("xz zy", ASK, Map(("y",), (sp.tanh(A) * sp.cos(Z),))),
    "one new value of two streams": of_steps("xy zy", ASK, Map(("y",), (sp.tanh(A) * sp.cos(Z) + Z,))),
    "two values of a map": of_steps("xy zw", ASK, Map(("y", "w"), (sp.tanh(A) + Z, sp.sin(A) * sp.cos(Z)))),
    "two parts of a matrix go on": of_steps(
        "xa zb", Mix(("n",), "rms", ("x",)), Map(("c",), (sp.tanh(N + Z),)), Ask(("a", "b"), "m", "c"), outputs=2
    ),
    "a number as partial derivative": of_steps("xy", ASK, Map(("y",), (sp.tanh(A) - X / 3,))),
    "one stream added to itself": of_steps(
        "xy", ASK, Map(("b",), (sp.tanh(A),)), Add(("y",), "b", "b", sp.Rational(1, 3), sp.Rational(3, 2))
    ),
    "a stream that nothing reads": of_steps("xb zc", ASK, Map(("b",), (sp.tanh(A),)), Mix(("c",), "rms", ("b",))),
}
# exp is its own derivative, here of two streams: the value goes on, and is a slope on the way back.
SLOPE = Block(
    "its own slope",
    (("x", "y"),),
    (Mix(("n",), "rms", ("x",)), Ask(("a",), "m", "n"), Map(("y",), (sp.exp(A + N),))),
    (Matrix("m", vg.Weights.gaussian(170)),),
)


def machine_of(block, width, depth):
    return Machine(stacked(block, width, depth), width, depth, vg.Inputs(), True)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("width", "depth"), [(16, 5), (33, 30)])
def test_it_gives_the_numbers_of_the_steps_run_one_by_one(name, width, depth):
    compare_with_steps(machine_of(CASES[name], width, depth))


def test_a_value_that_is_a_slope_stays_in_its_unit():
    """A norm above 1e120 goes on in another unit, which a slope has not."""
    machine = machine_of(SLOPE, 12, 1)
    assert (streams_and_gradients(machine, 1, 1, 4)["square x"][:, 1] > 1e240).any()  # in half of all networks
    compare_with_steps(machine, seed=1)


def compare_with_steps(machine, seed=3):
    assert vector_program(machine) is not None
    found, notes = streams_and_gradients(machine, seed, 1, 4), OfStreams(machine, 4)
    there_and_back(Batch(machine, seed, 1, 4), notes)
    for what, values in notes.found.items():
        np.testing.assert_allclose(found[what], values, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_bits_depend_neither_on_chunks_nor_on_the_layers_kept_nor_on_what_was_in_memory(name, monkeypatch):
    machine = machine_of(CASES[name], 17, 40)
    whole = streams_and_gradients(machine, 1, 0, 6)
    monkeypatch.setattr(program, "SEGMENT_BYTES", 1)
    monkeypatch.setattr(program, "aligned", lambda *shape: np.full(shape, np.nan))
    for what, values in streams_and_gradients(machine, 1, 2, 3).items():
        np.testing.assert_array_equal(values, whole[what][2:5])


UNASKED = Block("no matrix is asked", (("x", "y"),), (Map(("y",), (sp.tanh(X),)),), ())


@pytest.mark.parametrize(
    "block",
    [BLOCKS.lstm(W, tied=False), BLOCKS.rnn("tanh", W), UNASKED, replace(UNASKED, matrices=(Matrix("m", W),))],
    ids=["driven", "tied", "no matrix", "not asked"],
)
def test_what_is_driven_or_tied_or_asks_nothing_is_run_step_by_step(block):
    machine = machine_of(block, 8, 3)
    assert vector_program(machine) is None
    found = streams_and_gradients(machine, 1, 0, 2)
    assert np.isfinite(found[f"gradient {block.carried[0]}"]).all()


def of_functions(*functions):
    """A block of one function after the other, each of one stream."""
    steps = (Map((f"y{k + 1}",), (f(stream(f"y{k}")),)) for k, f in enumerate(functions))
    first, last = Ask(("y0",), "m", "x"), f"y{len(functions)}"
    return Block("functions", (("x", last),), (first, *steps), (Matrix("m", W),))


def test_more_functions_than_the_pass_takes_are_run_step_by_step_and_equal_ones_count_once():
    few, many = (sp.tanh, sp.sin, sp.cos, sp.atan), (sp.tanh, sp.sin, sp.cos, sp.atan, sp.erf)
    assert vector_program(machine_of(of_functions(*many), 8, 3)) is None
    twice = machine_of(of_functions(*few, *few), 8, 3)
    compare_with_steps(twice)
    assert len(vector_program(twice).code.rows) == 4


def test_what_was_told_to_stop_leaves_nothing_of_gradients():
    found = streams_and_gradients(machine_of(DENSE, 8, 3), 1, 0, 2, np.ones(1, np.int64))
    assert np.isnan(found["gradient x"][:, :-1]).all()
    assert np.isnan(found["weights"]).all()


@pytest.mark.parametrize(("width", "depth"), [(64, 300), (4096, 900)])
def test_the_memory_of_a_sample_is_what_is_allocated(width, depth):
    machine = machine_of(CASES["hidden units"], width, depth)
    streams_and_gradients(machine, 1, 0, 1, np.ones(1, np.int64))  # what is compiled stays
    tracemalloc.start()
    streams_and_gradients(machine, 1, 0, 1, np.ones(1, np.int64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1.0 < peak / vector_program(machine).sample_bytes < 1.05


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
