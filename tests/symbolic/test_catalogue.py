"""The catalogue: every row against a definition written here by hand, in mpmath."""

import mpmath as mp
import pytest
import sympy as sp

from vgtheory._errors import UnknownNameError
from vgtheory._references import REFERENCES
from vgtheory.symbolic.catalogue import activation, catalogue

_NORMAL = mp.ncdf
# The constants of Klambauer et al. (2017), appendix, here from their closed forms in erfc.
_ALPHA = -mp.sqrt(2 / mp.pi) / (mp.erfc(1 / mp.sqrt(2)) * mp.exp(mp.mpf(1) / 2) - 1)

DEFINITIONS = {
    "identity": lambda t: t,
    "sigmoid": lambda t: 1 / (1 + mp.exp(-t)),
    "tanh": mp.tanh,
    "erf": mp.erf,
    "sin": mp.sin,
    "relu": lambda t: max(t, mp.mpf(0)),
    "leaky_relu": lambda t: t if t > 0 else t / 100,
    "elu": lambda t: t if t > 0 else mp.expm1(t),
    "selu": lambda t: mp.mpf("1.0507009873554804934") * (t if t > 0 else _ALPHA * mp.expm1(t)),
    "gelu": lambda t: t * _NORMAL(t),
    "gelu_tanh": lambda t: t / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (t + mp.mpf("0.044715") * t**3))),
    "silu": lambda t: t / (1 + mp.exp(-t)),
    "mish": lambda t: t * mp.tanh(mp.log1p(mp.exp(t))),
    "softplus": lambda t: mp.log1p(mp.exp(t)),
    "hard_tanh": lambda t: max(mp.mpf(-1), min(mp.mpf(1), t)),
}


def test_every_row_has_a_definition_here():
    assert set(DEFINITIONS) == set(catalogue)


@pytest.mark.parametrize("name", list(catalogue))
def test_rows_agree_with_their_definitions(name):
    act = activation(name)
    for k in range(-40, 41, 3):
        at = sp.Rational(k, 8)
        ours = mp.mpf(str(act.expr.subs(act.symbol, at).evalf(20)))
        assert abs(ours - DEFINITIONS[name](mp.mpf(k) / 8)) <= 1e-13 * (1 + abs(ours))


def test_rows_carry_known_references_and_sound_defaults():
    for entry in catalogue.values():
        assert not entry.reference or entry.reference in REFERENCES
        for parameter in entry.parameters:
            assert parameter.domain.contains(parameter.default) is sp.true
            assert parameter.typical[0] < parameter.typical[1]


def test_unknown_names_suggest_near_ones():
    with pytest.raises(UnknownNameError, match="did you mean"):
        activation("gelu_tan")
