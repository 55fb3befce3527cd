"""Piecewise calculus: pieces mean the same function, equal neighbours merge, jumps are where they are."""

import pickle
from itertools import pairwise

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import formulas
from tests.thinning import thinned
from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.calculus import Piece, assemble, differentiate, jumps, parity, pieces
from vgtheory.symbolic.parser import parse

x = sp.Symbol("x", real=True)


@given(formulas(), st.integers(-60, 60))
@settings(max_examples=60)
def test_pieces_have_the_values_of_the_formula(text, k):
    expr, symbol, _ = parse(text)
    at = sp.Rational(k, 7)
    whole = assemble(pieces(expr, symbol), symbol).subs(symbol, at)
    assert abs(sp.N(whole - expr.subs(symbol, at), 20)) < 1e-15


@pytest.mark.parametrize(
    "expr",
    thinned(
        [
            sp.Max(x, sp.Min(2, sp.Abs(x) - 1)),
            sp.Piecewise((x, sp.And(x > -1, x < 2)), (sp.Abs(x), sp.Or(x < -3, x > 5)), (0, True)),
            sp.Piecewise((1, sp.Ne(x, 0)), (0, True)),
            sp.Heaviside(x - 1) * sp.sign(x + 2),
            sp.Max(x**3 - x, x**2 - 1, sp.sin(1), x),
            sp.Abs(sp.Abs(sp.Abs(x) - 1) - sp.Rational(1, 2)),
            sp.Max(sp.exp(x) - 2, 0),
        ],
        2,
    ),
    ids=str,
)
def test_nested_kinks_resolve_to_the_same_values(expr):
    parts = pieces(expr, x)
    assert parts[0].lo == -sp.oo
    assert parts[-1].hi == sp.oo
    for k in range(-60, 61):
        at = sp.Rational(2 * k + 1, 32)  # never a breakpoint, an odd number over 32
        part = next(p for p in parts if p.lo < at < p.hi)
        assert abs(sp.N(part.expr.subs(x, at) - expr.subs(x, at), 20)) < 1e-15


def test_equal_neighbours_merge_and_ends_meet():
    assert pieces(sp.Piecewise((x, x < 1), (x, True)), x) == (Piece(-sp.oo, sp.oo, x),)
    parts = pieces(sp.Min(1, sp.Max(-1, x)), x)
    assert [(p.lo, p.hi) for p in parts] == [(-sp.oo, -1), (-1, 1), (1, sp.oo)]


def test_jumps_of_value_and_slope():
    assert jumps(pieces(sp.sign(x), x), x) == ((0, 2),)
    assert jumps(pieces(sp.Max(x, 0), x), x) == ()
    assert jumps(pieces(sp.Max(x, 0), x), x, order=1) == ((0, 1),)
    assert jumps(pieces(sp.Max(x, 0) ** 2, x), x, order=1) == ()
    assert jumps(pieces(sp.Min(1, sp.Max(-1, x)), x), x, order=1) == ((-1, 1), (1, -1))


def test_derivatives_have_no_delta():
    second = differentiate(pieces(sp.Abs(x), x), x, 2)
    assert all(p.expr == 0 for p in second)


@pytest.mark.parametrize(
    ("expr", "count"),
    [
        (sp.Max(sp.tanh(x), x / 2), 3),
        (sp.Abs(sp.tanh(x) - x / 2), 3),
        (sp.Abs(sp.erf(x) - sp.tanh(x)), 1),
        (sp.Max(sp.sin(x), x), 1),  # a triple zero at the origin
        (sp.Max(sp.exp(x) - 3 * x, sp.Rational(1, 10)), 2),
        (sp.Min(sp.atan(x), sp.log(1 + x**2)), 2),
    ],
)
def test_kinks_without_closed_form_are_certified(expr, count):
    parts = pieces(expr, x)
    assert len(parts) == count + 1
    with mpmath.workdps(30):
        for part, following in pairwise(parts):
            gap = sp.lambdify(x, part.expr - following.expr, "mpmath")
            assert abs(gap(mpmath.mpf(sp.N(part.hi, 30)))) < 1e-28
    for k in range(-50, 51):
        at = sp.Rational(2 * k + 1, 13)
        part = next(p for p in parts if p.lo < at < p.hi)
        assert abs(sp.N(part.expr.subs(x, at) - expr.subs(x, at), 20)) < 1e-15
    assert jumps(parts, x) == ()  # continuous, though no breakpoint has a closed form
    assert pickle.loads(pickle.dumps(parts)) == parts  # noqa: S301


def test_symmetric_kinks_are_seen_to_be_symmetric():
    assert parity(pieces(sp.Abs(sp.tanh(x) - x / 2), x), x) == "even"


def test_kinks_at_parameters_are_ordered_by_their_assumptions():
    a = sp.Symbol("a", positive=True)
    assert [p.hi for p in pieces(sp.Max(-a, sp.Min(a, x)), x)] == [-a, a, sp.oo]
    b = sp.Symbol("b", real=True)
    with pytest.raises(UnsupportedError, match="decide"):
        pieces(sp.Max(-b, sp.Min(b, x)), x)


@pytest.mark.parametrize("expr", [sp.Abs(sp.sin(x)), sp.Max(sp.sin(x), sp.cos(x))])
def test_what_cannot_be_cut_with_certainty_is_refused(expr):
    with pytest.raises(UnsupportedError):
        pieces(expr, x)


@pytest.mark.parametrize(
    ("formula", "degree"),
    [
        ("x+1", None),
        ("x**2+1", None),
        ("max(x, 0) + 0.3", None),
        ("x**2 + x", None),
        ("3*x", 1),
        ("abs(x)**2.5", sp.Rational(5, 2)),
        ("sqrt(abs(x))", sp.Rational(1, 2)),
        ("max(x, 0.1*x)", 1),
        ("sign(x)", 0),
        ("max(x, 0)**0.3", sp.Rational(3, 10)),
        ("2**x", None),
    ],
)
def test_homogeneous_functions(formula, degree):
    act = Activation(formula)
    assert act.homogeneous_degree == degree
    value = sp.lambdify(act.symbol, act.expr, "mpmath")
    points = (-1.7, -0.3, 0.2, 2.9)
    if degree is not None:
        assert all(abs(value(2 * t) - 2 ** float(degree) * value(t)) < 1e-12 for t in points)
    else:
        ratios = [value(2 * t) / value(t) for t in points]
        assert max(ratios) - min(ratios) > 1e-3


@pytest.mark.parametrize(
    ("formula", "order", "expected"),
    [
        ("abs(x)**2.5", 1, ()),
        ("abs(x)**2.5", 2, ()),
        ("abs(x)**1.5", 1, ()),
        ("abs(x)**1.5", 2, ()),  # +oo on both sides
        ("abs(x)**0.5", 1, ((0, sp.oo),)),
        ("x*abs(x-1)**1.5", 2, ()),
        ("max(x, 0)**1.5", 2, ((0, sp.oo),)),
        ("abs(x-2)**1.5 + abs(x-2)", 1, ((2, 2),)),
    ],
)
def test_jumps_at_branch_points_are_one_sided_limits(formula, order, expected):
    assert Activation(formula).jumps(order) == expected


@pytest.mark.slow
def test_the_jumps_of_long_pieces_take_no_time():
    act = Activation("Piecewise((x*tanh(log(1+exp(x))), x<1.3), (sin(x)*exp(-x**2)+sqrt(2)*x, True))")
    ((at, gap),) = act.jumps()
    assert at == sp.Rational(13, 10)
    t = sp.Rational(13, 10)
    left, right = t * sp.tanh(sp.log(1 + sp.exp(t))), sp.sin(t) * sp.exp(-(t**2)) + sp.sqrt(2) * t
    assert abs(sp.N(gap - (right - left), 30)) < 1e-28
