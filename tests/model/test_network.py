"""Networks: bad sizes are refused, scales follow the layer's shape, and the spec gives the same network back."""

import json
import pickle

import pytest
import sympy as sp
from hypothesis import given, settings

from tests.strategies import formulas, sigmas, widths
from vgtheory._errors import InputError, UnknownNameError, VgtheoryError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.symbolic.catalogue import catalogue

HE = Weights.he()


@pytest.mark.parametrize("size", [0, -1, 2.5, "10", True, None, float("nan"), float("inf"), sp.Rational(1, 2), 10**9])
def test_a_bad_depth_or_width_is_refused(size):
    with pytest.raises(InputError):
        Network("tanh", HE, 8, size)
    with pytest.raises(InputError):
        Network("tanh", HE, size, 8)
    with pytest.raises(InputError):
        Network("tanh", HE, [8, size], 1)


def test_the_number_of_widths_is_depth_plus_one():
    assert Network("tanh", HE, [3, 5, 7], 2).widths == (3, 5, 7)
    assert Network("tanh", HE, 4, 2).widths == (4, 4, 4)
    with pytest.raises(InputError, match="2 widths for depth 3"):
        Network("tanh", HE, [8, 8], 3)


def test_other_bad_arguments_are_refused():
    with pytest.raises(InputError, match="accepted is a Weights"):
        Network("tanh", 1.5, 8, 3)
    with pytest.raises(UnknownNameError, match="did you mean tanh"):
        Network("tahn", HE, 8, 3)
    with pytest.raises(VgtheoryError):
        Network(None, HE, 8, 3)
    with pytest.raises(InputError, match="symbolic width"):
        _ = Network("tanh", HE, sp.Symbol("width", integer=True, positive=True), 3).widths


@pytest.mark.parametrize("name", list(catalogue))
def test_a_spec_of_every_named_activation_gives_the_same_network(name):
    network = Network(name, Weights.orthogonal(1.5, 0.05), 16, 3)
    again = Network.from_spec(json.loads(network.spec_json))
    assert again == network
    assert hash(again) == hash(network)
    assert again.spec_json == network.spec_json


@given(formulas(), sigmas, widths)
@settings(max_examples=40)
def test_a_spec_of_any_formula_gives_the_same_network(text, scales, sizes):
    network = Network(text, Weights.gaussian(*scales), sizes, len(sizes) - 1)
    assert Network.from_spec(json.loads(network.spec_json)) == network
    assert pickle.loads(pickle.dumps(network)) == network  # noqa: S301 - its own bytes


def test_a_spec_keeps_symbols_with_their_assumptions():
    size = sp.Symbol("L", integer=True, positive=True)
    scale = sp.Symbol("sigma_w", positive=True)
    slope = sp.Symbol("alpha", positive=True)
    network = Network(catalogue["elu"](alpha=slope), Weights.gaussian(scale, 0.1), 8, size)
    assert Network.from_spec(json.loads(network.spec_json)) == network


def test_a_spec_with_code_in_it_is_refused():
    spec = Network("tanh", HE, 8, 3).spec | {"expr": "__import__('os').getcwd()"}
    with pytest.raises(VgtheoryError):
        Network.from_spec(spec)
