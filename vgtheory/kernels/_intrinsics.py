"""LLVM's instructions that Numba does not offer: they rely on what it and llvmlite do not promise.

pyproject.toml bounds the versions; tests/kernels/test_intrinsics.py tries each.  With NUMBA_DISABLE_JIT=1 each is a
Python function with the same result.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BLOCK = 128  # values that are collected before they go out: whole cache lines, few enough for the innermost cache
LINE = 64  # bytes of a cache line


def _intrinsic(python: Callable) -> Callable:
    """Return the decorator of an intrinsic that is this Python function where Numba is switched off."""
    return lambda typing: python if numba.config.DISABLE_JIT else intrinsic(typing)


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
