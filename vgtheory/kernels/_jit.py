"""The shared jit decorators: which liberties the compiler may take, and a disk cache that cannot go stale.

Numba keys its cache by one source file; constants and helpers in other files are not part of the key.  Here the cache
directory itself is named by a digest of all kernels' sources and of the compiler's versions, so that any change
starts an empty one.  The cache holds pickled machine code, hence it lies in a directory that only its owner can use.
"""

import hashlib
import os
import stat
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba import types

# Fused multiply-add, x/c as x·(1/c), and no distinction of -0.0: none of them changes what NaN and infinities do.
# `nnan` and `ninf` (and with them fastmath=True) would make checks for NaN undefined.
ELEMENTWISE_FLAGS = frozenset({"contract", "nsz", "arcp"})
# Sums may also be reordered, without which they do not vectorise.  `reassoc` would fold (t + M) - M to t, the rounding
# of the elementary functions, but Numba's functions keep their own flags when LLVM inlines them.
REDUCTION_FLAGS = ELEMENTWISE_FLAGS | {"reassoc"}

# The type of a generated row pass (h, value, slope), a first-class function that a kernel takes as an argument.
ROW_PASS = types.FunctionType(types.void(types.float64[::1], types.float64[::1], types.float64[::1]))


def private_directory(*parts: str) -> Path | None:
    """Return a directory of this user's cache that nobody else can write to, made if needed; None if there is none.

    The cache is ``$VGTHEORY_CACHE_DIR``, else ``$XDG_CACHE_HOME/vgtheory``, else ``~/.cache/vgtheory``.
    """
    base = os.environ.get("VGTHEORY_CACHE_DIR")
    root = Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vgtheory"
    path = root
    try:
        for part in ("", *parts):
            path = path / part if part else path
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _require_private(path)
    except OSError as problem:
        warnings.warn(
            f"compiled code is not cached ({problem}); set VGTHEORY_CACHE_DIR to a directory of your own",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return path


def _require_private(path: Path) -> None:
    if not hasattr(os, "getuid"):  # Windows: a profile directory is private by its access list
        return
    status = path.stat()
    if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"{path} belongs to, or can be written by, somebody else")
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(f"{path} is not writable")


@cache
def sources_digest() -> str:
    """Return a digest of every kernel's source and of the versions that compile it."""
    digest = hashlib.sha256(
        repr((sys.version_info[:3], numba.__version__, llvmlite.__version__, np.__version__)).encode()
    )
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:24]


@cache
def _kernel_cache() -> Path | None:
    return private_directory("kernels", sources_digest())


def compiled(
    signature: Any = None,
    *,
    flags: frozenset[str] = frozenset(),
    inline: bool = False,
    part: bool = False,
    directory: Path | None = None,
) -> Callable:
    """Return a decorator that compiles with `flags`, caching in `directory` (by default the kernels' own).

    Division follows IEEE (no exceptions, no branch), and the interpreter lock is released.  `inline` has LLVM inline
    the function wherever it is called, which beyond a certain size it would not do, and then no loop vectorises.
    `part` is for functions that only one kernel calls: without wrappers for Python and without a file of their own
    they compile in two thirds of the time, and the kernel's file holds their code anyway.
    """

    def decorate(function: Callable) -> Callable:
        if numba.config.DISABLE_JIT:
            return function
        place = directory or _kernel_cache()
        options = {"nogil": True, "error_model": "numpy", "fastmath": set(flags), "forceinline": inline}
        options["cache"] = place is not None and not part
        if part:
            options["no_cpython_wrapper"] = options["no_cfunc_wrapper"] = True
        kept = numba.config.CACHE_DIR
        # Numba reads its global setting when the decorator runs; the user's own functions keep theirs.
        numba.config.CACHE_DIR = str(place or kept)
        try:
            return numba.njit(function, **options) if signature is None else numba.njit(signature, **options)(function)
        finally:
            numba.config.CACHE_DIR = kept

    return decorate


def elementwise(function: Callable) -> Callable:
    """Compile a function of scalars that is inlined into its callers; their products and sums may fuse."""
    return compiled(flags=ELEMENTWISE_FLAGS, inline=True)(function)


def piece(function: Callable) -> Callable:
    """Compile as `elementwise` does a part of one kernel, which cannot be called from Python."""
    return compiled(flags=ELEMENTWISE_FLAGS, inline=True, part=True)(function)


def exact(function: Callable) -> Callable:
    """Compile a function of scalars in which every operation rounds as written: error-free transformations."""
    return compiled(inline=True)(function)


def loop(function: Callable) -> Callable:
    """Compile a function over arrays, with the liberties of `elementwise`."""
    return compiled(flags=ELEMENTWISE_FLAGS)(function)


def reduction(function: Callable) -> Callable:
    """Compile a function over arrays whose sums may be reordered; keep it free of everything else."""
    return compiled(flags=REDUCTION_FLAGS)(function)
