"""A parent that kills its children −9 in the middle of checkpointed studies: run by test_executors, in its own process.

It imports everything once and forks, so that a child takes milliseconds to start and can be killed often.  Prints the
kills and how many shards they left behind.
"""

import os
import random
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import vgtheory as vg
from vgtheory.study import experiment as module

KILLS, SAMPLES = 60, 200
NETWORK = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=64, depth=100)


def study(folder, seed):
    with ThreadPoolExecutor(2) as pool:
        return vg.simulate(NETWORK, SAMPLES, seed=seed, executor=pool, checkpoint=folder)


def shards(folder):
    """Every shard in the folder, read completely: first sample → arrays."""
    found = {}
    for path in Path(folder).glob("*.npz"):
        with np.load(path, allow_pickle=False) as shard:
            found[int(path.stem.rpartition("-")[2])] = {name: shard[name] for name in shard.files}
    return found


def wait_for(count, folder):
    """Return when so many shards, or all, are there, or after ten seconds."""
    deadline = time.monotonic() + 10
    while len(list(folder.glob("*.npz"))) < min(count, SAMPLES) and time.monotonic() < deadline:
        time.sleep(0.002)


def main(base):
    module.chunk_size = lambda cost: 1  # a file per sample
    rng = random.Random(7)
    seed, kept, kills, survived = 0, {}, 0, 0
    truth = vg.simulate(NETWORK, SAMPLES, seed=seed)
    while kills < KILLS:
        folder = Path(base) / str(seed)
        child = os.fork()
        if child == 0:
            study(folder, seed)
            os._exit(0)
        if rng.random() < 0.7:  # a slow machine would kill every child before its first shard
            wait_for(2 + len(kept), folder)
        time.sleep(rng.uniform(0.0, 0.2))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        kills += killed
        left = shards(folder) if folder.exists() else {}
        assert kept.keys() <= left.keys(), "a finished shard was lost"
        for first, arrays in left.items():
            for name, array in arrays.items():
                assert np.array_equal(array[0], truth[name].values[first]), "a shard is damaged"
        survived += len(left) - len(kept)
        kept = left
        if len(left) == SAMPLES:  # finished in spite of all kills: on to the next study
            assert study(folder, seed).equals(truth)
            seed, kept = seed + 1, {}
            truth = vg.simulate(NETWORK, SAMPLES, seed=seed)
    resumed = study(Path(base) / str(seed), seed)
    assert resumed.equals(truth)
    print(kills, survived)


if __name__ == "__main__":
    main(sys.argv[1])
