"""Where singular values come near 0, and the density of s there: by kind, against integrals and drawn matrices."""

import mpmath
import numpy as np
import pytest

import vgtheory as vg
from vgtheory.spectra.factor import Factor, reaches_zero
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
        ("Piecewise((x**1.2, x>0), (x, True))", True),
        ("Piecewise((x**1.1, x>0), (x, True))", True),  # |φ'| = 0.08 at a distance of 1e-12
        ("tanh(x+sin(x)/2)", None),  # far out, where no limit is shown
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


@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("erf", 1.0),  # e^{2h²} against e^{−h²/2}
        ("gelu", 1.0),
        ("gelu", 0.0025),  # a zero at 15 standard deviations
        ("x+sin(x)", 0.01),  # at 31
        ("Piecewise((x**1.5, x>0), (x, True))", 1.0),  # φ'⁻² ~ 1/x
    ],
)
def test_an_infinite_mean_of_inverse_squares_is_infinite(name, q):
    assert slope_law(activation(name), q).log_inverse == np.inf


def test_a_finite_mean_of_inverse_squares_next_to_an_infinite_one():
    """E e^{2h²} = (1 − 4q)^{−1/2}, and φ'(h)² = 4/π e^{−2h²} of erf."""
    want = np.log(np.pi / 4) - np.log(1 - 4 * 0.15) / 2
    assert slope_law(activation("erf"), 0.15).log_inverse == pytest.approx(want, abs=1e-10)
    assert slope_law(activation("erf"), 0.25).log_inverse == np.inf


@pytest.mark.parametrize("name", ["tanh(x+sin(x)/2)", "Piecewise((x**1.2, x>0), (x, True))"])
def test_a_mean_of_inverse_squares_that_is_not_known_is_none(name):
    assert slope_law(activation(name), 1.0).log_inverse is None


def test_a_zero_of_the_slope_far_out_makes_the_density_at_zero_infinite():
    law = vg.spectrum(vg.Network("gelu", vg.Weights.gaussian(1.0), 100, 1), 0.0025)
    assert law.pdf(0) == np.inf


def test_slopes_that_vanish_slowly_next_to_a_kink_leave_no_gap():
    law = vg.spectrum(vg.Network("Piecewise((x**1.2, x>0), (x, True))", vg.Weights.orthogonal(1.0), 100, 1), 1.0)
    assert law.bands[0][0] == 0


def test_where_it_is_not_decided_the_support_is_as_far_as_is_resolved():
    law = vg.spectrum(vg.Network("tanh(x+sin(x)/2)", vg.Weights.orthogonal(1.0), 100, 1), 1.0)
    assert law.law.reaches_zero is None
    assert 0 < law.bands[0][0] < 1e-6
    assert np.isnan(law.pdf(0))


BLOCKS = [  # activation, kind, σ_w, slopes of normal h, whether I + D W is singular
    ("tanh", "residual", 3.0, lambda h: np.cosh(h) ** -2, True),
    ("tanh", "residual", 0.8, lambda h: np.cosh(h) ** -2, False),  # √E|Y|² = 0.55
    ("tanh", "residual-orthogonal", 3.0, lambda h: np.cosh(h) ** -2, True),  # Y is not invertible
    ("x+sin(x)/2", "residual-orthogonal", 0.8, lambda h: 1 + np.cos(h) / 2, True),  # 1 is in the ring
    ("x+sin(x)/2", "residual-orthogonal", 2.0, lambda h: 1 + np.cos(h) / 2, False),  # and inside of it
    ("x+sin(x)/2", "residual-orthogonal", 0.5, lambda h: 1 + np.cos(h) / 2, False),  # and outside
]


@pytest.mark.parametrize(("name", "kind", "sigma_w", "slopes", "singular"), BLOCKS)
def test_a_block_is_singular_where_the_ring_of_its_branch_holds_minus_one(name, kind, sigma_w, slopes, singular):
    """Against drawn I + D W, whose least singular value falls as 1/N or stays: medians of 25, in ln to about 0.25."""
    part = Factor(slope_law(activation(name), 1.0), 1, kind, 2 * float(np.log(sigma_w)))
    assert reaches_zero([part], 1.0) is singular
    rng, least = np.random.default_rng(8), []
    for width in (15, 120):
        drawn = []
        for _ in range(25):
            w = rng.standard_normal((width, width))
            w = np.linalg.qr(w)[0] if kind == "residual-orthogonal" else w / np.sqrt(width)
            block = np.eye(width) + sigma_w * slopes(rng.standard_normal(width))[:, None] * w
            drawn.append(np.linalg.svd(block, compute_uv=False)[-1])
        least.append(np.log(np.median(drawn)))
    fall = least[0] - least[1]  # ln 8 = 2.08 or 0, and the way to the limit
    assert fall > 1.2 if singular else fall < 0.8


@pytest.mark.parametrize("sigma_w", [1.3, 2.0])
def test_the_density_at_zero_of_a_residual_block(sigma_w):
    """(2/πσ) √(1 − 1/σ²) of I + σ G: the density at 0 of the circular law's Hermitisation at −1."""
    law = vg.spectrum(vg.Network("identity", vg.Weights.gaussian(sigma_w), 100, 1, skip=1))
    assert law.pdf(0) == pytest.approx(2 / (np.pi * sigma_w) * np.sqrt(1 - sigma_w**-2), rel=1e-6)
    deeper = vg.spectrum(vg.Network("identity", vg.Weights.gaussian(sigma_w), 100, 3, skip=1))
    assert deeper.bands[0][0] == 0
    assert deeper.pdf(0) == np.inf


def test_a_residual_block_at_the_rim_is_not_decided():
    law = vg.spectrum(vg.Network("identity", vg.Weights.gaussian(1.0), 100, 1, skip=1))
    assert law.law.reaches_zero is None
    assert law.pdf(0) == 0  # it falls as s^(1/3)


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
