"""Networks with skip connections, normalisation and dropout have the law of drawn matrices, multiplied out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.kernels.simulation import p_values
from tests.oracles import network_gradients
from tests.rows import ACTIVATIONS
from vgtheory.kernels.assembled import Parts, assembled_samples

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
ORDINARY = [
    (parts, family, name, widths, sigma_b)
    for parts in PARTS
    for family, name, widths, sigma_b in (
        ("gaussian", "tanh", SIX, 0.3),
        ("orthogonal", "gelu", SIXTEEN, 0.0),
    )
]
FURTHER = [
    (parts, family, name, widths, sigma_b)
    for parts in PARTS
    for family, name, widths, sigma_b in (
        ("gaussian", "gelu", SIXTEEN, 0.0),
        ("orthogonal", "tanh", SIX, 0.3),
        ("gaussian", "relu", SIX, 0.0),
        ("orthogonal", "relu", SIXTEEN, 0.3),
    )
] + [
    (parts, family, "tanh", UNEVEN, sigma_b)
    for parts in ("layer", "rms", "rms after", "dropout")
    for family, sigma_b in (("gaussian", 0.3), ("orthogonal", 0.3), ("orthogonal", 0.0))
]
# Each of the at most 25 p-values per case must exceed this: with all cases, a false alarm has probability 1e-6.
LIMIT = 1e-6 / (25 * (len(ORDINARY) + len(FURTHER)))
SIGMA_W = {"tanh": 1.3, "relu": 2**0.5, "gelu": 1.5, "identity": 1.0}


def assembled(parts, family, name, widths, sigma_w, sigma_b, samples, seed=7, first=0, segment=None, eps=0.0):
    row, _, _, at_zero, at_infinity = ACTIVATIONS[name]
    depth = len(widths) - 1
    out = [np.empty((samples, depth)) for _ in range(3)]
    scale = parts.get("skip")
    rest = {key: value for key, value in parts.items() if key != "skip"}
    assembled_samples(
        row, family == "orthogonal", Parts(scale is not None, 1.0 if scale is None else scale, eps=eps, **rest),
        np.array(widths), np.full(depth, float(sigma_w)), np.full(depth, float(sigma_b)), at_zero, at_infinity,
        np.uint64(seed), first, *out, segment=segment,
    )  # fmt: skip
    return dict(zip(("gradient", "weight", "q"), out, strict=True))


def brute(parts, family, name, widths, sigma_w, sigma_b, samples, **options):
    _, phi, slope, _, _ = ACTIVATIONS[name]
    rng = np.random.default_rng(3)
    return network_gradients(family, phi, slope, widths, sigma_w, sigma_b, samples, rng, **parts, **options)


def samples(widths):
    return (8000, 30_000) if max(widths) <= 6 else (4000, 12_000)


def assert_same_law(case):
    parts, family, name, widths, sigma_b = case
    few, many = samples(widths)
    a = brute(PARTS[parts], family, name, widths, SIGMA_W[name], sigma_b, few)
    b = assembled(PARTS[parts], family, name, widths, SIGMA_W[name], sigma_b, many)
    failed = {key: p for key, p in p_values(a, b).items() if not p > LIMIT}
    assert not failed


@pytest.mark.parametrize("case", ORDINARY)
def test_law_is_that_of_drawn_matrices(case):
    assert_same_law(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", FURTHER)
def test_law_is_that_of_drawn_matrices_in_further_shapes(case):
    assert_same_law(case)
