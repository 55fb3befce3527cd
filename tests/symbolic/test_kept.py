"""What is derived once for a user: read back as it was, derived anew where that is not sure."""

import os
import pickle
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import flint
import mpmath
import numpy as np
import pytest
import sympy as sp

from vgtheory.codegen.compiled import _row_text
from vgtheory.codegen.source import RowKind
from vgtheory.model.blocks import lstm
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.advice.critical_points import _stable
from vgtheory.study.advice.remedies import _cost
from vgtheory.symbolic import kept as module
from vgtheory.symbolic import time_limit
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.kept import kept
from vgtheory.symbolic.root import Root
from vgtheory.theory.asymptotics.transform import _shaped, _tailored
from vgtheory.theory.proofs.bounds import _derived as derived_bounds
from vgtheory.theory.proofs.certified_slope import certified_slope
from vgtheory.theory.proofs.thresholds import square_integral

DERIVATION = module._derivation
CACHE_OF_THE_SESSION = os.environ.get("VGTHEORY_CACHE_DIR", "")


@dataclass(frozen=True)
class Pair:
    first: sp.Expr
    second: int


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "WORTH", -1.0)
    monkeypatch.setattr(module, "_state", lambda: module.STATE)  # whoever edits the sources meanwhile


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


@pytest.fixture
def copied(tmp_path):
    """Return a copy of the package with one more module, and a function that runs code beside it in another process."""
    shutil.copytree(module.PACKAGE, tmp_path / "copy" / "vgtheory", ignore=shutil.ignore_patterns("__pycache__"))
    source = tmp_path / "copy" / "vgtheory" / "symbolic" / "sample.py"

    def run(code: str) -> list[str]:
        whole = f"from pathlib import Path; from vgtheory.symbolic import kept, sample; kept.WORTH = -1.0; {code}"
        done = subprocess.run(
            [sys.executable, "-P", "-c", whole], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "copy"), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        return done.stdout.split()

    return source, run


def _sample(fact: str) -> str:
    head = "from vgtheory.symbolic.kept import kept\n\n@kept\ndef fact(n):\n    print('derives')\n"
    return f"{head}    return {fact!r}\n"


def test_code_that_was_replaced_while_it_ran_leaves_no_fact_to_the_new(copied, tmp_path):
    source, run = copied
    source.write_text(_sample("old"))
    replace = f"Path({str(source)!r}).write_text({_sample('new')!r}); "
    assert run(replace + "print(sample.fact(1))") == ["derives", "old"]
    assert _files(tmp_path) == []
    assert run("print(sample.fact(1))") == ["derives", "new"]
    assert run("print(sample.fact(1))") == ["new"]
    source.write_text(_sample("newer"))
    assert run("print(sample.fact(1))") == ["derives", "newer"]


def test_the_same_text_in_another_folder_is_other_code(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PACKAGE", tmp_path)
    (tmp_path / "symbolic" / "gaussian").mkdir(parents=True)
    (tmp_path / "symbolic" / "mean.py").write_text("mean = 1")
    before = DERIVATION()
    (tmp_path / "symbolic" / "mean.py").rename(tmp_path / "symbolic" / "gaussian" / "mean.py")
    assert DERIVATION() != before


@pytest.mark.parametrize("library", [sp, flint, mpmath, np])
def test_other_versions_of_libraries_derive_anew(monkeypatch, library):
    before = DERIVATION()
    assert DERIVATION() == before
    monkeypatch.setattr(library, "__version__", "0.0.1")
    assert DERIVATION() != before


def test_another_scipy_derives_anew(monkeypatch):
    before = DERIVATION()
    monkeypatch.setattr(module, "version", lambda library: f"{library} 0.0.1")
    assert DERIVATION() != before


def test_all_modules_that_derive_are_digested():
    users = [path for path in module.PACKAGE.rglob("*.py") if "symbolic.kept import kept" in path.read_text()]
    digested = {Path(source) for source in module._sources()}
    assert len(users) > 5
    assert set(users) <= digested


def _folder(facts: Path, name: str, age: float) -> Path:
    (facts / name).mkdir(parents=True)
    (facts / name / "fact.pickle").write_bytes(b"")
    os.utime(facts / name, (time.time() - age,) * 2)
    return facts / name


def test_facts_of_other_code_go_when_nobody_has_used_them_for_long(tmp_path):
    facts = tmp_path / "facts"
    tmp_path.chmod(0o700)
    facts.mkdir(mode=0o700)
    orphan, others = (_folder(facts, name, age) for name, age in (("a", 8 * 86400), ("b", 6 * 86400)))
    own = _folder(facts, module.IMPORTED, 8 * 86400)
    derive, _ = _counted()
    derive(1)
    assert not orphan.exists()
    assert others.exists()
    assert len(_files(own)) == 2
    assert time.time() - own.stat().st_mtime < 3600


def test_a_folder_that_is_removed_meanwhile_costs_a_fact_only(tmp_path):
    derive, calls = _counted(lambda: shutil.rmtree(tmp_path / "facts"))
    assert derive(1) is None
    assert len(calls) == 1
    assert _files(tmp_path) == []


class _Breaks:
    def __init__(self, problem: type[Exception]) -> None:
        self.problem = problem

    def __reduce__(self):
        return _raise, (self.problem,)


def _raise(problem: type[Exception]) -> None:
    raise problem("as of a class that is gone")


@pytest.mark.parametrize(
    "problem", [pickle.UnpicklingError, AttributeError, ImportError, EOFError, TypeError, IndexError, KeyError]
)
def test_a_fact_that_cannot_be_unpickled_is_derived_anew(problem):
    derive, calls = _counted(lambda: _Breaks(problem))
    for _ in range(2):
        assert isinstance(derive(1), _Breaks)
        derive.cache_clear()
    assert len(calls) == 2


def test_what_ran_out_of_time_is_not_kept(tmp_path):
    def cut_short():
        try:
            with time_limit.time_limit(0.01):
                while True:
                    pass
        except time_limit.TimeUp:
            return "the best so far"

    derive, calls = _counted(cut_short)
    assert derive(1) == "the best so far"
    assert _files(tmp_path) == []
    asks, _ = _counted(lambda: derive(1))
    assert asks(1) == "the best so far"  # recalled, within no time at all
    assert len(calls) == 1
    assert _files(tmp_path) == []


def test_an_unusable_cache_says_that_nothing_is_kept(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(tmp_path / "file" / "cache"))
    derive, _ = _counted()
    with pytest.warns(RuntimeWarning, match="^nothing is kept for other processes .*; set VGTHEORY_CACHE_DIR"):
        assert derive(1) == (1,)


def test_the_tests_find_no_facts_of_earlier_runs_and_all_machine_code():
    """By the folder that conftest.py gives them, before any test's own."""
    given = Path(CACHE_OF_THE_SESSION)
    if not given.name.startswith("vgtheory-tests-"):
        pytest.skip("no link to the user's machine code could be made")
    assert not (given / "facts").is_symlink()
    assert (given / "kernels").resolve().parent == (given / "generated").resolve().parent != given.resolve()


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


def _network(activation, **parts):
    return Network(activation, Weights.gaussian(sp.Rational(3, 2), sp.Rational(1, 10)), width=32, depth=8, **parts)


@pytest.mark.parametrize(
    ("question", "arguments"),
    [
        (derived_bounds, (_network("tanh"),)),
        (derived_bounds, (_network("relu"),)),
        (derived_bounds, (_network("tanh", skip="1/depth"),)),
        (derived_bounds, (Network(lstm(Weights.orthogonal(1), forget_bias=0), width=8, depth=3),)),
        (_shaped, (activation("softplus"), 50, 1.5)),
        (_tailored, (activation("tanh"), 50, 0.3)),
        (_row_text, (activation("gelu"), RowKind("float32"))),
        (_cost, (_network("tanh"),)),
        (_stable, (activation("silu"), 0.8)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_kept_comes_back_equal(question, arguments, tmp_path):
    question.cache_clear()
    question(*arguments)
    assert any(_files(tmp_path))
    question.cache_clear()
    assert question(*arguments) == question.__wrapped__(*arguments)


def test_what_differs_has_different_keys():
    double = 0.1
    near = np.nextafter(double, 1)
    x = sp.Symbol("x", real=True)
    leaky = [Network(sp.Max(x, sp.Float(c) * x), Weights.gaussian(1), width=32, depth=8) for c in (double, near)]
    scaled = [Network("tanh", Weights.gaussian(float(c)), width=32, depth=8) for c in (double, near)]
    cells = [Network(lstm(Weights.orthogonal(1), forget_bias=b), width=8, depth=3) for b in (0, 1)]
    cells += [Network(lstm(Weights.orthogonal(float(c))), width=8, depth=3) for c in (double, near)]
    given = [Network("tanh", Weights.given([np.full((3, 3), c)]), width=3, depth=1) for c in (double, near)]
    networks = [*leaky, *scaled, *cells, *given]
    assert len({module._text(one) for one in networks}) == len(set(networks)) == len(networks)


def test_bounds_of_a_symbol_that_other_processes_lack_hold_this_symbol():
    for _ in range(2):
        s = sp.Dummy("s", positive=True)
        network = Network("relu", Weights.gaussian(s), width=32, depth=8)
        assert module.NAMELESS in module._text(network)
        assert any(s in bound.expr.free_symbols for bound in derived_bounds(network))
