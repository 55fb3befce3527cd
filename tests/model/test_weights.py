"""Weights: each initialiser has the scale that its paper states, and no bad scale gets in."""

import math

import pytest
import sympy as sp

from vgtheory._errors import InputError
from vgtheory.model.weights import Weights

BAD = [-1, -0.5, float("nan"), float("inf"), "1.5", True, None, [1], 1j, sp.oo, sp.nan, sp.zoo, sp.I, -sp.sqrt(2)]


@pytest.mark.parametrize("value", [*BAD, sp.Symbol("s", negative=True)], ids=str)
@pytest.mark.parametrize("family", [Weights.gaussian, Weights.orthogonal, Weights.uniform])
def test_a_bad_scale_is_refused(family, value):
    with pytest.raises(InputError):
        family(value)
    with pytest.raises(InputError):
        family(1, value)


def test_a_bad_family_is_refused():
    with pytest.raises(InputError, match="cauchy"):
        Weights("cauchy", 1, 0)
    with pytest.raises(InputError, match="bias_family"):
        Weights("gaussian", 1, 0, "cauchy")


@pytest.mark.parametrize(
    ("weights", "variance", "bias_variance"),
    [
        (Weights.he(), lambda i, o: 2 / i, lambda i, o: 0),
        (Weights.lecun(), lambda i, o: 1 / i, lambda i, o: 0),
        (Weights.xavier(), lambda i, o: 2 / (i + o), lambda i, o: 0),
        # torch.nn.Linear: uniform on ±1/√fan_in, of variance 1/(3 fan_in), weights and biases alike.
        (Weights.pytorch_default(), lambda i, o: 1 / (3 * i), lambda i, o: 1 / (3 * i)),
    ],
    ids=["he", "lecun", "xavier", "pytorch_default"],
)
@pytest.mark.parametrize("shape", [(3, 5), (64, 16), (7, 7)])
def test_initialisers_have_the_variances_of_their_papers(weights, variance, bias_variance, shape):
    sigma_w, sigma_b = weights.sigma_at(*shape)
    assert math.isclose(float(sigma_w) ** 2 / shape[0], variance(*shape), rel_tol=1e-14)
    assert math.isclose(float(sigma_b) ** 2, bias_variance(*shape), rel_tol=1e-14)


def test_decimals_are_exact_and_symbols_stay():
    s = sp.Symbol("s", positive=True)
    assert Weights.gaussian(0.1, 1.5).sigma_w == sp.Rational(1, 10)
    assert Weights.gaussian(s).sigma_w is s
    assert hash(Weights.gaussian(0.1)) == hash(Weights.gaussian(sp.Rational(1, 10)))
