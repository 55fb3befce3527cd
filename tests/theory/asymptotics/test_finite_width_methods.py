"""Random activations and scales: expansion, closure and dense networks multiplied out say the same."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import vgtheory as vg
from tests.oracles import network_gradients
from tests.strategies import formulas, sigmas
from vgtheory._errors import VgtheoryError
from vgtheory.reporting.compare import compare
from vgtheory.theory.asymptotics.closure import closure
from vgtheory.theory.asymptotics.finite_width import finite_width
from vgtheory.theory.asymptotics.mean_field import table_of

pytestmark = pytest.mark.slow
options = settings(
    max_examples=8,
    derandomize=True,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def predicted(network, **how):
    """Return vg.predict, or give the example up where the package refuses it in words."""
    try:
        return vg.predict(network, **how)
    except VgtheoryError:
        assume(False)


@options
@given(formulas(), sigmas, st.sampled_from(["gaussian", "orthogonal"]))
def test_reliable_predictions_are_not_contradicted_by_dense_networks(formula, scales, family):
    """1200 networks of 5 layers each, 1e-5 false alarms per example."""
    widths = (40,) * 6
    network = vg.Network(formula, getattr(vg.Weights, family)(*scales), widths, 5)
    p = predicted(network)
    for name in ("log_gradient_norm", "log_gradient_norm_std", "log_weight_gradient_norm_std"):
        assert np.isfinite(p[name]).all()
    assume(p.attrs["reliable"] == "yes" and float(p.log_q.max()) < 20)
    table = table_of(network.activation)
    out = network_gradients(
        family, lambda h: table.values(h)[0], lambda h: table.values(h)[1], widths, *scales, 1200,
        np.random.default_rng(0),
    )  # fmt: skip
    study = vg.predict(network)[[]].assign(log_gradient_norm=(("sample", "layer"), out["gradient"]))
    study = study.assign_attrs(spec=p.attrs["spec"])
    c = compare(p, study, false_alarm=1e-5, tolerance=0.06)
    assert c.attrs["verdict"] != "violated", c.attrs["sentence"]


@options
@given(formulas(), sigmas, st.sampled_from(["gaussian", "orthogonal"]))
def test_wide_networks_have_one_answer(formula, scales, family):
    """Expansion and closure at width 20 000: means to 3e-3 of a standard deviation, variances to 1 %.

    Beyond what the expansion itself says of its next order (skewed slopes).
    """
    network = vg.Network(formula, getattr(vg.Weights, family)(*scales), 20_000, 10)
    p = predicted(network)
    assume(p.attrs["reliable"] == "yes" and p.attrs["method"] == "order 1/N")
    try:
        found, terms = closure(network), finite_width(network)
    except VgtheoryError:
        assume(False)
    std = np.sqrt(np.maximum(terms.variance, 0))
    assume(std.min() > 1e-6)
    assert np.abs((found.mean - terms.mean) / std).max() < 3e-3
    allowed = 1e-2 + float(terms.next_order.max())
    assert found.variance == pytest.approx(terms.variance, rel=allowed)
    assert found.weight_variance == pytest.approx(terms.weight_variance, rel=allowed)


@pytest.mark.parametrize(
    ("formula", "scales", "family"),
    [
        ("x/(1+(1.702*x + 1.702)**2)", (1.011, 0.015), "orthogonal"),
        ("exp(-(1.702*x + 3)**2)", (1.33, 0.0), "gaussian"),
        ("min(x,1)+0.1*x", (0.803, 0.0), "orthogonal"),
        ("max(0.5*x + 2,0)", (3.26, 1.185), "orthogonal"),
        ("x*erf(x + 0.1)", (0.893, 0.0), "orthogonal"),
    ],
)
def test_small_fluctuations_far_from_the_fixed_point(formula, scales, family):
    """Lengths that move by many times their spread in each layer, steep maps (x² near 0) and growing alignment.

    Variances to 2 %, where the closure on one grid for all layers was wrong by 10 % to a factor of 10⁶.
    """
    network = vg.Network(formula, getattr(vg.Weights, family)(*scales), 20_000, 10)
    found, terms = closure(network), finite_width(network)
    assert np.abs((found.mean - terms.mean) / np.sqrt(terms.variance)).max() < 2e-3
    assert found.variance == pytest.approx(terms.variance, rel=0.02)
    assert found.weight_variance == pytest.approx(terms.weight_variance, rel=0.02)
    spread = terms.length_variance * np.exp(2 * terms.log_q)
    assert found.length_variance[1:] == pytest.approx(spread[1:], rel=0.02)


@pytest.mark.parametrize(
    ("formula", "scales", "family"),
    [
        ("tanh((0.1*x+1.702)**2)", (1.0, 0.5), "gaussian"),
        ("tanh((0.1*x+1.702)**2)", (2.0, 0.3), "orthogonal"),
        ("tanh(x)", (1.5, 0.05), "orthogonal"),
        ("selu", (1.2, 0.2), "orthogonal"),
        ("tanh(erf(x + 1.702))", (1.0, 0.5), "gaussian"),
    ],
)
def test_skewed_slopes_and_haar_matrices_in_narrow_networks(formula, scales, family):
    """Width 40: closure and 60 000 networks, mean to 0.025 standard deviations, variance to 2 % (and sampling error).

    At 4 standard errors, 1e-3 false alarms per case.  Power: a variance that is 6 % off fails.
    """
    network = vg.Network(formula, getattr(vg.Weights, family)(*scales), 40, 6)
    found, samples = closure(network), 60_000
    sample = 2 * vg.simulate(network, samples, seed=3).log_gradient_norm.values
    variance = sample.var(axis=0)
    error = np.sqrt((((sample - sample.mean(axis=0)) ** 4).mean(axis=0) / variance**2 - 1) / samples)
    assert (np.abs(sample.mean(axis=0) - found.mean) < (0.025 + 4 / samples**0.5) * np.sqrt(variance)).all()
    assert (np.abs(variance / found.variance - 1) < 0.02 + 4 * error).all()
    assert (0.02 + 4 * error < 0.06).all()
