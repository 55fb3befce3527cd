"""The table of Lyapunov exponents: law, closed form at finite width, sampled networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from vgtheory.model.weights import ROTATION_INVARIANT
from vgtheory.reporting.wording import number, with_error
from vgtheory.study.intervals import half_width

SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def exponent_rows(law: Any, finite: Any | None, drawn: Any | None) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows: share of directions that grow faster, exponent of the law, at this width, measured.

    Directions of the network stand for the share (k − 1/2)/N; where a direction dies in every other layer or the
    sampled networks have none alive, the cell says so.
    """
    header = ["directions that grow faster", "exponent, width → ∞"]
    if finite is not None:
        header.append(f"width {finite.width}" + ("" if finite.status == "proved" else " (asymptotic)"))
    if drawn is not None:
        header.append("sampled, 99 % interval")
    rows = []
    for share in SHARES:
        row = [f"{number(100 * share)} %", _shown(float(law.ppf(1 - share)))]
        if finite is not None:
            k = _rank(share, finite.width)
            row.append("dies" if finite.death[k] > 0.5 else number(float(finite.value[k]), 5))
        if drawn is not None:
            k = _rank(share, drawn.sizes["direction"])
            value = float(drawn.exponent[k])
            half = float(half_width(drawn.exponent_stderr[k], drawn.exponent_samples[k]))
            row.append(with_error(value, half) if np.isfinite(value) and np.isfinite(half) else _shown(value))
        rows.append(tuple(row))
    return tuple(header), rows


def exponent_sentences(law: Any, width: int, finite: Any | None, drawn: Any | None) -> tuple[str, ...]:
    """Return what the table does not say: ends and means, dead directions, assumptions, how samples were drawn."""
    top, mean = number(round(law.top, 12), 6), number(law.mean(), 6)
    said = [f"largest exponent ln χ/2 = {top}, mean {mean} of those that are finite"]
    if law.zero_mass > 0:
        said.append(f"a share of {law.zero_mass:.4g} of the directions dies (exponent −∞)")
    said += [f"assumes: {text}" for text in law.assumptions if "q_l" in text or "universality" in text]
    if finite is not None and finite.status == "asymptotic":
        said += [f"at this width assumes: {text}" for text in finite.assumptions if "right as" in text]
    if finite is None:
        said.append(_ends(law, width) + "no closed form for the others: --samples measures them")
    if drawn is not None:
        how = "triangular factors (exact, no matrices)"
        if drawn.attrs["method"] == "dense":
            every = drawn.attrs["qr_every"]
            how = f"forward passes with a QR step every {f'{every} layers' if every > 1 else 'layer'}"
        said.append(f"sampled by {how}")
    return tuple(said)


def _ends(law: Any, width: int) -> str:
    if law.family not in ROTATION_INVARIANT:
        return ""
    off = "" if law.masked else ", up to O(1/N)"
    mean = law.mean_at_width(width)
    shown = f" and mean {number(mean, 6)}" if np.isfinite(mean) else ""
    return f"width {width}: largest exponent {number(law.top_at_width(width), 6)}{shown}{off}; "


def _rank(share: float, count: int) -> int:
    return min(count - 1, int(share * count))


def _shown(value: float) -> str:
    return "−∞ (dead)" if value == -np.inf else number(round(value, 12), 5)  # ln 1 up to rounding is 0
