"""Natural logarithms of the ends of float32's normal range (IEEE 754 binary32)."""

import math

LOG_TINY_FLOAT32 = -126 * math.log(2.0)  # smallest normal number, 1.18e-38
LOG_MAX_FLOAT32 = 128 * math.log(2.0)  # just above the largest, 3.40e38
