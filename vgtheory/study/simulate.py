"""`simulate`: per-layer gradient norms of random networks, sampled exactly in distribution."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, get_args

import xarray as xr

from vgtheory._errors import InputError
from vgtheory.model.capabilities import require, works
from vgtheory.model.inputs import Inputs, check_inputs, to_inputs
from vgtheory.model.network import BlockNetwork, Network, need_network
from vgtheory.model.sizes import whole_number
from vgtheory.random_matrices.arguments import choice
from vgtheory.study.angles import MAX_GRADIENTS, several_inputs
from vgtheory.study.batch import batch_of_inputs
from vgtheory.study.engine import Progress, worker_pool
from vgtheory.study.experiment import Conditions
from vgtheory.study.norms import Method, Precision, check_method, one_input, verb_of
from vgtheory.study.prepared import prepare
from vgtheory.study.programs.streams import streams_of
from vgtheory.study.stopping import half_width_of, outcome, to_half_width


def simulate(
    network: Network | Sequence[Network],
    samples: int,
    seed: int = 0,
    method: Method = "auto",
    inputs: int | Inputs = 1,
    outputs: int = 1,
    batch: int | None = None,
    half_width: float | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    *,
    precision: Precision = "double",
) -> xr.Dataset:
    """Return per-layer gradient norms of `samples` random networks, as a Dataset over (sample, layer), layer = 1..L.

    ``log_gradient_norm`` = ln‖∂ℓ/∂h_l‖₂, ``log_weight_gradient_norm`` = ln‖∂ℓ/∂W_l‖_F and ``q`` = ‖h_l‖²/N_l, for a
    loss whose gradient at x_L is uniform on the unit sphere and an input uniform on the sphere ‖x_0‖² = N_0.  −inf is a
    network whose gradient is zero (with ReLU: all units of a layer off).  Of tied weights ∂ℓ/∂W_l is layer l's
    share.  Orthogonal layers that are not square have orthonormal rows or columns, times the scale that gives their
    entries variance σ_w²/N_{l−1}.  Skip connections, normalisation and dropout act as ``Network`` says; every sample
    draws its own dropout.

    *Several inputs or outputs.*  The inputs have ‖x_0‖² = N_0 and the given cosines; outputs are f_o(x) = g_o·x_L(x)
    with g_1, ..., g_m orthonormal and uniform.  Further dimensions: ``input`` and ``output``, and for pairs
    ``other_input`` and ``other_output``; further variables: ``correlation`` of h_l, the finite-width correlation map,
    ``gradient_cosine``, and ``ntk`` = ⟨∂f_o(x)/∂W_l, ∂f_o'(x')/∂W_l⟩, whose sum over layers is the empirical neural
    tangent kernel of the weights (Jacot et al. (2018)), in these parameters.  Angles with a vector of zeros are NaN.

    *A batch.*  Networks with ``norm="batch"`` take `batch` independent inputs at once; norms are over the whole batch,
    ``q`` = ‖h_l‖²/(N_l·batch), and gradients pass through the batch's mean and variance (Ioffe & Szegedy (2015)), which
    makes them explode at any depth (Yang et al. (2019)).

    *Blocks.*  Over (sample, layer, stream), layer = 0..L, 0 the start: ``log_stream_gradient_norm`` = ln‖∂ℓ/∂s‖ of
    every stream s that goes from layer to layer, the others held fixed (of an LSTM's c_t what flows on through c_{t+1},
    not what c_t does to h_t); ``stream_square``, the mean of its squared components; ``gradient_share``, the share of
    components that carry the gradient.

    *Several networks* of one depth, of layers or of blocks, are the dimension ``network``, with the names of their
    activations or blocks.

    Parameters
    ----------
    network : the network, or a sequence of networks of equal depth; widths, depth and scales must be numbers.
    samples : number of independent networks, 1 to 10⁷.  The first 8 of 64 samples are the 8 samples of a run with 8.
    seed : 0 to 2⁶⁴ − 1.  Results depend on it and on nothing else: not on workers, chunks or resumption.
    method : "exact" draws no matrices, O(N) per layer, and needs rotation-invariant weights (gaussian, orthogonal) with
        normal biases; of tied weights, without further parts, it remembers what they were asked, O(NL) per layer;
        "chain" draws a few numbers per layer at any width, and needs gaussian weights, not tied, no bias, no further
        parts and φ(th) = tφ(h) (ReLU, leaky ReLU, |h|); "dense" multiplies matrices, O(N²) per layer; "auto" takes the
        fastest that holds.  All sample the same distribution, with different random numbers.
    inputs : k orthogonal inputs, or ``vg.Inputs(correlation=...)``; k times `outputs` is at most 128.
    outputs : m, at most N_L.  Several inputs or outputs need "exact", a plain network and σ_w > 0.
    batch : inputs of a network with batch normalisation, 2 to 4096.  With two of them and eps = 0 no gradient passes.
    half_width : end as soon as half the 95 % interval of the mean of ``log_gradient_norm`` at layer 1 is at most this;
        `samples` is then the most that may be taken.  Of blocks: of the first stream at layer 0.
    executor : any ``concurrent.futures.Executor``; by default threads, one per core.
    checkpoint : a directory for finished parts; a later call with the same arguments continues from it.
    progress : called as ``progress(samples done, samples)``; with `half_width`, samples until it is looked at next.
    precision : "double" (float64), or "single": normals and activations in float32, sums, norms and recursions in
        float64, by the exact method of layers without further parts, about twice as fast and with other random numbers.
        Layers that float32 cannot hold, or whose activation has no sound float32 form here, are summed in float64 from
        the same normals.
        Rounding moves logarithms of norms by about 1e-5 at depth 1000.  The attribute ``precision`` says which ran.

    Raises
    ------
    InputError : a value outside what is accepted, or results or work beyond what this machine can do.
    UnsupportedError : a method, inputs or a batch for a network where they do not hold, or a signal, or slopes, that
        leave the range of float64.
    ConflictError : the checkpoint directory belongs to another study.
    StudyInterrupted : Ctrl-C, a KeyboardInterrupt whose message says how to go on.

    Examples
    --------
    >>> from vgtheory import Inputs, Network, Weights
    >>> network = Network("tanh", Weights.gaussian(1.5), width=64, depth=10)
    >>> dict(simulate(network, samples=4, seed=1).sizes)
    {'sample': 4, 'layer': 10}
    >>> dict(simulate(network, samples=4, inputs=Inputs(correlation=0.6)).correlation.sizes)
    {'sample': 4, 'layer': 10, 'input': 2, 'other_input': 2}
    >>> dict(simulate([network, Network("relu", Weights.he(), width=64, depth=10)], samples=4).sizes)
    {'network': 2, 'sample': 4, 'layer': 10}
    """
    question = Question.of(method, inputs, outputs, batch, precision)
    conditions = Conditions.of(
        samples, seed, executor=executor, checkpoint=checkpoint, progress=progress, half_width=to_half_width(half_width)
    )
    if isinstance(network, Sequence) and not isinstance(network, str):
        return _several_networks(tuple(network), question, conditions)
    return samples_of(network, question, conditions)


@dataclass(frozen=True)
class Question:
    """What is asked of each network: the arguments of ``simulate`` that choose the experiment, checked."""

    method: Method
    inputs: Inputs
    outputs: int
    batch: Any
    precision: Precision = "double"

    @classmethod
    def of(cls, method: Any, inputs: Any, outputs: Any, batch: Any, precision: Any = "double") -> Question:
        """Return the question; raise InputError for what it cannot be, or for what excludes each other."""
        check_method(method)
        precision = choice("precision", precision, get_args(Precision))
        given, single = to_inputs(inputs), 'precision="single"'
        outputs = whole_number("outputs", outputs, 1, MAX_GRADIENTS, "1")
        question = cls(method, given, outputs, batch, precision)
        for here, argument, other in (
            (batch is not None and question.several, "batch", "inputs or outputs"),
            (batch is not None and method not in ("auto", "dense"), "batch", f'method="{method}"'),
            (question.several and method not in ("auto", "exact"), "several inputs or outputs", f'method="{method}"'),
            (question.single and batch is not None, single, "batch"),
            (question.single and question.several, single, "several inputs or outputs"),
            (question.single and method not in ("auto", "exact"), single, f'method="{method}"'),
        ):
            if here:
                raise InputError(f"{argument} together with {other}", "one of them", "leave one of them out")
        return question

    @property
    def verb(self) -> str:
        """Return what is asked, as the table of capabilities calls it."""
        if self.batch is not None:
            return "simulate (batch)"
        if self.single:
            return "simulate (single)"
        if self.several:
            return "simulate (inputs)"
        return verb_of(self.method)

    @property
    def single(self) -> bool:
        """Return whether float32 arithmetic is asked for."""
        return self.precision == "single"

    @property
    def several(self) -> bool:
        """Return whether there are several inputs or outputs, or a matrix of cosines."""
        return self.inputs.correlation is not None or self.outputs > 1


def samples_of(network: Network, question: Question, conditions: Conditions) -> xr.Dataset:
    """Return what ``simulate`` returns of one network; raise its errors."""
    require(network, question.verb)
    check_inputs(question.inputs, isinstance(network, BlockNetwork) and network.block.recurrent, int(network.depth))
    found = _sampled(network, question, conditions).assign_attrs(precision=question.precision)
    if conditions.half_width is None:
        return found
    watched = found["log_stream_gradient_norm"].isel(stream=0) if "stream" in found.dims else found["log_gradient_norm"]
    first = watched.isel(layer=0)
    reached = half_width_of(first.values.reshape(first.sizes["sample"], -1))
    where = f"{watched.name} at layer {int(first.layer)}"
    return found.assign_attrs(half_width=outcome(reached, conditions.half_width, where))


def batch_of(network: Network) -> int | None:
    """Return how many inputs a simulation that nobody asks for a batch takes together: 32 of batch norm, else None."""
    return 32 if works(network, "simulate (batch)") else None


def _sampled(network: Network, question: Question, conditions: Conditions) -> xr.Dataset:
    """Return the samples of what is asked."""
    if isinstance(network, BlockNetwork):
        return streams_of(network, question.method, question.inputs, conditions, question.batch)
    prepared = prepare(network)
    if question.batch is not None:
        return batch_of_inputs(prepared, question.batch, conditions)
    if question.several:
        return several_inputs(prepared, question.inputs, question.outputs, conditions)
    return one_input(prepared, question.method, conditions, question.single)


def _several_networks(networks: tuple[Any, ...], question: Question, conditions: Conditions) -> xr.Dataset:
    need_one_depth(networks)
    if conditions.half_width is not None:
        raise InputError(
            "half_width together with several networks",
            "one of them",
            "simulate them one after another: each ends at its own number of samples",
        )
    with worker_pool(conditions.executor) as pool:
        found = [
            samples_of(network, question, conditions.part(k, len(networks), pool, network.spec_json))
            for k, network in enumerate(networks)
        ]
    names = xr.DataArray(distinct_names(networks), dims="network")
    methods = ", ".join(dict.fromkeys(result.attrs["method"] for result in found))
    specs = json.dumps([network.spec for network in networks], sort_keys=True)
    whole = xr.concat([result.drop_attrs(deep=False) for result in found], names.rename("network"), join="outer")
    return whole.assign_attrs(found[0].attrs | {"method": methods, "spec": specs})


def need_one_depth(networks: Sequence[Any]) -> None:
    """Raise InputError unless these are networks, at least one, of one depth."""
    depths = [str(need_network(network).depth) for network in networks]
    if len(set(depths)) != 1:
        raise InputError(
            f"{'networks of depths ' + ', '.join(depths) if depths else 'no networks'}",
            "one network or more, all of one depth",
            "give them one depth",
        )


def distinct_names(networks: Sequence[Network]) -> list[str]:
    """Return the names of the networks; one that occurs twice gets a number."""
    plain = [network.name for network in networks]
    return [f"{name} ({k + 1})" if plain.count(name) > 1 else name for k, name in enumerate(plain)]
