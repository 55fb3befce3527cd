"""An xarray Dataset over one dimension as booktabs tables, as many as its columns need to stay readable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from vgtheory._errors import InputError
from vgtheory.reporting.document import code
from vgtheory.reporting.latex_document import paragraph
from vgtheory.reporting.latex_table import table, tabular

MOST_ROWS = 1000
LINE = 88  # characters of names that one table has room for


def is_dataset(obj: Any) -> bool:
    """Return whether `obj` is an xarray Dataset or DataArray; who has none has not loaded xarray."""
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(obj, (xarray.Dataset, xarray.DataArray))


def dataset_tables(data: Any, floats: str = "table") -> Iterator[str]:
    """Yield the pieces of a document: the tables, then the numbers that belong to all rows and the attributes.

    Raises InputError for a Dataset of no dimension or of several, or of more rows than a table has.
    """
    data = _as_dataset(data)
    for header, rows in _blocks(data):
        yield table(header, rows, floats=floats)
    facts = {name: data[name].item() for name in data.variables if data[name].ndim == 0}
    facts |= {name: value for name, value in data.attrs.items() if isinstance(value, (str, int, float))}
    said = "; ".join(f"{code(str(name))}: {_shown(value)}" for name, value in facts.items() if name != "spec")
    if said:
        yield paragraph(said + ".")


def tabulars(data: Any) -> Iterator[str]:
    """Yield the tables alone, each a ``tabular``; raises what :func:`dataset_tables` raises."""
    for header, rows in _blocks(_as_dataset(data)):
        yield tabular(header, rows)


def _as_dataset(data: Any) -> Any:
    if isinstance(data, sys.modules["xarray"].DataArray):
        data = data.to_dataset(name=data.name or "value")
    sizes = dict(data.sizes)
    if len(sizes) != 1:
        kept = next(iter(sizes), "layer")
        others = ", ".join(str(name) for name in list(sizes)[1:])
        step = f"choose or average first, e.g. .isel({others.split(', ')[0]}=0)" if others else "pass a column of it"
        raise InputError(
            f"a Dataset of {len(sizes)} dimensions ({', '.join(map(str, sizes)) or 'none'})",
            f"one dimension, such as {kept}", step,
        )  # fmt: skip
    ((name, size),) = sizes.items()
    if size > MOST_ROWS:
        raise InputError(
            f"a Dataset of {size} rows", f"at most {MOST_ROWS}", f"take some of them, e.g. .isel({name}=slice(0, 50))"
        )
    return data


def _blocks(data: Any) -> Iterator[tuple[list[str], list[tuple[Any, ...]]]]:
    """Yield header and rows of each table; the index comes first in every one."""
    ((index, size),) = data.sizes.items()
    first = data[index].values if index in data.coords else np.arange(size)
    names = [str(name) for name in data.variables if data[name].dims == (index,) and name != index]
    while names:
        room = LINE - len(str(index))
        block: list[str] = []
        while names and (not block or room >= len(names[0])):
            room -= len(names[0]) + 2
            block.append(names.pop(0))
        columns = [first, *(data[name].values for name in block)]
        yield [code(str(index)), *map(code, block)], [tuple(map(_cell, row)) for row in zip(*columns, strict=True)]


def _cell(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, (bool, int, float)) else str(value)


def _shown(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
