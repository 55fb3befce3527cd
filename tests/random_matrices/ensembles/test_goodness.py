"""Goodness of fit: distances of rigid spectra against their own null."""

import numpy as np
import pytest
from scipy import stats

from vgtheory import ensembles, laws
from vgtheory._errors import InputError


def test_distance_is_kolmogorovs():
    values = np.random.default_rng(0).random(100) * 2
    assert ensembles.ks_distance(values, laws.semicircle()) == pytest.approx(
        stats.kstest(values, laws.semicircle().cdf).statistic, abs=1e-12
    )
    # Values on an atom count once, as a step of the law's own height.
    law = laws.marchenko_pastur(2.0)
    assert (
        ensembles.ks_distance(np.concatenate([np.zeros(500), law.ppf(0.5 + (np.arange(500) + 0.5) / 1000)]), law) < 2e-3
    )


def test_rigidity_is_calibrated_and_sees_a_scale_three_percent_off():
    ensemble = ensembles.goe(200)
    found = [
        ensembles.rigidity(ensemble.eigenvalues(seed), ensemble, draws=49, random_state=seed + 100).pvalue
        for seed in range(20)
    ]
    assert stats.kstest(found, "uniform").pvalue > 1e-4  # exact p-values are uniform on multiples of 1/50
    wide = ensembles.rigidity(1.03 * ensemble.eigenvalues(1), ensemble, draws=49)
    assert wide.pvalue <= 0.02
    assert wide.expected < wide.independent / 4
    assert 0.5 < ensembles.rigid_ks(200, 1.0) / wide.expected < 2


def test_exact_density_removes_the_bias_of_small_matrices():
    ensemble = ensembles.gue(3)
    rng = np.random.default_rng(1)
    many = np.concatenate([ensemble.eigenvalues(rng) for _ in range(4000)])
    assert ensembles.ks_distance(many, ensemble.one_point()) < 0.009
    assert ensembles.ks_distance(many, ensemble.limit()) > 0.009


def test_bad_input_is_refused():
    for call in (
        lambda: ensembles.ks_distance([], laws.semicircle()),
        lambda: ensembles.ks_distance([1j], laws.semicircle()),
        lambda: ensembles.rigidity([1.0, 2.0], ensembles.goe(3), draws=2),
        lambda: ensembles.independent_ks(0),
    ):
        with pytest.raises(InputError):
            call()
