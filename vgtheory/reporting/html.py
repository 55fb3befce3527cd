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
from vgtheory.reporting.style import BLUE, GREEN, INK, VERMILION
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


def render_html(
    document: Document, figures: Mapping[str, str], say: Translator | None = None, labelled: bool = True
) -> str:
    """Return the page; `figures` maps a figure's name to its SVG text, `say` says the texts in a language.

    Where the figures are not `labelled` in that language the page says why.
    """
    say = say or translator("en")
    return (
        environment()
        .get_template("page.html")
        .render(
            document=spoken(document, say),
            say=say,
            labelled=labelled,
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
    return Markup(_BESIDE.sub(_kept, "".join(_SHOWN[piece.kind](piece.parts) for piece in pieces(text))))


# A formula with the brackets and the punctuation that touch it.
_BESIDE = re.compile(r"([(\[×]?)(<math>(?:(?!</math>).)*</math>)([,.;:!?)\]，。；：）]*)", re.DOTALL)


def _kept(match: re.Match[str]) -> str:
    """Return a formula so that no line ends between it and what touches it."""
    return f'<span class="one">{match[0]}</span>' if match[1] or match[3] else match[0]


_SHOWN: dict[str, Callable[[tuple[str, ...]], str]] = {
    "text": lambda parts: escape(parts[0].replace(" %", "\u00a0%")),
    "code": lambda parts: f"<code>{escape(parts[0])}</code>",
    # {} stands for what is before a relation, or else a sign would be that of a number
    "math": lambda parts: "<wbr>".join(to_mathml("{}" * (k > 0) + p, display=False) for k, p in enumerate(parts)),
}


def plain(text: str) -> str:
    """Return text without its marks, for titles and for who cannot see a figure."""
    return text.replace("`", "").replace("{", "").replace("}", "")


_FOLLOWING = {INK: "currentColor", BLUE: "var(--accent)", VERMILION: "var(--warm)", GREEN: "var(--green)"}


def inline_svg(svg: str, prefix: str, alt: str) -> str:
    """Return the SVG element alone, its ids made unique on the page, its colours following light and dark mode."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    for colour, variable in _FOLLOWING.items():
        svg = re.sub(re.escape(colour), variable, svg, flags=re.IGNORECASE)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" ', 1).strip()
