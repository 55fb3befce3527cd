"""The finite-width rate: its quadrature, its table against an independent optimum, false claims refused."""

import numpy as np
import pytest
import sympy as sp
from flint import arb
from scipy import integrate, special

from tests.thinning import thinned
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.symbolic.ball import precision
from vgtheory.symbolic.catalogue import activation
from vgtheory.theory.proofs import certificate, lyapunov
from vgtheory.theory.proofs.gauss_table import BITS, GaussianTable, half_line, rational
from vgtheory.theory.proofs.layered_network import layered
from vgtheory.theory.proofs.mixture import Mixture
from vgtheory.theory.proofs.rates import model_of


def model(name, sigma_w, sigma_b, width):
    return model_of(layered(Network(name, Weights.gaussian(sigma_w, sigma_b), width, 10), "certificate"))


def mean(f):
    return integrate.quad(lambda z: f(z) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi), -13, 13, limit=400, points=[0.0])[0]


FUNCTIONS = {
    "tanh": (np.tanh, lambda h: np.cosh(h) ** -2),
    "sigmoid": (special.expit, lambda h: special.expit(h) * special.expit(-h)),
    "softsign": (lambda h: h / (1 + abs(h)), lambda h: (1 + abs(h)) ** -2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gaussian_means_and_their_slopes_lie_in_their_balls(name):
    value, slope = FUNCTIONS[name]
    taus, v, step = (0.01, 0.7, 12.0), 0.6, 1e-4
    with precision(BITS):
        line = half_line(activation(name), 0.05, 2.0, 12.0)
        table = GaussianTable(line, [arb(t) for t in taus], arb(1), True)
        at, by = table.values(arb(v)), table.slopes(arb(v))

    def true(q):
        s = np.sqrt(q)
        gains = [mean(lambda z: slope(s * z) ** 2), mean(lambda z: z * z * slope(s * z) ** 2)]
        return gains, [mean(lambda z, t=t: 1 - np.exp(-t * value(s * z) ** 2)) for t in taus]

    (gains, falls), (above, below) = true(v), (true(v + step), true(v - step))
    for k, got in enumerate((at[0][0], at[1][0])):
        assert abs(float(got) - gains[k]) < 1e-8
        assert float(got.rad()) < 1e-10
    for k in range(3):
        assert abs(float(at[0][k + 1]) - falls[k]) < 1e-8
        assert abs(float(by[0][k + 1]) - (above[1][k] - below[1][k]) / (2 * step)) < 1e-5
    for k in range(2):
        assert abs(float(by[k][0]) - (above[0][k] - below[0][k]) / (2 * step)) < 1e-5


def test_breakpoints_that_are_no_doubles_are_enclosed():
    act = activation("Piecewise((x, x < 1/3), (1/3, True))")
    with precision(BITS):
        line = half_line(act, 0.05, 2.0, 1.0)
        ball = GaussianTable(line, [], arb(1), False).values(arb(0.25))[0][0]
        assert len(line.slivers) == 1
        assert ball.contains((1 + (arb(1) / 3 / arb(0.5).sqrt()).erf()) / 2)  # P(√v z < ⅓), v = ¼
    assert float(ball.rad()) < 1e-10


# [λ⁻, λ⁺] of the best w(v) = (v + c)^{−s} on a grid of variances, found in floating point, not certified.
TABLE = [
    ("tanh", 1.2, 0.5, 20, 0.652, 0.766),
    ("tanh", 1.2, 0.5, 100, 0.729, 0.751),
    ("tanh", 1.3, 0.3, 20, 0.808, 0.982),
    ("tanh", 1.3, 0.3, 100, 0.914, 0.948),
    ("erf", 1.2, 0.3, 20, 0.848, 1.017),
    ("erf", 1.2, 0.3, 100, 0.951, 0.983),
    ("softsign", 3.0, 0.4, 20, 0.740, 1.437),
    ("softsign", 3.0, 0.4, 100, 1.240, 1.386),
    pytest.param("atan(x)", 1.3, 0.4, 20, 0.715, 0.927, marks=pytest.mark.slow),
    pytest.param("sigmoid", 9.0, 0.0, 20, 0.600, 0.936, marks=pytest.mark.slow),
    pytest.param("sigmoid", 9.0, 0.0, 100, 0.837, 0.899, marks=pytest.mark.slow),
    pytest.param("tanh", 1.3, 0.3, 1000, 0.937, 0.941, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "sigma_w", "sigma_b", "width", "below", "above"), thinned(TABLE, 3))
def test_certified_rates_are_as_good_as_the_best_power(name, sigma_w, sigma_b, width, below, above):
    one = model(name, sigma_w, sigma_b, width)
    upper, lower = lyapunov.upper_rate(one), lyapunov.lower_rate(one)
    assert float(upper.rate) < above + 1.2e-3
    assert float(lower.rate) > below - 1.2e-3
    assert lower.rate < upper.rate


def test_an_explosion_without_bias_is_certified():
    found = lyapunov.lower_rate(model("tanh", 2.5, 0.0, 100))
    assert float(found.rate) > 1.53  # 1.541 with the best power of v + c; measured growth 1.614
    assert certificate(Network("tanh", Weights.gaussian(2.5), 100, 10)).verdict == "explodes"


@pytest.mark.parametrize("upper", [True, False])
def test_a_rate_that_is_one_percent_too_good_is_not_proved(upper):
    one = model("tanh", 1.3, 0.3, 20)
    found = lyapunov.upper_rate(one) if upper else lyapunov.lower_rate(one)
    wrong = found.rate * sp.Rational(99 if upper else 101, 100)
    with precision(BITS):
        low, high = rational(one.least), rational(one.most)
        line = half_line(one.activation, float(low), float(high), 1000.0)
        taus = [rational(t) * rational(one.sigma_w) ** 2 / one.width for t in found.mixture.times]
        table = GaussianTable(line, taus, arb(1), False)
        assert lyapunov.Claim(one, found.mixture, table, found.rate, upper).boxes(low, high) is not None
        assert lyapunov.Claim(one, found.mixture, table, wrong, upper).boxes(low, high) is None


def test_another_function_of_the_variance_does_not_prove_the_rate():
    one = model("tanh", 1.3, 0.3, 20)
    found = lyapunov.upper_rate(one)
    flat = Mixture(sp.Integer(1), found.mixture.weights[:1], found.mixture.times[:1])
    with precision(BITS):
        low, high = rational(one.least), rational(one.most)
        line = half_line(one.activation, float(low), float(high), 1000.0)
        taus = [rational(t) * rational(one.sigma_w) ** 2 / one.width for t in flat.times]
        table = GaussianTable(line, taus, arb(1), False)
        assert lyapunov.Claim(one, flat, table, found.rate, True).boxes(low, high) is None


def test_the_rate_approaches_mean_field_as_the_width_grows():
    # χ* = σ_w² E φ'(√q* z)² at the fixed point of the length map, by iteration.
    q = 1.0
    for _ in range(200):
        q = 1.44 * mean(lambda z, q=q: np.tanh(np.sqrt(q) * z) ** 2) + 0.25
    chi = 1.44 * mean(lambda z: np.cosh(np.sqrt(q) * z) ** -4)
    gaps = []
    for width in (50, 500):
        one = model("tanh", 1.2, 0.5, width)
        upper, lower = float(lyapunov.upper_rate(one).rate), float(lyapunov.lower_rate(one).rate)
        assert lower < chi < upper + 3e-4
        gaps.append(upper - lower)
    assert gaps[1] < gaps[0] / 5


def test_what_the_proof_needs_is_asked_for():
    assert model("relu", 1.0, 0.3, 20) is None  # φ is unbounded
    assert model_of(layered(Network("tanh", Weights.uniform(1, 0.3), 20, 5), "bounds")) is None
    assert model_of(layered(Network("tanh", Weights.gaussian(1, 0.3), (4, 5, 6), 2), "bounds")) is None
    assert model_of(layered(Network("tanh", Weights.gaussian(sp.Symbol("s", positive=True)), 5, 2), "bounds")) is None
    assert lyapunov.upper_rate(model("tanh", 1.5, 0.0, 20)) is None  # the variance may fall to 0, where χ is σ_w²
