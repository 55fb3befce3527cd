"""The table of capabilities for people: of one network as a Dataset, of all kinds of networks as Markdown."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from vgtheory.model import blocks
from vgtheory.model.capabilities import against, refusal
from vgtheory.model.capability_rows import TABLE, VERBS, Row
from vgtheory.model.network import BlockNetwork, Network, need_network
from vgtheory.model.weights import Weights

HEADER = ("verb", "works", "why not", "instead")


def capabilities(network: Network) -> xr.Dataset:
    """Return which verb works for a network, over ``verb``: ``works``, ``why_not`` and ``instead`` ("" where it works).

    A verb has further rows for what it can be asked, such as "simulate (batch)" or "predict (exact law)".

    Raises InputError for what is not a Network.

    Examples
    --------
    >>> found = capabilities(Network("tanh", Weights.gaussian(1.5), width=64, depth=10, skip=1))
    >>> bool(found.works.sel(verb="spectrum")), bool(found.works.sel(verb="eigenvalues"))
    (True, False)
    >>> str(found.instead.sel(verb="eigenvalues").values)
    'use vg.spectrum, or drop skip='
    """
    rows = capability_rows(need_network(network), shell=False)
    names = ("works", "why_not", "instead")
    columns = [[row[1] == "yes" for row in rows], *([row[k] for row in rows] for k in (2, 3))]
    return xr.Dataset(
        {name: ("verb", np.array(column)) for name, column in zip(names, columns, strict=True)},
        coords={"verb": list(VERBS)},
        attrs={"spec": network.spec_json},
    )


def capability_rows(network: Network, shell: bool) -> tuple[tuple[str, str, str, str], ...]:
    """Return the cells of :data:`HEADER` for every verb, with what can be typed in Python or in a shell instead."""
    rows = []
    for verb in VERBS:
        found = refusal(network, verb)
        if found is None:
            rows.append((verb, "yes", "", ""))
        else:
            steps = [step.shell if shell else step.python for step in found.instead]
            rows.append((verb, "no", found.problem.removeprefix(f"{verb}: "), ", or ".join(filter(None, steps))))
    return tuple(rows)


@cache
def kinds() -> dict[str, Network]:
    """Return a network of every kind of layer that the tables have a column for."""
    gaussian = Weights.gaussian(1.5)
    parts: dict[str, dict[str, Any]] = {
        "plain": {},
        "skip": {"skip": "1/sqrt(depth)"},
        "layer norm": {"norm": "layer"},
        "batch norm": {"norm": "batch"},
        "dropout": {"dropout": 0.1},
        "skip, norm": {"skip": "1/sqrt(depth)", "norm": "layer"},
        "unequal widths": {"width": [8, 10, 6, 8]},
    }
    made = {name: Network("relu", gaussian, **{"width": 8, "depth": 3, **more}) for name, more in parts.items()}
    weights = {
        "orthogonal": Weights.orthogonal(1.5),
        "uniform": Weights.uniform(1.5),
        "low rank": Weights.low_rank(1.5),
        "given": Weights.given([np.eye(8)] * 3),
        "tied": gaussian.tie(),
    }
    made |= {name: Network("relu", law, 8, 3) for name, law in weights.items()}
    return made | {"tanh": Network("tanh", gaussian, 8, 3), "biases": Network("relu", Weights.gaussian(1.5, 0.1), 8, 3)}


@cache
def kinds_of_blocks() -> dict[str, Network]:
    """Return a network of every kind of block that the documentation has a column for."""
    gaussian = Weights.gaussian(1.5)
    return {
        "cell": BlockNetwork(blocks.lstm(gaussian), 8, 3),
        "transformer": BlockNetwork(blocks.transformer("relu", gaussian, 2), 8, 3, tokens=4),
        "convolution": BlockNetwork(blocks.conv("relu", gaussian), 8, 3, shape=(4, 4)),
        "residual stage": BlockNetwork(blocks.resnet("relu", gaussian), 8, 1, shape=(4, 4)),
    }


def _said(verb: str, row: Row) -> str:
    """Return a row's reason for every network that it refuses."""
    alike = [other for other in TABLE[verb] if other.why == row.why] or [row]
    names = [trait.name for other in alike for trait in other.traits]
    parts = ", ".join(names[:-1]) + f" or {names[-1]}"
    words = {"activation": "others", "weights": "other", "drawn": "others", "norm": "normalisation", "block": "other"}
    return row.why.format(**words, parts=parts.format(**words))


def markdown() -> str:
    """Return the documentation's page: a table of verbs and kinds of networks, and every reason."""
    columns = kinds() | kinds_of_blocks()
    lines = ["| verb | " + " | ".join(columns) + " |", "|---|" + ":-:|" * len(columns)]
    numbers: dict[str, int] = {}
    for verb in VERBS:
        found = [[_said(verb, row) for row in against(network, verb)] for network in columns.values()]
        for why in (why for whys in found for why in whys):
            numbers.setdefault(why, len(numbers) + 1)
        cells = [", ".join(str(numbers[why]) for why in dict.fromkeys(whys)) or "✓" for whys in found]
        lines.append(f"| {verb} | " + " | ".join(cells) + " |")
    said = (
        "# Which verb works for which network\n\n"
        "✓: it answers. A number: it refuses, for the reason below. The networks are of ReLU without biases except "
        "where the column says another thing; *uniform* stands for all independent entries of finite variance "
        "(uniform, truncated normal, Rademacher, sparse). `vg.capabilities(network)` and `vgtheory capabilities ACT` "
        "say it of any network, with what to use instead.\n\n"
        "<!-- Written by python -m vgtheory capabilities --markdown -->\n"
    )
    return "\n".join([said, *lines, "", *(f"{number}. {why}" for why, number in numbers.items()), ""])
