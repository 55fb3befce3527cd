"""Blocks by name: everything that vg.blocks makes can be named, with what its function takes."""

import pytest

import vgtheory as vg
from vgtheory._errors import InputError
from vgtheory.model.blocks import named as by_name
from vgtheory.model.blocks.named import around, is_name, named, names
from vgtheory.model.weights import Weights

W = vg.Weights.gaussian(1)
NEEDED = {"heads": 2, "longest": 9, "states": {"h": "tanh(a)"}}


def values(name):
    given = {a.name: a.default for a in named(name).arguments if a.kind is not Weights}
    return {key: NEEDED.get(key) if value is by_name.REQUIRED else value for key, value in given.items()}


def test_every_block_has_a_name():
    made = set(vg.blocks.__all__) - {"Block", "sequence"}
    assert set(names()) | set(around()) >= made
    assert {"lstm.keras", "lstm.pytorch", "lstm.chrono"} <= set(names())


@pytest.mark.parametrize("name", [*names(), *(f"{wrap}+mlp" for wrap in around()), "residual+normalised+conv"])
def test_a_named_block_is_what_its_function_makes(name):
    block = named(name).built(values(name), W)
    assert isinstance(block, vg.blocks.Block)
    assert named(name).recurrent == block.recurrent


def test_what_goes_around_a_block_is_named_before_it():
    given = {"act": "silu", "expansion": 2, "kind": "rms", "place": "before", "scale": "1/sqrt(depth)", "keep": 1}
    found = named("residual+normalised+gated").built(given, W)
    inner = vg.blocks.normalised(vg.blocks.gated("silu", W, W, W, 2), "rms")
    assert found == vg.blocks.residual(inner, "1/sqrt(depth)")


@pytest.mark.parametrize(
    ("name", "message"),
    [("lsmt", "did you mean lstm"), ("residul+mlp", "did you mean residual"), ("residual+transformer", "take scale")],
)
def test_names_of_no_block_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        named(name)


def test_formulas_of_activations_are_no_blocks():
    assert not any(map(is_name, ("tanh", "x+1", "lstm+1", "1+x", "mlps", "")))
