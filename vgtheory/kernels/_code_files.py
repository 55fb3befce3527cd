"""The files in which Numba keeps machine code, each behind a digest of its bytes.

This relies on what Numba does not promise: pyproject.toml bounds the versions; tests/kernels/test_code_files.py tries
what it does.
"""

import hashlib
import pickle
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.runtime import rtsys

_PLACING = Lock()  # not Numba's, which is Python: an exception of a time limit could leave it held


class CheckedCacheFile(IndexDataCacheFile):
    """Numba's files of one function, each behind a digest of its bytes: what is damaged counts as absent.

    Numba unpickles what it finds, so that a file cut short is an error of every later run.  Data files have names of
    this process's own: two processes that compile a function for two signatures at once would both write file 1, and
    the index of the one could come to point at the code of the other.
    """

    def __init__(self, cache_path: str, filename_base: str, source_stamp: Any) -> None:
        super().__init__(cache_path, filename_base, source_stamp)
        self._data_name_pattern = f"{filename_base}-{secrets.token_hex(6)}.{{number:d}}.nbc"

    def _load_index(self) -> dict:
        stamp, overloads = self._read(self._index_path) or (None, {})
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads: dict) -> None:
        self._write(self._index_path, (self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, path: str) -> Any:
        try:
            found = Path(path).read_bytes()
        except OSError:
            return None
        digest, data = found[: hashlib.sha256().digest_size], found[hashlib.sha256().digest_size :]
        return self._load(data) if hashlib.sha256(data).digest() == digest else None

    def _write(self, path: str, content: Any) -> None:
        data = self._dump(content)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(data).digest() + data)

    @staticmethod
    def _load(data: bytes) -> Any:
        return pickle.loads(data)  # noqa: S301 - this user's own bytes, in a directory that nobody else can write to


class CheckedCache(FunctionCache):
    """Numba's cache of one function, in such files; what cannot be written is compiled again next time."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = CheckedCacheFile(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return the function from its file; what Numba needs to compile, half a second of modules, waits for a miss.

        Machine code is linked against the runtime alone, whose names must be known; a compilation loads the rest.
        """
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(signature, target_context)
        return None

    def save_overload(self, signature: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(signature, data)


def keep_in(place: Path, dispatcher: Any) -> None:
    """Keep a function's machine code in a directory, and check it before it is loaded."""
    with _PLACING:
        kept = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(place)  # read by the cache when it is made; the user's own functions keep theirs
        try:
            dispatcher._cache = CheckedCache(dispatcher.py_func)
        finally:
            numba.config.CACHE_DIR = kept
