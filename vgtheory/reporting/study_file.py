"""A simulation as a NetCDF file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from vgtheory._errors import ConflictError
from vgtheory.reporting.files import check_writable, write_dataset


def check_study(path: Path, spec: str, samples: int, seed: int, force: bool) -> None:
    """Raise unless the study of this specification may be written to `path`; nothing is written.

    Raises
    ------
    ConflictError : the file holds another study, or is no study at all, and `force` is not set.
    InputError : the folder cannot be written.
    """
    check_writable(path.parent)
    if not path.exists() or force:
        return
    held = _identity(path)
    if held != (spec, samples, seed):
        what = "another study" if held is not None else "something that is not a study"
        raise ConflictError(f"{path} holds {what}; give another --out, or --force to overwrite it")


def write_study(study: Any, path: Path) -> None:
    """Write a dataset of ``vg.simulate`` as NetCDF4."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_dataset(path, study)


def _identity(path: Path) -> tuple[str, int, int] | None:
    try:
        with xr.open_dataset(path, engine="h5netcdf") as held:
            return str(held.attrs["spec"]), int(held.sizes["sample"]), int(held.attrs["seed"])
    except (OSError, ValueError, KeyError):  # not NetCDF, or not ours
        return None
