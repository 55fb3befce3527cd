"""The polar subordination curve against closed forms: Fuss–Catalan, Bernoulli laws, and the equation it solves."""

import numpy as np
import pytest

from vgtheory.kernels import spectral_curve as sc
from vgtheory.kernels import spectral_inverse as inverse
from vgtheory.kernels.spectral_angle import upper_angle
from vgtheory.kernels.spectral_law import law_of


def law_and_mean(d2, weights):
    d2, weights = np.asarray(d2, dtype=float), np.asarray(weights, dtype=float)
    nodes, kept = np.log(d2[d2 > 0]), weights[d2 > 0].copy()
    mean = np.log((d2 * weights).sum())
    return law_of(nodes, kept, float(weights[d2 == 0].sum())), mean


def fuss_catalan(depth, t):
    """ln x, ln of the density of x, ln r at f = (1 − t) π/(L + 1) (Forrester & Liu 2015), both ends precise."""
    psi, f = np.pi / (depth + 1) * t, np.pi / (depth + 1) * (1 - t)
    a, b = np.sin(np.pi * np.minimum(t, 1 - t)), np.sin(f)
    c = np.where(depth * f < np.pi / 2, np.sin(depth * f), np.sin(np.pi / (depth + 1) + depth * psi))
    log_x = (depth + 1) * np.log(a) - np.log(b) - depth * np.log(c)
    log_density = 2 * np.log(b) + (depth - 1) * np.log(c) - depth * np.log(a) - np.log(np.pi)
    return log_x, log_density, np.log(a / b)


@pytest.mark.parametrize("depth", [1, 2, 4, 16, 64, 1000, 10_000, 100_000])
def test_linear_gaussian_network_is_fuss_catalan(depth):
    law, _ = law_and_mean([1.0], [1.0])
    t = np.linspace(0.01, 0.99, 99)[::-1]
    log_x, log_density, u = fuss_catalan(depth, t)
    rows = sc.curve(u, law, sc.Layers(float(depth), sc.GAUSSIAN, 0.0, 0.0))
    # Both sides are sums of L equal logarithms, each rounded.
    rounding = np.finfo(float).eps * (np.abs(log_x) + depth + 10)
    assert (np.abs(rows[:, 0] - log_x) <= 8 * rounding).all()
    assert np.abs(rows[:, 1] / np.exp(log_density + log_x) - 1).max() < 1e-10


@pytest.mark.parametrize("depth", [1, 3, 50])
def test_survival_is_the_integral_of_the_density(depth):
    law, mean = law_and_mean([0.0, 0.3, 1.0], [0.2, 0.5, 0.3])
    x, w = np.polynomial.legendre.leggauss(400)
    us = 0.5 + x * 1.5
    rows = sc.curve(us, law, sc.Layers(float(depth), sc.GAUSSIAN, 0.0, mean))
    ends = sc.curve(np.array([-1.0, 2.0]), law, sc.Layers(float(depth), sc.GAUSSIAN, 0.0, mean))
    inside = rows[:, 3] > 0
    mass = (1.5 * w * np.where(inside, rows[:, 1] * rows[:, 4], 0.0)).sum()
    assert ends[0, 2] - ends[1, 2] == pytest.approx(mass, abs=2e-4)  # the top edge falls inside the rule


@pytest.mark.parametrize("p", [0.5, 0.9])
@pytest.mark.parametrize("depth", [4, 16, 1000])
def test_bernoulli_with_orthogonal_weights_is_explicit(p, depth):
    c = 1 - p
    law, mean = law_and_mean([0.0, 1.0], [c, p])
    theta = np.linspace(0.05, 0.95, 40) * np.pi * (depth - 1) / depth
    r = c * np.sin(depth * theta / (depth - 1)) / np.sin(theta / (depth - 1))
    zeta = r * np.exp(1j * theta)
    log_x = np.log(r) + (depth - 1) * np.log(np.abs(p * zeta / (zeta - c)))
    density = -(p / (zeta - 1)).imag / np.pi
    rows = sc.curve(np.log(r), law, sc.Layers(float(depth), sc.ORTHOGONAL, mean, mean))
    assert np.abs(rows[:, 0] - log_x).max() < 1e-12 * max(1.0, np.abs(log_x).max())
    assert np.abs(rows[:, 1] / density - 1).max() < 1e-10


@pytest.mark.parametrize("depth", [2, 7, 300])
def test_bernoulli_with_gaussian_weights_solves_its_equation(depth):
    """z = ((1 + m)/m) (p + m)^L: m from the density alone must reproduce the curve's x (σ_w = 1)."""
    p = 0.6
    law, mean = law_and_mean([0.0, 1.0], [1 - p, p])
    us = np.linspace(-3, 0.5, 20)
    rows = sc.curve(us, law, sc.Layers(float(depth), sc.GAUSSIAN, mean, mean))
    m = p / (np.exp(us + 1j * rows[:, 3]) - 1)
    log_z = np.log(1 + m) - np.log(m) + depth * np.log(p + m)
    on = rows[:, 3] > 0
    assert on.sum() > 10
    assert np.abs(log_z.real - rows[:, 0])[on].max() < 1e-12 * depth
    assert np.abs(np.sin(log_z.imag[on])).max() < 1e-11
    assert np.allclose(-m.imag[on] / np.pi, rows[on, 1], rtol=1e-12)


@pytest.mark.parametrize("kind", [sc.GAUSSIAN, sc.ORTHOGONAL])
@pytest.mark.parametrize("depth", [2.0, 5.0, 1000.0])
def test_inversions_undo_the_curve(kind, depth):
    law, mean = law_and_mean([0.0, 0.2, 0.7, 1.0], [0.1, 0.2, 0.4, 0.3])
    us = np.linspace(-20, 12, 200)
    table = sc.curve(us, law, sc.Layers(depth, kind, 0.0, mean))
    targets = np.linspace(0.05, 0.85, 9)
    inside = (table[:, 3] > 0) & (table[:, 3] < np.pi)
    turns = np.where(inside, np.log(np.maximum(table[:, 3], 1e-300) / (np.pi - table[:, 3])), 0.0)
    layers = sc.Layers(depth, kind, 0.0, mean)
    x, survival = np.maximum.accumulate(table[:, 0]), np.minimum.accumulate(table[:, 2])
    known = inverse.Table(us, x, survival, turns, np.full(len(us) - 1, 0.5))
    quantiles = inverse.at_survival(targets, known, law, layers)
    back = inverse.at_value(quantiles[:, 0].copy(), known, law, layers)
    # Without the guesses of θ every point is solved by the bracketed search.
    searched = inverse.at_value(quantiles[:, 0].copy(), known._replace(turns=np.zeros(len(us))), law, layers)
    np.testing.assert_allclose(searched[:, 1:3], back[:, 1:3], rtol=1e-10)
    assert np.abs(quantiles[:, 2] - targets).max() < 1e-12
    assert np.abs(back[:, 2] - targets).max() < 1e-11
    assert np.all(np.diff(table[:, 0]) > 0)


def test_nothing_overflows_at_extreme_values():
    law, mean = law_and_mean([1e-300, 1e-100, 1.0], [0.1, 0.4, 0.5])
    rows = sc.curve(np.linspace(-1100, 200, 300), law, sc.Layers(1e5, sc.GAUSSIAN, 0.0, mean))
    assert np.isfinite(rows).all()
    assert rows[0, 2] == pytest.approx(1.0, abs=1e-9)
    assert rows[-1, 2] == pytest.approx(0.0, abs=1e-9)


def test_angles_are_those_of_arctan2():
    rng = np.random.default_rng(0)
    y, x = np.append(rng.random(10_000), [0.0, 0.0, 1.0]), np.append(rng.normal(size=10_000), [1.0, -1.0, 0.0])
    got = np.array([upper_angle(a, b) for a, b in zip(y, x, strict=True)])
    np.testing.assert_allclose(got, np.arctan2(y, x), rtol=1e-15)
    small = np.array([upper_angle(a, 1.0) for a in (1e-100, 1e-20)])
    np.testing.assert_allclose(small, [1e-100, 1e-20], rtol=1e-15)


@pytest.mark.parametrize(
    ("u", "inside"),
    [(u, True) for u in (-700.0, -30.0, -6.0, -3.9, 0.1)] + [(u, False) for u in (4.1, 9.0, 300.0)],
)
@pytest.mark.parametrize("kind", [sc.GAUSSIAN, sc.ORTHOGONAL])
def test_a_point_has_the_sums_over_all_nodes_near_or_far(u, inside, kind):
    nodes = np.sort(np.concatenate([np.linspace(-12, 2, 57), np.linspace(-900, -30, 41)]))
    weights = np.linspace(1, 2, len(nodes)) / np.linspace(1, 2, len(nodes)).sum()
    depth, mean = 7.0, float(np.log((weights * np.exp(nodes)).sum()))
    log_x, density, survival, theta, rate = sc.curve(
        np.array([u]), law_of(nodes, weights, 0.0), sc.Layers(depth, kind, 0.0, mean)
    )[0]
    assert (theta > 0) == inside
    w = 1 / (1 - np.exp(nodes - u - 1j * theta))
    q, y = (weights * w).sum(), (weights * np.exp(nodes - u) * w).sum()
    one = (np.log(q) if kind == sc.GAUSSIAN else 0) + (depth - 1) * (
        np.log(y) - (0 if kind == sc.GAUSSIAN else np.log(q))
    )
    log_z = u + 1j * theta - depth * mean + one + (depth - 1) * u
    assert log_z.real == pytest.approx(log_x, abs=1e-11)
    assert density == pytest.approx(-q.imag / np.pi, rel=1e-9)
    angle = (weights * np.angle(1 - np.exp(nodes - u - 1j * theta))).sum()
    potential = (
        -np.angle(q) + depth * (q.imag + angle) if kind == sc.GAUSSIAN else (depth - 1) * np.angle(q) + depth * angle
    )
    assert survival == pytest.approx(potential / np.pi, abs=1e-12)
    v = np.exp(nodes - u - 1j * theta) * w
    own, other = -(weights * v * w).sum() / q, -(weights * v * w).sum() / (weights * v).sum()
    slope = (1 + own if kind == sc.GAUSSIAN else 1 - (depth - 1) * own) + (depth - 1) * (1 + other)
    assert rate == pytest.approx(abs(slope) ** 2 / slope.real if theta > 0 else slope.real, rel=1e-9)
