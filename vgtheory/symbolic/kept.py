"""Facts that are found out once for this user, what is proved of functions and how trials ended, beside machine code.

A fact is a pure function of its arguments and of the code that derives it: the one names its file, the other the
folder.  What ran into a time limit is not kept, nor what asked for such a fact, since more time may find more.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache, wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import flint
import mpmath
import numpy as np
import sympy as sp

from vgtheory._atomic import write_bytes
from vgtheory._errors import InputError
from vgtheory.kernels._cache import private_directory
from vgtheory.symbolic.time_limit import count_cut, cuts

WORTH = 0.005  # seconds of the processor's time from which on a fact is kept: to write one takes about as long
NAMELESS = "Dummy("  # another one in every process, like an atom of the package's own, whose text is not all of it
UNUSED = 7 * 86400.0  # seconds after which the facts of other code, which no process has begun to use, are removed
PACKAGE = Path(__file__).parents[1]
SOURCES = ("kernels", "symbolic", "model", "theory", "codegen", "study")  # what derives what is kept, and the root's

Arguments = ParamSpec("Arguments")
Fact = TypeVar("Fact")


def kept(derive: Callable[Arguments, Fact]) -> Callable[Arguments, Fact]:
    """Return the function with its results kept, in the process and in the user's cache, where there is one.

    Its arguments are SymPy objects, numbers, texts, networks, and tuples and frozen data classes of such.  What a time
    limit cut short stays in the process, which so gives one answer to one question; whoever asks for it is cut short as
    well.
    """

    @lru_cache(maxsize=1024)
    def recalled(*args: Arguments.args, **kwargs: Arguments.kwargs) -> tuple[Fact, bool]:
        path = _path(f"{derive.__module__}.{derive.__qualname__}", (args, tuple(kwargs.items())))
        held = None if path is None else _read(path)
        if held is not None:
            return held[0], True
        start, before = time.process_time(), cuts()
        fact = derive(*args, **kwargs)
        whole = cuts() == before
        if path is not None and whole and time.process_time() - start > WORTH:
            _write(path, fact)
        return fact, whole

    @wraps(derive)
    def answer(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Fact:
        fact, whole = recalled(*args, **kwargs)  # type: ignore[arg-type]
        if not whole:
            count_cut()
        return fact

    answer.cache_clear = recalled.cache_clear  # type: ignore[attr-defined]
    return answer


def _path(name: str, arguments: Any) -> Path | None:
    text = _text(arguments)
    if NAMELESS in text:
        return None
    key = hashlib.sha256(f"{name}\0{text}".encode()).hexdigest()[:32]
    place = _in_use(os.environ.get("VGTHEORY_CACHE_DIR"))
    return None if place is None else place / f"{key}.pickle"


@cache
def _in_use(_: str | None) -> Path | None:
    """Return the folder of facts in the user's cache, marked as used now; what nobody has used for long is removed.

    A process that outlives its folder derives anew.
    """
    place = private_directory("facts", IMPORTED)
    if place is None:
        return None
    with suppress(OSError):
        os.utime(place)
        for other in place.parent.iterdir():
            if time.time() - other.stat().st_mtime > UNUSED:
                shutil.rmtree(other, ignore_errors=True)
    return place


def _text(value: Any) -> str:
    """Return a text that tells an argument from all others.

    >>> _text((sp.Symbol("x", real=True), 1))
    "tuple(Symbol('x', real=True), 1)"
    """
    if isinstance(value, sp.Basic):
        own = any(not type(atom).__module__.startswith("sympy.") for atom in value.atoms())
        return NAMELESS if own else sp.srepr(value)
    if isinstance(value, tuple):
        parts = value
    elif hasattr(value, "identity"):
        parts = value.identity
    elif is_dataclass(value):  # what it is compared by, as in the process
        parts = tuple(getattr(value, field.name) for field in fields(value) if field.compare)
    else:
        return repr(value)
    return f"{type(value).__qualname__}({', '.join(map(_text, parts))})"


def _sources() -> list[str]:
    """Return the files that derive the facts, but no editor's lock; paths as objects would take five times as long."""
    trees = [tree for name in SOURCES for tree in os.walk(PACKAGE / name)]
    found = [(folder, name) for folder, _, names in [next(os.walk(PACKAGE)), *trees] for name in names]
    return sorted(os.path.join(*at) for at in found if at[1].endswith(".py") and not at[1].startswith("."))


def _derivation() -> str:
    """Return a digest of all that derives the facts besides their arguments, as it is on disk now."""
    loaded = [library.__version__ for library in (sp, flint, mpmath, np)]
    versions = [sys.version_info[:2], flint.__FLINT_VERSION__, *loaded, version("scipy")]  # which loads late
    versions += [np.show_config(mode="dicts")["SIMD Extensions"]]  # last digits of quadrature are the machine's
    digest = hashlib.sha256(repr(versions).encode())
    for source in _sources():
        with open(source, "rb") as file:
            digest.update(source.removeprefix(str(PACKAGE)).encode() + b"\0" + file.read() + b"\0")
    return digest.hexdigest()[:32]


def _state() -> tuple[Any, ...]:
    """Return the files that derive the facts with when they were written and how long they are, and what loads late."""
    return version("scipy"), *((path, (at := os.stat(path)).st_mtime_ns, at.st_size) for path in _sources())


# Of the code that runs here, which an edit or an upgrade can replace on disk at any time.
STATE, IMPORTED = _state(), _derivation()


def _read(path: Path) -> tuple[Any] | None:
    """Return the fact in a file, as the one entry of a tuple; None where there is none, or one cut short."""
    try:
        digest, content = path.read_bytes().split(b"\n", 1)
        if digest.decode() != hashlib.sha256(content).hexdigest():
            return None
        return (pickle.loads(content),)  # noqa: S301 - this user's own bytes, in a directory nobody else can write to
    except Exception:  # any at all can come out of a pickle
        return None


def _write(path: Path, fact: Any) -> None:
    """Keep a fact, unless the code on disk is no longer what derived it, or it cannot be written."""
    try:
        content = pickle.dumps(fact)
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError):  # it holds a function, or is too deep
        return
    with suppress(OSError, InputError):  # a full disk, or a folder that was removed: it is derived again next time
        if _state() == STATE:
            write_bytes(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
