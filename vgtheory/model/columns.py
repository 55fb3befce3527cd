"""Numbers by layer, which become a data set for who asks for one: xarray takes half a second to load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vgtheory.model.variables import labels

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Columns:
    """Quantities of layers 1..L: of a data set over ``layer`` what tables read, under the same names.

    Parameters
    ----------
    values : by name, each of shape (L,).
    texts : what they are, by name.
    attrs : what is known of all of them.
    """

    values: dict[str, NDArray[np.float64]]
    texts: dict[str, str]
    attrs: dict[str, Any]

    @property
    def sizes(self) -> dict[str, int]:
        """Return the number of layers by the name of their dimension."""
        return {"layer": len(next(iter(self.values.values())))}

    @property
    def dims(self) -> tuple[str, ...]:
        """Return the name of the dimension."""
        return ("layer",)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column, or the numbers of the layers."""
        return np.arange(1, self.sizes["layer"] + 1) if name == "layer" else self.values[name]

    def dataset(self) -> xr.Dataset:
        """Return the columns as a data set."""
        import xarray

        named = {name: ("layer", value, labels(self.texts[name])) for name, value in self.values.items()}
        return xarray.Dataset(named, coords={"layer": self["layer"]}, attrs=self.attrs)
