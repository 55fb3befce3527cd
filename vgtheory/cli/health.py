"""What a machine has of what vgtheory needs: read off the package's own metadata, nothing heavy is loaded."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import warnings
from importlib import metadata
from typing import NamedTuple

from packaging.requirements import Requirement

import vgtheory
from vgtheory._errors import visible
from vgtheory.kernels._cache import private_directory
from vgtheory.study.machine import available_bytes, core_count

OPTIONAL = {  # extra → what it is for
    "torch": "models in memory and .safetensors: inspect, initialise, watch",
    "onnx": "weights from .onnx files",
    "cluster": "studies on many machines: --dask",
}
PROGRAMS = {"pdflatex": "report --pdf", "bibtex": "documents with a bibliography"}
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SMALL = 2**30  # bytes of memory below which long studies end early


class Check(NamedTuple):
    """A thing, what was found, and what that means."""

    thing: str
    found: str
    means: str
    broken: bool = False


def checks() -> list[Check]:
    """Return what was found, in the order in which it matters."""
    return [_python(), *_packages(), _cache(), *_programs(), *_threads(), _memory()]


def _python() -> Check:
    whole = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    return Check("Python", whole, f"vgtheory {vgtheory.__version__} from {os.path.dirname(vgtheory.__file__)}")


def _packages() -> list[Check]:
    """Return every requirement of the package, and those of what is optional and for users."""
    try:
        stated = metadata.requires("vgtheory") or []
    except metadata.PackageNotFoundError:
        return [Check("vgtheory", "not installed", "runs from its sources: versions are not compared; pip install .")]
    found = []
    for requirement in map(Requirement, stated):
        if requirement.marker is None or requirement.marker.evaluate():
            found.append(_package(requirement, "needed"))
        else:
            for extra, use in OPTIONAL.items():
                if requirement.marker.evaluate({"extra": extra}) and not requirement.extras & set(OPTIONAL):
                    found.append(_package(requirement, use, extra))
    return list(dict.fromkeys(found))


def _package(requirement: Requirement, use: str, extra: str = "") -> Check:
    wanted = str(requirement.specifier)
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        if extra:
            return Check(requirement.name, "not installed", f"{use}; pip install 'vgtheory[{extra}]'")
        return Check(requirement.name, "missing", f"pip install '{requirement.name}{wanted}'", broken=True)
    if not requirement.specifier.contains(version, prereleases=True):
        return Check(
            requirement.name, version, f"tested with {wanted}: pip install '{requirement.name}{wanted}'", not extra
        )
    return Check(requirement.name, version, use)


def _cache() -> Check:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        place = private_directory()
    if place is None:
        return Check("cache", "none", visible(str(said[0].message)), broken=True)
    files = [path for path in place.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 2**20
    means = (
        "compiled code, proved facts; may be deleted at any time" if files else "empty: vgtheory warm compiles ahead"
    )
    return Check("cache", f"{place}: {len(files)} files, {size:.0f} MiB", means)


def _programs() -> list[Check]:
    return [
        Check(name, place, use)
        if (place := shutil.which(name))
        else Check(name, "not found", f"{use}: install TeX Live")
        for name, use in PROGRAMS.items()
    ]


def _threads() -> list[Check]:
    cores = core_count()
    rows = [Check("cores", f"{cores} of {os.cpu_count()}", "threads of a study")]
    return rows + [Check(name, os.environ[name], "set in the environment") for name in THREADS if name in os.environ]


def _memory() -> Check:
    size = available_bytes()
    encoding = sys.stdout.encoding or "unknown"
    means = f"the terminal writes {encoding}" + (
        "" if size >= SMALL else "; little memory: studies of fewer samples at a time"
    )
    return Check("memory", f"{size / 2**30:.1f} GiB", means)
