"""Rows of a sweep: how the gradient changes at every point of the grid."""

from __future__ import annotations

import itertools
import json
from typing import Any

from vgtheory.reporting.wording import number, with_error
from vgtheory.symbolic.notation import SYMBOLS
from vgtheory.theory.regime import Z_99


def sweep_table(found: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows of what ``vg.sweep`` returns: the swept values, mean with 99 % interval, spread, dead.

    Of networks of blocks: the change of the gradient at all streams over the whole network, and its regime.
    """
    swept = json.loads(found.attrs["over"])
    of_blocks = "change" in found
    rows = []
    for values in itertools.product(*(found[name].values.tolist() for name in swept)):
        point = found.sel(dict(zip(swept, values, strict=True)))
        if of_blocks:
            mean, error, last = point["change"], point["change_stderr"], str(point["regime"].values)
        else:
            point = point.isel(layer=0)
            mean, error = point["log_gradient_norm_mean"], point["log_gradient_norm_stderr"]
            last = number(float(point["log_gradient_norm_std"]), 3)
        shown = (str(v) if isinstance(v, (str, bool)) else number(float(v)) for v in values)
        rows.append((*shown, with_error(float(mean), Z_99 * float(error)), last, str(int(point["dead"]))))
    names = [SYMBOLS[name].text if name in SYMBOLS else name for name in swept]
    if of_blocks:
        return (*names, "mean of ln‖∂ℓ/∂s_0‖/‖∂ℓ/∂s_L‖, 99 % interval", "regime", "dead"), rows
    return (*names, "mean of ln‖∂ℓ/∂h_1‖, 99 % interval", "spread", "dead"), rows
