"""Writing results: each file appears complete or not at all, and never over the results of another specification."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from vgtheory._atomic import write_atomically, write_text
from vgtheory._errors import ConflictError, InputError
from vgtheory.reporting.style import save_pdf, svg_text

SPEC_FILE = "spec.json"


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as SVG or PDF, by the suffix of the path."""
    if path.suffix == ".svg":
        write_text(path, svg_text(figure))
    elif path.suffix == ".pdf":
        write_atomically(path, lambda temporary: save_pdf(figure, temporary))
    else:
        raise InputError(f"the figure {path.name}", "a name ending in .svg or .pdf", "rename it")


def write_dataset(path: Path, dataset: Any) -> None:
    """Write an xarray dataset as NetCDF4."""
    write_atomically(path, lambda temporary: dataset.to_netcdf(temporary, engine="h5netcdf"))


def check_folder(folder: Path, spec: Mapping[str, Any], names: tuple[str, ...], force: bool) -> None:
    """Raise unless the results of `spec` may go into `folder`; nothing is written.

    Raises
    ------
    ConflictError : the folder holds results of another specification, or files of those names without one.
    InputError : the path, or a parent of it, is not a folder that can be written.
    """
    check_writable(folder)
    if force or not folder.exists():
        return
    if (folder / SPEC_FILE).exists():
        if _read(folder / SPEC_FILE) != json.loads(json.dumps(spec)):
            raise ConflictError(
                f"{folder} holds the results of another specification (see {SPEC_FILE}); "
                "give another --out, or --force to overwrite them"
            )
        return
    taken = [name for name in names if (folder / name).exists()]
    if taken:
        raise ConflictError(
            f"{folder} holds a {taken[0]} without {SPEC_FILE}; give another --out, or --force to overwrite it"
        )


def check_writable(folder: Path) -> None:
    """Raise InputError unless `folder` can be written or made; nothing is written."""
    parent = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"the output folder {folder}", "a folder that can be written", "choose another --out")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # not JSON: whatever it is, it is not this specification
        return None
