"""Norms, matrices, any loss, saturation counts, residual and recurrent networks, thresholds, depths: brute force."""

import math

import numpy as np
import pytest
import sympy as sp

from tests.theory.proofs.test_bounds_of_networks import SIGMAS, jacobians
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.model.architecture import Skip
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import gradient_norm, gradient_square
from vgtheory.theory.proofs import bounds, certificate
from vgtheory.theory.proofs.depths import depth_below
from vgtheory.theory.proofs.thresholds import square_integral
from vgtheory.theory.proofs.tied import certified_norm, powers_of_one_matrix


def named(network, name):
    return next(f for f in bounds(network) if f.name == name)


def value(network, name, **fixed):
    f = named(network, name)
    known = {s.name for s in f.symbols}
    return float(f.at(**{k: v for k, v in fixed.items() if k in known}).value())


def allowed(p, count):
    return p + SIGMAS * np.sqrt(p * (1 - p) / count)


def test_one_random_matrix():
    n, count, p = 12, 3000, 0.05
    network = Network("tanh", Weights.gaussian(1.3), n, 5)
    w = 1.3 / np.sqrt(n) * np.random.default_rng(1).normal(size=(count, n, n))
    s = np.linalg.svd(w, compute_uv=False)
    assert (s[:, 0] > value(network, "norm of one weight matrix", p=p)).mean() <= allowed(p, count)
    least = value(network, "smallest singular value of one weight matrix", p=p)
    seen = (s[:, -1] < least).mean()
    assert seen <= allowed(p, count)
    assert seen > p / 2  # sharp: twice the value would fail too often
    assert (s[:, 0] / s[:, -1] > value(network, "condition number of one weight matrix", p=p)).mean() <= allowed(
        p, count
    )


def test_confined_preactivations_bound_the_smallest_singular_value():
    rng = np.random.default_rng(8)
    n, layers = 6, 4
    network = Network("tanh", Weights.orthogonal(1.1, 0.2), n, layers)
    for _ in range(20):
        x, jacobian, largest = np.ones(n), np.eye(n), 0.0
        for _ in range(layers):
            w = 1.1 * np.linalg.qr(rng.normal(size=(n, n)))[0]
            h = w @ x + 0.2 * rng.normal(size=n)
            largest = max(largest, np.abs(h).max())
            x, jacobian = np.tanh(h), np.cosh(h)[:, None] ** -2.0 * (w @ jacobian)
        least = value(network, "orthogonal weights, confined pre-activations", depth=layers, reach=float(largest))
        assert np.linalg.svd(jacobian, compute_uv=False)[-1] >= least * (1 - 1e-9)


def test_bounds_by_the_norms_of_given_matrices():
    rng = np.random.default_rng(2)
    n, layers = 6, 4
    network = Network("leaky_relu", Weights.uniform(1.2), n, layers)
    for _ in range(20):
        ws = rng.normal(size=(layers, n, n))
        x, jacobian, absolute = rng.normal(size=n), np.eye(n), np.eye(n)
        for w in ws:
            h = w @ x
            x, jacobian = np.where(h > 0, h, 0.01 * h), np.where(h > 0, 1.0, 0.01)[:, None] * (w @ jacobian)
            absolute = np.abs(w) @ absolute
        entry = value(network, "entrywise product", depth=layers)
        assert np.abs(jacobian / absolute).max() <= entry * (1 + 1e-12)
        norms = np.linalg.norm(ws, 2, axis=(1, 2))
        least = value(
            network,
            "product of smallest singular values",
            depth=layers,
            weight_least=float(np.linalg.svd(ws, compute_uv=False)[:, -1].min()),
        )
        assert np.linalg.svd(jacobian, compute_uv=False)[-1] >= least * (1 - 1e-9)
        frobenius = value(
            network,
            "Frobenius norm",
            depth=layers,
            weight_norm=float(norms.max()),
            weight_frobenius=float(np.linalg.norm(ws, axis=(1, 2)).max()),
        )
        assert np.linalg.norm(jacobian) <= frobenius


@pytest.mark.parametrize(("name", "sigma_w", "sigma_b"), [("tanh", 1.2, 0.8), ("identity", 1.0, 0.0)])
def test_any_loss(name, sigma_w, sigma_b):
    n, layers, count, p = 10, 4, 4000, 0.05
    network = Network(name, Weights.gaussian(sigma_w, sigma_b), n, layers)
    jacobian, _ = jacobians(name, "gaussian", sigma_w, sigma_b, n, layers, count)
    s = np.linalg.svd(jacobian, compute_uv=False) ** 2

    def below(sample, name, **fixed):
        bound = value(network, name, depth=layers, **fixed)
        assert sample.mean() <= bound + SIGMAS * sample.std() / np.sqrt(count)
        return bound

    below(s[:, 0], "worst loss gradient")
    below(s[:, -1], "smallest singular value in mean")
    below((s >= 0.5).sum(1), "number of large singular values", t=0.5)
    fixed = (jacobian[:, 0, :] ** 2).sum(1)
    bound = below(fixed, "fixed loss gradient")
    if name == "identity":  # equality: rows are exchangeable
        assert abs(fixed.mean() - bound) < SIGMAS * fixed.std() / np.sqrt(count)
    g = np.random.default_rng(3).normal(size=(count, n)) / np.sqrt(n)
    below((np.einsum("kij,ki->kj", jacobian, g) ** 2).sum(1) ** 2, "fourth moment of the gradient")
    norm = np.sqrt(s[:, 0])
    for title in ("net of directions", "net of directions with moments", "Jacobian norm by Markov's inequality"):
        assert (norm > value(network, title, depth=layers, p=p)).mean() <= allowed(p, count)


def test_weight_gradients_stay_below_their_bound():
    n, layers, count = 8, 3, 4000
    network = Network("tanh", Weights.gaussian(1.2, 0.5), n, layers)
    rng = np.random.default_rng(4)
    xs, hs, ws = [np.ones((count, n))], [], []
    for _ in range(layers):
        w = 1.2 / np.sqrt(n) * rng.normal(size=(count, n, n))
        hs.append(np.einsum("kij,kj->ki", w, xs[-1]) + 0.5 * rng.normal(size=(count, n)))
        xs.append(np.tanh(hs[-1]))
        ws.append(w)
    g = rng.normal(size=(count, n))
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    for k in range(layers - 1, -1, -1):
        delta = np.cosh(hs[k]) ** -2 * g
        squares = (delta**2).sum(1) * (xs[k] ** 2).sum(1)
        bound = value(network, "weight gradient at layer l", depth=layers, layer=k + 1)
        assert squares.mean() <= bound + SIGMAS * squares.std() / np.sqrt(count)
        g = np.einsum("kij,ki->kj", ws[k], delta)


def test_counts_of_saturated_neurons():
    n, layers, count, eps = 10, 4, 4000, 0.1
    network = Network("tanh", Weights.gaussian(2.0, 0.7), n, layers)
    _, h = jacobians("tanh", "gaussian", 2.0, 0.7, n, layers, count)
    share = (np.cosh(h) ** -2.0 <= eps).mean(1)
    for fraction in (0.5, 0.7, 0.9):
        bound = value(network, "many saturated neurons", eps=eps, fraction=fraction)
        assert (share >= fraction).mean() <= bound + SIGMAS * np.sqrt(bound / count)
    low = value(network, "whole layer saturated, bias", eps=eps)
    high = value(network, "whole layer saturated, bounded activation", eps=eps)
    assert low - SIGMAS * np.sqrt(high / count) <= (share == 1).mean() <= high + SIGMAS * np.sqrt(high / count)
    with pytest.raises(InputError, match="does not hold"):
        named(network, "many saturated neurons").at(eps=eps, fraction=0.01)


def residual_squares(name, scale, sigma_w, sigma_b, n, layers, count, second=None):
    act = activation(name)
    phi, slope = (sp.lambdify(act.symbol, e, "scipy") for e in (act.expr, act.derivative(1)))
    rng = np.random.default_rng(5)
    x, jacobian = np.ones((count, n)), np.broadcast_to(np.eye(n), (count, n, n))
    for _ in range(layers):
        w = sigma_w / np.sqrt(n) * rng.normal(size=(count, n, n))
        h = np.einsum("kij,kj->ki", w, x) + sigma_b * rng.normal(size=(count, n))
        y, branch = phi(h), (slope(h) * np.ones_like(h))[:, :, None] * (w @ jacobian)
        if second is not None:
            other = second / np.sqrt(n) * rng.normal(size=(count, n, n))
            y, branch = np.einsum("kij,kj->ki", other, y), other @ branch
        x, jacobian = x + scale * y, jacobian + scale * branch
    return (jacobian**2).sum((1, 2)) / n


@pytest.mark.parametrize(
    ("name", "sigma_b", "matrices"),
    [("tanh", 0.5, 1), ("identity", 0.0, 1), ("relu", 0.2, 1), ("gelu", 0.2, 1), ("relu", 0.2, 2), ("tanh", 0.3, 2)],
)
def test_residual_networks(name, sigma_b, matrices):
    n, layers, count, scale = 8, 4, 6000, 0.4
    skip = Skip(scale, matrices, 1.1)
    network = Network(name, Weights.gaussian(1.2, sigma_b), n, layers, skip=skip)
    found = [f for f in bounds(network) if f.lhs == gradient_square]
    squares = residual_squares(name, scale, 1.2, sigma_b, n, layers, count, 1.1 if matrices == 2 else None)
    mean, error = squares.mean(), squares.std() / np.sqrt(count)
    assert found
    for f in found:
        bound = float(f.at(depth=layers).value())
        assert mean <= bound + SIGMAS * error
        if f.kind == "equality":
            assert abs(mean - bound) < SIGMAS * error
            assert abs(mean - bound * 1.02**layers) > SIGMAS * error
    equalities = [f.kind for f in found].count("equality")
    assert equalities == (name == "identity" or (name == "relu" and matrices == 2))


def test_batch_norm_is_asymptotic_and_other_parts_are_refused():
    (only,) = bounds(Network("relu", Weights.he(), 64, 10, norm="batch"))
    assert only.status == only.kind == "asymptotic"
    assert float(only.at(depth=1).value()) == pytest.approx(1.467, abs=1e-3)
    with pytest.raises(UnsupportedError, match="layer norm"):
        bounds(Network("tanh", Weights.gaussian(1), 8, 3, norm="layer"))
    with pytest.raises(UnsupportedError, match="skip"):
        certificate(Network("tanh", Weights.gaussian(1), 8, 3, skip=0.5))


def test_the_spectral_radius_does_not_decide():
    w = np.array([[1.5, 1.5], [-1.5, -1.2]])
    assert np.abs(np.linalg.eigvals(w)).max() < 0.68
    state, product = np.array([1.0, 0.0]), np.eye(2)
    for _ in range(30):
        slopes = (state > 0).astype(float)
        product, state = w @ np.diag(slopes) @ product, w @ np.maximum(state, 0)
    size = np.linalg.norm(product, 2)
    assert size > 1.5**29  # explodes although the spectral radius is 0.67
    for f in powers_of_one_matrix(w, "relu"):
        assert size <= float(f.at(depth=30).value()) * (1 + 1e-9)
        assert float(f.at(depth=2).value()) > float(f.at(depth=1).value())  # no bound claims vanishing


def test_powers_of_one_matrix_dominate_random_trajectories():
    rng = np.random.default_rng(6)
    w = rng.normal(size=(12, 12)) * 0.3
    found = powers_of_one_matrix(w, "tanh")
    for _ in range(20):
        state, product = rng.normal(size=12), np.eye(12)
        for step in range(1, 13):
            product = w @ np.diag(np.cosh(state) ** -2) @ product
            state = w @ np.tanh(state) + rng.normal(size=12)
            for f in found:
                assert np.linalg.norm(product, 2) <= float(f.at(depth=step).value()) * (1 + 1e-9)
    linear = {f.name: f for f in powers_of_one_matrix(w, "identity")}
    for step in (1, 5, 40):
        size = np.linalg.norm(np.linalg.matrix_power(w, step), 2)
        assert float(linear["spectral radius, linear"].at(depth=step).value()) <= size * (1 + 1e-9)
        assert size <= float(linear["spectral radius, linear, from above"].at(depth=step).value())


def test_scaling_and_perron_prove_what_the_norm_cannot():
    w = np.array([[0.5, 100.0], [1e-4, 0.5]])
    found = {f.name: f for f in powers_of_one_matrix(w, "tanh")}
    assert float(found["norm of the matrix"].at(depth=1).value()) > 1
    for name in ("spectral radius of |W|", "scaled norm"):
        assert float(found[name].at(depth=200).value()) < 1e-6


@pytest.mark.parametrize("size", [1, 7, 60])
def test_certified_norms_are_above_and_close(size):
    w = np.random.default_rng(size).normal(size=(size, size))
    true = np.linalg.norm(w, 2)
    assert true <= float(certified_norm(w)) <= true * (1 + 1e-8)
    assert certified_norm(np.zeros((3, 3))) == 0


@pytest.mark.parametrize("wrong", [[[1, 2, 3]], [[float("nan")]], "ab", [], np.zeros((2, 3))])
def test_matrices_that_are_none_are_refused(wrong):
    with pytest.raises(InputError, match="square matrix"):
        powers_of_one_matrix(wrong, "tanh")


INTEGRALS = {  # by hand
    "tanh": sp.Rational(4, 3),
    "sigmoid": sp.Rational(1, 6),
    "erf": 2 * sp.sqrt(2 / sp.pi),
    "arctan": sp.pi / 2,
    "softsign": sp.Rational(2, 3),
    "hard_tanh": sp.Integer(2),
}


@pytest.mark.parametrize("name", INTEGRALS)
def test_integrals_of_squared_slopes(name):
    known = square_integral(activation(name))
    assert known.status == "proved"
    assert sp.simplify(known.value - INTEGRALS[name]) == 0


def test_integrals_without_closed_form_are_above_and_infinite_ones_absent():
    known = square_integral(activation("x*exp(-x**2)"))  # ∫(1 − 2x²)²e^{−2x²} = (3/4)√(π/2)
    assert 0 <= float(known.value.number) - 0.75 * np.sqrt(np.pi / 2) < 1e-10
    assert square_integral(activation("relu")) is None
    assert square_integral(activation("sin")) is None


def test_thresholds_certify_and_are_sharp():
    found = {f.name: f for f in bounds(Network("erf", Weights.gaussian(1.2), 9, 4))}
    smallest = found["smallest bias of the bias certificate"]
    assert smallest.status == "proved"
    assert float(smallest.value()) == pytest.approx(np.sqrt(((4 * 1.44 / np.pi) ** 2 - 1) / 4))
    assert float(found["bias that certifies vanishing"].value()) > float(smallest.value())
    assert float(found["weights that certify vanishing"].value()) == pytest.approx(np.sqrt(np.pi / 4))
    tanh = float(named(Network("tanh", Weights.gaussian(1.5), 9, 4), "smallest bias of the bias certificate").value())
    assert certificate(Network("tanh", Weights.orthogonal(1.5, tanh), 9, 4)).verdict == "vanishes"
    assert certificate(Network("tanh", Weights.orthogonal(1.5, tanh * 0.999), 9, 4)) is None


@pytest.mark.parametrize("root", [0, 3, 60])
@pytest.mark.parametrize("level", [0.3, 1e-7, 1e-200])
def test_depth_below_is_where_counting_finds_it(root, level):
    depth = sp.Symbol("depth", integer=True, positive=True)
    bound = Formula(gradient_norm, 5 * sp.exp(root * sp.sqrt(depth)) * sp.Rational(9, 10) ** depth, "upper bound")
    logs = math.log(5) + root * np.sqrt(np.arange(400_000)) + np.arange(400_000) * math.log(0.9)
    assert depth_below(bound, level) == np.flatnonzero(logs >= math.log(level))[-1] + 1


@pytest.mark.parametrize(("level", "expected"), [(2.96, 4), (3.01, 1), (2.92, 5)])
def test_depth_below_sees_a_peak_between_powers_of_two(level, expected):
    depth = sp.Symbol("depth", integer=True, positive=True)
    bound = Formula(gradient_norm, sp.exp(2 * sp.sqrt(3) * sp.sqrt(depth)) * sp.exp(-depth), "upper bound")
    logs = 2 * np.sqrt(3 * np.arange(1, 100)) - np.arange(1, 100)  # 3 at depth 3, at 2 and 4 below 2.93
    above = np.flatnonzero(logs >= level)
    assert depth_below(bound, math.exp(level)) == expected == (above[-1] + 2 if len(above) else 1)


def test_depth_below_is_the_smallest_depth():
    depth, p = sp.Symbol("depth", integer=True, positive=True), sp.Symbol("p", positive=True)
    bound = Formula(gradient_norm, 100 * sp.Rational(9, 10) ** depth * sp.exp(sp.sqrt(depth)), "upper bound")
    found = depth_below(bound, 1e-3)
    assert float(bound.at(depth=found).value()) < 1e-3 <= float(bound.at(depth=found - 1).value())
    assert depth_below(Formula(gradient_norm, sp.Rational(11, 10) ** depth, "upper bound"), 1e-3) is None
    assert depth_below(Formula(gradient_norm, sp.Rational(1, 10**6) ** depth, "upper bound"), 1e-3) == 1
    for wrong in (Formula(gradient_norm, depth * p, "upper bound"), Formula(gradient_norm, depth, "lower bound")):
        with pytest.raises(InputError):
            depth_below(wrong, 1e-3)
    with pytest.raises(InputError, match="level"):
        depth_below(bound, 0)


def test_depths_for_every_float_format():
    network = Network("relu", Weights.gaussian(1), width=64, depth=10)  # E‖∂ℓ/∂x_0‖² = 2^{−L} exactly
    found = {f.name: float(f.value()) for f in bounds(network) if f.name.startswith("depth to") and not f.symbols}
    expected = {"leave float32": 252, "reach 0 in float32": 298, "reach 0 in bfloat16": 266, "leave float16": 28}
    for name, at in (*expected.items(), ("reach 0 in float16", 48)):
        assert found[f"depth to {name}"] == pytest.approx(at)


@pytest.mark.slow
def test_the_edge_of_the_spectrum_is_asymptotic():
    n, layers = 300, 3
    for family in ("gaussian", "orthogonal"):
        network = Network("relu", getattr(Weights, family)(2**0.5), n, layers)
        formula = named(network, "edge of the spectrum")
        assert formula.status == formula.kind == "asymptotic"
        jacobian, _ = jacobians("relu", family, 2**0.5, 0.0, n, layers, 1)
        assert np.linalg.norm(jacobian[0], 2) == pytest.approx(float(formula.at(depth=layers).value()), rel=0.12)
