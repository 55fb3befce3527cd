"""Kernels give the same numbers with and without machine code."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.kernels.everything import CALLS, numbers


@pytest.mark.slow
def test_kernels_give_the_same_numbers_where_nothing_is_compiled(tmp_path):
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": root}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "tests.kernels.everything", tmp_path / "plain.npz"]
    subprocess.run(command, env=environment, check=True, timeout=600)
    plain, compiled = np.load(tmp_path / "plain.npz"), numbers()
    assert plain.files == list(CALLS) == list(compiled)
    for name, found in compiled.items():
        tolerance = 1e-5 if name == "single" else 1e-11  # plain Python has fewer of single precision's roundings
        np.testing.assert_allclose(plain[name], found, rtol=tolerance, atol=1e-12, err_msg=name)
        assert np.isfinite(found).sum() >= 0.8 * found.size, name
