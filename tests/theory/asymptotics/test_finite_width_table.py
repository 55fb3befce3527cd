"""Predictions against exactly sampled networks: N = 64, 256, 1024, up to 1000 layers, ten activations and one critical.

One simulation of every case is shared by all tests.  Deviations are of E ln‖δ_1‖² beyond its infinite-width value and
of Var ln‖δ_1‖², relative to the prediction, and pooled over depths with their weights.
"""

import numpy as np
import pytest

import vgtheory as vg

CASES = {
    "tanh": ("tanh", 1.5, 0.05),
    "gelu": ("gelu", 1.4, 0.3),
    "relu": ("relu", 2**0.5, 0.0),
    "selu": ("selu", 1.0, 0.0),
    "sin": ("sin", 1.3, 0.2),
    "softplus": ("softplus", 1.0, 0.1),
    "sigmoid": ("sigmoid", 4.0, 0.5),
    "silu": ("silu", 1.4, 0.3),
    "mish": ("mish", 1.2, 0.2),
    "leaky_relu": ("leaky_relu", 1.3, 0.1),
    "critical tanh": ("tanh", 1.0, 0.0),
}
# width: (depth, samples)
SIZES = {64: [(10, 20000), (60, 5000), (300, 800)], 256: [(60, 800), (300, 200)], 1024: [(60, 200)]}
DEEPEST = {64: (1000, 200), 256: (1000, 64), 1024: (1000, 64)}
# Relative deviations (mean, variance) that an implementation of the expansion alone showed for tanh at these widths,
# with the error of its own estimate; the predictions here must do as well for every activation.  At 64, where it
# showed 0.007 and 0.033, the closure does better.
ALLOWED = {64: (0.004, 0.01), 256: (0.004, 0.013), 1024: (0.003, 0.013)}
BOUND = 4.5

pytestmark = pytest.mark.slow


def measure(name, width, depth, samples, apart=0):
    """Return predicted and seen excess mean and variance of ln‖δ_1‖², their standard errors, and both data sets."""
    activation, sigma_w, sigma_b = CASES[name]
    net = vg.Network(activation, vg.Weights.gaussian(sigma_w, sigma_b), width, depth)
    seed = 100 * list(CASES).index(name) + width + depth + apart  # one of its own, so that cases are independent
    study, p = vg.simulate(net, samples, seed=seed), vg.predict(net)
    sample = 2 * study.log_gradient_norm.values[:, 0]
    wide = 2 * float(p.log_gradient_norm_infinite_width[0])
    mean, variance = 2 * float(p.log_gradient_norm[0]) - wide, 4 * float(p.log_gradient_norm_std[0]) ** 2
    spread = sample.var(ddof=1)
    fourth = ((sample - sample.mean()) ** 4).mean()
    errors = (spread / samples) ** 0.5, ((fourth - spread**2) / samples) ** 0.5
    return np.array([[mean, sample.mean() - wide, errors[0]], [variance, spread, errors[1]]]), p, study


def all_cases(more=1, apart=0):
    return {
        (name, width, depth): measure(name, width, depth, more * samples, apart)
        for name in CASES
        for width, sizes in SIZES.items()
        for depth, samples in sizes
    }


@pytest.fixture(scope="module")
def table():
    return all_cases()


@pytest.fixture(scope="module")
def rows(table):
    return [v[0] for v in [*table.values(), *all_cases(3, 5000).values()]]


def pooled(rows):
    """Return the relative deviation seen/predicted − 1 and its standard error; rows of (predicted, seen, error)."""
    predicted, seen, error = np.array(rows).T
    weight = (predicted / error) ** 2
    return float(weight @ (seen / predicted - 1) / weight.sum()), float(weight.sum() ** -0.5)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("width", SIZES)
def test_deviations_are_as_small_as_those_of_the_best_cases(table, name, width):
    """66 numbers at 4.5 standard errors beyond what is allowed: false-alarm rate below 6e-4."""
    rows = [v[0] for (n, w, _), v in table.items() if (n, w) == (name, width)]
    for statistic, allowed in enumerate(ALLOWED[width]):
        deviation, error = pooled([row[statistic] for row in rows])
        assert abs(deviation) <= allowed + BOUND * error, (statistic, deviation, error)
    assert all(v[1].attrs["reliable"] == "yes" for (n, w, _), v in table.items() if (n, w) == (name, width))


@pytest.mark.parametrize("statistic", [0, 1])
def test_all_cases_together_to_half_a_per_cent(rows, statistic):
    """Pooled over activations and sizes at 3.5 standard errors (false alarms 1e-3); its twins, wrong by 2 %, fail."""
    for factor in (1.0, 0.98, 1.02):
        deviation, error = pooled([row[statistic] * (factor, 1, 1) for row in rows])
        assert error < 0.002
        assert (abs(deviation) <= 0.003 + 3.5 * error) == (factor == 1.0), (factor, deviation, error)


@pytest.mark.parametrize("name", CASES)
def test_compare_holds_at_every_layer(table, name):
    """Both gradients, all layers: within 0.6, and no layer contradicts at a tolerance of zero.

    132 comparisons with a false-alarm rate of 1e-4 each.  Power: a standard deviation off by 0.6 is violated.  Not for
    the critical network: at its end ln‖δ_l‖ is as heavy-tailed as the length, and no sample knows its fourth moment.
    """
    for (n, _, _), (_, p, study) in table.items():
        if n != name or n == "critical tanh":
            continue
        for quantity in ("log_gradient_norm", "log_weight_gradient_norm"):
            strict, mild = (vg.compare(p, study, quantity, 1e-4, tolerance) for tolerance in (1e-9, 0.6))
            assert strict.attrs["verdict"] != "violated", strict.attrs["sentence"]
            assert mild.attrs["verdict"] == "holds", mild.attrs["sentence"]
            wrong = p.assign({f"{quantity}_std": p[f"{quantity}_std"] * 0.6})
            assert vg.compare(wrong, study, quantity, tolerance=0.05).attrs["verdict"] == "violated"


@pytest.mark.parametrize("width", DEEPEST)
def test_a_thousand_layers(width):
    """Nothing contradicts, not even at a tolerance of zero; GELU and the critical point are tested in layer 1.

    False-alarm rate below 1e-3 in all.  Power: a mean off by one standard deviation is violated.
    """
    for name in ("gelu", "critical tanh"):
        (mean, _), p, _ = measure(name, width, *DEEPEST[width])
        assert p.attrs["reliable"] == "yes"
        assert abs(mean[1] - mean[0]) < BOUND * mean[2]
    for name in ("tanh", "softplus", "relu"):
        _, p, study = measure(name, width, *DEEPEST[width])
        assert p.attrs["reliable"] == "yes"
        c = vg.compare(p, study, false_alarm=1e-4, tolerance=1e-9)
        assert c.attrs["verdict"] != "violated", c.attrs["sentence"]
        wrong = p.assign(log_gradient_norm=p.log_gradient_norm + p.log_gradient_norm_std)
        assert vg.compare(wrong, study, tolerance=1e-9).attrs["verdict"] == "violated", name
