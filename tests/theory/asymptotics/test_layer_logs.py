"""Moments of a layer's logarithms from Laplace transforms: against gamma and binomial laws and sampled layers.

Fixed seeds; 4.5 standard errors, false-alarm rate below 1e-4 a test.
"""

import numpy as np
import pytest
from scipy.special import digamma, polygamma

from tests.thinning import thinned
from vgtheory.theory.asymptotics.homogeneous import log_square_sum
from vgtheory.theory.asymptotics.layer_logs import Conditions, _unit, exact_logs, unit_tangent
from vgtheory.theory.asymptotics.layer_sums import expanded_logs, layer_law, unit_cumulants
from vgtheory.theory.asymptotics.mean_field import table_of

BOUND = 4.5


@pytest.mark.parametrize("width", [3, 40, 2000])
def test_linear_layers(width):
    """X and T are χ²/N whatever θ is; at θ = 1 without bias they are the same number."""
    logs, lost = exact_logs(table_of("identity"), (np.zeros(3), 0.0), np.array([0.0, 0.6, 1.0]), width, Conditions())
    mean, variance = np.full(3, digamma(width / 2) - np.log(width / 2)), np.full(3, polygamma(1, width / 2))
    for found, spread in ((logs.mean_x, logs.xx), (logs.mean_t, logs.tt)):
        assert found == pytest.approx(mean, rel=1e-6)
        assert spread == pytest.approx(variance, rel=1e-6)
    assert logs.xt[0] == pytest.approx(0, abs=1e-12)
    assert logs.xt[2] == pytest.approx(variance[2], rel=1e-5)
    assert lost.max() < 1e-9


@pytest.mark.parametrize("width", [4, 12])
def test_layers_that_die(width):
    """ReLU given that a unit is on: a binomial mixture of χ²; all are off with chance 2^−N."""
    logs, lost = exact_logs(table_of("relu"), (np.zeros(1), 0.0), np.zeros(1), width, Conditions())
    mean, variance = log_square_sum(1.0, 0.0, width)
    assert lost[0] == pytest.approx(0.5**width, rel=1e-3)
    for found, spread in ((logs.mean_x, logs.xx), (logs.mean_t, logs.tt)):
        assert found[0] + np.log(width / 2) == pytest.approx(mean, abs=1e-3)
        assert spread[0] == pytest.approx(variance, rel=1e-2)  # χ² of few units is below e^−30 now and then


def test_many_kinks_are_resolved_by_few_nodes():
    """A triangular wave of period 4 and height 2 is uniform: ln φ² has variance 4 and mean ln 4 − 2, E φ² = 4/3."""
    table, weight = table_of("Abs(Abs(Abs(Abs(Abs(x)-16)-8)-4)-2)"), 25.0
    logs, _ = exact_logs(table, (np.log([weight]), 0.0), np.zeros(1), 1, Conditions())
    assert logs.xx[0] == pytest.approx(4, rel=5e-3)
    assert logs.mean_x[0] == pytest.approx(np.log(3) - 2, abs=1e-3)
    panels = [len(_unit(table, weight, 0.0, steep).weight) / nodes for steep, nodes in ((False, 12), (True, 16))]
    assert panels[1] < 4 * panels[0]


def sampled(table, width, weight, sigma_b, along, haar, samples):
    """Return ln X and ln T of sampled layers."""
    rng = np.random.default_rng(0)
    z, zeta, bias = rng.standard_normal((3, samples, width))
    if haar:
        z *= np.sqrt(width) / np.linalg.norm(z, axis=1, keepdims=True)
        zeta -= z * ((zeta * z).sum(axis=1) / width)[:, None]
        zeta *= np.sqrt(width) / np.linalg.norm(zeta, axis=1, keepdims=True)
    value, slope = table.values(np.sqrt(weight) * z + sigma_b * bias)
    y = along * z + np.sqrt(1 - along**2) * zeta
    return np.log((value**2).mean(axis=1)), np.log((slope**2 * y**2).mean(axis=1))


@pytest.mark.parametrize(
    ("name", "along", "haar"),
    thinned(
        [
            ("tanh((0.1*x+1.702)**2)", 0.5, False),
            ("tanh(erf(x + 1.702))", 0.0, False),
            ("tanh((0.1*x+1.702)**2)", 0.0, True),
        ],
        2,
    ),
)
def test_skewed_slopes(name, along, haar):
    """Width 40: means, variances and covariance; with Haar matrices to 2 %."""
    table, width, weight, sigma_b, samples = table_of(name), 40, 0.8, 0.5, 25_000
    x, t = sampled(table, width, weight, sigma_b, along, haar, samples)
    r = np.sqrt(weight / (weight + sigma_b**2))
    scales = (np.log([weight]), sigma_b) if haar else (np.log([weight + sigma_b**2]), 0.0)
    conditions = Conditions(width, True) if haar else Conditions()
    logs, _ = exact_logs(table, scales, np.array([0.0 if haar else along * r]), width, conditions)
    logs = unit_tangent(logs, width, 1) if haar else logs
    free = layer_law(unit_cumulants(table, np.log([weight]), sigma_b, True), np.array([along]), width)
    slack = 0.02 if haar else 0.0
    for sample, mean, variance in (
        (x, logs.mean_x + free.log_x, logs.xx), (t, logs.mean_t + free.log_t, logs.tt)
    ):  # fmt: skip
        error = np.sqrt(((sample - sample.mean()) ** 4).mean() / sample.var() ** 2 - 1)
        assert abs(sample.mean() - mean[0]) < (BOUND / samples**0.5 + slack) * sample.std()
        assert abs(sample.var() / variance[0] - 1) < BOUND * error / samples**0.5 + slack
    product = (x - x.mean()) * (t - t.mean())
    assert abs(product.mean() - logs.xt[0]) < BOUND * product.std() / samples**0.5 + slack * x.std() * t.std()
    assert BOUND * error / samples**0.5 + slack < 0.1  # power: a variance 10 % off is seen


def test_expansion_and_transform_are_one_in_wide_layers():
    """The difference falls like 1/N², relative to the variance, that of the covariance to its own error of 4e-6."""
    table, gaps = table_of("tanh"), []
    for width in (200, 800):
        law = layer_law(unit_cumulants(table, np.zeros(1), 0.0, False), np.array([0.3]), width)
        logs, _ = exact_logs(table, (np.zeros(1), 0.0), np.array([0.3]), width, Conditions())
        expanded = expanded_logs(law)
        gaps.append([abs(a[0] / b[0] - 1) for a, b in zip(logs[2:], expanded[2:], strict=True)])
    assert (np.array(gaps[0]) / gaps[1] > 10)[:2].all()
    assert max(gaps[1]) < 1e-4
