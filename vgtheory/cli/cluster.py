"""`--dask ADDRESS`: a study on the workers of a running scheduler."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from typing import Annotated, Any

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

    Raises UnsupportedError without the package dask, InputError where no scheduler answers or it stops answering before
    the study is done.
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise UnsupportedError("--dask needs the package dask; pip install 'vgtheory[cluster]'") from None
    with _quiet():
        try:
            client = Client(address, timeout=PATIENCE)
        except (OSError, ValueError) as problem:
            raise _refused(address, "that runs", "start one with `dask scheduler`", _why(problem)) from None
        with client:
            try:
                yield _Workers(client)
            except Exception as problem:
                # Only a scheduler that went away cancels work, also if another one answers there by now.
                if not isinstance(problem, CancelledError) and client.status == "running":
                    raise
                again = "start it again and repeat the command; what --checkpoint FOLDER keeps is not computed again"
                raise _refused(address, "that runs until the study is done", again, "none answers any more") from None


class _Workers(Executor):
    """The workers of a scheduler, each of whose futures ends.

    Those of Dask's own executor stay pending for ever if the connection breaks while a finished result is fetched.
    """

    def __init__(self, client: Any) -> None:
        self.client = client

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        there, here = self.client.submit(fn, *args, pure=False, **kwargs), Future[Any]()
        here.add_done_callback(lambda here: there.cancel() if here.cancelled() else None)
        self.client.loop.add_callback(_hand_over, there, here)
        return here


async def _hand_over(there: Any, here: Future) -> None:
    """Give what Dask's future came to: a result, what the work raised, or CancelledError if none can be had."""
    try:
        result, problem = await there, None
    except BaseException as raised:  # asyncio's cancellation too
        result, problem = None, raised if there.status == "error" else CancelledError(_why(raised))
    if not here.set_running_or_notify_cancel():
        return
    if problem is None:
        here.set_result(result)
    else:
        here.set_exception(problem)


def _refused(address: str, that: str, hint: str, got: str) -> InputError:
    return InputError(f"--dask {address[:60]}", f"the address of a scheduler {that}", hint, got=got)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Dask's threads log of a lost connection, tracebacks too, off the screen: the error says it."""
    loggers = [logging.getLogger(name) for name in ("distributed.client", "distributed.comm", "tornado.application")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _why(problem: BaseException) -> str:
    return str(problem).partition("\n")[0][:100] or type(problem).__name__
