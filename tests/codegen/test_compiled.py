"""Generated modules: content-addressed, private, safe against hostile names, usable in spawned processes."""

import ast
import hashlib
import importlib.util
import json
import marshal
import math
import multiprocessing
import os
import pickle
import re
import stat
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from vgtheory._errors import InputError
from vgtheory.codegen import compiled, form
from vgtheory.codegen.compiled import compile_activation, generated_path, load
from vgtheory.codegen.precision import doubles
from vgtheory.codegen.source import RowKind, row_source
from vgtheory.codegen.stabilise import stabilise
from vgtheory.kernels import _jit
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.slow
def test_the_module_is_written_once_and_its_machine_code_is_found_again(cache):
    program = (
        "import sys; from vgtheory.codegen.compiled import compile_activation as c; f = c('x/(2+exp(-x))');"
        "print(float(f(1.0)), sum(f.row.stats.cache_hits.values()), sum(f.row.stats.cache_misses.values()))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    ]
    assert runs[0][0] == runs[1][0] == repr(1 / (2 + math.exp(-1)))
    assert runs[0][1:] == ["0", "1"]
    assert runs[1][1:] == ["1", "0"]
    assert len(list((cache / "generated").rglob("vgtheory_row_*.py"))) == 1


def test_the_cache_belongs_to_its_owner_alone(cache):
    path = generated_path(row_source(stabilise(activation("tanh"))))
    for directory in (path.parent, path.parent.parent, cache):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_changed_file_is_never_trusted(cache):
    source = row_source(stabilise(activation("x/(3+exp(-x))")))
    path = generated_path(source)
    path.write_text("raise SystemExit('planted')\n")
    module = load(source)
    assert path.read_text() == source
    assert not list(path.parent.glob("*.tmp"))
    del sys.modules[module.__name__]


def test_a_planted_pyc_is_not_run(cache):
    source = row_source(stabilise(activation("x/(3.5+exp(-x))")))
    path = generated_path(source)
    path.write_text(source)
    planted = cache / "planted.py"
    planted.write_text("raise SystemExit('planted')\n")
    compiled_form = Path(importlib.util.cache_from_source(str(path)))
    compiled_form.parent.mkdir()
    status = path.stat()
    code = marshal.dumps(compile(planted.read_text(), str(path), "exec"))
    stamp = struct.pack("<III", 0, int(status.st_mtime), status.st_size)
    compiled_form.write_bytes(importlib.util.MAGIC_NUMBER + stamp + code)
    module = load(source)
    assert callable(module.row)
    del sys.modules[module.__name__]


def test_the_key_depends_on_versions_flags_and_processor(cache, monkeypatch):
    source = row_source(stabilise(activation("tanh")))
    first = generated_path(source)
    monkeypatch.setattr(compiled, "machine", lambda: "another processor")
    assert generated_path(source) != first


def test_without_a_private_directory_the_code_still_runs(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(RuntimeWarning, match="nothing is kept"):
        row = load(row_source(stabilise(activation("x/(4+exp(-x))")))).row
    value, slope = np.empty((2, 1))
    row(np.array([1.0]), value, slope)
    assert value[0] == pytest.approx(1 / (4 + np.exp(-1)), rel=1e-15)


def test_no_name_that_a_user_gives_reaches_the_source():
    hostile = "__import__('os').system('touch /tmp/planted')"
    x = sp.Symbol(hostile, real=True)
    gain = sp.Symbol("h[0]=1;import os", real=True)
    act = Activation(sp.tanh(gain * x), name=hostile, **{gain.name: 2})
    plain = compile_activation("tanh(2*x)")
    assert compile_activation(act).source == plain.source
    names = {n.id for n in ast.walk(ast.parse(plain.source)) if isinstance(n, ast.Name)}
    assert "os" not in names
    assert compile_activation(act)(0.25) == pytest.approx(np.tanh(0.5), rel=1e-15)


@pytest.mark.slow
def test_the_source_is_the_same_in_every_process():
    program = (
        "from vgtheory.codegen.source import row_source; from vgtheory.codegen.stabilise import stabilise;"
        "from vgtheory.symbolic.catalogue import activation;"
        "import hashlib; print(hashlib.sha256(''.join(row_source(stabilise(activation(n)))"
        " for n in ('gelu', 'mish', 'gelu_tanh', 'tanh(x)*exp(-x**2)/(1+abs(x))')).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_a_compiled_activation_is_a_value():
    act = activation("leaky_relu", alpha=0.3)
    f = compile_activation(act)
    assert f.origin == act
    copy = pickle.loads(pickle.dumps(f))  # noqa: S301 - our own bytes
    assert copy == f
    assert copy(-1.0) == f(-1.0) == -0.3


def _in_child(f, h):
    return f(h).tolist()


@pytest.mark.slow
def test_a_spawned_process_rebuilds_it():
    f = compile_activation("mish")
    h = np.linspace(-3, 3, 5)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_in_child, (f, h)) == f(h).tolist()


def test_the_row_pass_vectorises(cache):
    f = compile_activation("x/(5+exp(-x))")  # its own formula and cache: machine code from a cache has no assembly
    f.row(*np.ones((3, 8)))  # compiled by its first use
    assembly = next(iter(f.row.inspect_asm().values()))
    packed = ("vmulpd", "mulpd", "fmul\tv", "fmul v")
    assert any(instruction in assembly for instruction in packed)


def test_single_precision_has_no_doubles_in_it(cache):
    form = stabilise(activation("x/(6+exp(-x))"))
    row = load(row_source(form, RowKind("float32"))).row
    row(*np.ones((3, 8), np.float32))
    assembly = next(iter(row.inspect_asm().values()))
    assert any(instruction in assembly for instruction in ("mulps", "fmul\tv", "fmul v"))
    assert not any(instruction in assembly for instruction in ("mulpd", "cvtps2pd", "vgather"))


def test_a_kind_of_row_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="float16"):
        RowKind("float16")
    with pytest.raises(InputError, match="float32"):
        RowKind("float32", library=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_results_go_where_they_are_wanted(dtype):
    f = compile_activation("tanh")
    h = np.linspace(-3, 3, 12, dtype=dtype).reshape(3, 4)
    out = np.empty_like(h), np.empty_like(h)
    assert f.both(h, out=out) is out
    for mine, theirs in zip(out, f.both(h), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for wrong in (out[0][:2], out[0].T, out[0].astype(np.float16), [[0.0] * 4] * 3):
        with pytest.raises(InputError, match="out"):
            f.both(h, out=(out[0], wrong))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["tanh", "sin", "exp(x)-exp(x-1e-6)"])
def test_large_results_are_those_of_small_ones(name, dtype, monkeypatch):
    f = compile_activation(name)
    h = np.random.default_rng(0).standard_normal(4321).astype(dtype)
    h[[7, 2000, -1]] = [2e6, np.nan, -3e5]
    room = np.empty((2, 2, h.size + 1), dtype=dtype)
    small = f.both(h)
    monkeypatch.setattr(compiled, "STREAMED", 0)
    together = np.empty((2, 4352), dtype=dtype)[:, : h.size]  # both begin at the same place of a cache line
    # Next to large arguments the library's sine is taken, in blocks if streamed: the last bits may differ.
    error = 4 * np.finfo(dtype).eps if name == "sin" else 0
    for out in (tuple(room[:, 0, 1:]), tuple(room[0, :, :-1]), tuple(together)):
        for mine, usual in zip(f.both(h, out=out), small, strict=True):
            np.testing.assert_allclose(mine, usual, rtol=error, atol=error)


def test_only_the_chunks_with_large_arguments_leave_float32(monkeypatch):
    chunks = []
    monkeypatch.setattr(compiled, "doubles", lambda row, x: chunks.append(x) or doubles(row, x))
    f = compile_activation("tanh")
    h = np.zeros(3 * compiled.CHUNK, dtype=np.float32)
    f(h)
    assert not chunks
    h[compiled.CHUNK + 3] = np.inf
    assert f(h)[compiled.CHUNK + 3] == 1.0
    assert len(chunks) == 1


@pytest.mark.parametrize("formula", ["sin(x)", "x + sin(3*x)**2", "cos(x)*exp(-x**2)", "sin(x)*cos(2*x)"])
def test_periodic_functions_of_large_arguments_are_the_librarys(formula):
    f = compile_activation(formula)
    h = np.array([0.5, -2e5, 3e5, 1e7, -1e15, 1e22, 1e300, math.nan])
    near, mixed = h[:3], h
    reference = sp.lambdify(f.origin.symbol, [f.origin.expr, f.origin.derivative()], "numpy")
    with np.errstate(all="ignore"):
        for points in (near, mixed):
            for ours, theirs in zip(f.both(points), reference(points), strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-15)


@pytest.mark.slow
def test_one_switch_takes_the_systems_library_and_gives_the_same_numbers():
    program = (
        "import json, numpy as np; from vgtheory.codegen.compiled import compile_activation as c;"
        "h = np.concatenate([np.linspace(-30, 30, 200), [-745.0, -1e-9, 1e-300, 700.0]]);"
        "from vgtheory.symbolic.catalogue import catalogue;"
        "print(json.dumps({n: [v.tolist() for v in c(n).both(h)] for n in catalogue}));"
        "assert ('math.exp(' in c('gelu').source) == (__import__('os').environ['VGTHEORY_LIBM'] == '1')"
    )
    ours, theirs = (
        json.loads(
            subprocess.check_output([sys.executable, "-c", program], env={**os.environ, "VGTHEORY_LIBM": switch})
        )
        for switch in ("0", "1")
    )
    for name, both in ours.items():
        for mine, reference in zip(both, theirs[name], strict=True):
            # The library's exp has no second argument for what x² lost: e^(-x²/2) to 2e-13 at x = 30.
            np.testing.assert_allclose(mine, reference, rtol=1e-12, atol=1e-15, err_msg=name)


def test_a_form_is_derived_once_and_what_is_kept_is_checked(cache, monkeypatch):
    act = activation("x/(1+exp(-x)) + tanh(x)/7")
    first = stabilise.__wrapped__(act)
    assert form.load_form(form.form_key(act)) == first
    monkeypatch.setattr("vgtheory.codegen.stabilise._derive", lambda act, order: pytest.fail("derived again"))
    assert stabilise.__wrapped__(act) == first
    monkeypatch.undo()
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(cache))
    (path,) = (cache / "forms").rglob("*.json")
    whole = path.read_text()
    kept = json.loads(whole.partition("\n")[2])
    altered = whole.replace("0.5", "0.25") if "0.5" in whole else whole.replace("1.0", "1.5", 1)
    assert altered != whole
    damaged = ("", whole[:-3], altered, "[" * 10_000, "\x00" + whole)
    for wrong in (
        *damaged,
        "no json",
        "{}",
        json.dumps(kept | {"instructions": [["__import__('os').abort", []]]}),
        json.dumps(kept | {"value": 10**6}),
        json.dumps(kept | {"instructions": [["input", []], ["exp", [5]]]}),
        json.dumps(kept | {"instructions": [["input", []], ["exp", ["r0"]]]}),
    ):
        text = wrong if wrong in damaged else f"{hashlib.sha256(wrong.encode()).hexdigest()}\n{wrong}"
        path.write_text(text)
        assert form.load_form(form.form_key(act)) is None
    assert stabilise.__wrapped__(act) == first
    assert path.read_text() == whole


def test_a_module_that_is_being_executed_is_handed_to_nobody(cache):
    text = "import time\ntime.sleep(0.3)\nrow = 7\n"
    with ThreadPoolExecutor(3) as pool:
        assert [module.row for module in pool.map(load, [text] * 3)] == [7, 7, 7]


def test_generated_code_is_made_anew_when_a_kernel_that_it_imports_changes():
    text = row_source(stabilise(activation("tanh")), RowKind("float64"))
    imported = set(re.findall(r"^from (vgtheory\.kernels\.\w+) import", text, re.MULTILINE))
    digested = {path for module in compiled.IMPORTED for path in _jit._closure(Path(module.__file__))}
    assert len(imported) > 1
    assert {Path(importlib.import_module(name).__file__) for name in imported} <= digested
