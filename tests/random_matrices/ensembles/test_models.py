"""Cheap models against dense matrices of the same ensemble, limits of large sizes, exact traces, bad input."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma, polygamma

from tests.thinning import thinned
from vgtheory import ensembles
from vgtheory._errors import InputError, UnsupportedError

DRAWS, ALARM = 1200, 1e-6  # false-alarm rate of each comparison


def _dense_eigenvalues(ensemble, rng):
    matrix = ensemble.sample(rng)
    values = np.sort(ensemble.measured(np.linalg.eigvals(matrix)))
    if len(matrix) == ensemble.size:
        return values
    pairs = np.sort(values).reshape(-1, 2)  # of quaternion matrices every eigenvalue stands twice
    assert np.ptp(pairs, axis=1).max() < 1e-7
    return pairs[:, 0]


CHEAP = [
    ensembles.wishart(3, 5),
    ensembles.wishart(4, 2),
    ensembles.lue(3, 4),
    ensembles.jacobi(3, 5, 4),
    ensembles.jacobi(3, 4, 3, 2),
    ensembles.ginibre(3),
    ensembles.ginibre(3, "complex"),
    ensembles.haar(3, "complex"),
    ensembles.haar(3),
    ensembles.haar(4),
    ensembles.circular_beta(3, 1),
    ensembles.gse(3),
    ensembles.laguerre(2, 4, 4.0),
    ensembles.jacobi(2, 4, 3, 4.0),
    ensembles.circular_beta(3, 4),
]
WRONG = {
    "Hermite": ensembles.gue(3),
    "Laguerre": ensembles.lue(3, 9),
    "Jacobi": ensembles.jacobi(3, 8, 4),
    "Ginibre": ensembles.elliptic_matrices(3, 0.9),
    "Haar": ensembles.circular_beta(3, 20),
    "Circular": ensembles.circular_beta(3, 20),
    ensembles.circular_beta(3, 4): ensembles.circular_beta(3, 0.1),
}


@pytest.mark.parametrize("ensemble", thinned(CHEAP, 3), ids=str)
def test_cheap_and_dense_models_have_one_law(ensemble):
    rng = np.random.default_rng(1)

    def ordered(values):
        return np.sort(values).round(9)  # rounding of the dense ones would split the atoms at ±1

    cheap = np.array([ordered(ensemble.measured(ensemble.eigenvalues(rng))) for _ in range(DRAWS)])
    dense = np.array([ordered(_dense_eigenvalues(ensemble, rng)) for _ in range(DRAWS)])
    for k in range(cheap.shape[1]):
        assert stats.ks_2samp(cheap[:, k], dense[:, k]).pvalue > ALARM
    other = WRONG.get(ensemble, WRONG.get(type(ensemble).__name__))
    wrong = np.array([ordered(other.measured(other.eigenvalues(rng))) for _ in range(DRAWS)])
    pairs = zip(dense.T[-wrong.shape[1] :], wrong.T[-cheap.shape[1] :], strict=True)
    assert min(stats.ks_2samp(a, b).pvalue for a, b in pairs) < ALARM


def test_moduli_by_gamma_variables():
    rng = np.random.default_rng(2)
    for ensemble in (ensembles.ginibre(3, "complex"), ensembles.ginibre_products(3, 4, "complex")):
        dense = np.array([np.sort(np.abs(ensemble.eigenvalues(rng))) for _ in range(DRAWS)])
        if hasattr(ensemble, "moduli"):
            cheap = np.array([np.sort(ensemble.moduli(rng)) for _ in range(DRAWS)])
        else:
            cheap = np.exp(np.array([np.sort(ensemble.log_moduli(rng)) for _ in range(DRAWS)]))
        for k in range(3):
            assert stats.ks_2samp(cheap[:, k], dense[:, k]).pvalue > ALARM
            assert stats.ks_2samp(1.25 * cheap[:, k], dense[:, k]).pvalue < ALARM or k == 0


def test_singular_values_of_products():
    rng, ensemble = np.random.default_rng(3), ensembles.ginibre_products(3, 4)
    cheap = np.array([ensemble.log_singular_values(rng) for _ in range(DRAWS)])
    dense = np.array([np.sort(np.log(np.linalg.svd(ensemble.sample(rng))[1])) for _ in range(DRAWS)])
    for k in range(3):
        assert stats.ks_2samp(cheap[:, k], dense[:, k]).pvalue > ALARM
        assert stats.ks_2samp(cheap[:, k] + 0.5, dense[:, k]).pvalue < ALARM


def test_deep_products_keep_their_smallest_singular_values():
    """Σ ln s is the sum over layers of ln|det|, each of mean Σ_k ½(ψ(k/2) + ln(2/N)); alarm at five sd."""
    n, depth = 20, 300
    values = ensembles.ginibre_products(n, depth).log_singular_values(random_state=4)
    k = np.arange(1, n + 1)
    mean = depth * (digamma(k / 2) + np.log(2 / n)).sum() / 2
    error = np.sqrt(depth * polygamma(1, k / 2).sum()) / 2
    assert abs(values.sum() - mean) < 5 * error
    assert abs(values.sum() - 1.1 * mean) > 5 * error
    assert values[0] < -500  # below the range in which an SVD of the product has any digit
    assert (np.diff(values) >= 0).all()


LARGE = [
    (ensembles.wishart(400, 800), 4),
    (ensembles.wishart(400, 200), 4),
    (ensembles.jacobi(400, 600, 900), 4),
    (ensembles.haar(300, "complex"), 4),
    (ensembles.haar(301), 4),
    (ensembles.circular_beta(300, 4), 4),
    (ensembles.regular_graphs(400, 3), 8),
    (ensembles.sparse(400, 100), 12),
    (ensembles.elliptic_matrices(200, 0.5), 20),
    (ensembles.ginibre(300, "complex"), 20),
]


@pytest.mark.parametrize(("ensemble", "bound"), LARGE, ids=lambda v: str(v))
def test_large_spectra_follow_the_limit(ensemble, bound):
    """Rigid: the largest deviation of F_N stays below bound/N, where N independent values deviate by 0.87/√N."""
    values = ensemble.measured(ensemble.eigenvalues(random_state=6))
    distance = ensembles.ks_distance(values, ensemble.limit())
    assert distance < bound / len(values)
    assert ensembles.ks_distance(values * 1.3 + 0.3, ensemble.limit()) > bound / len(values)


@pytest.mark.parametrize(
    ("ensemble", "power", "exact"),
    [
        (ensembles.wishart(5, 8), 1, 1.0),
        (ensembles.wishart(5, 8), 2, 1 + (5 + 1) / 8),  # E Tr W²/p = 1 + (p + 1)/n
        (ensembles.lue(5, 8), 2, 1 + 5 / 8),
        (ensembles.jacobi(4, 6, 10), 1, 6 / 16),
        (ensembles.goe(6), 4, 2 + 5 / 6 + 5 / 36),  # (2N² + 5N + 5)/N²
        (ensembles.gue(6), 4, 2 + 1 / 36),
        (ensembles.sparse(40, 4), 2, 1.0),
    ],
    ids=str,
)
def test_traces(ensemble, power, exact):
    rng = np.random.default_rng(8)
    values = np.array([(ensemble.eigenvalues(rng) ** power).mean() for _ in range(2000)])
    error = values.std() / np.sqrt(2000)  # five of them: alarm 6e-7
    assert abs(values.mean() - exact) < 5 * error
    assert abs(values.mean() - exact) < 5 * error < abs(1.3 * exact - exact)


def test_outliers_lie_where_they_are_predicted():
    """Fluctuations are O(N^{−1/2}): within 0.15 at N = 500; below the transition nothing leaves the bulk."""
    wigner = ensembles.spiked_wigner(500, [2.0, -1.5, 0.5])
    values, vectors = np.linalg.eigh(wigner.sample(random_state=1))
    np.testing.assert_allclose(values[[0, -1]], wigner.outliers(), atol=0.15)
    assert values[-2] < 2.05
    assert values[1] > -2.05
    np.testing.assert_allclose([vectors[1, 0] ** 2, vectors[0, -1] ** 2], wigner.overlaps(), atol=0.12)
    wishart = ensembles.spiked_wishart(300, 1200, [3.0, 0.2, 1.3])
    values, vectors = np.linalg.eigh(wishart.sample(random_state=2))
    np.testing.assert_allclose(values[[0, -1]], wishart.outliers(), atol=0.25)
    assert values[-2] < wishart.limit().support()[1] + 0.05
    np.testing.assert_allclose([vectors[1, 0] ** 2, vectors[0, -1] ** 2], wishart.overlaps(), atol=0.1)


def test_haar_matrices_are_orthogonal_and_uniform():
    rng = np.random.default_rng(9)
    q = ensembles.haar(30, "complex").sample(rng)
    assert np.abs(q @ q.conj().T - np.eye(30)).max() < 1e-13
    corner = np.array([ensembles.haar(5).sample(rng)[0, 0] for _ in range(3000)])
    law = stats.beta(0.5, 2)  # of a squared coordinate of a unit vector in five dimensions
    assert stats.kstest(corner**2, law.cdf).pvalue > ALARM
    plain = np.array([np.linalg.qr(rng.standard_normal((5, 5)))[0][0, 0] for _ in range(500)])
    assert stats.kstest(np.sign(corner), np.sign(plain)).pvalue < ALARM  # LAPACK's signs are not uniform


def test_regular_graphs_are_regular():
    a = ensembles.regular_graphs(50, 4).sample(random_state=0)
    assert (a == a.T).all()
    assert (a.sum(axis=0) == 4).all()
    assert np.trace(a) == 0
    assert a.max() == 1


def test_size_one():
    for ensemble in (ensembles.wishart(1, 1), ensembles.jacobi(1, 1, 1), ensembles.haar(1), ensembles.ginibre(1)):
        assert ensemble.eigenvalues(random_state=0).shape == (1,)
    assert ensembles.haar(1).eigenvalues(random_state=0)[0].real in (1.0, -1.0)
    assert ensembles.goe(2).spectra(3, random_state=0).shape == (3, 2)


def test_bad_parameters_are_refused():
    for call in (
        lambda: ensembles.wishart(0),
        lambda: ensembles.wishart(3, -1),
        lambda: ensembles.wishart(5, 2.5),
        lambda: ensembles.jacobi(3, 1, 5),
        lambda: ensembles.ginibre(3, "quaternion"),
        lambda: ensembles.haar(2.5),
        lambda: ensembles.circular_beta(3, 0),
        lambda: ensembles.sparse(10, 11),
        lambda: ensembles.regular_graphs(5, 3),
        lambda: ensembles.spiked_wigner(3, []),
        lambda: ensembles.spiked_wishart(3, 4, [-1.0]),
        lambda: ensembles.elliptic_matrices(3, 2),
        lambda: ensembles.ginibre_products(3, 0),
    ):
        with pytest.raises(InputError):
            call()


def test_sizes_beyond_memory_are_refused_at_once():
    for call in (
        ensembles.goe(10**6).sample,
        ensembles.ginibre(10**7).eigenvalues,
        ensembles.haar(10**12).eigenvalues,
        ensembles.goe(10**13).eigenvalues,
    ):
        with pytest.raises(InputError, match="GB"):
            call(0)


def test_questions_without_an_exact_answer_say_so():
    for call in (
        ensembles.ginibre(3).moduli,
        ensembles.ginibre_products(3, 2).log_moduli,
        ensembles.laguerre(3, 4.5).sample,
        ensembles.jacobi(3, 4.5, 5).sample,
        ensembles.circular_beta(3, 3).sample,
    ):
        with pytest.raises(UnsupportedError):
            call()
