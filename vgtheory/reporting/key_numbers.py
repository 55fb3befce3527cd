"""The numbers that decide, as rows: name, value, how it is known."""

from __future__ import annotations

import math

from vgtheory.reporting.answer import Answer
from vgtheory.reporting.float32 import float32_depth
from vgtheory.reporting.message import Message, Text, t
from vgtheory.reporting.symbolic_words import KNOWN, extremum_value
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.verdict import unit
from vgtheory.reporting.wording import ROUNDING, number, with_error
from vgtheory.study.growth import Growth
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint
from vgtheory.theory.methods import METHODS


def key_numbers(f: Answer) -> tuple[tuple[Text, Text, Text], ...]:
    """Return (name, value, how it is known) of the numbers that decide."""
    rows: list[tuple[Text, Text, Text]] = []
    wide = t("quadrature, width → ∞")
    steepest = getattr(f, "steepest", None)  # the answer alone knows none
    if steepest is not None and not isinstance(steepest, Unavailable):
        rows.append((t("largest slope κ = sup |φ'|"), extremum_value(steepest), KNOWN[steepest.status]))
    if f.final_chi is not None:
        name = t("gain χ: what a layer does to the squared gradient")
        if f.stationary is None:
            name = t("gain χ of the last layer: what it does to the squared gradient")
        rows.append((name, number(f.final_chi, 8), wide))
    if f.final_q is not None:
        rows.append((t("q: variance of the pre-activations h of the last layer"), number(f.final_q, 6), wide))
    rows += _simulated_numbers(f)
    if isinstance(f.critical, CriticalPoint):
        how = t("quadrature and root finding")
        rows.append((t("critical σ_w (χ = 1) at this σ_b"), number(f.critical.sigma_w, 8), how))
    return tuple(rows)


def _simulated_numbers(f: Answer) -> list[tuple[Text, Text, Text]]:
    growth = f.growth
    rows: list[tuple[Text, Text, Text]] = []
    if growth.samples > growth.dead and growth.layers > 1:
        several = growth.samples > growth.dead + 1
        rate = with_error(growth.rate, growth.rate_half_width)
        how = t("Monte Carlo, 99 % interval") if several else t("Monte Carlo")
        rows.append((t("change of ln‖gradient‖ per {unit}", unit=unit(f)), rate, how))
        if f.predicted_change is not None:
            rows.append((t("the same, predicted"), number(f.predicted_change / (growth.layers - 1), 5), _how(f)))
        rows.append(
            (
                t("depth at which it leaves float32"),
                _depth(growth, f.subject.recurrent),
                t("from the simulated rate"),
            )
        )
        if several:
            std = growth.std if growth.std > ROUNDING else 0.0
            rows.append((t("spread between networks, standard deviation of ln"), number(std, 3), t("Monte Carlo")))
    if growth.dead:
        of = t("{dead} of {samples}", dead=str(growth.dead), samples=str(growth.samples))
        rows.append((t("dead networks"), of, t("Monte Carlo")))
    return rows


def _depth(growth: Growth, steps: bool) -> Message:
    """Return that depth; where a rate of 0 lies within the error, one that is not reached at either end of it."""
    rate, error = growth.rate, growth.rate_half_width
    if float32_depth(rate) is None:
        return t("never")
    if abs(rate) > error or math.isnan(error):
        count = f"{float32_depth(rate):,}"
        return t("{count} steps", count=count) if steps else t("{count} layers", count=count)
    count = f"{float32_depth(rate - error, rate + error):,}"
    return t("more than {count} steps", count=count) if steps else t("more than {count} layers", count=count)


def _how(f: Answer) -> Text:
    """Return how the prediction is known, with its own warning where it gives one."""
    known = METHODS[f.prediction.attrs["method"]].short
    return known if f.prediction.attrs["reliable"] == "yes" else t("{method}, not reliable here", method=known)
