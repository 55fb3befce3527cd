"""Free sums fitted to eigenvalues: intervals hold the truth, another model is seen by its χ²."""

import numpy as np
import pytest
from scipy import stats

from vgtheory import ensembles, laws
from vgtheory._errors import InputError, NoSolutionError

SIZE, FITS, ALARM = 40, 25, 1e-6  # false-alarm rate of each comparison
MODEL = laws.algebraic("c*s*z*G**2 - (z - s + c*s)*G + 1") + laws.algebraic("G**2/4 - z*G + 1")
START = {"c": 1.0, "s": 1.0}


def draw(values, size, rng):
    """Eigenvalues of a Wishart matrix of ratio c and variance s plus half a GOE matrix."""
    x = rng.standard_normal((size, max(1, round(size / values["c"]))))
    noise = 0.5 * ensembles.goe(size).sample(rng)
    return np.linalg.eigvalsh(values["s"] * x @ x.T / x.shape[1] + noise)


def test_intervals_hold_the_truth_and_the_model_is_not_rejected():
    """Fewer hits than a binomial of .95 has with probability 1e-6 are an alarm; values 30 % off have as few."""
    rng, truth = np.random.default_rng(0), {"c": 0.5, "s": 2.0}
    fits = [laws.fit_law(draw(truth, SIZE, rng), MODEL, START, draw, draws=40, random_state=k) for k in range(FITS)]
    for name, value in truth.items():
        inside = [f.parameters[name].interval for f in fits]
        assert stats.binom.cdf(sum(low <= value <= high for low, high in inside), FITS, 0.95) > ALARM
        assert stats.binom.cdf(sum(low <= 1.3 * value <= high for low, high in inside), FITS, 0.95) < ALARM
    assert stats.kstest([f.goodness.pvalue for f in fits], "uniform").pvalue > ALARM
    assert fits[0].law.mean() == pytest.approx(fits[0].parameters["s"], rel=1e-9)


def test_another_model_is_seen():
    """No Wishart matrix plus noise has two bands."""
    rng = np.random.default_rng(1)
    other = np.diag(np.repeat([0.2, 3.0], SIZE // 2)) + 0.3 * ensembles.goe(SIZE).sample(rng)
    fit = laws.fit_law(np.linalg.eigvalsh(other), MODEL, START, draw, draws=40)
    assert fit.goodness.pvalue < 1e-3


def test_bad_input_is_refused():
    values = np.linspace(0, 1, 30)
    for call in (
        lambda: laws.fit_law(values[:5], MODEL, START, draw),
        lambda: laws.fit_law(values * 1j, MODEL, START, draw),
        lambda: laws.fit_law(np.ones(30), MODEL, START, draw),
        lambda: laws.fit_law(values, laws.semicircle(), START, draw),
        lambda: laws.fit_law(values, MODEL, {"c": 1.0}, draw),
        lambda: laws.fit_law(values, MODEL, {"c": 1.0, "s": np.nan}, draw),
        lambda: laws.fit_law(values, MODEL, START, None),
        lambda: laws.fit_law(values, MODEL, START, draw, draws=3),
        lambda: laws.fit_law(values, MODEL, START, draw, level=0.0),
    ):
        with pytest.raises(InputError):
            call()
    with pytest.raises(NoSolutionError):
        laws.fit_law(values, MODEL, START, lambda at, n, rng: np.full(n, np.nan))
    with pytest.raises(NoSolutionError):
        laws.fit_law(values, MODEL, START, lambda at, n, rng: values)
