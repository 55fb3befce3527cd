"""The report as a LaTeX document, of the same pieces as any other; figures as PDF beside it."""

from __future__ import annotations

from vgtheory.reporting.document import Block, Document, Equation, FigureBlock, Paragraph, Section, Table
from vgtheory.reporting.latex_document import document, equation, figure, heading, paragraph
from vgtheory.reporting.latex_table import table
from vgtheory.reporting.latex_text import prose, verbatim


def render_tex(source: Document) -> str:
    """Return the document; figures are included as NAME.pdf from the folder in which it is compiled."""
    parts = [
        rf"\fbox{{\parbox{{\dimexpr\linewidth-2\fboxsep-2\fboxrule}}{{{prose(source.verdict)}}}}}" + "\n",
        *([table(("Quantity", "Value", "How it is known"), source.key_numbers)] if source.key_numbers else []),
        *(section_tex(s) for s in source.sections),
    ]
    if source.references:
        items = "\n".join(rf"\item {prose(r)}" for r in source.references)
        parts.append(f"{heading('References')}\n\\begin{{itemize}}\n{items}\n\\end{{itemize}}")
    lines = "\n\n".join(verbatim(line) for line in source.provenance.splitlines())
    parts.append(f"{heading('Reproduce')}\n{{\\footnotesize\\setlength{{\\parskip}}{{0pt}}\\raggedright\n{lines}\n\n}}")
    return document(source.title, parts, source.subtitle)


def section_tex(section: Section) -> str:
    """Return a numbered section with its blocks."""
    return "\n\n".join([heading(section.title, numbered=True), *(_block(b) for b in section.blocks)])


def _block(block: Block) -> str:
    match block:
        case Paragraph(source):
            return paragraph(source)
        case Equation():
            below = ". ".join(part for part in (block.known, block.note) if part)
            return equation(block.latex) + (f"\n{{\\small ({prose(below)})}}\n" if below else "")
        case Table():
            return table(block.header, block.rows, block.caption)
        case FigureBlock(name, caption, _):
            return figure(f"{name}.pdf", caption)
