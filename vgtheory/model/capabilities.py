"""Whether a verb works for a network, and if not, why and what to do instead, in the words of Python and of a shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vgtheory._errors import Instead, UnsupportedError
from vgtheory.model.capability_rows import NO_BLOCKS, OF_BLOCKS, SPELLED, SYMBOLIC, TABLE, Row
from vgtheory.model.network import BlockNetwork, Network, need_network


@dataclass(frozen=True)
class Refusal:
    """Why a verb does not answer, and what can be done instead."""

    problem: str
    instead: tuple[Instead, ...]

    @property
    def error(self) -> UnsupportedError:
        """Return the refusal as an exception."""
        return UnsupportedError(self.problem, self.instead)


def works(network: Network, verb: str) -> bool:
    """Return whether `verb` answers for the network."""
    return not against(network, verb)


def refusal(network: Network, verb: str) -> Refusal | None:
    """Return why `verb` does not answer for the network; None where it does.

    >>> from vgtheory.model.weights import Weights
    >>> refusal(Network("tanh", Weights.he(), 8, 3, skip=1, dropout=0.1), "certificate").error.instead[1].python
    'drop skip= and dropout='
    """
    rows = against(network, verb)
    if not rows:
        return None
    verbs = dict.fromkeys(other for row in rows for other in row.use if works(network, other))
    use = Instead(*(_use([SPELLED[other][k] for other in verbs]) for k in (0, 1)))
    return Refusal(f"{verb}: {_reasons(network, rows)}", (use, _undone(rows)))


def require(network: Any, verb: str) -> None:
    """Raise UnsupportedError, with the reason and what to use instead, unless `verb` answers for the network.

    Raises InputError for what is not a Network, and for symbols where `verb` needs numbers.
    """
    if (found := refusal(need_network(network), verb)) is not None:
        raise found.error
    if verb not in SYMBOLIC:
        network.require_numbers()


def against(network: Network | BlockNetwork, verb: str) -> list[Row]:
    """Return the rows of the table that refuse the network."""
    rows = OF_BLOCKS.get(verb, NO_BLOCKS) if isinstance(network, BlockNetwork) else TABLE[verb]
    return [row for row in rows if all(trait.held(network) for trait in row.traits)]


def _reasons(network: Network, rows: list[Row]) -> str:
    words = {"block": network.block.name} if isinstance(network, BlockNetwork) else _words(network)
    parts: dict[str, list[str]] = {}
    for row in rows:
        parts.setdefault(row.why, []).extend(trait.name for trait in row.traits)
    return "; ".join(why.format(**words, parts=_and(names).format(**words)) for why, names in parts.items())


def _words(network: Network) -> dict[str, str]:
    """Return what stands for a network of layers in the reasons."""
    law = network.weights
    return {
        "activation": network.activation.name,
        "weights": law.text,
        "drawn": "uniform biases" if law.is_isotropic and not law.rotates else f"{law.text} weights",
        "norm": "no normalisation" if network.norm is None else f"{network.norm.kind} norm",
    }


def _undone(rows: list[Row]) -> Instead:
    """Return what takes all of these rows away: one trait of each."""
    steps = dict.fromkeys(row.traits[0].without for row in rows)
    return Instead(*(_together([step[k] for step in steps]) for k in (0, 1)))


def _together(steps: list[str]) -> str:
    """Return steps as one: "drop skip= and norm="."""
    dropped = [step.removeprefix("drop ") for step in steps if step.startswith("drop ")]
    others = [step for step in steps if step and not step.startswith("drop ")]
    return _and([*([f"drop {_and(dropped)}"] if dropped else []), *others])


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def _use(verbs: list[str]) -> str:
    known = [verb for verb in verbs if verb]
    return f"use {' or '.join(known)}" if known else ""
