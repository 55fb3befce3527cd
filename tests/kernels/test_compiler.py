"""When kernels are compiled, what is made of their parts, and what Numba looks up once, each tried."""

import ctypes
import math
import os
import re
import subprocess
import sys
import time
import types as python_types
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, get_ident

import numba
import numpy as np
import pytest
from llvmlite import ir
from numba import types
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.types.functions import BaseFunction

from vgtheory._errors import UnsupportedError
from vgtheory.kernels import _compiler
from vgtheory.kernels._compiler import PartLibrary
from vgtheory.kernels._jit import ELEMENTWISE_FLAGS, REDUCTION_FLAGS, compiled, piece
from vgtheory.symbolic.time_limit import TimeUp, within


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


def shape(x, k):
    """A function of many kinds of calls: sums of different types, tuples, arrays, NumPy's and Python's functions."""
    total = 0.0
    for i in range(k):
        row = x[i % 3 :]
        total += max(row.sum(), 0.5 * i) + abs(k - i) * math.exp(-total) + (2 * i) ** 2
    return np.round(total, 3), np.searchsorted(x, total) + np.empty(
        (k, 2)
    ).size  # the one makes functions as it is typed


def test_what_is_looked_up_once_gives_the_code_that_looking_up_each_time_gives():
    def code_of(flags):
        function = python_types.FunctionType(shape.__code__, globals(), "shape")
        dispatcher = numba.njit("(float64[::1], int64)", nogil=True, fastmath=set(flags))(function)
        (text,) = dispatcher.inspect_asm().values()
        return re.sub(
            r"v\d+|_ZN\w+|\.size.*", "", text
        )  # names count compilations, and sizes are those of names as well

    kinds = frozenset(), ELEMENTWISE_FLAGS, REDUCTION_FLAGS
    plain = [code_of(flags) for flags in kinds]
    with global_compiler_lock, _compiler._remembered():
        assert [code_of(flags) for flags in kinds] == plain  # one after the other: what is found depends on flags


def test_what_is_looked_up_once_is_forgotten_with_the_compilation():
    places = (
        (BaseFunction, "get_call_type"),
        (ir.Type, "get_abi_size"),
        (CPUCodeLibrary, "_optimize_functions"),
    )
    before = [getattr(*place) for place in places]
    with _compiler._remembered():
        assert all(getattr(*place) is not kept for place, kept in zip(places, before, strict=True))
    assert [getattr(*place) for place in places] == before

    def fail():
        raise MemoryError

    with pytest.raises(MemoryError), _compiler._remembered():
        fail()
    assert [getattr(*place) for place in places] == before


def test_a_structure_is_measured_each_time_where_another_may_have_its_name():
    data = cpu_target.target_context.codegen().target_data
    with _compiler._remembered():
        for number in (1, 3):
            context = ir.Context()
            own = context.get_identified_type("own")
            own.set_body(*[ir.DoubleType()] * number)
            assert ir.Type.get_abi_size(own, data, context) == 8 * number
            assert ir.Type.get_abi_size(ir.ArrayType(own, 2), data, context) == 16 * number
