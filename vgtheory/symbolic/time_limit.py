"""A hard limit on the time of a block of Python: SymPy has no bound of its own on what it tries."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flint import ctx


class TimeUp(BaseException):
    """The block did not end in time; not an Exception, so that no broad handler inside the block swallows it."""


def _raise_in(thread: int, what: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None if what is None else ctypes.py_object(what))


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Run the block for at most `seconds`, then raise TimeUp in it; works in any thread.

    The exception comes between two steps of the interpreter: one call into C is never cut short.  Arb's context, which
    a cut `finally` could leave changed, is put back.
    """
    thread, bits, terms = threading.get_ident(), ctx.prec, ctx.cap
    lock, over = threading.Lock(), threading.Event()

    def cut() -> None:
        with lock:
            if not over.is_set():
                over.set()
                _raise_in(thread, TimeUp)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            if over.is_set():
                _raise_in(thread, None)  # set, but not raised yet
            over.set()
            ctx.prec, ctx.cap = bits, terms
