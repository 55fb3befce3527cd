"""What results hold: variables, dimensions and units, read off results of small networks."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reference_pages import write_page

import vgtheory as vg

HEAD = """# What results hold

Every verb that runs something returns an `xarray.Dataset`: labelled arrays that select by name
(`study.log_gradient_norm.sel(layer=1)`), save as NetCDF and remember in `attrs` how they were made. The tables are read
off results; logarithms are natural, σ are standard deviations, and units are 1 (pure numbers).
"""


def results() -> dict[str, Callable[[], Any]]:
    """Return a small call of every verb that answers with a Dataset."""
    gaussian = vg.Weights.gaussian(1.5, 0.1)
    network = vg.Network("tanh", gaussian, width=16, depth=4)
    cell = vg.Network(vg.blocks.lstm(vg.Weights.gaussian(1)), width=16, depth=4)
    tokens = vg.Network(vg.blocks.transformer("relu", vg.Weights.gaussian(1), heads=2), width=16, depth=2, tokens=4)
    two = vg.Inputs(correlation=0.5)
    return {
        "vg.simulate": lambda: vg.simulate(network, samples=4),
        "vg.simulate, two inputs": lambda: vg.simulate(network, samples=4, inputs=two, outputs=2),
        "vg.simulate, a cell": lambda: vg.simulate(cell, samples=4),
        "vg.simulate, a transformer": lambda: vg.simulate(tokens, samples=4),
        "vg.summarise": lambda: vg.summarise(vg.simulate(network, samples=4)),
        "vg.sweep": lambda: vg.sweep(network, samples=4, over={"sigma_w": [1, 2]}),
        "vg.predict": lambda: vg.predict(network),
        "vg.predict, two inputs": lambda: vg.predict(network, inputs=two),
        "vg.compare": lambda: vg.compare(vg.predict(network), vg.simulate(network, samples=8)),
        "vg.phase_diagram": lambda: vg.phase_diagram("tanh", sigma_w=[1, 2], sigma_b=[0, 0.5]),
        "vg.sample, singular values": lambda: vg.sample(network, of="singular values", samples=2),
        "vg.sample, eigenvalues": lambda: vg.sample(network, of="eigenvalues", samples=2),
        "vg.sample, exponents": lambda: vg.sample(network, of="exponents", samples=2),
        "vg.coordinate_check": lambda: vg.coordinate_check(network, widths=[16, 32], steps=2, learning_rate=0.1),
        "vg.capabilities": lambda: vg.capabilities(network),
    }


def write(path: Path) -> None:
    """Write a table for every result."""
    parts = [HEAD]
    for call, compute in results().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of so few samples nothing can be concluded, and nothing is
            found = compute()
        rows = [_row(name, variable) for name, variable in {**found.coords, **found.data_vars}.items()]
        parts.append(
            "\n".join([f"## {call}\n", "| name | dimensions | what it is | units |", "|---|---|---|---|", *rows, ""])
        )
    write_page(path, "\n".join(parts))


def _row(name: Any, variable: Any) -> str:
    said = str(variable.attrs.get("long_name", "")).replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")
    kind = variable.attrs.get("units", "1" if variable.dtype.kind in "iufc" else "")
    return f"| `{name}` | {', '.join(map(str, variable.dims))} | {said} | {kind} |"
