"""What holds of the files of machine code: what is damaged, planted or cannot be written."""

import os
import subprocess
import sys
import types as python_types

import numpy as np
import pytest

from vgtheory.kernels._cache import private_directory
from vgtheory.kernels._code_files import CheckedCacheFile
from vgtheory.kernels._jit import compiled


@pytest.mark.parametrize("lost", ["_save_index", "_save_data"])
def test_a_cache_that_cannot_be_written_is_no_error_of_a_call(monkeypatch, tmp_path, lost):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    @compiled("float64(float64[::1])", directory=tmp_path)
    def total(x):
        return x.sum()

    monkeypatch.setattr(CheckedCacheFile, lost, refuse)
    assert total(np.ones(3)) == 3.0
    with pytest.raises(TypeError):
        total(np.ones((2, 3)))
    assert not list(tmp_path.rglob("*.nbc"))


def test_an_error_after_compiling_leaves_no_kernel_for_other_types(monkeypatch, tmp_path):
    @compiled("float64(float64[::1])", directory=tmp_path)
    def total(x):
        return x.sum()

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(CheckedCacheFile, "_save_data", fail)
    with pytest.raises(MemoryError):
        total(np.ones(3))
    with pytest.raises(TypeError):
        total(np.ones((2, 3)))
    assert total(np.ones(3)) == 3.0


@pytest.fixture
def module(tmp_path):
    """A function in a file of its own, and how to compile it as another process would: from the cache if it can."""
    path = tmp_path / "doubling.py"
    path.write_text("def twice(x):\n    return x + x\n")
    loaded = python_types.ModuleType("doubling")
    exec(compile(path.read_text(), str(path), "exec"), vars(loaded))  # noqa: S102 - the text above

    def again():
        function = python_types.FunctionType(loaded.twice.__code__, vars(loaded), "twice")
        function.__module__, function.__qualname__ = "doubling", "twice"
        dispatcher = compiled("float64(float64)", directory=tmp_path / "cache")(function)
        assert dispatcher(1.5) == 3.0
        return dispatcher

    sys.modules["doubling"] = loaded
    yield again
    del sys.modules["doubling"]


def hits(dispatcher):
    return sum(dispatcher.stats.cache_hits.values())


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "longer", "gone", "one bit"])
def test_damaged_files_are_compiled_again(module, tmp_path, suffix, damage):
    assert hits(module()) == 0
    assert hits(module()) == 1
    (path,) = (tmp_path / "cache").rglob(f"*.{suffix}")
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        texts = {"empty": b"", "cut": whole[:-7], "garbage": b"no pickle", "longer": whole + b"x", "one bit": flipped}
        path.write_bytes(texts[damage])
    assert hits(module()) == 0
    assert hits(module()) == 1


def test_a_planted_pickle_is_not_opened(module, tmp_path):
    module()
    planted = b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR."
    for path in (tmp_path / "cache").rglob("*.nb[ic]"):
        path.write_bytes(planted)
    module()
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
def test_a_cache_below_a_directory_of_everybody_is_refused(tmp_path, monkeypatch):
    open_to_all = tmp_path / "open"
    (open_to_all / "below").mkdir(parents=True)
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(open_to_all / "below" / "cache"))
    assert private_directory() is not None
    open_to_all.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="above the cache"):
        assert private_directory() is None
    open_to_all.chmod(0o1777)  # as /tmp: what others own there cannot be renamed
    assert private_directory() is not None


def test_machine_code_is_loaded_without_what_compiles(module, tmp_path):
    module()
    program = (
        "import sys, types; from pathlib import Path; from vgtheory.kernels._jit import compiled\n"
        f"path = Path({str(tmp_path / 'doubling.py')!r}); doubling = types.ModuleType('doubling')\n"
        "exec(compile(path.read_text(), str(path), 'exec'), vars(doubling)); sys.modules['doubling'] = doubling\n"
        "doubling.twice.__module__ = 'doubling'\n"
        "twice = compiled('float64(float64)', directory=path.parent / 'cache')(doubling.twice)\n"
        "print(twice(1.5), sum(twice.stats.cache_hits.values()), 'numba.np.linalg' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["3.0", "1", "False"]
