"""Where singular values come near 0, and the density of s there: by kind, against integrals and drawn matrices."""

import mpmath
import numpy as np
import pytest

import vgtheory as vg
from vgtheory.spectra.slope_law import slope_law
from vgtheory.symbolic.catalogue import activation


@pytest.mark.parametrize(
    ("name", "vanishes"),
    [
        ("tanh", True),  # at both ends
        ("softplus", True),  # at one
        ("elu", True),
        ("gelu", True),  # a zero inside
        ("x**3", True),  # one that it touches, at the centre of an even slope
        ("log(1+x**2)", True),
        ("x+sin(x)", True),
        ("Piecewise((x**2, x>0), (x, True))", True),  # from one side of a kink
        ("relu", False),  # 0 throughout, or 1
        ("leaky_relu", False),
        ("x+sin(x)/2", False),
        ("bent_identity", False),
    ],
)
def test_whether_slopes_come_near_zero(name, vanishes):
    assert slope_law(activation(name), 1.3).vanishes is vanishes


@pytest.mark.parametrize("q", [0.3, 9.0])
def test_the_mean_of_inverse_squares_reaches_beyond_all_probability(q):
    """E cosh⁴(√q z) = (e^{8q} + 4e^{2q} + 3)/8; at q = 9 it is made up 12 standard deviations away from 0."""
    want = mpmath.log((mpmath.exp(8 * q) + 4 * mpmath.exp(2 * q) + 3) / 8)
    assert slope_law(activation("tanh"), q).log_inverse == pytest.approx(float(want), abs=1e-10)


def test_an_infinite_mean_of_inverse_squares_is_infinite():
    assert slope_law(activation("erf"), 1.0).log_inverse == np.inf  # e^{2h²} against e^{−h²/2}
    assert slope_law(activation("gelu"), 1.0).log_inverse == np.inf


@pytest.mark.parametrize("q", ["profile", 0.7])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_square_orthogonal_layers_whose_slopes_vanish_reach_zero(depth, q):
    law = vg.spectrum(vg.Network("tanh", vg.Weights.orthogonal(1.5, 0.1), 100, depth), q)
    ((low, _),) = law.bands
    assert low == 0
    assert law.support_log()[0] == law.ppf_log(0) == -np.inf < law.ppf_log(1e-9)
    assert law.pdf(0) == 0  # E 1/s² is finite, so that the density tends to 0
    assert law.cdf(law.ppf(0.01)) == pytest.approx(0.01, abs=1e-9)


@pytest.mark.parametrize("depth", [1, 3])
def test_orthogonal_layers_whose_slopes_do_not_vanish_keep_a_finite_end(depth):
    law = vg.spectrum(vg.Network("leaky_relu", vg.Weights.orthogonal(1.0), 100, depth))
    assert np.isfinite(law.support_log()[0])
    equal = vg.spectrum(vg.Network("identity", vg.Weights.orthogonal(1.5), 100, depth))
    assert equal.support_log() == pytest.approx((depth * np.log(1.5),) * 2, abs=1e-12)


def test_the_least_of_square_orthogonal_products_falls_with_the_width():
    """Drawn Jacobians of two variances: tails of φ' take the least singular value below that of any width before."""
    rng, means = np.random.default_rng(5), []
    for width in (10, 100):
        least = []
        for _ in range(60):
            product = np.eye(width)
            for q in (2.0, 0.8):
                w = np.linalg.qr(rng.standard_normal((width, width)))[0]
                product = np.cosh(np.sqrt(q) * rng.standard_normal(width))[:, None] ** -2 * w @ product
            least.append(np.log(np.linalg.svd(product, compute_uv=False)[-1]))
        means.append(np.mean(least))
    assert means[1] < means[0] - 0.7  # by 1.7; one standard error is 0.15
    law = vg.spectrum(vg.Network("tanh", vg.Weights.orthogonal(1.0), 100, 2), q=[2.0, 0.8])
    assert law.support_log()[0] == -np.inf


@pytest.mark.parametrize(("sigma_w", "q"), [(0.8, 0.73), (3.0, 9.0)])
def test_the_density_at_zero_of_a_gaussian_layer(sigma_w, q):
    """(2/π) √(E φ'⁻²)/σ_w: 2/π·√E cosh⁴, which is 3e14 for tanh at σ_w = 3, where it grows down to s = e^−40."""
    law = vg.spectrum(vg.Network("tanh", vg.Weights.gaussian(sigma_w), 100, 1), q)
    inverse = (np.exp(8 * q) + 4 * np.exp(2 * q) + 3) / 8
    assert law.pdf(0) == pytest.approx(2 / np.pi * np.sqrt(inverse) / sigma_w, rel=1e-9)
    if q < 1:
        assert law.pdf(1e-12) == pytest.approx(law.pdf(0), rel=1e-4)
    deeper = vg.spectrum(vg.Network("tanh", vg.Weights.gaussian(sigma_w), 100, 2), q)
    assert deeper.pdf(0) == np.inf
