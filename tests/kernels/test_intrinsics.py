"""Each instruction that Numba does not offer, tried: a new version that breaks one fails here."""

import json
import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from vgtheory.kernels._intrinsics import (
    BLOCK,
    LINE,
    fused,
    pointer,
    prefer_wide_vectors,
    scratch,
    send,
    sent,
)


def fresh(function):
    """Compile without the cache: what comes from a file has no LLVM code to look at."""
    return numba.njit(function)


def llvm(dispatcher):
    return next(iter(dispatcher.inspect_llvm().values()))


def test_wide_vectors_are_asked_for():
    @fresh
    def wide(x):
        prefer_wide_vectors()
        return x + 1

    assert wide(1) == 2
    assert '"prefer-vector-width"="512"' in llvm(wide)


def test_fused_operations_round_once():
    @fresh
    def rest(a, b):
        return fused(a, b, -(a * b))

    a = 1 + 2.0**-30
    assert rest(a, a) == 2.0**-60


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_streamed_stores_pass_the_cache_to_their_place(dtype):
    @fresh
    def double(h, out):
        values = scratch(out)
        for start in range(0, h.size, BLOCK):
            block = pointer(h, start)
            for i in range(BLOCK):
                values[i] = 2 * block[i]
            send(out, start, values)
        sent()

    h = np.arange(5 * BLOCK, dtype=dtype)
    room = np.full(h.size + LINE, -1, dtype=dtype)
    first = -room.ctypes.data % LINE // room.itemsize
    out = room[first : first + h.size]
    double(h, out)
    np.testing.assert_array_equal(out, 2 * h)
    assert np.all(np.delete(room, np.s_[first : first + h.size]) == -1)
    assert "!nontemporal" in llvm(double)
    assert "fence seq_cst" in llvm(double)


@pytest.mark.slow
def test_without_jit_kernels_are_python_functions():
    program = (
        "import numpy as np; np.seterr(all='ignore'); import warnings; warnings.simplefilter('ignore')\n"
        "from vgtheory.codegen.compiled import compile_activation as c\n"
        "h = np.array([-2.0, 0.3, 800.0]); v, s = c('x*tanh(exp(x))').both(h);"
        "import json; print(json.dumps(v.tolist() + s.tolist()))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "NUMBA_DISABLE_JIT": switch},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for switch in ("0", "1")
    ]
    np.testing.assert_allclose(*(np.array(json.loads(text)) for text in runs), rtol=2e-15)
