"""LaTeX, MathML and terminal forms of one formula name the same things, for every formula that the package prints."""

import contextlib
import re
from collections import Counter
from functools import cache
from xml.etree import ElementTree

import pytest
import sympy as sp

import vgtheory as vg
from vgtheory.reporting.derivation import derivation
from vgtheory.reporting.derivation_steps import steps
from vgtheory.reporting.mathml import to_mathml
from vgtheory.reporting.terminal_formulas import plain_formula
from vgtheory.symbolic import notation as n
from vgtheory.symbolic.formula import formula_latex
from vgtheory.symbolic.gaussian import GaussianMean

NUMBERS = vg.Weights.gaussian(1.2, 0.1)


@cache
def formulas_of(name):
    """Return every formula about one activation: the steps of its derivation, bounds of symbols and of numbers."""
    found = derivation(name)
    out = [f for step in steps(found) for f in step.formulas]
    out += list(found.network) if not hasattr(found.network, "reason") else []
    with contextlib.suppress(vg.VgtheoryError):
        out += vg.bounds(vg.Network(name, NUMBERS, width=512, depth=50))
    return out


SAMPLE = ("relu", "gelu")
NAMES = [SAMPLE, pytest.param(tuple(vg.catalogue), marks=pytest.mark.slow)]
# What one form writes with a word or a sign of its own.
_WORDS = {r"\ln": "ln", r"\max": "max", r"\min": "min", r"\sup": "sup", r"\inf": "inf", r"\exp": "exp"}
_LETTERS = {entry.latex: entry.text for entry in (*n.SYMBOLS.values(), *n.CONSTANTS.values(), *n.FUNCTIONS.values())}
_GREEK = {r"\varphi": "φ", r"\varepsilon": "ε", r"\theta": "θ", r"\delta": "δ", r"\kappa": "κ", r"\chi": "χ",
          r"\sigma": "σ", r"\pi": "π", r"\infty": "∞", r"\ell": "ℓ", r"\partial": "∂"}  # fmt: skip
_COUNTED = ("φ", "ε", "θ", "δ", "κ", "σ", "π", "ln", "erf", "erfc", "erfcx", "tanh", "arcosh", "max", "min")


def numbers(text):
    """Return the decimals of a form, however powers of ten are written."""
    return Counter(re.findall(r"\d+\.\d+", text))


def counted(words):
    return Counter(word for word in words if word in _COUNTED)


def of_latex(text):
    tokens = re.findall(r"\\(?:operatorname|mathrm)\{(\w+)\}|(\\[A-Za-z]+)|([A-Za-z])", text)
    return counted(word or _WORDS.get(command) or _GREEK.get(command) or command[1:] or letter
                   for word, command, letter in tokens)  # fmt: skip


def of_mathml(text):
    tree = ElementTree.fromstring(to_mathml(text))
    return counted((e.text or "").strip() for e in tree.iter() if e.tag in ("mi", "mo"))


def of_terminal(text):
    return counted(re.findall(r"[a-z]{2,}|[^\W\d_]", text))


@pytest.mark.parametrize("names", NAMES)
def test_the_three_forms_of_a_formula_name_the_same_things(names):
    seen = 0
    for name in names:
        for f in formulas_of(name):
            latex, plain = formula_latex(f), plain_formula(f)
            assert numbers(latex) == numbers(" ".join(ElementTree.fromstring(to_mathml(latex)).itertext())), latex
            assert numbers(latex) == numbers(plain), (latex, plain)
            assert of_latex(latex) == of_mathml(latex), latex
            assert of_latex(latex) == of_terminal(plain), (latex, plain)
            seen += 1
    assert seen > 20 * len(names)


def test_the_table_has_one_name_for_one_thing_in_either_form():
    tables = (n.SYMBOLS, n.FUNCTIONS, n.CONSTANTS)
    latex = [entry.latex for table in tables for entry in table.values()]
    text = [entry.text for table in tables for entry in table.values()]
    assert len(set(latex)) == len(latex)
    assert len(set(text)) == len(text)
    for table in tables:
        for entry in table.values():
            assert of_latex(entry.latex) == of_mathml(entry.latex) == of_terminal(entry.text), entry


@pytest.mark.parametrize("names", NAMES)
def test_no_form_leaks_the_name_of_a_class_or_of_a_command(names):
    for name in names:
        for f in formulas_of(name):
            plain = plain_formula(f)
            assert not re.search(r"[A-Z][a-z]+[A-Z]\w*\(|\*|sqrt|\bpi\b|acosh|Max|Min\(|\^1\b", plain), plain
            assert not re.search(r"\bsigma|\bdepth|\bwidth|\beps\b", plain), plain


@pytest.mark.parametrize("names", NAMES)
def test_numbers_of_a_bound_are_multiplied_out(names):
    for name in names:
        for f in formulas_of(name):
            latex = formula_latex(f)
            # Two decimals, or a decimal and a root or fraction of numbers, never stand side by side.
            assert not re.search(r"\d\.\d+ (?:\\cdot )?(?!10\^)\d", latex), latex
            assert not re.search(r"\\ln\{\\left\(\d+ \\right\)\}\}\{\\ln\{\\left\(\d", latex), latex


def test_what_repeats_is_named_once():
    share = sp.erfc(10 * sp.acosh(1 / (2 * sp.sqrt(n.eps))))
    expr = n.fraction * sp.log(n.fraction / share) + (1 - n.fraction) * sp.log((1 - n.fraction) / (1 - share))
    f = vg.Formula(n.active_tail, expr, "upper bound")
    assert formula_latex(f).count("erfc") == plain_formula(f).count("erfc") == 1
    assert plain_formula(f).endswith(", a = erfc(10·arcosh(1/(2·√ε)))")
    other = vg.Formula(n.chi, expr + sp.Symbol("a", positive=True))
    assert ", b = erfc" in plain_formula(other)  # a is taken
    mean = GaussianMean(sp.tanh(n.x) ** 2, n.x, n.q)
    assert plain_formula(vg.Formula(n.chi, mean + sp.log(mean))) == "χ = m + ln(m), m = E[tanh(x)^2, x ~ N(0, q)]"
    short = vg.Formula(n.chi, sp.log(n.q) + sp.sqrt(sp.log(n.q)))
    assert ", a = " not in plain_formula(short)
