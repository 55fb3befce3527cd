"""Certified extrema against known constants, dense grids, and deliberately wrong values."""

import time

import mpmath
import numpy as np
import pytest
import sympy as sp

from tests.thinning import thinned
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic import extrema, supremum
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.extrema import derivative_range, slope_bound

SELU = sp.Rational("1.0507009873554804934193349852946") * sp.Rational("1.6732632423543772848170429916717")
GELU_SUP = (1 + sp.erf(1)) / 2 + sp.exp(-1) / sp.sqrt(sp.pi)
PROVED = {  # activation: (sup φ', inf φ'), closed forms by hand
    "identity": (1, 1),
    "sigmoid": (sp.Rational(1, 4), 0),
    "tanh": (1, 0),
    "erf": (2 / sp.sqrt(sp.pi), 0),
    "sin": (1, -1),
    "relu": (1, 0),
    "leaky_relu": (1, sp.Rational(1, 100)),
    "elu": (1, 0),
    "selu": (SELU, 0),
    "gelu": (GELU_SUP, 1 - GELU_SUP),
    "softplus": (1, 0),
    "hard_tanh": (1, 0),
    "x/(1+abs(x))": (1, 0),
    "x*exp(-x**2)": (1, -2 * sp.exp(-sp.Rational(3, 2))),
    "atan(x)": (1, 0),
    "log(1+x**2)": (1, -1),
    "x/sqrt(1+x**2)": (1, 0),
    "tanh(x)+0.1*x": (sp.Rational(11, 10), sp.Rational(1, 10)),
    "x**3": (sp.oo, 0),
    "x*atan(x)": (sp.pi / 2, -sp.pi / 2),
    "x+sin(x)**2": (2, 0),
    "asinh(x)": (1, 0),
    "x/(1+x^4)": (1, -sp.Rational(9, 16)),  # flat to fourth order at 0, which no Newton step isolates
}
# Roots by mpmath at 50 digits: x tanh(x/2) = 2 for SiLU; mish by findroot on its second derivative.
CERTIFIED = {
    "silu": ("1.09983932012886691696", "2.39935728"),
    "mish": ("1.08849816125172786122", "1.4905711794854284593"),
}


@pytest.mark.parametrize("name", PROVED)
def test_known_closed_forms_are_proved(name):
    found = derivative_range(activation(name))
    for extremum, want in zip((found.sup, found.inf), PROVED[name], strict=True):
        assert extremum.status == "proved"
        assert extremum.expr == want or sp.simplify(extremum.expr - want) == 0
        assert want == sp.oo or sp.Rational(extremum.enclosure[0]) <= want <= sp.Rational(extremum.enclosure[1])


@pytest.mark.parametrize("name", CERTIFIED)
def test_known_roots_are_certified_with_their_equation(name):
    digits, at = CERTIFIED[name]
    sup = derivative_range(activation(name)).sup
    assert sup.status == "certified"
    assert abs(sup.digits(30) - sp.Float(digits, 30)) < 1e-20
    assert str(sup.at).startswith(at)
    assert abs(sp.N((sup.equation.lhs - sup.equation.rhs).subs(activation(name).symbol, sup.at))) < 1e-15


def test_silu_at_its_root_is_one_half_plus_a_quarter_of_the_root():
    sup = derivative_range(activation("silu")).sup
    x = activation("silu").symbol
    assert sup.at_root == sp.Rational(1, 2) + x / 4
    assert abs(sup.at_root.subs(x, sup.at) - sup.digits(18)) < 1e-17


@pytest.mark.parametrize(
    ("name", "want"), [("tanh", 4 / (3 * sp.sqrt(3))), ("sigmoid", 1 / (6 * sp.sqrt(3))), ("gelu", sp.sqrt(2 / sp.pi))]
)
def test_curvatures(name, want):
    found = derivative_range(activation(name), order=2)
    assert found.sup.status == "proved"
    assert sp.simplify(found.sup.expr - want) == 0


@pytest.mark.parametrize(
    "name", thinned([*catalogue, "x/(1+x^4)", "x^2*exp(-abs(x))", "x*tanh(exp(x))", "x+0.1*log(1+x^2)"], 3, 1)
)
@pytest.mark.parametrize("order", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_enclosure_dominates_a_dense_grid_and_is_reached(name, order):
    act = activation(name)
    found = derivative_range(act, order)
    parts = [(float(p.lo), float(p.hi), sp.lambdify(act.symbol, p.expr, "scipy")) for p in act.derivative_pieces(order)]
    near, far = np.linspace(-12, 12, 4001), np.geomspace(12, 1e4, 60)  # algebraic tails come near their limit late
    kinks = np.array([float(b) for b in act.breakpoints])
    grid = np.concatenate([near, np.linspace(-0.01, 0.01, 101), kinks - 1e-6, kinks + 1e-6, far, -far])
    with np.errstate(all="ignore"):  # the plain formulas overflow far out; those points are left out
        values = np.concatenate(
            [np.atleast_1d(f(h)) * np.ones_like(h) for lo, hi, f in parts for h in [grid[(grid > lo) & (grid < hi)]]]
        )
    values = values[np.isfinite(values)]
    slack = 1e-12 * (1 + min(np.abs(values).max(), 12.0))
    assert found.sup.enclosure[1] >= values.max() - slack
    assert found.inf.enclosure[0] <= values.min() + slack
    for extremum, reached in ((found.sup, values.max()), (found.inf, values.min())):
        if np.isfinite(extremum.enclosure).all():
            assert extremum.enclosure[1] - extremum.enclosure[0] <= 1e-9
            assert abs(extremum.enclosure[0] - reached) < 1e-3 * (1 + abs(reached))
        assert extremum.status in ("proved", "certified")


def test_a_value_wrong_by_one_percent_is_outside_the_enclosure():
    lo, hi = derivative_range(activation("mish")).sup.enclosure
    for factor in (0.99, 1.01):
        assert not lo <= 1.08849816125172786 * factor <= hi


def test_attained_or_only_approached():
    assert not derivative_range(activation("softplus")).sup.attained
    assert derivative_range(activation("softplus")).sup.at == sp.oo
    assert derivative_range(activation("gelu")).sup.attained
    assert derivative_range(activation("gelu")).sup.at == sp.sqrt(2)
    assert derivative_range(activation("x/(1+abs(x))")).sup.attained


def test_many_digits_agree_with_few():
    sup = derivative_range(activation("gelu_tanh")).sup
    assert str(sup.digits(200)).startswith(str(sup.digits(40))[:-2])


def test_symbolic_parameters_of_monotone_slopes():
    alpha = sp.Symbol("alpha", positive=True)
    assert derivative_range(activation("elu", alpha=alpha)).sup.expr == sp.Max(1, alpha)
    beta = sp.Symbol("beta", real=True)
    leaky = activation("leaky_relu", alpha=beta)
    assert slope_bound(leaky).expr.subs(beta, -3) == 3
    assert slope_bound(leaky).expr.subs(beta, sp.Rational(1, 5)) == 1
    with pytest.raises(UnsupportedError, match="give the parameters values"):
        derivative_range(Activation("tanh(x)+sin(beta*x)", beta=sp.Symbol("beta", positive=True)))


def test_poles_at_a_breakpoint_are_proved():
    one_sided = derivative_range(activation("sqrt(max(x,0))"))
    assert (one_sided.sup.expr, one_sided.sup.at, one_sided.sup.status) == (sp.oo, 0, "proved")
    two_sided = derivative_range(activation("sqrt(abs(x))"))  # → −∞ on the left, +∞ on the right of 0
    assert (two_sided.sup.expr, two_sided.inf.expr, two_sided.sup.status) == (sp.oo, -sp.oo, "proved")
    assert not two_sided.sup.attained


@pytest.mark.parametrize(
    ("formula", "order", "low", "high"),
    [
        ("relu(sin(x))", 0, 0, 1),
        ("relu(sin(x))", 1, -1, 1),
        ("abs(cos(2*x))", 1, -2, 2),
        ("max(sin(x), cos(x))", 0, -sp.sqrt(2) / 2, 1),
        ("tanh(relu(sin(x)))", 0, 0, sp.tanh(1)),
        ("sign(sin(x))", 0, -1, 1),
        ("sqrt(1 + sin(x))", 0, 0, sp.sqrt(2)),
        ("sqrt(1 - cos(x))", 1, -sp.sqrt(2) / 2, sp.sqrt(2) / 2),
        ("sqrt(relu(sin(x)))", 1, -sp.oo, sp.oo),
        ("sqrt(log(1 + x**2))", 1, -1, 1),
        ("sqrt(x**2 + tanh(x)**2)", 1, -sp.sqrt(2), sp.sqrt(2)),
        ("abs(x)**1.5", 0, 0, sp.oo),
        ("sin(x)**2 + cos(x)**2", 0, 1, 1),
        ("cosh(x)**2 - sinh(x)**2", 0, 1, 1),
        ("tanh(x) - (exp(x)-exp(-x))/(exp(x)+exp(-x))", 0, 0, 0),
        ("Piecewise((sin(x)/x, Ne(x, 0)), (1, True))", 0, None, 1),
    ],
)
def test_ranges_of_waves_with_kinks_of_hidden_kinks_and_of_constants(formula, order, low, high):
    found = derivative_range(activation(formula), order)
    assert (found.sup.expr, found.sup.status) == (high, "proved")
    if low is not None:
        assert (found.inf.expr, found.inf.status) == (low, "proved")
    act = activation(formula)
    f = sp.lambdify(act.symbol, act.expr, "mpmath")
    with mpmath.workdps(40):
        points = [mpmath.mpf(k) / 37 for k in range(-400, 400) if k]
        values = [mpmath.diff(f, t, order) if order else f(t) for t in points]
    assert max(values) <= found.sup.enclosure[1] + 1e-9
    assert min(values) >= found.inf.enclosure[0] - 1e-9
    if order == 0 and high is not sp.oo:
        assert max(values) > found.sup.enclosure[0] - 0.02


def test_slope_bound_is_the_larger_side():
    assert slope_bound(activation("-3*tanh(x)")).expr == 3
    assert slope_bound(activation("x**3")).expr == sp.oo


@pytest.mark.parametrize("order", [-1, 5, 1.0, True])
def test_bad_orders_are_refused(order):
    with pytest.raises(InputError, match="order"):
        derivative_range(activation("tanh"), order)


def _symbols(names, **assumptions):
    return {name: sp.Symbol(name, **assumptions) for name in names.split()}


PARAMETRIC = {  # formula, its positive parameters: [(sup, inf) of φ, φ', φ'']
    "leaky_relu": ("alpha", [None, ("Max(1, alpha)", "Min(1, alpha)"), ("0", "0")]),
    "elu": ("alpha", [("oo", "-alpha"), ("Max(1, alpha)", "0"), ("alpha", "0")]),
    "celu": ("alpha", [("oo", "-alpha"), ("1", "0"), ("1/alpha", "0")]),
    "Piecewise((k*x, x > 0), (k*a*(exp(x) - 1), True))": (
        "k a",  # SELU with its two constants
        [("oo", "-k*a"), ("Max(k, k*a)", "0"), ("k*a", "0")],
    ),
    "a/(1+exp(-b*x))": ("a b", [("a", "0"), ("a*b/4", "0"), ("a*b**2/(6*sqrt(3))", "-a*b**2/(6*sqrt(3))")]),
    "a*tanh(b*x)": ("a b", [("a", "-a"), ("a*b", "0"), ("4*a*b**2/(3*sqrt(3))", "-4*a*b**2/(3*sqrt(3))")]),
    "siren": ("omega", [("1", "-1"), ("omega", "-omega"), ("omega**2", "-omega**2")]),
    "sin(w*x+p)": ("w p", [("1", "-1"), ("w", "-w"), ("w**2", "-w**2")]),
    "snake": ("alpha", [("oo", "-oo"), ("2", "0"), ("2*alpha", "-2*alpha")]),
    "softplus": ("beta", [("oo", "0"), ("1", "0"), ("beta/4", "0")]),
    "swish": ("beta", [("oo", "-LambertW(exp(-1))/beta"), None, None]),
    "isru": ("alpha", [("1/sqrt(alpha)", "-1/sqrt(alpha)"), ("1", "0"), None]),
    "squareplus": ("b", [("oo", "0"), ("1", "0"), ("1/(2*sqrt(b))", "0")]),
    "x*(1+erf(b*x))/2": ("b", [None, ("(1+erf(1))/2+exp(-1)/sqrt(pi)", "(1-erf(1))/2-exp(-1)/sqrt(pi)"), None]),
    "max(-b,min(b,x))": ("b", [("b", "-b"), ("1", "0"), ("0", "0")]),
}


@pytest.mark.parametrize("formula", thinned(PARAMETRIC, 3))
@pytest.mark.parametrize("order", [0, 1, 2])
def test_ranges_with_symbolic_parameters(formula, order):
    names, wanted = PARAMETRIC[formula]
    parameters = _symbols(names, positive=True)
    found = derivative_range(activation(formula, **parameters), order)
    assert found.sup.status in ("proved", "certified")
    if wanted[order] is not None:
        assert found.sup.status == found.inf.status == "proved"
        for extremum, text in zip((found.sup, found.inf), wanted[order], strict=True):
            want = sp.sympify(text, locals=parameters)
            assert want == extremum.expr or sp.simplify(extremum.expr - want) == 0
    values = dict(zip(parameters, (sp.Rational(7, 4), sp.Rational(3, 5)), strict=False))
    numeric = derivative_range(activation(formula, **values), order)
    for ours, theirs in zip((found.sup, found.inf), (numeric.sup, numeric.inf), strict=True):
        at = ours.expr.subs({parameters[name]: v for name, v in values.items()})
        number = float(theirs.expr) if theirs.expr is not None else float(theirs.digits(17))
        assert float(at) == pytest.approx(number, rel=1e-14, abs=1e-14)


def test_parameters_of_unknown_sign_are_taken_as_real():
    a = sp.Symbol("a")
    found = derivative_range(activation("leaky_relu", alpha=a), 0)
    assert (found.sup.expr, found.inf.expr) == (sp.oo, sp.Piecewise((-sp.oo, a > 0), (0, True)))
    assert slope_bound(activation("leaky_relu", alpha=sp.Symbol("alpha", real=True))).expr == sp.Max(
        1, sp.Abs(sp.Symbol("alpha", real=True))
    )
    assert slope_bound(activation("sin(w*x)", w=a)).expr.free_symbols == {a}


def test_the_maximiser_is_a_root_to_any_number_of_digits():
    sup = derivative_range(activation("silu")).sup
    # mpmath at 60 digits: x tanh(x/2) = 2, found by its own secant iteration.
    with mpmath.workdps(60):
        want = mpmath.findroot(lambda t: t * mpmath.tanh(t / 2) - 2, mpmath.mpf("2.4"))
        assert abs(mpmath.mpf(sp.N(sup.root, 55)) - want) < mpmath.mpf(10) ** -54
        assert abs(mpmath.mpf(sup.digits(55)) - (mpmath.mpf(1) / 2 + want / 4)) < mpmath.mpf(10) ** -54


@pytest.mark.parametrize("name", thinned(["silu", "gelu", "gelu_tanh", "mish"], 2))
@pytest.mark.parametrize("order", [0, 1, 2])
def test_certified_values_have_any_number_of_digits(name, order):
    for end in ("sup", "inf"):
        extremum = getattr(derivative_range(activation(name), order), end)
        if extremum.status == "certified":
            lo, hi = extremum.enclosure
            value = extremum.digits(60)
            assert lo <= value <= hi
            assert abs(extremum.digits(120) - value) < 1e-58


def test_what_takes_too_long_is_answered_by_its_best_enclosure_says_so_and_is_not_kept(monkeypatch):
    monkeypatch.setattr(extrema, "TIME_LIMIT", 1e-3)
    act = Activation("tanh(x)*exp(-x**2/9)+0.3*sin(sin(x)+x)")
    _ = act.pieces
    found = derivative_range(act, 1)
    monkeypatch.undo()
    want = derivative_range(act, 1)
    for early, late in zip((found.sup, found.inf), (want.sup, want.inf), strict=True):
        assert early.cut_short
        assert not late.cut_short
        assert early.enclosure[0] <= late.enclosure[1]
        assert late.enclosure[0] <= early.enclosure[1]
        assert early.status == "numeric" or early.enclosure[1] - early.enclosure[0] <= 2e-9
        assert early.expr is None


def test_bounds_count_boxes_and_not_seconds(monkeypatch):
    act = activation("tanh(x)*exp(-x**2/9)+0.3*sin(sin(x)+x)")
    first = supremum.bounded(act.pieces, act.symbol, 1, 1)
    monkeypatch.setattr(time, "monotonic", lambda: 1e9)
    assert supremum.bounded(act.pieces, act.symbol, 1, 1) == first


@pytest.mark.parametrize(
    "formula", ["tanh(erf(1.702*x + 3))", "tanh(x)*exp(-(1.702*x+3)**2)", "exp(-1.0001*x**2)*sin(x)"]
)
def test_large_powers_of_one_exponential_are_not_factored(formula):
    found = derivative_range(activation(formula))
    assert {found.sup.status, found.inf.status} <= {"proved", "certified"}
    assert not found.sup.cut_short


def test_half_lines_with_waves_are_searched_over_one_period():
    found = derivative_range(activation("max(sin(x), x)"))
    assert (found.sup.status, found.inf.status) == ("proved", "proved")
    assert (found.sup.expr, found.inf.expr) == (1, -1)


@pytest.mark.parametrize(
    ("formula", "order", "low", "high"),
    [
        ("tanh(x-100)", 0, -1, 1),
        ("tanh(x-100)", 1, 0, 1),
        ("tanh(1e10*x)", 1, 0, 10**10),
        ("tanh(1e30*x)", 0, -1, 1),
        ("softplus(x-100)", 1, 0, 1),
        ("exp(-(x-1000)**2)", 1, -sp.sqrt(2) * sp.exp(-sp.S.Half), sp.sqrt(2) * sp.exp(-sp.S.Half)),
        ("1/(1+(x+5000)**2)", 0, 0, 1),
        ("sin(1e6*x+3)", 1, -(10**6), 10**6),
        ("log(1+log(1+x**2))", 0, 0, sp.oo),
    ],
)
def test_shift_and_scale_of_the_argument_do_not_matter(formula, order, low, high):
    found = derivative_range(activation(formula), order)
    assert (found.inf.expr, found.sup.expr) == (low, high)
    assert {found.inf.status, found.sup.status} == {"proved"}


def test_what_is_found_in_a_moved_variable_is_said_in_the_old_one():
    act = activation("(x-50)/(1+exp(50-x))")
    moved, plain = derivative_range(act, 1).sup, derivative_range(activation("silu"), 1).sup
    assert moved.enclosure == plain.enclosure
    assert abs(moved.at - plain.at - 50) < 1e-15
    assert abs(sp.N(moved.root - plain.root - 50, 30)) < 1e-28
    curvature = act.derivative(2)
    with mpmath.workdps(40):
        assert abs(sp.lambdify(act.symbol, curvature, "mpmath")(mpmath.mpf(sp.N(moved.root, 40)))) < 1e-36
    low = derivative_range(act, 0).inf
    assert low.expr == -sp.LambertW(sp.exp(-1))
    assert abs(sp.N(act.expr.subs(act.symbol, low.at) - low.expr, 30)) < 1e-28
    assert abs(sp.N((low.equation.lhs - low.equation.rhs).subs(act.symbol, low.at), 30)) < 1e-28
