"""The report as one HTML file: inline SVG, MathML, light and dark; nothing is fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from vgtheory._references import REFERENCES
from vgtheory.reporting.document import CODE, SCRIPT, Block, Document, Equation, FigureBlock, Paragraph, Section, Table
from vgtheory.reporting.language import Translator, translator
from vgtheory.reporting.mathml import to_mathml
from vgtheory.reporting.style import INK

_REGIME_WORDS = {"vanishes": "bad", "explodes": "bad", "dead": "bad", "critical": "good", "balanced": "good"}

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
COPY_BUTTON = Path(__file__).with_name("page.js").read_text(encoding="utf-8")


def render_html(document: Document, figures: Mapping[str, str], say: Translator | None = None) -> str:
    """Return the page; `figures` maps a figure's name to its SVG text, `say` translates the page's own words."""
    say = say or translator("en")
    tone = _REGIME_WORDS.get(document.regime, "")
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="{say.language}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # Nothing may be loaded from anywhere, whatever a formula or a name contains.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'\">",
        f"<title>{escape(_plain(document.title))}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>{inline(document.title)}</h1>",
        f'<p class="sub">{inline(document.subtitle)}</p>',
        f'<p class="verdict {tone}">{inline(document.verdict)}</p>',
    ]
    if document.key_numbers:
        header = (say("Quantity"), say("Value"), say("How it is known"))
        parts.append(_table(Table(header, document.key_numbers)))
    parts += [_section(number, s, figures, say) for number, s in enumerate(document.sections, 1)]
    parts += [
        _references(document, say),
        _provenance(document, say),
        f"</main><script>{COPY_BUTTON}</script></body></html>",
    ]
    return "\n".join(p for p in parts if p) + "\n"


def inline(text: str) -> str:
    """Return text as HTML: everything escaped, scripts and code marked up.

    >>> inline("σ_w < 1, `a_b`, 10^{−3}")
    'σ<sub>w</sub> &lt; 1, <code>a_b</code>, 10<sup>−3</sup>'
    """
    out = []
    for position, part in enumerate(CODE.split(text)):
        safe = escape(part)
        out.append(f"<code>{safe}</code>" if position % 2 else SCRIPT.sub(_scripted, safe))
    return "".join(out)


def _scripted(match: re.Match[str]) -> str:
    tag = "sub" if match[1] == "_" else "sup"
    return f"<{tag}>{match[2] if match[2] is not None else match[3]}</{tag}>"


def _plain(text: str) -> str:
    return text.replace("`", "").replace("{", "").replace("}", "")


def _section(number: int, section: Section, figures: Mapping[str, str], say: Translator) -> str:
    body = "\n".join(_block(b, figures, say) for b in section.blocks)
    return f'<section id="section-{number}"><h2>{number}. {inline(section.title)}</h2>\n{body}</section>'


def _block(block: Block, figures: Mapping[str, str], say: Translator) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{inline(text)}</p>"
        case Equation():
            return _equation(block, say)
        case Table():
            return _table(block)
        case FigureBlock():
            return _figure(block, figures[block.name])


def _equation(block: Equation, say: Translator) -> str:
    known = f'<span class="known">{escape(block.known)}</span>' if block.known else ""
    note = f'<div class="note">{inline(block.note)}</div>' if block.note else ""
    words = f'data-latex="{escape(block.latex)}" data-done="{say("copied")}"'
    button = f'<button class="copy" type="button" {words}>{say("copy LaTeX")}</button>'
    return f'<div class="eq"><div class="math">{to_mathml(block.latex)}</div>{known}{button}{note}</div>'


def _table(table: Table) -> str:
    caption = f"<caption>{inline(table.caption)}</caption>" if table.caption else ""
    head = "".join(f'<th scope="col">{inline(h)}</th>' for h in table.header)
    rows = "".join("<tr>" + "".join(f"<td>{inline(c)}</td>" for c in row) + "</tr>" for row in table.rows)
    return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _figure(block: FigureBlock, svg: str) -> str:
    label = f'role="img" aria-label="{escape(_plain(block.alt))}"'
    return f"<figure>{_inline_svg(svg, block.name, label)}<figcaption>{inline(block.caption)}</figcaption></figure>"


def _inline_svg(svg: str, prefix: str, label: str) -> str:
    """Return the SVG element alone, its ids made unique on the page, its ink following light and dark mode."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = re.sub(re.escape(INK), "currentColor", svg, flags=re.IGNORECASE)
    return svg.replace("<svg ", f"<svg {label} ", 1).strip()


def _references(document: Document, say: Translator) -> str:
    if not document.references:
        return ""
    return (
        f"<section><h2>{say('References')}</h2><ul>"
        + "".join(f"<li>{inline(REFERENCES[r].line if r in REFERENCES else r)}</li>" for r in document.references)
        + "</ul></section>"
    )


def _provenance(document: Document, say: Translator) -> str:
    return (
        f"<section><h2>{say('Reproduce')}</h2>"
        f"<details><summary>{say('specification, seed and versions')}</summary>"
        f'<pre>{escape(document.provenance)}</pre></details><script type="application/json" id="provenance">'
        # "<" as an escape, so that no text of the user can close the element.
        f"{document.provenance.replace('<', chr(92) + 'u003c')}</script></section>"
    )
