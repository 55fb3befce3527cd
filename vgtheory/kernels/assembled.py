"""Networks with skip connections, normalisation and dropout as programs, O(N) per layer beside the matrices' work.

x_l = x_{l−1} + a W'_l D_l norm(φ(norm(h_l))), h_l = W_l x_{l−1} + b_l, each part where the network has it.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from vgtheory.kernels.arguments import Activation, Layers, Norms, Samples
from vgtheory.kernels.instructions import ADD, ASK, ASKED, ASKED_HAAR, DROP, MULTIPLIED, NORM, PASS
from vgtheory.kernels.matrices import MatrixDistribution
from vgtheory.kernels.normalise import KINDS
from vgtheory.kernels.operators import GAUSSIAN_PAIR, HAAR_PAIR
from vgtheory.kernels.program import Code, Scales, program_samples, results
from vgtheory.kernels.signals import MATRIX, SECOND, SIGNAL
from vgtheory.kernels.tables import Tables, tables
from vgtheory.kernels.way_there import Step


@dataclass(frozen=True)
class Parts:
    """What a network has besides matrices and activation.

    Parameters
    ----------
    skip : whether x_{l−1} is added to the branch.
    scale : a, the branch's factor; used with `skip`.
    second : σ_w of W'_l, None without it.
    before, after : "layer", "rms" or "", normalisation before and after the activation.
    eps : of the normalisation.
    rate : of dropout.
    """

    skip: bool = False
    scale: float = 1.0
    second: float | None = None
    before: str = ""
    after: str = ""
    eps: float = 0.0
    rate: float = 0.0


PLAIN = Parts()


@lru_cache(maxsize=64)
def program_of(parts: Parts, kind: int) -> Tables:
    """Return the program of a layer whose matrix is of this kind; the pre-activations h are watched."""
    steps, last = [Step(ASK, ("h",), ("x",), 0, watched=0)], "h"
    log_eps = math.log(parts.eps) if parts.eps > 0 else -math.inf

    def add(operation: int, out: tuple[str, ...], item: int = 0, number: float = 0.0) -> None:
        nonlocal last
        steps.append(Step(operation, out, (last,), item, numbers=(number, 0.0)))
        last = out[0]

    if parts.before:
        add(NORM, ("n",), KINDS[parts.before], log_eps)
    add(PASS, ("v", "slope"))
    if parts.after:
        add(NORM, ("m",), KINDS[parts.after], log_eps)
    if parts.rate > 0.0:
        add(DROP, ("d",), 0, parts.rate)
    if parts.second is not None:
        add(ASK, ("w",), 1)
    if parts.skip:
        steps.append(Step(ADD, ("y",), ("x", last), numbers=(1.0, parts.scale)))
        last = "y"
    matrices = [(kind, MATRIX, True), (ASKED, SECOND, False)][: 1 if parts.second is None else 2]
    return tables(steps, (("x", last),), {}, matrices, watched=False)


def assembled_samples(
    activation: Activation,
    operators: tuple[Any, Any],
    law: MatrixDistribution,
    parts: Parts,
    layers: Layers,
    samples: Samples,
    norms: Norms,
    most_bytes: int | None = None,
) -> None:
    """Fill row i of the norms with sample number i of these.

    The input x_0 is uniform on the sphere ‖x_0‖² = N_0.  `operators` are a pair of ``FORWARD`` and ``BACKWARD`` for
    this law: ``GAUSSIAN_PAIR`` and ``HAAR_PAIR`` draw no matrix.  `most_bytes` is about what kept vectors may
    take; the numbers do not depend on it.
    """
    widths, depth = layers.widths, len(layers.sigma_w)
    places = np.zeros((1 if parts.second is None else 2, depth, 3), np.int64)
    places[:, :, 0] = np.arange(1, depth + 1)
    if law.tied:
        places[0, :, 0] = 1
    places[0, 1:, 1], places[0, 1:, 2] = np.cumsum(widths[:-2] * widths[1:-1]), np.cumsum(widths[1:-1])
    sigma_w, sigma_b = layers.sigma_w[None], layers.sigma_b[None]
    if parts.second is not None:
        sigma_w = np.concatenate([sigma_w, np.full((1, depth), parts.second)])
        sigma_b = np.concatenate([sigma_b, np.zeros((1, depth))])
    kind = {id(GAUSSIAN_PAIR): ASKED, id(HAAR_PAIR): ASKED_HAAR}.get(id(operators), MULTIPLIED)
    found = results(len(norms.q), 1, depth)
    program_samples(
        program_of(parts, kind), Code((activation,), (), operators, law), Scales(widths, sigma_w, sigma_b, places),
        (SIGNAL, 0, SIGNAL, depth + 1), samples, found, most_bytes,
    )  # fmt: skip
    for filled, array in ((norms.q, found.squares), (norms.gradient, found.gradients)):
        filled[:] = array[:, 0, 1:]
    norms.weight[:] = found.weights
