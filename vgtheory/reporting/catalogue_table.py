"""The whole catalogue as tables: formulas, slopes, saturated sets, Gaussian means, references; for paper and screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from vgtheory._references import REFERENCES
from vgtheory.reporting.latex_document import cited, heading, paragraph
from vgtheory.reporting.latex_table import table
from vgtheory.reporting.latex_text import escape
from vgtheory.reporting.symbolic_words import saturated_text
from vgtheory.reporting.unavailable import Unavailable, attempt
from vgtheory.reporting.wording import number
from vgtheory.symbolic import gaussian
from vgtheory.symbolic.catalogue import Entry
from vgtheory.symbolic.extrema import Extremum, slope_bound
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.saturation import Saturation, saturation

EPS = 0.01  # |φ'| ≤ EPS is saturated in the tables
COLUMNS = ("name", "defaults", "κ", f"|φ'| ≤ {EPS}", "E φ², q = 1", "E φ'², q = 1", "κ is", "reference")
Q = 1  # the variance at which means are shown as numbers


@dataclass(frozen=True)
class CatalogueRow:
    """What the tables say of one activation; its parameters are symbols in the formulas, defaults elsewhere."""

    entry: Entry
    derivative: sp.Expr
    steepest: Extremum | Unavailable
    saturated: Saturation | Unavailable
    length: Formula | Unavailable
    gain: Formula | Unavailable

    @property
    def defaults(self) -> str:
        """Return the defaults of the parameters in words."""
        return ", ".join(f"{p.symbol} = {number(float(p.default))}" for p in self.entry.parameters)

    @property
    def slope(self) -> str:
        """Return κ to 10 digits."""
        if isinstance(self.steepest, Unavailable):
            return "not found"
        lo, hi = self.steepest.enclosure
        return number((lo + hi) / 2, 10)

    @property
    def saturation(self) -> str:
        """Return where |φ'| ≤ EPS."""
        if isinstance(self.saturated, Unavailable):
            return "not found"
        return saturated_text(self.saturated) or "nowhere"

    @property
    def status(self) -> str:
        """Return how κ is known."""
        return "not found" if isinstance(self.steepest, Unavailable) else self.steepest.status


@lru_cache(maxsize=64)
def catalogue_row(entry: Entry) -> CatalogueRow:
    """Return what the tables say of one activation."""
    act = entry()
    symbolic = entry(**{p.symbol.name: p.symbol for p in entry.parameters})
    return CatalogueRow(
        entry,
        symbolic.derivative(),
        attempt(slope_bound, act),
        attempt(saturation, act, EPS),
        attempt(gaussian.length_map, act),
        attempt(gaussian.gradient_gain, act),
    )


def catalogue_parts(rows: Mapping[str, Entry]) -> Iterator[str]:
    """Yield the catalogue as pieces of a LaTeX document."""
    found = [catalogue_row(entry) for entry in rows.values()]
    yield heading("Activations and their derivatives")
    yield table(
        ("Name", "φ(x)", "φ'(x)", "Defaults"),
        [(r.entry.name, r.entry.expr, r.derivative, r.defaults) for r in found],
    )
    yield heading("Slopes")
    yield paragraph(
        f"The largest slope κ = sup |φ'|, in closed form where one is known and to ten digits, and the set on which "
        f"|φ'| ≤ {number(EPS)}; parameters have their defaults."
    )
    yield table(
        ("Name", "κ", "value", "status", f"|φ'| ≤ {number(EPS)}"),
        [(r.entry.name, _closed(r.steepest), r.slope, r.status, r.saturation) for r in found],
    )
    yield heading("Gaussian means")
    yield paragraph(
        f"Means over pre-activations of variance q, closed forms where known, and their value at q = {Q} to ten "
        "digits, by ball arithmetic where there is no closed form."
    )
    for name, means in (("E φ(√q z)²", [r.length for r in found]), ("E φ'(√q z)²", [r.gain for r in found])):
        yield table(
            ("Name", name, f"at q = {Q}", "status"),
            [(r.entry.name, *_mean_cells(mean)) for r, mean in zip(found, means, strict=True)],
        )
    yield heading("Sources")
    named = [(r.entry.name, r.entry.reference) for r in found if r.entry.reference in REFERENCES]
    yield "; ".join(f"{escape(name)}: {cited(key)}" for name, key in named) + ".\n"


def screen_rows(rows: Mapping[str, Entry]) -> list[tuple[str, ...]]:
    """Return (name, defaults, κ, saturated set, E φ² and E φ'² at q = 1, status, reference) of every activation."""
    found = [catalogue_row(entry) for entry in rows.values()]
    return [
        (
            r.entry.name,
            r.defaults,
            r.slope,
            r.saturation,
            _value(r.length),
            _value(r.gain),
            r.status,
            REFERENCES[r.entry.reference].short if r.entry.reference else "",
        )
        for r in found
    ]


def _closed(value: Extremum | Unavailable) -> sp.Expr | None:
    return None if isinstance(value, Unavailable) else value.expr


def _mean_cells(mean: Formula | Unavailable) -> tuple[sp.Expr | str, str, str]:
    """Return (closed form, value at q = Q, status)."""
    if isinstance(mean, Unavailable):
        return "not found", "--", "--"
    closed = mean.expr if mean.status == "proved" else "no closed form known"
    return closed, _value(mean), mean.status


def _value(mean: Formula | Unavailable) -> str:
    return "not found" if isinstance(mean, Unavailable) else number(float(mean.at(**_at_q(mean)).value()), 10)


def _at_q(mean: Formula) -> dict[str, int]:
    return {symbol.name: Q for symbol in mean.symbols}
