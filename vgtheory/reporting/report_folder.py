"""The folder of a report: claimed by one run at a time, and complete once its manifest names every file.

The manifest is written last and carries the specification and the digest of each file.  A run that is cut short leaves
no manifest; what it wrote then belongs to nobody but the same specification, which may go on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from vgtheory._atomic import locked, write_text
from vgtheory._errors import ConflictError, InputError

MANIFEST = "spec.json"
CLAIM = ".claim"


class ReportFolder:
    """A folder that this process has claimed; files that it names are written first, then the manifest."""

    def __init__(self, folder: Path, spec: Mapping[str, Any], known: tuple[str, ...]) -> None:
        self.folder, self.spec, self.known = folder, json.loads(json.dumps(spec)), known
        self.names: list[str] = []

    def clear(self) -> None:
        """Remove the manifest and the files of whatever report was here: none of them may pass as this one's."""
        held = manifest_of(self.folder)
        (self.folder / MANIFEST).unlink(missing_ok=True)
        for name in (*self.known, *(held or {}).get("files", {})):
            if Path(name).name == name:  # nothing outside this folder, whatever a manifest says
                (self.folder / name).unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """Return where to write a file, which the manifest will name."""
        self.names.append(name)
        return self.folder / name

    def finish(self) -> None:
        """Write the manifest: the specification and the digest of every file."""
        files = {name: digest_of(self.folder / name) for name in self.names if (self.folder / name).exists()}
        write_text(self.folder / MANIFEST, json.dumps({**self.spec, "files": files}, indent=2) + "\n")


@contextmanager
def claimed(folder: Path, spec: Mapping[str, Any], known: tuple[str, ...], force: bool) -> Iterator[ReportFolder]:
    """Hold `folder`, made if need be, for the report of `spec`; nothing in it is touched before :meth:`clear`.

    Parameters
    ----------
    known : names of files that a report writes.
    force : take a folder that holds another report, or files of those names.

    Raises
    ------
    ConflictError : another run writes there, or the folder holds another report and `force` is not set.
    InputError : the path, or a parent of it, is not a folder that can be written.
    """
    check_writable(folder)
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    claim = folder / CLAIM
    with open(claim, "a+", encoding="utf-8") as file:
        if not locked(file):
            raise ConflictError(f"another run is writing a report into {folder}; wait for it, or give another --out")
        try:
            mine = ReportFolder(folder, spec, known)
            _check(mine, _text(file), force)
            file.truncate(0)
            file.write(json.dumps(mine.spec))
            file.flush()
            yield mine
        except BaseException:
            if (folder / MANIFEST).exists() or not any(
                (folder / name).exists() for name in known
            ):  # nothing unfinished
                claim.unlink(missing_ok=True)
                if made and not any(folder.iterdir()):
                    folder.rmdir()
            raise
        claim.unlink(missing_ok=True)


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _check(mine: ReportFolder, unfinished: str, force: bool) -> None:
    folder = mine.folder
    held = manifest_of(folder)
    if force:
        return
    if held is not None:
        if {key: value for key, value in held.items() if key != "files"} != mine.spec:
            raise ConflictError(
                f"{folder} holds the results of another specification (see {MANIFEST}); "
                "give another --out, or --force to overwrite them"
            )
        return
    taken = [name for name in mine.known if (folder / name).exists()]
    if taken and _json(unfinished) != mine.spec:
        raise ConflictError(
            f"{folder} holds a {taken[0]} without {MANIFEST}; give another --out, or --force to overwrite it"
        )


def manifest_of(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a folder: {} where it cannot be read as one, None where there is none."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    found = _json(path.read_text(encoding="utf-8", errors="replace"))
    return found if isinstance(found, dict) and isinstance(found.get("files", {}), dict) else {}


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(folder: Path) -> None:
    """Raise InputError unless `folder` can be written or made; nothing is written."""
    parent = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"the output folder {folder}", "a folder that can be written", "choose another --out")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # whatever it is, it is not this specification
        return None
