"""Panels of moment tables in the user's cache: the quadrature behind one takes a third of a second per activation."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from vgtheory._atomic import write_arrays
from vgtheory.codegen.form import form_key
from vgtheory.kernels import quadrature
from vgtheory.kernels._cache import private_directory
from vgtheory.symbolic.activation import Activation
from vgtheory.theory.asymptotics import unit_means

Panel = tuple[float, float, np.ndarray]  # a stretch of ln q, and coefficients: nan where a moment is unknown


def load_panels(act: Activation, shape: tuple[int, int]) -> list[Panel]:
    """Return the panels that were kept of an activation, whose coefficients have this shape; none if there are none."""
    path = _path(act)
    if path is None or not path.is_file():
        return []
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as kept:
            ends, coefficients = kept["ends"], kept["coefficients"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return []
    if ends.shape != (len(ends), 2) or coefficients.shape != (len(ends), *shape):
        return []
    return [(float(lo), float(hi), values) for (lo, hi), values in zip(ends, coefficients, strict=True)]


def save_panels(act: Activation, panels: Sequence[Panel]) -> None:
    """Keep the panels of an activation, unless there is no cache."""
    path = _path(act)
    if path is None:
        return
    starts, ends, coefficients = zip(*panels, strict=True)
    write_arrays(path, {"ends": np.column_stack([starts, ends]), "coefficients": np.stack(coefficients)})


def _path(act: Activation) -> Path | None:
    key = hashlib.sha256(f"{form_key(act)}{_quadrature()}".encode()).hexdigest()[:32]
    place = private_directory("moments", key[:2])
    return None if place is None else place / f"{key}.npz"


@cache
def _quadrature() -> str:
    """Return a digest of what the panels depend on besides the activation and its code."""
    digest = hashlib.sha256(np.__version__.encode())
    sources = (str(quadrature.__file__), str(unit_means.__file__), str(Path(__file__).with_name("moments.py")))
    for source in sources:
        digest.update(Path(source).read_bytes() + b"\0")
    return digest.hexdigest()
