"""What is proved or predicted of a network of blocks as statements: critical scales, what padding costs, bounds."""

from __future__ import annotations

from collections.abc import Iterator

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.model.capabilities import works
from vgtheory.model.network import BlockNetwork
from vgtheory.reporting.latex_document import ONE, Labels, Sheet, equation, formula, heading, paragraph
from vgtheory.reporting.wording import describe
from vgtheory.symbolic.formula import Formula
from vgtheory.theory.asymptotics.blocks_or_activations import critical
from vgtheory.theory.asymptotics.programs.padding import CriticalConvolution
from vgtheory.theory.asymptotics.programs.zero_state import CriticalCell
from vgtheory.theory.proofs import bounds


def laws_of(network: BlockNetwork) -> tuple[Formula, ...]:
    """Return the statements that hold for a network of blocks: its critical scale, what padding costs, its bounds.

    >>> import vgtheory as vg
    >>> [law.name for law in laws_of(vg.Network(vg.blocks.rnn("tanh", vg.Weights.orthogonal(1)), 8, 5))][:2]
    ['critical scale at the zero state, tied weights', 'product of norms, whatever the inputs']
    """
    found: tuple[Formula, ...] = ()
    try:
        point = critical(network)
    except (InputError, NoSolutionError, UnsupportedError):
        point = None
    if isinstance(point, CriticalCell):
        found = (point.formula,)
    elif isinstance(point, CriticalConvolution):
        found = (point.formula, point.kept)
    return (*found, *bounds(network)) if works(network, "bounds") else found


def network_parts(network: BlockNetwork, labels: Labels, sheet: Sheet = ONE, level: int = 1) -> Iterator[str]:
    """Yield the pieces of a document on a network of blocks: its equations, then what holds for it."""
    yield heading("Equations", level)
    yield paragraph(describe(network) + ".")
    yield equation(network._repr_latex_().strip("$").removeprefix(r"\displaystyle"), sheet=sheet)
    if laws := laws_of(network):
        yield heading("What holds for it", level)
        yield from (formula(law, labels.new(law.name), sheet) for law in laws)
