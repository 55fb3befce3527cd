"""How lengths and correlations approach their limits, against iteration of the maps; divergence against its proof."""

import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.theory.asymptotics.approach import correlation_curvature
from vgtheory.theory.asymptotics.divergence import half_lines
from vgtheory.theory.asymptotics.mean_field import correlation_step, log_length_profile, next_length


def lengths(name, sigma_w, sigma_b, depth):
    return np.exp(log_length_profile(vg.Network(name, vg.Weights.gaussian(sigma_w, sigma_b), 10, depth)))


@pytest.mark.parametrize(("name", "coefficient", "power"), [("tanh", 0.5, 1), ("sin", 1.0, 1), ("elu", 2 * np.pi, 2)])
def test_marginal_lengths_fall_by_their_power(name, coefficient, power):
    found = vg.meanfield.approach(name, 1.0)
    assert (found.law, found.power) == ("power", power)
    assert found.coefficient == pytest.approx(coefficient, rel=1e-12)
    depth = 20000
    last = lengths(name, 1.0, 0.0, depth)[-1]
    assert last * depth**power == pytest.approx(coefficient, rel=0.01)
    assert last * depth**power != pytest.approx(1.02 * coefficient, rel=0.01)


def test_lengths_settle_and_grow_at_the_stated_rates():
    settled = vg.meanfield.approach("gelu", 1.4, 0.3)
    q = lengths("gelu", 1.4, 0.3, 60)
    slope = np.diff(np.log(np.abs(q - settled.limit)))
    assert slope[-10] == pytest.approx(settled.rate, abs=1e-3)
    grown = vg.meanfield.approach("silu", 2.0, 0.1)
    assert (grown.limit, grown.law) == (np.inf, "growth")
    assert np.diff(np.log(lengths("silu", 2.0, 0.1, 100)))[-1] == pytest.approx(grown.rate, rel=1e-9)
    line = vg.meanfield.approach("relu", 2**0.5, 0.3)
    assert (line.law, line.coefficient) == ("linear growth", pytest.approx(0.09))
    assert np.diff(lengths("relu", 2**0.5, 0.3, 50))[-1] == pytest.approx(0.09)
    assert vg.meanfield.approach("x**2", 3.0).law == "superexponential growth"
    assert vg.meanfield.approach("relu", 2**0.5).law == "constant"


def test_a_half_stable_length_is_approached_like_one_over_l():
    ((sigma_w, sigma_b, q),) = vg.meanfield.critical_curve("gelu").half_stable
    curve = [float(next_length("gelu", v, sigma_w, sigma_b)) for v in (q * 0.99, q, q * 1.01)]
    bend = (curve[0] - 2 * curve[1] + curve[2]) / (0.01 * q) ** 2
    found = vg.meanfield.approach("gelu", sigma_w, sigma_b)
    if found.law == "power":  # the two roots at the double root may come apart by rounding
        assert found.coefficient == pytest.approx(2 / abs(bend), rel=1e-3)


def test_relu_correlations_close_like_nine_pi_squared_over_two_l_squared():
    found = vg.meanfield.approach("relu", 2**0.5, of="correlation")
    assert found.coefficient == pytest.approx(9 * np.pi**2 / 2, rel=1e-14)
    c, depth = 0.0, 4000
    for _ in range(depth):
        c = (np.sqrt(1 - c * c) + (np.pi - np.arccos(c)) * c) / np.pi  # Cho & Saul (2009)
    assert (1 - c) * depth**2 == pytest.approx(found.coefficient, rel=0.01)


@pytest.mark.parametrize("name", ["hard_tanh", "selu", "leaky_relu"])
def test_the_correlation_law_of_kinks_is_the_expansion_of_the_map(name):
    """C(1 − e) = 1 − e + s e^{3/2} and 1 − c_l ~ 4/(s² l²)."""
    sigma_b = 0.0 if name == "leaky_relu" else 0.3
    point = vg.critical(name, sigma_b)
    found = vg.meanfield.approach(name, point.sigma_w, sigma_b, of="correlation")
    e = np.array([1e-5, 4e-5])
    ahead = np.array([1 - correlation_step(name, point.q, 1 - v, point.sigma_w, sigma_b)[0] for v in e])
    s = (e - ahead) / e**1.5
    limit = 2 * s[0] - s[1]  # the next term is of relative size √e
    assert 4 / limit**2 == pytest.approx(found.coefficient, rel=1e-3)


def test_smooth_correlations_close_like_the_published_rate():
    """Hayou et al. (2019), proposition 3: tanh at σ_b = 0.2, 7.083737824905988/l."""
    found = vg.meanfield.approach("tanh", vg.critical("tanh", 0.2).sigma_w, 0.2, of="correlation")
    assert (found.law, found.coefficient) == ("power", pytest.approx(7.083737824905988, rel=1e-9))


def test_curvature_of_kinks_is_infinite_and_of_erf_closed():
    assert correlation_curvature("hard_tanh", 1.0, 1.0) == np.inf
    # C = (2/π) asin(2qc/(1+2q)): second derivative at c = 1 over q
    for q in (0.01, 1.0, 400.0):
        u = 2 * q / (1 + 2 * q)
        truth = 2 / np.pi * u**3 / (1 - u * u) ** 1.5 / q
        assert correlation_curvature("erf", q, 1.0) == pytest.approx(truth, rel=1e-10)


def test_correlations_without_a_law_say_so():
    with pytest.raises(NoSolutionError, match="diverges"):
        vg.meanfield.approach("relu", 1.6, 0.3, of="correlation")
    with pytest.raises(UnsupportedError):
        vg.meanfield.approach("elu", 1.0, of="correlation")
    assert vg.meanfield.approach("tanh", 1.0, of="correlation").law == "frozen"


@pytest.mark.parametrize("name", ["silu", "gelu", "softplus", "elu", "mish"])
def test_beyond_the_certified_point_the_length_map_lies_above_the_diagonal(name):
    lines = half_lines(vg.activation(name))
    for sigma_w in (1.45, 2.0):
        start = lines.diverges_beyond(sigma_w)
        q = np.exp(np.linspace(np.log(start), np.log(start) + 12, 50))
        assert (next_length(name, q, sigma_w) > q).all()
    assert lines.diverges_beyond(1.41) == np.inf
    h = np.linspace(-50, 50, 4001)
    phi = vg.compile(name)(h)
    followed = np.where(h > 0, float(lines.right), float(lines.left)) * h
    assert np.abs(phi - followed).max() <= lines.distance * (1 + 1e-12)


def test_phase_diagrams_know_that_lengths_diverge():
    for name in ("silu", "gelu"):
        phases = vg.phase_diagram(name, [1.2, 1.5, 2.0, 3.0], [0.3, 0.8]).phase.values
        assert (phases[:, 2:] == "diverges").all()
        assert "out of reach" not in phases
