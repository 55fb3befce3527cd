"""What a pass through a network leaves: norms by layer, of the streams that go on and of pre-activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgtheory.kernels.arguments import RUNNING, Norms
from vgtheory.kernels.streams import gradient_sizes, largest_log_norms, mean_cosines, mean_squares, outer_squares
from vgtheory.study.programs.mixes import entropies
from vgtheory.study.programs.numbers import Array, Batch, Layer, Machine, Streams
from vgtheory.study.programs.passes import there_and_back
from vgtheory.study.programs.vectors import vector_program

PRE_ACTIVATION = "h"  # the stream that a network of layers calls h_l


def streams_and_gradients(
    machine: Machine, key: int, first: int, samples: int, stop: NDArray[np.int64] = RUNNING
) -> dict[str, Array]:
    """Return what a batch of samples shows of its streams, their gradients and the matrices' gradients.

    Arrays by name: ``square S`` and ``gradient S`` for every stream S that goes from layer to layer, its mean square
    and ln of its gradient's norm, (sample, layer 0..L); ``share S``, the share of its components that carry the
    gradient, (Σg²)²/(n Σg⁴); ``weights``, ln of the norm of the gradient at the layer's matrices, (sample, layer 1..L);
    those of ``columns_shown``, (sample, layer 0..L).  Where tokens attend, ``tokens`` (sample, layer 0..L, token), ln
    of the norm of each one's part of the gradient.
    Once ``stop[0]`` is not 0 the work ends, with arrays that are not whole.
    """
    vectors = vector_program(machine)
    if vectors is not None:
        found = vectors.run(key, first, samples, stop)
        names = enumerate(machine.block.carried)
        by_stream = {
            f"{what} {name}": found[what][:, k] for k, name in names for what in ("square", "gradient", "share")
        }
        return by_stream | {"weights": found["weights"]}
    notes = OfStreams(machine, samples)
    there_and_back(Batch(machine, key, first, samples), notes, stop)
    return notes.found


def norms_of_layers(machine: Machine, key: int, first: int, norms: Norms, stop: NDArray[np.int64] = RUNNING) -> None:
    """Fill the norms of a network whose layers have the pre-activations h, from sample number `first` on."""
    together = machine.samples_in_cache
    for start in range(0, len(norms.q), together):
        part = Norms(*(array[start : start + together] for array in norms))
        there_and_back(Batch(machine, key, first + start, len(part.q)), OfLayers(part), stop)


def columns_shown(machine: Machine) -> tuple[str, ...]:
    """Return what is shown of columns side by side: ``cosine``, the mean over their pairs in the first stream, and of
    attention inside a layer 1..L the ``entropy`` and the ``spread`` of its scores.
    """
    attends = bool(machine.block.mixes("attention"))
    return (("cosine",) if machine.columns > 1 else ()) + (("entropy", "spread") if attends else ())


class OfStreams:
    """Sizes of streams and of their gradients; see ``streams_and_gradients``."""

    def __init__(self, machine: Machine, samples: int) -> None:
        self.block = machine.block
        shape, names = (samples, machine.depth + 1), machine.block.carried
        self.found = {f"{what} {name}": np.empty(shape) for what in ("square", "gradient", "share") for name in names}
        self.found |= {name: np.full(shape, np.nan) for name in columns_shown(machine)}
        self.found["weights"] = np.empty((samples, machine.depth))
        if self.block.mixes("attention"):
            self.found["tokens"] = np.empty((*shape, machine.columns))

    def before(self, layer: int, state: Streams, unit: Array) -> None:
        """Note mean squares."""
        for name, x in state.items():
            self.found[f"square {name}"][:, layer] = _by_sample(mean_squares, x) * np.exp(2.0 * unit)
        if "cosine" in self.found:
            self.found["cosine"][:, layer] = _by_sample(mean_cosines, next(iter(state.values())))

    def up(self, layer: Layer) -> None:
        """Note the entropy of attention and the spread of its scores."""
        if "entropy" in self.found:
            attended = self.block.mixes("attention")
            left = [layer.left[at] for at, step in enumerate(self.block.steps) if step in attended]
            self.found["entropy"][:, layer.index] = np.mean([entropies(weights) for weights, _ in left], axis=0)
            self.found["spread"][:, layer.index] = np.mean([spread for _, spread in left], axis=0)

    def down(self, layer: Layer, gradients: Streams, unit: Array) -> None:
        """Note the gradient at all matrices of the layer together."""
        self.found["weights"][:, layer.index - 1] = unit + log_matrix_gradient(layer, len(unit))

    def after(self, layer: int, gradients: Streams, unit: Array) -> None:
        """Note gradients."""
        if "tokens" in self.found:
            (g,) = gradients.values()
            with np.errstate(divide="ignore"):
                self.found["tokens"][:, layer] = unit[:, None] + 0.5 * np.log(np.einsum("scn,scn->sc", g, g))
        for name in self.block.carried:
            norms, shares = np.full(len(unit), -np.inf), np.full(len(unit), np.nan)
            if name in gradients:
                gradient_sizes(np.ascontiguousarray(gradients[name]), norms, shares)
            self.found[f"gradient {name}"][:, layer] = unit + norms
            self.found[f"share {name}"][:, layer] = shares


@dataclass(frozen=True)
class OfLayers:
    """Norms of a network of layers."""

    norms: Norms

    def before(self, layer: int, state: Streams, unit: Array) -> None:
        """Note nothing."""

    def up(self, layer: Layer) -> None:
        """Note q_l."""
        self.norms.q[:, layer.index - 1] = _by_sample(mean_squares, layer.streams[PRE_ACTIVATION]) * np.exp(
            2.0 * layer.unit
        )

    def down(self, layer: Layer, gradients: Streams, unit: Array) -> None:
        """Note ln‖∂ℓ/∂h_l‖ and ln‖∂ℓ/∂W_l‖."""
        k = layer.index - 1
        norms = np.full(len(unit), -np.inf)
        largest_log_norms(np.ascontiguousarray(gradients[PRE_ACTIVATION]), norms)
        self.norms.gradient[:, k] = unit + norms
        self.norms.weight[:, k] = unit + log_matrix_gradient(layer, len(unit))

    def after(self, layer: int, gradients: Streams, unit: Array) -> None:
        """Note nothing."""


def _by_sample(measure: Callable[[Array, Array], None], x: Array) -> Array:
    """Return a number for every sample of a stream."""
    out = np.empty(len(x))
    measure(np.ascontiguousarray(x), out)
    return out


def log_matrix_gradient(layer: Layer, samples: int) -> Array:
    """Return ln of the norm of the gradient at all matrices of a layer together."""
    total = np.zeros(samples)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        for pairs in layer.asked.values():
            x, delta = pairs[0]
            if len(pairs) > 1:
                x, delta = (np.concatenate([pair[k] for pair in pairs], axis=1) for k in (0, 1))
            total += _outer_squares(x, delta)
        return layer.unit + 0.5 * np.log(total)


def _outer_squares(x: Array, delta: Array) -> Array:
    """Return ‖Σ_c δ_c x_cᵀ‖_F² by sample, by way of the smaller of the matrix and the columns' products."""
    if x.shape[1] > min(x.shape[2], delta.shape[2]):
        whole = delta.swapaxes(1, 2) @ x
        return np.einsum("soi,soi->s", whole, whole)
    out = np.empty(len(x))
    outer_squares(np.ascontiguousarray(x), np.ascontiguousarray(delta), out)
    return out
