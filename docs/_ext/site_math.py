"""Formulas as MathML, which browsers show without a script and without fonts from elsewhere."""

import html
from typing import Any

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def _converted(source: str, display: str) -> str:
    return convert(source.strip(), display=display)


def _inline(writer: Any, node: Any) -> None:
    writer.body.append(_converted(node.astext(), "inline"))
    raise SkipNode


def _block(writer: Any, node: Any) -> None:
    number = f'<span class="eqno">({html.escape(str(node["number"]))})</span>' if node.get("number") else ""
    writer.body.append(f'<div class="math">{number}{_converted(node.astext(), "block")}</div>\n')
    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer under the name "mathml"."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
