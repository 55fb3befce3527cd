"""Every bound of a network as a table: value at the depth, status, assumptions, where gradients leave float32."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.model.network import Network
from vgtheory.reporting.bound_values import shown_value
from vgtheory.reporting.latex_document import Labels, document, formula, heading, paragraph
from vgtheory.reporting.latex_table import table
from vgtheory.reporting.terminal_formulas import plain_expression
from vgtheory.reporting.wording import describe
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import SYMBOLS, gradient_norm, gradient_square, jacobian_norm
from vgtheory.theory.proofs import bounds
from vgtheory.theory.proofs.depths import depth_below

SMALLEST_NORMAL = 2.0**-126  # of float32
LEVELS = {gradient_square: SMALLEST_NORMAL**2, gradient_norm: SMALLEST_NORMAL, jacobian_norm: SMALLEST_NORMAL}
HEADER = ("quantity", "bound", "value", "how it is known", "below float32 from depth", "assumes")


@dataclass(frozen=True)
class BoundTable:
    """The bounds of a network with the numbers that fix their symbols.

    Parameters
    ----------
    formulas : from ``vg.bounds``.
    fixed : values by the symbols' names.
    """

    network: Network
    formulas: Sequence[Formula]
    fixed: Mapping[str, float]

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Return the distinct assumptions in the order of their first use."""
        return tuple(dict.fromkeys(a for f in self.formulas for a in f.assumptions))

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per bound, assumptions as letters."""
        letters = dict(zip(self.assumptions, _letters(), strict=False))
        return [
            (
                plain_expression(f.lhs),
                f.name,
                shown_value(f, self.fixed) or self._open(f),
                f.status,
                self._leaves(f),
                " ".join(letters[a] for a in f.assumptions),
            )
            for f in self.formulas
        ]

    def notes(self) -> list[tuple[str, str]]:
        """Return the assumptions with their letters."""
        return list(zip(_letters(), self.assumptions, strict=False))

    def _open(self, f: Formula) -> str:
        missing = [_written(s.name) for s in f.symbols if s.name not in self.fixed]
        return f"for given {', '.join(missing)}" if missing else "no number here"

    def _leaves(self, f: Formula) -> str:
        """Return the depth from which the bound is below float32's smallest normal number, "" where it never is."""
        level = LEVELS.get(f.lhs)
        if level is None or f.kind not in ("upper bound", "equality"):
            return ""
        known = {s.name: self.fixed[s.name] for s in f.symbols if s.name in self.fixed and s.name != "depth"}
        try:
            depth = depth_below(f.at(**known) if known else f, level)
        except (InputError, UnsupportedError):
            return ""
        return "" if depth is None else f"{depth:,}"


def bound_table(network: Network, failure: float, eps: float) -> BoundTable:
    """Return the table of a network's bounds at its depth.

    Parameters
    ----------
    failure : p, the probability with which a high-probability bound may fail.
    eps : the slope below which a neuron counts as saturated, and the length below which a gradient has vanished.

    Raises InputError for p or eps outside (0, 1).
    """
    for name, value in (("p", failure), ("eps", eps)):
        if not 0 < value < 1:
            raise InputError(f"{name}", "a number between 0 and 1", f"e.g. --{name} 0.01", got=f"{value}")
    fixed = {"depth": int(network.depth), "p": failure, "eps": eps, "layer": 1, "t": 2.0, "fraction": 0.5}
    return BoundTable(network, bounds(network), fixed)


def table_document(found: BoundTable) -> str:
    """Return the table and every formula with statement, assumptions and references as a LaTeX document."""
    return document("Bounds", _parts(found), describe(found.network))


def _parts(found: BoundTable) -> Iterator[str]:
    yield heading("Values")
    fixed = ", ".join(f"{_written(name)} = {value:g}" for name, value in found.fixed.items())
    yield paragraph(f"With {fixed}.")
    rows = [(f.lhs, name, value, status, assumes) for f, (_, name, value, status, _, assumes) in _with_rows(found)]
    yield table(("quantity", "bound", "value", "status", "assumes"), rows)
    yield paragraph("Assumptions: " + "; ".join(f"({letter}) {text}" for letter, text in found.notes()) + ".")
    yield heading("Formulas")
    labels = Labels()
    yield from (formula(f, labels.new(f.name)) for f in found.formulas)


def _written(name: str) -> str:
    return SYMBOLS[name].text if name in SYMBOLS else name


def _with_rows(found: BoundTable) -> Iterator[tuple[Formula, tuple[str, ...]]]:
    return zip(found.formulas, found.rows(), strict=True)


def _letters() -> Iterator[str]:
    yield from string.ascii_lowercase
    yield from (a + b for a in string.ascii_lowercase for b in string.ascii_lowercase)
