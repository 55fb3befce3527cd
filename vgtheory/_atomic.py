"""Files that appear complete and on disk, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vgtheory._errors import InputError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a hidden sibling of `path`, sync that to disk and put it in the place of `path` in one step.

    Another process sees the old file or the whole new one; so does one that comes after a crash.  Raises InputError
    unless the folder exists.
    """
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent}", "a folder that exists", "create it or choose another")
    # A suffix of its own: what a kill leaves behind must not look like a result.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    aside = Path(name)
    try:
        write(aside)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        aside.chmod(0o644)  # mkstemp makes it private
        os.replace(aside, path)
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


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name as .npz, as :func:`write_atomically` does."""

    def write(aside: Path) -> None:
        with open(aside, "wb") as file:  # a path without the suffix .npz would get it
            np.savez(file, allow_pickle=False, **arrays)

    write_atomically(path, write)
