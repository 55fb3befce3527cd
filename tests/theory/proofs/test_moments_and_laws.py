"""Moments, tails and exact laws against random draws; each statistical check has a twin that a wrong formula fails.

Checks allow 5 standard errors, about one false alarm in 3 million.
"""

import numpy as np
import pytest
import sympy as sp

from tests.theory.proofs.test_bounds_of_networks import SIGMAS, jacobians, numbers
from tests.thinning import thinned
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.theory.asymptotics.homogeneous import log_square_sum
from vgtheory.theory.proofs import bounds
from vgtheory.theory.proofs.exact_law import LogDeterminant, LogLength
from vgtheory.theory.proofs.infimum import Infimum, LogMoment

HALF = sp.Rational(1, 2)


def named(network, name):
    return next(f for f in bounds(network) if f.name == name)


def close(sample, value, wrong=1.02):
    mean, error = sample.mean(), sample.std() / np.sqrt(len(sample))
    assert abs(mean - value) < SIGMAS * error
    assert abs(mean - wrong * value) > SIGMAS * error


@pytest.mark.parametrize(("width", "share", "theta"), [(20, HALF, 2), (20, HALF, -0.25), (7, sp.Rational(1, 5), 1.5)])
def test_moments_of_a_random_chi_square(width, share, theta):
    rng = np.random.default_rng(1)
    active = rng.binomial(width, float(share), size=1_000_000)
    length = np.where(active > 0, 2 * rng.gamma(np.maximum(active, 1) / 2), 0.0) / (width * float(share))
    powers = np.where(active > 0, np.maximum(length, 1e-300) ** theta, 0.0)
    value = float(np.exp(float(enclose(LogMoment(sp.Rational(str(theta)), width, share), 15))))
    close(powers, value)
    assert LogMoment(theta, width, share).estimate()(float(theta)) == pytest.approx(np.log(value), rel=1e-9)


def test_mean_and_variance_of_log_lengths():
    rng = np.random.default_rng(2)
    n, count = 6, 400_000
    for share in (HALF, sp.Integer(1)):
        active = rng.binomial(n, float(share), size=count)
        logs = np.log(2 * rng.gamma(active[active > 0] / 2))
        close(logs, float(enclose(LogLength(1, n, share), 15)), wrong=1.05)
        close((logs - logs.mean()) ** 2, float(enclose(LogLength(2, n, share), 15)), wrong=1.05)
    mean, variance = log_square_sum(1.0, 0.0, 50)  # a float route of its own
    assert float(enclose(LogLength(1, 50, HALF), 15)) == pytest.approx(mean, rel=1e-10)
    assert float(enclose(LogLength(2, 50, HALF), 15)) == pytest.approx(variance, rel=1e-10)


def test_determinants_of_normal_matrices():
    rng = np.random.default_rng(3)
    logs = 2 * np.linalg.slogdet(rng.normal(size=(40_000, 5, 5)))[1]
    close(logs, float(enclose(LogDeterminant(1, 5), 15)), wrong=1.05)
    close((logs - logs.mean()) ** 2, float(enclose(LogDeterminant(2, 5), 15)), wrong=1.1)


def test_the_infimum_is_found_and_never_undercut():
    theta, e = sp.symbols("theta e", positive=True)
    found = Infimum(theta + 4 / theta, (theta, 0, sp.oo))
    assert float(enclose(found, 15)) == pytest.approx(4, abs=1e-6)
    assert enclose(found, 15) >= 4
    two = Infimum((theta - 2) ** 2 + (e - HALF) ** 2, (theta, 1, sp.oo), (e, 0, 1))
    assert float(enclose(two, 15)) == pytest.approx(0, abs=1e-6)
    assert found.free_symbols == set()


@pytest.mark.parametrize(
    ("name", "sigma_w", "sigma_b"), thinned([("relu", 1.4, 0.3), ("tanh", 1.2, 0.8), ("erf", 1.0, 0.6)], 3)
)
def test_fourth_moments_and_tails(name, sigma_w, sigma_b):
    n, layers, count = 8, 2, 40_000
    network = Network(name, Weights.gaussian(sigma_w, sigma_b), n, layers)
    jacobian, _ = jacobians(name, "gaussian", sigma_w, sigma_b, n, layers, count)
    squares = (jacobian[:, :, 0] ** 2).sum(1)
    fourth = named(network, "fourth moment")
    value = float(fourth.at(depth=layers).value())
    error = (squares**2).std() / np.sqrt(count)
    assert (squares**2).mean() <= value + SIGMAS * error
    if name == "relu":
        assert fourth.kind == "equality"
        close(squares**2, value, wrong=1.2)
    tail = named(network, "tail with optimal exponent")
    mean_bound = float(
        named(network, "symmetrised slope, exact mean" if name == "relu" else "bias certificate")
        .at(depth=layers)
        .value()
    )
    for t in (2, 4, 8):
        stated = float(tail.at(depth=layers, t=t).value())
        seen = (squares >= t * mean_bound).mean()
        assert seen <= stated + SIGMAS * np.sqrt(stated / count)
    if name == "relu":  # the tail has the right size: a hundredth of it would be refuted
        assert (squares >= 4 * mean_bound).mean() > float(tail.at(depth=layers, t=4).value()) / 100


def test_persistence_and_dead_networks():
    n, layers, count = 3, 4, 60_000
    network = Network("relu", Weights.he(), n, layers)
    jacobian, _ = jacobians("relu", "gaussian", 2**0.5, 0.0, n, layers, count)
    squares = (jacobian[:, :, 0] ** 2).sum(1)
    stated = float(named(network, "persistence").at(depth=layers, t=0.25).value())
    assert (squares >= 0.25).mean() >= stated
    dead = (np.abs(jacobian).max((1, 2)) == 0).astype(float)
    close(dead, float(named(network, "probability of a dead network").at(depth=layers).value()), wrong=1.1)


def test_log_stretch_of_relu_networks():
    n, layers, count = 6, 3, 40_000
    network = Network("relu", Weights.gaussian(1.2, 0.4), n, layers)
    jacobian, _ = jacobians("relu", "gaussian", 1.2, 0.4, n, layers, count)
    squares = (jacobian[:, :, 0] ** 2).sum(1)
    logs = np.log(squares[squares > 0])
    close(logs, float(named(network, "mean of the log stretch").at(depth=layers).value()), wrong=1.05)
    spread = float(named(network, "variance of the log stretch").at(depth=layers).value())
    close((logs - logs.mean()) ** 2, spread, wrong=1.1)
    p = 0.02
    low = float(named(network, "negative moments with optimal exponent").at(depth=layers, p=p).value())
    dead = float(named(network, "probability of a dead network").at(depth=layers).value())
    with np.errstate(divide="ignore"):
        assert (np.log(squares) < low).mean() <= p + dead + SIGMAS * np.sqrt((p + dead) / count)
    first_order = named(network, "mean of the log stretch at large width")
    assert first_order.status == first_order.kind == "asymptotic"


def test_self_normalised_gradients_stay_below_their_bound():
    """E[‖J v‖²/∏χ(v_l)] ≤ 1 with the variances of the same network, and Ville's bound on its largest value."""
    n, layers, count, p = 6, 6, 20_000, 0.1
    rng = np.random.default_rng(7)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    x, tangent = np.ones((count, n)), np.tile(np.eye(n)[0], (count, 1))
    gains, largest = np.ones(count), np.zeros(count)
    for _ in range(layers):
        v = 1.5**2 * (x**2).mean(1) + 0.2**2
        gains *= 1.5**2 * (np.cosh(np.sqrt(v)[:, None] * nodes) ** -4.0 @ weights)
        w = 1.5 / np.sqrt(n) * rng.normal(size=(count, n, n))
        h = np.einsum("kij,kj->ki", w, x) + 0.2 * rng.normal(size=(count, n))
        x, tangent = np.tanh(h), np.cosh(h) ** -2.0 * np.einsum("kij,kj->ki", w, tangent)
        ratio = (tangent**2).sum(1) / gains
        largest = np.maximum(largest, ratio)
    assert ratio.mean() <= 1 + SIGMAS * ratio.std() / np.sqrt(count)
    stated = named(Network("tanh", Weights.gaussian(1.5, 0.2), n, layers), "self-normalised gradient")
    assert (largest >= float(stated.at(p=p).value())).mean() <= p
    assert ratio.mean() > 0.5  # not loose by an order: a bound of half the size would fail


@pytest.mark.slow
def test_lower_tail_of_a_wide_bounded_network():
    n, layers, p = 3000, 2, 0.05
    network = Network("tanh", Weights.gaussian(1.2, 0.8), n, layers)
    formula = named(network, "lower tail of a bounded activation")
    stated = float(formula.at(depth=layers, p=p).value())
    rng, seen = np.random.default_rng(5), []
    for _ in range(3):
        x, tangent = np.ones(n), np.eye(n)[0]
        for _ in range(layers):
            w = 1.2 / np.sqrt(n) * rng.normal(size=(n, n))
            h = w @ x + 0.8 * rng.normal(size=n)
            x, tangent = np.tanh(h), np.cosh(h) ** -2 * (w @ tangent)
        seen.append(np.log((tangent**2).sum()))
    assert min(seen) >= stated
    assert stated > min(seen) - 15  # weak, yet a number
    assert numbers(Network("tanh", Weights.gaussian(1.2, 0.8), 20, 2), depth=2, p=p)  # where it fails it is left out
