"""The report as a LaTeX document, of the same pieces as any other; figures as PDF beside it."""

from __future__ import annotations

from vgtheory.reporting.document import (
    Block,
    Code,
    Document,
    Equation,
    FigureBlock,
    FigureRow,
    Fold,
    Heading,
    Paragraph,
    Section,
    Table,
)
from vgtheory.reporting.latex_document import (
    Labels,
    document,
    equation,
    figure,
    figures_beside,
    heading,
    listing,
    paragraph,
)
from vgtheory.reporting.latex_table import table
from vgtheory.reporting.latex_text import prose
from vgtheory.reporting.message import Text


def render_tex(source: Document) -> str:
    """Return the document; figures are included as NAME.pdf from the folder in which it is compiled."""
    labels = Labels()
    parts = [
        r"\postdisplaypenalty=5000" + "\n",  # what is said of a formula is on its page
        rf"\noindent\fbox{{\parbox{{\dimexpr\linewidth-2\fboxsep-2\fboxrule}}{{{prose(str(source.verdict))}}}}}" + "\n",
        *(_section(s, labels) for s in source.sections),
    ]
    if source.key_numbers:
        numbers = table(("Quantity", "Value", "How it is known"), _rows(source.key_numbers))
        parts.append(f"{heading('All numbers that decide', 2)}\n\n{numbers}")
    parts.append(f"{heading('Reproduce')}\n{listing(source.provenance)}")
    return document(str(source.title), parts, str(source.subtitle), source.references)


def _section(section: Section, labels: Labels) -> str:
    """Return a numbered section with its blocks; equations and figures can be referred to by their labels."""
    blocks = (_block(b, str(section.title), labels) for b in section.blocks)
    return "\n\n".join([heading(str(section.title), numbered=True), *blocks])


def _block(block: Block, title: str, labels: Labels) -> str:
    match block:
        case Paragraph(source):
            return paragraph(str(source))
        case Heading(source):
            return heading(str(source), 2)
        case FigureRow(figures):
            return figures_beside([(f"{each.name}.pdf", str(each.caption)) for each in figures])
        case Code(source):
            return listing(source)
        case Fold(name, blocks) if any(isinstance(each, Code) for each in blocks):
            return paragraph(f"{name}: in report.html.")  # pages of code are to be copied, not to be read
        case Fold(name, blocks):
            return "\n\n".join([heading(str(name), 2), *(_block(each, str(name), labels) for each in blocks)])
        case Equation():
            below = ". ".join(str(part) for part in (block.known, block.note) if part)
            shown = equation(block.latex, labels.new(title))
            return shown + (f"\n{{\\small ({prose(below)})}}\n" if below else "")
        case Table():
            return table(tuple(map(str, block.header)), _rows(block.rows), str(block.caption))
        case FigureBlock(name, caption, _):
            return figure(f"{name}.pdf", str(caption))


def _rows(rows: tuple[tuple[Text, ...], ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(map(str, row)) for row in rows)
