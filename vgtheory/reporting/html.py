"""The report as one HTML file from templates: inline SVG, MathML, light and dark; nothing is fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vgtheory._references import REFERENCES
from vgtheory.reporting.document import Document, spoken
from vgtheory.reporting.mathematics import pieces
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
    """Return text as HTML: everything escaped, formulas as MathML in parts that a line may end between, code marked.

    >>> inline("the σ_w & `a_b`")
    Markup('the <math><mrow><msub><mi>σ</mi><mi>w</mi></msub></mrow></math> &amp; <code>a_b</code>')
    """
    return Markup("".join(_SHOWN[piece.kind](piece.parts) for piece in pieces(text)))


_SHOWN: dict[str, Callable[[tuple[str, ...]], str]] = {
    "text": lambda parts: escape(parts[0]),
    "code": lambda parts: f"<code>{escape(parts[0])}</code>",
    # {} stands for what is before a relation, or else a sign would be that of a number
    "math": lambda parts: "<wbr>".join(to_mathml("{}" * (k > 0) + p, display=False) for k, p in enumerate(parts)),
}


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
