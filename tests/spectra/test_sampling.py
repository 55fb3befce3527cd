"""Sampled Jacobian spectra: small singular values against 1200-digit arithmetic, and the network they belong to."""

import mpmath as mp
import numpy as np
import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.spectra.graded_product import GradedProduct, triangular_product
from vgtheory.spectra.sampling import draw_weights, sampling_cost
from vgtheory.study.sample import sample

LAWS = {
    "gaussian": vg.Weights.gaussian(1),
    "uniform": vg.Weights.uniform(1),
    "orthogonal": vg.Weights.orthogonal(1),
    "rademacher": vg.Weights.rademacher(1),
    "truncated_normal": vg.Weights.truncated_normal(1),
    "sparse": vg.Weights.sparse(1, density=0.5),
    "low_rank": vg.Weights.low_rank(1, rank=60, noise=0.5),
}


def by_high_precision(matrices, log_slopes, digits):
    with mp.workdps(digits):
        product = mp.eye(matrices[0].shape[1])
        for w, logs in zip(matrices, log_slopes, strict=True):
            product = mp.matrix(w.tolist()) * product
            for i in range(product.rows):
                scale = mp.exp(mp.mpf(float(logs[i]))) if np.isfinite(logs[i]) else mp.mpf(0)
                for j in range(product.cols):
                    product[i, j] *= scale
        values = sorted(mp.eigsy(product * product.T, eigvals_only=True), reverse=True)
        floor = values[0] * mp.mpf(10) ** (-0.9 * digits)
        return np.array([float(mp.log(v) / 2) if v > floor else -np.inf for v in values])


@pytest.mark.parametrize(
    ("n", "depth", "family", "kind"),
    thinned(
        [
            (8, 64, "gaussian", "linear"),
            (12, 100, "orthogonal", "tanh"),
            (10, 64, "gaussian", "mask"),
            (8, 100, "gaussian", "saturated"),
            (6, 20, "gaussian", "huge"),
        ],
        2,
    ),
)
def test_small_singular_values_keep_their_digits(n, depth, family, kind):
    """Ranges of 30 to 600 in ln s, up to far beyond what the SVD of the product can resolve."""
    rng = np.random.default_rng(1)
    matrices = [draw_weights(LAWS[family], 1.0, n, n, rng) for _ in range(depth)]
    h = rng.normal(size=(depth, n))
    log_slopes = {
        "linear": np.zeros((depth, n)),
        "tanh": 2 * (np.log(2) - np.abs(h) - np.log1p(np.exp(-2 * np.abs(h)))),
        "mask": np.where(h < 1.3, 0.0, -np.inf),
        "saturated": -6 * np.abs(h),
        "huge": np.zeros((depth, n)),
    }[kind]
    if kind == "huge":  # the square of its size is no double
        matrices = [1e100 * w for w in matrices]
    product = GradedProduct(n)
    for w, logs in zip(matrices, log_slopes, strict=True):
        product.multiply(w, logs)
    got, want = product.log_singular_values(n), by_high_precision(matrices, log_slopes, 1200)
    assert np.array_equal(np.isfinite(got), np.isfinite(want))
    finite = np.isfinite(want)
    assert np.abs(got[finite] - want[finite]).max() < 1e-11
    assert np.ptp(want[finite]) > 30


def test_product_and_its_transpose_agree_at_a_useful_width():
    rng = np.random.default_rng(5)
    n, depth = 100, 40
    matrices = [draw_weights(LAWS["gaussian"], 1.5, n, n, rng) for _ in range(depth)]
    forward, backward = GradedProduct(n), GradedProduct(n)
    for w in matrices:
        forward.multiply(w, np.zeros(n))
    for w in reversed(matrices):
        backward.multiply(w.T, np.zeros(n))
    a, b = forward.log_singular_values(n), backward.log_singular_values(n)
    assert np.ptp(a) > 100
    assert np.abs(a - b).max() < 1e-10


def test_shallow_network_agrees_with_the_svd_of_a_finite_difference():
    net = vg.Network("tanh", vg.Weights.gaussian(1.3, 0.2), width=(5, 7, 4), depth=2)
    data = sample(net, seed=9)
    # The same stream, written out: input, then weights and biases layer by layer.
    rng = np.random.Generator(np.random.Philox(key=[9, 0]))
    x0 = rng.standard_normal(5)
    x0 *= np.sqrt(5) / np.linalg.norm(x0)
    layers = []
    for fan_in, fan_out in ((5, 7), (7, 4)):
        w = rng.standard_normal((fan_out, fan_in)) * 1.3 / np.sqrt(fan_in)
        layers.append((w, rng.standard_normal(fan_out) * 0.2))

    def run(x):
        for w, b in layers:
            x = np.tanh(w @ x + b)
        return x

    step = 1e-6
    jacobian = np.stack([(run(x0 + step * e) - run(x0 - step * e)) / (2 * step) for e in np.eye(5)], axis=1)
    want = np.log(np.linalg.svd(jacobian, compute_uv=False))
    assert data.log_singular_value.shape == (1, 4)
    assert np.abs(data.log_singular_value.values[0] - want).max() < 1e-7
    assert data.q.values[0, 0] == pytest.approx(np.mean((layers[0][0] @ x0 + layers[0][1]) ** 2))


def test_rank_is_exact_for_relu():
    data = sample(vg.Network("relu", vg.Weights.he(), width=60, depth=6), samples=2, seed=1)
    dead = np.isneginf(data.log_singular_value.values)
    assert (dead.sum(axis=1) >= 20).all()
    assert (data.log_singular_value.values[~dead] > -40).all()


def test_samples_are_reproducible_and_extendable():
    net = vg.Network("tanh", vg.Weights.orthogonal(1.1, 0.1), width=12, depth=4)
    few, many = sample(net, samples=2, seed=7), sample(net, samples=3, seed=7)
    assert np.array_equal(few.log_singular_value, many.log_singular_value[:2])
    assert not np.array_equal(few.log_singular_value, sample(net, samples=2, seed=8).log_singular_value)


# n times the variance of the mean of n squares, where it exceeds that of normal entries (low rank: correlated ones).
SPREAD = {"sparse": 5, "low_rank": 400}


@pytest.mark.parametrize(
    ("family", "shape"),
    [
        ("gaussian", (300, 200)),
        ("uniform", (300, 200)),
        ("orthogonal", (200, 300)),
        ("rademacher", (300, 200)),
        ("truncated_normal", (300, 200)),
        ("sparse", (300, 200)),
        ("low_rank", (300, 200)),
    ],
)
def test_weights_have_the_declared_variance(family, shape):
    """Six standard errors of a mean of 60 000 squares (kurtosis at most 6, or rank 60): false alarms 2e-9."""
    w = draw_weights(LAWS[family], 1.4, *shape, np.random.default_rng(2))
    assert np.mean(w**2) * shape[1] / 1.4**2 == pytest.approx(1.0, abs=6 * np.sqrt(SPREAD.get(family, 2) / w.size))
    if family == "orthogonal":
        gram = w @ w.T / (w @ w.T)[0, 0]
        assert np.abs(gram - np.eye(200)).max() < 1e-12


def test_refusals():
    net = vg.Network("tanh", vg.Weights.gaussian(1.5), width=20_000, depth=10)
    assert not sampling_cost(net).feasible
    with pytest.raises(UnsupportedError, match="4096"):
        sample(net)
    small = vg.Network("tanh", vg.Weights.gaussian(1.5), width=4, depth=2)
    with pytest.raises(InputError, match=r"samples must be .* \(got 0\)"):
        sample(small, samples=0)
    with pytest.raises(InputError, match=r"seed must be .* \(got \-1\)"):
        sample(small, seed=-1)


@pytest.mark.parametrize("of", ["singular values", "eigenvalues"])
@pytest.mark.parametrize("parts", [{}, {"skip": 0.1}, {"skip": 1e60}])
def test_sizes_beyond_doubles_are_sampled_or_refused_without_a_warning(of, parts):
    refused = []
    for activation in ("relu", "tanh", "x**3"):
        for sigmas in ((1e60, 0), (1e60, 1e60), (1e-60, 1e60)):
            network = vg.Network(activation, vg.Weights.gaussian(*sigmas), width=6, depth=4, **parts)
            try:
                assert np.isfinite(vg.sample(network, of=of, samples=1).to_array()).any()
            except UnsupportedError as error:
                refused.append(str(error))
    assert 0 < len(refused) < 9
    assert all("the pre-activations overflow at layer" in message for message in refused)


def test_triangular_products_are_products():
    rng = np.random.default_rng(3)
    for r, k, n in ((300, 300, 300), (200, 290, 310), (7, 9, 12), (129, 257, 300)):
        a, b = rng.normal(size=(r, k)), np.triu(rng.normal(size=(k, n)))
        np.testing.assert_allclose(triangular_product(a, b), np.triu(a) @ b, rtol=1e-12, atol=1e-12)
        for span in (1.0, 900.0, 3000.0):  # beyond the last a double cannot hold the scales one by one
            g = span * (np.linspace(1.0, 0.0, k) + 0.01 * rng.random(k))
            f = np.maximum.accumulate(g[::-1])[::-1][:r]
            scaled = np.triu(a) * np.exp(np.minimum(g - f[:, None], 0.0))
            np.testing.assert_allclose(triangular_product(a, b, (f, g)), scaled @ b, rtol=1e-11, atol=1e-12)


def test_given_and_recurrent_networks_are_the_ones_that_are_multiplied():
    rng = np.random.default_rng(4)
    matrices = [rng.normal(size=(5, 6)), rng.normal(size=(4, 5))]
    net = vg.Network("identity", vg.Weights.given(matrices), width=(6, 5, 4), depth=2)
    got = sample(net).log_singular_value.values[0]
    want = np.log(np.linalg.svd(matrices[1] @ matrices[0], compute_uv=False))
    np.testing.assert_allclose(got, want, rtol=1e-11)
    tied = vg.Network("identity", vg.Weights.orthogonal(1).tie(), width=6, depth=9)
    np.testing.assert_allclose(sample(tied).log_singular_value.values, 0.0, atol=1e-12)
    # One matrix to the power L: the sum of ln s is L ln|det W|, a multiple of L = 3 times that of depth 1.
    one, three = (
        sample(vg.Network("identity", vg.Weights.gaussian(1).tie(), width=6, depth=depth), seed=2) for depth in (1, 3)
    )
    np.testing.assert_allclose(three.log_singular_value.sum(), 3 * one.log_singular_value.sum(), rtol=1e-11)
