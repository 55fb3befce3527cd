"""Natural logarithms of the ends of float32's normal range (IEEE 754 binary32), and the depth that reaches them."""

import math

from vgtheory.reporting.wording import ROUNDING

LOG_TINY_FLOAT32 = -126 * math.log(2.0)  # smallest normal number, 1.18e-38
LOG_MAX_FLOAT32 = 128 * math.log(2.0)  # just above the largest, 3.40e38


def float32_depth(*rates: float) -> int | None:
    """Return the depth after which a gradient of norm 1 that changes by e^rate per layer leaves float32; None: never.

    Of several rates it is the least of their depths.

    >>> float32_depth(-0.5), float32_depth(2e-17), float32_depth(-0.5, 0.1)
    (175, None, 175)
    """
    moving = (rate for rate in rates if abs(rate) > ROUNDING)
    return min((math.ceil((LOG_TINY_FLOAT32 if r < 0 else LOG_MAX_FLOAT32) / r) for r in moving), default=None)
