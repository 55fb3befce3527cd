"""Plain simulation with the matrices themselves: O(N²) work per layer.

For weights that are not rotation-invariant, and as an independent path for those that are.
"""

from vgtheory.kernels.arguments import Activation, Layers, Norms, Place, Samples
from vgtheory.kernels.assembled import PLAIN, Parts, assembled_samples
from vgtheory.kernels.matrices import GIVEN, MatrixDistribution, multiply, multiply_transposed
from vgtheory.kernels.operators import backward, forward
from vgtheory.kernels.signals import BIAS, accumulate, scaled


@forward
def dense_forward(h, x, gain, bias, law, start, bias_start, key, sample, layer, purpose, work):
    """Set h = gain·Ωx + bias·b."""
    kind, draw, entries, data, bias_entries, biases = law
    multiply((kind, draw, entries, data), h, x, Place(key, sample, layer), start, work)
    scaled(h, h, gain)
    if bias > 0.0:
        if kind == GIVEN:
            accumulate(h, biases[bias_start : bias_start + h.size], bias)
        else:
            bias_entries(work[0, : h.size], biases, key, sample, layer, BIAS)
            accumulate(h, work[0, : h.size], bias)


@backward
def dense_backward(g, delta, h, x, gain, bias, law, start, bias_start, key, sample, layer, purpose, work):
    """Set g = Ωᵀδ."""
    kind, draw, entries, data, _, _ = law
    multiply_transposed((kind, draw, entries, data), g, delta, Place(key, sample, layer), start, work)


DENSE_PAIR = (dense_forward, dense_backward)
MEMORY = 2**27  # bytes of kept vectors per worker: to run the network forward twice costs half as much again


def dense_samples(
    activation: Activation,
    law: MatrixDistribution,
    layers: Layers,
    samples: Samples,
    norms: Norms,
    parts: Parts = PLAIN,
) -> None:
    """Fill row i of the norms with sample number i of these; arguments as in ``assembled_samples``.

    Of given matrices sigma_w and sigma_b are the root mean squares that their entries say,
    σ_w² = N_{l−1}·mean (W_l)_ij².
    """
    assembled_samples(activation, DENSE_PAIR, law, parts, layers, samples, norms, most_bytes=MEMORY)
