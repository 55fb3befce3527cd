"""The directory of this user where machine code, derived forms and proved facts are kept; it loads no compiler."""

import os
import stat
import warnings
from pathlib import Path


def private_directory(*parts: str) -> Path | None:
    """Return a directory of this user's cache that nobody else can write to, made if needed; None if there is none.

    Machine code and what is proved of functions are kept as pickles, which can run code when they are read: so none is
    read from a directory that somebody else could have put there.  Links in the path are followed here, once.

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
        path = path.resolve()
        for parent in path.parents:
            _require_safe(parent)
    except OSError as problem:
        warnings.warn(
            f"nothing is kept for other processes ({problem}); set VGTHEORY_CACHE_DIR to a directory of your own",
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


def _require_safe(parent: Path) -> None:
    """Raise PermissionError where somebody else could put another directory in the place of one below."""
    if not hasattr(os, "getuid"):
        return
    status = parent.stat()
    others_may = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
    if others_may or status.st_uid not in (0, os.getuid()):
        raise PermissionError(f"{parent}, above the cache, can be written by somebody else")
