"""Networks: bad sizes are refused, scales follow the layer's shape, and the spec gives the same network back."""

import json
import pickle
from dataclasses import replace

import pytest
import sympy as sp
from hypothesis import given, settings

from tests.strategies import formulas, sigmas, widths
from vgtheory._errors import InputError, UnknownNameError, VgtheoryError
from vgtheory.model.architecture import Norm, Skip
from vgtheory.model.blocks import dense
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.symbolic.catalogue import catalogue

HE = Weights.he()
DENSE = dense("tanh", HE)


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
    with pytest.raises(InputError, match="must be a Weights"):
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


def test_equal_descriptions_of_parts_give_equal_networks_and_a_plain_spec_has_none():
    depth = sp.Symbol("depth")
    a = Network("tanh", HE, 8, 100, skip="1/sqrt(depth)", norm="rms-after", dropout=0.1)
    b = Network("tanh", HE, 8, 100, Skip(1 / sp.sqrt(depth)), Norm("rms", "after"), sp.Rational(1, 10))
    assert a == b
    assert hash(a) == hash(b)
    assert a.skip_scales == (0.1, 1.0)
    assert a.drop_rate == 0.1
    plain = Network("tanh", HE, 8, 100, dropout=0)
    assert plain == Network("tanh", HE, 8, 100)
    assert not {"skip", "norm", "dropout"} & set(plain.spec)
    assert Network("tanh", HE, 8, 100, skip=0) != plain


@pytest.mark.parametrize(
    "parts",
    [
        {"skip": 0},
        {"skip": Skip("1/depth", matrices=2, sigma_w=0.5), "norm": "layer"},
        {"skip": Skip(sp.Symbol("a", positive=True)), "dropout": sp.Symbol("p", positive=True)},
        {"norm": Norm("layer", "before", 1e-5)},
        {"norm": "batch"},
        {"dropout": 0.25},
    ],
)
def test_a_spec_with_parts_gives_the_same_network(parts):
    for depth in (12, sp.Symbol("depth", integer=True, positive=True)):
        network = Network("tanh", Weights.orthogonal(1.5, 0.05), 16, depth, **parts)
        again = Network.from_spec(json.loads(network.spec_json))
        assert again == network
        assert again.spec_json == network.spec_json
        assert pickle.loads(pickle.dumps(network)) == network  # noqa: S301 - its own bytes
        assert replace(network, width=3).parts == network.parts != ()


@pytest.mark.parametrize(
    "parts",
    [
        {"skip": "1/width"},
        {"skip": float("nan")},
        {"skip": sp.I},
        {"skip": True},
        {"norm": "Layer"},
        {"norm": "batch-after"},
        {"norm": 1},
        {"dropout": 1},
        {"dropout": -0.1},
        {"dropout": "x"},
    ],
)
def test_bad_parts_are_refused(parts):
    with pytest.raises(InputError):
        Network("tanh", HE, 8, 3, **parts)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network(), "an activation or a block as its first argument"),
        (lambda: Network(weights=HE, width=8, depth=4), "an activation or a block as its first argument"),
        (lambda: Network("tanh", HE, 8, 4, depth=3), "depth by its place and again as depth=: expected one depth"),
        (lambda: Network(DENSE, 8, 4, width=8), "width by its place and again as width="),
        (lambda: Network("tanh", HE, 8, 4, None, None, 0.1, 5), "7 arguments behind the first of a network of layers"),
        (lambda: Network(DENSE, 8, 4, None, None, 5), "5 arguments behind the first of a network of blocks"),
        (lambda: Network("tanh", HE, 8, 4, activation="relu"), "activation by its place and again as activation="),
        (lambda: Network(activation=DENSE, width=8, depth=4), "the block as its first argument, without a name; e.g."),
        (lambda: Network(DENSE, 8, 4, activation="relu"), "it belongs to the block"),
        (lambda: Network(DENSE, 8, 4, heads=2), "heads belong to vg.blocks.attention and vg.blocks.transformer"),
    ],
)
def test_arguments_that_fit_no_place_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_bad_values_of_parts_are_refused():
    for make in (
        lambda: Skip(1, matrices=3),
        lambda: Skip(1, matrices=2, sigma_w=-1),
        lambda: Norm("layer", "between"),
        lambda: Norm("layer", eps=-1),
        lambda: Norm("layer", eps=sp.Symbol("e")),
        lambda: Network("tanh", HE, [8, 9], 1, skip=1),
        lambda: Network("tanh", HE, 8, 1, skip=sp.Symbol("a")).skip_scales,
        lambda: Network("tanh", HE, 8, 1, skip="1/(depth - 1)").skip_scales,
    ):
        with pytest.raises(InputError):
            make()
