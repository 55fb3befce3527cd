"""What each command prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vgtheory._references import REFERENCES
from vgtheory.cli.console import say, say_code, table
from vgtheory.model.blocks.named import around, named, names
from vgtheory.reporting.wording import decimal_text, number
from vgtheory.symbolic.catalogue import catalogue
from vgtheory.symbolic.rounding import DOWN, UP, decimal_of

if TYPE_CHECKING:
    from vgtheory.model.network import Network
    from vgtheory.reporting.answer import Answer
    from vgtheory.reporting.bound_table import BoundTable
    from vgtheory.reporting.derivation import Derivation
    from vgtheory.reporting.findings import Findings
    from vgtheory.reporting.translation import Translator
    from vgtheory.study.advice.advise import Advice
    from vgtheory.study.inspection import Inspection
    from vgtheory.theory.proofs import Certificate


def print_answer(found: Answer, translate: Translator) -> None:
    """Print the verdict and the numbers that decide."""
    from vgtheory.reporting.key_numbers import key_numbers
    from vgtheory.reporting.message import t
    from vgtheory.reporting.verdict import verdict

    say(translate(verdict(found).text))
    say("")
    header = tuple(translate(name) for name in (t("Quantity"), t("Value"), t("How it is known")))
    table(header, (tuple(translate(cell) for cell in row) for row in key_numbers(found)))
    say("")


def print_written(findings: Findings, out: Path, translate: Translator) -> None:
    """Print what the critical scale and the best remedy do, and where the report is."""
    from vgtheory.reporting.message import said
    from vgtheory.reporting.story_change import best_remedy, critical_scale

    if text := translate(said(critical_scale(findings), best_remedy(findings))):
        say(text)
        say("")
    written = ", ".join(str(out / name) for name in ("report.pdf", "report.tex", "study.nc") if (out / name).exists())
    say(f"report: {out / 'report.html'}  ({written}, figures as SVG)")


def print_derivation(found: Derivation, written: Path | None) -> None:
    """Print what is derived about an activation, step by step, each formula with how it is known."""
    from vgtheory.reporting.derivation_steps import steps
    from vgtheory.reporting.terminal_formulas import plain_expression, plain_formula

    for place, step in enumerate(steps(found), 1):
        say(f"{place}. {step.title}")
        lines = [f"{plain_formula(f)}   [{f.status}]" for f in step.formulas]
        held = dict.fromkeys(plain_expression(c, DOWN) for f in step.formulas for c in f.conditions)
        for text in (step.before, *lines, *(f"where {condition}" for condition in held), step.after):
            if text:
                say(f"   {text}")
        say("")
    if written is not None:
        say(f"LaTeX: {written}")


def print_bounds(found: BoundTable, written: Path | None) -> None:
    """Print every bound with its value, and the assumptions that their letters stand for."""
    from vgtheory.reporting.bound_table import HEADER

    table(HEADER, found.rows())
    say("")
    for letter, text in found.notes():
        say(f"{letter}: {text}")
    if written is not None:
        say(f"LaTeX: {written}")


def print_certificate(found: Certificate | None, written: Path | None) -> None:
    """Print the verdict with its rate and what the proof assumes."""
    if found is None:
        say(
            "no certificate: no upper rate is below 1 and no lower rate above 1. `vgtheory bounds` shows the rates; "
            "near the edge of chaos simulation has to decide (`vgtheory report`)"
        )
        return
    limit, side = ("at most", UP) if found.verdict == "vanishes" else ("at least", DOWN)
    rate = decimal_text(decimal_of(found.rate, side))
    say(f"{found.verdict}: each layer multiplies the mean squared gradient by {limit} {rate} ({found.name})")
    say("assumes: " + "; ".join(found.assumptions))
    if written is not None:
        say(f"proof: {written}")


def print_study(study: Any, out: Path) -> None:
    """Print a few layers of a simulation."""
    from vgtheory.reporting.stream_rows import study_table
    from vgtheory.reporting.tables import study_rows

    if "stream" in study.dims:
        table(*study_table(study))
    else:
        table(("layer", "mean of ln‖∂ℓ/∂h_l‖, 99 % interval", "spread"), study_rows(study))
    say(f"study: {out}" + (" (single precision)" if study.attrs.get("precision") == "single" else ""))


def print_sweep(found: Any, written: list[Path]) -> None:
    """Print how the gradient changes at every point of a grid."""
    from vgtheory.reporting.sweep_rows import sweep_table

    table(*sweep_table(found))
    for path in written:
        say(f"written: {path}")


def print_spectrum(law: Any, out: Path | None, drawn: Any | None = None) -> None:
    """Print quantiles and atoms of a singular-value law, the one apart, and how far sampled values are from it."""
    from vgtheory.reporting.tables import distance_row, quantile_rows

    table(("share of directions below", "ln s", "s"), quantile_rows(law))
    for place, mass in law.atoms_log:
        say(f"a share of {mass:.4g} lies at ln s = {number(place, 6)}")
    if law.outlier_log is not None:
        say(f"one singular value lies apart, at ln s of at least {number(law.outlier_log, 6)}")
    if drawn is not None:
        say(distance_row(law, drawn))
    if out is not None:
        say(f"figure: {out}")


def print_moduli(law: Any, out: Path | None, drawn: Any | None = None) -> None:
    """Print quantiles of the law of ln|λ|, the spectral radius, and how far sampled eigenvalues are from it."""
    from vgtheory.reporting.tables import distance_row, quantile_rows

    table(("share of eigenvalues below", "ln |λ|", "|λ|"), quantile_rows(law))
    say(f"spectral radius: ln |λ| = {number(law.log_radius, 6)}")
    if law.zero_mass > 0:
        say(f"a share of {law.zero_mass:.4g} is zero")
    if drawn is not None:
        say(distance_row(law, drawn) + f", largest ln |λ| = {number(drawn.max(), 6)}")
    if out is not None:
        say(f"figure: {out}")


def print_exponents(law: Any, width: int, finite: Any | None, drawn: Any | None, out: Path | None) -> None:
    """Print the law of the Lyapunov exponents at a few ranks, beside those at finite width and of sampled networks."""
    from vgtheory.reporting.exponent_rows import exponent_rows, exponent_sentences

    table(*exponent_rows(law, finite, drawn))
    for sentence in exponent_sentences(law, width, finite, drawn):
        say(sentence)
    if out is not None:
        say(f"figure: {out}")


def print_pairs(rows: tuple[tuple[str, str], ...], out: Path | None) -> None:
    """Print quantities with their values."""
    table(("quantity", "value"), rows)
    if out is not None:
        say(f"written: {out}")


def print_inspection(found: Inspection, written: list[Path]) -> None:
    """Print what happens to the gradient of a model."""
    from vgtheory.reporting.tables import inspection_table

    say(found.text)
    for reason in found.causes:
        say(f"- {reason}")
    if found.unknown:
        say(f"- measured only: {found.unknown}")
    for question in found.left_out:
        say(f"- not seen: {question}")
    say("")
    table(*inspection_table(found))
    for path in written:
        say(f"written: {path}")


def print_advice(advice: Advice) -> None:
    """Print what goes wrong, the remedies with what they do, and their code."""
    from vgtheory.reporting.advice_rows import code_blocks, ranking, remedy_table, summary_line

    say(summary_line(advice))
    for problem in advice.problems[1:]:
        say(f"- {problem.text}")
    say("")
    table(*remedy_table(advice))
    say(ranking(advice) if advice.remedies else "None of the changes that were tried does better.")
    for rank, framework, code in code_blocks(advice.remedies):
        say("")
        say(f"{rank}  {framework}:")
        for line in code.rstrip().splitlines():
            say_code(line)


def print_phase(diagram: Any, written: list[Path]) -> None:
    """Print a coarse part of a phase diagram."""
    from vgtheory.reporting.mean_field_rows import PHASES, phase_rows

    table(PHASES, phase_rows(diagram))
    for path in written:
        say(f"written: {path}")


def print_critical(activation: Any, curve: Any, biases: Any, out: Path | None) -> None:
    """Print critical points, the closed forms of their line, half-stable points and gains."""
    from vgtheory.reporting.mean_field_rows import CRITICAL, GAINS, critical_rows, gain_rows
    from vgtheory.reporting.terminal_formulas import plain_formula

    table(CRITICAL, critical_rows(activation, biases))
    say("")
    for formula in curve.formulas:
        say(f"{plain_formula(formula)}   [{formula.status}]")
    for sigma_w, sigma_b, q in curve.half_stable:
        say(f"half-stable (χ = χ_q = 1): σ_w = {sigma_w:.10g}, σ_b = {sigma_b:.10g}, q = {q:.10g}")
    rows = gain_rows([activation])
    if rows:
        table(GAINS, rows)
    if out is not None:
        say(f"figure: {out}")


def print_critical_scale(found: Any) -> None:
    """Print the critical scale of a block as a formula and a number, with what it assumes."""
    from vgtheory.reporting.terminal_formulas import plain_formula

    value = "" if found.formula.expr.is_Integer else f" = {number(found.sigma_w, 10)}"
    say(f"{plain_formula(found.formula)}{value}   [{found.formula.status}]")
    say(f"{found.formula.name}: {found.formula.statement}")
    say("assumes: " + "; ".join(found.formula.assumptions))


def print_capabilities(network: Network) -> None:
    """Print which verb works for a network, and why not."""
    from vgtheory.reporting.capability_table import HEADER, capability_rows

    table(HEADER, capability_rows(network, shell=True))


def print_kinds() -> None:
    """Print which verb works for which kind of network."""
    from vgtheory.model.capabilities import works
    from vgtheory.model.capability_rows import VERBS
    from vgtheory.reporting.capability_table import kinds

    columns = kinds()
    table(("verb", *columns), ((verb, *("✓" if works(n, verb) else "–" for n in columns.values())) for verb in VERBS))
    say("`vgtheory capabilities ACT` with the options of a network says why, and what to use instead.")


def print_list() -> None:
    """Print the catalogue's formulas with their parameters as symbols, the defaults beside them."""
    from vgtheory.reporting.terminal_formulas import plain_expression

    rows = []
    for name, entry in catalogue.items():
        values = ", ".join(f"{p.symbol} = {float(p.default):g}" for p in entry.parameters)
        source = REFERENCES[entry.reference].short if entry.reference else ""
        rows.append((name, plain_expression(entry.expr), values, source))
    table(("name", "φ(x)", "defaults", "reference"), rows)
    say("")
    table(("block", "a layer, or a step in time"), [(name, named(name).text) for name in names()])
    say(f"Around a block: {', '.join(f'{name}+BLOCK' for name in around())}; `vgtheory simulate BLOCK --help`.")


def print_prediction(predicted: Any, compared: str, written: list[Path]) -> None:
    """Print what theory says about a network, and what simulated ones say to it."""
    from vgtheory.reporting.prediction_rows import PREDICTED, prediction_rows, prediction_sentences

    if "stream" in predicted.dims:
        from vgtheory.reporting import stream_rows

        table(*stream_rows.prediction_table(predicted))
        said = stream_rows.prediction_sentences(predicted)
    else:
        table(PREDICTED, prediction_rows(predicted))
        said = prediction_sentences(predicted)
    for sentence in (*said, compared):
        if sentence:
            say(sentence)
    for path in written:
        say(f"written: {path}")


def print_lineup(found: Any, written: list[Path]) -> None:
    """Print networks side by side."""
    from vgtheory.reporting.tables import LINED_UP, lineup_rows

    table(LINED_UP, lineup_rows(found))
    for path in written:
        say(f"written: {path}")


def print_cookbook(rows: Any, written: list[Path]) -> None:
    """Print which initialiser belongs to which activation."""
    from vgtheory.reporting.cookbook_page import HEADER, cookbook_rows

    table(HEADER, cookbook_rows(rows))
    for path in written:
        say(f"written: {path}")


def print_catalogue(written: Path | None) -> None:
    """Print what is derived about every activation of the catalogue, a row for each."""
    from vgtheory.reporting.catalogue_table import COLUMNS, screen_rows

    table(COLUMNS, screen_rows(catalogue))
    if written is not None:
        say(f"LaTeX: {written}")
