"""Rows of a sweep: how the gradient changes at every point of the grid."""

from __future__ import annotations

import itertools
import json
from typing import Any

from vgtheory.reporting.wording import number, with_error
from vgtheory.symbolic.notation import SYMBOLS


def sweep_table(found: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows of what ``vg.sweep`` returns: the swept values, change of the gradient, spread, dead.

    The change is that over the whole network, with a 99 % interval; of blocks at all streams, with its regime.
    """
    swept = json.loads(found.attrs["over"])
    rows = []
    for values in itertools.product(*(found[name].values.tolist() for name in swept)):
        point = found.sel(dict(zip(swept, values, strict=True)))
        shown = (str(v) if isinstance(v, (str, bool)) else number(float(v)) for v in values)
        dead = int(point["dead"].isel(layer=0))
        regime = (str(point["regime"].values),) if "regime" in point else ()
        change = with_error(float(point["change"]), float(point["change_half_width"]))
        rows.append((*shown, change, number(float(point["change_std"]), 3), *regime, str(dead)))
    names = [SYMBOLS[name].text if name in SYMBOLS else name for name in swept]
    ends = "‖∂ℓ/∂s_0‖/‖∂ℓ/∂s_L‖" if "stream" in found.dims else "‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖"
    regime = ("regime",) if "regime" in found else ()
    return (*names, f"mean of ln({ends}), 99 % interval", "spread", *regime, "dead"), rows
