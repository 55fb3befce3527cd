"""The shared jit decorators: which liberties the compiler may take, and a disk cache that cannot go stale.

Numba keys its cache by one source file; constants and functions from other files are not part of the key.  Here a
module's cache directory is named by a digest of its source, of the kernel modules that it imports, and of the
compiler's versions and options, so that any change starts an empty one.  The cache holds pickled machine code (that
vgtheory opens no pickle is said of the files that users give), checked against a digest before it is loaded, and it
lies in a directory that only its owner can use.
"""

import hashlib
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba import types

from vgtheory.kernels._cache import private_directory
from vgtheory.kernels._code_files import keep_in
from vgtheory.kernels._compiler import PART, compile_apart, only_for_kernels

# Fused multiply-add, x/c as x·(1/c), and no distinction of -0.0: none of them changes what NaN and infinities do.
# `nnan` and `ninf` (and with them fastmath=True) would make checks for NaN undefined.
ELEMENTWISE_FLAGS = frozenset({"contract", "nsz", "arcp"})
# Sums may also be reordered, without which they do not vectorise.  `reassoc` would fold (t + M) - M to t, the rounding
# of the elementary functions, but Numba's functions keep their own flags when LLVM inlines them.
REDUCTION_FLAGS = ELEMENTWISE_FLAGS | {"reassoc"}

COMPILER_OPTIONS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LLVM_REFPRUNE_PASS")

# The type of a generated row pass (h, value, slope), a first-class function that a kernel takes as an argument.
ROW_PASS = types.FunctionType(types.void(types.float64[::1], types.float64[::1], types.float64[::1]))
# And over float32: whether there were arguments that are too large for it, whose results are no results.
SINGLE_ROW_PASS = types.FunctionType(types.boolean(types.float32[::1], types.float32[::1], types.float32[::1]))

_IMPORT = re.compile(rb"^\s*from vgtheory\.kernels(?:\.(\w+))? import (\([^)]*\)|.*)", re.MULTILINE)


@cache
def sources_digest(source: Path) -> str:
    """Return a digest of a module's source, of the kernels that it is made of, of the compiler and of its options."""
    versions = sys.version_info[:3], numba.__version__, llvmlite.__version__, np.__version__
    digest = hashlib.sha256(repr((versions, compiler_options())).encode())
    for path in sorted(_closure(source)):
        digest.update(path.name.encode() + b"\0" + _content(path) + b"\0")
    return digest.hexdigest()[:24]


def compiler_options() -> dict[str, str]:
    """Return what the user's settings of Numba change in the code of a function: not all is part of Numba's own key.

    Without optimisation, for one, no multiplication is fused with an addition, and last digits differ.
    """
    return {name: repr(getattr(numba.config, name, None)) for name in COMPILER_OPTIONS}


def _closure(source: Path) -> set[Path]:
    """Return a module, the kernel modules that it imports, and so on."""
    known, new = set(), {source}
    while new:
        path = new.pop()
        known.add(path)
        new |= _imported(path) - known
    return known


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _imported(path: Path) -> frozenset[Path]:
    """Return the kernel modules that a module names in its imports; parsing all of them would take half a second."""
    names = set()
    for module, listed in _IMPORT.findall(_content(path)):
        names |= {module} if module else set(re.findall(rb"\w+", listed))
    return frozenset(Path(__file__).with_name(f"{name.decode()}.py") for name in names)


@cache
def _kernel_cache(source: Path) -> Path | None:
    return private_directory("kernels", f"{source.stem}-{sources_digest(source)}")


def compiled(
    signature: Any = None,
    *,
    flags: frozenset[str] = frozenset(),
    inline: bool = False,
    part: bool = False,
    counted: bool = True,
    directory: Path | None = None,
) -> Callable:
    """Return a decorator that compiles with `flags`, caching in `directory` (by default the kernels' own).

    Division follows IEEE (no exceptions, no branch), and the interpreter lock is released.  `inline` has LLVM inline
    the function wherever it is called, which beyond a certain size it would not do, and then no loop vectorises.
    `part` is for functions that only one kernel calls: no machine code is made of them, and the kernel's file
    holds theirs.  Whoever is not `counted` counts no references to arrays, nor do its parts: they make none, return no
    others than slices of what they are given, and whoever calls from Python holds that.
    """

    def decorate(function: Callable) -> Callable:
        if numba.config.DISABLE_JIT:
            return np.errstate(all="ignore")(function)  # integers wrap and floats overflow, as in machine code
        place = directory or _kernel_cache(Path(function.__code__.co_filename))
        options = {"nogil": True, "error_model": "numpy", "fastmath": set(flags), "forceinline": inline}
        options |= {"_nrt": counted}  # said always: Numba would have it from the first caller
        if part:
            dispatcher = numba.njit(function, **options, **PART)
            only_for_kernels(dispatcher)
            return dispatcher
        # Only what others are given needs a wrapper for C, and none is given a function that is inlined.
        dispatcher = numba.njit(function, **options, no_cfunc_wrapper=inline)
        if place is not None:
            keep_in(place, dispatcher)
        compile_apart(dispatcher, signature)
        return dispatcher

    return decorate


def entry(signature: Any) -> Callable:
    """Return a decorator for kernels that Python calls, whose loops are in the functions that they call."""
    return compiled(signature)


def elementwise(function: Callable) -> Callable:
    """Compile a function of scalars that is inlined into its callers; their products and sums may fuse."""
    return compiled(flags=ELEMENTWISE_FLAGS, inline=True)(function)


def inlined(function: Callable) -> Callable:
    """Compile as ``elementwise`` does for other kernels, without a file of its own; Python can call it too."""
    return numba.njit(forceinline=True, nogil=True, error_model="numpy", fastmath=set(ELEMENTWISE_FLAGS))(function)


def piece(function: Callable) -> Callable:
    """Compile as `elementwise` does a part of one kernel, which cannot be called from Python."""
    return compiled(flags=ELEMENTWISE_FLAGS, inline=True, part=True)(function)


def called(function: Callable) -> Callable:
    """Compile as ``piece`` does, but as a call: for what a kernel does in several places, on whole arrays."""
    return compiled(flags=ELEMENTWISE_FLAGS, part=True)(function)


def lent(function: Callable) -> Callable:
    """Compile as ``piece`` does for kernels that are not counted: it may return slices of what it is given."""
    return compiled(flags=ELEMENTWISE_FLAGS, inline=True, part=True, counted=False)(function)


def lent_call(function: Callable) -> Callable:
    """Compile as ``called`` does for kernels that are not counted."""
    return compiled(flags=ELEMENTWISE_FLAGS, part=True, counted=False)(function)


def small(function: Callable) -> Callable:
    """Compile a part of one kernel that rounds as written, inlined wherever it is called."""
    return compiled(inline=True, part=True, counted=False)(function)


def rounded(function: Callable) -> Callable:
    """Compile as ``called`` does what rounds as written: a kernel holds it once, however many places call it."""
    return compiled(part=True, counted=False)(function)


def summed(function: Callable) -> Callable:
    """Compile as ``called`` does a loop whose sums may be reordered; keep it free of everything else."""
    return compiled(flags=REDUCTION_FLAGS, part=True, counted=False)(function)


def exact(function: Callable) -> Callable:
    """Compile a function of scalars in which every operation rounds as written: error-free transformations."""
    return compiled(inline=True)(function)


def loop(function: Callable) -> Callable:
    """Compile a function over arrays, with the liberties of `elementwise`."""
    return compiled(flags=ELEMENTWISE_FLAGS)(function)


def reduction(function: Callable) -> Callable:
    """Compile a function over arrays whose sums may be reordered; keep it free of everything else."""
    return compiled(flags=REDUCTION_FLAGS, counted=False)(function)
