"""Rows of the tables about phases, critical points and gains, which the command line and the documentation share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from vgtheory._errors import UnsupportedError, VgtheoryError
from vgtheory.reporting.wording import number
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.theory.asymptotics.fixed_points import critical
from vgtheory.theory.asymptotics.gains import gains

PHASES = ("σ_b", "σ_w", "phase", "q", "χ", "χ_q", "c*", "ξ_q", "ξ_c")
CRITICAL = ("σ_b", "critical σ_w", "q", "χ_q", "stable")
GAINS = ("activation", "1/√E φ²", "1/√Var φ", "1/√E φ'²", "χ = 1 at q → 0", "PyTorch", "q there", "χ there")
BIASES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


def phase_rows(diagram: Any, most: int = 5) -> tuple[tuple[str, ...], ...]:
    """Return the cells of :data:`PHASES` on a coarse part of the grid, both ends included."""
    rows, columns = (
        np.unique(np.linspace(0, diagram.sizes[name] - 1, most).round().astype(int)) for name in ("sigma_b", "sigma_w")
    )
    out = []
    for i in rows:
        for j in columns:
            cell = diagram.isel(sigma_b=i, sigma_w=j)
            values = (number(float(cell[name]), 6) for name in ("q", "chi", "chi_q", "c", "xi_q", "xi_c"))
            scales = (number(float(cell.sigma_b), 4), number(float(cell.sigma_w), 4))
            settled = np.isfinite(float(cell.q))
            out.append((*scales, str(cell.phase.values), *(v if settled else "" for v in values)))
    return tuple(out)


def critical_rows(act: Any, biases: Iterable[float] = BIASES) -> tuple[tuple[str, ...], ...]:
    """Return the cells of :data:`CRITICAL` at several σ_b; where there is no critical point, a row that says so."""
    out: list[tuple[str, ...]] = []
    for sigma_b in biases:
        try:
            point = critical(act, float(sigma_b))
        except VgtheoryError:
            out.append((number(sigma_b), "none", "", "", ""))
            continue
        values = (number(value, 10) for value in (point.sigma_w, point.q, point.chi_q))
        out.append((number(sigma_b), *values, "yes" if point.stable else "no"))
    return tuple(out)


def gain_rows(acts: Iterable[Any]) -> tuple[tuple[str, ...], ...]:
    """Return the cells of :data:`GAINS`, a row for each with finite moments; empty where there is no such gain."""
    out = []
    for act in acts:
        try:
            g = gains(act)
        except UnsupportedError:
            continue
        values = (g.rms, g.std, g.backward, g.small_signal, g.framework)
        settled = ("", "") if g.settled is None else (number(g.settled.q, 5), number(g.settled.chi, 5))
        out.append((to_activation(act).name, *("" if np.isnan(v) else number(v, 7) for v in values), *settled))
    return tuple(out)
