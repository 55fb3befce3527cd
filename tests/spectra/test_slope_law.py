"""The law of φ'(√q z)²: moments against the adaptive quadrature of the mean field, atoms against the normal law."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf, ndtr

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError
from vgtheory.spectra.slope_law import slope_law
from vgtheory.spectra.slope_points import special_points
from vgtheory.theory.asymptotics.mean_field import gradient_gain_at


@pytest.mark.parametrize("q", [1e-3, 0.7, 10.0, 100.0])
@pytest.mark.parametrize("name", thinned(list(vg.catalogue), 3))
def test_mean_is_the_gradient_gain(name, q):
    act = vg.activation(name)
    law = slope_law(act, q)
    assert law.weights.sum() + law.zero_mass == pytest.approx(1.0, abs=1e-14)
    assert np.all(np.diff(law.log_nodes) >= 0)
    assert np.exp(law.log_mean) == pytest.approx(float(gradient_gain_at(act, q, 1.0)), rel=2e-12)


@pytest.mark.parametrize("q", [0.3, 2.0])
def test_resolvent_of_tanh_against_adaptive_quadrature(q):
    """E 1/(1 + d²/r), which the spectrum's lower tail is made of, over forty decades of r."""
    law = slope_law(vg.activation("tanh"), q)
    for log_r in (-20.0, -8.0, -1.0, 0.5):
        got = (law.weights / (1 + np.exp(law.log_nodes - log_r))).sum()

        def integrand(z, log_r=log_r):
            log_d2 = -4 * np.log(np.cosh(np.sqrt(q) * z))
            return np.exp(-z * z / 2) / np.sqrt(2 * np.pi) / (1 + np.exp(log_d2 - log_r))

        want = 2 * quad(integrand, 0, 12, epsabs=1e-15, epsrel=1e-13, limit=400)[0]
        assert got == pytest.approx(want, rel=1e-10)


def test_atoms_are_exact():
    assert slope_law(vg.activation("relu"), 3.0).zero_mass == 0.5
    hard = slope_law(vg.activation("hard_tanh"), 0.4)
    assert len(hard.panels) == 0
    assert hard.atoms == ((0.0, pytest.approx(erf(1 / np.sqrt(0.8)), rel=1e-15)),)
    leaky = slope_law(vg.activation("leaky_relu", alpha=0.3), 1.0)
    assert leaky.atoms == ((pytest.approx(2 * np.log(0.3)), 0.5), (0.0, 0.5))
    elu = slope_law(vg.activation("elu"), 1.0)
    assert elu.atoms == ((0.0, 0.5),)
    assert len(elu.panels) > 0


@pytest.mark.parametrize("q", [0.3, 0.7, 2.0, 300.0])
@pytest.mark.parametrize(
    ("name", "slope"),
    [("snake", lambda h: 1 + np.sin(2 * h)), ("cos", np.sin), ("siren", lambda h: 30 * np.cos(30 * h))],
)
def test_periodic_slopes_against_a_midpoint_sum(name, slope, q):
    """E 1/(1 + r/d²), with the phase folded into one period (q from T²/16 on) and not."""
    law = slope_law(vg.activation(name), q)
    assert len(law.log_nodes) < 10_000
    z = np.linspace(-9, 9, 400_001)[:-1] + 9e-6
    weights = np.exp(-z * z / 2)
    d2 = slope(np.sqrt(q) * z) ** 2
    for r in (0.02, 0.5):
        want = (weights * d2 / (d2 + r)).sum() / weights.sum()
        assert (law.weights / (1 + r * np.exp(-law.log_nodes))).sum() == pytest.approx(want, abs=1e-10)
    assert (law.period is not None) == (name == "siren" or q > 0.62)


@pytest.mark.parametrize("q", [0.5, 30.0])
def test_one_layer_of_a_periodic_slope(q):
    """Prob(cos(h)² ≤ y) for h ~ N(0, q), summed over the periods."""
    s = vg.spectrum(vg.Network("sin", vg.Weights.orthogonal(1.0), 50, 1), q=q)
    y = np.array([0.01, 0.3, 0.8, 0.99])
    k, a = np.arange(-60, 61)[:, None] * np.pi, np.arcsin(y)
    want = (ndtr((k + np.pi / 2 + a) / np.sqrt(q)) - ndtr((k + np.pi / 2 - a) / np.sqrt(q))).sum(axis=0)
    np.testing.assert_allclose(s.cdf(y), want, rtol=1e-10)
    np.testing.assert_allclose(s.ppf(want), y, rtol=1e-9)


def test_far_tails_stay_in_the_law():
    law = slope_law(vg.activation("erf"), 1e4)
    assert law.log_nodes[0] < -20_000
    assert law.zero_mass == 0


def test_bad_q_is_refused():
    with pytest.raises(InputError, match=r"q must be .* \(got \-1\)"):
        slope_law(vg.activation("tanh"), -1)


@pytest.mark.parametrize("reach", [4.0, 300.0])
def test_few_and_many_zeros_and_extrema_are_found_to_rounding(reach):
    def level(h):
        with np.errstate(divide="ignore"):
            return np.log(np.abs(np.cos(h)))

    zeros, extrema, _ = special_points(level, np.cos, -reach, reach + 0.1, 1.0)
    grid = np.arange(-200, 200) * np.pi
    inside = [p[(p > -reach) & (p < reach + 0.1)] for p in (grid + np.pi / 2, grid)]
    np.testing.assert_allclose(np.sort(zeros), inside[0], rtol=1e-15)
    np.testing.assert_allclose(np.sort(extrema), inside[1], atol=1e-7)


def test_panels_shrink_by_one_factor_towards_a_zero_of_the_slope():
    """φ' of SiLU is 0 at −1.278; the panels on either side of it are cut until the one beside it is resolved."""
    panels = slope_law(vg.activation("silu"), 1.0).panels
    zero = -1.2784645427610738
    right, left = panels[panels[:, 0] > zero - 1e-12, 1] - zero, zero - panels[panels[:, 1] < zero + 1e-12, 0]
    for size in (np.sort(right), np.sort(left)):
        assert size[0] < 1e-8
        np.testing.assert_allclose(size[1:8] / size[:7], 3.5, rtol=1e-5)  # sizes of 1e-9 are differences
