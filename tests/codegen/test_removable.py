"""0/0 at single points: values and slopes of every order at the point and close by, against 400 digits."""

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import vgtheory as vg
from vgtheory.codegen.interpret import run
from vgtheory.codegen.stabilise import stabilise

CLOSE = np.array([0.0, 1e-300, 1e-20, -1e-12, 1e-8, -1e-5, 1e-3, -0.01, 0.1, -0.5, 0.7, 1.6, -3.0])
ULPS = 12 * 2.0**-53
ROWS = {  # formula: (point, value, slope), by their Taylor series
    "sin(x)/x": (0, 1, 0),
    "(exp(x)-1)/x": (0, 1, 0.5),
    "x/(exp(x)-1)": (0, 1, -0.5),
    "sin(x-1)/(x-1)": (1, 1, 0),
    "1/tanh(x)-1/x": (0, 0, 1 / 3),
    "(1-cos(x))/x**2": (0, 0.5, 0),
    "(tanh(x)-x)/x**3": (0, -1 / 3, 0),
    "x**2/(exp(x)-1-x)": (0, 2, -2 / 3),
    "sin(64*x)/x": (0, 64, 0),
    "erf(x)/x": (0, 2 / np.pi**0.5, 0),
}
QUICK = ("sin(x)/x", "x/(exp(x)-1)", "sin(x-1)/(x-1)", "1/tanh(x)-1/x")
BY_DEFAULT = [row if row in QUICK else pytest.param(row, marks=pytest.mark.slow) for row in ROWS]


def relative(got, formula, x, points):
    """The relative error at each point, where the formula is defined; of exact zeros the absolute one."""
    exact = sp.lambdify(x, formula, "mpmath")
    with mp.workdps(1300):
        true = [exact(mp.mpf(float(p))) for p in points]
        return np.array([float(abs(mp.mpf(float(g)) - t) / (abs(t) or 1)) for g, t in zip(got, true, strict=True)])


@pytest.mark.parametrize("text", BY_DEFAULT)
@pytest.mark.parametrize("order", [0, 1])
def test_values_and_slopes_at_the_point_and_around_it(text, order):
    at, value, slope = ROWS[text]
    act = vg.Activation(text)
    assert act == vg.Activation.from_spec(act.spec)
    formula, points = sp.sympify(text, locals={"x": act.symbol}), at + CLOSE
    form = stabilise(act, order)
    got = run(form, points, "value", "slope")
    assert np.isfinite(got).all()
    if order == 0:
        np.testing.assert_allclose([got[0][0], got[1][0]], [value, slope], rtol=1e-15, atol=0)
        compiled = vg.compile(act)
        np.testing.assert_allclose([compiled(float(at)), compiled.gradient(float(at))], [value, slope], rtol=1e-15)
    away = points != at
    for k, numbers in enumerate(got, order):
        wrong = relative(numbers[away], sp.diff(formula, act.symbol, k), act.symbol, points[away])
        assert wrong.max() <= ULPS, (k, wrong)


def test_a_pole_is_still_refused():
    for text in ("1/x", "cos(x)/x", "x/sin(x)"):
        with pytest.raises(vg.VgtheoryError, match=r"finite|infinitely"):
            vg.Activation(text)


def test_the_frameworks_have_the_limit_too():
    torch = pytest.importorskip("torch")
    phi = vg.export.to_pytorch("sin(x)/x")
    h = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(phi(h).sum(), h, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), h)
    assert (float(phi(h).detach()), float(slope.detach())) == (1.0, 0.0)
    assert float(second) == pytest.approx(-1 / 3, rel=1e-15)
