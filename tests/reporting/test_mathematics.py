"""Mathematics inside sentences: what is a formula, and that its LaTeX, MathML and text say the same."""

import re
from xml.etree import ElementTree

import pytest

from tests.reporting.test_translation import messages
from vgtheory.reporting.latex_text import prose
from vgtheory.reporting.mathematics import pieces
from vgtheory.reporting.mathml import to_mathml
from vgtheory.reporting.message import SLOT
from vgtheory.reporting.translation import catalogue, languages
from vgtheory.symbolic.notation import SYMBOLS

SENTENCES = {
    "weights of σ_w² = 2, as in `a_b`": r"weights of $\sigma_{w}^{2} = 2$, as in `a_b`",
    "Layer l computes h_l = W_l x_{l−1} + b_l.": r"Layer $l$ computes $h_{l} = W_{l}\,x_{l-1} + b_{l}$.",
    "h in (−∞, −4.58] ∪ [4.58, ∞): 50 %": r"$h$ in $(-\infty,\, -4.58] \cup [4.58,\, \infty)$: 50 %",
    "J = ∂x_L/∂x_0 of 20 (χ = 1), i.e. a gain": r"$J = \partial x_{L}/\partial x_{0}$ of 20 ($\chi = 1$), i.e. a gain",
    "ln‖∂ℓ/∂h_l‖ is −2.5 ± 0.1": r"$\ln\|\partial\ell/\partial h_{l}\|$ is $-2.5 \pm 0.1$",
    "E φ'(√q z)² for a network's q*": r"$\mathbb{E}\,\varphi'(\sqrt{q}\,z)^{2}$ for a network's $q^{*}$",
    "γ(φ(αx + β) + δ), 2/|ln χ|": r"$\gamma(\varphi(\alpha x + \beta) + \delta)$, $2/|\ln\chi|$",
    "x_l = x_{l−1} + a φ(h_l) with a = 1/L": r"$x_{l} = x_{l-1} + a\,\varphi(h_{l})$ with $a = 1/L$",
    "a factor of 8×10^{27}, leaky_relu, e.g. 3 (99 %)": r"a factor of $8\times10^{27}$, leaky_relu, e.g. 3 (99 %)",
    "第 l 层计算 x_l，width → ∞": r"第 $l$ 层计算 $x_{l}$，width $\to \infty$",
    "the law $s_+^2$ of I and A": "the law $s_+^2$ of I and A",
}


def shown(text: str) -> str:
    """Return a sentence with its formulas between dollar signs."""
    marks = {"text": "", "code": "`", "math": "$"}
    return "".join(marks[p.kind] + " ".join(p.parts) + marks[p.kind] for p in pieces(text))


@pytest.mark.parametrize("text", SENTENCES)
def test_the_formulas_of_a_sentence(text):
    assert shown(text) == SENTENCES[text]


def letters(latex: str) -> str:
    """Return what a formula shows, without spaces, bars of fractions and product signs."""
    return "".join(ch for ch in "".join(ElementTree.fromstring(to_mathml(latex)).itertext()) if ch not in " \u00a0/·")


LIMITS = re.compile(r"\\(?:max|min|sup|inf)_|#")  # what a terminal does not write, or sentences do not hold


def test_the_text_of_a_symbol_is_set_as_its_latex():
    compared = 0
    for name, symbol in SYMBOLS.items():
        found = pieces(symbol.text)
        if [piece.kind for piece in found] == ["math"] and not LIMITS.search(symbol.latex):
            compared += 1
            assert letters("".join(found[0].parts)) == letters(symbol.latex), name
    assert compared > 0.75 * len(SYMBOLS)


@pytest.mark.parametrize("language", languages())
def test_no_message_loses_a_character_or_shows_the_name_of_a_command(language):
    texts = set(messages()) if language == "en" else set(catalogue(language)[0].values())
    assert len(texts) > 150
    formulas = 0
    for text in texts:
        filled = SLOT.sub("7", text)
        for piece in pieces(filled):
            if piece.kind == "math":
                formulas += 1
                for part in piece.parts:
                    root = ElementTree.fromstring(to_mathml(part))
                    assert root.find(".//mtext") is None, (text, part)  # an unknown command is shown as text
        assert prose(filled).replace(r"\$", "").count("$") % 2 == 0
    assert formulas > 100
