"""Decay of φ', growth of φ and monotone pieces of each row of the catalogue: a table by hand, and values far out."""

import mpmath
import pytest
import sympy as sp

from tests.thinning import thinned
from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.shape import monotone_pieces, tails

WAVES = ("sin", "cos", "siren", "snake")
# (lim φ' on the left and right, growth of φ on the left and right, directions of the monotone pieces)
TABLE = {
    "step": ("0 0", "bounded bounded", (0, 0)),
    "sigmoid": ("0 0", "bounded bounded", (1,)),
    "hard_sigmoid": ("0 0", "bounded bounded", (0, 1, 0)),
    "tanh": ("0 0", "bounded bounded", (1,)),
    "lecun_tanh": ("0 0", "bounded bounded", (1,)),
    "hard_tanh": ("0 0", "bounded bounded", (0, 1, 0)),
    "arctan": ("0 0", "bounded bounded", (1,)),
    "erf": ("0 0", "bounded bounded", (1,)),
    "probit": ("0 0", "bounded bounded", (1,)),
    "softsign": ("0 0", "bounded bounded", (1,)),
    "isru": ("0 0", "bounded bounded", (1,)),
    "sin": ("None None", "bounded bounded", (-1, 1, -1)),
    "cos": ("None None", "bounded bounded", (1, -1)),
    "siren": ("None None", "bounded bounded", (-1, 1, -1)),
    "gaussian": ("0 0", "bounded bounded", (1, -1)),
    "identity": ("1 1", "linear linear", (1,)),
    "log_sigmoid": ("1 0", "linear bounded", (1,)),
    "tanhshrink": ("1 1", "linear linear", (1,)),
    "bent_identity": ("1/2 3/2", "linear linear", (1,)),
    "snake": ("None None", "linear linear", (1,)),
    "gelu": ("0 1", "bounded linear", (-1, 1)),
    "gelu_tanh": ("0 1", "bounded linear", (-1, 1)),
    "silu": ("0 1", "bounded linear", (-1, 1)),
    "swish": ("0 1", "bounded linear", (-1, 1)),
    "mish": ("0 1", "bounded linear", (-1, 1)),
    "softplus": ("0 1", "bounded linear", (1,)),
    "squareplus": ("0 1", "bounded linear", (1,)),
    "relu": ("0 1", "bounded linear", (0, 1)),
    "leaky_relu": ("1/100 1", "linear linear", (1,)),
    "prelu": ("1/4 1", "linear linear", (1,)),
    "rrelu": ("11/48 1", "linear linear", (1,)),
    "tailored_rectifier": ("sqrt(2/5) 2*sqrt(2/5)", "linear linear", (1,)),
    "relu6": ("0 0", "bounded bounded", (0, 1, 0)),
    "relu_squared": ("0 oo", "bounded polynomial", (0, 1)),
    "elu": ("0 1", "bounded linear", (1,)),
    "celu": ("0 1", "bounded linear", (1,)),
    "selu": ("0 1.0507009873554804934193349852946", "bounded linear", (1,)),
    "hard_swish": ("0 1", "bounded linear", (0, -1, 1)),
}
LEADING = {  # the leading term of φ' − lim φ' on the right (left for those that are linear on the right), by hand
    "tanh": "4*exp(-2*x)",
    "sigmoid": "exp(-x)",
    "arctan": "1/x**2",
    "erf": "2*exp(-x**2)/sqrt(pi)",
    "softsign": "1/x**2",
    "isru": "1/x**3",
    "softplus": "-exp(-x)",
    "tanhshrink": "-4*exp(-2*x)",
    "mish": "4*x*exp(-2*x)",
    "silu": "x*exp(-x)",
    "gelu": "x*exp(-x**2/2)/sqrt(2*pi)",
    "relu_squared": "2*x",
}


def test_the_table_has_every_row():
    assert set(TABLE) == set(catalogue)


@pytest.mark.parametrize("name", thinned(TABLE, 3))
def test_limits_growth_and_directions(name):
    act, (limits, classes, directions) = activation(name), TABLE[name]
    for side, want in zip(tails(act), limits.split(), strict=True):
        assert (
            side.limit is None
            if want == "None"
            else sp.simplify(side.limit - sp.Rational(want)) == 0
            if (want.replace(".", "").isdigit())
            else side.limit == sp.sympify(want)
        )
    assert [side.growth for side in tails(act, order=0)] == classes.split()
    found = monotone_pieces(act)
    assert tuple(piece.direction for piece in found) == directions
    if name not in WAVES:
        assert (found[0].lo, found[-1].hi) == (-sp.oo, sp.oo)


@pytest.mark.parametrize("name", LEADING)
def test_leading_terms_by_hand(name):
    x = activation(name).symbol
    assert sp.simplify(tails(activation(name))[1].leading - sp.sympify(LEADING[name], locals={"x": x})) == 0


@pytest.mark.parametrize("name", [n for n in catalogue if n not in WAVES])
@pytest.mark.parametrize("order", [0, 1])
def test_leading_terms_are_what_is_left_far_out(name, order):
    act = activation(name)
    x = act.symbol
    ends = tails(act, order)
    parts = act.derivative_pieces(order)
    far = sp.Integer(20)  # where 1/x² is 0.0025
    with mpmath.workdps(500):  # e^{-x²} and the tanh-GELU's e^{-0.0713 x³} are around 1e-260 there
        for side, end, part in zip((-1, 1), ends, (parts[0], parts[-1]), strict=True):
            at = mpmath.mpf(side * int(far))
            value = sp.lambdify(x, part.expr, "mpmath")(at)
            rest = value - (sp.lambdify(x, end.limit, "mpmath")(at) if end.limit.is_finite else 0)
            if end.leading == 0:
                assert abs(rest) < mpmath.mpf(10) ** -490
            else:
                ratio = rest / sp.lambdify(x, end.leading, "mpmath")(at)
                assert abs(ratio - 1) < (0.1 if end.leading.is_rational_function(x) or name != "tanh" else 1e-15)
                assert abs(1.25 * ratio - 1) > 0.1  # a coefficient wrong by a quarter is noticed


@pytest.mark.parametrize(
    ("formula", "left", "right"),
    [
        ("log(1+x^2)", "logarithmic", "logarithmic"),
        ("asinh(x)", "logarithmic", "logarithmic"),
        ("sqrt(1+x^2)", "linear", "linear"),
        ("(1+x^2)^0.25", "sublinear", "sublinear"),
        ("exp(x)", "bounded", "exponential"),
        ("exp(x^2)", "superexponential", "superexponential"),
        ("x^3", "polynomial", "polynomial"),
        ("sin(x)+tanh(x)", "bounded", "bounded"),
        ("log(normal_cdf(x))", "polynomial", "bounded"),
    ],
)
def test_growth_of_formulas(formula, left, right):
    assert [side.growth for side in tails(Activation(formula), order=0)] == [left, right]


def test_directions_change_where_the_slope_vanishes():
    act = Activation("x*exp(-x^2/2)+0.1*tanh(3*x)")
    found = monotone_pieces(act)
    slope = sp.lambdify(act.symbol, act.derivative(1), "mpmath")
    with mpmath.workdps(30):
        for piece in found[:-1]:
            assert abs(slope(mpmath.mpf(sp.N(piece.hi, 30)))) < 1e-27
    assert [p.direction for p in found] == [1, -1, 1, -1, 1]
    # A jump against the direction separates two rising pieces.
    assert [p.direction for p in monotone_pieces(Activation("x - sign(x)"))] == [1, 1]
    assert [p.direction for p in monotone_pieces(Activation("x + sign(x)"))] == [1]


def test_what_has_no_expansion_is_refused():
    with pytest.raises(UnsupportedError):
        tails(Activation("tanh(b*x)", b=sp.Symbol("b", positive=True)), order=0)
    with pytest.raises(UnsupportedError):
        monotone_pieces(Activation("tanh(x)+sin(x)"))


def test_jumps_of_an_activation():
    assert activation("step").jumps() == ((0, 1),)
    assert activation("relu").jumps() == ()
    assert activation("relu6").jumps(1) == ((0, 1), (6, -1))
    assert activation("relu_squared").jumps(1) == ()
    assert activation("relu_squared").jumps(2) == ((0, 2),)
