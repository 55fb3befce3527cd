"""Deep networks in little memory: the whole process, interpreter and compiler included."""

import subprocess
import sys

import pytest

LIMIT = 300e6  # bytes
CODE = """
import sys
sys.modules["dask"] = None  # where it is installed, xarray loads it: 15 MB that are not ours
import vgtheory as vg
network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=256, depth=int(sys.argv[2]))
if sys.argv[1] == "blocks":
    block = vg.blocks.residual(vg.blocks.normalised(vg.blocks.dense("tanh", vg.Weights.gaussian(1))), 0.1)
    network = vg.Network(block, width=256, depth=int(sys.argv[2]))
vg.sample(network, of="growth", samples=1) if sys.argv[1] == "tangents" else vg.simulate(network, 1)
# Not getrusage, in which a new program inherits the peak of the process that started it.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def peak(verb, depth):
    """Return the process's peak memory in bytes; a first run leaves compiled code in the cache."""
    for layers in (2, depth):
        run = subprocess.run(
            [sys.executable, "-c", CODE, verb, str(layers)], capture_output=True, text=True, check=True
        )
    return 1024 * int(run.stdout)


@pytest.mark.slow
def test_tangents_through_ten_thousand_layers():
    assert peak("tangents", 10**4) < LIMIT


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("verb", "depth"), [("tangents", 10**6), ("simulate", 10**5)])
def test_full_depth(verb, depth):
    assert peak(verb, depth) < LIMIT


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_blocks_keep_one_segment_of_layers():
    """Of ten thousand layers and of a hundred thousand alike: a segment, and memory that is used again."""
    assert peak("blocks", 10**5) < peak("blocks", 10**4) + 20e6 < 500e6
