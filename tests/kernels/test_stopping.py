"""Kernels whose flag is set return at once and leave the results as they were."""

import numpy as np
import pytest

from tests.kernels.simulation import activation, layers, norms
from vgtheory.kernels.angles import angle_samples
from vgtheory.kernels.arguments import Samples
from vgtheory.kernels.assembled import Parts, assembled_samples
from vgtheory.kernels.chain import chain_samples
from vgtheory.kernels.dense import dense_samples
from vgtheory.kernels.exact import exact_samples
from vgtheory.kernels.matrices import drawn_matrices
from vgtheory.kernels.operators import GAUSSIAN_PAIR
from vgtheory.kernels.tangents import tangent_samples

TANH, LAYERS, LAW = activation("tanh"), layers((6,) * 41, 1.3), drawn_matrices("gaussian", {})
KERNELS = {
    "exact": lambda samples, out: exact_samples(TANH, False, LAYERS, samples, out),
    "in segments": lambda samples, out: exact_samples(TANH, True, LAYERS, samples, out, segment=7),
    "chain": lambda samples, out: chain_samples((1.0, 0.0), LAYERS, samples, out),
    "dense": lambda samples, out: dense_samples(TANH, LAW, LAYERS, samples, out),
    "assembled": lambda samples, out: assembled_samples(
        TANH, GAUSSIAN_PAIR, LAW, Parts(skip=True), LAYERS, samples, out, most_bytes=1
    ),
    "tangents": lambda samples, out: tangent_samples(TANH, False, LAYERS, 40, samples, 1, out.q[:, :, None]),
}


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_ends_when_it_is_told_to(name):
    whole, stopped = norms(3, 40), norms(3, 40)
    KERNELS[name](Samples(np.uint64(1), 0), whole)
    KERNELS[name](Samples(np.uint64(1), 0, np.ones(1, np.int64)), stopped)
    assert np.isfinite(whole.q[-1]).all()
    # The last sample is not begun: as it was, or zeros that sums begin with.
    assert not np.nan_to_num(stopped.q[-1]).any()
    assert np.isnan(stopped.gradient).all()


def test_angles_end_too():
    found = angle_samples(TANH, False, LAYERS, Samples(np.uint64(1), 0, np.ones(1, np.int64)), np.eye(2), 1, 2)
    whole = angle_samples(TANH, False, LAYERS, Samples(np.uint64(1), 0), np.eye(2), 1, 2)
    assert np.isfinite(whole["log_gradient"]).all()
    assert not np.array_equal(found["log_gradient"], whole["log_gradient"])
