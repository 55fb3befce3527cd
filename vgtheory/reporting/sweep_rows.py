"""Rows of a sweep: the gradient at the first layer for every point of the grid."""

from __future__ import annotations

import itertools
from typing import Any

from vgtheory.reporting.tables import Z_99
from vgtheory.reporting.wording import number, with_error
from vgtheory.symbolic.notation import SYMBOLS


def sweep_table(found: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows of what ``vg.sweep`` returns: the swept values, mean with 99 % interval, spread, dead."""
    mean = found["log_gradient_norm_mean"]
    swept = [str(name) for name in mean.dims if name != "layer"]
    rows = []
    for values in itertools.product(*(found[name].values for name in swept)):
        point = found.sel(dict(zip(swept, values, strict=True))).isel(layer=0)
        interval = with_error(float(point["log_gradient_norm_mean"]), Z_99 * float(point["log_gradient_norm_stderr"]))
        spread = number(float(point["log_gradient_norm_std"]), 3)
        rows.append((*(number(float(v)) for v in values), interval, spread, str(int(point["dead"]))))
    names = [SYMBOLS[name].text if name in SYMBOLS else name for name in swept]
    return (*names, "mean of ln‖∂ℓ/∂h_1‖, 99 % interval", "spread", "dead"), rows
