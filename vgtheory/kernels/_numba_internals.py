"""Everything that relies on what Numba and llvmlite do not promise: LLVM's instructions, and the files of the cache.

pyproject.toml bounds the versions; tests/kernels/test_numba_internals.py tries each trick.  With NUMBA_DISABLE_JIT=1
each is a Python function with the same result.
"""

import gc
import hashlib
import pickle
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NopythonTypeInference
from numba.extending import intrinsic

BLOCK = 128  # values that are collected before they go out: whole cache lines, few enough for the innermost cache
LINE = 64  # bytes of a cache line

_PLACING = Lock()  # not Numba's, which is Python: an exception of a time limit could leave it held


def _intrinsic(python: Callable) -> Callable:
    """Return the decorator of an intrinsic that is this Python function where Numba is switched off."""
    return lambda typing: python if numba.config.DISABLE_JIT else intrinsic(typing)


# ------------------------------------------------------------------ instructions


@_intrinsic(lambda: None)
def prefer_wide_vectors(typing_context: Any) -> tuple[Any, Callable]:
    """Let loops of the function that calls this use 512-bit vectors where the machine has them.

    LLVM's default for such machines is 256 bits, which suits code that touches vectors now and then; arithmetic over
    whole arrays gains 20 to 50 % from the full width.  Other machines ignore the hint.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        attributes = builder.function.attributes
        # llvmlite checks names against a list of its own, which lacks string attributes; it stores and prints any.
        if isinstance(attributes, set):
            set.add(attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), generate


@_intrinsic(lambda a, b, c: a * b + c)
def fused(typing_context: Any, a: Any, b: Any, c: Any) -> tuple[Any, Callable]:
    """Return a·b + c rounded once: one instruction where the machine has it, a slow call where it has not."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return a(a, a, a), generate


@_intrinsic(lambda array: np.empty(BLOCK, dtype=array.dtype))
def scratch(typing_context: Any, array: Any) -> tuple[Any, Callable]:
    """Return a pointer to room on the stack for BLOCK values of the array's type."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = context.get_data_type(array.dtype)
        room = cgutils.alloca_once(builder, ir.ArrayType(element, BLOCK))
        room.align = LINE
        return builder.bitcast(room, element.as_pointer())

    return types.CPointer(array.dtype)(array), generate


@_intrinsic(lambda array, start: array[start:])
def pointer(typing_context: Any, array: Any, start: Any) -> tuple[Any, Callable]:
    """Return a pointer to an element: its own elements are read without Python's rule for negative indices."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(array)(context, builder, arguments[0]).data
        return builder.gep(data, [arguments[1]])

    return types.CPointer(array.dtype)(array, types.int64), generate


def _send(array: Any, start: int, source: Any) -> None:
    array[start : start + BLOCK] = source


@_intrinsic(_send)
def send(typing_context: Any, array: Any, start: Any, source: Any) -> tuple[Any, Callable]:
    """Write BLOCK values to array[start:] past the cache, without reading what is overwritten.

    The address of array[start] must be a multiple of LINE.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(array)(context, builder, arguments[0]).data
        lanes = 8 * LINE // array.dtype.bitwidth
        vector = ir.VectorType(context.get_data_type(array.dtype), lanes).as_pointer()
        past = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        for k in range(0, BLOCK, lanes):
            offset = ir.Constant(ir.IntType(64), k)
            line = builder.load(builder.bitcast(builder.gep(arguments[2], [offset]), vector), align=LINE)
            place = builder.gep(data, [builder.add(arguments[1], offset)])
            store = builder.store(line, builder.bitcast(place, vector), align=LINE)
            store.set_metadata("nontemporal", past)
        return context.get_dummy_value()

    return types.void(array, types.int64, source), generate


@_intrinsic(lambda: None)
def sent(typing_context: Any) -> tuple[Any, Callable]:
    """Wait until what was sent is visible to other threads."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@_intrinsic(lambda array: array)
def borrowed(typing_context: Any, array: Any) -> tuple[Any, Callable]:
    """Return the array without its owner, so that neither it nor slices of it are counted.

    Numba counts references to the memory behind every slice with locked instructions, which wait until everything
    before them is done: in a loop over short slices that was two thirds of the time.  Something else must keep the
    memory: use it on arguments of a kernel, which its caller holds.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(array)(context, builder, value=arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    if not isinstance(array, types.Array):
        raise TypeError(f"borrowed() takes an array, not {array}")
    return array(array), generate


# ------------------------------------------------------------------ what is compiled, and when


def apart(compile_it: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a compilation on a thread of its own, where nobody raises an exception from outside.

    A time limit and Ctrl-C raise in the thread that asks and waits.  Within the compiler they could leave LLVM's
    modules half linked, or a lock held for ever; and the compiler's time is not that thread's own.
    """

    def ask(signature: Any) -> Any:
        if global_compiler_lock.is_locked():  # by this thread, which compiles what takes or calls this function
            return compile_it(signature)
        # Its waiting is C: an exception that comes in between leaves no lock behind, and the thread ends by itself.
        outcome: SimpleQueue = SimpleQueue()

        def run() -> None:
            try:
                with global_compiler_lock, _uncollected():
                    outcome.put((compile_it(signature), None))
            except BaseException as problem:
                outcome.put((None, problem))

        Thread(target=run).start()
        entry_point, problem = outcome.get()
        if problem is not None:
            raise problem
        return entry_point

    return ask


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave cycles of objects alone: a tenth of the compiler's time goes into searching its own objects for them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def compile_apart(dispatcher: Any, signature: Any = None) -> None:
    """Have a function compiled on a thread of its own, for one signature alone if it is given.

    It is compiled by its first call or by the first kernel that takes or calls it: at import a newcomer's first
    command would wait for kernels that it does not use.
    """
    compile_for = dispatcher.compile
    if signature is None:
        dispatcher.compile = apart(compile_for)
        return

    def compile_it(_: Any) -> Any:
        with global_compiler_lock:
            if dispatcher._can_compile:
                try:
                    compile_for(signature)
                finally:
                    if dispatcher.overloads:
                        dispatcher.disable_compile()  # arguments are converted to this signature
        return next(iter(dispatcher.overloads.values())).entry_point

    dispatcher.compile = compile_once = apart(compile_it)

    def what_to_call(*_: Any) -> Any:
        compile_once(None)
        return dispatcher  # which looks at types again; the entry point would take any array for its own

    dispatcher._compile_for_args = what_to_call


class PartLibrary(JITCodeLibrary):
    """The code of a function that only other functions call: it goes into theirs, and no machine code is made of it.

    Nor is it optimised on its own, which a tree of calls would pay at every height; only where it asks for wide
    vectors, which a function that it is inlined into need not.
    """

    @property
    def codegen(self) -> Any:
        return self

    def add_llvm_module(self, module: Any) -> None:
        self._is_wide = "prefer-vector-width" in str(module)
        super().add_llvm_module(module)

    def _optimize_final_module(self) -> None:
        if self._is_wide:
            super()._optimize_final_module()

    def set_env(self, name: str, environment: Any) -> None:
        """Keep nothing: only Python objects live in an environment, and the function has none."""
        if environment.consts:
            raise TypeError(f"{self.name} uses Python objects, which a part of a kernel cannot")

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class PartInference(NopythonTypeInference):
    """Numba's, which refuses to return arrays that count no references: a part's are slices of what it is given."""

    def run_pass(self, state: Any) -> Any:
        counts, state.targetctx.enable_nrt = state.targetctx.enable_nrt, True
        try:
            return super().run_pass(state)
        finally:
            state.targetctx.enable_nrt = counts


class PartCompiler(Compiler):
    """Numba's compiler, for such functions."""

    def define_pipelines(self) -> Any:
        self.state.library = PartLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        pipelines = super().define_pipelines()
        for manager in pipelines:
            manager.passes = [
                (PartInference if made is NopythonTypeInference else made, name) for made, name in manager.passes
            ]
            manager.finalize()
        return pipelines


# Options of Numba's decorator for such functions.
PART = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": PartCompiler}


def only_for_kernels(dispatcher: Any) -> None:
    """Refuse calls of such a function from Python, which would jump to code that does not exist."""

    def keep(result: Any) -> None:  # for kernels, without a place in the table of what Python can call
        dispatcher.overloads[tuple(result.signature.args)] = result

    def refuse(*_: Any) -> None:
        raise TypeError(f"{dispatcher.py_func.__qualname__} is part of a kernel and cannot be called from Python")

    dispatcher.add_overload, dispatcher._compile_for_args = keep, refuse


# ------------------------------------------------------------------ the files of the cache


class CheckedCacheFile(IndexDataCacheFile):
    """Numba's files of one function, each behind a digest of its bytes: what is damaged counts as absent.

    Numba unpickles what it finds, so that a file cut short is an error of every later run.  Data files have names of
    this process's own: two processes that compile a function for two signatures at once would both write file 1, and
    the index of the one could come to point at the code of the other.
    """

    def __init__(self, cache_path: str, filename_base: str, source_stamp: Any) -> None:
        super().__init__(cache_path, filename_base, source_stamp)
        self._data_name_pattern = f"{filename_base}-{secrets.token_hex(6)}.{{number:d}}.nbc"

    def _load_index(self) -> dict:
        stamp, overloads = self._read(self._index_path) or (None, {})
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads: dict) -> None:
        self._write(self._index_path, (self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, path: str) -> Any:
        try:
            found = Path(path).read_bytes()
        except OSError:
            return None
        digest, data = found[: hashlib.sha256().digest_size], found[hashlib.sha256().digest_size :]
        return self._load(data) if hashlib.sha256(data).digest() == digest else None

    def _write(self, path: str, content: Any) -> None:
        data = self._dump(content)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(data).digest() + data)

    @staticmethod
    def _load(data: bytes) -> Any:
        return pickle.loads(data)  # noqa: S301 - this user's own bytes, in a directory that nobody else can write to


class CheckedCache(FunctionCache):
    """Numba's cache of one function, in such files; what cannot be written is compiled again next time."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = CheckedCacheFile(self._cache_path, self._impl.filename_base, stamp)

    def save_overload(self, signature: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(signature, data)


def keep_in(place: Path, dispatcher: Any) -> None:
    """Keep a function's machine code in a directory, and check it before it is loaded."""
    with _PLACING:
        kept = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(place)  # read by the cache when it is made; the user's own functions keep theirs
        try:
            dispatcher._cache = CheckedCache(dispatcher.py_func)
        finally:
            numba.config.CACHE_DIR = kept
