"""Everything that relies on what Numba and llvmlite do not promise: LLVM's instructions, and the files of the cache.

pyproject.toml bounds the versions; tests/kernels/test_numba_internals.py tries each trick.  With NUMBA_DISABLE_JIT=1
each is a Python function with the same result.
"""

import hashlib
import pickle
import secrets
from collections.abc import Callable
from pathlib import Path
from threading import local
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.caching import IndexDataCacheFile
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

BLOCK = 128  # values that are collected before they go out: whole cache lines, few enough for the innermost cache
LINE = 64  # bytes of a cache line


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


def compile_at_first_use(dispatcher: Any, signature: Any) -> None:
    """Have a function compiled for this signature alone, by its first call or the first kernel that takes or calls it.

    Compiling at import would make a newcomer's first command wait for kernels that it does not use.
    """
    compile_for, refuse, again = dispatcher.compile, dispatcher._compile_for_args, local()

    def compile_it(_: Any) -> Any:
        with global_compiler_lock:  # the lock of Numba's own, which a kernel holds that has this one compiled
            if not dispatcher.overloads:
                compile_for(signature)
                dispatcher.disable_compile()  # arguments are converted to this signature
        return next(iter(dispatcher.overloads.values())).entry_point

    def what_to_call(*arguments: Any) -> Any:
        if getattr(again, "tried", False):
            return refuse(*arguments)
        compile_it(None)
        return once_more  # which looks at types again; the entry point would take any array for its own

    def once_more(*arguments: Any) -> Any:
        again.tried = True
        try:
            return dispatcher(*arguments)
        finally:
            again.tried = False

    dispatcher.compile, dispatcher._compile_for_args = compile_it, what_to_call


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


class PartCompiler(Compiler):
    """Numba's compiler, for such functions."""

    def define_pipelines(self) -> Any:
        self.state.library = PartLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return super().define_pipelines()


# Options of Numba's decorator for such functions.
PART = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": PartCompiler}


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


def check_cache(dispatcher: Any) -> None:
    """Have a function's cached machine code checked before it is loaded."""
    cache = dispatcher._cache
    stamp = cache._impl.locator.get_source_stamp()
    cache._cache_file = CheckedCacheFile(cache._cache_path, cache._impl.filename_base, stamp)
