"""Networks with skip connections, normalisation and dropout have the law of drawn matrices, multiplied out."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

from tests.kernels.simulation import activation, layers, norms, p_values
from tests.oracles import network_gradients
from tests.rows import ACTIVATIONS
from tests.thinning import thinned
from vgtheory.kernels.arguments import Samples
from vgtheory.kernels.assembled import Parts, assembled_samples
from vgtheory.kernels.dense import DENSE_PAIR
from vgtheory.kernels.matrices import drawn_matrices
from vgtheory.kernels.normalise import KINDS, normalise, normalise_back
from vgtheory.kernels.operators import GAUSSIAN_PAIR, HAAR_PAIR

LAWS = {
    "gaussian": (GAUSSIAN_PAIR, drawn_matrices("gaussian", {})),
    "orthogonal": (HAAR_PAIR, drawn_matrices("orthogonal", {})),
    "uniform": (DENSE_PAIR, drawn_matrices("uniform", {})),
}
SIX, SIXTEEN, UNEVEN = (6,) * 6, (16,) * 5, (5, 9, 3, 12, 4)
PARTS = {
    "skip": {"skip": 0.7},
    "minus": {"skip": -0.7},
    "two": {"skip": 0.8, "second": 1.2},
    "layer": {"before": "layer"},
    "rms": {"before": "rms"},
    "layer after": {"after": "layer"},
    "rms after": {"after": "rms"},
    "dropout": {"rate": 0.2},
    "all": {"skip": 0.7, "second": 1.1, "before": "layer", "rate": 0.1},
    "all after": {"skip": 0.7, "after": "rms", "rate": 0.1},
}
SHAPES = [
    ("gaussian", "tanh", SIX, 0.3),
    ("orthogonal", "gelu", SIXTEEN, 0.0),
    ("gaussian", "gelu", SIXTEEN, 0.3),
    ("orthogonal", "tanh", SIX, 0.0),
    ("uniform", "tanh", SIXTEEN, 0.3),
]
MORE_SHAPES = [("gaussian", "relu", SIX, 0.0), ("orthogonal", "relu", SIXTEEN, 0.3), ("uniform", "relu", SIX, 0.0)]
# One shape for each kind of network, so that each shape is met; three others, and networks of uneven widths, are slow.
ORDINARY = [(parts, *SHAPES[(3 * k + 1) % 5]) for k, parts in enumerate(PARTS)]
FURTHER = [
    (parts, *shape) for k, parts in enumerate(PARTS) for shape in (SHAPES[(3 * k + 2) % 5], MORE_SHAPES[k % 3])
] + [
    (parts, family, "tanh", UNEVEN, 0.3)
    for parts, family in (
        ("layer", "gaussian"),
        ("rms", "orthogonal"),
        ("rms after", "gaussian"),
        ("dropout", "orthogonal"),
    )
]
# Each of the at most 25 p-values per case must exceed this: with all cases, a false alarm has probability 1e-6.
LIMIT = 1e-6 / (25 * (len(ORDINARY) + len(FURTHER)))
SIGMA_W = {"tanh": 1.3, "relu": 2**0.5, "gelu": 1.5, "identity": 1.0}


def assembled(parts, family, name, widths, sigma_w, sigma_b, samples, seed=7, first=0, most_bytes=2**20, eps=0.0):
    out = norms(samples, len(widths) - 1)
    scale = parts.get("skip")
    rest = {key: value for key, value in parts.items() if key != "skip"}
    assembled_samples(
        activation(name), *LAWS[family], Parts(scale is not None, 1.0 if scale is None else scale, eps=eps, **rest),
        layers(widths, sigma_w, sigma_b), Samples(np.uint64(seed), first), out, most_bytes,
    )  # fmt: skip
    return out._asdict()


def brute(parts, family, name, widths, sigma_w, sigma_b, samples, **options):
    _, phi, slope, _, _ = ACTIVATIONS[name]
    rng = np.random.default_rng(3)
    return network_gradients(family, phi, slope, widths, sigma_w, sigma_b, samples, rng, **parts, **options)


def samples(widths):
    """Enough that 2 % of σ_w cannot hide: networks of width 6 vary more."""
    return (30_000, 100_000) if max(widths) <= 6 else (8000, 30_000)


def assert_same_law(case):
    parts, family, name, widths, sigma_b = case
    few, many = samples(widths)
    a = brute(PARTS[parts], family, name, widths, SIGMA_W[name], sigma_b, few)
    b = assembled(PARTS[parts], family, name, widths, SIGMA_W[name], sigma_b, many)
    failed = {key: p for key, p in p_values(a, b).items() if not p > LIMIT}
    assert not failed


@pytest.mark.parametrize("case", thinned(((case,) for case in ORDINARY), 6))
def test_law_is_that_of_drawn_matrices(case):
    assert_same_law(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", FURTHER)
def test_law_is_that_of_drawn_matrices_in_further_shapes(case):
    assert_same_law(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", thinned(((case,) for case in ORDINARY), 6))
def test_the_comparison_notices_a_weight_scale_wrong_by_two_percent(case):
    parts, family, name, widths, sigma_b = case
    few, many = samples(widths)
    a = brute(PARTS[parts], family, name, widths, SIGMA_W[name], sigma_b, few)
    b = assembled(PARTS[parts], family, name, widths, 1.02 * SIGMA_W[name], sigma_b, many)
    assert min(p_values(a, b).values()) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        ("skip", {"skip": 0.714}),
        ("two", {"skip": 0.8, "second": 1.224}),
        ("dropout", {"rate": 0.232}),  # E mask² larger by 4 %, as with 2 % of σ_w
        ("layer", {"before": "rms"}),
        ("rms after", {"after": "layer"}),
    ],
)
def test_the_comparison_notices_a_part_that_is_a_little_off(parts, wrong):
    a = brute(PARTS[parts], "gaussian", "gelu", SIXTEEN, 1.5, 0.0, 12_000)
    b = assembled(wrong, "gaussian", "gelu", SIXTEEN, 1.5, 0.0, 40_000)
    assert min(p_values(a, b).values()) < LIMIT


def test_the_comparison_notices_a_backward_pass_with_fresh_weights():
    a = brute(PARTS["skip"], "gaussian", "tanh", SIX, 1.3, 0.0, 8000, fresh_backward=True)
    b = assembled(PARTS["skip"], "gaussian", "tanh", SIX, 1.3, 0.0, 30_000)
    assert min(p_values(a, b).values()) < LIMIT


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("family", LAWS)
def test_bits_depend_neither_on_the_chunk_nor_on_how_many_layers_are_kept(parts, family):
    widths = (24,) * 18
    whole = assembled(PARTS[parts], family, "tanh", widths, 1.5, 0.1, 5)
    part = assembled(PARTS[parts], family, "tanh", widths, 1.5, 0.1, 2, first=3, most_bytes=1)
    for name, values in part.items():
        assert_array_equal(values, whole[name][3:5])
        assert np.isfinite(values).all()


def test_a_scale_of_zero_leaves_the_signal_and_no_gradient_at_the_branches():
    result = assembled({"skip": 0.0}, "gaussian", "tanh", (16,) * 6, 1.2, 0.1, 3)
    assert np.isneginf(result["gradient"]).all()
    assert np.isneginf(result["weight"]).all()
    assert (result["q"] > 0.2).all()


@pytest.mark.parametrize("factor", [1e-70, 1e70])
def test_scales_beyond_float64_are_carried(factor):
    # φ(th) = tφ(h): with the same random numbers the first layer's σ_w only multiplies, skip connections or not.
    depth, width = 400, 12
    for parts, name in (({"skip": 0.5}, "relu"), ({"skip": 3.0, "second": 2.0}, "identity"), ({}, "relu")):
        base = assembled(parts, "gaussian", name, (width,) * (depth + 1), 1.4, 0.0, 2)
        assert (np.max(base["gradient"]) > 100) == ("skip" in parts)
        if "skip" not in parts:
            scaled = assembled(parts, "gaussian", name, (width,) * (depth + 1), 1.4 * factor, 0.0, 2)
            down = np.log(factor) * np.arange(depth - 1, -1, -1)
            assert_allclose(scaled["gradient"], base["gradient"] + down, rtol=1e-12, atol=1e-9)
    deep = assembled({"skip": 2.0}, "gaussian", "relu", (32,) * 3001, 1.4, 0.0, 2)
    assert np.isfinite(deep["gradient"]).all()
    assert deep["gradient"][:, 0].min() > 1000


def test_a_normalised_layer_forgets_the_scale_of_its_weights():
    # q grows with σ_w², gradients at h_l fall with 1/σ_w, and what reaches the layer below is the same.
    for parts in ({"before": "rms"}, {"before": "layer", "skip": 0.6}):
        one, two = (assembled(parts, "orthogonal", "gelu", (12,) * 9, s, 0.0, 3) for s in (1.0, 1e200))
        assert_allclose(two["gradient"], one["gradient"] - 200 * np.log(10), atol=1e-8)


def test_a_large_eps_is_a_smaller_slope():
    # (v − m)/√(s² + ε) → v/√ε for a linear network: every layer multiplies by σ_w/√ε.
    depth, eps = 30, 1e30
    plain = assembled({}, "gaussian", "identity", (12,) * (depth + 1), 1.0, 0.0, 3)
    for place in ("before", "after"):
        result = assembled({place: "rms"}, "gaussian", "identity", (12,) * (depth + 1), 1.0, 0.0, 3, eps=eps)
        layers = np.arange(depth, 0, -1)
        assert_allclose(result["gradient"], plain["gradient"] - 0.5 * np.log(eps) * layers, rtol=1e-10)


@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize("eps", [0.0, 0.3])
@pytest.mark.parametrize("units", [1.0, 1e-4])
def test_normalisation_and_its_gradient_agree_with_differences(kind, eps, units):
    rng = np.random.default_rng(5)
    v, b = rng.standard_normal((2, 7))

    def norm(u):
        centred = u - u.mean() if kind == "layer" else u
        return centred / np.sqrt(np.mean(centred**2) + eps)

    log_eps = np.log(eps) if eps else -np.inf
    n, log_slope, kept = normalised(v / units, KINDS[kind], np.log(units), log_eps)
    assert_allclose(n, norm(v), rtol=1e-13)
    back = normalised_back(b, v / units, KINDS[kind], kept) * np.exp(log_slope)
    steps = 1e-6 * np.eye(7)
    slopes = [(b @ norm(v + e) - b @ norm(v - e)) / 2e-6 for e in steps]
    assert_allclose(back, slopes, atol=1e-8)


@njit
def normalised(v, kind, t, log_eps):
    out = np.empty_like(v)
    log_slope, kept, _ = normalise(out, v, kind, t, log_eps, True)
    return out, log_slope, kept


@njit
def normalised_back(b, v, kind, kept):
    out = b.copy()
    normalise_back(out, v, kind, kept, np.empty_like(v))
    return out


@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize("eps", [0.0, 0.3])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, 1e200])
def test_what_float64_does_not_hold_is_no_vector_of_equal_numbers(kind, eps, bad):
    n, log_slope, _ = normalised(np.array([1.0, bad, 2.0]), KINDS[kind], 0.0, np.log(eps) if eps else -np.inf)
    assert np.isnan(n).all()
    assert np.isnan(log_slope)


@pytest.mark.parametrize(("kind", "width"), [("layer", 2), ("rms", 1), ("layer", 1)])
@pytest.mark.parametrize("spread", [1.0, 1e-4, 1e-9])
def test_what_does_not_depend_on_its_argument_passes_no_gradient(kind, width, spread):
    # n is ±1 (or 0) whatever h is, however near its numbers lie to each other.
    rng = np.random.default_rng(3)
    for v, b in zip(1 + spread * rng.standard_normal((2000, width)), rng.standard_normal((2000, width)), strict=True):
        _, _, kept = normalised(v, KINDS[kind], 0.0, -np.inf)
        assert not normalised_back(b, v, KINDS[kind], kept).any()


@pytest.mark.parametrize("eps", [1e-5, 1e-14, 1e-25])
def test_with_eps_two_numbers_pass_what_the_formula_says(eps):
    # n = ±g/√(g² + eps), g = (v₁ − v₂)/2, with slope eps/(g² + eps)^{3/2}/2 against v₁: no digits are lost to g.
    v, b = np.array([3.0, 3.0 + 2**-20]), np.array([0.3, -1.2])
    gap = -(2.0**-21)
    _, log_slope, kept = normalised(v, KINDS["layer"], 0.0, np.log(eps))
    slope = (b[0] - b[1]) / 2 * eps / (gap**2 + eps) ** 1.5
    assert_allclose(normalised_back(b, v, KINDS["layer"], kept) * np.exp(log_slope), [slope, -slope], rtol=1e-12)


@pytest.mark.parametrize("place", ["before", "after"])
def test_layer_norm_of_two_units_passes_no_gradient(place):
    result = assembled({place: "layer"}, "gaussian", "tanh", (2,) * 4, 1.3, 0.3, 4000)
    assert np.isneginf(result["gradient"]).all()
