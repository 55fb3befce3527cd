"""Batch normalisation over a batch: gradients against finite differences of networks that NumPy draws."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.model.architecture import Norm
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.simulate import simulate

BATCH, WIDTHS, SIGMA = 5, (4, 3, 6, 4), (1.4, 0.3)
EPS = 0.01


def normalised(h, frozen=None):
    statistics = h if frozen is None else frozen
    mean = statistics.mean(axis=-1, keepdims=True)
    return (h - mean) / np.sqrt(statistics.var(axis=-1, keepdims=True) + EPS)


def brute(samples, through_statistics=True):
    """ln of the gradients' norms at h_l and W_l, by central differences of the whole network above."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((samples, WIDTHS[0], BATCH))
    x *= np.sqrt(WIDTHS[0]) / np.linalg.norm(x, axis=1, keepdims=True)
    g = rng.standard_normal((samples, WIDTHS[-1], BATCH))
    g /= np.linalg.norm(g, axis=(1, 2), keepdims=True)
    layers, inputs, before = [], [], []
    for fan_in, fan_out in pairwise(WIDTHS):
        w = rng.standard_normal((samples, fan_out, fan_in)) * SIGMA[0] / np.sqrt(fan_in)
        b = rng.standard_normal((samples, fan_out, 1)) * SIGMA[1]
        inputs.append(x)
        before.append(w @ x + b)
        layers.append((w, b))
        x = np.tanh(normalised(before[-1]))

    def loss(k, h):
        frozen = [None if through_statistics else v for v in before]
        y = np.tanh(normalised(h, frozen[k]))
        for j in range(k + 1, len(layers)):
            y = np.tanh(normalised(layers[j][0] @ y + layers[j][1], frozen[j]))
        return np.sum(g * y, axis=(1, 2))

    result = {"log_gradient_norm": [], "log_weight_gradient_norm": [], "q": []}
    step = 1e-5
    for k, h in enumerate(before):
        delta = np.empty_like(h)
        for i in range(h.shape[1]):
            for j in range(BATCH):
                moved = np.zeros_like(h)
                moved[:, i, j] = step
                delta[:, i, j] = (loss(k, h + moved) - loss(k, h - moved)) / (2 * step)
        result["log_gradient_norm"].append(np.log(np.linalg.norm(delta, axis=(1, 2))))
        outer = delta @ inputs[k].transpose(0, 2, 1)
        result["log_weight_gradient_norm"].append(np.log(np.linalg.norm(outer, axis=(1, 2))))
        result["q"].append(np.mean(h**2, axis=(1, 2)))
    return {name: np.stack(columns, axis=1) for name, columns in result.items()}


def p_values(a, study):
    return [
        stats.ks_2samp(a[name][:, k], study[name].values[:, k], method="asymp").pvalue
        for name in a
        for k in range(len(WIDTHS) - 1)
    ]


def network(activation="tanh", weights=None, width=WIDTHS, depth=3, eps=EPS):
    return Network(activation, weights or Weights.gaussian(*SIGMA), width, depth, norm=Norm("batch", eps=eps))


def test_law_is_that_of_finite_differences_and_frozen_statistics_would_be_noticed():
    study = simulate(network(), 3000, batch=BATCH)
    assert min(p_values(brute(2000), study)) > 1e-7
    assert min(p_values(brute(2000, through_statistics=False), study)) < 1e-7


@pytest.mark.parametrize(
    "weights",
    [
        Weights.uniform(*SIGMA),
        Weights.orthogonal(*SIGMA),
        Weights.sparse(*SIGMA, density=0.5),
        Weights.low_rank(*SIGMA, rank=2, noise=0.3),
        Weights.gaussian(*SIGMA).tie(),
    ],
    ids=lambda law: law.text,
)
def test_every_law_of_weights_has_its_length(weights):
    # ‖x_0‖² = N_0, so q_1 = σ_w² + σ_b² on average.
    q = simulate(network(weights=weights, width=8), 600, batch=8).q.values[:, 0]
    assert abs(q.mean() - SIGMA[0] ** 2 - SIGMA[1] ** 2) < 5 * q.std() / np.sqrt(600)


def test_given_weights_are_used_as_they_are():
    w = [np.eye(4), 2 * np.eye(4)]
    study = simulate(network("identity", Weights.given(w), 4, 2, eps=0), 3, batch=6)
    # The second layer doubles numbers that the first brought to variance 1 over the batch.
    assert_allclose(study.q.values[:, 1], 4.0, rtol=1e-12)


def test_relu_gradients_explode_at_yangs_rate():
    # Yang et al. (2019): the squared gradient grows by π/(π − 1) per layer as width and batch grow.
    rates = []
    for size in (32, 256):
        study = simulate(network("relu", Weights.he(), size, 16, eps=0), 4, batch=size)
        rates.append(-np.diff(study.log_gradient_norm.values.mean(axis=0))[2:-2].mean())
    limit = 0.5 * np.log(np.pi / (np.pi - 1))
    assert rates[1] == pytest.approx(limit, rel=0.03)
    assert abs(rates[1] - limit) < abs(rates[0] - limit)


def test_two_inputs_pass_no_gradient():
    # n is ±1 whatever h is.
    study = simulate(network("tanh", Weights.gaussian(1.0), 6, 3, eps=0), 200, batch=2)
    assert np.isneginf(study.log_gradient_norm.values).all()


def test_bits_do_not_depend_on_workers_or_resumption(tmp_path):
    reference = simulate(network(), 7, batch=4, seed=3)
    with ThreadPoolExecutor(3) as pool:
        assert simulate(network(), 7, batch=4, seed=3, executor=pool, checkpoint=tmp_path).identical(reference)
    assert simulate(network(), 7, batch=4, seed=3, checkpoint=tmp_path).identical(reference)
    assert simulate(network(), 3, batch=4, seed=3).equals(reference.isel(sample=slice(3)))


def test_other_networks_and_batches_are_refused():
    plain = Network("tanh", Weights.gaussian(1), 4, 2)
    with pytest.raises(UnsupportedError, match="without it inputs do not meet"):
        simulate(plain, 2, batch=32)
    with pytest.raises(UnsupportedError, match="skip connections"):
        simulate(Network("tanh", Weights.gaussian(1), 4, 2, skip=1, norm="batch"), 2, batch=32)
    with pytest.raises(InputError, match=r"batch must be .* \(got 1\)"):
        simulate(network(), 2, batch=1)
