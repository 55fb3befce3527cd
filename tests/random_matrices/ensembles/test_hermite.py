"""Gaussian ensembles: the tridiagonal model against dense matrices, exact moments and the limit law."""

import numpy as np
import pytest
from scipy import stats

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices import ensembles

DRAWS, ALARM = 2000, 1e-6  # false-alarm rate of each comparison below


@pytest.mark.parametrize("ensemble", [ensembles.goe(4), ensembles.gue(4)], ids=str)
def test_tridiagonal_and_dense_models_have_one_law(ensemble):
    rng = np.random.default_rng(1)
    dense = np.array([np.linalg.eigvalsh(ensemble.sample(rng)) for _ in range(DRAWS)])
    model = np.array([ensemble.eigenvalues(rng) for _ in range(DRAWS)])
    for k in range(4):
        assert stats.ks_2samp(dense[:, k], model[:, k]).pvalue > ALARM
    # The other symmetry class, at the same scale, must be told apart by the largest eigenvalue.
    other = ensembles.hermite(4, 3 - ensemble.beta)
    wrong = np.array([other.eigenvalues(rng)[-1] for _ in range(DRAWS)])
    assert stats.ks_2samp(dense[:, -1], wrong).pvalue < ALARM


@pytest.mark.parametrize("beta", [0.5, 1, 2, 4])
def test_second_moment_is_exact_at_finite_size(beta):
    """E Σλ²/N = (2/β + N − 1)/N: the diagonal has variance 2/(βN), the rest N(N − 1)/N; alarm at 5 sd (6e-7)."""
    n, rng = 6, np.random.default_rng(2)
    ensemble = ensembles.hermite(n, beta)
    squares = np.array([(ensemble.eigenvalues(rng) ** 2).mean() for _ in range(DRAWS)])
    exact, error = (2 / beta + n - 1) / n, squares.std() / np.sqrt(DRAWS)
    assert abs(squares.mean() - exact) < 5 * error
    assert abs(squares.mean() - 1.2 * exact) > 5 * error


@pytest.mark.parametrize("ensemble", [ensembles.goe(1500), ensembles.gue(1500), ensembles.gse(1500)], ids=str)
def test_large_spectra_follow_the_limit_law(ensemble):
    """Eigenvalues are rigid: the largest deviation of F_N is O(ln N/N), here below 4/N; a radius 2 % off is seen."""
    values = ensemble.eigenvalues(random_state=3)
    assert stats.kstest(values, ensemble.limit().cdf).statistic < 4 / 1500
    assert stats.kstest(1.02 * values, ensemble.limit().cdf).statistic > 4 / 1500


def test_bad_parameters_are_refused():
    for call in (lambda: ensembles.goe(0), lambda: ensembles.gue(2.5), lambda: ensembles.hermite(3, -1)):
        with pytest.raises(InputError):
            call()
    with pytest.raises(UnsupportedError, match="eigenvalues"):
        ensembles.hermite(3, 2.5).sample()
