"""A grid: the values that are swept, and the arrays into which the summary of each of its points goes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError, shown
from vgtheory.model.variation import SIZES

Axes = Mapping[str, list[Any]]


def to_axes(over: Any, known: Collection[str] | None) -> dict[str, list[Any]]:
    """Return the swept values by name as lists; `known` are the names that may be swept, None for any.

    Under known names they are numbers; under any, numbers or texts.  Raises InputError for what names nothing, and for
    lists that are none.
    """
    if not isinstance(over, Mapping) or not over:
        raise InputError("over", "values by name", 'e.g. over={"sigma_w": [1, 1.5, 2]}', got=shown(over))
    axes = {}
    for name, values in over.items():
        if known is not None and name not in known:
            step = f"correct the name, or give a function of {name} that returns the network"
            raise InputError(f"over {name!r}", "one of " + ", ".join(known), f"{step}: lambda {name}: vg.Network(...)")
        listed = list(values) if isinstance(values, Iterable) and not isinstance(values, (str, Mapping)) else []
        listed = [value.item() if isinstance(value, np.generic) else value for value in listed]
        kinds = "numbers" if known is not None else "numbers or texts"
        texts = (str, bool) if known is None else ()
        plain = [value if isinstance(value, texts) else _number(name, value) for value in listed]
        if not plain or len(set(plain)) < len(plain):
            raise InputError(f"{name}", f"a list of different {kinds}", f"e.g. {name}=[1, 2]", got=shown(values))
        axes[str(name)] = listed
    return axes


def points_of(axes: Axes) -> Iterator[tuple[tuple[int, ...], dict[str, Any]]]:
    """Yield the place of every point of the grid, and its values by name."""
    for index in itertools.product(*(range(len(values)) for values in axes.values())):
        yield index, {name: values[k] for k, (name, values) in zip(index, axes.items(), strict=True)}


class Grid:
    """Summaries on a grid: variables over the axes and dimensions of their own, such as ``layer``.

    Parameters
    ----------
    axes : the swept values by name.
    labels : of the dimensions in which points may differ, all labels that any point has; where a point lacks one its
        variables are NaN, counts 0.
    """

    def __init__(self, axes: Axes, labels: Mapping[str, list[Any]]) -> None:
        self.axes, self.labels = axes, dict(labels)
        self.variables: dict[str, tuple[tuple[str, ...], NDArray, Mapping[str, Any]]] = {}
        self.places = {dim: {label: k for k, label in enumerate(values)} for dim, values in labels.items()}
        self.described: dict[str, Mapping[str, Any]] = {}

    def enter(self, index: tuple[int, ...], found: xr.Dataset) -> None:
        """Write the summary of the point at this place."""
        where = {dim: self._places(str(dim), found[dim]) for dim in found.dims}
        for name, variable in found.data_vars.items():
            if name not in self.variables:
                blank = 0 if variable.dtype.kind == "i" else "" if variable.dtype.kind == "U" else np.nan
                dtype = object if variable.dtype.kind == "U" else variable.dtype
                shape = (*map(len, self.axes.values()), *(len(self.labels[str(dim)]) for dim in variable.dims))
                made = np.full(shape, blank, dtype)
                self.variables[str(name)] = (*self.axes, *map(str, variable.dims)), made, variable.attrs
            array = self.variables[str(name)][1]
            if variable.dims:
                array[index][np.ix_(*(where[dim] for dim in variable.dims))] = variable.values
            else:
                array[index] = variable.item()

    def dataset(self, about: Mapping[str, Any]) -> xr.Dataset:
        """Return the grid's arrays, labelled."""
        coordinates: dict[str, Any] = {name: [_label(name, v) for v in values] for name, values in self.axes.items()}
        coordinates |= {dim: (dim, self.labels[dim], attributes) for dim, attributes in self.described.items()}
        texts = {
            name: (dims, array.astype(str) if array.dtype == object else array, attrs)
            for name, (dims, array, attrs) in self.variables.items()
        }
        return xr.Dataset(texts, coordinates, dict(about))

    def _places(self, dim: str, labels: xr.DataArray) -> list[int]:
        """Return the places of a point's labels among all; one that is not known has the labels of its first point."""
        values = labels.values.tolist()
        if dim not in self.places:
            self.labels[dim], self.places[dim] = values, {label: k for k, label in enumerate(values)}
        self.described.setdefault(dim, labels.attrs)
        return [self.places[dim][label] for label in values]


def _label(name: str, value: Any) -> Any:
    """Return a swept value as it stands on its axis: sizes are whole numbers, other numbers floats."""
    if isinstance(value, (str, bool)):
        return value
    return int(value) if name in SIZES else float(value)


def _number(name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, (str, bytes, bool)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name}", "a finite number", f"e.g. {name}=[1, 2]", got=shown(value))
    return number
