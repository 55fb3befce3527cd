"""Descriptions from outside: whatever JSON holds, `from_spec` gives the object or one of the package's errors."""

import contextlib
import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vgtheory._errors import InputError, VgtheoryError
from vgtheory.model import blocks
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue

ACTIVATION = activation("leaky_relu", alpha=0.2).spec
NETWORK = Network("tanh", Weights.gaussian(1.1, 0.1), width=8, depth=2, skip=0.5, norm="rms", dropout=0.1).spec
NO_FACTS = {"symbols": {"beta": 3}}
JUNK = [None, 3, True, "", "x", [], {}, [1, [2]], {"a": 1}, 1e400, -1, "((((", "__import__('os')", "9**9**9"]


@pytest.mark.parametrize("spec", [None, 3, [], "tanh", [ACTIVATION], {}])
@pytest.mark.parametrize("make", [Activation.from_spec, Network.from_spec, lambda spec: Weights.from_spec(spec, {})])
def test_what_is_no_description_is_refused(make, spec):
    with pytest.raises(VgtheoryError):
        make(spec)


@pytest.mark.parametrize("key", sorted(ACTIVATION))
def test_each_entry_of_an_activation_is_needed_and_checked(key):
    with pytest.raises(VgtheoryError, match=key):
        Activation.from_spec({k: v for k, v in ACTIVATION.items() if k != key})
    for junk in JUNK:
        with contextlib.suppress(VgtheoryError):
            Activation.from_spec(ACTIVATION | {key: junk})


@pytest.mark.parametrize("key", sorted(NETWORK))
def test_each_entry_of_a_network_is_checked(key):
    for junk in JUNK:
        with contextlib.suppress(VgtheoryError):
            Network.from_spec(NETWORK | {key: junk})


@pytest.mark.parametrize(
    "facts",
    [
        3,
        {"positive": "yes"},
        {"positive": 1},
        {"nonsense": True},
        {"positive": True, "negative": True},
        [["real", True]],
    ],
)
def test_assumptions_are_true_or_false_and_consistent(facts):
    spec = {"activation": "f", "expr": "tanh(beta*x)", "symbol": "x", "parameters": {"beta": "beta"}}
    with pytest.raises(InputError, match="beta"):
        Activation.from_spec(spec | {"symbols": {"beta": facts}})


def test_a_name_of_the_catalogue_belongs_to_its_formula():
    with pytest.raises(InputError, match="a function named 'tanh'"):
        Activation.from_spec(activation("tanh").spec | {"expr": "exp(x)"})
    with pytest.raises(InputError, match="a function named 'leaky_relu'"):
        Activation.from_spec(ACTIVATION | {"parameters": {"alpha": "1/2"}})
    same = Activation("max(x, 0)", name="relu")  # written otherwise, and the same function
    assert Activation.from_spec(same.spec) == same


@pytest.mark.parametrize("name", sorted(catalogue))
def test_the_catalogue_comes_back(name):
    act = activation(name)
    assert Activation.from_spec(json.loads(json.dumps(act.spec))) == act


def test_a_deep_description_is_refused():
    deep: object = "x"
    for _ in range(3 * sys.getrecursionlimit()):
        deep = [deep]
    for key in ("width", "skip", "weights", "parameters"):
        with pytest.raises(VgtheoryError):
            Network.from_spec(NETWORK | {key: deep})
    with pytest.raises(VgtheoryError):
        Activation.from_spec(ACTIVATION | {"expr": "tanh(" * 300 + "x" + ")" * 300})


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70) | st.floats() | st.text(alphabet="x*+(12.)tanhe", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(NETWORK)), _VALUES)
@settings(max_examples=40, deadline=None)
def test_any_json_in_any_entry_is_taken_or_refused_by_our_own_errors(key, value):
    with contextlib.suppress(VgtheoryError):
        Network.from_spec(NETWORK | {key: value})


BLOCKS = Network(blocks.transformer("relu", Weights.gaussian(1), 2, norm="deep"), width=8, depth=2, tokens=3).spec


@pytest.mark.parametrize(
    ("where", "key", "near"),
    [
        ((), "widht", "width"),
        (("block",), "tide", "tied"),
        (("block", "steps", 0), "outt", "out"),
        (("block", "steps", 3), "optoins", "options"),
        (("block", "matrices", 0), "scal", "scale"),
        (("block", "matrices", 1), "sigma_v", "sigma_w"),
    ],
)
def test_entries_of_blocks_that_nothing_reads_are_refused_by_name(where, key, near):
    spec = json.loads(json.dumps(BLOCKS))
    assert Network.from_spec(spec).spec == BLOCKS
    part = spec
    for name in where:
        part = part[name]
    part[key] = 1
    with pytest.raises(InputError, match=rf"{key}.*did you mean {near}"):
        Network.from_spec(spec)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("block", "tied"), "no"),
        (("block", "name"), 3),
        (("block", "matrices", 0, "outputs"), "2"),
        (("block", "matrices", 0, "inputs"), 1.5),
        (("block", "matrices", 0, "centre"), 1),
        (("block", "steps", 0, "step"), "aks"),
        (("block", "steps"), 7),
    ],
)
def test_entries_of_blocks_are_of_their_kind(where, value):
    spec = json.loads(json.dumps(BLOCKS))
    *path, key = where
    part = spec
    for name in path:
        part = part[name]
    part[key] = value
    with pytest.raises(InputError):
        Network.from_spec(spec)
