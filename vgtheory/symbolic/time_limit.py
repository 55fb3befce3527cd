"""A hard limit on the work of a block of Python: SymPy has no bound of its own on what it tries.

Limits on operations come first, so that the same question has the same answer everywhere; this is the last resort.  It
counts the processor time of the thread, not the time on the wall, so that a busy machine changes nothing.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flint import ctx

from vgtheory._errors import UnsupportedError

_cuts = 0
AGAIN = 0.25  # seconds until the exception is raised anew, where a callback of the interpreter has swallowed it


class TimeUp(BaseException):
    """The block did not end in time; not an Exception, so that no broad handler inside the block swallows it."""


def cuts() -> int:
    """Return how often a limit cut something short in this process, or what it had cut short was recalled."""
    return _cuts


def count_cut() -> None:
    """Count one more cut."""
    global _cuts
    _cuts += 1


def _raise_in(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TimeUp))


def _clock_of(thread: int) -> Callable[[], float]:
    """Return the clock of a thread's processor time, of the process's where the system has none."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    identity = time.pthread_getcpuclockid(thread)
    return lambda: time.clock_gettime(identity)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Run the block for at most `seconds` of the processor's time, then raise TimeUp in it; works in any thread.

    The exception comes between two steps of the interpreter: one call into C is never cut short.  Arb's context, which
    a cut `finally` could leave changed, is put back.
    """
    thread, bits, terms = threading.get_ident(), ctx.prec, ctx.cap
    clock, lock, over, fired = _clock_of(thread), threading.Lock(), threading.Event(), threading.Event()
    end = clock() + seconds

    def watch() -> None:
        pause = seconds
        while not over.wait(pause):
            pause = max(end - clock(), 0.01)
            if clock() >= end:
                pause = AGAIN
                with lock:
                    if not over.is_set():
                        count_cut()
                        fired.set()
                        _raise_in(thread)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        _settle(thread, lock, over, fired)
        ctx.prec, ctx.cap = bits, terms


def _settle(thread: int, lock: threading.Lock, over: threading.Event, fired: threading.Event) -> None:
    """End the watch; afterwards no TimeUp is set that has not been raised.

    One that is set already is replaced by another, which comes here.  To set none instead, as CPython offers, leaves
    its mark that something is to be done: under a tracer (a debugger, coverage) CPython 3.11 then waits for ever.
    """
    last = False
    while not last:
        try:
            over.set()
            with lock:
                last = True  # the watch raises no more
            while fired.is_set():
                _raise_in(thread)
        except TimeUp:
            pass


@contextmanager
def within(seconds: float, what: str, instead: str = "simplify the formula") -> Iterator[None]:
    """Run the block for at most `seconds` of the processor's time, then raise UnsupportedError that names `what`."""
    try:
        with time_limit(seconds):
            yield
    except (TimeUp, SystemError):  # the latter is what C makes of the former in a callback
        raise UnsupportedError(f"{what}: more than {seconds:g} seconds of work; {instead}") from None
