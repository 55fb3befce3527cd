"""The laws of a Jacobian answer what every law answers: at infinity, in their bands, after a pickle."""

import pickle
from itertools import pairwise

import numpy as np
import pytest

import vgtheory as vg
from vgtheory.random_matrices.laws.law import Law

GAUSSIAN, ORTHOGONAL = vg.Weights.gaussian, vg.Weights.orthogonal
NETWORKS = {
    "relu": vg.Network("relu", vg.Weights.he(), 50, 3),
    "one leaky layer": vg.Network("Max(x/4, x)", GAUSSIAN(np.sqrt(32 / 17)), 50, 1),
    "one orthogonal layer": vg.Network("hard_tanh", ORTHOGONAL(1.1), 50, 1),
    "an atom on top": vg.Network("hard_tanh", ORTHOGONAL(0.6), 50, 2),
    "a profile": vg.Network("tanh", GAUSSIAN(1.3, 0.1), 50, 4),
    "residual": vg.Network("tanh", GAUSSIAN(1.0), 50, 10, skip=0.3),
    "a rotation": vg.Network("identity", ORTHOGONAL(1.1), 50, 3),
}


def laws_of(name):
    network = NETWORKS[name]
    if network.skip is not None:
        return (vg.spectrum(network),)
    return vg.spectrum(network), vg.eigenvalues(network), vg.eigenvalues(network).radial(), vg.lyapunov(network)


@pytest.mark.parametrize("name", NETWORKS)
def test_bands_and_atoms_hold_all_the_mass(name):
    """Between two bands the distribution function moves by an atom or not at all, and none of a band is empty."""
    for law in laws_of(name):
        assert isinstance(law, Law)
        bands = law.bands
        assert all(lo < hi for lo, hi in bands)
        assert all(before[1] <= after[0] for before, after in pairwise(bands))
        gaps = [law.support()[0], *(end for band in bands for end in band), law.support()[1]]
        for lo, hi in zip(gaps[::2], gaps[1::2], strict=True):
            atoms = sum(mass for place, mass in law.atoms if lo <= place <= hi)
            stop = hi + 1e-9 * abs(hi) if np.isfinite(hi) else hi
            below = float(law.cdf(lo - 1e-9 * abs(lo) - 1e-300)) if np.isfinite(lo) else 0.0
            # Densities may be infinite at an end.
            assert float(law.cdf(stop)) - below == pytest.approx(atoms, abs=1e-4), (law, lo, hi)
        for lo, hi in bands:
            inside = (max(lo, -3.0) + hi) / 2
            assert law.pdf(inside) > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_far_out_at_infinity_and_after_a_pickle(name):
    for law in laws_of(name):
        ends = np.array([-np.inf, np.inf])
        assert law.cdf(np.inf) == law.sf(-np.inf) + law.cdf(-np.inf) == 1
        assert (law.pdf(ends) == 0).all()
        assert np.isnan([law.pdf(np.nan), law.cdf(np.nan), law.ppf(1.5), law.ppf(-1.0)]).all()
        before = law.cdf(0.4), law.ppf(0.7)
        copy = pickle.loads(pickle.dumps(law))  # noqa: S301 - its own
        assert (copy.cdf(0.4), copy.ppf(0.7)) == before
        assert "\n" not in repr(law)
        assert law.interval(0.5)[0] <= law.median() <= law.interval(0.5)[1]


def test_moments_of_singular_values_and_moduli():
    """Of s by quadrature over the bands against the exact second moment; of |λ| against closed forms."""
    for name in ("relu", "one leaky layer", "a profile", "one orthogonal layer"):
        law = vg.spectrum(NETWORKS[name])
        assert law.expect(np.square) == pytest.approx(law.mean_square, rel=2e-6)
        assert law.var() == pytest.approx(law.mean_square - law.mean() ** 2)
    linear = vg.eigenvalues(vg.Network("identity", GAUSSIAN(1.2), 50, 3))
    assert linear.radial().moment(2) == pytest.approx(1.2**6 / 4, rel=1e-9)  # |λ|^{2/3} is uniform
    assert linear.var() == pytest.approx(1.2**6 / 4, rel=1e-9)
    single = vg.eigenvalues(vg.Network("identity", GAUSSIAN(1.0), 50, 1))
    z = np.array([0.2 + 0.3j, -0.9j, 1.1])
    np.testing.assert_allclose(single.pdf(z), vg.laws.circular().pdf(z), rtol=1e-10)


def test_a_leaky_layer_has_the_known_gap():
    """Slope² 1/16: real roots of the discriminant of its equation, isolated in balls."""
    (_, low), (high, _) = vg.spectrum(NETWORKS["one leaky layer"]).bands
    assert (low**2, high**2) == pytest.approx((0.21657628996947842, 0.23678641290143345), rel=1e-11)


@pytest.mark.parametrize(("name", "depth"), [("silu", 10), ("softplus", 100)])
def test_rounding_far_below_a_deep_tail_makes_no_band(name, depth):
    """Slopes that reach e^−100 and below: one band, at whose top the distribution function reaches 1."""
    law = vg.spectrum(vg.Network(name, ORTHOGONAL(1.0), 50, depth), q=1.0)
    ((low, top),) = law.bands_log
    assert low == -np.inf
    assert law.cdf_log(top - 0.1) < law.cdf_log(top + 1e-9) == 1
    assert law.ppf_log(0.9) < top
