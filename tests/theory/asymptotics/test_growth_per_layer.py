"""Growth per layer at fixed points, to the digits of a table of them, and the ratio of depth to width that follows."""

import math

import pytest

import vgtheory as vg
from vgtheory._errors import NoSolutionError

# activation, σ_w, σ_b, q*, χ, N × variance per layer, N × drift per layer; computed once by an independent program
TABLE = [
    ("tanh", 1.5, 0.05, 0.79839, 1.13671, 4.616, -1.845),
    ("tanh", 1.3, 0.2, 0.50554, 0.99772, 3.904, -1.616),
    ("selu", 1.0, 0.0, 1.0, 1.07157, 4.420, -1.468),
    ("sin", 1.3, 0.2, 0.65867, 1.07133, 3.431, -1.484),
    ("softplus", 1.0, 0.1, 0.87451, 0.28933, 3.816, -0.589),
    ("sigmoid", 4.0, 0.5, 6.1399, 0.39110, 4.900, -2.747),
    ("gelu", 1.4, 0.3, 0.26635, 0.70588, 8.987, 2.512),
]


DEEP, WIDE = 1000, 10**6  # deep enough to forget its input, wide enough for 1/N


def predicted(name, sigma_w, sigma_b=0.0, family="gaussian", width=WIDE, depth=DEEP):
    return vg.predict(vg.Network(name, getattr(vg.Weights, family)(sigma_w, sigma_b), width, depth))


@pytest.mark.parametrize(("name", "sigma_w", "sigma_b", "q", "chi", "variance", "drift"), TABLE)
def test_growth_per_layer(name, sigma_w, sigma_b, q, chi, variance, drift):
    found = predicted(name, sigma_w, sigma_b)
    assert (float(found.q[-1]), float(found.chi[-2])) == pytest.approx((q, chi), rel=2e-5)
    assert found.attrs["variance_per_layer"] == pytest.approx(variance, abs=1.5e-3)
    assert found.attrs["drift_per_layer"] == pytest.approx(drift, abs=1.5e-3)
    assert found.attrs["depth_to_width"] == pytest.approx(1 / variance, rel=1e-3)


def test_homogeneous_activations():
    relu, linear = predicted("relu", 2**0.5, 0.3), predicted("identity", 1.0)
    assert relu.attrs["depth_to_width"] == pytest.approx(1 / 5, rel=1e-6)
    assert relu.attrs["drift_per_layer"] == pytest.approx(-2.5, rel=1e-6)
    assert linear.attrs["depth_to_width"] == pytest.approx(1 / 2, rel=1e-6)
    assert predicted("identity", 1.0, 0.0, "orthogonal").attrs["depth_to_width"] == math.inf


@pytest.mark.parametrize(("width", "depth"), [(512, 100), (2000, 200), (64, 50), (100, 1000)])
def test_the_ratio_is_one_number_whatever_the_width_and_the_method(width, depth):
    for name, exact in (("tanh", 1 / 4.616), ("relu", 1 / 5)):
        sigmas = (1.5, 0.05) if name == "tanh" else (2**0.5, 0.0)
        assert predicted(name, *sigmas, width=width, depth=depth).attrs["depth_to_width"] == pytest.approx(
            exact, rel=1e-3
        )


def test_the_ratio_is_where_the_variance_is_one():
    ratio = predicted("tanh", 1.5, 0.05).attrs["depth_to_width"]
    p = predicted("tanh", 1.5, 0.05, width=2000, depth=round(2000 * ratio))
    assert 4 * float(p.log_gradient_norm_std[0]) ** 2 == pytest.approx(1, abs=0.02)


def test_lengths_that_fluctuate_without_bound_are_refused():
    with pytest.raises(NoSolutionError, match="beyond every bound"):
        predicted("x**2", 1.0, 0.5)
