"""The report as a LaTeX document: article with amsmath, amssymb, booktabs and graphicx; figures as PDF beside it."""

from __future__ import annotations

import re

from vgtheory.reporting.document import CODE, SCRIPT, Block, Document, Equation, FigureBlock, Paragraph, Section, Table
from vgtheory.reporting.latex_document import PREAMBLE, equation, figure
from vgtheory.reporting.latex_text import escape


def render_tex(document: Document) -> str:
    """Return the document; figures are included as NAME.pdf from the folder in which it is compiled."""
    body = [
        PREAMBLE,
        rf"\title{{{text(document.title)}}}\author{{}}\date{{}}",
        r"\begin{document}",
        r"\maketitle",
        text(document.subtitle) + "\n",
        rf"\fbox{{\parbox{{\dimexpr\linewidth-2\fboxsep-2\fboxrule}}{{{text(document.verdict)}}}}}" + "\n",
        _table(Table(("Quantity", "Value", "How it is known"), document.key_numbers)),
        *(_section(s) for s in document.sections),
    ]
    if document.references:
        items = "\n".join(rf"\item {text(r)}" for r in document.references)
        body.append(f"\\section*{{References}}\n\\begin{{itemize}}\n{items}\n\\end{{itemize}}")
    lines = "\n\n".join(_verbatim(line) for line in document.provenance.splitlines())
    body.append(f"\\section*{{Reproduce}}\n{{\\footnotesize\\setlength{{\\parskip}}{{0pt}}\\raggedright\n{lines}\n\n}}")
    body.append("\\end{document}\n")
    return "\n".join(body)


def text(source: str) -> str:
    r"""Return text as LaTeX: special characters escaped, Unicode mathematics set as mathematics.

    >>> print(text("σ_w ≤ 10^{−3}, 50 %, `a_b`"))
    $\sigma$\textsubscript{w} $\le$ 10\textsuperscript{$-$3}, 50 \%, \texttt{a\_\allowbreak{}b}
    """
    parts = CODE.split(source)
    return "".join(_verbatim(part) if position % 2 else _scripts(part) for position, part in enumerate(parts))


def _verbatim(part: str) -> str:
    # Break points after operators, else a long formula runs into the margin.
    pieces = re.split(r"(?<=[-+*/(,:_])", part)
    return r"\texttt{" + r"\allowbreak{}".join(escape(p) for p in pieces) + "}"


def _scripts(part: str) -> str:
    out, last = [], 0
    for match in SCRIPT.finditer(part):
        inner = match[2] if match[2] is not None else match[3]
        command = r"\textsubscript" if match[1] == "_" else r"\textsuperscript"
        out += [escape(part[last : match.start()]), f"{command}{{{escape(inner)}}}"]
        last = match.end()
    return "".join([*out, escape(part[last:])])


def _section(section: Section) -> str:
    return "\n\n".join([rf"\section{{{text(section.title)}}}", *(_block(b) for b in section.blocks)])


def _block(block: Block) -> str:
    match block:
        case Paragraph(source):
            return text(source)
        case Equation():
            below = ". ".join(part for part in (block.known, block.note) if part)
            return equation(block.latex) + (f"\n{{\\small ({text(below)})}}\n" if below else "")
        case Table():
            return _table(block)
        case FigureBlock(name, caption, _):
            return figure(f"{name}.pdf") + f"{{\\small {text(caption)}}}\n"


def _table(table: Table) -> str:
    columns = len(table.header)
    shares = (0.27, 0.33, 0.36) if columns == 3 else ((0.97 - 0.015 * columns) / columns,) * columns
    spec = "".join(rf"p{{{share:.2f}\linewidth}}" for share in shares)
    caption = f"{{\\small {text(table.caption)}}}\\\\[2pt]\n" if table.caption else ""
    rows = "\n".join(" & ".join(rf"\raggedright {text(c)}" for c in row) + r" \tabularnewline" for row in table.rows)
    head = " & ".join(text(h) for h in table.header)
    return (
        f"\\begin{{center}}\\small\\setlength{{\\tabcolsep}}{{3pt}}\n{caption}"
        f"\\begin{{tabular}}{{@{{}}{spec}@{{}}}}\n\\toprule\n"
        f"{head} \\\\\n\\midrule\n{rows}\n\\bottomrule\n\\end{{tabular}}\n\\end{{center}}\n"
    )
