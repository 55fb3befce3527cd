"""Results as files of their own: data sets and tables, each complete or not there at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from vgtheory._atomic import write_atomically
from vgtheory._errors import ConflictError, InputError, visible
from vgtheory.reporting.report_folder import check_writable

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of a formula


def write_dataset(path: Path, dataset: Any) -> None:
    """Write an xarray dataset as NetCDF4.

    The file is made in memory, where closing it cannot fail, and then written in one piece.
    """
    data = bytes(dataset.to_netcdf(engine="h5netcdf"))
    write_atomically(path, lambda temporary: temporary.write_bytes(data))


def csv_text(frame: Any) -> str:
    """Return a pandas table as CSV in which no text is a formula for a spreadsheet or a command for a terminal.

    >>> import pandas as pd
    >>> print(csv_text(pd.DataFrame({"name": ["=1+1", "a"], "value": [-1.0, 2.0]})), end="")
    ,name,value
    0,'=1+1,-1.0
    1,a,2.0
    """
    named = any(name is not None for name in frame.index.names)
    rows = frame.reset_index() if named else frame
    rows = rows.map(lambda cell: csv_cell(cell) if isinstance(cell, str) else cell)
    return str(rows.rename(columns=lambda name: csv_cell(str(name))).to_csv(index=not named))


def csv_cell(text: str) -> str:
    """Return text as a cell that nothing interprets."""
    return ("'" if text.startswith(FORMULA) else "") + visible(text)


def check_study(path: Path, spec: str, samples: int, seed: int, force: bool, precision: str = "double") -> None:
    """Raise unless the study of this specification may be written to `path`; nothing is written.

    Raises
    ------
    ConflictError : the file holds another study, or is no study at all, and `force` is not set.
    InputError : the folder cannot be written, or the path is no regular file.
    """
    check_writable(path.parent)
    if not path.exists():
        return
    if not path.is_file():
        raise InputError(f"{path}", "a regular file", "choose another --out", got="a device, folder or pipe")
    if force:
        return
    held = _identity(path)
    if held != (spec, samples, seed, precision):
        what = "another study" if held is not None else "something that is not a study"
        raise ConflictError(f"{path} holds {what}; give another --out, or --force to overwrite it")


def write_study(study: Any, path: Path) -> None:
    """Write a dataset of ``vg.simulate`` as NetCDF4."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_dataset(path, study)


def _identity(path: Path) -> tuple[str, int, int, str] | None:
    try:
        with xr.open_dataset(path, engine="h5netcdf") as held:
            attributes = held.attrs
            precision = str(attributes.get("precision", "double"))
            return str(attributes["spec"]), int(held.sizes["sample"]), int(attributes["seed"]), precision
    except (OSError, ValueError, KeyError, TypeError):  # not NetCDF, or not ours
        return None
