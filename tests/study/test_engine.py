"""The engine: every sample once, whatever the executor, the interruption or what is left of an earlier run."""

import itertools
import json
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_info, threadpool_limits

from vgtheory._errors import ConflictError, InputError
from vgtheory.study.checkpoint import Checkpoint
from vgtheory.study.engine import MAX_IN_FLIGHT, Study, chunk_size, one_thread_each, run

CALLS = []


def worker(payload, first, count):
    CALLS.append((first, count))
    index = np.arange(first, first + count)[:, None] + np.linspace(0, 0.5, 3)
    return {"a": payload["scale"] * index, "b": -index}


def study(samples=20, chunk=6, scale=2.0):
    identity = json.dumps({"scale": scale, "chunk": chunk})
    return Study(worker, {"scale": scale}, ("a", "b"), samples, 3, chunk, identity)


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


class Lazy(Executor):
    """Runs a task only when its result is asked for... in the reverse order of submission, all at once."""

    def __init__(self):
        self.most, self.waiting = 0, []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.waiting.append((future, fn, args))
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) >= min(4, MAX_IN_FLIGHT):
            self.flush()
        return future

    def flush(self):
        while self.waiting:
            future, fn, args = self.waiting.pop()
            future.set_result(fn(*args))


def expected(samples=20, scale=2.0):
    index = np.arange(samples)[:, None] + np.linspace(0, 0.5, 3)
    return {"a": scale * index, "b": -index}


@pytest.mark.parametrize("samples", [1, 5, 6, 7, 20])
def test_every_sample_is_in_its_place(samples):
    result = run(study(samples))
    for name, values in expected(samples).items():
        assert_array_equal(result[name], values)
    assert sum(count for _, count in CALLS) == samples


def test_order_of_completion_does_not_matter():
    for name, values in run(study(24), Lazy()).items():
        assert_array_equal(values, expected(24)[name])


def test_progress_counts_samples_in_this_thread_up_to_all():
    seen = []
    with ThreadPoolExecutor(3) as pool:
        run(study(), pool, progress=lambda done, total: seen.append((done, total)))
    assert [total for _, total in seen] == [20] * 4
    done = [d for d, _ in seen]
    assert done == sorted(done)
    assert done[-1] == 20


def blas_threads():
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


def overflowing(payload, first, count):
    huge = np.full((count, 1), 1e308)
    assert np.isinf(huge * huge).all()
    assert np.isnan(np.log(-huge)).all()
    return {"a": np.full((count, 1), float(max(blas_threads())))}


def test_workers_run_linear_algebra_on_one_thread_and_warn_of_nothing():
    """Warnings are errors here; a study inside another takes nothing back before the outer one ends."""
    found = Study(overflowing, {}, ("a",), 8, 1, 1, "{}")
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        assert max(before) == 2
        with one_thread_each():
            assert (run(found)["a"] == 1.0).all()
            assert max(blas_threads()) == 1
        assert blas_threads() == before
    with pytest.raises(RuntimeWarning):
        np.float64(1e308) * np.float64(1e308)


def test_a_foreign_executor_is_left_running():
    with ThreadPoolExecutor(1) as pool:
        run(study(), pool)
        assert pool.submit(int, "7").result() == 7


def test_resuming_computes_only_what_is_missing(tmp_path):
    run(study(), checkpoint=tmp_path / "c")
    CALLS.clear()
    result = run(study(), checkpoint=tmp_path / "c")
    assert CALLS == []
    assert_array_equal(result["a"], expected()["a"])


def test_an_interrupted_study_goes_on_from_its_last_chunk(tmp_path):
    def stop(done, total):
        if done >= 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), ThreadPoolExecutor(1) as pool:
        run(study(40, chunk=3), pool, checkpoint=tmp_path, progress=stop)
    kept = len(list(tmp_path.glob("*.npz")))
    assert kept >= 3
    CALLS.clear()
    seen = []
    result = run(study(40, chunk=3), checkpoint=tmp_path, progress=lambda done, total: seen.append(done))
    assert len(CALLS) == 14 - kept
    assert seen[-1] == 40
    assert_array_equal(result["b"], expected(40)["b"])


def test_a_worker_that_fails_leaves_the_finished_chunks(tmp_path):
    def failing(payload, first, count):
        if first >= 12:
            raise ZeroDivisionError
        return worker(payload, first, count)

    broken = Study(failing, {"scale": 2.0}, ("a", "b"), 20, 3, 6, study().identity)
    with pytest.raises(ZeroDivisionError), ThreadPoolExecutor(1) as pool:
        run(broken, pool, checkpoint=tmp_path)
    CALLS.clear()
    run(study(), checkpoint=tmp_path)
    assert sorted(CALLS) == [(12, 6), (18, 2)]


def test_more_samples_reuse_the_files_of_fewer(tmp_path):
    run(study(20), checkpoint=tmp_path)
    CALLS.clear()
    result = run(study(30), checkpoint=tmp_path)
    assert sorted(CALLS) == [(18, 6), (24, 6)]  # the chunk of 2 is computed again with all its 6
    assert_array_equal(result["a"], expected(30)["a"])
    CALLS.clear()
    assert_array_equal(run(study(19), checkpoint=tmp_path)["a"], expected(19)["a"])
    assert CALLS == []


def test_another_study_is_refused_and_nothing_is_touched(tmp_path):
    run(study(), checkpoint=tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(ConflictError, match="another study"):
        run(study(scale=3.0), checkpoint=tmp_path)
    assert before == {p.name: p.read_bytes() for p in tmp_path.iterdir()}


def test_a_directory_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConflictError, match="not empty"):
        run(study(), checkpoint=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_directory_s_place_is_an_input_error(tmp_path):
    (tmp_path / "c").write_text("x")
    with pytest.raises(InputError, match="checkpoint directory"):
        run(study(), checkpoint=tmp_path / "c")


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and then nothing"])
def test_a_damaged_file_is_computed_again(tmp_path, damage):
    run(study(), checkpoint=tmp_path)
    victim = sorted(tmp_path.glob("*.npz"))[1]
    victim.write_bytes(damage)
    CALLS.clear()
    result = run(study(), checkpoint=tmp_path)
    assert CALLS == [(6, 6)]
    assert_array_equal(result["a"], expected()["a"])


def test_any_byte_may_be_damaged(tmp_path):
    """Every byte of a file in turn: the chunk is read as it was, or computed again."""
    run(study(), checkpoint=tmp_path)
    victim = sorted(tmp_path.glob("*.npz"))[1]
    whole = victim.read_bytes()
    store = Checkpoint.open(tmp_path, study().identity)
    again = 0
    for place in range(len(whole)):
        for flip in (0x01, 0xFF):
            victim.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            found = store.load(6, ("a", "b"), (6, 3))
            again += found is None
            if found is not None:
                assert_array_equal(found["a"], expected()["a"][6:12])
                assert_array_equal(found["b"], expected()["b"][6:12])
    assert again > len(whole)


@pytest.mark.parametrize("manifest", ["[1]", "null", "3", "{}", '"digest"', "{", ""])
def test_a_damaged_manifest_is_said(tmp_path, manifest):
    run(study(), checkpoint=tmp_path)
    (tmp_path / "study.json").write_text(manifest)
    with pytest.raises((ConflictError, InputError), match=str(tmp_path)):
        run(study(), checkpoint=tmp_path)


def test_chunks_are_powers_of_two_within_bounds():
    sizes = [chunk_size(10.0**k) for k in range(1, 12)]
    assert sizes[0] == 4096
    assert sizes[-1] == 1
    assert all(a >= b for a, b in itertools.pairwise(sizes))
    assert all(size & (size - 1) == 0 for size in sizes)
