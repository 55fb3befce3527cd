"""Natural logarithms of the ends of float32's normal range (IEEE 754 binary32), and the depth that reaches them."""

import math

from vgtheory.reporting.wording import ROUNDING

LOG_TINY_FLOAT32 = -126 * math.log(2.0)  # smallest normal number, 1.18e-38
LOG_MAX_FLOAT32 = 128 * math.log(2.0)  # just above the largest, 3.40e38


def float32_depth(rate: float) -> int | None:
    """Return the depth after which a gradient of norm 1 that changes by e^rate per layer leaves float32; None: never.

    >>> float32_depth(-0.5), float32_depth(2e-17)
    (175, None)
    """
    if abs(rate) <= ROUNDING:
        return None
    return math.ceil((LOG_TINY_FLOAT32 if rate < 0 else LOG_MAX_FLOAT32) / rate)
