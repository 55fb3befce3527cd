"""The elementary functions in single precision against ball arithmetic, and what Numba is taught of LLVM."""

import flint
import numpy as np
import pytest

from tests.tolerances import exact_values, ulp_errors
from vgtheory.kernels import elementary_single, elementary_single_erf, elementary_single_trigonometric
from vgtheory.kernels._jit import loop

RNG = np.random.default_rng(12)
FUNCTIONS = {**vars(elementary_single), **vars(elementary_single_erf), **vars(elementary_single_trigonometric)}


def on_array(function):
    @loop
    def run(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    def call(x):
        x = np.asarray(x, dtype=np.float32)
        out = np.empty_like(x)
        run(x, out)
        return out

    return call


def spread(lo, hi, n=300):
    """Points uniform on [lo, hi], and as many uniform in the exponent, down to subnormals."""
    flat = RNG.uniform(lo, hi, n)
    small = 10.0 ** RNG.uniform(-44.8, np.log10(max(abs(lo), abs(hi))), n) * RNG.choice([-1, 1], n)
    return np.concatenate([flat, small[(small >= lo) & (small <= hi)]]).astype(np.float32)


QUARTERS = np.concatenate([np.arange(1, 2000, 7), np.arange(3000, 63_600, 333)]) * np.pi / 2
NEAR_QUARTERS = np.concatenate([spread(-1e5, 1e5), RNG.uniform(-10, 10, 400), QUARTERS])

CASES = [
    ("exp", lambda a: a.exp(), spread(-87, 88.7), 1.0),
    ("expm1", lambda a: a.expm1(), np.concatenate([spread(-30, 88.7), spread(-3, 3)]), 1.5),
    ("log", lambda a: a.log(), np.concatenate([np.abs(spread(0, 3e38)), RNG.uniform(0.5, 2, 300)]), 1.0),
    ("log1p", lambda a: a.log1p(), np.concatenate([spread(-1 + 1e-6, 1e15), RNG.uniform(-1, 1, 300)]), 1.5),
    ("log1p_unit", lambda a: a.log1p(), np.abs(spread(0, 1)), 2.0),
    ("tanh", lambda a: a.tanh(), spread(-12, 12), 3.0),
    ("sigmoid", lambda a: 1 / (1 + (-a).exp()), spread(-86, 30), 2.5),
    ("softplus", lambda a: a.exp().log1p(), np.concatenate([spread(-86, 80), spread(-5, 5)]), 2.5),
    ("erfcx", lambda a: (a * a).exp() * a.erfc(), np.abs(np.concatenate([spread(0, 40), spread(0, 3)])), 3.0),
    ("erfc", lambda a: a.erfc(), spread(-5, 9), 4.0),
    ("erf", lambda a: a.erf(), spread(-5, 5), 2.0),
    ("exp_minus_square", lambda a: (-a * a).exp(), spread(-9.3, 9.3), 1.0),
    ("sin_near", lambda a: a.sin(), NEAR_QUARTERS, 2.0),
    ("cos_near", lambda a: a.cos(), NEAR_QUARTERS, 2.0),
    ("tan_near", lambda a: a.tan(), NEAR_QUARTERS, 4.0),
    ("atan", lambda a: a.atan(), np.concatenate([spread(-1e37, 1e37), RNG.uniform(-5, 5, 300)]), 2.0),
    ("asinh", lambda a: a.asinh(), np.concatenate([spread(-1e37, 1e37), RNG.uniform(-5, 5, 300)]), 3.0),
    ("square_of_one_and", lambda a: (1 + a) ** 2, np.abs(spread(0, 1)), 0.6),
]


@pytest.mark.parametrize(("name", "exact", "points", "ulps"), CASES, ids=[c[0] for c in CASES])
def test_error_is_below_the_stated_number_of_ulp(name, exact, points, ulps):
    points = points.astype(np.float32)
    computed = on_array(FUNCTIONS[name])(points)
    assert ulp_errors(computed, exact_values(exact, points), dtype=np.float32).max() < ulps


def test_the_measure_notices_one_wrong_bit_in_the_last_places():
    points = RNG.uniform(-5, 5, 50).astype(np.float32)
    wrong = on_array(elementary_single.exp)(points) * np.float32(1 + 4 * 2.0**-23)
    assert ulp_errors(wrong, exact_values(lambda a: a.exp(), points), dtype=np.float32).max() > 3


TINY = 1e-45  # the smallest float32
POINTS = [np.nan, np.inf, -np.inf, 0.0, -0.0, TINY, 1000.0, -1000.0]
SPECIAL = {
    "exp": [np.nan, np.inf, 0, 1, 1, 1, np.inf, 0],
    "expm1": [np.nan, np.inf, -1, 0, 0, TINY, np.inf, -1],
    "log": [np.nan, np.inf, np.nan, -np.inf, -np.inf, -103.278929, np.log(1000), np.nan],
    "log1p": [np.nan, np.inf, np.nan, 0, 0, TINY, np.log(1001), np.nan],
    "tanh": [np.nan, 1, -1, 0, 0, TINY, 1, -1],
    "sigmoid": [np.nan, 1, 0, 0.5, 0.5, 0.5, 1, 0],
    "softplus": [np.nan, np.inf, 0, np.log(2), np.log(2), np.log(2), 1000, 0],
    "erf": [np.nan, 1, -1, 0, 0, TINY, 1, -1],
    "erfc": [np.nan, 0, 2, 1, 1, 1, 0, 2],
    "exp_minus_square": [np.nan, 0, 0, 1, 1, 1, 0, 0],
    "sin_near": [np.nan, np.nan, np.nan, 0, 0, TINY, np.sin(1000), np.sin(-1000)],
    "cos_near": [np.nan, np.nan, np.nan, 1, 1, 1, np.cos(1000), np.cos(1000)],
    "tan_near": [np.nan, np.nan, np.nan, 0, 0, TINY, np.tan(1000), np.tan(-1000)],
    "atan": [np.nan, np.pi / 2, -np.pi / 2, 0, 0, TINY, np.arctan(1000), np.arctan(-1000)],
    "asinh": [np.nan, np.inf, -np.inf, 0, 0, TINY, np.arcsinh(1000), np.arcsinh(-1000)],
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name):
    computed = on_array(FUNCTIONS[name])(POINTS)
    np.testing.assert_allclose(computed, np.array(SPECIAL[name], dtype=np.float32), rtol=3e-7, atol=0)


def test_subnormal_results_are_right_to_one_unit():
    points = RNG.uniform(-104, -87.4, 300).astype(np.float32)
    errors = ulp_errors(
        on_array(elementary_single.exp)(points), exact_values(lambda a: a.exp(), points), dtype=np.float32
    )
    assert errors.max() <= 1.0


def test_products_and_sums_carry_their_rounding_error():
    a, b = RNG.standard_normal((2, 200)).astype(np.float32)
    rest = (b * RNG.uniform(-1, 1, 200) * 2.0**-25).astype(np.float32)

    @loop
    def run(a, b, rest, out):
        for i in range(a.size):
            out[0, i], out[1, i] = elementary_single.two_product(a[i], b[i])
            out[2, i], out[3, i] = elementary_single.two_sum(a[i], b[i])
            out[4, i], out[5, i] = elementary_single.two_product_rest(a[i], b[i], rest[i])
            out[6, i], out[7, i] = elementary_single.two_sum_rest(a[i], b[i], rest[i])

    out = np.empty((8, 200), dtype=np.float32)
    run(a, b, rest, out)
    exactly = [flint.fmpq(*float(v).as_integer_ratio()) for v in np.concatenate([a, b, rest, out.ravel()])]
    x, y, r, *parts = (exactly[200 * k : 200 * k + 200] for k in range(11))
    for i in range(200):
        assert parts[0][i] + parts[1][i] == x[i] * y[i]
        assert parts[2][i] + parts[3][i] == x[i] + y[i]
        assert abs(parts[4][i] + parts[5][i] - x[i] * (y[i] + r[i])) <= abs(x[i] * y[i]) / 2**46
        assert abs(parts[6][i] + parts[7][i] - x[i] - y[i] - r[i]) <= (abs(x[i]) + abs(y[i])) / 2**46
