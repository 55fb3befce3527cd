"""The last resort ends a block of Python from outside, and leaves the interpreter as it was."""

import contextlib
import subprocess
import sys
import threading
import time

import pytest
from flint import ctx

from vgtheory.symbolic.ball import precision
from vgtheory.symbolic.time_limit import TimeUp, time_limit


def test_a_time_limit_stops_a_loop_that_swallows_exceptions_and_restores_arbs_context():
    start, bits = time.monotonic(), ctx.prec

    def stubborn():
        with time_limit(0.2), precision(777):
            while True:
                with contextlib.suppress(Exception):
                    sum(range(1000))

    with pytest.raises(TimeUp):
        stubborn()
    assert time.monotonic() - start < 30
    assert ctx.prec == bits
    with time_limit(30):
        pass


def test_a_time_limit_comes_again_where_it_is_swallowed():
    swallowed = []

    def deaf():
        with time_limit(0.05):
            for _ in range(2):
                try:
                    while True:
                        sum(range(1000))
                except TimeUp:
                    swallowed.append(1)
            while True:
                sum(range(1000))

    with pytest.raises(TimeUp):
        deaf()
    assert len(swallowed) == 2
    with pytest.raises(ZeroDivisionError), time_limit(30):
        1 / 0  # noqa: B018


def test_a_time_limit_counts_the_work_of_its_own_thread():
    busy = threading.Thread(target=lambda: sum(k * k for k in range(3 * 10**6)))
    with time_limit(0.3):
        busy.start()
        time.sleep(0.6)  # waiting is no work, whatever others do
        busy.join()


_TRACED = """
import contextlib, sys
from vgtheory.symbolic.time_limit import TimeUp, time_limit
with contextlib.suppress(TimeUp), time_limit({seconds}):
    for k in range({steps}):
        sum(range(1000))
sys.settrace(lambda *event: None)
(lambda: None)()
print("alive")
"""


@pytest.mark.parametrize(("seconds", "steps"), [(30, 1), (0.05, 10**9)], ids=["in time", "cut short"])
def test_a_tracer_runs_on_after_a_time_limit(seconds, steps):
    # a mark that the interpreter has something to do, left behind, stops CPython 3.11 under a debugger or coverage
    code = _TRACED.format(seconds=seconds, steps=steps)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert run.stdout == "alive\n", run.stderr
