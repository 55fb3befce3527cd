"""Examples in docstrings that need what may not be installed or take longer, and how workers share the tests."""

from importlib.util import find_spec

import pytest

OPTIONAL = ("torch", "jax")
SLOW = {"vgtheory.reporting.report.report", "vgtheory.study.advice.advise.advise"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the examples."""
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
