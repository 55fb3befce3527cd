"""The report's section on what is proved: the statements that bite, and all others folded, by quantity."""

from __future__ import annotations

from collections.abc import Iterator

from vgtheory._references import REFERENCES
from vgtheory.reporting.bound_values import CHOSEN, FAILURE, LOGARITHMS, PROBABILITIES, THRESHOLD, ValuedBound
from vgtheory.reporting.document import Block, Equation, Fold, Paragraph, Section, Table
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.message import Message, Text, Verbatim, said, t
from vgtheory.reporting.symbolic_words import KNOWN
from vgtheory.reporting.terminal_formulas import plain_expression
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.wording import number
from vgtheory.symbolic.formula import Formula, formula_latex
from vgtheory.symbolic.notation import SYMBOLS, gradient_square
from vgtheory.symbolic.printing import to_latex
from vgtheory.theory.proofs import Bounds


def proofs_section(f: Findings) -> Section:
    """Return section 4: a certificate, the tightest statements from above and from below, the rest folded."""
    title = t("What is proved")
    if isinstance(f.bounds, Unavailable):
        return Section(title, (Paragraph(t("No bound applies: {reason}.", reason=f.bounds.reason)),))
    assert isinstance(f.bounds, Bounds)
    shown = [bound for bound in dict.fromkeys(f.bounds.tightest()) if bound is not None]  # an equality is both
    blocks: list[Block] = [Paragraph(_certified(f))]
    blocks += [_card(next(v for v in f.valued if v.formula == bound)) for bound in shown]
    folds = [_conditions(shown)] if shown else []
    return Section(title, (*blocks, *folds, *_others(f)))


def _certified(f: Findings) -> Text:
    proof = f.certificate
    if isinstance(proof, Unavailable):
        return t("Whether it vanishes or explodes at every depth is not proved: {reason}.", reason=proof.reason)
    if proof is None:
        return t(
            "That the gradient vanishes, or explodes, at every depth does not follow from any bound for this network; "
            "mean field and simulation have to decide."
        )
    rate = number(sum(proof.enclosure) / 2, 6)
    if proof.verdict == "vanishes":
        return t(
            "Certified for every depth: the mean squared gradient vanishes, since each layer multiplies it by at most "
            "{rate} ({name}).",
            rate=rate, name=proof.name,
        )  # fmt: skip
    return t(
        "Certified for every depth: the mean squared gradient explodes, since each layer multiplies it by at least "
        "{rate} ({name}).",
        rate=rate, name=proof.name,
    )  # fmt: skip


def _card(bound: ValuedBound) -> Equation:
    """Return a statement with its value here, its assumptions and its source."""
    formula = bound.formula
    here = t("Here: {value}.", value=Verbatim(f"${to_latex(formula.lhs)}$ {bound.text}")) if bound.text else None
    return Equation(formula_latex(formula), KNOWN[formula.status], said(formula.statement, here))


def _conditions(shown: list[Formula]) -> Fold:
    """Return what the statements assume, and where they are from."""
    lines = [Paragraph(said(t("Assumes: {list}.", list=_listed(f)) if f.assumptions else "", _cited(f))) for f in shown]
    return Fold(t("What they assume"), tuple(dict.fromkeys(lines)))


def _listed(formula: Formula) -> Text:
    """Return the assumptions of a formula, one after the other."""
    listed: Text = formula.assumptions[0].rstrip(".")
    for assumption in formula.assumptions[1:]:
        listed = t("{before}; {next}", before=listed, next=assumption.rstrip("."))
    return listed


def _cited(formula: Formula) -> Text:
    works = [REFERENCES[key].short if key in REFERENCES else key for key in formula.reference]
    return Verbatim(f"[{'; '.join(works)}]") if works else ""


def _others(f: Findings) -> Iterator[Block]:
    kept = [v for v in f.valued if not v.vacuous]
    vacuous = len(f.valued) - len(kept)
    blocks: list[Block] = [
        Paragraph(
            t(
                "Values at depth {depth}; statements with a probability of failure hold with p = {p}, saturation means "
                "a slope of at most ε = {eps}, a layer is the first.",
                depth=str(f.subject.depth),
                p=number(FAILURE),
                eps=number(THRESHOLD),
            )
        )
    ]
    groups: dict[str, list[ValuedBound]] = {}
    for bound in kept:
        groups.setdefault(bound.formula.lhs.name, []).append(bound)
    header: tuple[Text, ...] = (t("statement"), t("value here"), t("how it is known"), t("formula"))
    rows: list[tuple[Text, ...]] = []
    for name, members in groups.items():
        rows.append((_quantity(name),))
        rows += [(v.formula.name, v.text or _open(v.formula), KNOWN[v.formula.status], _written(v)) for v in members]
    if not any(len(row) > 1 and str(row[-1]).startswith("`") for row in rows):
        header, rows = header[:-1], [row[:3] for row in rows]  # none of the formulas fits a cell
    blocks.append(Table(header, tuple(rows)))
    if vacuous:
        blocks.append(Paragraph(t("Left out, since they say nothing here: {count}.", count=str(vacuous))))
    yield Fold(t("All {count} statements, by quantity", count=str(len(kept))), tuple(blocks))


def _open(formula: Formula) -> Text:
    """Return what a statement without a value depends on besides depth and the values that the report chose."""
    free = [SYMBOLS[s.name].latex for s in formula.symbols if s.name not in CHOSEN]
    return t("for given {symbols}", symbols=Verbatim(", ".join(f"${latex}$" for latex in free))) if free else "—"


def _written(bound: ValuedBound) -> str:
    if bound.formula.expr.is_number:
        return ""  # the value says it, rounded outward
    text = plain_expression(bound.formula.expr)
    return f"`{text}`" if len(text) <= 60 else "…"


def _quantity(name: str) -> Message:
    """Return a quantity with what it means and its unit."""
    symbol = SYMBOLS[name]
    shown = Verbatim(f"${symbol.latex}$")
    return t("{symbol}: {meaning} ({unit})", symbol=shown, meaning=symbol.meaning, unit=_unit(name))


def _unit(name: str) -> Message:
    if name.startswith("depth"):
        return t("in layers")
    if name.endswith(PROBABILITIES):
        return t("a share or probability")
    if name.startswith(LOGARITHMS):
        return t("a natural logarithm")
    if name == gradient_square.name or "gradient" in name:
        return t("in units of the gradient at the output")
    return t("a pure number")
