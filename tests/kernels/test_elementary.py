"""The elementary functions against ball arithmetic, over the whole range and in the special values."""

import ast
import json
import os
import subprocess
import sys

import flint
import numba
import numpy as np
import pytest
from numba import types

from tests.tolerances import exact_values, ulp_errors
from vgtheory.codegen.compiled import compile_activation
from vgtheory.codegen.copied import definitions
from vgtheory.kernels import (
    _jit,
    elementary,
    elementary_erf,
    elementary_single,
    elementary_single_erf,
    elementary_single_trigonometric,
    elementary_trigonometric,
)
from vgtheory.kernels._cache import private_directory
from vgtheory.kernels._jit import COMPILER_OPTIONS, ROW_PASS, compiled, loop, sources_digest

RNG = np.random.default_rng(11)
FUNCTIONS = {**vars(elementary), **vars(elementary_erf), **vars(elementary_trigonometric)}


def on_array(function):
    @loop
    def run(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    def call(x):
        x = np.asarray(x, dtype=float)
        out = np.empty_like(x)
        run(x, out)
        return out

    return call


def spread(lo, hi, n=400):
    """Points uniform on [lo, hi], and as many uniform in the exponent, down to subnormals."""
    flat = RNG.uniform(lo, hi, n)
    small = 10.0 ** RNG.uniform(-320, np.log10(max(abs(lo), abs(hi))), n) * RNG.choice([-1, 1], n)
    return np.concatenate([flat, small[(small >= lo) & (small <= hi)]])


# Doubles next to multiples of π/2, where the reduction cancels most, and numbers from subnormal to the limit.
QUARTERS = np.concatenate([np.arange(1, 2000, 7), np.arange(10**5, 636_000, 3333)])
NEAR_QUARTERS = np.concatenate([spread(-1e6, 1e6, 600), RNG.uniform(-10, 10, 600), QUARTERS * np.pi / 2])


# function, its exact counterpart, the range where the result is a normal number, the stated error in ulp
CASES = [
    ("exp", lambda a: a.exp(), spread(-708, 709.7), 1.0),
    ("expm1", lambda a: a.expm1(), spread(-60, 709.7), 1.0),
    ("log", lambda a: a.log(), np.abs(spread(0, 1e308)), 1.0),
    ("log", lambda a: a.log(), RNG.uniform(0.5, 2, 400), 1.0),
    ("log1p", lambda a: a.log1p(), spread(-1 + 1e-15, 1e15), 1.0),
    ("log1p", lambda a: a.log1p(), RNG.uniform(-1, 1, 400), 1.0),
    ("log1p_unit", lambda a: a.log1p(), np.abs(spread(0, 1)), 2.0),
    ("tanh", lambda a: a.tanh(), spread(-25, 25), 3.0),
    ("sigmoid", lambda a: 1 / (1 + (-a).exp()), spread(-708, 60), 2.0),
    ("softplus", lambda a: a.exp().log1p(), spread(-708, 708), 2.0),
    ("erfcx", lambda a: (a * a).exp() * a.erfc(), np.abs(spread(0, 70)), 4.0),
    ("erfc", lambda a: a.erfc(), spread(-7, 26.5), 4.0),
    ("erf", lambda a: a.erf(), spread(-7, 7), 2.0),
    ("exp_minus_square", lambda a: (-a * a).exp(), spread(-26.6, 26.6), 1.0),
    ("sin_near", lambda a: a.sin(), NEAR_QUARTERS, 1.0),
    ("cos_near", lambda a: a.cos(), NEAR_QUARTERS, 1.0),
    ("tan_near", lambda a: a.tan(), NEAR_QUARTERS, 2.0),
    ("atan", lambda a: a.atan(), spread(-1e300, 1e300), 1.0),
    ("atan", lambda a: a.atan(), RNG.uniform(-5, 5, 1000), 1.0),
    ("asinh", lambda a: a.asinh(), spread(-1e300, 1e300), 2.0),
    ("asinh", lambda a: a.asinh(), RNG.uniform(-5, 5, 1000), 2.0),
]


@pytest.mark.parametrize(("name", "exact", "points", "ulps"), CASES, ids=[c[0] for c in CASES])
def test_error_is_below_the_stated_number_of_ulp(name, exact, points, ulps):
    computed = on_array(FUNCTIONS[name])(points)
    assert ulp_errors(computed, exact_values(exact, points)).max() < ulps


def test_the_measure_notices_one_wrong_bit_in_the_last_places():
    points = RNG.uniform(-5, 5, 50)
    wrong = on_array(elementary.exp)(points) * (1 + 4 * 2.0**-52)
    assert ulp_errors(wrong, exact_values(lambda a: a.exp(), points)).max() > 3


def test_the_relative_error_of_exp_stays_one_ulp_for_a_sum_of_two_doubles():
    x = RNG.uniform(-700, 700, 300)
    tail = x * RNG.uniform(-1, 1, 300) * 2.0**-53

    @loop
    def run(x, tail, out):
        for i in range(x.size):
            out[i] = elementary.exp_sum(x[i], tail[i])

    out = np.empty_like(x)
    run(x, tail, out)
    true = [
        t
        for a, b in zip(x, tail, strict=True)
        for t in exact_values(lambda c, b=b: (c + flint.arb(float(b))).exp(), [a])
    ]
    assert ulp_errors(out, true).max() < 1.0


def test_products_and_sums_carry_their_rounding_error():
    a, b = RNG.standard_normal(200), RNG.standard_normal(200)

    @loop
    def run(a, b, p, e, s, d):
        for i in range(a.size):
            p[i], e[i] = elementary.two_product(a[i], b[i])
            s[i], d[i] = elementary.two_sum(a[i], b[i])

    p, e, s, d = np.empty((4, 200))
    run(a, b, p, e, s, d)
    for i in range(200):
        x, y = flint.fmpq(*a[i].as_integer_ratio()), flint.fmpq(*b[i].as_integer_ratio())
        left = flint.fmpq(*p[i].as_integer_ratio()) + flint.fmpq(*e[i].as_integer_ratio()) - x * y
        assert abs(left) <= abs(x * y) / 2**104
        assert flint.fmpq(*s[i].as_integer_ratio()) + flint.fmpq(*d[i].as_integer_ratio()) == x + y


SPECIAL = {  # function: values at nan, inf, -inf, 0, -0, 5e-324, 1000, -1000
    "exp": [np.nan, np.inf, 0, 1, 1, 1, np.inf, 0],
    "expm1": [np.nan, np.inf, -1, 0, 0, 5e-324, np.inf, -1],
    "log": [np.nan, np.inf, np.nan, -np.inf, -np.inf, np.log(5e-324), np.log(1000), np.nan],
    "log1p": [np.nan, np.inf, np.nan, 0, 0, 5e-324, np.log(1001), np.nan],
    "tanh": [np.nan, 1, -1, 0, 0, 5e-324, 1, -1],
    "sigmoid": [np.nan, 1, 0, 0.5, 0.5, 0.5, 1, 0],
    "softplus": [np.nan, np.inf, 0, np.log(2), np.log(2), np.log(2), 1000, 0],
    "erf": [np.nan, 1, -1, 0, 0, 5e-324, 1, -1],
    "erfc": [np.nan, 0, 2, 1, 1, 1, 0, 2],
    "exp_minus_square": [np.nan, 0, 0, 1, 1, 1, 0, 0],
    "sin_near": [np.nan, np.nan, np.nan, 0, 0, 5e-324, np.sin(1000), np.sin(-1000)],
    "cos_near": [np.nan, np.nan, np.nan, 1, 1, 1, np.cos(1000), np.cos(1000)],
    "tan_near": [np.nan, np.nan, np.nan, 0, 0, 5e-324, np.tan(1000), np.tan(-1000)],
    "atan": [np.nan, np.pi / 2, -np.pi / 2, 0, 0, 5e-324, np.arctan(1000), np.arctan(-1000)],
    "asinh": [np.nan, np.inf, -np.inf, 0, 0, 5e-324, np.arcsinh(1000), np.arcsinh(-1000)],
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name):
    points = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1000.0, -1000.0]
    np.testing.assert_allclose(on_array(FUNCTIONS[name])(points), SPECIAL[name], rtol=1e-15, atol=0)


def test_subnormal_results_are_right_to_one_unit():
    points = RNG.uniform(-745.5, -708, 300)
    assert ulp_errors(on_array(elementary.exp)(points), exact_values(lambda a: a.exp(), points)).max() <= 1.0
    assert on_array(elementary.exp)([-745.2])[0] == 0.0
    assert on_array(elementary.exp)([709.78271289338, 709.7827128933841])[0] < np.inf


@pytest.mark.slow
def test_without_jit_the_same_functions_give_the_same_numbers():
    names = [*SPECIAL, "erfcx"]
    points = [0.0, 1e-9, 0.3, 0.99, 1.0, 2.5, 20.0, 300.0, float("inf")]
    code = (
        "import numpy as np; np.seterr(all='ignore')\n"
        "from vgtheory.kernels import elementary, elementary_trigonometric, elementary_erf\n"
        "functions = {**vars(elementary), **vars(elementary_erf), **vars(elementary_trigonometric)}\n"
        f"import json; inf = float('inf'); "
        f"print(json.dumps([[float(functions[n](x)) for x in {points}] for n in {names}]))"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    plain = json.loads(run.stdout)
    for name, values in zip(names, plain, strict=True):
        # Only fused operations differ.
        np.testing.assert_allclose(values, on_array(FUNCTIONS[name])(points), rtol=2e-15, atol=0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_generated_text_may_name_every_elementary_function_and_none_stands_twice(dtype):
    rooms = [elementary, elementary_erf, elementary_trigonometric]
    if dtype == "float32":
        rooms = [elementary_single, elementary_single_erf, elementary_single_trigonometric]
    own = [name for room in rooms for name, f in vars(room).items() if getattr(f, "__module__", "") == room.__name__]
    text = definitions(" + ".join(own), dtype)
    defined = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert sorted(defined) == sorted(own)


def test_the_cache_directory_is_named_by_the_sources_that_a_kernel_is_made_of(tmp_path, monkeypatch):
    monkeypatch.setattr(_jit, "__file__", str(tmp_path / "_jit.py"))
    (tmp_path / "kernel.py").write_text("from vgtheory.kernels import piece\nfrom vgtheory.kernels.loop import run\n")

    def forget():
        for kept in (sources_digest, _jit._content, _jit._imported):
            kept.cache_clear()

    def digest(**texts):
        for name, text in {"piece": "A = 1\n", "loop": "B = 1\n", "stranger": "C = 1\n", **texts}.items():
            (tmp_path / f"{name}.py").write_text(text)
        forget()
        return sources_digest(tmp_path / "kernel.py")

    first = digest()
    assert digest(stranger="C = 2\n") == first
    assert len({first, digest(piece="A = 2\n"), digest(loop="B = 2\n")}) == 3
    for option in COMPILER_OPTIONS:
        with monkeypatch.context() as changed:
            changed.setattr(numba.config, option, "something else")
            assert digest() != first
    assert digest() == first
    forget()


def test_the_options_of_the_compiler_are_ones_that_numba_has():
    assert all(hasattr(numba.config, option) for option in COMPILER_OPTIONS)


@pytest.mark.slow
def test_two_processes_that_compile_at_once_write_files_of_their_own(tmp_path):
    code = (
        "import sys; from vgtheory.kernels._jit import compiled; from pathlib import Path\n"
        "def f(x): return x + x\n"
        "g = compiled(directory=Path(sys.argv[1]))(f); print(g(eval(sys.argv[2])))"
    )
    (tmp_path / "module.py").write_text(code)
    run = [sys.executable, str(tmp_path / "module.py"), str(tmp_path)]
    both = [subprocess.Popen([*run, x], stdout=subprocess.PIPE, text=True) for x in ("1", "1.5")]
    assert [process.communicate()[0].strip() for process in both] == ["2", "3.0"]
    names = {path.name for path in tmp_path.rglob("*.nbc")}
    assert len(names) == 2
    again = subprocess.run([*run, "1.5"], capture_output=True, text=True, check=True)
    assert again.stdout.strip() == "3.0"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
def test_a_cache_that_others_can_write_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(tmp_path / "cache"))
    place = private_directory("kernels", "abc")
    assert place is not None
    assert place.stat().st_mode & 0o777 == 0o700
    (tmp_path / "cache").chmod(0o777)
    with pytest.warns(RuntimeWarning, match="can be written by"):
        assert private_directory("kernels", "abc") is None


def test_a_kernel_takes_the_row_pass_as_a_typed_argument(tmp_path):
    vector = types.float64[::1]

    @compiled(types.float64(ROW_PASS, vector), directory=tmp_path)
    def mean_square(row, h):
        value, slope = np.empty_like(h), np.empty_like(h)
        row(h, value, slope)
        return np.sum(value * value) / h.size

    h = RNG.standard_normal(300)
    for name, function in (("tanh", np.tanh), ("sin", np.sin)):
        assert mean_square(compile_activation(name).row, h) == pytest.approx(np.mean(function(h) ** 2), rel=1e-14)
    assert len(mean_square.signatures) == 1
