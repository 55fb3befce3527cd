"""Exact curves of the bulk: against integrals of the two-point function, and their published asymptotics."""

import numpy as np
import pytest
from scipy.integrate import quad

from vgtheory import ensembles


@pytest.mark.parametrize("beta", [1, 2, 4])
@pytest.mark.parametrize("length", [0.02, 1.3, 7.0])
def test_number_variance_is_the_integral_of_the_cluster_function(beta, length):
    found = ensembles.bulk(beta)
    exact = length - 2 * quad(lambda r: (length - r) * found.cluster(r), 0, length, limit=200)[0]
    assert found.number_variance(length) == pytest.approx(exact, abs=1e-12)


def test_cluster_function_is_the_transform_of_the_form_factor():
    """Y₂(r) = 2∫(1 − K(τ)) cos(2πrτ) dτ; K of β = 4 has a logarithm at τ = 1, which |1 − τ| = u³ flattens."""
    for r in (0.3, 1.7):

        def rest(t, beta, r=r):
            return 2 * (1 - ensembles.bulk(beta).form_factor(t)) * np.cos(2 * np.pi * r * t)

        def cubed(u, rest=rest):
            return 3 * u**2 * (rest(1 - u**3, 4) + rest(1 + u**3, 4))

        def slow(t):
            return 2 * (1 - ensembles.bulk(1).form_factor(t))

        late = quad(slow, 1, np.inf, weight="cos", wvar=2 * np.pi * r, limit=400)[0]
        assert quad(rest, 0, 1, args=(1,))[0] + late == pytest.approx(float(ensembles.bulk(1).cluster(r)), abs=1e-9)
        assert quad(rest, 0, 1, args=(2,))[0] == pytest.approx(float(ensembles.bulk(2).cluster(r)), abs=1e-12)
        assert quad(cubed, 1e-9, 1)[0] == pytest.approx(float(ensembles.bulk(4).cluster(r)), abs=1e-9)


def test_delta3_tends_to_the_published_logarithms():
    """Mehta (2004), chapter 16."""
    length = 300.0
    known = {
        1: (np.log(2 * np.pi * length) + np.euler_gamma - 5 / 4 - np.pi**2 / 8) / np.pi**2,
        2: (np.log(2 * np.pi * length) + np.euler_gamma - 5 / 4) / (2 * np.pi**2),
        4: (np.log(4 * np.pi * length) + np.euler_gamma - 5 / 4 + np.pi**2 / 8) / (4 * np.pi**2),
    }
    for beta, value in known.items():
        assert ensembles.bulk(beta).delta3(length) == pytest.approx(value, abs=1e-3)
    assert ensembles.bulk(0).delta3([3.0, 15.0]) == pytest.approx([0.2, 1.0])


def test_small_distances_lose_no_digits():
    for beta in (1, 2, 4):
        near = ensembles.bulk(beta).cluster([0.0, 1e-9, 0.99e-4, 1.01e-4])
        assert near[0] == 1
        assert (np.abs(near - 1) < 2e-3).all()
        assert abs(near[3] - near[2]) < 2e-5
