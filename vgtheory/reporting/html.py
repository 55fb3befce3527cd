"""The report as one HTML file from templates: inline SVG, MathML, light and dark; nothing is fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vgtheory._references import REFERENCES
from vgtheory.reporting.document import CODE, SCRIPT, Document, spoken
from vgtheory.reporting.mathml import to_mathml
from vgtheory.reporting.message import t
from vgtheory.reporting.style import INK
from vgtheory.reporting.translation import Translator, translator

TONES = {"vanishes": "bad", "explodes": "bad", "dead": "bad", "critical": "good", "balanced": "good"}


@cache
def environment() -> Environment:
    """Return the templates, in which everything is escaped that is not marked as safe."""
    made = Environment(
        loader=PackageLoader("vgtheory.reporting"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals["_"] = t
    made.filters |= {
        "inline": inline,
        "plain": plain,
        "mathml": lambda latex: Markup(to_mathml(latex)),
        "kind": lambda block: type(block).__name__,
        "json_safe": lambda text: Markup(text.replace("<", r"\u003c")),  # no text can close its element
    }
    return made


def render_html(document: Document, figures: Mapping[str, str], say: Translator | None = None) -> str:
    """Return the page; `figures` maps a figure's name to its SVG text, `say` says the texts in a language."""
    say = say or translator("en")
    return (
        environment()
        .get_template("page.html")
        .render(
            document=spoken(document, say),
            say=say,
            tone=TONES.get(document.regime, ""),
            svg=lambda name, alt: Markup(inline_svg(figures[name], name, plain(alt))),
            works=[REFERENCES[key].line if key in REFERENCES else key for key in document.references],
        )
    )


def inline(text: str) -> Markup:
    """Return text as HTML: everything escaped, scripts and code marked up.

    >>> inline("σ_w < 1, `a_b`, 10^{−3}")
    Markup('σ<sub>w</sub> &lt; 1, <code>a_b</code>, 10<sup>−3</sup>')
    """
    out = []
    for position, part in enumerate(CODE.split(text)):
        safe = escape(part)
        out.append(f"<code>{safe}</code>" if position % 2 else SCRIPT.sub(_scripted, safe))
    return Markup("".join(out))


def _scripted(match: re.Match[str]) -> str:
    tag = "sub" if match[1] == "_" else "sup"
    return f"<{tag}>{match[2] if match[2] is not None else match[3]}</{tag}>"


def plain(text: str) -> str:
    """Return text without its marks, for titles and for who cannot see a figure."""
    return text.replace("`", "").replace("{", "").replace("}", "")


def inline_svg(svg: str, prefix: str, alt: str) -> str:
    """Return the SVG element alone, its ids made unique on the page, its ink following light and dark mode."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = re.sub(re.escape(INK), "currentColor", svg, flags=re.IGNORECASE)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" ', 1).strip()
