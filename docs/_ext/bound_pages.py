"""A page for every bound that `vg.bounds` knows: the statement, how it is known, what it assumes, an example."""

import re
from pathlib import Path

from reference_pages import remove_others, write_page

import vgtheory as vg
from vgtheory._references import REFERENCES
from vgtheory.model.capabilities import works
from vgtheory.reporting.capability_table import kinds
from vgtheory.reporting.wording import describe
from vgtheory.symbolic.printing import to_latex

WIDE = {"width": 64, "depth": 20}


def networks() -> dict[str, vg.Network]:
    """Return networks that together have every bound: of every kind of layers, and of several activations."""
    gaussian = vg.Weights.gaussian(1.5)
    found = {name: network for name, network in kinds().items() if works(network, "bounds")}
    for act in ("sigmoid", "tanh", "leaky_relu", "identity", "gelu"):
        found[act] = vg.Network(act, gaussian, **WIDE)
        found[f"{act}, orthogonal"] = vg.Network(act, vg.Weights.orthogonal(1.5), **WIDE)
        found[f"{act}, biases"] = vg.Network(act, vg.Weights.gaussian(3, 0.1), **WIDE)
    return found


def write(folder: Path) -> None:
    """Write a page per bound and the list of them."""
    shown: dict[str, tuple[vg.Formula, vg.Network]] = {}
    for network in networks().values():
        for formula in vg.bounds(network):
            shown.setdefault(formula.name, (formula, network))
    remove_others(folder, {"index.md", *(f"{slug(name)}.md" for name in shown)})
    for name, (formula, network) in shown.items():
        write_page(folder / f"{slug(name)}.md", _page(name, formula, network))
    rows = [
        f"| [{name}]({slug(name)}.md) | {formula.kind} | {formula.status} | {_cell(formula.statement)} |"
        for name, (formula, _) in shown.items()
    ]
    toctree = ["```{toctree}", ":hidden:", "", *(slug(name) for name in shown), "```", ""]
    write_page(folder / "index.md", "\n".join([HEAD, *rows, "", *toctree]))


HEAD = """# Bounds

Every statement that `vg.bounds(network)` can make, at every finite width and depth. Each is offered only for networks
whose assumptions have been checked; where several hold, `.tightest()` says which decides. The pages are written by the
code that computes the bounds.

| bound | kind | how it is known | |
|---|---|---|---|"""


def slug(name: str) -> str:
    """Return a bound's name as a file's."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _cell(text: str) -> str:
    return re.sub(r"([\\*_|<$\[\]])", r"\\\1", text)


def _page(name: str, formula: vg.Formula, network: vg.Network) -> str:
    lines = [f"# {name}", "", _cell(formula.statement), "", "$$", vg.latex(formula), "$$", ""]
    lines += [f"This is the {formula.kind} for {describe(network)}; it is **{formula.status}**.", ""]
    if formula.conditions:
        lines += ["It holds where " + ", ".join(f"${to_latex(c)}$" for c in formula.conditions) + ".", ""]
    if formula.assumptions:
        lines += ["## What it assumes", "", *(f"- {_cell(text)}" for text in formula.assumptions), ""]
    if formula.reference:
        lines += ["## Source", "", *(f"- {_cell(REFERENCES[key].line)}" for key in formula.reference), ""]
    lines += ["## In Python", "", "```python", "import vgtheory as vg", ""]
    lines += [
        f'formula = vg.bounds(network)["{name}"]',
        "formula.statement, formula.assumptions, formula.status",
        "```",
        "",
    ]
    return "\n".join(lines)
