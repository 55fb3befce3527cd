"""Weights: each initialiser has the scale that its paper states, and no bad scale gets in."""

import json
import math

import numpy as np
import pytest
import sympy as sp

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights

BAD = [-1, -0.5, float("nan"), float("inf"), "1.5", True, None, [1], 1j, sp.oo, sp.nan, sp.zoo, sp.I, -sp.sqrt(2)]


@pytest.mark.parametrize("value", [*BAD, sp.Symbol("s", negative=True)], ids=str)
@pytest.mark.parametrize(
    "family",
    [
        Weights.gaussian,
        Weights.orthogonal,
        Weights.uniform,
        Weights.truncated_normal,
        Weights.rademacher,
        Weights.sparse,
        Weights.low_rank,
    ],
)
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


LAWS = [
    Weights.truncated_normal(1.2, 0.1, cut=3),
    Weights.rademacher(1.2),
    Weights.sparse(1.2, 0.3, density=0.05),
    Weights.low_rank(1.2, rank=3, noise=0.25),
    Weights.gaussian(1.1).tie(),
    Weights.sparse(1.1).tie(),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.text)
def test_a_law_comes_back_from_its_spec(law):
    network = Network("tanh", law, width=8, depth=3)
    assert Network.from_spec(json.loads(network.spec_json)) == network


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Weights.truncated_normal(1, cut=0), r"cut must be .* \(got 0\)"),
        (lambda: Weights.truncated_normal(1, cut="2"), r"cut must be .* \(got '2'\)"),
        (lambda: Weights.sparse(1, density=0), r"density must be .* \(got 0\)"),
        (lambda: Weights.sparse(1, density=1.5), "density"),
        (lambda: Weights.sparse(1, density=sp.Symbol("p")), r"density must be .* \(got p\)"),
        (lambda: Weights.low_rank(1, rank=0), r"rank must be .* \(got 0\)"),
        (lambda: Weights.low_rank(1, rank=1.5), "rank"),
        (lambda: Weights.low_rank(1, noise=-0.1), "noise"),
        (lambda: Weights.given([]), "no weights"),
        (lambda: Weights.given([[1.0, 2.0]]), "W_1"),
        (lambda: Weights.given([[[math.nan]]]), "W_1"),
        (lambda: Weights.given([np.eye(2), np.eye(3)]), "W_2 of shape"),
        (lambda: Weights.given([np.eye(2)], [np.zeros(3)]), "biases"),
        (lambda: Weights.given([np.eye(2)]).tie(), "given"),
        (lambda: Weights("sparse", 1, 0), "options"),
        (lambda: Weights("given", 1, 0), "given"),
        (lambda: Network("tanh", Weights.given([np.eye(2)]), width=3, depth=1), "widths"),
        (lambda: Network("tanh", Weights.given([np.eye(2)]), width=2, depth=2), "widths"),
        (lambda: Network("tanh", Weights.gaussian(1).tie(), width=[2, 3], depth=1), "different widths"),
    ],
)
def test_bad_laws_are_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_given_arrays_are_known_by_their_content_and_stored_beside_the_spec(tmp_path):
    rng = np.random.default_rng(1)
    weights, biases = [rng.normal(size=(3, 4)), rng.normal(size=(2, 3))], [rng.normal(size=3), rng.normal(size=2)]
    law = Weights.given(weights, biases)
    network = Network("tanh", law, width=(4, 3, 2), depth=2)
    assert Weights.given([w.copy() for w in weights], biases) == law
    assert Weights.given(weights) != law
    assert float(law.sigma_w) == pytest.approx(
        math.sqrt((4 * np.mean(weights[0] ** 2) + 3 * np.mean(weights[1] ** 2)) / 2)
    )
    before = weights[0][0, 0]
    weights[0][0, 0] = 9.0
    assert law.arrays.weights[0][0, 0] == before
    with pytest.raises(ValueError, match="read-only"):
        law.arrays.weights[0][0, 0] = 1.0
    spec = json.loads(network.spec_json)
    path = law.arrays.save(tmp_path)
    assert Network.from_spec(spec, arrays=tmp_path) == network
    with pytest.raises(InputError, match="without their arrays"):
        Network.from_spec(spec)
    Weights.given(weights, biases).arrays.save(tmp_path).replace(path)
    with pytest.raises(InputError, match="its content"):
        Network.from_spec(spec, arrays=tmp_path)
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="not a zip file"):
        Network.from_spec(spec, arrays=tmp_path)


@pytest.mark.parametrize(
    ("law", "independent", "by_variance"),
    [
        (Weights.gaussian(1), True, False),
        (Weights.orthogonal(1), True, False),
        (Weights.uniform(1), True, True),
        (Weights.rademacher(1), True, True),
        (Weights.sparse(1), True, True),
        (Weights.low_rank(1), False, False),
        (Weights.given([np.eye(2)] * 3), False, False),
        (Weights.uniform(1).tie(), False, False),
    ],
    ids=lambda value: getattr(value, "text", str(value)),
)
def test_laws_say_what_theory_may_use(law, independent, by_variance):
    assert law.has_independent_layers is independent
    assert law.acts_by_variance is by_variance
    network = Network("tanh", law, width=2, depth=3)
    if independent:
        require(network, "predict")
    else:
        with pytest.raises(UnsupportedError, match=r"predict: .* independent .* use vg\.simulate"):
            require(network, "predict")
