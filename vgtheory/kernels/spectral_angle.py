"""The angle of a point in the upper half plane, without branches, so that sums over nodes vectorise."""

import numpy as np

from vgtheory.kernels._jit import exact

# atan(t)/t as a polynomial in t² on [0, tan²(π/8)]: Chebyshev interpolation, error 1.3e-18.
_C = (
    1.0, -0.3333333333333312, 0.19999999999940893, -0.14285714279250245, 0.11111110744919658, -0.09090896809064027,
    0.07692045330902225, -0.06662951813629191, 0.05846878297330872, -0.05035102456601552, 0.03796525745386593,
    -0.017805397205419446,
)  # fmt: skip
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11 = _C


@exact
def upper_angle(y, x):
    """Return arctan2(y, x) for y ≥ 0, not both zero: the angle is halved twice, then a polynomial."""
    half = y / (np.sqrt(x * x + y * y) + abs(x))
    t = half / (1.0 + np.sqrt(1.0 + half * half))
    s = t * t
    high = _C6 + s * (_C7 + s * (_C8 + s * (_C9 + s * (_C10 + s * _C11))))
    value = 4.0 * t * (_C0 + s * (_C1 + s * (_C2 + s * (_C3 + s * (_C4 + s * (_C5 + s * high))))))
    return value if x >= 0.0 else np.pi - value
