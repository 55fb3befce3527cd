"""Views without reference counts.

Numba counts references to the memory behind every slice with locked instructions, which wait until everything before
them is done: in a loop over short slices that was two thirds of the time.
"""

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils

from vgtheory.kernels._jit import lowered


@lowered(lambda array: array)
def borrowed(typing_context: Any, array: Any) -> tuple[Any, Callable]:
    """Return the array without its owner, so that neither it nor slices of it are counted.

    Something else must keep the memory: use it on arguments of a kernel, which its caller holds.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(array)(context, builder, value=arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    if not isinstance(array, types.Array):
        raise TypeError(f"borrowed() takes an array, not {array}")
    return array(array), generate
