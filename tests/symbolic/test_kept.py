"""What is derived once for a user: read back as it was, derived anew where that is not sure."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import sympy as sp

from vgtheory.symbolic import kept as module
from vgtheory.symbolic import time_limit
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.root import Root
from vgtheory.theory.proofs.certified_slope import certified_slope
from vgtheory.theory.proofs.thresholds import square_integral


@dataclass(frozen=True)
class Pair:
    first: sp.Expr
    second: int


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "WORTH", -1.0)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.pickle"))


def _counted(result=None):
    calls = []

    @kept
    def derive(*arguments):
        calls.append(arguments)
        return arguments if result is None else result()

    return derive, calls


def test_a_fact_is_derived_once_for_all_processes(tmp_path):
    derive, calls = _counted()
    argument = Pair(sp.Symbol("q", positive=True) ** 2, 3)
    first = derive(argument)
    derive.cache_clear()  # as another process begins
    assert derive(argument) == first == (argument,)
    assert len(calls) == len(_files(tmp_path)) == 1


def test_other_arguments_are_other_facts():
    derive, calls = _counted()
    x = [sp.Symbol("x"), sp.Symbol("x", real=True)]
    for argument in (*x, 1, "1", (1,), Pair(x[0], 1), Pair(x[1], 1)):
        assert derive(argument) == (argument,)
    assert len(calls) == 7


def test_a_number_whose_text_is_not_all_of_it_is_told_apart(tmp_path):
    derive, calls = _counted()
    x = sp.Symbol("x", real=True)
    for root in (Root(sp.cos(x) - x, x, 0, 1), Root(sp.cos(x) - x / 2, x, 0, 2)):
        assert derive(root + 1) == (root + 1,)
    assert len(calls) == 2
    assert _files(tmp_path) == []


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b"x" + b, lambda b: b[:-1] + b"?"])
def test_a_damaged_file_is_derived_anew(tmp_path, damage):
    derive, calls = _counted()
    derive(1)
    (file,) = _files(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    derive.cache_clear()
    assert derive(1) == (1,)
    assert len(calls) == 2


def test_other_sources_derive_anew(monkeypatch):
    derive, calls = _counted()
    derive(1)
    derive.cache_clear()
    monkeypatch.setattr(module, "_derivation", lambda: "another text of a module")
    derive(1)
    assert len(calls) == 2


def test_what_ran_out_of_time_is_not_kept(tmp_path):
    def cut_short():
        try:
            with time_limit.time_limit(0.01):
                while True:
                    pass
        except time_limit.TimeUp:
            return "the best so far"

    derive, _ = _counted(cut_short)
    assert derive(1) == "the best so far"
    assert _files(tmp_path) == []


def test_what_holds_a_function_and_what_errs_is_not_kept(tmp_path):
    derive, _ = _counted(lambda: lambda: 1)
    assert derive(1)() == 1
    failing, _ = _counted(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failing(1)
    assert _files(tmp_path) == []


@pytest.mark.parametrize("name", ["sigmoid", "relu", "sin", "gelu"])
def test_facts_of_the_catalogue_come_back_equal(name):
    act = activation(name)
    for question in (certified_slope, square_integral):
        question.cache_clear()
        derived = question(act)
        question.cache_clear()
        assert question(act) == derived == question.__wrapped__(act)
