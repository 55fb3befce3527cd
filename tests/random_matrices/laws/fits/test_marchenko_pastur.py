"""Marchenko–Pastur fitted: intervals hold the truth as often as they say, outliers and misfits are found."""

import pickle

import numpy as np
import pytest
from scipy import stats

from tests.thinning import thinned
from vgtheory import ensembles, laws
from vgtheory._errors import InputError, UnsupportedError

FITS, ALARM = 30, 1e-6  # fits of each ensemble, false-alarm rate of each comparison


def _is_covered(intervals, truth):
    """Return whether the intervals hold the truth no less often than a binomial of .95 does with probability 1e-6."""
    hits = sum(low <= truth <= high for low, high in intervals)
    return stats.binom.cdf(hits, len(intervals), 0.95) > ALARM


@pytest.mark.parametrize(
    ("ensemble", "ratio", "spikes"),
    thinned(
        [
            (ensembles.wishart(40, 80), 0.5, ()),
            (ensembles.wishart(40, 40), 1.0, ()),
            (ensembles.spiked_wishart(60, 40, [9.0, 6.0]), 1.5, (9.0, 6.0)),
        ],
        3,
    ),
    ids=str,
)
def test_intervals_hold_the_truth(ensemble, ratio, spikes):
    rng = np.random.default_rng(0)
    fits = [laws.fit_marchenko_pastur(1.44 * ensemble.eigenvalues(rng)) for _ in range(FITS)]
    assert _is_covered([f.ratio.interval for f in fits], ratio)
    assert _is_covered([f.scale.interval for f in fits], 1.2)
    assert not _is_covered([f.scale.interval for f in fits], 1.05 * 1.2)
    if ratio < 1:
        assert not _is_covered([f.ratio.interval for f in fits], 1.2 * ratio)
    found = [f for f in fits if len(f.outliers) == len(spikes)]
    assert stats.binom.cdf(len(found), FITS, 0.95) > ALARM
    for k, spike in enumerate(spikes):
        assert _is_covered([f.outliers[k].spike.interval for f in found], 1.44 * spike)
        assert not _is_covered([f.outliers[k].spike.interval for f in found], 3 * 1.44 * spike)
    pvalues = [f.goodness.pvalue for f in fits]
    assert stats.kstest(pvalues, "uniform").pvalue > ALARM


def test_outliers_stand_where_the_transition_says():
    """Complex entries too; a spike below the transition 1 + √c is no outlier."""
    ensemble = ensembles.spiked_wishart(150, 300, [5.0, 1.3])
    fit = laws.fit_marchenko_pastur(ensemble.eigenvalues(1), level=0.999)
    (outlier,) = fit.outliers
    assert outlier.interval[0] < ensemble.outliers()[0] < outlier.interval[1]
    assert outlier.overlap == pytest.approx(ensemble.overlaps()[0], abs=0.03)
    assert fit.law.support()[1] < outlier.value
    assert pickle.loads(pickle.dumps(fit)) == fit  # noqa: S301 - its own
    known = laws.fit_marchenko_pastur(ensembles.lue(60, 90).eigenvalues(2), ratio=2 / 3, beta=2)
    assert known.ratio.interval == (known.ratio, known.ratio)


def test_what_is_no_wishart_spectrum_is_seen():
    """Heavy-tailed rows, and a semicircle added: the p-value of χ² is below 1e-3."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((150, 300))
    rows = x * np.exp(0.8 * rng.standard_normal((150, 1)))
    noise = 0.3 * ensembles.goe(150).sample(rng)
    noisy = np.linalg.eigvalsh(x @ x.T / 300 + noise + 0.5 * np.eye(150))
    for values in (np.linalg.eigvalsh(rows @ rows.T / 300), noisy):
        assert laws.fit_marchenko_pastur(values).goodness.pvalue < 1e-3
    assert laws.fit_marchenko_pastur(np.linalg.eigvalsh(x @ x.T / 300)).goodness.pvalue > 1e-4


def test_bad_input_is_refused():
    good = ensembles.wishart(30, 20).eigenvalues(0)
    for call in (
        lambda: laws.fit_marchenko_pastur(good[:10]),
        lambda: laws.fit_marchenko_pastur(np.outer(good, good)),
        lambda: laws.fit_marchenko_pastur(-good),
        lambda: laws.fit_marchenko_pastur(good * 1j),
        lambda: laws.fit_marchenko_pastur(np.where(good > 1, np.nan, good)),
        lambda: laws.fit_marchenko_pastur(good, ratio=0.5),
        lambda: laws.fit_marchenko_pastur(good, level=1.0),
        lambda: laws.fit_marchenko_pastur(good, beta=3),
        lambda: laws.fit_marchenko_pastur(np.concatenate([good[-5:], np.zeros(40)])),
    ):
        with pytest.raises(InputError):
            call()
    with pytest.raises(UnsupportedError):
        laws.fit_marchenko_pastur(np.ones(30))
