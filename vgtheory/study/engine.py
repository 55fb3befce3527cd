"""The engine: fixed chunks of samples on any executor, one file per finished chunk, progress in the parent.

A study's numbers depend on its identity and the sample's index alone: chunks are cut the same way for any number of
workers, and every sample draws from counters of its own.  So a study may stop anywhere, go on elsewhere, or grow.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from vgtheory._errors import StudyInterrupted
from vgtheory.study.checkpoint import Checkpoint
from vgtheory.study.machine import core_count

Arrays = dict[str, NDArray[np.float64]]
Flag = NDArray[np.int64]
Worker = Callable[[Mapping[str, Any], int, int], Arrays]
Progress = Callable[[int, int], object]

MAX_IN_FLIGHT = 1024  # submitted chunks at a time: enough for a cluster, bounded for a million chunks


@dataclass(frozen=True)
class Study:
    """What to run: `worker(payload, first, count)` returns arrays of shape (count, depth), one per name in `fields`.

    Parameters
    ----------
    worker : a function at a module's top level, so that processes and clusters can be sent its name.
    payload : plain, picklable data; the worker rebuilds and caches compiled code from it.  Workers find one more entry,
        "stop": a flag that ends long work early.
    fields : the names of the arrays.
    samples, depth : of the whole study.
    start : the first sample to return, a multiple of `chunk`; the arrays have shape (samples − start, depth).
    chunk : samples per call; part of the identity of checkpoint files, not of the numbers.
    identity : one string; studies with equal identities give equal numbers.
    """

    worker: Worker
    payload: Mapping[str, Any]
    fields: tuple[str, ...]
    samples: int
    depth: int
    chunk: int
    identity: str
    start: int = 0


def run(
    study: Study,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Arrays:
    """Return the study's arrays, each (samples − start, depth).

    Parameters
    ----------
    executor : any ``concurrent.futures.Executor`` (threads, processes, a cluster's); by default threads, one per core.
        Processes should be started by "spawn": one that is forked while a thread compiles waits for its lock for ever.
    checkpoint : a directory for one file per finished chunk; what lies there already is not computed again.
    progress : called as ``progress(samples done, samples)`` in this process and thread.

    Raises
    ------
    ConflictError : the directory belongs to another study.
    StudyInterrupted : Ctrl-C; finished chunks are in the directory, if there is one.
    """
    results = {name: np.empty((study.samples - study.start, study.depth)) for name in study.fields}
    store = Checkpoint.open(checkpoint, study.identity) if checkpoint is not None else None
    done = study.start

    def take(first: int, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        nonlocal done
        count = min(study.chunk, study.samples - first)
        for name, array in results.items():
            array[first - study.start : first - study.start + count] = arrays[name]
        done += count
        if progress is not None:
            progress(done, study.samples)

    missing: list[int] = []
    for first in range(study.start, study.samples, study.chunk):
        count = min(study.chunk, study.samples - first)
        kept = store.load(first, study.fields, (count, study.depth)) if store else None
        if kept is None:
            missing.append(first)
        else:
            take(first, kept)
    if missing:
        try:
            with (
                worker_pool(executor, len(missing)) as pool,
                _stopping() as stop,
                one_thread_each(),
                closing(_completed(study, missing, pool, stop)) as chunks,
            ):
                for first, arrays in chunks:
                    if store:
                        store.save(first, arrays)
                    take(first, arrays)
        except KeyboardInterrupt as stop:
            raise StudyInterrupted(_interrupted(done, study.samples, checkpoint)) from stop
    return results


def _interrupted(done: int, samples: int, checkpoint: str | os.PathLike[str] | None) -> str:
    kept = (
        "nothing is kept without a checkpoint directory"
        if checkpoint is None
        else f"they are kept in {os.fspath(checkpoint)}, and the same call goes on from there"
    )
    return f"interrupted after {done:,} of {samples:,} samples: {kept}"


def _completed(
    study: Study, firsts: list[int], pool: Executor, stop: Flag
) -> Generator[tuple[int, Arrays], None, None]:
    """Yield (first sample, arrays) of chunks as they finish; an exception, Ctrl-C too, withdraws what has not begun."""
    waiting = iter(firsts)
    running: dict[Future, int] = {}
    payload = {**study.payload, "stop": stop}

    with _finished() as finished:

        def submit() -> None:
            for first in waiting:
                count = min(study.chunk, study.samples - first)
                future = pool.submit(call, study.worker, payload, first, count)
                running[future] = first
                future.add_done_callback(finished.put)
                if len(running) >= MAX_IN_FLIGHT:
                    return

        try:
            submit()
            while running or not finished.empty():  # Ctrl-C after the last chunk, too
                future = finished.get()
                if future is None:
                    raise KeyboardInterrupt
                yield running.pop(future), future.result()
                submit()
        finally:
            for future in running:
                future.cancel()


@contextmanager
def _finished() -> Iterator[SimpleQueue[Future | None]]:
    """Yield a queue for what is done, in which None stands for Ctrl-C; a second Ctrl-C raises at once.

    An exception that comes between any two lines of ``concurrent.futures`` can leave the lock of a future taken, for
    which a worker then waits for ever; one that comes in a finaliser is lost.  The queue's `put` may be called from a
    signal's handler.  Only Python's own handler is replaced, and only where signals arrive: in the main thread.
    """
    finished: SimpleQueue[Future | None] = SimpleQueue()
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )

    def interrupted(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        finished.put(None)

    if ours:
        signal.signal(signal.SIGINT, interrupted)
    try:
        yield finished
    finally:
        if ours and signal.getsignal(signal.SIGINT) is interrupted:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _stopping() -> Iterator[Flag]:
    """Yield the flag that ends running chunks; it is set when something, Ctrl-C too, ends the study early."""
    stop = np.zeros(1, np.int64)
    try:
        yield stop
    except BaseException:
        stop[0] = 1
        raise


def call(worker: Worker, payload: Mapping[str, Any], first: int, count: int) -> Arrays:
    """Return what the worker returns.

    Compiled code lets no signal through: in a process of its own, whose main thread Ctrl-C reaches, the worker runs
    beside that thread, which tells it to end.
    """
    if threading.current_thread() is not threading.main_thread():
        return work(worker, payload, first, count)
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(work, worker, payload, first, count)
        try:
            return running.result()
        except KeyboardInterrupt:
            payload["stop"][0] = 1
            raise


def work(worker: Callable[[Any, int, int], Arrays], payload: Any, first: int, count: int) -> Arrays:
    """Return what the worker returns: on one thread, and without warnings of what leaves the range of float64.

    That is found, and named, where the study's arrays are looked at as a whole.
    """
    with one_thread_each(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return worker(payload, first, count)


class _Limit:
    """The limit on threads of linear algebra in this process, while anybody wants it."""

    def __init__(self) -> None:
        self.lock, self.holders = threading.Lock(), 0
        self.limits: Any = None


_LIMIT = _Limit()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Have linear algebra run on the thread that calls it: cores are shared out among samples, and bits do not depend
    on them.

    The setting is the process's: the first of those who want it sets it, the last one takes it back.
    """
    with _LIMIT.lock:
        _LIMIT.holders += 1
        if _LIMIT.holders == 1:
            _LIMIT.limits = threadpool_limits(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _LIMIT.lock:
            _LIMIT.holders -= 1
            if _LIMIT.holders == 0:
                _LIMIT.limits.restore_original_limits()


@contextmanager
def worker_pool(executor: Executor | None = None, most: int = MAX_IN_FLIGHT) -> Iterator[Executor]:
    """Yield the executor, or if there is none a pool of at most `most` threads, one per core, closed afterwards."""
    if executor is not None:
        yield executor
        return
    with ThreadPoolExecutor(min(core_count(), most), thread_name_prefix="vgtheory") as pool:
        yield pool


def chunk_size(nanoseconds_per_sample: float, target_seconds: float = 0.05, most: int = 4096) -> int:
    """Return the power of two of samples that takes about the target time, from 1 to `most`.

    >>> chunk_size(4e6)
    8
    """
    wanted = target_seconds * 1e9 / nanoseconds_per_sample
    return int(2 ** np.floor(np.log2(np.clip(wanted, 1, most))))
