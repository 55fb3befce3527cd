"""Errors: one line, the value, what is accepted and the next step; they survive the way back from a worker process."""

import pickle

import pytest

from vgtheory._errors import FormulaError, InputError, UnknownNameError, VgtheoryError


@pytest.mark.parametrize("kind", [InputError, FormulaError, UnknownNameError])
def test_an_input_error_says_value_rule_and_next_step_and_pickles(kind):
    error = kind("depth", "an integer of at least 1", "e.g. depth=50", got="0")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - its own bytes
    assert type(again) is kind
    assert str(again) == str(error) == "depth must be an integer of at least 1 (got 0); e.g. depth=50"
    assert isinstance(error, (VgtheoryError, ValueError))


def test_near_names_are_suggested_and_long_ones_cut():
    assert "did you mean tanh" in str(UnknownNameError.among("activation", "tahn", ["tanh", "relu"]))
    assert len(str(UnknownNameError.among("activation", "z" * 9999, ["tanh"]))) < 200
