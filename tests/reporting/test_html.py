"""The page: nothing a user writes becomes markup, nothing is fetched, formulas are MathML."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

import vgtheory as vg
from vgtheory.reporting.document import (
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
    code,
)
from vgtheory.reporting.html import inline, render_html
from vgtheory.reporting.mathml import to_mathml
from vgtheory.reporting.tex import render_tex
from vgtheory.symbolic.formula import formula_latex
from vgtheory.symbolic.printing import to_latex

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)> & \"quotes\" 'single' ${x} \\input{/etc/passwd}"
SVG = (
    '<?xml version="1.0"?><svg width="1pt" xmlns:xlink="x"><defs><path id="a"/></defs>'
    '<use xlink:href="#a" style="fill: #232629; clip-path: url(#a)"/></svg>'
)
VOID = {"meta", "br", "img", "link", "input", "hr"}


def document(text: str) -> Document:
    blocks = (
        Paragraph(text),
        Equation(r"\chi = \sigma_w^{2}", "proved", text),
        Table(("a", text), ((text, code(text)),), text),
        FigureBlock("one", text, text),
        Heading(text),
        Fold(text, (FigureRow((FigureBlock("two", "second", "second"),)), Code(text))),
    )
    provenance = json.dumps({"name": text})
    sections = (Section(text, blocks),)
    return Document(
        code(text),
        text,
        text,
        "explodes",
        ((text, text, text),),
        sections,
        (text,),
        provenance,
        json.dumps({"a": text}),
    )


class Elements(HTMLParser):
    """Collects elements and checks that they nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(page: str) -> Elements:
    elements = Elements()
    elements.feed(page)
    assert elements.open == []
    return elements


FORMULAS = {"math", "mrow", "mi", "mn", "mo", "msub", "msup", "msubsup", "mspace", "mtext", "wbr"}


def test_what_a_user_writes_never_becomes_markup():
    plain, evil = (parsed(render_html(document(t), {"one": SVG, "two": SVG})) for t in ("harmless", EVIL))
    assert [tag for tag, _ in evil.seen if tag not in FORMULAS] == [tag for tag, _ in plain.seen if tag not in FORMULAS]
    assert not any(name.startswith("on") for _, attributes in evil.seen for name in attributes)


def test_the_page_fetches_nothing():
    page = render_html(document("text"), {"one": SVG, "two": SVG})
    for tag, attributes in parsed(page).seen:
        assert tag not in {"link", "img", "iframe", "object"}
        assert "src" not in attributes
        assert all(v.startswith("#") for k, v in attributes.items() if k.endswith("href"))
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|@import", page)


def test_ids_are_unique_and_figures_have_words():
    page = render_html(document("text"), {"one": SVG, "two": SVG})
    elements = parsed(page).seen
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert [a["aria-label"] for tag, a in elements if tag == "svg"] == ["text", "second"]
    assert "currentColor" in page
    assert "#232629" not in page.split("</style>")[1]


def test_the_provenance_can_be_read_back():
    page = render_html(document(EVIL), {"one": SVG, "two": SVG})
    for name, key in (("provenance", "name"), ("live", "a")):
        held = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
        assert json.loads(held[1]) == {key: EVIL}


def test_copied_latex_is_the_formula():
    page = render_html(document("text"), {"one": SVG, "two": SVG})
    assert [a["data-copy"] for tag, a in parsed(page).seen if tag == "button"] == [r"\chi = \sigma_w^{2}", "text"]


def test_scripts_in_text():
    chi = "<math><mrow><msub><mi>χ</mi><mi>q</mi></msub></mrow></math>"
    power = "<math><mrow><msup><mn>10</mn><mrow><mo>−</mo><mn>38</mn></mrow></msup></mrow></math>"
    assert inline("χ_q is below 10^{−38}") == f"{chi} is below {power}"
    assert inline("`x_1 < 2`") == "<code>x_1 &lt; 2</code>"


@pytest.mark.parametrize("name", sorted(vg.catalogue))
def test_every_derivative_is_well_formed_mathml(name):
    act = vg.activation(name)
    for order in range(3):
        root = ElementTree.fromstring(to_mathml(to_latex(act.derivative(order))))
        text = "".join(root.itertext())
        assert not re.search(r"\\|left|right|begin|frac", text), text


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{1}{1+e^{-x}}", "11+e−x"),
        (r"\left\|\frac{\partial \ell}{\partial h_l}\right\|_2", "‖∂ℓ∂hl‖2"),
        (r"\mathbb{E}\left[\varphi'^{2}\right] \le \sup_{x} \left|f\right|", "𝔼[φ′2]≤supx|f|"),
        (r"\begin{aligned} a &= b \\ &= c \end{aligned}", "a=b=c"),
        (r"\sqrt[3]{x}\,\text{if } x < 0", "x3if\u00a0x<0"),
        (r"\prod_{k=1}^{L}\unknown", "∏k=1Lunknown"),
    ],
)
def test_mathml_of_what_the_bounds_are_written_with(latex, text):
    assert "".join(ElementTree.fromstring(to_mathml(latex)).itertext()) == text


def test_half_a_formula_still_gives_an_element():
    for broken in ("\\frac{1}{", "x^", "\\left(", "}{", "\\begin{cases} 1", "_", "\\sqrt["):
        ElementTree.fromstring(to_mathml(broken))


def test_a_document_without_figures_keeps_everything_else():
    told = document("text")
    assert told.figures == {"one", "two"}
    bare = told.without_figures
    assert bare.figures == set()
    assert "includegraphics" not in render_tex(bare)
    assert len(bare.sections[0].blocks) == len(told.sections[0].blocks) - 1


def test_latex_holds_the_same_document():
    source = render_tex(document(EVIL))
    assert source.startswith(r"\documentclass")
    assert r"\input{" not in source
    assert source.count(r"\begin{tabular}") == source.count(r"\end{tabular}") == 2
    for package in re.findall(r"\\usepackage(?:\[[^]]*\])?\{([^}]*)\}", source):
        assert set(package.split(",")) <= {
            "amsmath", "amssymb", "amsthm", "booktabs", "graphicx", "fontenc", "inputenc", "lmodern", "flafter",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"J^\top g", "J⊤g"),
        (r"L \ln{\left(x \right)}", "L\u2009ln(x)"),
        (r"512 \max\left(1, p\right)", "512\u2009max(1,p)"),
        (r"L \ln L", "L\u2009ln\u2009L"),
        (r"\operatorname{Var}\ln q", "Var\u2009ln\u2009q"),
        (r"- \ln{\left(x \right)}", "−ln(x)"),
        (r"\tanh^{2}{\left(x \right)}", "tanh2(x)"),
        (r"\varepsilon \text{ for all } i", "ε\u00a0for all\u00a0i"),
        (r"\mathcal{N}(0, q)", "𝒩(0,q)"),
    ],
)
def test_words_in_formulas_keep_their_distance(latex, text):
    tree = ElementTree.fromstring(to_mathml(latex))
    seen = "".join("\u2009" if e.tag == "mspace" else e.text or "" for e in tree.iter())
    assert seen == text


def test_brackets_of_a_stated_size_grow_as_those_that_fit_do():
    for latex, count in ((r"\Bigl(\frac{a}{b}\Bigr)", 2), (r"\left(\frac{a}{b}\right)", 2), (r"(a)", 0)):
        fences = [e for e in ElementTree.fromstring(to_mathml(latex)).iter("mo") if e.get("stretchy") == "true"]
        assert len(fences) == count


def test_no_command_of_any_bound_is_left_as_its_name():
    for network in (
        vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), 64, 20),
        vg.Network("relu", vg.Weights.he(), 64, 20),
    ):
        for bound in vg.bounds(network):
            tree = ElementTree.fromstring(to_mathml(formula_latex(bound)))
            assert {e.text for e in tree.iter("mtext")} <= {"\u00a0for all\u00a0"}
