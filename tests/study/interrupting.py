"""Studies that Ctrl-C reaches at random moments, one after another in one process: run by test_executors.

A study that never comes to an end after its Ctrl-C is written down by the watchdog, which ends the process.  Prints how
many were interrupted.
"""

import faulthandler
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import vgtheory as vg
from vgtheory._errors import StudyInterrupted
from vgtheory.study import experiment as module

STUDIES, SAMPLES = 300, 400
NETWORK = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=16, depth=20)


def main(base):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which what starts in the background ignores
    module.chunk_size = lambda cost: 1  # as many futures as samples
    rng = random.Random(7)
    vg.simulate(NETWORK, 2)
    interrupted = 0
    for number in range(STUDIES):
        faulthandler.dump_traceback_later(60, exit=True)
        folder = Path(base) / str(number) if number % 2 else None
        timer = threading.Timer(rng.uniform(0, 0.02), os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            vg.simulate(NETWORK, SAMPLES, checkpoint=folder)
            timer.join()  # the signal that comes after the study is nobody's
            time.sleep(0.01)
        except StudyInterrupted:
            interrupted += 1
        except KeyboardInterrupt:
            pass
        timer.join()
    print(interrupted)


if __name__ == "__main__":
    main(sys.argv[1])
