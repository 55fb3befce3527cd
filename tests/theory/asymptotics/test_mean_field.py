"""Maps of length, gradient and correlation against closed forms, iteration and independent integration."""

import json
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.theory.asymptotics.correlation_table import correlation_table
from vgtheory.theory.asymptotics.mean_field import (
    correlation_step,
    gradient_gain_at,
    log_length_profile,
    next_length,
    relaxation_depth,
)

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "mean_field.json").read_text())["values"]


def test_maps_of_erf_are_williams_closed_forms():
    q, sigma_w, sigma_b = np.array([[0.01, 1.0], [30.0, 1e3]]), 1.4, 0.3
    u = 2 * q / (1 + 2 * q)
    assert next_length("erf", q, sigma_w, sigma_b) == pytest.approx(
        sigma_w**2 * 2 / np.pi * np.arcsin(u) + 0.09, rel=1e-12
    )
    assert gradient_gain_at("erf", q, sigma_w) == pytest.approx(sigma_w**2 * 4 / np.pi / np.sqrt(1 + 4 * q), rel=1e-12)


def test_where_quadrature_gives_up_the_closed_form_answers():
    """siren at q = 1e4: 6,000 oscillations of sin(30 h)² within 13 √q."""
    assert float(next_length("siren", 1e4, 1.2, 0.3)) == pytest.approx(1.44 / 2 + 0.09, rel=1e-14)
    assert float(gradient_gain_at("siren", 1e4, 1.2)) == pytest.approx(1.44 * 450, rel=1e-14)
    over_a_period = (np.tanh(np.sin(2 * np.pi * np.arange(1000) / 1000)) ** 2).mean()
    assert float(next_length("tanh(sin(300*x))", 1e4, 1.0)) == pytest.approx(over_a_period, rel=1e-13)
    with pytest.raises(UnsupportedError, match="smaller"):
        next_length("tanh(x)*sin(300*x)", 1e4, 1.0)


def test_correlation_step_of_sin_is_closed():
    q, c, sigma_w, sigma_b = 0.9, 0.7, 1.3, 0.2
    value = np.exp(-q) * np.sinh(c * q)
    slope = np.exp(-q) * np.cosh(c * q)
    ahead = sigma_w**2 * (1 - np.exp(-2 * q)) / 2 + sigma_b**2
    found = correlation_step("sin", q, c, sigma_w, sigma_b)
    assert found == pytest.approx(
        ((sigma_w**2 * value + sigma_b**2) / ahead, sigma_w**2 * q * slope / ahead), rel=1e-12
    )
    assert correlation_step("sin", q, 1.0, sigma_w, sigma_b)[0] == pytest.approx(1.0, abs=1e-14)


def test_he_initialised_relu_follows_the_published_correlations():
    """Cho & Saul (2009): f(c) = (√(1 − c²) + (π − acos c) c)/π; 1 − c after ten steps from 0 is 0.128464483978482."""
    c = 0.0
    for _ in range(10):
        c = correlation_step("relu", 2.0, c, 2**0.5)[0]
    assert 1 - c == pytest.approx(0.128464483978482, rel=1e-12)


@pytest.mark.parametrize(
    "point", [v for v in REFERENCE if v["name"].startswith("phase point")], ids=lambda v: str(v["inputs"])
)
def test_fixed_correlations_are_the_published_ones(point):
    sigma_w, sigma_b = point["inputs"]["sigma_w2"] ** 0.5, point["inputs"]["sigma_b2"] ** 0.5
    name = point["name"].split()[-1]
    log_q = np.log([point["value"]["q_star"]])
    chi = gradient_gain_at(name, np.exp(log_q), sigma_w)
    c, log_slope = correlation_table(vg.activation(name)).fixed(log_q, chi, np.array([sigma_w]))
    assert (c[0], np.exp(log_slope[0])) == pytest.approx(
        (point["value"]["c_star"], point["value"]["chi_cstar"]), rel=1e-8
    )
    assert correlation_step(name, np.exp(log_q[0]), c[0], sigma_w, sigma_b)[0] == pytest.approx(c[0], abs=1e-9)


def test_fixed_correlation_near_criticality_and_by_both_rules():
    """1 − c* → 2(χ − 1)/C''(1); and a kinked activation, where the Hermite series alone cannot decide."""
    point = vg.fixed_points("tanh", 1.3271, 0.05**0.5)[0]
    gap = 1 - point.c
    assert 0 < gap < 1e-3
    h = 1e-3
    second = (
        1
        - 2 * correlation_step("tanh", point.q, 1 - h, 1.3271, 0.05**0.5)[0]
        + correlation_step("tanh", point.q, 1 - 2 * h, 1.3271, 0.05**0.5)[0]
    ) / h**2
    assert gap == pytest.approx(2 * (point.chi - 1) / second, rel=0.02)
    kinked = vg.fixed_points("hard_tanh", 1.5, 0.4)[0]
    assert kinked.chi > 1
    assert correlation_step("hard_tanh", kinked.q, kinked.c, 1.5, 0.4)[0] == pytest.approx(kinked.c, abs=1e-10)


def test_relu_with_bias_next_to_criticality_follows_the_arc_cosine_kernel():
    """Slightly chaotic at a bias that holds q = 1: D(ϑ) = σ_w² E(φ(u) − φ(v))²/(4 q sin² ϑ/2), Cho & Saul (2009)."""
    table = correlation_table(vg.activation("relu"))
    for angle in (1e-7, 1e-4, 0.01, 0.3, 1.5):
        with mp.workdps(40):
            t = mp.mpf(angle)
            kernel = (mp.sin(t) + (mp.pi - t) * mp.cos(t)) / (2 * mp.pi)
            truth = 2 * (mp.mpf(1) / 2 - kernel) / (2 * (1 - mp.cos(t)))
        value, slope = table.step(1.0, angle, 1.0)
        # the difference φ(u) − φ(v) is rounded to 1e-16 of φ and is of size ϑ
        assert value == pytest.approx(float(truth), rel=1e-13 + 1e-15 / angle)
        assert slope == pytest.approx((np.pi - angle) / (2 * np.pi), rel=1e-13)


@pytest.mark.parametrize(
    ("name", "sigma_w", "sigma_b"), [("hard_tanh", 1.19, 0.4), ("hard_tanh", 1.18, 0.4), ("tanh", 60.0, 1000.0)]
)
def test_where_the_hermite_series_cannot_decide_quadrature_does(name, sigma_w, sigma_b):
    (point,) = vg.fixed_points(name, sigma_w, sigma_b)
    assert 0 < 1 - point.c < 0.02
    ahead, slope = correlation_step(name, point.q, point.c, sigma_w, sigma_b)
    assert ahead == pytest.approx(point.c, abs=1e-11)
    assert np.log(slope) == pytest.approx(-1 / point.xi_c, rel=1e-6)


def test_a_jump_of_the_activation_leaves_no_perfect_correlation():
    """E H(u)H(v) = 1/2 − acos(c)/(2π): at σ_b large c* is close to 1, by the series and next to 1 by quadrature."""
    for sigma_b in (0.3, 3.0, 30.0):
        (point,) = vg.fixed_points("step", 1.0, sigma_b)
        q = 0.5 + sigma_b**2
        assert point.q == pytest.approx(q)
        assert 1 - np.arccos(point.c) / (2 * np.pi) / q == pytest.approx(point.c, abs=1e-10)
        slope = 1 / (2 * np.pi * q * np.sqrt(1 - point.c**2))
        assert point.xi_c == pytest.approx(-1 / np.log(slope), rel=1e-7)


@pytest.mark.parametrize(("slope", "depth"), [(0.0, 0.0), (1.0, np.inf), (np.exp(-0.5), 2.0), (-np.exp(-0.5), 2.0)])
def test_relaxation_depth(slope, depth):
    assert relaxation_depth(slope) == pytest.approx(depth)


@pytest.mark.parametrize(
    ("name", "layers", "published"),
    [("tanh", 1000, 0.000501163910455728), ("tanh", 10000, 5.001641701596548e-05), ("sin", 100, 0.009746417794988676)],
)
def test_the_profile_at_criticality_decays_as_published(name, layers, published):
    """σ_w = 1, σ_b = 0, q_1 = 1: the kernel of layer l is q_{l+1} (Roberts, Yaida & Hanin (2022))."""
    profile = np.exp(log_length_profile(vg.Network(name, vg.Weights.gaussian(1), 10, layers + 1)))
    assert profile[0] == 1
    assert profile[layers] == pytest.approx(published, rel=1e-8)


def test_profile_iterates_the_map_and_uses_each_layers_scales():
    network = vg.Network("tanh", vg.Weights.xavier(sigma_b=0.3), (30, 50, 20, 90), 3)
    q = [sum(s**2 for s in network.sigmas[0])]
    for sigma_w, sigma_b in network.sigmas[1:]:
        q.append(float(next_length("tanh", q[-1], sigma_w, sigma_b)))
    assert np.exp(log_length_profile(network)) == pytest.approx(q, rel=1e-12)


def test_profiles_leave_the_range_of_doubles_in_logarithms():
    down = log_length_profile(vg.Network("tanh", vg.Weights.gaussian(0.1), 10, 1000))
    assert np.diff(down)[-1] == pytest.approx(2 * np.log(0.1), rel=1e-12)
    up = log_length_profile(vg.Network("relu", vg.Weights.gaussian(10), 10, 1000))
    assert up[-1] == pytest.approx(999 * np.log(50) + np.log(100), rel=1e-12)


def test_divergence_and_dead_scales_are_errors():
    with pytest.raises(NoSolutionError, match="diverges at layer"):
        log_length_profile(vg.Network("x**2", vg.Weights.gaussian(2), 10, 5000))
    with pytest.raises(InputError, match=r"sigma_w must be .* \(got 0 in layer 1\)"):
        log_length_profile(vg.Network("tanh", vg.Weights.gaussian(0, 1), 10, 5))
    with pytest.raises(InputError, match="correlation"):
        correlation_step("tanh", 1.0, 1.5, 1.0)
