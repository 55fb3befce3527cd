"""Networks of blocks simulated: lengths of streams and norms of their gradients, sampled exactly or by drawing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import BlockNetwork
from vgtheory.model.rewriting import stacked
from vgtheory.model.sizes import whole_number
from vgtheory.model.traits import DRAWN_BLOCKS
from vgtheory.model.variables import VARIABLES, labels
from vgtheory.study.batch import MAX_BATCH
from vgtheory.study.engine import Arrays
from vgtheory.study.experiment import LAYER, SAMPLE, Conditions, Experiment, conduct, provenance
from vgtheory.study.machine import available_bytes
from vgtheory.study.programs.numbers import Machine
from vgtheory.study.programs.oracles import QUESTIONS_PER_WIDTH
from vgtheory.study.programs.recorded_norms import columns_shown, streams_and_gradients
from vgtheory.study.programs.vectors import vector_program

PARTS = {"log_stream_gradient_norm": "gradient", "stream_square": "square", "gradient_share": "share"}
SHOWN = {"cosine": "cosine", "entropy": "entropy", "score_spread": "spread"}
ORACLES = {"exact": "asked: no matrix is drawn", "dense": "drawn"}


@dataclass(frozen=True, eq=False)
class Program:
    """A network of blocks with what drives it and the method chosen: what an experiment is made of."""

    network: BlockNetwork
    inputs: Inputs
    method: str
    batch: int = 1

    @cached_property
    def machine(self) -> Machine:
        """Return the program with numbers in it."""
        network = self.network
        asked = self.method == "exact"
        return Machine(
            stacked(network.block, network.widths[0], int(network.depth)),
            network.widths[0],
            int(network.depth),
            self.inputs,
            asked,
            network.shape,
            batch=self.batch,
        )

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Return the shapes of a layer's matrices."""
        return [self.machine.shape_of(matrix, 1) for matrix in self.network.block.matrices]

    @property
    def questions(self) -> int:
        """Return how often the most asked matrix is asked from one side."""
        return questions(self.network, self.batch)

    @property
    def tokens(self) -> tuple[str, ...]:
        """Return the fields that show every token's gradient: none where there is no attention."""
        columns = self.machine.columns if self.network.block.mixes("attention") else 0
        return tuple(f"token {t}" for t in range(columns))

    @property
    def attention_weights(self) -> int:
        """Return the number of attention weights of a layer."""
        heads = sum(step.options[0] for step in self.network.block.mixes("attention"))
        return heads * self.network.columns**2

    @property
    def nanoseconds(self) -> float:
        """Return about what one sample costs on one core."""
        machine = self.machine
        ends = sum(sum(shape) for shape in self.shapes)
        if vector_program(machine) is not None:
            return machine.depth * (2.0 * ends + 2.0 * sum(self.network.block.size_of().values()) * machine.width)
        streams = 20.0 * machine.columns * sum(self.network.block.size_of().values()) * machine.width
        streams += self.attention_weights * (30.0 + 4.0 * machine.width)
        if machine.asked:
            return machine.depth * (streams + machine.columns * ends * (20.0 + 1.5 * self.questions))
        entries = sum(outputs * inputs for outputs, inputs in self.shapes)
        drawn = 6.0 * entries * (1 if machine.block.tied else machine.depth)
        return drawn + machine.depth * (streams + 2.0 * machine.columns * entries)

    @property
    def sample_bytes(self) -> float:
        """Return about the memory that one sample needs while it runs."""
        machine = self.machine
        vectors = vector_program(machine)
        if vectors is not None:
            return vectors.sample_bytes
        layers = machine.segment(1)
        streams = 8.0 * 6 * machine.columns * sum(self.network.block.size_of().values()) * machine.width * layers
        streams += 8.0 * (layers + 4) * self.attention_weights
        if machine.asked:
            kept = self.questions if machine.block.tied else layers * machine.columns
            return streams + 16.0 * kept * sum(sum(shape) for shape in self.shapes)
        entries = sum(outputs * inputs for outputs, inputs in self.shapes)
        return streams + 16.0 * entries * (1 if machine.block.tied else layers)


def streams_of(
    network: BlockNetwork, method: str, inputs: Inputs, conditions: Conditions, batch: Any = None
) -> xr.Dataset:
    """Return ``simulate``'s result for a network of blocks, over (sample, layer 0..L, stream).

    `batch` are inputs side by side, which meet in batch norms.

    Raises InputError for a network whose samples do not fit into the memory, UnsupportedError for streams that leave
    the range of float64.
    """
    together = 1 if batch is None else whole_number("batch", batch, 2, MAX_BATCH, "32")
    program = Program(network, inputs, choose_method(network, method, together), together)
    _check_sample(program)
    carried = network.block.carried
    shown, tokens = columns_shown(program.machine), program.tokens
    fields = (*(f"{part} {name}" for part in PARTS.values() for name in carried), *shown, *tokens, "weights")
    experiment = Experiment(
        worker=program_chunk,
        prepared=program,
        fields=fields,
        rows=int(network.depth) + 1,
        numbers=len(fields),
        nanoseconds=program.nanoseconds,
        options={"method": program.method, "inputs": inputs.spec, "batch": together},
        watched=(f"gradient {carried[0]}",),
    )
    arrays = conduct(experiment, conditions)
    _check_range(network, arrays)
    values = {
        name: (("sample", "layer", "stream"), np.stack([arrays[f"{part} {stream}"] for stream in carried], axis=-1))
        for name, part in PARTS.items()
    }
    by_layer = {name: (("sample", "layer"), arrays[field]) for name, field in SHOWN.items() if field in shown}
    if tokens:
        values["log_token_gradient_norm"] = ("sample", "layer", "token"), np.stack([arrays[t] for t in tokens], axis=-1)
    by_layer["log_weight_gradient_norm"] = ("sample", "layer"), arrays["weights"]
    return xr.Dataset(
        {name: (dims, array, labels(VARIABLES[name])) for name, (dims, array) in (values | by_layer).items()},
        {
            "sample": ("sample", np.arange(len(arrays["weights"])), SAMPLE),
            "layer": ("layer", np.arange(int(network.depth) + 1), {"long_name": LAYER["long_name"] + ", 0 the start"}),
            "stream": ("stream", list(carried)),
        },
        {
            "method": program.method,
            "oracle": ORACLES[program.method],
            "inputs": json.dumps(inputs.spec),
            **({} if batch is None else {"batch": together}),
            **provenance(program, conditions.seed),
        },
    )


def questions(network: BlockNetwork, batch: int) -> int:
    """Return how often the most asked matrix is asked from one side."""
    return batch * network.columns * (int(network.depth) if network.block.tied else 1)


def choose_method(network: BlockNetwork, method: str, batch: int = 1) -> str:
    """Return "exact", matrices are asked, or "dense", they are drawn; "auto" takes what costs less.

    Asking pays while there are fewer questions than a third of the width.
    """
    if method != "auto":
        return method
    invariant = not DRAWN_BLOCKS.held(network)
    few = questions(network, batch) <= QUESTIONS_PER_WIDTH * network.widths[0]
    return "exact" if invariant and few else "dense"


def program_chunk(payload: Mapping[str, Any], first: int, count: int) -> Arrays:
    """Return the result's arrays for samples first, ..., first + count − 1: the worker of every executor."""
    program: Program = payload["prepared"]
    found = streams_and_gradients(program.machine, payload["seed"], first, count, payload["stop"])
    found["weights"] = np.hstack([np.full((count, 1), np.nan), found["weights"]])
    found |= {name: found["tokens"][..., t] for t, name in enumerate(program.tokens)}
    return found


def _check_sample(program: Program) -> None:
    limit = available_bytes() / 4
    if program.sample_bytes > limit:
        network = program.network
        if network.columns > 1:
            name, hint = ("tokens" if len(network.shape) == 1 else "shape"), "take fewer columns, or a smaller width"
        else:
            name, most = "depth", math.floor(int(network.depth) * limit / program.sample_bytes)
            hint = f"e.g. depth={most}" if network.block.tied and most else "take a smaller width"
        few = "so few" if name == "tokens" else "so small"
        raise InputError(
            name,
            f"{few} that a sample fits into {limit / 2**30:.1f} GiB, a quarter of this machine's memory",
            hint,
            got=f"{network!r}, {program.sample_bytes / 2**30:,.1f} GiB a sample",
        )


def _check_range(network: BlockNetwork, arrays: Arrays) -> None:
    for name in network.block.carried:
        far, undefined = ~np.isfinite(arrays[f"square {name}"]), np.isnan(arrays[f"gradient {name}"])
        if undefined.any() and not far.any():
            layer = int(np.flatnonzero(undefined.any(axis=0))[-1])
            raise UnsupportedError(
                f"the gradient at the stream {name} of {network.block.name} is not defined after layer {layer}: a "
                "slope is infinite where it is asked; use another function, or start= and inputs that are not 0"
            )
        if far.any():
            layer = int(np.argmax(far.any(axis=0)))
            raise UnsupportedError(
                f"the stream {name} of {network.block.name} leaves the range of float64 at layer {layer}; add a "
                "norm, scale the branches, or reduce the depth"
            )
