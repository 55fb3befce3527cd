"""Every bound against dense networks drawn by brute force; equality cases; the thresholds that the proofs promise.

Statistical checks allow 5 standard errors: about one false alarm in 3 million per check.
"""

import numpy as np
import pytest
import sympy as sp
from scipy import integrate

from tests.thinning import thinned
from vgtheory._errors import InputError, UnsupportedError
from vgtheory._references import REFERENCES
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.symbolic.ball import precision
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import depth, gradient_square
from vgtheory.symbolic.printing import to_latex
from vgtheory.theory.proofs import bounds, certificate
from vgtheory.theory.proofs.certified_slope import certified_slope
from vgtheory.theory.proofs.gauss_table import half_line

SIGMAS = 5.0
SYMBOLS = {
    "depth",
    "p",
    "eps",
    "q",
    "t",
    "layer",
    "fraction",
    "weight_norm",
    "weight_frobenius",
    "weight_least",
    "reach",
}


def haar(rng, count, n):
    q, r = np.linalg.qr(rng.normal(size=(count, n, n)))
    return q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]


def jacobians(name, family, sigma_w, sigma_b, n, layers, count, seed=1, from_h1=False):
    """Return J = ∂x_L/∂x_0 (or ∂x_L/∂h_1) of `count` dense networks, shape (count, n, n), and h_L."""
    act = activation(name)
    value, slope = (sp.lambdify(act.symbol, e, "scipy") for e in (act.expr, act.derivative(1)))
    rng = np.random.default_rng(seed)
    x, jacobian = np.ones((count, n)), np.broadcast_to(np.eye(n), (count, n, n))
    for layer in range(layers):
        if family == "orthogonal":
            w = sigma_w * haar(rng, count, n)
        elif family == "uniform":
            w = sigma_w * np.sqrt(3 / n) * rng.uniform(-1, 1, size=(count, n, n))
        else:
            w = sigma_w / np.sqrt(n) * rng.normal(size=(count, n, n))
        h = np.einsum("kij,kj->ki", w, x) + sigma_b * rng.normal(size=(count, n))
        incoming = jacobian if from_h1 and layer == 0 else w @ jacobian
        jacobian = (slope(h) * np.ones_like(h))[:, :, None] * incoming
        x = value(h)
    return jacobian, h


def numbers(network, **values):
    """Return {name: (kind, value)} of the bounds with their symbols fixed."""
    out = {}
    for f in bounds(network):
        point = {k: v for k, v in values.items() if k in {s.name for s in f.symbols}}
        try:
            f = f.at(**point) if point else f
        except InputError:  # a condition of the formula fails here
            continue
        if not f.symbols:
            out.setdefault((f.lhs.name, f.name), (f.kind, float(f.value())))
    return out


NETWORKS = [
    ("tanh", "gaussian", 1.2, 0.8),
    ("tanh", "gaussian", 4.0, 0.3),
    ("tanh", "orthogonal", 1.2, 0.6),
    ("tanh", "uniform", 1.2, 0.4),
    ("gelu", "gaussian", 1.3, 0.3),
    ("gelu", "uniform", 1.3, 0.3),
    ("softplus", "gaussian", 1.4, 0.2),
    ("relu", "gaussian", 1.4, 0.5),
    ("relu", "uniform", 1.4, 0.5),
    ("leaky_relu", "gaussian", 1.3, 0.0),
    ("relu", "orthogonal", 1.4, 0.5),
    ("x/(1+abs(x))", "gaussian", 1.5, 0.7),
    ("erf", "gaussian", 1.0, 0.6),
    ("sin", "gaussian", 1.1, 0.3),
    ("elu", "gaussian", 1.1, 0.4),
]


@pytest.mark.parametrize(("name", "family", "sigma_w", "sigma_b"), thinned(NETWORKS, 5))
def test_mean_square_bounds_hold_for_dense_networks(name, family, sigma_w, sigma_b):
    n, layers, count = 12, 4, 6000
    network = Network(name, getattr(Weights, family)(sigma_w, sigma_b), width=n, depth=layers)
    jacobian, _ = jacobians(name, family, sigma_w, sigma_b, n, layers, count)
    squares = (jacobian**2).sum((1, 2)) / n  # mean over a loss gradient that is uniform on the sphere
    mean, error = squares.mean(), squares.std() / np.sqrt(count)
    found = {k: v for k, v in numbers(network, depth=layers).items() if k[0] == "gradient_square"}
    assert found
    for kind, value in found.values():
        if kind != "lower bound":
            assert mean <= value + SIGMAS * error
        if kind != "upper bound":
            assert mean >= value - SIGMAS * error


@pytest.mark.parametrize("name", thinned(["relu", "leaky_relu", "identity"], 3))
@pytest.mark.parametrize("family", ["gaussian", "orthogonal", "uniform"])
def test_equality_cases_are_equal_and_two_percent_per_layer_would_be_noticed(name, family):
    n, layers, count = 16, 3, 8000 if family == "orthogonal" else 20000
    network = Network(name, getattr(Weights, family)(1.2, 0.4), width=n, depth=layers)
    (first, *_) = bounds(network)
    assert first.kind == "equality"
    jacobian, _ = jacobians(name, family, 1.2, 0.4, n, layers, count)
    squares = (jacobian**2).sum((1, 2)) / n
    mean, error = squares.mean(), squares.std() / np.sqrt(count) + 1e-12
    value = float(first.at(depth=layers).value())
    assert abs(mean - value) < SIGMAS * error
    for wrong in (1.02, 0.98):
        assert abs(mean - value * wrong**layers) > SIGMAS * error


@pytest.mark.parametrize(("name", "sigma_w"), thinned([("tanh", 1.2), ("identity", 1.0), ("leaky_relu", 1.1)], 3))
def test_high_probability_bounds_fail_no_more_often_than_stated(name, sigma_w):
    n, layers, count, p = 16, 6, 4000, 0.05
    network = Network(name, Weights.gaussian(sigma_w, 0.3), width=n, depth=layers)
    jacobian, _ = jacobians(name, "gaussian", sigma_w, 0.3, n, layers, count)
    allowed = p + SIGMAS * np.sqrt(p * (1 - p) / count)
    stretch = np.log((jacobian[:, :, 0] ** 2).sum(1))
    norm = np.linalg.norm(jacobian, 2, axis=(1, 2))
    rng = np.random.default_rng(5)
    g = rng.normal(size=(count, n))
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    gradient = np.linalg.norm(np.einsum("kij,ki->kj", jacobian, g), axis=1)
    observed = {"log_stretch": stretch, "jacobian_norm": norm, "gradient_norm": gradient}
    found = {k: v for k, v in numbers(network, depth=layers, p=p).items() if k[0] in observed and v[0] != "asymptotic"}
    assert {k[0] for k in found} == set(observed)
    for (quantity, _), (kind, value) in found.items():
        broken = observed[quantity] > value if kind == "upper bound" else observed[quantity] < value
        assert broken.mean() <= allowed
    if name == "identity":  # equality in law: a bound lower by the spread must fail
        upper = found[("log_stretch", "chi-square domination")][1]
        assert (stretch > upper - 1.2).mean() > allowed


def test_orthogonal_singular_values_lie_between_their_bounds_in_every_draw():
    jacobian, _ = jacobians("leaky_relu", "orthogonal", 1.1, 0.3, 10, 5, 300)
    network = Network("leaky_relu", Weights.orthogonal(1.1, 0.3), width=10, depth=5)
    found = numbers(network, depth=5)
    values = np.linalg.svd(jacobian, compute_uv=False)
    assert values.max() <= found[("jacobian_norm", "orthogonal weights, largest singular value")][1]
    assert values.min() >= found[("jacobian_least", "orthogonal weights, smallest singular value")][1]


def test_product_of_norms_holds_for_every_draw():
    rng = np.random.default_rng(3)
    w = rng.uniform(-1, 1, size=(5, 8, 8))
    x, jacobian = np.ones(8), np.eye(8)
    for layer in w:
        h = layer @ x
        x, jacobian = np.tanh(h), (1 - np.tanh(h) ** 2)[:, None] * (layer @ jacobian)
    largest = max(np.linalg.norm(layer, 2) for layer in w)
    formula = next(f for f in bounds(Network("tanh", Weights.uniform(1), 8, 5)) if f.name == "product of norms")
    assert np.linalg.norm(jacobian, 2) <= float(formula.at(depth=5, weight_norm=float(largest)).value())


def test_saturated_fraction_lies_between_its_bounds():
    n, layers, count, eps = 10, 5, 4000, 0.1
    _, h = jacobians("tanh", "gaussian", 2.0, 0.7, n, layers, count)
    per_network = (1 - np.tanh(h) ** 2 <= eps).mean(1)
    mean, error = per_network.mean(), per_network.std() / np.sqrt(count)
    found = numbers(Network("tanh", Weights.gaussian(2.0, 0.7), n, layers), eps=eps)
    low = found[("saturated_fraction", "saturated fraction, bias")][1]
    high = found[("saturated_fraction", "saturated fraction, bounded activation")][1]
    assert low < high
    assert low - SIGMAS * error <= mean <= high + SIGMAS * error


def test_bias_certificate_is_the_gain_at_the_bias_variance():
    network = Network("tanh", Weights.gaussian(1.3, 0.6), width=50, depth=9)
    formula = next(f for f in bounds(network) if f.name == "bias certificate")
    gain, _ = integrate.quad(lambda z: np.cosh(0.6 * z) ** -4 * np.exp(-z * z / 2) / np.sqrt(2 * np.pi), -12, 12)
    assert float(formula.at(depth=1).value()) == pytest.approx(1.3**2 * gain, rel=1e-12)
    assert formula.status in ("certified", "proved")


@pytest.mark.parametrize(
    ("name", "sigma_w", "sigma_b", "rate"),
    [  # χ_max by an independent quadrature
        ("tanh", 1.0, 0.6, 0.653),
        ("erf", 1.0, 0.6, 0.815),
        ("sigmoid", 4.0, 1.0, 0.717),
        ("atan(x)", 1.0, 0.7, 0.625),
        ("x/(1+abs(x))", 1.5, 0.7, 0.673),
    ],
)
def test_rates_of_the_bias_certificate(name, sigma_w, sigma_b, rate):
    found = certificate(Network(name, Weights.gaussian(sigma_w, sigma_b), width=1, depth=5))
    assert found.verdict == "vanishes"
    assert sum(found.enclosure) / 2 == pytest.approx(rate, abs=6e-4)


# Sufficient for vanishing whatever the width and depth: σ_b > σ_w² ∫φ'²/√(2π), with ∫φ'² by hand.
THRESHOLDS = {
    "tanh": 4 / (3 * np.sqrt(2 * np.pi)),
    "sigmoid": 1 / (6 * np.sqrt(2 * np.pi)),
    "atan(x)": np.sqrt(np.pi / 8),
    "x/(1+abs(x))": 2 / (3 * np.sqrt(2 * np.pi)),
}


@pytest.mark.parametrize("name", thinned(THRESHOLDS, 2))
@pytest.mark.parametrize("sigma_w", [1.3, 6.0])
def test_a_bias_above_the_threshold_certifies_vanishing(name, sigma_w):
    sigma_b = float(THRESHOLDS[name] * sigma_w**2) * 1.001
    found = certificate(Network(name, Weights.gaussian(sigma_w, sigma_b), width=7, depth=3))
    assert found is not None
    assert found.verdict == "vanishes"
    assert found.enclosure[1] < 1


def test_the_threshold_is_asymptotically_sharp():
    """At large σ_w the bias certificate needs nearly the whole of 0.5319 σ_w²: 5 % less proves nothing."""
    sigma_b = float(THRESHOLDS["tanh"] * 36) * 0.95
    assert certificate(Network("tanh", Weights.gaussian(6.0, sigma_b), width=7, depth=3)) is None


@pytest.mark.slow
def test_certificates_of_explosion_and_of_neither():
    assert certificate(Network("tanh", Weights.gaussian(4.0, 0.3), width=100, depth=50)).verdict == "explodes"
    assert certificate(Network("relu", Weights.gaussian(1.5), width=8, depth=50)).verdict == "explodes"
    assert certificate(Network("relu", Weights.gaussian(1.4), width=8, depth=50)).verdict == "vanishes"
    assert certificate(Network("relu", Weights.he(), width=8, depth=50)) is None
    assert certificate(Network("tanh", Weights.gaussian(1.5, 0.1), width=100, depth=50)).verdict == "explodes"
    assert certificate(Network("tanh", Weights.gaussian(1.39, 0.3), width=100, depth=50)) is None
    assert certificate(Network("tanh", Weights.pytorch_default(), width=64, depth=50)).verdict == "vanishes"
    assert certificate(Network("tanh", Weights.gaussian(sp.Symbol("sigma_w", positive=True)), 8, 8)) is None


def test_assumptions_that_fail_withdraw_the_bound():
    names = {f.name for f in bounds(Network("sin", Weights.gaussian(1.1, 0.3), 20, 5))}
    assert "bias certificate" not in names  # cos² is not monotone
    names = {f.name for f in bounds(Network("tanh", Weights.uniform(1.1, 0.3), 20, 5))}
    assert "bias certificate" not in names  # its proof needs normal pre-activations
    assert "product of Gaussian norms" not in names
    assert "symmetrised slope" in names
    names = {f.name for f in bounds(Network("tanh", Weights.gaussian(1.1), 20, 5))}
    assert "bias certificate" not in names  # no bias
    about_weights = {"norm", "smallest singular value", "condition number"}
    for f in bounds(Network("x**3", Weights.gaussian(1), 20, 5)):  # φ' is unbounded
        assert f.name == "probability of saturation" or f.name.removesuffix(" of one weight matrix") in about_weights


@pytest.mark.parametrize(
    ("name", "gamma"),
    [
        ("tanh", 1),
        ("sin", 1),
        ("sigmoid", sp.Rational(1, 16)),
        ("erf", 4 / sp.pi),
        ("relu", sp.Rational(1, 2)),
        ("softplus", sp.Rational(1, 2)),
        ("atan(x)", 1),
    ],
)
def test_symmetrised_slopes(name, gamma):
    known = certified_slope(activation(name)).square_sup
    assert known.status == "proved"
    assert sp.simplify(known.value - gamma) == 0


@pytest.mark.parametrize(("name", "gamma"), [("gelu", 0.6455), ("silu", 0.6098)])
def test_symmetrised_slopes_of_gated_units(name, gamma):
    assert float(certified_slope(activation(name)).square_sup.value) == pytest.approx(gamma, abs=5e-5)


def test_every_formula_is_complete_and_prints():
    found = bounds(Network("tanh", Weights.gaussian(1.5, 0.1), width=512, depth=1000))
    assert len(found) >= 5
    for f in found:
        assert isinstance(f, Formula)
        assert f.name
        assert f.statement.endswith(".")
        assert set(f.reference) <= set(REFERENCES)
        assert to_latex(f.lhs)
        assert to_latex(f.expr)
        assert {s.name for s in f.symbols} <= SYMBOLS


def test_values_at_great_depth_do_not_underflow():
    (first, *_) = bounds(Network("tanh", Weights.gaussian(1, 0.8), width=512, depth=1000))
    value = first.at(depth=10**6).value()
    assert value > 0
    assert value < 1e-300


def test_depths_follow_from_the_rate():
    network = Network("relu", Weights.gaussian(1), width=64, depth=10)  # E‖∂ℓ/∂x_0‖² = 2^{−L} exactly
    found = {f.name: f for f in bounds(network)}
    assert float(found["depth to leave float32"].value()) == pytest.approx(252)
    assert float(found["depth to vanish"].at(p=0.25, eps=0.5).value()) == pytest.approx(4)


@pytest.mark.parametrize(("name", "sigma_w", "sigma_b"), [("tanh", 1.2, 0.8), ("relu", 1.4, 0.3)])
def test_gradients_at_each_layer_stay_below_their_bound(name, sigma_w, sigma_b):
    n, layers, count = 12, 4, 6000
    act = activation(name)
    slope = sp.lambdify(act.symbol, act.derivative(1), "scipy")
    formula = next(
        f for f in bounds(Network(name, Weights.gaussian(sigma_w, sigma_b), n, layers)) if "layer l" in f.name
    )
    first, h = jacobians(name, "gaussian", sigma_w, sigma_b, n, layers, count, from_h1=True)
    squares, last = (first**2).sum((1, 2)) / n, (slope(h) ** 2).mean(1)
    for at, observed in ((1, squares), (layers, last)):
        bound = float(formula.at(depth=layers, layer=at).value())
        assert observed.mean() <= bound + SIGMAS * observed.std() / np.sqrt(count)
    if name == "relu":  # the last layer has half of its neurons active: an equality
        assert last.mean() == pytest.approx(bound, rel=0.02)


def test_unequal_widths_are_multiplied_layer_by_layer():
    widths = (10, 20, 5)
    found = bounds(Network("relu", Weights.xavier(), width=widths, depth=2))
    # σ_w² = 2 fan_in/(fan_in + fan_out), half of the neurons active
    assert found[0].value() == pytest.approx(float(sp.Rational(10, 30) * sp.Rational(20, 25)))
    rng = np.random.default_rng(0)
    count, x = 30000, np.ones((30000, 10))
    jacobian = np.broadcast_to(np.eye(10), (count, 10, 10))
    for n_in, n_out in ((10, 20), (20, 5)):
        w = np.sqrt(6 / (n_in + n_out)) * rng.uniform(-1, 1, size=(count, n_out, n_in))
        h = np.einsum("kij,kj->ki", w, x)
        x, jacobian = np.maximum(h, 0), (h > 0)[:, :, None] * (w @ jacobian)
    squares = (jacobian**2).sum((1, 2)) / 5
    assert abs(squares.mean() - float(found[0].value())) < SIGMAS * squares.std() / np.sqrt(count)


def test_symbols_stay_symbols():
    sigma_w, width = sp.symbols("sigma_w width", positive=True)
    found = bounds(Network("relu", Weights.gaussian(sigma_w), width=width, depth=sp.Symbol("depth", positive=True)))
    assert found[0].at(sigma_w=2, depth=3).value() == 8
    assert any(width in f.expr.free_symbols for f in found)


def test_something_else_than_a_network_is_refused():
    with pytest.raises(InputError, match="a Network"):
        bounds("tanh")
    with pytest.raises(InputError, match="a Network"):
        certificate(None)


@pytest.mark.parametrize(
    ("name", "sigma_w", "sigma_b"),
    [
        *[("tanh", s, 0.0) for s in (1e4, 1e30, 1e59, 1e-59)],
        ("tanh", 1e3, 0.1),
        ("tanh", 1.0, 1e59),
        ("sigmoid", 1e-59, 0.0),
        ("sin", 1e5, 0.0),
    ],
)
def test_scales_beyond_what_a_certificate_can_search_leave_the_other_bounds(name, sigma_w, sigma_b):
    """sup of the symmetrised slope: 1 for tanh and sin, 1/16 for the sigmoid."""
    found = bounds(Network(name, Weights.gaussian(sigma_w, sigma_b), 16, 3))
    assert not any("finite-width" in n for n in found.names)
    expected = 6 * np.log(sigma_w) + 3 * np.log(1 / 16 if name == "sigmoid" else 1.0)
    assert float(sp.log(found["symmetrised slope"].expr.subs(depth, 3))) == pytest.approx(expected, rel=1e-12)


def test_panels_are_counted_before_they_are_made():
    with precision(96), pytest.raises(UnsupportedError, match="takes over 400 panels"):
        half_line(activation("tanh"), 1e-4, 1e300, 1.0)
    with precision(96):
        panels = half_line(activation("tanh"), 0.05, 2.0, 1.0).panels
        with pytest.raises(UnsupportedError, match=f"takes over {len(panels) - 1} panels"):
            half_line(activation("tanh"), 0.05, 2.0, 1.0, len(panels) - 1)
        assert len(half_line(activation("tanh"), 0.05, 2.0, 1.0, len(panels)).panels) == len(panels)


@pytest.mark.parametrize("name", ["3", "0*x", "step"])
def test_without_slope_the_gradient_is_zero(name):
    found = bounds(Network(name, Weights.gaussian(1), 16, 3))
    assert found[0].lhs == gradient_square
    assert found[0].expr == 0
    assert not any(f.expr.has(sp.zoo, sp.nan) for f in found)


def test_a_rate_whose_logarithm_is_not_enclosed_gives_no_depth():
    found = bounds(Network("tanh", Weights.gaussian(1, 1e60), 16, 3))
    assert found.depth_below(1e-6) is None
    assert bounds(Network("tanh", Weights.gaussian(1, 1e3), 16, 3)).depth_below(1e-6) >= 1
