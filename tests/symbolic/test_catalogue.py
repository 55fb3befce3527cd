"""The catalogue: every row against a definition written here by hand, in mpmath."""

import mpmath as mp
import pytest
import sympy as sp

from tests.catalogue_rows import IDS, OTHER_PARAMETERS, ROWS
from tests.thinning import thinned
from vgtheory._errors import InputError, UnknownNameError
from vgtheory._references import REFERENCES
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.gaussian import length_map

# The constants of Klambauer et al. (2017), appendix, here from their closed forms in erfc.
_ONE = mp.mpf(1)
_ALPHA = -mp.sqrt(2 / mp.pi) / (mp.erfc(1 / mp.sqrt(2)) * mp.exp(mp.mpf(1) / 2) - 1)


def _clip(t, lo, hi):
    return min(max(t, mp.mpf(lo)), mp.mpf(hi))


def _leaky(t, slope):
    return max(t, mp.mpf(0)) + slope * min(t, mp.mpf(0))


# Each with the parameters' defaults; the formulas of the papers and of the frameworks' documentation.
DEFINITIONS = {
    "step": lambda t: mp.mpf(1) if t > 0 else mp.mpf(0),
    "sigmoid": lambda t: 1 / (1 + mp.exp(-t)),
    "hard_sigmoid": lambda t: _clip(t + 3, 0, 6) / 6,
    "tanh": mp.tanh,
    "lecun_tanh": lambda t: mp.mpf("1.7159") * mp.tanh(2 * t / 3),
    "hard_tanh": lambda t: _clip(t, -1, 1),
    "arctan": mp.atan,
    "erf": mp.erf,
    "probit": mp.ncdf,
    "softsign": lambda t: t / (1 + abs(t)),
    "isru": lambda t, alpha=1: t / mp.sqrt(1 + alpha * t * t),
    "sin": mp.sin,
    "cos": mp.cos,
    "siren": lambda t, omega=30: mp.sin(omega * t),
    "gaussian": lambda t: mp.exp(-t * t),
    "identity": lambda t: t,
    "log_sigmoid": lambda t: mp.log(1 / (1 + mp.exp(-t))),
    "tanhshrink": lambda t: t - mp.tanh(t),
    "bent_identity": lambda t: (mp.sqrt(t * t + 1) - 1) / 2 + t,
    "snake": lambda t, alpha=1: t + (1 - mp.cos(2 * alpha * t)) / (2 * alpha),
    "gelu": lambda t: t * mp.ncdf(t),
    "gelu_tanh": lambda t: t / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (t + mp.mpf("0.044715") * t**3))),
    "silu": lambda t: t / (1 + mp.exp(-t)),
    "swish": lambda t, beta=1: t / (1 + mp.exp(-beta * t)),
    "mish": lambda t: t * mp.tanh(mp.log1p(mp.exp(t))),
    "softplus": lambda t, beta=1: mp.log1p(mp.exp(beta * t)) / beta,
    "squareplus": lambda t, b=4: (t + mp.sqrt(t * t + b)) / 2,
    "relu": lambda t: max(t, mp.mpf(0)),
    "leaky_relu": lambda t, alpha=_ONE / 100: _leaky(t, alpha),
    "prelu": lambda t, alpha=_ONE / 4: _leaky(t, alpha),
    "rrelu": lambda t, lower=_ONE / 8, upper=_ONE / 3: _leaky(t, (lower + upper) / 2),
    "tailored_rectifier": lambda t, alpha=_ONE / 2: mp.sqrt(2 / (1 + alpha**2)) * _leaky(t, alpha),
    "relu6": lambda t: _clip(t, 0, 6),
    "relu_squared": lambda t: max(t, mp.mpf(0)) ** 2,
    "elu": lambda t, alpha=1: t if t > 0 else alpha * mp.expm1(t),
    "celu": lambda t, alpha=1: max(mp.mpf(0), t) + min(mp.mpf(0), alpha * mp.expm1(t / alpha)),
    "selu": lambda t: mp.mpf("1.0507009873554804934") * (t if t > 0 else _ALPHA * mp.expm1(t)),
    "hard_swish": lambda t: t * _clip(t + 3, 0, 6) / 6,
}


def test_there_are_enough_rows_and_each_has_a_definition_here():
    assert len(catalogue) >= 30
    assert set(DEFINITIONS) == set(catalogue)
    assert {n for n in catalogue if catalogue[n].parameters} == set(OTHER_PARAMETERS)


@pytest.mark.parametrize(("name", "values"), thinned(ROWS, 3), ids=IDS)
def test_rows_agree_with_their_definitions(name, values):
    act = activation(name, **values)
    for k in range(-80, 81, 3):
        at = sp.Rational(k, 8)
        ours = mp.mpf(str(act.expr.subs(act.symbol, at).evalf(20)))
        theirs = DEFINITIONS[name](mp.mpf(k) / 8, **{key: mp.mpf(value) for key, value in values.items()})
        assert abs(ours - theirs) <= 1e-13 * (1 + abs(ours))


def test_a_constant_wrong_by_one_percent_would_be_seen():
    wrong = activation("1.7*tanh(2*x/3)")
    assert abs(float(wrong.expr.subs(wrong.symbol, 2)) - float(DEFINITIONS["lecun_tanh"](mp.mpf(2)))) > 1e-3


def test_the_tailored_rectifier_keeps_the_second_moment_of_a_unit_normal():
    # Zhang et al. (2022), section 4.1: the factor √(2/(1 + α²)) is chosen so that E φ(z)² = 1.
    for alpha in (0, 0.3, 1):
        act = activation("tailored_rectifier", alpha=alpha)
        assert length_map(act).at(q=1).value() == pytest.approx(1, rel=1e-14)


def test_special_cases_of_one_another():
    x = sp.Symbol("x", real=True)
    for name, other in (("swish", "silu"), ("celu", "elu")):
        assert activation(name).expr == activation(other).expr
    assert activation("prelu", alpha=0.01).expr == activation("leaky_relu").expr
    assert activation("rrelu", lower=0.2, upper=0.2).expr == activation("leaky_relu", alpha=0.2).expr
    assert activation("tailored_rectifier", alpha=1).expr.subs(x, -7) == -7
    assert activation("siren", omega=1).expr == activation("sin").expr


def test_names_of_frameworks_find_the_row_and_are_not_listed():
    found: dict[str, str] = {}
    for name, entry in catalogue.items():
        for alias in entry.aliases:
            assert alias not in found
            assert alias not in set(catalogue)
            assert alias in catalogue
            found[alias] = name
            assert activation(alias) == activation(name)
    assert found["hardswish"] == "hard_swish"
    assert "nonsense" not in catalogue


def test_rows_carry_known_references_and_sound_defaults():
    for entry in catalogue.values():
        # The bent identity comes from tables without a source.
        assert entry.reference in REFERENCES or entry.name == "bent_identity"
        for parameter in entry.parameters:
            assert parameter.domain.contains(parameter.default) is sp.true
            assert parameter.typical[0] < parameter.typical[1]


def test_unknown_names_suggest_near_ones():
    with pytest.raises(UnknownNameError, match="did you mean"):
        activation("gelu_tan")


def test_parameters_outside_their_domain_are_refused():
    for name, values in (("celu", {"alpha": 0}), ("squareplus", {"b": -1}), ("tailored_rectifier", {"alpha": 1.5})):
        with pytest.raises(InputError, match="must be a number in"):
            activation(name, **values)
    with pytest.raises(InputError, match="lower, upper"):
        activation("rrelu", alpha=0.2)


def test_a_named_activation_without_parameters_is_one_object():
    assert activation("gelu") is activation("gelu")
    assert activation("leaky_relu", alpha=0.3) != activation("leaky_relu")
