"""The rows of the catalogue: bounded activations, unbounded smooth ones, and those made of straight pieces."""

from typing import Any

import sympy as sp

from vgtheory.symbolic.named_formula import NamedFormula, Parameter
from vgtheory.symbolic.notation import x


def _parameter(name: str, default: Any, domain: sp.Set, typical: tuple[float, float], **assumptions: bool) -> Parameter:
    return Parameter(sp.Symbol(name, real=True, **assumptions), sp.Rational(str(default)), domain, typical)


def _positive(name: str, default: Any, typical: tuple[float, float]) -> Parameter:
    return _parameter(name, default, sp.Interval.open(0, sp.oo), typical, positive=True)


def _slope(name: str, default: Any, typical: tuple[float, float]) -> Parameter:
    return _parameter(name, default, sp.Interval(-10, 10), typical)


def _kinked(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """Return the function that is `left` up to 0 and `right` beyond."""
    return sp.Piecewise((right, x > 0), (left, True))


_LEAKY = _slope("alpha", "0.01", (0.0, 0.5))
_PRELU = _slope("alpha", "0.25", (0.0, 0.5))  # the start value of He et al. (2015), section 2.1
_LOWER, _UPPER = _slope("lower", "1/8", (0.1, 0.2)), _slope("upper", "1/3", (0.2, 0.5))
# The negative slope that Zhang et al. (2022) solve for, per network, lies in [0, 1]; 0 is ReLU and 1 the identity.
_TAILORED = _parameter("alpha", "1/2", sp.Interval(0, 1), (0.1, 0.9))
_ELU = _positive("alpha", 1, (0.5, 2.0))
_ISRU = _positive("alpha", 1, (0.5, 3.0))
_BETA = _positive("beta", 1, (0.5, 10.0))
_SQUAREPLUS = _positive("b", 4, (0.1, 4.0))
_SNAKE = _positive("alpha", 1, (0.2, 10.0))
_OMEGA = _positive("omega", 30, (1.0, 60.0))  # the factor of Sitzmann et al. (2020), section 3.2

# Klambauer et al. (2017): the pair that makes N(0, 1) a fixed point, to the digits that frameworks carry.
_SELU_SCALE = sp.Rational("1.0507009873554804934193349852946")
_SELU_ALPHA = sp.Rational("1.6732632423543772848170429916717")

_normal_cdf = (1 + sp.erf(x / sp.sqrt(2))) / 2
_exponential = sp.exp(x) - 1
_a, _e, _i, _beta, _b = _LEAKY.symbol, _ELU.symbol, _ISRU.symbol, _BETA.symbol, _SQUAREPLUS.symbol
_s, _omega, _mean_slope = _SNAKE.symbol, _OMEGA.symbol, (_LOWER.symbol + _UPPER.symbol) / 2
_scale = sp.sqrt(2 / (1 + _TAILORED.symbol**2))  # Zhang et al. (2022): E φ(z)² = 1 for z ~ N(0, 1)
# x clipped to [-3, 3] and moved to [0, 1], by which frameworks replace the sigmoid.
_hard_sigmoid = sp.Piecewise((0, x <= -3), (1, x >= 3), (x / 6 + sp.Rational(1, 2), True))

_BOUNDED = (
    NamedFormula("step", _kinked(sp.Integer(0), sp.Integer(1)), (), "mcculloch1943", ("heaviside", "threshold")),
    NamedFormula("sigmoid", 1 / (1 + sp.exp(-x)), (), "rumelhart1986", ("logistic",)),
    NamedFormula("hard_sigmoid", _hard_sigmoid, (), "howard2019", ("hardsigmoid",)),
    NamedFormula("tanh", sp.tanh(x), (), "lecun1998"),
    # LeCun et al. (1998), section 4.4: φ(±1) is close to ±1.
    NamedFormula("lecun_tanh", sp.Rational("1.7159") * sp.tanh(2 * x / 3), (), "lecun1998"),
    NamedFormula("hard_tanh", sp.Piecewise((-1, x < -1), (1, x > 1), (x, True)), (), "collobert2004", ("hardtanh",)),
    NamedFormula("arctan", sp.atan(x), (), "duch1999", ("atan",)),
    NamedFormula("erf", sp.erf(x), (), "williams1996"),
    NamedFormula("probit", _normal_cdf, (), "bliss1934", ("normal_cdf",)),
    NamedFormula("softsign", x / (1 + sp.Abs(x)), (), "glorot2010", ("soft_sign",)),
    NamedFormula("isru", x / sp.sqrt(1 + _i * x**2), (_ISRU,), "carlile2017"),
    NamedFormula("sin", sp.sin(x), (), "sitzmann2020", ("sine",)),
    NamedFormula("cos", sp.cos(x), (), "rahimi2007", ("cosine",)),
    NamedFormula("siren", sp.sin(_omega * x), (_OMEGA,), "sitzmann2020"),
    NamedFormula("gaussian", sp.exp(-(x**2)), (), "broomhead1988", ("rbf",)),
)

_SMOOTH = (
    NamedFormula("identity", x, (), "saxe2014", ("linear",)),
    NamedFormula("log_sigmoid", -sp.log(1 + sp.exp(-x)), (), "paszke2019", ("logsigmoid",)),
    NamedFormula("tanhshrink", x - sp.tanh(x), (), "paszke2019", ("tanh_shrink",)),
    NamedFormula("bent_identity", (sp.sqrt(x**2 + 1) - 1) / 2 + x),
    NamedFormula("snake", x + sp.sin(_s * x) ** 2 / _s, (_SNAKE,), "ziyin2020"),
    NamedFormula("gelu", x * _normal_cdf, (), "hendrycks2016"),
    NamedFormula(
        "gelu_tanh",
        x / 2 * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (x + sp.Rational("0.044715") * x**3))),
        (),
        "hendrycks2016",
        ("gelu_new", "gelu_pytorch_tanh"),
    ),
    NamedFormula("silu", x / (1 + sp.exp(-x)), (), "ramachandran2017"),
    NamedFormula("swish", x / (1 + sp.exp(-_beta * x)), (_BETA,), "ramachandran2017"),
    NamedFormula("mish", x * sp.tanh(sp.log(1 + sp.exp(x))), (), "misra2019"),
    NamedFormula("softplus", sp.log(1 + sp.exp(_beta * x)) / _beta, (_BETA,), "dugas2001"),
    NamedFormula("squareplus", (x + sp.sqrt(x**2 + _b)) / 2, (_SQUAREPLUS,), "barron2021"),
)

_KINKED = (
    NamedFormula("relu", _kinked(sp.Integer(0), x), (), "nair2010"),
    NamedFormula("leaky_relu", _kinked(_a * x, x), (_LEAKY,), "maas2013", ("leakyrelu", "lrelu")),
    NamedFormula("prelu", _kinked(_PRELU.symbol * x, x), (_PRELU,), "he2015"),
    NamedFormula("rrelu", _kinked(_mean_slope * x, x), (_LOWER, _UPPER), "xu2015"),
    NamedFormula(
        "tailored_rectifier",
        _kinked(_scale * _TAILORED.symbol * x, _scale * x),
        (_TAILORED,),
        "zhang2022",
        ("trelu",),
    ),
    NamedFormula("relu6", sp.Piecewise((0, x <= 0), (6, x >= 6), (x, True)), (), "krizhevsky2010"),
    NamedFormula("relu_squared", _kinked(sp.Integer(0), x**2), (), "so2021", ("relu2", "squared_relu")),
    NamedFormula("elu", _kinked(_e * _exponential, x), (_ELU,), "clevert2016"),
    NamedFormula("celu", _kinked(_e * (sp.exp(x / _e) - 1), x), (_ELU,), "barron2017"),
    NamedFormula("selu", _kinked(_SELU_SCALE * _SELU_ALPHA * _exponential, _SELU_SCALE * x), (), "klambauer2017"),
    NamedFormula(
        "hard_swish",
        sp.Piecewise((0, x <= -3), (x, x >= 3), (x * (x + 3) / 6, True)),
        (),
        "howard2019",
        ("hardswish", "hard_silu"),
    ),
)

ROWS = (*_BOUNDED, *_SMOOTH, *_KINKED)
