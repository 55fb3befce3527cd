"""A directory of finished chunks, safe against being killed at any moment and against mixing two studies."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vgtheory._atomic import write_arrays, write_text
from vgtheory._errors import ConflictError, InputError

MANIFEST = "study.json"


@dataclass(frozen=True)
class Checkpoint:
    """One file per chunk, named by the study's digest and the chunk's first sample, and a manifest that says whose.

    A file appears under its name only when it is complete and on disk (written aside, synced, renamed, directory
    synced), so that whatever has a name can be trusted after a crash.
    """

    directory: Path
    digest: str

    @classmethod
    def open(cls, path: str | os.PathLike[str], identity: str) -> Checkpoint:
        """Return the checkpoint in this directory, made if needed.

        Raises ConflictError if it holds another study's files or something else, InputError if it cannot be used.
        """
        directory = Path(path).expanduser()
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        manifest = directory / MANIFEST
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if manifest.exists():
                said = json.loads(manifest.read_text())
                found = said.get("digest") if isinstance(said, dict) else None
                if found != digest:
                    raise ConflictError(
                        f"{directory} holds chunks of another study ({found}, this one is {digest}); "
                        f"choose another directory, or repeat that study (see {MANIFEST} in it)"
                    )
            elif not all(entry.name.startswith(".") for entry in directory.iterdir()):
                raise ConflictError(f"{directory} is not empty and no checkpoint; choose a new or an empty directory")
            else:
                write_text(manifest, json.dumps({"digest": digest, "study": json.loads(identity)}, indent=1))
        except (OSError, ValueError) as problem:
            raise InputError(
                f"checkpoint directory {directory} ({problem})", "a directory that can be written", "choose another one"
            ) from problem
        return cls(directory, digest)

    def load(self, first: int, fields: tuple[str, ...], shape: tuple[int, int]) -> dict[str, NDArray] | None:
        """Return the arrays of the chunk that begins with sample `first`; None if they are not (all) there."""
        try:
            # Opened here: np.load would leave the file of a damaged archive open.
            with open(self._shard(first), "rb") as file, np.load(file, allow_pickle=False) as shard:
                arrays = {name: shard[name] for name in fields}
        except Exception:
            return None  # absent, or damaged by something other than a crash: computed again
        # A study's last chunk may be shorter or longer here than where it was written.
        if any(not _fits(array, shape) for array in arrays.values()):
            return None
        return {name: array[: shape[0]] for name, array in arrays.items()}

    def save(self, first: int, arrays: Mapping[str, NDArray]) -> None:
        """Write the arrays of a chunk."""
        try:
            write_arrays(self._shard(first), arrays)
        except OSError as problem:
            raise InputError(
                f"checkpoint directory {self.directory} ({problem})",
                "a directory with space that can be written",
                "what is already there stays valid: free some space, or repeat elsewhere",
            ) from problem

    def _shard(self, first: int) -> Path:
        return self.directory / f"{self.digest}-{first:08d}.npz"


def _fits(array: NDArray, shape: tuple[int, int]) -> bool:
    return array.dtype == np.float64 and array.ndim == 2 and array.shape[1] == shape[1] and len(array) >= shape[0]
