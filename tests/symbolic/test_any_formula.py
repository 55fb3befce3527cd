"""Any formula gets every feature with no registration: composed at random, it is answered, or refused by our errors."""

import math
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vgtheory as vg
from tests.strategies import formulas
from vgtheory._errors import VgtheoryError

_INNER = ["x", "0.7*x+0.2", "-1.3*x", "x-1"]
_WRAPS = [
    "tanh({})", "sigmoid({})", "cos({})", "max({},0.1*x)", "abs({})", "log(1+abs({}))", "{}/(1+x**2)", "sin(({})**2)",
    "normal_cdf({})", "log(normal_cdf({}))", "Piecewise((x, x > 0.3), ({}, True))", "sech({})", "exp(-abs({}))",
]  # fmt: skip


@st.composite
def composed(draw):
    text = draw(st.sampled_from(_INNER))
    for _ in range(draw(st.integers(1, 2))):
        text = draw(st.sampled_from(_WRAPS)).format(f"({text})")
    return text


def _attempt(verb):
    """Return the answer, None where one of the package's own errors refuses it; any other exception is a defect."""
    try:
        return verb()
    except VgtheoryError:
        return None


def _questions(act):
    for order in (0, 1):
        found = _attempt(lambda order=order: vg.derivative_range(act, order))
        if found is not None:
            assert found.inf.enclosure[0] <= found.sup.enclosure[1]
    saturated = _attempt(lambda: vg.saturation(act, 0.05).probability(0.7))
    if saturated is not None:
        assert -1e-12 <= float(saturated) <= 1 + 1e-12
    growth = partial(vg.calculus.tails, order=0)
    for ask in (vg.calculus.tails, growth, vg.calculus.pieces, lambda a: (a.limits, a.parity, a.jumps(1))):
        _attempt(lambda ask=ask: ask(act))
    gain = _attempt(lambda: vg.calculus.gradient_gain(act))
    if gain is not None:
        value = _attempt(lambda: (gain.at(q=0.7) if gain.symbols else gain).value())
        assert value is None or value >= 0


@pytest.mark.slow
@given(formulas())
@settings(max_examples=6, deadline=None)
def test_plain_formulas_are_answered(text):
    act = vg.activation(text)
    found = vg.derivative_range(act)
    assert {found.sup.status, found.inf.status} <= {"proved", "certified"}
    assert math.isfinite(float(vg.calculus.length_map(act).at(q=0.7).value()))
    _questions(act)


@pytest.mark.slow
@given(composed())
@settings(max_examples=8, deadline=None)
def test_composed_formulas_are_answered_or_refused_by_our_own_errors(text):
    act = _attempt(lambda: vg.activation(text))
    if act is not None:
        _questions(act)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["sin(x**2)", "tanh(x)-0.3*x", "log(normal_cdf(x))", "x*exp(-abs(x-1))", "sech(x)**2"])
def test_formulas_that_once_failed(text):
    _questions(vg.activation(text))


@pytest.mark.parametrize("text", ["max(tanh(x), x/2)", "x*exp(-abs(x-1))", "log(cosh(x))"])
def test_one_formula_goes_through_to_machine_code(text):
    act = vg.activation(text)
    f = vg.compile(act)
    for point in (-2.3, -0.4, 0.7, 3.1):
        assert float(f(point)) == pytest.approx(float(act.expr.subs(act.symbol, point)), rel=1e-13)
