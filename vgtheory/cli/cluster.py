"""`--dask ADDRESS`: a study on the workers of a running scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Annotated

import typer

from vgtheory._errors import InputError, UnsupportedError

PATIENCE = 10.0  # seconds until a scheduler that does not answer is given up

Dask = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Run on the workers of this Dask scheduler, e.g. tcp://host:8786."),
]


@contextmanager
def executor_at(address: str | None) -> Iterator[Executor | None]:
    """Yield the executor of a scheduler's workers; None, which is threads of this machine, without an address.

    Raises UnsupportedError without the package dask, InputError where no scheduler answers.
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise UnsupportedError("--dask needs the package dask; pip install 'vgtheory[cluster]'") from None
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as problem:
        raise InputError(
            f"--dask {address[:60]}",
            "the address of a scheduler that runs",
            "start one with `dask scheduler`",
            got=_why(problem),
        ) from None
    with client:
        yield client.get_executor()


def _why(problem: Exception) -> str:
    return str(problem).partition("\n")[0][:100] or type(problem).__name__
