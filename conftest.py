"""What tests find derived, examples in docstrings that need more, and how workers share the tests."""

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

# Workers share out the cores: threads of their linear algebra would wait for each other.  Read when NumPy loads.
if "PYTEST_XDIST_WORKER" in os.environ:
    for library in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(library, "1")

from vgtheory.kernels._cache import private_directory

OPTIONAL = ("torch", "jax")
SLOW = {"vgtheory.reporting.report.report", "vgtheory.study.advice.advise.advise"}
COMPILED = ("kernels", "generated", "forms", "moments")  # what tests share with the user: it takes minutes to make

_CACHE = pytest.StashKey[tempfile.TemporaryDirectory]()
_USERS = pytest.StashKey[str | None]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the session, all of its workers together, a cache without proved facts: tests of proofs must prove."""
    places = {name: private_directory(name) for name in COMPILED}
    if hasattr(config, "workerinput") or None in places.values():
        return
    made = tempfile.TemporaryDirectory(prefix="vgtheory-tests-", ignore_cleanup_errors=True)
    try:
        for name, place in places.items():
            (Path(made.name) / name).symlink_to(place, target_is_directory=True)
    except OSError:  # Windows allows links to developers alone: there tests share the user's facts
        made.cleanup()
        return
    config.stash[_USERS], config.stash[_CACHE] = os.environ.get("VGTHEORY_CACHE_DIR"), made
    os.environ["VGTHEORY_CACHE_DIR"] = made.name


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the user's own cache back."""
    if _CACHE not in config.stash:
        return
    config.stash[_CACHE].cleanup()
    os.environ.pop("VGTHEORY_CACHE_DIR", None)
    if config.stash[_USERS] is not None:
        os.environ["VGTHEORY_CACHE_DIR"] = config.stash[_USERS]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the examples; leave out what is exhaustive, unless it or everything (-m "") is asked for."""
    if config.option.markexpr and "exhaustive" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("exhaustive")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
    for item in items:
        if not isinstance(item, pytest.DoctestItem):
            continue
        source = "".join(example.source for example in item.dtest.examples)
        for package in OPTIONAL:
            if f"import {package}" in source and find_spec(package) is None:
                item.add_marker(pytest.mark.skip(reason=f"{package} is not installed"))
        if item.name in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """Give each worker files that stand together, so that what a file derives once is derived once.

    Another way of sharing that is asked for by name is left as it is.
    """
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)
