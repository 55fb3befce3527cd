"""χ² variates of any number of degrees of freedom in O(1), by the method of Marsaglia & Tsang (2000)."""

import math

from numba import types

from vgtheory.kernels._jit import ELEMENTWISE_FLAGS, compiled, piece
from vgtheory.kernels.normals import STEP, box_muller, philox, unit

FEW = 8  # degrees of freedom up to which squares are summed


@piece
def attempted(freedom, x, u):
    """Return the χ² number that a normal x makes, or −1 where it is refused by a number u uniform on (0, 1]."""
    d = 0.5 * freedom - 1.0 / 3.0
    v = 1.0 + x / math.sqrt(9.0 * d)
    if v <= 0.0:
        return -1.0
    v = v * v * v
    return 2.0 * d * v if math.log(u) < 0.5 * x * x + d - d * v + d * math.log(v) else -1.0


# (freedom, key, sample, layer, purpose): a kernel that asks for it in some networks alone takes it as an argument, so
# that the others do not wait for its code.
_SIGNATURE = types.float64(types.int64, types.uint64, types.int64, types.int64, types.int64)
CHI_SQUARE = types.FunctionType(_SIGNATURE)


@compiled(_SIGNATURE, flags=ELEMENTWISE_FLAGS, counted=False)
def chi_square(freedom, key, sample, layer, purpose):
    """Return the χ² number of a place and purpose, whose counters' elements it takes from 0 on; 0 for no freedom."""
    total = 0.0
    if freedom <= FEW:
        for i in range(0, freedom, 2):
            word, _ = philox(i // 2, layer, sample, purpose, key)
            a, b = box_muller(word)
            total += a * a
            if i + 1 < freedom:
                total += b * b
        return total
    attempt, found = 0, -1.0
    while found < 0.0:
        first, second = philox(attempt, layer, sample, purpose, key)
        x, _ = box_muller(first)
        found = attempted(freedom, x, unit(second) + STEP)
        attempt += 1
    return found


@compiled(_SIGNATURE, counted=False)
def no_chi_square(freedom, key, sample, layer, purpose):
    """Stand where a network has no use for χ² numbers."""
    return math.nan
