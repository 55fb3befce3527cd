"""Inputs: what is accepted, equal ones are equal and hash alike, and the spec gives the same inputs back."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vgtheory as vg
from vgtheory._errors import InputError
from vgtheory.model.inputs import Inputs, to_inputs


def test_the_defaults_are_one_input_and_fresh_numbers_of_variance_one():
    inputs = vg.Inputs()
    assert (inputs.variance, inputs.kind, inputs.correlation, inputs.start) == (1.0, "fresh", None, 0.0)
    assert inputs.count == 1
    assert inputs.cosines.tolist() == [[1.0]]
    assert inputs.drive == 1.0
    assert Inputs(kind="none").drive == 0.0


def test_a_cosine_and_its_matrix_are_the_same_inputs():
    one, other = Inputs(correlation=0.6), Inputs(correlation=np.array([[1, 0.6], [0.6, 1 + 1e-15]]))
    assert one == other
    assert hash(one) == hash(other)
    assert one.count == 2
    assert one != Inputs(correlation=0.5)


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_spec_gives_the_same_inputs_back(count, dimensions, seed):
    rows = np.random.default_rng(seed).standard_normal((count, dimensions))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    inputs = Inputs(variance=seed / 7, kind="same", correlation=rows @ rows.T, start=0.5)
    assert Inputs.from_spec(json.loads(json.dumps(inputs.spec))) == inputs
    assert pickle.loads(pickle.dumps(inputs)) == inputs  # noqa: S301 - what was just written
    np.testing.assert_allclose(inputs.cosines, rows @ rows.T, atol=1e-14)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "1", None, True, [1.0], 1j, 10**400])
@pytest.mark.parametrize("name", ["variance", "start"])
def test_a_bad_mean_square_is_refused(name, value):
    with pytest.raises(InputError, match=name):
        Inputs(**{name: value})


@pytest.mark.parametrize("kind", ["Fresh", "", None, 1, ["same"]])
def test_another_kind_is_refused(kind):
    with pytest.raises(InputError, match="fresh, same, none"):
        Inputs(kind=kind)


@pytest.mark.parametrize(
    "correlation",
    [1.5, float("nan"), "0.6", True, [0.6], [[1.0, 0.5]], [[1, 0.5], [0.4, 1]], [[1, 2], [2, 1]], [[2.0]], [[]],
     [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]], np.eye(129), [[1, 1j], [1j, 1]], [[1], [1, 2]]],
)  # fmt: skip
def test_what_no_inputs_can_have_as_cosines_is_refused(correlation):
    with pytest.raises(InputError, match="cosine"):
        Inputs(correlation=correlation)


@pytest.mark.parametrize("spec", [None, [1], {"variance": 1.0, "seed": 3}, {"kind": "often"}, {"variance": {}}])
def test_a_description_of_something_else_is_refused(spec):
    with pytest.raises(InputError):
        Inputs.from_spec(spec)


def test_an_argument_stands_for_inputs():
    assert to_inputs(1) == Inputs()
    assert to_inputs(3).cosines.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert to_inputs(Inputs(correlation=0.1)) == Inputs(correlation=0.1)
    for value in (129, 0, True, 0.6, "1", None, [1.0]):
        with pytest.raises(InputError, match=r"vg\.Inputs"):
            to_inputs(value)


def test_a_sequence_is_known_by_the_products_of_its_columns():
    x = np.random.default_rng(2).standard_normal((5, 3))
    inputs = Inputs(variance=0.5, sequence=x, start=1)
    assert (inputs.kind, inputs.steps) == ("given", 3)
    np.testing.assert_allclose(inputs.factors.T @ inputs.factors, x.T @ x / 5, atol=1e-12)
    assert Inputs.from_spec(json.loads(json.dumps(inputs.spec))) == inputs
    assert hash(inputs) == hash(Inputs(variance=0.5, sequence=x.tolist(), start=1))


@pytest.mark.parametrize("value", [3, "x", [1, 2], [[1, np.nan]], [[]], [[1], [1, 2]], np.zeros((2, 2, 2)), True])
def test_what_is_no_sequence_is_refused(value):
    with pytest.raises(InputError, match="sequence"):
        Inputs(sequence=value)


def test_a_sequence_has_no_other_kind():
    with pytest.raises(InputError, match="kind"):
        Inputs(kind="same", sequence=[[1.0]])
    with pytest.raises(InputError, match="without a sequence"):
        Inputs(kind="given")
