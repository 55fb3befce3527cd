"""Rows of the tables that reports and the command line share: simulated layers, quantiles of a spectrum."""

from __future__ import annotations

import math
from typing import Any

from vgtheory.reporting.describe import number, power_of_ten, with_error
from vgtheory.reporting.summary import summarise

QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99)
Z_99 = 2.5758293035489004  # normal quantile of a two-sided 99 % interval


def quantile_rows(law: Any) -> tuple[tuple[str, str, str], ...]:
    """Return (share of directions below, ln s, s) of a singular-value law."""
    values = [(p, float(law.ppf_log(p))) for p in QUANTILES]
    return tuple((f"{number(100 * p)} %", number(value, 6), power_of_ten(value)) for p, value in values)


def study_rows(study: Any) -> tuple[tuple[str, str, str], ...]:
    """Return (layer, mean ln‖∂ℓ/∂h_l‖ with its 99 % interval, spread) of a simulation at five layers."""
    seen = summarise(study)
    std = seen.stderr * math.sqrt(max(seen.samples - seen.dead, 1))
    return tuple(
        (
            str(int(seen.layer[i])),
            with_error(float(seen.mean[i]), Z_99 * float(seen.stderr[i])),
            number(float(std[i]), 3),
        )
        for i in chosen_layers(len(seen.layer))
    )


def chosen_layers(depth: int) -> list[int]:
    """Return the indices of the layers that tables show: both ends and the quarters."""
    return sorted({0, depth // 4, depth // 2, 3 * depth // 4, depth - 1})
