"""What a report knows of its network: asked once at the top, and handed on as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vgtheory.model.network import BlockNetwork, Network
from vgtheory.reporting.wording import columns_of, describe
from vgtheory.symbolic.activation import Activation


@dataclass(frozen=True)
class Subject:
    """One network in the values that verdict, story and figures are made of.

    Attributes
    ----------
    network : the network itself, for verbs that answer questions about it.
    name, line, spec : of its activation or block; the network in one line; what it can be made from again.
    activation, family : None where it repeats a block, which has several.
    recurrent : whether it repeats a cell in time.
    parts : what its layers have besides weights and activation, in words.
    first_scales, last_scales : (σ_w, σ_b) of the first and the last layer; NaN of a block.
    scales_differ : whether layers have different (σ_w, σ_b).
    streams, columns : names of a block's streams, and what their columns are.
    """

    network: Network
    name: str
    line: str
    spec: Any
    depth: int
    widths: tuple[int, ...]
    activation: Activation | None = None
    family: str | None = None
    recurrent: bool = False
    parts: tuple[str, ...] = ()
    first_scales: tuple[float, float] = (float("nan"), float("nan"))
    last_scales: tuple[float, float] = (float("nan"), float("nan"))
    scales_differ: bool = False
    streams: tuple[str, ...] = ()
    columns: str = ""

    @property
    def repeats_block(self) -> bool:
        """Return whether the network repeats a block."""
        return self.activation is None

    @property
    def phi(self) -> Activation:
        """Return the activation; only to be asked of layers."""
        assert self.activation is not None
        return self.activation

    @property
    def narrowest(self) -> int:
        """Return the smallest width."""
        return min(self.widths)

    @property
    def square(self) -> bool:
        """Return whether all widths are equal."""
        return len(set(self.widths)) == 1


def subject_of(network: Network) -> Subject:
    """Return what a report knows of the network; its sizes and scales are numbers."""
    line, depth, widths = describe(network), int(network.depth), tuple(network.widths)
    if isinstance(network, BlockNetwork):
        block = network.block
        return Subject(
            network, block.name, line, network.spec, depth, widths, recurrent=block.recurrent,
            streams=tuple(name for name, _ in block.streams), columns=columns_of(network),
        )  # fmt: skip
    act, sigmas = network.activation, network.sigmas
    return Subject(
        network, act.name, line, network.spec, depth, widths, act, network.weights.family,
        parts=tuple(network.parts), first_scales=sigmas[0], last_scales=sigmas[-1],
        scales_differ=len(set(sigmas)) > 1,
    )  # fmt: skip
