"""Every activation, built in or written by a user, to a few ulp of ball arithmetic, without overflow."""

import warnings

import flint
import numpy as np
import pytest
import sympy as sp
from scipy import special

from tests.catalogue_rows import OTHER_PARAMETERS
from tests.thinning import thinned
from tests.tolerances import BITS, ulp_errors
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.codegen.compiled import compile_activation, load
from vgtheory.codegen.evaluate import evaluator
from vgtheory.codegen.precision import single_suffices
from vgtheory.codegen.source import RowKind, row_source
from vgtheory.codegen.stabilise import stabilise
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import compile_jets, jets
from vgtheory.symbolic.catalogue import activation, catalogue

FORMULAS = [
    "x/(1+exp(-x))",
    "x*tanh(log(1+exp(x)))",
    "Max(x, 0.1*x)",
    "tanh(x)+0.1*x",
    "x*exp(-x**2)",
    "log(1+x**2)",
    "atan(x)",
    "x/(1+abs(x))",
    "x/sqrt(1+x**2)",
    "sin(x)**2+x",
    "1/(1+exp(-1.702*x))*x",
    "tanh(x-1)",
    "1/(1+exp(2-3*x))",
    "x*erf(x)",
    "log(1+exp(2*x))/2",
    "asinh(x)",
    "Max(0, tanh(x))",
    "exp(-x**2/2)",
    "(x+sqrt(x**2+0.5))/2",
    "sqrt(x**2+2)-x",
    "x-sqrt(x**2+3)",
    "x-atan(x)",
    "1-exp(-x**2)-x**2",
]
# The rows of the catalogue with other than their default parameters, written as a user would.
OTHERS = {name: str(activation(name, **values).expr) for name, values in OTHER_PARAMETERS.items()}
ALL = [*catalogue, *FORMULAS, *OTHERS.values()]
SINGLE = [*catalogue, *(pytest.param(f, marks=pytest.mark.slow) for f in [*FORMULAS, *OTHERS.values()])]
# (activation, order) with a true zero away from x = 0, next to which no formula in doubles keeps relative accuracy.
ZEROS = {
    *(
        (name, 1)
        for name in ("gelu", "gelu_tanh", "silu", "swish", "mish", "snake", "x/(1+exp(-x))", "x*tanh(log(1+exp(x)))")
    ),
    *((name, 1) for name in ("x*exp(-x**2)", "sin(x)**2+x", "1/(1+exp(-1.702*x))*x")),
    *((name, 0) for name in ("tanh(x-1)",)),
    *((name, order) for name in ("siren", OTHERS["siren"]) for order in (0, 1)),
    *((OTHERS[name], 1) for name in ("swish", "snake")),
}
WAVES = ("cos", "siren", "snake")
FAR = (np.inf, -np.inf, np.nan)
RNG = np.random.default_rng(5)
POINTS = np.concatenate([RNG.uniform(-40, 40, 60), RNG.standard_normal(60), RNG.standard_normal(10) * 1e-6])
TAILS = np.array([-700.0, -300.0, -100.0, 100.0, 300.0, 700.0])


def exact(act, order, points):
    """Values of the derivative of this order as balls, and the size of the largest term that makes them."""
    old, flint.ctx.prec = flint.ctx.prec, BITS
    parts = act.derivative_pieces(order) if order else act.pieces
    try:
        values = []
        for x in points:
            part = next(p for p in parts if p.lo < sp.Rational(float(x)) <= p.hi)
            values.append(jets(compile_jets(part.expr, act.symbol), flint.arb(float(x)), 0)[0])
        return values
    finally:
        flint.ctx.prec = old


def near_zeros(name, points):
    """Where zeros of φ or φ' may lie: within ±3, but everywhere for waves."""
    waves = "sin" in name or name in ("cos", "siren", "snake")
    return np.abs(points) < (np.inf if waves else 3.0)


def rounding_of_x(act, order, points):
    """|x f'|, what rounding x alone does to f: the honest unit near the zeros of f."""
    slope = np.array([float(v) for v in exact(act, order + 1, points)])
    unit = np.abs(points * slope)
    return np.where(near_zeros(act.name, points), unit, 0.0)


def visible(true):
    """Where the true value is a normal number."""
    return np.array([abs(float(v)) > 1e-290 or v == 0 for v in true])


@pytest.mark.parametrize("name", thinned(ALL, 3))
def test_value_and_slope_are_right_to_a_few_ulp(name):
    act = activation(name)
    points = np.concatenate([POINTS, TAILS])
    computed = compile_activation(act).both(points)
    for order in (0, 1):
        true = exact(act, order, points)
        scale = rounding_of_x(act, order, points) if (name, order) in ZEROS else np.zeros_like(points)
        keep = visible(true)
        errors = ulp_errors(computed[order][keep], [v for v, k in zip(true, keep, strict=True) if k], scale=scale[keep])
        assert errors.max() < 4.0, (order, points[keep][errors.argmax()])


@pytest.mark.parametrize("name", ALL)
def test_numpy_and_compiled_agree(name):
    act = activation(name)
    points = np.concatenate([POINTS, TAILS, [np.nan, 0.0, 1000.0, -1000.0]])
    value, slope = compile_activation(act).both(points)
    near = 3e-15 * near_zeros(name, points)
    for numpy_result, result in ((evaluator(act).value(points), value), (evaluator(act).slope(points), slope)):
        assert np.all((np.abs(numpy_result - result) <= 3e-15 * np.abs(result) + near) | np.isnan(points))
    assert np.isnan(value[-4])
    assert np.isnan(slope[-4])


@pytest.mark.parametrize("name", ALL)
def test_nothing_overflows_and_nothing_warns_at_a_thousand(name):
    act = activation(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f in (compile_activation(act).both([-1000.0, 1000.0]),):
            assert np.all(np.isfinite(f))
        e = evaluator(act)
        assert np.all(np.isfinite([e.value([-1000.0, 1000.0]), e.slope([-1000.0, 1000.0])]))


INF = np.inf
LIMITS = {
    "identity": (-INF, INF),
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
    "erf": (-1, 1),
    "relu": (0, INF),
    "leaky_relu": (-INF, INF),
    "elu": (-1, INF),
    "selu": (-1.0507009873554805 * 1.6732632423543772, INF),
    "gelu": (0, INF),
    "gelu_tanh": (0, INF),
    "silu": (0, INF),
    "mish": (0, INF),
    "softplus": (0, INF),
    "hard_tanh": (-1, 1),
    "step": (0, 1),
    "hard_sigmoid": (0, 1),
    "lecun_tanh": (-1.7159, 1.7159),
    "arctan": (-np.pi / 2, np.pi / 2),
    "probit": (0, 1),
    "softsign": (-1, 1),
    "isru": (-1, 1),
    "gaussian": (0, 0),
    "log_sigmoid": (-INF, 0),
    "relu6": (0, 6),
    "celu": (-1, INF),
    "hard_swish": (0, INF),
    "squareplus": (0, INF),
    "tanh(x)+0.1*x": (-INF, INF),
    "x*exp(-x**2)": (0, 0),
    "x/(1+abs(x))": (-1, 1),
    "x/sqrt(1+x**2)": (-1, 1),
    "exp(-exp(-x))": (0, 1),
}


@pytest.mark.parametrize("name", LIMITS)
def test_infinities_give_the_limits(name):
    for value, slope in (
        compile_activation(name).both([-INF, INF]),
        (evaluator(activation(name)).value([-INF, INF]), evaluator(activation(name)).slope([-INF, INF])),
    ):
        assert tuple(value) == pytest.approx(LIMITS[name], rel=3e-16)
        assert np.all(np.isfinite(slope))


@pytest.mark.slow
def test_growth_and_double_exponentials_neither_cancel_to_nan_nor_warn():
    for name, left, right in (("exp(x)", 0.0, INF), ("exp(-exp(-x))", 0.0, 1.0), ("x*atan(exp(x))", 0.0, 500 * np.pi)):
        for value in (
            compile_activation(name)([-1000.0, 1000.0]),
            evaluator(activation(name)).value([-1000.0, 1000.0]),
        ):
            assert tuple(value) == pytest.approx((left, right), rel=1e-15)
    assert compile_activation("exp(-exp(-x))").gradient([-1000.0, 1000.0]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "name", ["tanh", "sigmoid", "silu", "gelu", "mish", "softplus", "elu", "selu", "erf", "gelu_tanh"]
)
def test_log_slope_is_right_where_the_slope_underflows(name):
    act = activation(name)
    # As far as ball arithmetic of 3000 bits still separates 1 + erf or 1 + tanh from 0; φ' is below 1e-380 there.
    far = {"gelu": -43.0, "erf": -31.0, "gelu_tanh": -25.0}.get(name, -900.0)
    points = np.array([far, -20.0, -5.0, -0.1, 0.0, 0.3])
    true = [float(abs(v).log()) for v in exact(act, 1, points)]
    np.testing.assert_allclose(evaluator(act).log_slope(points), true, rtol=1e-14, atol=1e-15)


def test_log_slope_is_minus_infinity_where_the_slope_is_zero():
    assert list(evaluator(activation("relu")).log_slope([-1.0, 2.0])) == [-np.inf, 0.0]
    assert evaluator(activation("hard_tanh")).log_slope(5.0) == -np.inf


@pytest.mark.parametrize("name", thinned(SINGLE, 3))
def test_single_precision_is_right_to_a_few_of_its_ulp(name):
    act = activation(name)
    points = np.concatenate([POINTS[::2], RNG.standard_normal(40) * 3, [-80.0, -30.0, 30.0, 80.0]]).astype(np.float32)
    computed = compile_activation(act).both(points)
    for order in (0, 1):
        true = exact(act, order, points)
        scale = rounding_of_x(act, order, points) if (name, order) in ZEROS else np.zeros(points.shape)
        keep = np.array([abs(float(v)) > 1e-37 or v == 0 for v in true])
        assert computed[order].dtype == np.float32
        kept = [v for v, k in zip(true, keep, strict=True) if k]
        errors = ulp_errors(computed[order][keep], kept, scale=scale[keep], dtype=np.float32)
        assert errors.max() < 4.0, (order, points[keep][errors.argmax()])


@pytest.mark.parametrize("name", SINGLE)
def test_single_precision_far_out_is_that_of_doubles(name):
    f = compile_activation(name)
    h = np.array([-3e38, -1e30, -2e5, -1000.0, -104.0, 88.0, 104.0, 1000.0, 2e5, 1e30, 3e38, *FAR], dtype=np.float32)
    h = h[3:] if name in ("snake",) or "sin" in name else h
    with np.errstate(over="ignore"):
        for single, double in zip(f.both(h), f.both(h.astype(np.float64)), strict=True):
            rounded = double.astype(np.float32)
            finite = np.isfinite(rounded)
            np.testing.assert_array_equal(single[~finite], rounded[~finite])
            # Products of subnormal numbers keep few digits; sines of large arguments follow the rounding of x.
            allowed = 4 * np.spacing(np.abs(rounded[finite])) + 2.0**-140 + (1e-4 if name in WAVES else 0.0)
            assert (np.abs(single[finite] - rounded[finite]) <= allowed).all()


@pytest.mark.parametrize("name", catalogue)
def test_every_row_of_the_catalogue_is_computed_in_single_precision(name):
    f = compile_activation(name)
    h = np.zeros(8, dtype=np.float32)
    source = row_source(stabilise(f.origin), RowKind("float32"))
    assert not load(source).row(h, np.empty_like(h), np.empty_like(h))
    assert single_suffices(load(source).row, f.row, bool(f.notes))


def test_arithmetic_that_is_wrong_by_a_millionth_does_not_suffice():
    f = compile_activation("tanh")
    single = load(row_source(stabilise(f.origin), RowKind("float32"))).row

    def wrong(h, value, slope):
        single(h, value, slope)
        value *= np.float32(1 + 1e-6)

    assert single_suffices(single, f.row, False)
    assert not single_suffices(wrong, f.row, False)


@pytest.mark.slow
def test_what_float32_cannot_resolve_is_computed_in_doubles():
    f = compile_activation("exp(x)-exp(x-1e-6)")
    h = np.linspace(-3, 3, 50, dtype=np.float32)
    np.testing.assert_allclose(f(h), f(h.astype(float)), rtol=1e-7)


def test_shapes_and_kinds_of_input():
    f = compile_activation("tanh")
    h = RNG.standard_normal((3, 4, 5))
    np.testing.assert_allclose(f(h), np.tanh(h), rtol=1e-15)
    np.testing.assert_array_equal(f(h[:, ::2].T), f(h)[:, ::2].T)
    h.flags.writeable = False
    assert f(h).shape == h.shape
    assert f(np.empty((0, 3))).shape == (0, 3)
    assert isinstance(f(0.5), float)
    assert f(np.arange(3)).dtype == np.float64
    with pytest.raises(InputError, match="complex128"):
        f(np.ones(2, dtype=complex))


def test_at_a_kink_the_slope_is_the_left_one():
    assert compile_activation("relu").gradient([0.0, 5e-324]).tolist() == [0.0, 1.0]
    assert evaluator(activation("relu")).slope([0.0, 5e-324]).tolist() == [0.0, 1.0]


def test_symbolic_parameters_are_refused():
    act = activation("leaky_relu", alpha=sp.Symbol("a", real=True))
    for verb in (stabilise, evaluator, compile_activation):
        with pytest.raises(InputError, match="symbolic parameters a"):
            verb(act)


def test_a_function_without_code_is_refused_by_name():
    x = sp.Symbol("x", real=True)
    with pytest.raises(UnsupportedError, match="besselj"):
        compile_activation(Activation(sp.besselj(0, x)))


def test_only_formulas_whose_digits_are_in_doubt_carry_notes():
    for name in ("tanh", "sigmoid", "softplus", "elu", "selu", "erf", "relu", "hard_tanh", "atan(x)", "x/(1+abs(x))"):
        assert stabilise(activation(name)).notes == ()
    assert any("both signs" in note for note in stabilise(activation("silu")).notes)  # φ' has a true zero
    assert any("no stability rule" in note for note in stabilise(activation("exp(sin(x))")).notes)
    assert any("both signs" in note for note in stabilise(activation("x-tanh(x)")).notes)


OFFSETS = {
    "2*erf(x+0.1)-1": lambda x: 2 * special.erf(x + 0.1) - 1,
    "3*erf(x-0.2)+1": lambda x: 3 * special.erf(x - 0.2) + 1,
    "erfc(x+0.2)": lambda x: special.erfc(x + 0.2),
    "erfc(x**2-0.37)": lambda x: special.erfc(x**2 - 0.37),
    "exp(-(x+0.3)**2)*erf(x-1/7)": lambda x: np.exp(-((x + 0.3) ** 2)) * special.erf(x - 1 / 7),
}


@pytest.mark.slow
@pytest.mark.parametrize("formula", OFFSETS)
def test_error_functions_change_sign_away_from_zero(formula):
    """Between 0 and the zero of the argument erfcx has an argument of the other sign."""
    x, f = np.linspace(-4, 4, 4001), OFFSETS[formula]
    compiled = compile_activation(Activation(formula))
    np.testing.assert_allclose(compiled(x), f(x), rtol=0, atol=1e-14)
    slope = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
    np.testing.assert_allclose(compiled.gradient(x), slope, rtol=0, atol=1e-8)
