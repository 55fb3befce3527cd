"""Rows of the tables that reports and the command line share: simulated layers, quantiles, inspected weights."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vgtheory.reporting.result_files import csv_text
from vgtheory.reporting.wording import ROUNDING, chosen_layers, number, power_of_ten, with_error
from vgtheory.study.summary import summarise

if TYPE_CHECKING:
    from vgtheory.study.inspection import Inspection

QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99)
MOST_LAYERS = 20  # of an inspected network that a table shows in full
_ATOM = 1e-9  # sampled values this close to an atom of a law are on it


def quantile_rows(law: Any) -> tuple[tuple[str, str, str], ...]:
    """Return (share of directions below, ln s, s) of a singular-value law."""
    values = [(p, float(law.ppf_log(p))) for p in QUANTILES]
    return tuple((f"{number(100 * p)} %", number(value, 6), power_of_ten(value)) for p, value in values)


def distance_row(law: Any, values: Any) -> str:
    """Return the Kolmogorov distance of sampled logarithms of any shape (−inf: zeros) from a law, in words."""
    y = np.sort(np.ravel(values))
    finite = np.isfinite(y)
    # On either side of a value, which may lie on an atom.
    above, below = (np.asarray(law.cdf_log(y[finite] + side * _ATOM), dtype=float) for side in (1, -1))
    rank = np.arange(1, len(y) + 1)[finite] / len(y)
    gap = max(float(np.max(rank - above)), float(np.max(below - rank)) + 1 / len(y)) if finite.any() else 1.0
    dead = f", {100 * float(np.mean(~finite)):.3g} % of them 0" if not finite.all() else ""
    return f"{len(y)} sampled values{dead}: Kolmogorov distance {gap:.3g} from the law"


def study_rows(study: Any) -> tuple[tuple[str, str, str], ...]:
    """Return (layer, mean ln‖∂ℓ/∂h_l‖ with its 99 % interval, spread) of a simulation at five layers."""
    seen = summarise(study, quantiles=(), level=0.99)
    mean, high, std = (seen[f"log_gradient_norm_{name}"].values for name in ("mean", "mean_high", "std"))
    return tuple(
        (
            str(int(seen.layer[i])),
            with_error(float(mean[i]), float(high[i] - mean[i])),
            number(float(std[i]) if std[i] > ROUNDING else 0.0, 3),
        )
        for i in chosen_layers(len(mean))
    )


INSPECTED = ("call", "name", "kind", "rms", "gain", "saturated", "dead", "ln‖∂ℓ/∂h‖")
STORED = ("shape", "σ_w", "σ_b", "looks like", "singular values")


def inspection_table(found: Inspection) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return header and cells of every call, or of the ends, the worst and some others of a deep network.

    The culprit is marked; what stored weights look like is added where they are known.
    """
    d, calls = found.table, found.table.sizes["call"]
    stored = "fan_in" in d
    shown = set(range(calls)) if calls <= MOST_LAYERS else {round(k * (calls - 1) / 11) for k in range(12)}
    shown |= {k for k in range(calls) if str(d.name.values[k]) == found.culprit}

    def row(k: int) -> tuple[str, ...]:
        call = d.isel(call=k)
        name = str(call.name.values)
        shares = (f"{100 * float(call[share]):.0f} %" for share in ("saturated", "dead"))
        numbers = (number(float(call.rms), 3), number(float(call.gain), 3), *shares)
        norm = number(round(float(call.log_gradient_norm), 10), 4)  # that of a last layer is ln 1, up to rounding
        marked = f"{name}  ← culprit" if name == found.culprit else name
        cells = (str(int(call.call)), marked, str(call.kind.values), *numbers, norm)
        return (*cells, *_stored_cells(call)) if stored else cells

    blank = {"undefined", "nan %"}
    rows = (tuple("" if cell in blank else cell for cell in row(k)) for k in sorted(shown))
    return (*INSPECTED, *STORED) if stored else INSPECTED, tuple(rows)


def _stored_cells(call: Any) -> tuple[str, ...]:
    spectrum = str(call.spectrum.values) + (f" ({int(call.outliers)})" if int(call.outliers) else "")
    scales = (number(float(call[name]), 4) for name in ("sigma_w", "sigma_b"))
    return (f"{int(call.fan_out)} × {int(call.fan_in)}", *scales, str(call.initialiser.values), spectrum)


def inspection_csv(found: Inspection) -> str:
    """Return the table of calls as CSV, in which no name can be taken for a formula by a spreadsheet."""
    return csv_text(found.table.to_dataframe())


def inspection_json(found: Inspection) -> str:
    """Return verdict, text, culprit, causes with kind and numbers, what was not seen and the calls as JSON.

    What is not finite is null.
    """
    calls = [
        {name: None if isinstance(cell, float) and not math.isfinite(cell) else cell for name, cell in row.items()}
        for row in found.table.to_dataframe().reset_index().to_dict("records")
    ]
    causes = [
        {
            "kind": cause.kind,
            "where": cause.where or None,
            "numbers": {name: value if math.isfinite(value) else None for name, value in cause.numbers.items()},
            "names": cause.names,
            "text": str(cause),
        }
        for cause in found.reasons
    ]
    said = {"verdict": found.verdict, "text": found.text, "culprit": found.culprit, "causes": causes}
    return json.dumps(said | {"left_out": found.left_out, "calls": calls}, indent=1, ensure_ascii=False)


LINED_UP = ("network", "q", "χ", "ln‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖ predicted", "simulated", "spread", "critical σ_w", "regime")


def lineup_rows(found: Any) -> tuple[tuple[str, ...], ...]:
    """Return the cells of :data:`LINED_UP` of networks side by side."""

    def row(d: Any) -> tuple[str, ...]:
        predicted = float(d.predicted[0] - d.predicted[-1])
        said = "no theory" if math.isnan(predicted) else number(predicted, 4)
        critical = "none" if math.isnan(float(d.critical_sigma_w)) else number(float(d.critical_sigma_w), 6)
        chi = float(d.chi[-1])
        signal = (number(float(d.q[-1]), 4), "-" if math.isnan(chi) else number(chi, 5))
        spread = number(float(d["std"][0]), 3)
        seen = (with_error(float(d.change), float(d.change_half_width)), spread)
        return (str(d.network.values), *signal, said, *seen, critical, str(d.regime.values))

    return tuple(row(found.isel(network=k)) for k in range(found.sizes["network"]))
