"""The exact simulation in single precision: the law of drawn matrices, and double's numbers but for rounding."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.kernels.simulation import layers, norms, p_values
from tests.kernels.test_exact import FURTHER, LIMIT, ORDINARY, SIGMA_W, brute, samples
from tests.thinning import thinned
from vgtheory.codegen.compiled import compile_activation
from vgtheory.kernels.arguments import Samples
from vgtheory.kernels.exact import exact_samples
from vgtheory.kernels.layer_sums import too_large
from vgtheory.kernels.normals import drawing, philox, u64
from vgtheory.kernels.normals_single import fill_single_normal_pairs


@drawing
def fill_from_halves(a, b, key, sample, layer, purpose, start):
    """Fill with doubles made of the bits that single precision makes its normals of."""
    for i in range(a.size):
        radius, angle = philox(start + i // 2, layer, sample, purpose, key)
        if i % 2 == 0:
            radius, angle = radius << u64(32), angle << u64(32)
        size = math.sqrt(-2.0 * math.log((np.float64(radius >> u64(33)) + 0.5) * 2.0**-31))
        turned = 2.0 * math.pi * np.float64(angle >> u64(32)) * 2.0**-32
        a[i], b[i] = size * math.cos(turned), size * math.sin(turned)


@drawing
def fill_widened(a, b, key, sample, layer, purpose, start):
    """Fill with single precision's normals."""
    c, d = np.empty(a.size, np.float32), np.empty(a.size, np.float32)
    fill_single_normal_pairs(c, d, key, sample, layer, purpose, start)
    for i in range(a.size):
        a[i], b[i] = c[i], d[i]


def run(activation, family, widths, sigma_w, sigma_b, count, seed=7, first=0, **options):
    out, which = norms(count, len(widths) - 1), Samples(np.uint64(seed), first)
    exact_samples(activation, family == "orthogonal", layers(widths, sigma_w, sigma_b), which, out, **options)
    return out._asdict()


def single(name, *network, **options):
    return run(compile_activation(name).for_single_kernels, *network, **options)


def double(name, *network, draw=fill_widened, **options):
    return run(compile_activation(name).for_kernels, *network, draw=draw, **options)


def p_values_against_drawn_matrices(family, name, widths, sigma_b, factor=1.0):
    few, many = samples(widths)
    a = brute(family, name, widths, SIGMA_W[name], sigma_b, few)
    return p_values(a, single(name, family, widths, factor * SIGMA_W[name], sigma_b, many), digits=4)


@pytest.mark.parametrize(("family", "name", "widths", "sigma_b"), thinned(ORDINARY, 5))
def test_law_is_that_of_drawn_matrices(family, name, widths, sigma_b):
    p = p_values_against_drawn_matrices(family, name, widths, sigma_b)
    assert not {key: value for key, value in p.items() if not value > LIMIT}


@pytest.mark.slow
@pytest.mark.parametrize(("family", "name", "widths", "sigma_b"), FURTHER)
def test_law_is_that_of_drawn_matrices_in_further_shapes(family, name, widths, sigma_b):
    p = p_values_against_drawn_matrices(family, name, widths, sigma_b)
    assert not {key: value for key, value in p.items() if not value > LIMIT}


@pytest.mark.parametrize(("family", "name", "widths", "sigma_b"), thinned(ORDINARY, 5))
def test_the_comparison_notices_a_weight_scale_wrong_by_two_percent(family, name, widths, sigma_b):
    assert min(p_values_against_drawn_matrices(family, name, widths, sigma_b, factor=1.02).values()) < LIMIT


def distance(a, b):
    """The largest difference of ln of a norm."""
    held = (a["q"] > 1e-300) & (b["q"] > 1e-300) & np.isfinite(a["q"]) & np.isfinite(b["q"])  # it is no logarithm
    assert held.any()
    lengths = np.abs(np.log(a["q"][held] / b["q"][held])) / 2
    return max(lengths.max(), *(np.max(np.abs(a[name] - b[name])) for name in ("gradient", "weight")))


DEEP = [
    pytest.param("tanh", "gaussian", (512,) * 1001, 1.5, 0.0, marks=pytest.mark.slow),
    ("tanh", "gaussian", (64,) * 1001, 1.5, 0.0),
    ("tanh", "orthogonal", (64,) * 1001, 1.5, 0.05),
    ("tanh", "gaussian", (64,) * 1001, 0.5, 0.0),
    ("gelu", "gaussian", (64,) * 1001, 1.4, 0.1),
    ("relu", "orthogonal", (64,) * 1001, 1.2, 0.0),
    ("sin", "gaussian", (64,) * 1001, 2.0, 0.0),
]


@pytest.mark.parametrize(("name", "family", "widths", "sigma_w", "sigma_b"), DEEP)
def test_a_thousand_layers_are_doubles_of_the_same_words_to_a_ten_thousandth(name, family, widths, sigma_w, sigma_b):
    ours = single(name, family, widths, sigma_w, sigma_b, 2)
    assert distance(ours, double(name, family, widths, sigma_w, sigma_b, 2, draw=fill_from_halves)) < 1e-4
    # A weight scale wrong by a millionth is noticed.
    assert distance(ours, double(name, family, widths, sigma_w * (1 + 1e-6), sigma_b, 2)) > 1e-4


# What float32 cannot hold: saturated slopes, powers, cancelling gradients of narrow layers, signals of any size.
HARD = [
    ("tanh", "gaussian", (3,) * 101, 60.0, 0.0, 1e-4),
    ("tanh", "gaussian", (1,) * 101, 30.0, 0.3, 1e-3),
    ("tanh", "gaussian", (2,) * 101, 1.3, 0.0, 1e-3),
    ("x**5", "gaussian", (30,) * 5, 0.7, 0.0, 1e-4),
    ("x**3", "orthogonal", (100,) * 7, 0.9, 0.1, 1e-4),
    ("identity", "gaussian", (33,) * 501, 1e-3, 0.0, 1e-4),
    ("identity", "orthogonal", (33,) * 501, 1e3, 0.1, 1e-4),
    ("identity", "gaussian", (33,) * 51, 1e60, 0.0, 1e-4),
    ("softplus", "gaussian", (9, 30, 4, 30, 9), 1e-30, 0.0, 1e-4),
    ("softsign", "gaussian", (20,) * 31, 1e20, 0.0, 1e-4),
]


@pytest.mark.parametrize(("name", "family", "widths", "sigma_w", "sigma_b", "allowed"), HARD)
def test_where_float32_ends_doubles_go_on(name, family, widths, sigma_w, sigma_b, allowed):
    ours = single(name, family, widths, sigma_w, sigma_b, 6)
    assert np.isfinite(ours["gradient"]).all()
    assert distance(ours, double(name, family, widths, sigma_w, sigma_b, 6)) < allowed


def test_an_activation_without_a_row_over_float32_is_evaluated_in_double():
    activation = compile_activation("tanh").for_single_kernels._replace(single_row=too_large)
    ours = run(activation, "gaussian", (2000, 1500, 2000), 1.5, 0.1, 2)
    assert distance(ours, double("tanh", "gaussian", (2000, 1500, 2000), 1.5, 0.1, 2)) < 1e-13


def test_small_signals_are_linear_to_single_precision_only():
    flags = {name: compile_activation(name).for_single_kernels[2:] for name in ("tanh", "relu", "x**3", "x+x**2")}
    assert flags == {"tanh": (True, False), "relu": (True, True), "x**3": (False, False), "x+x**2": (True, False)}
    assert not compile_activation("x+x**2").for_kernels.linear_at_zero or flags["x+x**2"][0]


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("width", [1, 3, 1023, 1025, 3000])
def test_a_sample_has_the_same_bits_in_any_chunk(family, width):
    whole = single("tanh", family, (width,) * 5, 1.5, 0.1, 6)
    part = single("tanh", family, (width,) * 5, 1.5, 0.1, 2, first=3)
    for name, values in part.items():
        assert_array_equal(values, whole[name][3:5])
        assert np.isfinite(values).all()


@pytest.mark.parametrize("segment", [1, 7])
def test_bits_do_not_depend_on_how_many_layers_are_kept(segment):
    whole = single("gelu", "orthogonal", (24,) * 22, 1.5, 0.1, 3)
    parts = single("gelu", "orthogonal", (24,) * 22, 1.5, 0.1, 3, segment=segment)
    for name, values in whole.items():
        assert_array_equal(parts[name], values)


def test_dead_networks_are_minus_infinity():
    found = single("relu", "gaussian", (3,) * 21, 2**0.5, 0.0, 2000)["gradient"][:, 0]
    assert_allclose(np.isneginf(found).mean(), 1 - (7 / 8) ** 20, atol=0.05)
    assert not np.isnan(found).any()
