"""Files that appear complete and on disk, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from vgtheory._errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a hidden sibling of `path`, sync that to disk and put it in the place of `path` in one step.

    Another process sees the old file or the whole new one; so does one that comes after a crash.  Raises InputError
    unless the folder exists.
    """
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent}", "a folder that exists", "create it or choose another")
    # A suffix of its own: what a kill leaves behind must not look like a result.
    aside = path.parent / f".{path.name[:100]}.{secrets.token_hex(8)}.tmp"
    os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # less what the umask takes away
    try:
        write(aside)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as problem:  # a full disk: its error names no file, and a hidden sibling means nothing to a reader
        if problem.filename is None or Path(os.fsdecode(problem.filename)) == aside:
            problem.filename, problem.filename2 = str(path), None
        raise
    finally:
        aside.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a directory cannot be opened, and the rename is durable by itself
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def write_text(path: Path, text: str) -> None:
    """Write a text file, as :func:`write_atomically` does."""
    write_atomically(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, as :func:`write_atomically` does."""
    write_atomically(path, lambda aside: aside.write_bytes(content))


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name as .npz, as :func:`write_atomically` does."""

    def write(aside: Path) -> None:
        with open(aside, "wb") as file:  # a path without the suffix .npz would get it
            np.savez(file, allow_pickle=False, **arrays)

    write_atomically(path, write)


def locked(file: IO[str]) -> bool:
    """Return whether this process now holds the only lock on an open file; closing it, or dying, lets it go."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
