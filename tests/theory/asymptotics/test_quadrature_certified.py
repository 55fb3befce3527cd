"""The moments that mean field rests on, against ball arithmetic and closed forms, over the whole catalogue and q."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import vgtheory as vg
from tests.strategies import formulas, sigmas
from vgtheory._errors import VgtheoryError
from vgtheory.codegen.evaluate import evaluator
from vgtheory.theory.asymptotics.correlation_table import correlation_table
from vgtheory.theory.asymptotics.mean_field import correlation_step, gradient_gain_at, next_length
from vgtheory.theory.asymptotics.moments import moment_table

VARIANCES = ("1e-8", "1e-4", "0.1", "1", "30", "1e4")
TOLERANCE = 1e-13


def relative_errors(name, q):
    """Return the relative errors of E φ² and E φ'² by quadrature against the certified symbolic values."""
    act = vg.activation(name)
    m = moment_table(act).direct(np.log(np.array([float(q)])))
    out = []
    exact = (vg.calculus.length_map(act), vg.calculus.gradient_gain(act))
    for formula, found in zip(exact, (m.log_square[0], m.log_slope_square[0]), strict=True):
        truth = formula.at(q=sp.Rational(q)).value(25)
        if truth > 0:  # the slope of a step
            out.append(abs(float(sp.Float(np.exp(found), 30) / sp.Float(str(truth), 30) - 1)))
    return out


@pytest.mark.parametrize("name", ["tanh", "gelu", "selu", "softsign", "hard_tanh"])
@pytest.mark.parametrize("q", ["1e-8", "1", "1e4"])
def test_quadrature_is_right_to_thirteen_digits(name, q):
    assert max(relative_errors(name, q)) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", list(vg.catalogue))
def test_quadrature_is_right_to_thirteen_digits_for_every_activation(name):
    for q in VARIANCES:
        assert max(relative_errors(name, q), default=0) <= TOLERANCE, q


@pytest.mark.slow
@settings(deadline=None, max_examples=12, derandomize=True)
@given(formulas(), sigmas, st.sampled_from([-0.6, 0.0, 0.5, 0.95]))
def test_closed_form_quadrature_and_monte_carlo_agree(text, scales, c):
    """6 standard errors, 3 means, 12 examples: false alarms below 1e-7 where the fourth moments are moderate."""
    sigma_w, sigma_b = scales
    try:
        act = vg.activation(text)
        q = min(sigma_w**2 + sigma_b**2, 4.0)
        found = np.array(
            [
                float(next_length(act, q, sigma_w, sigma_b)),
                float(gradient_gain_at(act, q, sigma_w)),
                correlation_step(act, q, c, sigma_w, sigma_b)[0],
            ]
        )
    except VgtheoryError:  # a formula that is refused, or without moments
        return
    rng = np.random.default_rng(7)
    z, y = rng.standard_normal((2, 200_000))
    u, v = np.sqrt(q) * z, np.sqrt(q) * (c * z + np.sqrt(1 - c * c) * y)
    f = evaluator(act)
    samples = [
        sigma_w**2 * f.value(u) ** 2 + sigma_b**2,
        sigma_w**2 * f.slope(u) ** 2,
        (sigma_w**2 * f.value(u) * f.value(v) + sigma_b**2) / found[0],
    ]
    for sample, value in zip(samples, found, strict=True):
        error = sample.std() / sample.size**0.5
        assert abs(sample.mean() - value) <= 6 * error + 1e-9 * abs(value)
    for formula, value in ((vg.calculus.length_map(act), (found[0] - sigma_b**2) / sigma_w**2),):
        if formula.status == "proved":
            assert float(formula.at(q=q).value()) == pytest.approx(value, rel=1e-10, abs=1e-14)


def test_a_mean_that_is_two_percent_off_would_be_noticed():
    rng = np.random.default_rng(7)
    u = rng.standard_normal(200_000)
    sample = np.tanh(u) ** 2
    value = 1.02 * float(next_length("tanh", 1.0, 1.0))
    assert abs(sample.mean() - value) > 6 * sample.std() / sample.size**0.5


@pytest.mark.parametrize("name", ["erf", "relu", "sin", "gelu"])
@pytest.mark.parametrize("gap", [1e-10, 1e-6, 1e-3, 0.3])
def test_bivariate_means_keep_their_digits_as_c_tends_to_one(name, gap):
    """1 − C from the closed dual kernel at 40 digits against D of the table, relative 1e-11."""
    angle = float(np.arccos(1 - gap)) if gap > 1e-4 else float(np.sqrt(2 * gap) * (1 + gap / 12))
    kernel = vg.calculus.dual_kernel(name).value.at(q1=1, q2=1)
    at_one = kernel.at(c=1).value(40)
    value, _ = correlation_table(vg.activation(name)).step(1.0, angle, 1.0)
    exact = sp.cos(sp.Rational(repr(angle)))
    beside = kernel.at(c=sp.N(exact, 60)).value(40)
    truth = (at_one - beside) / sp.Float(1 - sp.N(exact, 60), 40)
    assert value == pytest.approx(float(truth), rel=1e-11 + 1e-15 / angle)
