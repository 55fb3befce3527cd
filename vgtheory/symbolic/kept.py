"""Facts that are derived once for this user: what ball arithmetic proves of a function is kept beside machine code.

A fact is a pure function of its arguments and of the sources that derive it, both of which name its file.  What ran
into a time limit is not kept, since more time may find more.
"""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import flint
import sympy as sp

from vgtheory._atomic import write_atomically
from vgtheory.kernels._cache import private_directory
from vgtheory.symbolic.time_limit import cuts

WORTH = 0.01  # seconds of the processor's time from which on a fact is kept
NAMELESS = "Dummy("  # another one in every process, like an atom of the package's own, whose text is not all of it
SOURCES = ("symbolic", "theory/proofs")  # folders whose modules derive what is kept

Arguments = ParamSpec("Arguments")
Fact = TypeVar("Fact")


def kept(derive: Callable[Arguments, Fact]) -> Callable[Arguments, Fact]:
    """Return the function with its results kept, in the process and in the user's cache, where there is one.

    Its arguments are SymPy objects, numbers, texts, and tuples and frozen data classes of such.
    """

    @lru_cache(maxsize=1024)
    @wraps(derive)
    def recalled(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Fact:
        path = _path(f"{derive.__module__}.{derive.__qualname__}", (args, tuple(kwargs.items())))
        held = None if path is None else _read(path)
        if held is not None:
            return held[0]
        start, before = time.process_time(), cuts()
        fact = derive(*args, **kwargs)
        if path is not None and cuts() == before and time.process_time() - start > WORTH:
            _write(path, fact)
        return fact

    return recalled  # type: ignore[return-value]


def _path(name: str, arguments: Any) -> Path | None:
    text = _text(arguments)
    if NAMELESS in text:
        return None
    key = hashlib.sha256(f"{_derivation()}\0{name}\0{text}".encode()).hexdigest()[:32]
    place = private_directory("facts", key[:2])
    return None if place is None else place / f"{key}.pickle"


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
    elif is_dataclass(value):
        parts = tuple(getattr(value, field.name) for field in fields(value))
    else:
        return repr(value)
    return f"{type(value).__qualname__}({', '.join(map(_text, parts))})"


@cache
def _derivation() -> str:
    """Return a digest of all that derives the facts besides their arguments."""
    digest = hashlib.sha256(" ".join(m.__version__ for m in (sp, flint)).encode())
    package = Path(__file__).parents[1]
    for source in sorted(path for folder in SOURCES for path in (package / folder).rglob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(path: Path) -> tuple[Any] | None:
    """Return the fact in a file, as the one entry of a tuple; None where there is none, or one cut short."""
    try:
        digest, content = path.read_bytes().split(b"\n", 1)
        if digest.decode() != hashlib.sha256(content).hexdigest():
            return None
        return (pickle.loads(content),)  # noqa: S301 - this user's own bytes, in a directory nobody else can write to
    except (OSError, ValueError):
        return None


def _write(path: Path, fact: Any) -> None:
    try:
        content = pickle.dumps(fact)
    except (pickle.PicklingError, TypeError, AttributeError):  # it holds a function
        return
    whole = hashlib.sha256(content).hexdigest().encode() + b"\n" + content
    with suppress(OSError):  # a full disk: it is derived again next time
        write_atomically(path, lambda aside: aside.write_bytes(whole))
