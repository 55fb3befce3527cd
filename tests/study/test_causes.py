"""Causes are kinds with the module they are about and their numbers; sentences are made of them at the end."""

import copy
import json
import pickle
import string

import numpy as np
import pytest

from vgtheory import inspect
from vgtheory.reporting.tables import inspection_json
from vgtheory.study.inspection.causes import WORDS, Cause

FIRST = {
    "sigmoid MLP, 30 layers": ("depth", ""),
    "LSTM, 500 steps": ("time", "rnn"),
    "one layer × 0.001": ("unlike scale", "20"),
    "one layer × 1000": ("saturated units", "20"),
    "one constant layer": ("equal weights", "20"),
    "one saturated bias": ("saturated layer", "20"),
    "one dead bias": ("dead layer", "20"),
    "one missing skip": ("missing skip", "blocks.7"),
    "all weights 0.01": ("symmetric units", ""),
    "dead ReLU, bias −1": ("biases", "4"),
}


@pytest.mark.parametrize("name", FIRST)
def test_what_is_to_blame_first_is_of_its_kind_and_where_it_is(name):
    models = pytest.importorskip("benchmarks.models")
    found = inspect(*models.case(name))
    first = found.reasons[0]
    assert (first.kind, first.where) == FIRST[name]
    assert found.causes == tuple(str(cause) for cause in found.reasons)
    assert all(value == value for cause in found.reasons for value in cause.numbers.values())
    kinds = [cause.kind for cause in found.reasons]
    assert len(set(kinds)) == len(kinds)
    if name == "dead ReLU, bias −1":
        assert "saturation" not in kinds  # what is flat on every input, whatever comes, is dead
        assert next(c for c in found.reasons if c.kind == "weights").numbers["size"] == 0  # 1.414 is critical
    if name == "all weights 0.01":
        assert "depth" not in kinds  # most steps are no reason for it: they let the gradient grow


def test_the_numbers_are_those_of_the_table():
    models = pytest.importorskip("benchmarks.models")
    found = inspect(*models.case("one layer × 0.001"))
    row = found.table.sel(call=found.table.call[found.table.name == "20"][0])
    numbers = found.reasons[0].numbers
    assert numbers["sigma_w"] == float(row.sigma_w)
    assert f"σ_w = {numbers['sigma_w']:.3g}, others have {numbers['others']:.3g}" in found.causes[0]
    before = found.table.isel(call=int(row.parent) - 1)
    assert numbers["here"] == pytest.approx(float(before.gradient_norm / row.gradient_norm), rel=1e-12)


def test_the_json_has_kinds_and_numbers():
    models = pytest.importorskip("benchmarks.models")
    found = inspect(*models.case("one layer × 0.001"))
    first = json.loads(inspection_json(found))["causes"][0]
    assert (first["kind"], first["where"], first["text"]) == ("unlike scale", "20", found.causes[0])
    assert first["numbers"] == dict(found.reasons[0].numbers)


def test_an_inspection_can_be_pickled_and_copied():
    draw = np.random.default_rng(0).uniform
    weights = {f"layers.{k}.weight": draw(-1 / 4, 1 / 4, (16, 16)) for k in range(12)}
    found = inspect(weights, activation="sigmoid", order="names", skip=0)
    assert any(cause.numbers for cause in found.reasons)
    for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):  # noqa: S301 - written here
        assert (again.reasons, again.causes, again.verdict) == (found.reasons, found.causes, found.verdict)
        with pytest.raises(TypeError):
            again.reasons[0].numbers["more"] = 1.0


@pytest.mark.parametrize("kind", WORDS)
def test_every_kind_has_words_for_its_numbers(kind):
    cause = Cause(kind, "a{b}", _Any(), ("one", "two"))
    words = WORDS[kind]
    text = words if isinstance(words, str) else words(cause)
    fields = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    said = str(cause)
    assert ("a{b}" in said) == ("where" in fields)
    assert "{" not in said.replace("a{b}", "")
    assert str(Cause(kind, "c", _Any(), ("one", "two"))) != said or "where" not in fields


class _Any(dict):
    """Every number that words may ask for."""

    def __init__(self):
        names = {name for text in WORDS.values() if isinstance(text, str) for name in _asked(text)}
        asked = ("bias", "size", "sigma_w", "critical", "fall", "steps", "step", "since")
        super().__init__(dict.fromkeys([*names, *asked], -1.0))
        self.update(share=0.5, lost=3.0, length=9.0)


def _asked(text):
    return [name for _, name, _, _ in string.Formatter().parse(text) if name not in (None, "where", "names", "parts")]
