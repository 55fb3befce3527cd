"""Functions of torch that multiply by a weight, and what the modules and weights in them are called."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

INPUTS_FIRST = ("matmul", "__matmul__", "mm", "addmm", "bmm", "baddbmm", "_grouped_mm", "grouped_mm")
# Functions that multiply by a weight, and which axes of it are summed over.
SUMMED: dict[str, Callable[[tuple[int, ...]], int]] = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d"), lambda shape: math.prod(shape[1:])),
    **dict.fromkeys(
        (*INPUTS_FIRST, "__rmatmul__"),
        lambda shape: shape[-2],
    ),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), lambda shape: shape[0]),
    **dict.fromkeys(("einsum", "tensordot", "bilinear", "embedding", "embedding_bag"), lambda shape: 0),
}
BARE = "product"  # with a weight, where a bias, if any, is added elsewhere
# What functions are of which a product with a weight, and a bias, is all.
PRODUCTS = {
    **dict.fromkeys(("linear", "addmm"), "linear"),
    **dict.fromkeys(("conv1d", "conv2d"), "convolution"),
    **dict.fromkeys(("matmul", "__matmul__", "__rmatmul__", "mm"), BARE),
}


def kind_of(module: Any) -> str:
    """Return the type of a module; of one with parametrisations, what it was without."""
    kinds = type(module).__mro__
    return kinds["parametrizations" in module._modules].__name__


def short_name(name: str) -> str:
    """Return the name of a weight without its last part, where that says only that it is one."""
    start, _, end = name.rpartition(".")
    return start if start and end in ("weight", "kernel", "weight_orig", "weight_v") else name
