"""Gaussian means: every closed form against a certified integral to 30 digits, published values, limits, refusals."""

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb

from tests.thinning import thinned
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic import calculus
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import precision
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.gaussian import GaussianMean, dual_kernel, gaussian_mean, gradient_gain, length_map
from vgtheory.symbolic.gaussian.hermite import DualMean
from vgtheory.symbolic.notation import q, x
from vgtheory.symbolic.special import erfcx

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "gaussian_means.json").read_text(encoding="utf-8"))
CLOSED = ("identity", "relu", "leaky_relu", "erf", "sin", "hard_tanh", "elu", "selu", "gelu")
SECTION = (*CLOSED, "exp(x)", "gaussian", "cos", "probit", "relu_squared", "abs(x)", "relu6", "hard_swish", "snake")
CERTIFIED = ("tanh", "sigmoid", "silu", "mish", "softplus")
VARIANCES = (sp.Rational(1, 1000), sp.Rational(7, 10), sp.Integer(40))
a = sp.Symbol("a", positive=True)


def combined(left, right, x):
    """Return the product of two functions given as pieces with the same breakpoints."""
    parts = (calculus.Piece(f.lo, f.hi, f.expr * g.expr) for f, g in zip(left, right, strict=True))
    return calculus.assemble(tuple(parts), x)


def assert_same_to_30_digits(closed, f, x, variance):
    """The closed form lies in the certified integral's ball, whose radius is below 1e-30 of the value."""
    with precision(200):
        direct = GaussianMean(f, x, variance).enclosure(130)
        value = enclose(closed, 35)
        assert value.overlaps(direct), (closed, value, direct)
        assert direct.rad() < arb(10) ** -30 * max(abs(direct.mid()), arb(1))
        # Power twin: a closed form that is wrong by 1e-28 of itself would be noticed.
        wrong = value * (1 + arb(10) ** -28)
        assert value.contains(arb(0)) or not wrong.overlaps(direct)


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("make", [length_map, gradient_gain])
def test_closed_maps_agree_with_certified_integrals(name, make):
    act = activation(name)
    formula = make(act)
    assert formula.status == "proved"
    assert not formula.expr.has(GaussianMean)
    assert formula.expr.free_symbols <= {q}
    parts = act.pieces if make is length_map else act.derivative_pieces()
    for variance in VARIANCES:
        assert_same_to_30_digits(formula.expr.subs(q, variance), combined(parts, parts, x), x, variance)


@pytest.mark.parametrize("name", CLOSED)
def test_means_of_phi_and_phi_times_curvature_are_closed(name):
    act = activation(name)
    for f in (act.expr, combined(act.pieces, act.derivative_pieces(2), x)):
        formula = gaussian_mean(f, q, x)
        assert formula.status == "proved"
        assert_same_to_30_digits(formula.expr.subs(q, sp.Rational(7, 10)), f, x, sp.Rational(7, 10))


@pytest.mark.parametrize("name", thinned(SECTION, 3))
@pytest.mark.parametrize("variance", [sp.Rational(1, 1000), sp.Rational(7, 10), sp.Integer(30)], ids=str)
def test_all_means_of_the_closed_entries_to_30_digits(name, variance):
    act = activation(name)
    slopes = act.derivative_pieces()
    square = tuple(calculus.Piece(p.lo, p.hi, p.expr**2) for p in slopes)
    means = {
        "E phi": act.expr,
        "E phi^2": combined(act.pieces, act.pieces, x),
        "E phi'^2": calculus.assemble(square, x),
        "E phi'^4": combined(square, square, x),
        "E phi phi''": combined(act.pieces, act.derivative_pieces(2), x),
    }
    for key, f in means.items():
        formula = gaussian_mean(f, q, x)
        if (name, key) == ("gelu", "E phi'^4"):  # four erf factors: an orthant probability in four variables
            assert formula.status == "certified"
            continue
        assert formula.status == "proved", key
        assert_same_to_30_digits(formula.expr.subs(q, variance), f, x, variance)


def test_waves_of_a_square_are_left_to_the_certified_integral():
    formula = gaussian_mean(sp.sin(x**2), q)
    assert formula.status == "certified"
    # Im (1 − 2iq)^{−1/2}
    assert math.isclose(formula.at(q=0.7).value(), ((1 - 1.4j) ** -0.5).imag, rel_tol=1e-14)


@pytest.mark.parametrize("name", thinned(["softplus", "mish", "log_sigmoid", "tanh", "silu"], 2))
@pytest.mark.parametrize("variance", [1e-8, 1e4, 1e8])
def test_any_variance_is_reached(name, variance):
    for make in (length_map, gradient_gain):
        at = make(name).at(q=variance)
        assert at.error <= 1e-15 * abs(at.value())
    if name in ("softplus", "mish", "log_sigmoid", "silu") and variance > 1:
        # a ramp on one side: E φ² → q/2, E φ'² → 1/2, up to the order q^{-1/2} that the smooth corner adds
        assert math.isclose(length_map(name).at(q=variance).value(), variance / 2, rel_tol=3 / variance**0.5)
        assert math.isclose(gradient_gain(name).at(q=variance).value(), 0.5, rel_tol=2 / variance**0.5)


@pytest.mark.parametrize(
    "f",
    [
        sp.exp(-2 * x**2),
        x**3 * sp.exp(x) * sp.erf(x),
        x * sp.exp(x) * sp.sin(x),
        x**4 * sp.erf(x) ** 2,
        sp.Max(x, 0) ** 2 * sp.erf(x),
        sp.Max(x, 0) * sp.erf(x) ** 2,
        sp.exp(x) * sp.erf(x + 1),
        sp.erf(x) * sp.erf(2 * x) * sp.exp(-(x**2)),
        sp.Piecewise((x**2 * sp.exp(x), x < 1), (sp.exp(-(x**2)), True)),
        sp.Abs(x) ** 3,
        sp.cosh(x) ** 2,
        sp.cos(x) ** 3 * x**2,
        sp.Heaviside(x - 1),
        2**x,
    ],
)
def test_rules_agree_with_certified_integrals(f):
    formula = gaussian_mean(f, q)
    assert formula.status == "proved"
    for variance in (sp.Rational(1, 20), sp.Rational(13, 10)):
        assert_same_to_30_digits(formula.expr.subs(q, variance), f, x, variance)


@pytest.mark.parametrize("name", CERTIFIED)
@pytest.mark.parametrize("make", [length_map, gradient_gain])
def test_certified_maps_enclose_the_quadrature(name, make):
    formula = make(name)
    assert formula.status == "certified"
    at = formula.at(q=0.7)
    assert 0 < at.error < 1e-15 * float(at.value())
    act = activation(name)
    parts = act.pieces if make is length_map else act.derivative_pieces()
    f = sp.lambdify(act.symbol, combined(parts, parts, act.symbol), "mpmath")
    with mpmath.workdps(25):
        density = mpmath.mpf(1) / mpmath.sqrt(2 * mpmath.pi * 0.7)
        direct = mpmath.quad(lambda t: f(t) * mpmath.exp(-t * t / 1.4) * density, [-14, -4, 0, 4, 14])
    assert abs(at.value() - direct) < 1e-14


@pytest.mark.parametrize("name", sorted(REFERENCE["moments_q1"]))
def test_published_moments(name):
    row, act = REFERENCE["moments_q1"][name], activation(name)
    fourth = calculus.assemble(
        tuple(calculus.Piece(p.lo, p.hi, p.expr**4) for p in act.derivative_pieces()), act.symbol
    )
    found = {
        "E_phi": gaussian_mean(act.expr, 1, act.symbol),
        "E_phi2": length_map(act).at(q=1) if length_map(act).expr.has(q) else length_map(act),
        "E_dphi2": gradient_gain(act).at(q=1) if gradient_gain(act).expr.has(q) else gradient_gain(act),
        "E_dphi4": gaussian_mean(fourth, 1, act.symbol),
    }
    for key, formula in found.items():
        assert abs(float(formula.value()) - row[key]) < 2e-14, key


@pytest.mark.parametrize("row", REFERENCE["maps"], ids=lambda r: r["activation"])
def test_published_maps(row):
    make = {"length_map": length_map, "gradient_gain": gradient_gain}[row["map"]]
    assert math.isclose(make(row["activation"]).at(q=row["q"]).value(), row["value"], rel_tol=1e-14)


@pytest.mark.parametrize("row", REFERENCE["kernels"], ids=lambda r: r["activation"])
def test_published_dual_kernels(row):
    value, slope = dual_kernel(row["activation"])
    assert value.status == slope.status == "proved"
    assert math.isclose(at_covariance(value).value(), row["value"], rel_tol=2e-14)


def at_covariance(formula):
    first, cross, second = sp.Rational("1.3"), sp.Rational("0.45"), sp.Rational("0.8")
    point = {"q1": first, "q2": second, "c": cross / sp.sqrt(first * second)}
    return formula.at(**{s.name: point[s.name] for s in formula.expr.free_symbols})


@pytest.mark.parametrize("name", thinned(["gelu", "relu", "erf", "sin", "exp(x)", "max(x, 0.3*x)"], 3))
def test_dual_kernels_agree_with_the_certified_hermite_series(name):
    act = activation(name)
    for formula, parts in zip(dual_kernel(act), (act.pieces, act.derivative_pieces()), strict=True):
        point = {"q1": sp.Rational(1, 2), "q2": sp.Rational(4, 5), "c": sp.Rational(1, 4)}
        assert formula.status == "proved"
        closed = formula.at(**{s.name: point[s.name] for s in formula.expr.free_symbols}).value(20)
        series = DualMean(calculus.assemble(parts, act.symbol), act.symbol, *point.values()).enclosure(60)
        with mpmath.workdps(30), precision(100):
            assert series.rad() < 1e-15
            assert series.contains(arb(mpmath.nstr(closed, 22)))
            assert not series.contains(arb(mpmath.nstr(closed * (1 + mpmath.mpf(10) ** -12), 22)))


@pytest.mark.parametrize("name", ["relu", "gelu", "erf", "sin"])
def test_dual_kernel_at_correlation_one_is_the_length_map(name):
    value, slope = dual_kernel(name)
    assert math.isclose(value.at(q1=0.7, q2=0.7, c=1).value(), length_map(name).at(q=0.7).value(), rel_tol=1e-14)
    gain = gradient_gain(name)
    gain = gain.at(q=0.7) if gain.expr.has(q) else gain
    point = {s.name: 1 if s.name == "c" else 0.7 for s in slope.expr.free_symbols}
    assert math.isclose(slope.at(**point).value(), gain.value(), rel_tol=1e-14)


@pytest.mark.slow
def test_dual_kernel_without_closed_form_is_certified():
    value, _ = dual_kernel("tanh")
    at = value.at(q1=0.5, q2=0.5, c=0.25)
    assert value.status == "certified"
    s, step = np.linspace(-9, 9, 181, retstep=True)  # the trapezoidal rule is off by exp(−2π·2.2/0.1): poles at ±2.2i
    density = step * np.exp(-s * s / 2) / np.sqrt(2 * np.pi)
    other = np.tanh(np.sqrt(0.5) * (s[:, None] / 4 + np.sqrt(15 / 16) * s)) @ density
    direct = (density * np.tanh(np.sqrt(0.5) * s)) @ other
    assert abs(at.value() - direct) < 1e-12
    assert 0 < at.error < 1e-15


def test_symbolic_parameters_stay():
    alpha = sp.Symbol("alpha", real=True)
    assert sp.expand(length_map(activation("leaky_relu", alpha=alpha)).expr - (1 + alpha**2) * q / 2) == 0
    assert gaussian_mean(sp.exp(-a * x**2), q).expr == (1 + 2 * a * q) ** sp.Rational(-1, 2)
    assert length_map(activation("elu", alpha=a)).status == "proved"


def test_gelu_gain_in_the_form_of_the_literature():
    expected = (
        sp.Rational(1, 4)
        + sp.asin(q / (1 + q)) / (2 * sp.pi)
        + q / (sp.pi * (1 + q) * sp.sqrt(1 + 2 * q))
        + q / (2 * sp.pi * (1 + 2 * q) ** sp.Rational(3, 2))
    )
    assert sp.simplify(gradient_gain("gelu").expr - expected) == 0


def test_a_mean_that_does_not_exist_is_never_a_number():
    formula = gaussian_mean(sp.exp(x**2), q)
    assert formula.conditions == (q < sp.Rational(1, 2),)
    assert math.isclose(formula.at(q=0.3).value(), 0.4**-0.5)
    for value in (0.5, 0.6):
        with pytest.raises(InputError, match="q < 1/2"):
            formula.at(q=value)
        assert gaussian_mean(sp.exp(x**2), value).expr == sp.oo
        assert gaussian_mean(sp.exp(x**2) * sp.tanh(x) ** 2, value).expr == sp.oo
    # On half a line the sign of the wrong formula would not even show: 1/(1 − 2q).
    with pytest.raises(InputError):
        gaussian_mean(sp.Max(x, 0) * sp.exp(x**2), q).at(q=1)


def test_what_cannot_be_certified_is_refused():
    with pytest.raises(UnsupportedError, match="certified"):
        gaussian_mean(sp.log(sp.Abs(x)), 1).value()
    with pytest.raises(InputError, match="variance"):
        gaussian_mean(x**2, -1)
    with pytest.raises(InputError, match="variable"):
        gaussian_mean(sp.Symbol("r") * sp.Symbol("s"), q)
    with pytest.raises(InputError, match="SymPy"):
        gaussian_mean("x**2", q)
    with pytest.raises(InputError, match="c <= 1"):
        dual_kernel("relu").value.at(c=1.5)


def test_numbers_and_expressions_as_variance():
    assert abs(gaussian_mean(x**2, q).at(q=0.7).value() - mpmath.mpf("0.7")) < 1e-15
    assert gaussian_mean(sp.tanh(x) ** 2, 0).expr == 0
    s = sp.Symbol("s", positive=True)
    assert gaussian_mean(x**4, s**2).expr == 3 * s**4
    assert gaussian_mean(sp.Symbol("t") ** 2, 2).expr == 2


def test_derivative_by_the_variance_of_a_certified_mean():
    mean = gaussian_mean(sp.sign(x - 1) * sp.tanh(x), q).expr
    h = sp.Rational(1, 10**6)
    slope = (mean.subs(q, 1 + h) - mean.subs(q, 1 - h)) / (2 * h)
    assert abs(sp.N(mean.diff(q).subs(q, 1) - slope, 20)) < 1e-10


def test_extreme_variances():
    assert abs(float(gradient_gain("tanh").at(q=1e-12).value()) - (1 - 2e-12)) < 1e-15
    assert math.isclose(gradient_gain("tanh").at(q=1e8).value(), 4 / 3 / math.sqrt(2 * math.pi * 1e8), rel_tol=1e-6)
    assert math.isclose(gradient_gain("elu").at(q=1e30).value(), 0.5, rel_tol=1e-12)


def test_the_bound_variable_is_bound():
    mean = GaussianMean(a * sp.tanh(x) ** 2, x, q)
    assert mean.free_symbols == {a, q}
    assert mean.subs(x, 3) == mean
    shifted = mean.subs(a, x)
    assert shifted.free_symbols == {x, q}
    assert abs(sp.N(shifted.subs({x: 2, q: 1}) - mean.subs({a: 2, q: 1}))) < 1e-14
    assert mean.func(*mean.args) == mean


def test_erfcx_keeps_relative_accuracy_where_its_factors_leave_the_doubles():
    with mpmath.workdps(60):
        for value in (-30, 0, sp.Rational(1, 3), 5, 10**3, 10**8):
            t = mpmath.mpf(sp.Rational(value).p) / sp.Rational(value).q
            with mpmath.workdps(80):
                expected = mpmath.exp(t * t) * mpmath.erfc(t) if abs(t) < 100 else None
            ball = enclose(erfcx(value), 30)
            if expected is None:
                expected = (1 - 1 / (2 * t**2) + 3 / (4 * t**4)) / (t * mpmath.sqrt(mpmath.pi))
            assert abs(mpmath.mpf(sp.N(erfcx(value), 30)) / expected - 1) < 1e-15
            assert abs(mpmath.mpf(ball.mid().str(35, radius=False)) / expected - 1) < 1e-15
    assert sp.simplify(erfcx(x).diff(x).rewrite(sp.erfc) - (sp.exp(x**2) * sp.erfc(x)).diff(x)) == 0


def test_every_activation_of_the_catalogue_has_both_maps():
    for name in catalogue:
        for make in (length_map, gradient_gain):
            formula = make(name)
            value = (formula.at(q=1) if formula.expr.has(q) else formula).value()
            assert value >= 0, name


def test_a_users_formula_is_as_good_as_a_built_in_one():
    own = Activation("x/2*(1+erf(x/sqrt(2)))")
    assert gradient_gain(own).expr == gradient_gain("gelu").expr
