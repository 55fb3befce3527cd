"""Goodness of fit: distances of rigid spectra against their own null, and spacing ratios."""

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


def test_rigidity_is_calibrated_and_sees_a_scale_two_percent_off():
    ensemble = ensembles.goe(200)
    found = [
        ensembles.rigidity(ensemble.eigenvalues(seed), ensemble, draws=99, random_state=seed + 100).pvalue
        for seed in range(20)
    ]
    assert stats.kstest(found, "uniform").pvalue > 1e-4  # exact p-values are uniform on multiples of 1/100
    wide = ensembles.rigidity(1.03 * ensemble.eigenvalues(1), ensemble, draws=99)
    assert wide.pvalue <= 0.02
    assert wide.expected < wide.independent / 4
    assert 0.5 < ensembles.rigid_ks(200, 1.0) / wide.expected < 2


def test_exact_density_removes_the_bias_of_small_matrices():
    ensemble = ensembles.gue(3)
    rng = np.random.default_rng(1)
    many = np.concatenate([ensemble.eigenvalues(rng) for _ in range(4000)])
    assert ensembles.ks_distance(many, ensemble.one_point()) < 0.009
    assert ensembles.ks_distance(many, ensemble.limit()) > 0.009


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_spacing_ratios_of_ensembles(beta):
    """Alarm at |z| > 5 (6e-7, and 1/N of bias); independent values and the next β are told apart."""
    spectra = ensembles.hermite(150, beta).spectra(120, random_state=2)
    assert abs(ensembles.ratio_test(spectra, beta).z) < 5
    assert all(abs(ensembles.ratio_test(spectra, other).z) > 5 for other in ensembles.MEAN_RATIO if other != beta)


def test_spacing_ratios_of_independent_values_and_circles():
    values = np.random.default_rng(3).random((100, 200))
    assert abs(ensembles.ratio_test(values, 0).z) < 5
    angles = [ensembles.circular_beta(80, 2).angles(k) for k in range(60)]
    assert abs(ensembles.ratio_test(angles, 2, period=2 * np.pi).z) < 5
    assert ensembles.spacing_ratios([0.0, 1.0, 3.0], period=4.0) == pytest.approx([0.5, 0.5, 1.0])


@pytest.mark.parametrize(
    ("beta", "mean"),
    [(0, 2 * np.log(2) - 1), (1, 4 - 2 * np.sqrt(3)), (2, 2 * np.sqrt(3) / np.pi - 0.5), (4, 0.67617)],
)
def test_surmise(beta, mean):
    """Atas et al. (2013), table I."""
    law = ensembles.spacing_ratio(beta)
    assert law.moment(0) == pytest.approx(1, abs=1e-12)
    assert law.mean() == pytest.approx(mean, abs=5e-6)
    assert law.cdf(law.ppf(0.3)) == pytest.approx(0.3, abs=1e-12)
    if beta:
        ratios = np.array([ensembles.spacing_ratios(s)[0] for s in ensembles.hermite(3, beta).spectra(3000, 4)])
        assert stats.kstest(ratios, law.cdf).pvalue > 1e-6
        assert stats.kstest(ratios, ensembles.spacing_ratio(0).cdf).pvalue < 1e-6


def test_bad_input_is_refused():
    for call in (
        lambda: ensembles.ks_distance([], laws.semicircle()),
        lambda: ensembles.ks_distance([1j], laws.semicircle()),
        lambda: ensembles.spacing_ratios([1.0, 2.0]),
        lambda: ensembles.ratio_test([[1.0, 2.0, 3.0]], 1),
        lambda: ensembles.ratio_test(np.zeros((3, 4)), 3),
        lambda: ensembles.spacing_ratio(3),
        lambda: ensembles.rigidity([1.0, 2.0], ensembles.goe(3), draws=2),
        lambda: ensembles.independent_ks(0),
    ):
        with pytest.raises(InputError):
            call()
