"""Which Gaussian means are finite: against exact moments, mpmath in a variable that removes the power, and scaling."""

import mpmath
import pytest
import sympy as sp

from tests.thinning import thinned
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.gaussian import dual_kernel, gaussian_mean, gradient_gain, length_map
from vgtheory.symbolic.integrability import finite_mean, smoothness
from vgtheory.symbolic.notation import q, x


@pytest.mark.parametrize("k", ["0.3", "0.5", "0.51", "0.55", "0.75", "0.9", "1.5"])
@pytest.mark.parametrize("power", [1, 2, 4, 6])
def test_a_power_has_the_means_that_its_exponent_allows(k, power):
    found = finite_mean(Activation(f"abs(x)**{k}"), 1, power)
    finite = power * (sp.Rational(k) - 1) > -1
    assert found.limit == (sp.oo if finite else 0)
    assert found.holds(0.7) == bool(finite)
    assert bool(found.reason) != bool(finite)
    assert finite_mean(Activation(f"abs(x)**{k}"), 0, power).limit == sp.oo


@pytest.mark.parametrize("k", ["0.51", "0.55", "0.75", "1.25", "2.5"])
@pytest.mark.parametrize("variance", ["0.3", "1", "7"])
def test_the_gain_of_a_power_is_its_exact_moment(k, variance):
    formula = gradient_gain(f"abs(x)**{k}")
    assert formula.status == "proved"
    with mpmath.workdps(30):
        e, v = mpmath.mpf(k), mpmath.mpf(variance)
        exact = e**2 * (2 * v) ** (e - 1) * mpmath.gamma(e - 0.5) / mpmath.sqrt(mpmath.pi)
        assert abs(formula.at(q=sp.Rational(variance)).value(25) / exact - 1) < 1e-24


@pytest.mark.parametrize(
    ("at", "k"), thinned([("1", "0.75"), ("1/3", "0.6"), ("-0.4", "0.55"), ("sqrt(2)", "1.25")], 2)
)
def test_a_power_beside_the_origin_is_integrated_up_to_its_singularity(at, k):
    formula = gradient_gain(f"abs(x - ({at}))**{k}").at(q=0.8)
    with mpmath.workdps(30):
        where, e = mpmath.mpf(sp.N(sp.sympify(at), 40)), mpmath.mpf(k)
        m = 1 / (2 * e - 1)  # t = u^m takes the power out of t^(2k - 2) dt
        density = lambda t: mpmath.npdf(t, 0, mpmath.sqrt("0.8"))  # noqa: E731
        f = lambda u: e**2 * m * (density(where + u**m) + density(where - u**m))  # noqa: E731
        end = mpmath.mpf(14) ** (1 / m)
        direct = mpmath.quad(f, mpmath.linspace(0, end, 40))
        assert abs(formula.value() - direct) < 1e-14
    assert 0 < formula.error < 1e-15


@pytest.mark.parametrize(
    "formula", ["sqrt(abs(x))", "max(x, 0)**0.3", "abs(x-1)**0.5*tanh(x)", "exp(x^3)", "sinh(x^4)"]
)
def test_an_infinite_gain_is_infinite_and_says_why(formula):
    gain = gradient_gain(formula)
    assert gain.expr == sp.oo
    assert gain.value() == mpmath.inf
    assert "infinite: it grows like" in gain.statement
    assert finite_mean(activation(formula)).limit == 0


@pytest.mark.parametrize(
    ("formula", "order", "power", "limit", "closed"),
    [
        ("exp(x^2/4)", 0, 2, 1, True),
        ("exp(x^2/4)", 1, 2, 1, True),
        ("exp(x^2/4)", 1, 6, sp.Rational(1, 3), True),
        ("exp(x^2/4)/(1+x^2)", 0, 2, 1, False),  # x^-4 is left at q = 1
        ("exp(x^2/4 - x)", 0, 2, 1, True),  # e^{2|x|} is left, to the left
        ("exp(max(x,0)^2/4 - max(x,0))", 0, 2, 1, False),  # e^{-2x} is left
        ("exp(x^2/2)*tanh(x)", 0, 1, 1, True),
        ("exp(x)", 1, 6, sp.oo, True),
        ("sin(exp(x))", 1, 6, sp.oo, True),
        ("x^6*sin(x^3)", 1, 4, sp.oo, True),
        ("exp(-x^2)", 0, 2, sp.oo, True),
    ],
)
def test_growth_bounds_the_variance(formula, order, power, limit, closed):
    found = finite_mean(activation(formula), order, power)
    assert found.limit == limit
    if limit.is_finite if isinstance(limit, sp.Expr) else True:
        assert found.holds(limit) == (not closed)
        assert found.holds(limit * sp.Rational(99, 100))
        assert not found.holds(limit * sp.Rational(101, 100))


def test_every_activation_of_the_catalogue_has_all_means():
    for name in catalogue:
        act = activation(name)
        assert all(finite_mean(act, order, 6).limit == sp.oo for order in (0, 1)), name


def test_a_mean_is_infinite_from_its_limit_on():
    square = sp.exp(x**2 / 2) * sp.tanh(x) ** 2
    assert gaussian_mean(square, 0.99).value() < mpmath.inf
    for variance in (1, 1.5):
        assert gaussian_mean(square, variance).value() == mpmath.inf
        assert gaussian_mean(-square, variance).value() == -mpmath.inf
    assert gaussian_mean(square, q).conditions == (q < 1,)
    with pytest.raises(InputError, match="positive and negative"):
        gaussian_mean(sp.exp(x**2) * x, 1)
    assert gaussian_mean(1 / sp.Abs(x), q).expr == sp.oo


def test_smoothness_of_a_few():
    cusp = smoothness(Activation("sqrt(abs(x - 2))"))
    assert cusp.kinks == ((2, sp.oo),)
    assert [(e.at, e.side, e.exponent, e.sign) for e in cusp.edges] == [(2, -1, -sp.S.Half, -1), (2, 1, -sp.S.Half, 1)]
    assert not cusp.bounded_slope
    tangent = smoothness(Activation("sign(x)*sqrt(abs(x))"))
    assert tangent.kinks == ()  # steep, but with one slope
    assert smoothness(activation("relu")).kinks == ((0, 1),)
    assert smoothness(activation("step")).jumps == ((0, 1),)
    for name, bounded in (("tanh", True), ("sin", True), ("abs(x)**1.5", False), ("x*sin(x)", False), ("snake", True)):
        assert smoothness(activation(name)).bounded_slope is bounded, name


def test_what_is_not_known_is_refused():
    with pytest.raises(UnsupportedError, match="no rule for a"):
        finite_mean(activation("exp(a*x^2)", a=sp.Symbol("a", positive=True)))
    with pytest.raises(InputError, match="q must be"):
        finite_mean(activation("tanh")).holds(-1)
    slope = dual_kernel("sqrt(abs(x))").slope
    with pytest.raises(UnsupportedError, match="infinite"):
        slope.at(q1=1, q2=1, c=0.3).value()


def test_scaling_of_a_power():
    """E φ² is homogeneous of degree k in q, E φ'² of degree k − 1."""
    for make, degree in ((length_map, sp.Rational(3, 4)), (gradient_gain, -sp.Rational(1, 4))):
        formula = make("abs(x)**0.75")
        assert sp.simplify(formula.expr.subs(q, 3 * q) / formula.expr - 3**degree) == 0
