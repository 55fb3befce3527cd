"""Each thing that Numba does not promise, tried: a new version that breaks one fails here."""

import ctypes
import json
import os
import subprocess
import sys
import time
import types as python_types
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, get_ident
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from numba import types
from numba.core.compiler_lock import global_compiler_lock

from vgtheory._errors import UnsupportedError
from vgtheory.kernels._cache import private_directory
from vgtheory.kernels._jit import compiled, lent, lent_call, piece
from vgtheory.kernels._numba_internals import (
    BLOCK,
    LINE,
    CheckedCacheFile,
    PartLibrary,
    borrowed,
    fused,
    pointer,
    prefer_wide_vectors,
    scratch,
    send,
    sent,
)
from vgtheory.kernels._records import Record, by_address
from vgtheory.symbolic.time_limit import TimeUp, within


def fresh(function):
    """Compile without the cache: what comes from a file has no LLVM code to look at."""
    return numba.njit(function)


def llvm(dispatcher):
    return next(iter(dispatcher.inspect_llvm().values()))


def test_wide_vectors_are_asked_for():
    @fresh
    def wide(x):
        prefer_wide_vectors()
        return x + 1

    assert wide(1) == 2
    assert '"prefer-vector-width"="512"' in llvm(wide)


def test_fused_operations_round_once():
    @fresh
    def rest(a, b):
        return fused(a, b, -(a * b))

    a = 1 + 2.0**-30
    assert rest(a, a) == 2.0**-60


def test_borrowed_arrays_are_not_counted():
    @fresh
    def sums(h):
        view = borrowed(h)
        result = 0.0
        for i in range(len(view) - 3):
            result += view[i : i + 4].sum()
        return result

    assert sums(np.arange(10.0)) == sum(4 * i + 6 for i in range(7))
    assert "call void @NRT_incref" not in llvm(sums).split("define")[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_streamed_stores_pass_the_cache_to_their_place(dtype):
    @fresh
    def double(h, out):
        values = scratch(out)
        for start in range(0, h.size, BLOCK):
            block = pointer(h, start)
            for i in range(BLOCK):
                values[i] = 2 * block[i]
            send(out, start, values)
        sent()

    h = np.arange(5 * BLOCK, dtype=dtype)
    room = np.full(h.size + LINE, -1, dtype=dtype)
    first = -room.ctypes.data % LINE // room.itemsize
    out = room[first : first + h.size]
    double(h, out)
    np.testing.assert_array_equal(out, 2 * h)
    assert np.all(np.delete(room, np.s_[first : first + h.size]) == -1)
    assert "!nontemporal" in llvm(double)
    assert "fence seq_cst" in llvm(double)


def test_a_kernel_is_compiled_by_its_first_use_for_its_own_types_alone():
    @compiled("float64(float64[::1])")
    def total(x):
        return x.sum()

    assert not total.overloads
    for _ in range(2):  # nothing that is not its own may reach it as if it were, the first time neither
        with pytest.raises(TypeError):
            total(np.ones((2, 3)))
        assert len(total.overloads) == 1
    assert total(np.arange(4.0)) == 6.0


def test_threads_that_call_a_kernel_first_at_once_all_get_its_result():
    @compiled("float64(float64[::1])")
    def total(x):
        return x.sum()

    start = Barrier(8)

    def call(value):
        start.wait()
        return total(np.full(3, value))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, np.arange(8.0))) == [3.0 * k for k in range(8)]
    assert len(total.overloads) == 1


def test_a_kernel_is_compiled_where_another_takes_it_or_calls_it():
    @compiled("float64(float64)")
    def half(x):
        return x / 2

    @compiled("float64(float64)")
    def twice(x):
        return 2 * x

    function = types.FunctionType(types.float64(types.float64))

    @compiled(types.float64(function, types.int64))
    def both(taken, x):
        return taken(half(x))

    assert not twice.overloads
    assert both(twice, 3) == 3.0
    assert len(half.overloads) == len(twice.overloads) == 1


def test_threads_that_call_kernels_which_need_each_other_first_at_once_do_not_wait_for_ever():
    @compiled("float64(float64)")
    def half(x):
        return x / 2

    @compiled("float64(float64)")
    def both(x):
        return half(x) + half(2 * x)

    start = Barrier(6)

    def call(kernel):
        start.wait()
        return kernel(4.0)

    with ThreadPoolExecutor(6) as pool:
        results = [pool.submit(call, kernel) for kernel in (half, both) * 3]
        assert [result.result(60) for result in results] == [2.0, 6.0] * 3


def interrupting(monkeypatch, dispatcher, happens):
    """Let something happen in the middle of the function's compilation."""
    compiler = dispatcher._compiler

    def compile_it(*signature):
        happens()
        return type(compiler).compile(compiler, *signature)

    monkeypatch.setattr(compiler, "compile", compile_it)


def others_can_compile():
    """Return whether another thread gets the compiler's lock, as soon as nothing is compiled."""

    def take():
        taken = global_compiler_lock._lock.acquire(timeout=60)
        if taken:
            global_compiler_lock._lock.release()
        return taken

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(take).result()


@pytest.fixture(params=["float64(float64[::1])", None], ids=["one", "any"])
def total(request, tmp_path):
    """A kernel of one signature or of any, that no file holds."""

    @compiled(request.param, directory=tmp_path)
    def total(x):
        return x.sum()

    return total


def test_an_exception_from_outside_does_not_cut_a_compilation_short(monkeypatch, total):
    caller = get_ident()

    def raise_outside():
        assert get_ident() != caller
        assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(caller), ctypes.py_object(TimeUp)) == 1

    interrupting(monkeypatch, total, raise_outside)
    with pytest.raises(TimeUp):
        total(np.ones(3))
    assert others_can_compile()
    assert len(total.overloads) == 1
    assert total(np.ones(3)) == 3.0


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="no clock of one thread")
def test_the_time_of_the_compiler_does_not_count_against_a_limit(monkeypatch, total):
    def work():
        end = time.thread_time() + 0.6
        while time.thread_time() < end:
            pass

    interrupting(monkeypatch, total, work)
    with within(0.3, "the sum"):
        assert total(np.ones(3)) == 3.0
    with pytest.raises(UnsupportedError, match="the sum"), within(0.3, "the sum"):
        work()


def test_a_compilation_that_fails_is_tried_again(monkeypatch, total):
    def fail():
        raise MemoryError

    with monkeypatch.context() as patch:
        interrupting(patch, total, fail)
        with pytest.raises(MemoryError):
            total(np.ones(3))
    assert others_can_compile()
    assert total(np.ones(3)) == 3.0


@pytest.mark.parametrize("lost", ["_save_index", "_save_data"])
def test_a_cache_that_cannot_be_written_is_no_error_of_a_call(monkeypatch, tmp_path, lost):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    @compiled("float64(float64[::1])", directory=tmp_path)
    def total(x):
        return x.sum()

    monkeypatch.setattr(CheckedCacheFile, lost, refuse)
    assert total(np.ones(3)) == 3.0
    with pytest.raises(TypeError):
        total(np.ones((2, 3)))
    assert not list(tmp_path.rglob("*.nbc"))


def test_an_error_after_compiling_leaves_no_kernel_for_other_types(monkeypatch, tmp_path):
    @compiled("float64(float64[::1])", directory=tmp_path)
    def total(x):
        return x.sum()

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(CheckedCacheFile, "_save_data", fail)
    with pytest.raises(MemoryError):
        total(np.ones(3))
    with pytest.raises(TypeError):
        total(np.ones((2, 3)))
    assert total(np.ones(3)) == 3.0


def test_no_machine_code_is_made_of_a_part():
    @piece
    def thrice(x):
        return 3 * x

    @compiled("float64(float64)")
    def whole(x):
        return thrice(x) + 1

    with pytest.raises(TypeError, match="part of a kernel"):
        thrice(2.0)
    assert whole(2.0) == 7.0
    with pytest.raises(TypeError, match="part of a kernel"):
        thrice(2.0)
    (made,) = thrice.overloads.values()
    assert isinstance(made.library, PartLibrary)
    assert not made.library._codegen._engine.is_symbol_defined(made.fndesc.llvm_func_name)
    (kernel,) = whole.overloads.values()
    assert kernel.library._codegen._engine.is_symbol_defined(kernel.fndesc.llvm_func_name)


@pytest.fixture
def module(tmp_path):
    """A function in a file of its own, and how to compile it as another process would: from the cache if it can."""
    path = tmp_path / "doubling.py"
    path.write_text("def twice(x):\n    return x + x\n")
    loaded = python_types.ModuleType("doubling")
    exec(compile(path.read_text(), str(path), "exec"), vars(loaded))  # noqa: S102 - the text above

    def again():
        function = python_types.FunctionType(loaded.twice.__code__, vars(loaded), "twice")
        function.__module__, function.__qualname__ = "doubling", "twice"
        dispatcher = compiled("float64(float64)", directory=tmp_path / "cache")(function)
        assert dispatcher(1.5) == 3.0
        return dispatcher

    sys.modules["doubling"] = loaded
    yield again
    del sys.modules["doubling"]


def hits(dispatcher):
    return sum(dispatcher.stats.cache_hits.values())


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "longer", "gone", "one bit"])
def test_damaged_files_are_compiled_again(module, tmp_path, suffix, damage):
    assert hits(module()) == 0
    assert hits(module()) == 1
    (path,) = (tmp_path / "cache").rglob(f"*.{suffix}")
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        texts = {"empty": b"", "cut": whole[:-7], "garbage": b"no pickle", "longer": whole + b"x", "one bit": flipped}
        path.write_bytes(texts[damage])
    assert hits(module()) == 0
    assert hits(module()) == 1


def test_a_planted_pickle_is_not_opened(module, tmp_path):
    module()
    planted = b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR."
    for path in (tmp_path / "cache").rglob("*.nb[ic]"):
        path.write_bytes(planted)
    module()
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
def test_a_cache_below_a_directory_of_everybody_is_refused(tmp_path, monkeypatch):
    open_to_all = tmp_path / "open"
    (open_to_all / "below").mkdir(parents=True)
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(open_to_all / "below" / "cache"))
    assert private_directory() is not None
    open_to_all.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="above the cache"):
        assert private_directory() is None
    open_to_all.chmod(0o1777)  # as /tmp: what others own there cannot be renamed
    assert private_directory() is not None


@pytest.mark.slow
def test_without_jit_kernels_are_python_functions():
    program = (
        "import numpy as np; np.seterr(all='ignore'); import warnings; warnings.simplefilter('ignore')\n"
        "from vgtheory.codegen.compiled import compile_activation as c\n"
        "h = np.array([-2.0, 0.3, 800.0]); v, s = c('x*tanh(exp(x))').both(h);"
        "import json; print(json.dumps(v.tolist() + s.tolist()))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "NUMBA_DISABLE_JIT": switch},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for switch in ("0", "1")
    ]
    np.testing.assert_allclose(*(np.array(json.loads(text)) for text in runs), rtol=2e-15)


def test_without_jit_a_function_is_called_as_it_is_written():
    program = (
        "from vgtheory.kernels.elementary import tanh; from vgtheory.kernels._jit import entry\n"
        "f = entry('float64(float64)')(lambda x: tanh(x)); print(type(f).__name__, f(0.3))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    kind, value = run.stdout.split()
    assert kind == "function"
    assert float(value) == pytest.approx(np.tanh(0.3), rel=2e-15)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="references are counted in machine code")
def test_a_kernel_that_is_not_counted_leaves_the_references_of_its_arrays_alone_and_makes_none(tmp_path):
    @compiled(counted=False, directory=tmp_path)  # what is read from a cache shows no code
    def filled(rows):
        for i in range(rows.shape[0]):
            row = rows[i]
            row[:] = i

    @compiled(counted=False)
    def making(n):
        return np.zeros(n)

    rows = np.empty((3, 2))
    before = sys.getrefcount(rows)
    for _ in range(100):
        filled(rows)
    assert sys.getrefcount(rows) == before
    np.testing.assert_array_equal(rows, [[0, 0], [1, 1], [2, 2]])
    assert "NRT_incref" not in next(iter(filled.inspect_llvm().values())).split("define")[1]
    with pytest.raises(numba.TypingError):
        making(3)


class Pair(NamedTuple):
    array: Any
    number: Any


def test_a_record_is_handed_on_by_its_address_and_read_by_name(tmp_path):
    @lent
    def rest(record, k):
        return record.array[k:]

    @lent_call
    def total(record, k):
        own = rest(record, k)
        result = 0.0
        for i in range(own.size):
            result += record.number * own[i]
            own[i] = -1.0
        return result

    @compiled("float64(float64[::1], float64, int64)", counted=False, directory=tmp_path)
    def whole(array, number, times):
        result = 0.0
        for k in range(times):  # each round has a record of its own
            result += total(by_address(Pair(array, number + k)), 1)
        return result

    array = np.arange(4.0)
    before = sys.getrefcount(array)
    assert whole(array, 10.0, 2) == 10.0 * (1 + 2 + 3) + 11.0 * -3
    np.testing.assert_array_equal(array, [0, -1, -1, -1])
    assert sys.getrefcount(array) == before
    (part,) = (made for made in total.overloads.values())
    assert isinstance(part.signature.args[0], Record)

    @compiled("float64(float64[::1])", counted=False)
    def misnamed(array):
        return by_address(Pair(array, 1.0)).length

    with pytest.raises(numba.TypingError, match="length"):
        misnamed(array)


def test_records_of_one_name_and_other_fields_are_told_apart():
    first, second = (NamedTuple("Pair", [(name, float) for name in names]) for names in (("a", "b"), ("b", "a")))

    @compiled("float64()", counted=False)
    def ordered():
        return by_address(first(1.0, 2.0)).a

    @compiled("float64()", counted=False)
    def turned():
        return by_address(second(1.0, 2.0)).a

    assert (ordered(), turned()) == (1.0, 2.0)
