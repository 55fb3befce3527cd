"""Bounds of networks of blocks: no exact simulation exceeds them, sharp where nothing is lost, else refused."""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import UnsupportedError
from vgtheory.model.streams import expression, stream
from vgtheory.theory.proofs.ranges import Ranges, within

HAAR, GAUSSIAN = vg.Weights.orthogonal(1), vg.Weights.gaussian(1)
B = vg.blocks


def log_gradient(network, **inputs):
    study = vg.simulate(network, 16, seed=3, inputs=vg.Inputs(**inputs)) if inputs else vg.simulate(network, 16, seed=3)
    first = study.log_stream_gradient_norm.isel(stream=0)
    return (first.sel(layer=0) - first.sel(layer=int(network.depth))).values


def log_bound(network, name, **values):
    f = vg.bounds(network)[name]
    known = {"depth": int(network.depth), "p": 1e-6} | values
    return float(sp.log(f.at(**{s.name: known[s.name] for s in f.symbols}).value() if f.symbols else f.expr))


AT_ZERO = [
    (B.lstm(HAAR, forget_bias=0), "orthogonal"),
    (B.lstm(vg.Weights.gaussian(0.5), forget_bias=-1, tied=False), "gaussian"),
    (B.gru(vg.Weights.orthogonal(0.5), reset="before"), "orthogonal"),
    (B.gru(vg.Weights.gaussian(0.3)), "gaussian"),
    (B.rnn("tanh", vg.Weights.orthogonal(0.9)), "orthogonal"),
]


@pytest.mark.parametrize(("block", "law"), AT_ZERO, ids=lambda v: getattr(v, "name", v))
def test_at_the_zero_state_a_gradient_vanishes_as_proved(block, law):
    network = vg.Network(block, width=48, depth=24)
    name = f"norms of {law} matrices, at the zero state"
    regime = name if name in vg.bounds(network).names else f"norms of {law} matrices, whatever the inputs"
    bound, seen = log_bound(network, regime), log_gradient(network, kind="none")
    assert bound < 0  # a proof that it vanishes
    assert (seen <= bound + 1e-9).all()
    # The norms of Gaussian matrices are up to twice their effect on one vector, and p costs something.
    assert seen.mean() > bound - (1.5 + math.log(24) if law == "orthogonal" else 24 * math.log(2.5))


@pytest.mark.parametrize(
    "block", [B.lstm(HAAR), B.gru(HAAR, reset="before"), B.minimal(HAAR), B.lstm.keras(), B.lstm.chrono(20)],
    ids=lambda b: b.name,
)  # fmt: skip
@pytest.mark.parametrize("kind", thinned(["fresh", "same"], 2))
def test_whatever_the_inputs_no_gradient_exceeds_the_bound(block, kind):
    network = vg.Network(block, width=16, depth=3)
    bound = log_bound(network, "norms of orthogonal matrices, whatever the inputs")
    seen = log_gradient(network, kind=kind, variance=4.0)
    assert (seen <= bound).all()
    assert bound < 3 * math.log(5)  # and no more than a factor of 5 per step


def test_orthogonal_matrices_and_slopes_of_1_reach_the_bound():
    network = vg.Network(B.rnn("identity", vg.Weights.orthogonal(1.25)), width=8, depth=10)
    bound = log_bound(network, "norms of orthogonal matrices, whatever the inputs")
    assert bound == pytest.approx(10 * math.log(1.25))
    assert log_gradient(network, kind="fresh") == pytest.approx(bound)


@pytest.mark.parametrize(
    "block", [B.residual(B.dense("tanh", GAUSSIAN), scale="1/depth"), B.mlp("relu", GAUSSIAN, GAUSSIAN, expansion=2)]
)
def test_stacks_without_norms(block):
    network = vg.Network(block, width=32, depth=4)
    bound, seen = log_bound(network, "norms of gaussian matrices, whatever the inputs"), log_gradient(network)
    assert (seen <= bound).all()
    assert bound < seen.max() + 4 * len(block.matrices) * math.log(4)  # norms of Gaussian matrices are above 2


def test_where_pre_activations_are_confined_gates_stay_below_1():
    network = vg.Network(B.gru(vg.Weights.orthogonal(0.2), reset="before"), width=16, depth=30)
    name = "norms of orthogonal matrices, confined pre-activations"
    assert log_bound(network, name, reach=0.5) < 0 < log_bound(network, name, reach=8)
    gated = vg.Network(B.gated("silu", HAAR, HAAR, HAAR, expansion=1), width=16, depth=2)
    names = vg.bounds(gated).names
    assert "product of norms, confined pre-activations" in names  # v times a slope is bounded only there
    assert "product of norms, whatever the inputs" not in names


@pytest.mark.parametrize(
    "block",
    [B.normalised(B.dense("relu", GAUSSIAN)), B.transformer("relu", GAUSSIAN, 2, "none"), B.conv("relu", GAUSSIAN),
     B.attention(GAUSSIAN, 2, causal=True)],
)  # fmt: skip
def test_blocks_without_a_proof_are_refused_with_the_reason(block):
    network = vg.Network(block, width=8, depth=2, tokens=4)
    with pytest.raises(UnsupportedError, match=r"no bound|nothing bounds"):
        vg.bounds(network)


FORMULAS = [
    "s(f)*c + s(i)*tanh(g)",
    "s(f + 1)*c + (1 - s(f + 1))*tanh(g)",
    "s(f - g)*tanh(c)",
    "c*s(f)*(1 + tanh(g)/2)",
]


@given(st.sampled_from(FORMULAS), st.lists(st.floats(-6, 6), min_size=4, max_size=4), st.floats(0.1, 6))
@settings(max_examples=60, deadline=None)
def test_values_and_slopes_of_formulas_stay_within_their_bounds(text, point, size):
    expr, names = expression(text), ("c", "f", "g", "i")
    at = {stream(n): max(-size, min(size, v)) for n, v in zip(names, point, strict=True)}
    ranges = Ranges(dict.fromkeys(at, within(sp.Float(size))))
    assert abs(float(expr.subs(at))) <= float(ranges.interval(expr).magnitude) + 1e-9
    for symbol in expr.free_symbols:
        assert abs(float(sp.diff(expr, symbol).subs(at))) <= float(ranges.slope(expr, symbol)) + 1e-9


def spread(tokens, centre=None):
    return np.linalg.norm(tokens - (tokens.mean(0) if centre is None else centre), axis=1).max()


@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0])
def test_tokens_of_attention_alone_become_equal_as_proved(scale):
    width, heads, depth, count = 24, 3, 2, 6
    size = width // heads
    rng = np.random.default_rng(4)
    x = rng.standard_normal(width) + scale * rng.standard_normal((count, width)) / width**0.5
    before, largest = spread(x), 0.0
    for _ in range(depth):
        q, k, v, out = (rng.standard_normal((width, width)) / width**0.5 for _ in range(4))
        parts = []
        for head in range(heads):
            rows = slice(head * size, (head + 1) * size)
            scores = (x @ q[rows].T) @ (x @ k[rows].T).T / size**0.5
            a = np.exp(scores - scores.max(1, keepdims=True))
            parts.append(a / a.sum(1, keepdims=True) @ x @ v[rows].T)
            largest = max(largest, *(np.linalg.norm(m[rows], 2) for m in (q, k, v)))
        x, largest = np.concatenate(parts, 1) @ out.T, max(largest, np.linalg.norm(out, 2))
    # The bound is on the distance from some common vector; the mean's is at most twice that.
    network = vg.Network(B.attention(GAUSSIAN, heads), width=width, depth=depth, tokens=count)
    found = vg.bounds(network)["rank collapse"].at(depth=depth, spread_before=float(before), weight_norm=float(largest))
    assert spread(x) <= 2 * float(found.value()) + 1e-13
    assert (float(found.value()) < before) == (scale < 1)


def test_at_initialisation_tokens_become_equal_although_the_bound_promises_nothing():
    network = vg.Network(B.attention(GAUSSIAN, 4), width=64, depth=6, tokens=8)
    found = vg.bounds(network)["rank collapse, gaussian matrices"].at(depth=6, p=0.01, spread_before=8)
    assert found.value() > 8
    cosine = vg.simulate(network, 8, seed=1).cosine.mean("sample").values
    assert abs(cosine[0]) < 0.1
    assert cosine[-1] > 0.95
