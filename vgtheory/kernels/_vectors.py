"""Two hints to LLVM: inline this function whatever its size, and use the machine's widest vectors in this one."""

from collections.abc import Callable
from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from vgtheory.kernels._jit import ELEMENTWISE_FLAGS


def inlined(function: Callable) -> Callable:
    """Compile as ``elementwise`` does, always inlined: a long function left as a call keeps loops from vectorising."""
    return njit(forceinline=True, nogil=True, error_model="numpy", fastmath=set(ELEMENTWISE_FLAGS))(function)


@intrinsic
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
