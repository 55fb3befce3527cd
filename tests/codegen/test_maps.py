"""Maps of several symbols: values and partial derivatives against mpmath, what is shared, and what is refused."""

import mpmath
import numpy as np
import pytest
import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.maps import compile_map
from vgtheory.model.streams import expression

FORMULAS = [
    "s(f)*c + s(i)*tanh(g)",
    "s(o)*tanh(c)",
    "s(z + 2)*h + (1 - s(z + 2))*n",
    "tanh(xn + s(r)*u)",
    "s(f + b)*c",
    "x*s(x)*v",
    "Max(x, 0)*v",
    "x*v",
    "x + 2*v - 3",
    "x/(1 + v**2)",
    "(x + v)**3",
    "x/(2 + s(v) + x**2)",
    "sin(40*x)*v",
    "3 + 0*x",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_values_and_partials_are_those_of_the_expression(text):
    expr = expression(text)
    symbols = tuple(sorted(expr.free_symbols, key=str)) or (sp.Symbol("x", real=True),)
    rng = np.random.default_rng(0)
    arguments = [np.concatenate([rng.normal(size=40) * 3, [-40.0, 30.0, -700.0]]) for _ in symbols]
    (value,), partials = compile_map((expr,), symbols)(*arguments)
    with mpmath.workdps(40):
        for what, found in [(expr, value), *((sp.diff(expr, s), partials.get((0, s), 0.0)) for s in symbols)]:
            exact = sp.lambdify(symbols, what, "mpmath")
            smooth = symbols if "Max" not in text else ()
            slopes = [sp.lambdify(symbols, sp.diff(what, s), "mpmath") for s in smooth]
            found = np.broadcast_to(found, arguments[0].shape)
            for k, at in enumerate(zip(*arguments, strict=True)):
                if "Max" in text and at[0] == 0:
                    continue
                want = exact(*map(mpmath.mpf, at))
                # Ten roundings of the arguments and of the result; sums of terms of size 1 may cancel.
                moved = sum(abs(x * slope(*map(mpmath.mpf, at))) for x, slope in zip(at, slopes, strict=False))
                assert abs(found[k] - want) <= 1e-15 * (10 * abs(want) + 10 * moved + 5)


def test_several_expressions_share_one_pass_and_keep_shapes():
    x, y = sp.symbols("x y", real=True)
    found = compile_map((x * sp.tanh(y), sp.Integer(2), y), (x, y))
    values, partials = found(np.full((2, 3), 2.0), np.zeros((2, 3)))
    assert [v.shape for v in values] == [(2, 3)] * 3
    assert (values[1] == 2).all()
    assert set(partials) == {(0, x), (0, y), (2, y)}
    assert partials[2, y] == 1.0
    assert (partials[0, y] == 2).all()


def test_an_expression_of_other_parts_is_refused_with_what_works():
    x, y = sp.symbols("x y", real=True)
    with pytest.raises(UnsupportedError, match="sums, products, powers and functions of one quantity"):
        compile_map((sp.Max(x, y),), (x, y))
