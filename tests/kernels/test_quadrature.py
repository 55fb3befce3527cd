"""Means over normal variables against closed forms and 30-digit integration."""

import mpmath as mp
import numpy as np
import pytest
from scipy.special import erf, ndtr

from vgtheory.kernels.close_pairs import close_means
from vgtheory.kernels.quadrature import (
    PanelGrid,
    UnresolvedError,
    bivariate_means,
    composite,
    gaussian_means,
    hermite_coefficients,
)

VARIANCES = np.array([1e-8, 1e-4, 0.01, 0.3, 1.0, 7.0, 100.0, 1e4])

FUNCTIONS = {
    "relu": (lambda h: np.maximum(h, 0), lambda h: (h > 0) * 1.0, (0.0,)),
    "leaky": (lambda h: np.where(h > 0, h, 0.2 * h), lambda h: np.where(h > 0, 1, 0.2), (0.0,)),
    "elu": (
        lambda h: np.where(h > 0, h, np.expm1(np.minimum(h, 0))),
        lambda h: np.where(h > 0, 1, np.exp(np.minimum(h, 0))),
        (0.0,),
    ),
    "hard_tanh": (lambda h: np.clip(h, -1, 1), lambda h: (np.abs(h) < 1) * 1.0, (-1.0, 1.0)),
    "erf": (erf, lambda h: 2 / np.sqrt(np.pi) * np.exp(-h * h), ()),
    "sin": (np.sin, np.cos, ()),
    "gelu": (lambda h: h * ndtr(h), lambda h: ndtr(h) + h * np.exp(-h * h / 2) / np.sqrt(2 * np.pi), ()),
}


def closed_form(name, q):
    """(E φ², E φ'²) at 40 digits; sources: Williams (1997) for erf, completing the square for the others."""
    q = mp.mpf(q)
    arc = mp.mpf(1) / 4 + mp.asin(q / (1 + q)) / (2 * mp.pi)
    bracket = mp.erf(1 / mp.sqrt(2 * q))

    def erfcx(t):
        return mp.exp(t * t) * mp.erfc(t)

    return {
        "relu": (q / 2, mp.mpf(1) / 2),
        "leaky": (q * (1 + mp.mpf(0.2) ** 2) / 2, (1 + mp.mpf(0.2) ** 2) / 2),
        "elu": (
            q / 2 + erfcx(mp.sqrt(2 * q)) / 2 - erfcx(mp.sqrt(q / 2)) + mp.mpf(1) / 2,
            mp.mpf(1) / 2 + erfcx(mp.sqrt(2 * q)) / 2,
        ),
        "hard_tanh": (q * bracket - mp.sqrt(2 * q / mp.pi) * mp.exp(-1 / (2 * q)) + 1 - bracket, bracket),
        "erf": (2 / mp.pi * mp.asin(2 * q / (1 + 2 * q)), 4 / (mp.pi * mp.sqrt(1 + 4 * q))),
        "sin": (-mp.expm1(-2 * q) / 2, (1 + mp.exp(-2 * q)) / 2),
        "gelu": (
            q * arc + q**2 / (mp.pi * (1 + q) * mp.sqrt(1 + 2 * q)),
            arc + q / (mp.pi * (1 + q) * mp.sqrt(1 + 2 * q)) + q / (2 * mp.pi * (1 + 2 * q) ** mp.mpf(1.5)),
        ),
    }[name]


def grid_of(name):
    f, slope, breakpoints = FUNCTIONS[name]
    return PanelGrid(lambda h: np.stack([f(h) ** 2, slope(h) ** 2, f(h) ** 4, slope(h) ** 4]), breakpoints)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_means_of_squares_agree_with_closed_forms_to_12_digits(name):
    f, slope, _ = FUNCTIONS[name]
    found = gaussian_means(lambda h: np.stack([f(h) ** 2, slope(h) ** 2]), VARIANCES, grid_of(name))
    with mp.workdps(40):
        for k, q in enumerate(VARIANCES):
            truth = closed_form(name, q)
            assert [abs(float(found[i, k] / truth[i] - 1)) for i in (0, 1)] <= [1e-12] * 2, q


@pytest.mark.parametrize("q", [1e-4, 1.0, 1e4])
def test_tanh_agrees_with_integration_at_30_digits(q):
    found = gaussian_means(
        lambda h: np.stack([np.tanh(h) ** 2, np.cosh(np.clip(h, -300, 300)) ** -4.0]),
        np.array([q]),
        PanelGrid(lambda h: np.tanh(h)[None] ** 2),
    )[:, 0]
    with mp.workdps(30):
        cuts = sorted(
            {0.0, 14.0, *range(1, 14), *(2.0**k / np.sqrt(q) for k in range(-3, 11) if 2.0**k < 14 * np.sqrt(q))}
        )
        square = 2 * mp.quad(lambda z: mp.tanh(mp.sqrt(q) * z) ** 2 * mp.npdf(z), cuts)
        slope = 2 * mp.quad(lambda z: mp.sech(mp.sqrt(q) * z) ** 4 * mp.npdf(z), cuts)
    assert found == pytest.approx([float(square), float(slope)], rel=1e-12)


def test_derivatives_in_q_by_hermite_weights_ignore_the_kink():
    """ELU: E φ'² = ½ + erfcx(√(2q))/2, differentiated twice by mpmath."""
    q = np.array([0.3, 5.0])
    weighted = gaussian_means(
        lambda h: np.stack([FUNCTIONS["elu"][1](h) ** 2] * 2), q, grid_of("elu"), hermite=np.array([2, 4])
    )
    with mp.workdps(40):
        for k, value in enumerate(q):
            first, second = (float(mp.diff(lambda t: closed_form("elu", t)[1], value, n)) for n in (1, 2))
            assert weighted[0, k] / (2 * value) == pytest.approx(first, rel=1e-11)
            assert weighted[1, k] / (4 * value**2) == pytest.approx(second, rel=1e-10)


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.8, 0.999, 1 - 1e-9, 1.0])
@pytest.mark.parametrize("q", [0.01, 1.0, 100.0])
def test_relu_correlations_are_the_arc_cosine_kernels(q, c):
    """Cho & Saul (2009), orders 0 and 1: a kink, and a jump, at every correlation."""
    f, slope, _ = FUNCTIONS["relu"]
    found = bivariate_means(lambda h: np.stack([slope(h), f(h)]), (q, q), c, grid_of("relu"))
    theta = mp.acos(mp.mpf(c))
    first = float(q / (2 * mp.pi) * (mp.sin(theta) + (mp.pi - theta) * mp.cos(theta)))
    assert found == pytest.approx([float((mp.pi - theta) / (2 * mp.pi)), first], rel=1e-11, abs=1e-12 * q)


@pytest.mark.parametrize("c", [-0.9, 0.3, 1 - 1e-10])
def test_erf_correlations_are_williams_kernels_at_unequal_variances(c):
    q1, q2 = 1.3, 40.0
    found = bivariate_means(lambda h: np.stack([erf(h), FUNCTIONS["erf"][1](h)]), (q1, q2), c, grid_of("erf"))
    cross = c * np.sqrt(q1 * q2)
    both = (1 + 2 * q1) * (1 + 2 * q2)
    truth = [2 / np.pi * np.arcsin(2 * cross / np.sqrt(both)), 4 / np.pi / np.sqrt(both - 4 * cross**2)]
    assert found == pytest.approx(truth, rel=1e-11)


@pytest.mark.parametrize("angle", [1.5, 1e-3])
def test_close_pairs_far_above_every_scale_of_the_function_have_sheppards_correlation(angle):
    grid = PanelGrid(lambda h: np.tanh(h)[None])
    distance, product = close_means(lambda h: np.tanh(h)[None], 1e40, angle, grid)
    assert product[0] == pytest.approx(1 - 2 * angle / np.pi, rel=1e-12)
    assert distance[0] == pytest.approx(4 * angle / np.pi, rel=1e-12)


def test_hermite_coefficients_sum_to_the_kernel():
    q, c = 1.7, 0.6
    a = hermite_coefficients(lambda h: FUNCTIONS["sin"][0](h)[None], q, grid_of("sin"), 120)[0]
    assert a**2 @ c ** np.arange(120.0) == pytest.approx(np.exp(-q) * np.sinh(c * q), rel=1e-13)


def test_exponential_growth_is_followed_and_divergence_is_infinite():
    grid = PanelGrid(lambda h: np.exp(np.minimum(2 * h, 600.0))[None])
    assert gaussian_means(lambda h: np.exp(2 * h)[None], np.array([20.0]), grid)[0, 0] == pytest.approx(
        np.exp(40.0), rel=1e-12
    )
    assert gaussian_means(_steep, np.array([1.0]), PanelGrid(_steep))[0, 0] == np.inf
    assert gaussian_means(_steep, np.array([0.3]), PanelGrid(_steep))[0, 0] == pytest.approx(
        (1 - 2 * 0.3) ** -0.5, rel=1e-12
    )


def _steep(h):
    return np.exp(h * h)[None]


def test_too_many_oscillations_are_an_error_not_a_number():
    with pytest.raises(UnresolvedError):
        PanelGrid(lambda h: np.sin(1e6 * h)[None]).edges(10.0)


def test_composite_rule_is_exact_for_polynomials():
    x, w = composite(np.array([-1.0, 0.0, 0.0, 2.0]))
    assert w @ x**9 == pytest.approx((2**10 - 1) / 10)
