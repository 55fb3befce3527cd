"""Every row of the catalogue answers every verb, with its default and with other parameters; exceptions are data."""

import numpy as np
import pytest

import vgtheory as vg
from tests.catalogue_rows import IDS, ROWS

CERTAIN = ("proved", "certified")
SIGMA_W, SIGMA_B, Q = 1.5, 0.1, 0.7


def _range(act):
    for order in (0, 1, 2):
        found = vg.derivative_range(act, order)
        assert {found.sup.status, found.inf.status} <= set(CERTAIN)


def _compile(act):
    f = vg.compile(act)
    h = np.array([-1000.0, -40.0, -1.3, -1e-9, 0.0, 0.4, 5.0, 1000.0])
    assert np.isfinite(f.both(h)).all()
    step = 1e-6
    inside = h[np.abs(h) < 30]
    want = (f(inside + step) - f(inside - step)) / (2 * step)
    smooth = np.array([all(abs(x - float(b)) > 2 * step for b in act.breakpoints) for x in inside])
    # A central difference: rounding 1e-10, and the third derivative (30³ for the fastest wave) times 1e-12/6.
    np.testing.assert_allclose(f.gradient(inside)[smooth], want[smooth], atol=1e-7)


def _saturation(act):
    z = (np.arange(240_000) + 0.5) * 1e-4 - 12
    flat = np.abs(vg.compile(act).gradient(z * np.sqrt(Q))) <= 0.01
    expected = float(flat @ np.exp(-z * z / 2)) / np.sqrt(2 * np.pi) * 1e-4
    # Every end of an interval moves by half a step of the midpoint rule at most; sin(30 h) has a hundred.
    assert float(vg.saturation(act, 0.01).probability(Q)) == pytest.approx(expected, abs=2e-3)


def _means(act):
    z = (np.arange(240_000) + 0.5) * 1e-4 - 12  # midpoints: off by 1e-4 times the density at a jump, 1e-8 elsewhere
    nodes, weights = z * np.sqrt(Q), np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * 1e-4
    f = vg.compile(act)
    means = (vg.calculus.length_map(act), f(nodes)), (vg.calculus.gradient_gain(act), f.gradient(nodes))
    for formula, values in means:
        assert formula.status in CERTAIN
        assert float(formula.at(q=Q).value()) == pytest.approx(float(weights @ values**2), rel=1e-4)


def _fixed_points(act):
    gain = vg.calculus.length_map(act)
    for point in vg.fixed_points(act, SIGMA_W, SIGMA_B):
        mapped = SIGMA_W**2 * float(gain.at(q=point.q).value()) + SIGMA_B**2
        assert mapped == pytest.approx(point.q, rel=1e-9)


def _network(act):
    return vg.Network(act, vg.Weights.gaussian(SIGMA_W, SIGMA_B), width=16, depth=8)


def _predict(act):
    assert np.isfinite(vg.predict(_network(act)).log_gradient_norm).all()


def _simulate(act):
    result = vg.simulate(_network(act), samples=4)
    assert np.isfinite(result.q).all()
    assert not np.isnan(result.log_gradient_norm).any()


def _spectrum(act):
    quantiles = vg.spectrum(_network(act), q=1.0).ppf_log([0.2, 0.6, 0.9])
    assert not np.isnan(quantiles).any()
    assert np.isfinite(quantiles[-1])


def _lyapunov(act):
    for weights in (vg.Weights.gaussian(SIGMA_W, SIGMA_B), vg.Weights.orthogonal(SIGMA_W, SIGMA_B)):
        law = vg.lyapunov(vg.Network(act, weights, width=32, depth=20), q=1.0)
        values = law.ppf(np.linspace(law.zero_mass + 0.01, 0.99, 5))
        assert np.isfinite(values).all()
        assert (np.diff(values) >= 0).all()


VERBS = {
    "derivative_range": _range,
    "compile": _compile,
    "saturation": _saturation,
    "means": _means,
    "fixed_points": _fixed_points,
    "predict": _predict,
    "simulate": _simulate,
    "spectrum": _spectrum,
    "lyapunov": _lyapunov,
}
NO_SLOPE = "slope 0 almost everywhere"  # the gradient through a step is exactly 0
REFUSED = {("step", verb): NO_SLOPE for verb in ("predict", "spectrum", "lyapunov")}
# By default every row meets one verb and every verb every ninth row, in a Latin pattern; the others are slow.
EVERY = 9
CASES = [
    pytest.param(name, values, verb, id=f"{row}-{verb}", marks=[pytest.mark.slow] if (i + j) % EVERY else [])
    for i, ((name, values), row) in enumerate(zip(ROWS, IDS, strict=True))
    for j, verb in enumerate(VERBS)
]


@pytest.mark.parametrize(("name", "values", "verb"), CASES)
def test_every_row_answers_every_verb(name, values, verb):
    act = vg.activation(name, **values)
    if (name, verb) in REFUSED:
        with pytest.raises(vg.VgtheoryError, match=REFUSED[name, verb]):
            VERBS[verb](act)
    else:
        VERBS[verb](act)
