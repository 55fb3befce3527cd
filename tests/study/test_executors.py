"""A study's bits do not depend on who computes it, and survive whatever stops it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from vgtheory._errors import StudyInterrupted
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study import experiment as module
from vgtheory.study.simulate import simulate

RNG = np.random.default_rng(0)
GIVEN = Weights.given(RNG.normal(size=(3, 9, 9)))
NETWORKS = [
    (Network("x/(1+exp(-x))", Weights.gaussian(1.5, 0.1), width=33, depth=9), "exact"),
    (Network("relu", Weights.he(), width=17, depth=9), "chain"),
    (Network("tanh", Weights.sparse(1.5, 0.1, density=0.3), width=(9, 20, 5), depth=2), "dense"),
    (Network("tanh", Weights.orthogonal(1.5).tie(), width=12, depth=4), "dense"),
    (Network("gelu", GIVEN, width=9, depth=3), "dense"),
]
SAMPLES = 11


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "chunk_size", lambda cost: 2)


def assert_same_bits(executor):
    for network, method in NETWORKS:
        result = simulate(network, SAMPLES, seed=3, method=method, executor=executor)
        assert result.attrs["method"] == method
        assert result.identical(simulate(network, SAMPLES, seed=3, method=method))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_threads_gives_the_same_bits(small_chunks, workers):
    with ThreadPoolExecutor(workers) as pool:
        assert_same_bits(pool)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_spawned_processes_gives_the_same_bits(small_chunks, workers):
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert_same_bits(pool)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # dask's own
def test_a_dask_cluster_gives_the_same_bits(small_chunks, tmp_path):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "local_directory": tmp_path}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        assert_same_bits(client.get_executor())


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")
def test_sixty_kills_lose_nothing(tmp_path):
    script = Path(__file__).with_name("killing.py")
    result = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, timeout=240, check=False
    )
    assert result.returncode == 0, result.stderr
    kills, survived = map(int, result.stdout.split())
    assert kills >= 50
    assert survived >= 50  # the kills came in the middle of the work, not before it


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends signals to itself")
def test_no_moment_of_ctrl_c_leaves_a_study_waiting_for_ever(tmp_path):
    script = Path(__file__).with_name("interrupting.py")
    result = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, timeout=240, check=False
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) >= 100  # the signals came in the middle of the work


@pytest.mark.parametrize("kept", [True, False])
def test_ctrl_c_leaves_a_resumable_state_and_says_so(small_chunks, tmp_path, kept):
    network, _ = NETWORKS[0]

    def stop(done, total):
        if done >= 4:
            raise KeyboardInterrupt

    where = tmp_path / "c" if kept else None
    with pytest.raises(StudyInterrupted) as caught:
        simulate(network, 40, checkpoint=where, progress=stop)
    assert isinstance(caught.value, KeyboardInterrupt)
    said = str(caught.value)
    assert said.startswith("interrupted after 4 of 40 samples")
    if kept:
        assert str(where) in said
        seen = []
        resumed = simulate(network, 40, checkpoint=where, progress=lambda done, total: seen.append(done))
        assert seen[1] >= 4
        assert resumed.identical(simulate(network, 40))
    else:
        assert "without a checkpoint directory" in said


@pytest.mark.skipif(os.name == "nt", reason="sends signals to itself")
def test_ctrl_c_during_the_last_progress_is_not_lost():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a shell's foreground
    try:
        with pytest.raises(StudyInterrupted, match="interrupted after 3 of 3 samples"):
            simulate(
                NETWORKS[0][0], 3, progress=lambda done, total: done == total and os.kill(os.getpid(), signal.SIGINT)
            )
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_a_signal_from_the_keyboard_ends_a_study_with_one_message(tmp_path):
    code = (
        "import signal, sys, vgtheory as vg;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # which what starts in the background ignores
        "n = vg.Network('tanh', vg.Weights.gaussian(1.5, 0.1), width=512, depth=1000);"
        "vg.simulate(n, 10**5, checkpoint=sys.argv[1])"
    )
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path / "c"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "c").glob("*.npz")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode != 0
    assert stderr.splitlines()[-1].startswith("vgtheory._errors.StudyInterrupted: interrupted after ")
    assert "goes on from there" in stderr


LONG = """
import multiprocessing, signal, sys
from concurrent.futures import ProcessPoolExecutor
import vgtheory as vg
signal.signal(signal.SIGINT, signal.default_int_handler)  # which what starts in the background ignores
if __name__ == "__main__":
    network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=10**5, depth=4 * 10**4)
    vg.simulate(vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=8, depth=2), 1)  # compiles
    print("ready", flush=True)
    if sys.argv[1] == "threads":
        vg.simulate(network, 4)
    else:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            vg.simulate(network, 1, executor=pool)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "begun"), [("threads", 2.0), ("processes", 15.0)])
def test_ctrl_c_ends_a_sample_that_takes_long(tmp_path, workers, begun):
    script = tmp_path / "long.py"
    script.write_text(LONG)
    process = subprocess.Popen(
        [sys.executable, script, workers], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    time.sleep(begun)
    assert process.poll() is None
    stopped = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, stderr = process.communicate(timeout=60)
    assert "StudyInterrupted: interrupted after 0 of" in stderr
    assert time.monotonic() - stopped < 10  # one sample takes half a minute
