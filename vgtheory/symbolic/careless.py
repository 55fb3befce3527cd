"""What people write for a formula and did not mean as Python: the refusal that says what to write instead.

Nothing is corrected silently: ``2x``, ``sin x`` or ``tanhx`` have a likely meaning, and the error names it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable

from vgtheory._errors import FormulaError

# Signs that look like, or stand for, something of the formula language.
_SIGNS = {
    "−": "-", "–": "-", "—": "-", "·": "*", "×": "*", "∙": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/", "²": "**2",
    "³": "**3", "⁴": "**4", "√": "sqrt(...)", "π": "pi", "≤": "<=", "≥": ">=", "≠": "Ne(a, b)", "∞": "a finite number",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "λ": "lam", "μ": "mu", "ω": "omega",
    "σ": "sigmoid(x)", "Φ": "normal_cdf(x)", "φ": "phi", "½": "1/2", "\u00a0": "a plain space",
    "х": "the Latin letter x", "е": "the Latin letter e", "а": "the Latin letter a", "ｘ": "the Latin letter x",
}  # fmt: skip
_NODES = {
    ast.Tuple: ("a comma", "one formula", "write decimals with a point, as in 0.5*x"),
    ast.Compare: (
        "a comparison",
        "numbers to multiply and add",
        "write branches as Piecewise((x, x > 0), (0, True))",
    ),
    ast.BoolOp: ("and / or", "a formula", "write conditions in Piecewise with & and |"),
    ast.List: ("square brackets", "round brackets", "write (x + 1)"),
    ast.Set: ("braces", "round brackets", "write (x + 1)"),
}


def sign_hint(ch: str) -> str:
    """Return what to write for a character that is not printable ASCII."""
    if ch in "\a\b\t\v\f\r":  # what Python makes of \alpha, \beta, \tanh, \varphi, \frac and \rho
        return 'write LaTeX as a raw string, r"\\tanh x"'
    meant = _SIGNS.get(ch)
    return f"write {meant} for it" if meant else "retype it with plain letters and signs"


def refused_node(node: ast.expr) -> FormulaError:
    """Return the error for a piece of syntax that no formula has."""
    if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
        return FormulaError("a bracket after a number or bracket", "a product with *", "e.g. 2*(x + 1)")
    if type(node) in _NODES:
        problem, accepted, step = _NODES[type(node)]
        return FormulaError(f"{problem} in a formula", accepted, step)
    kind = type(node).__name__
    return FormulaError(f"{kind} in a formula", "numbers, names, + - * / **, brackets and calls", "write it with those")


def refused_text(text: str, functions: Collection[str]) -> FormulaError:
    """Return the error for a text that is not a formula, with the likeliest repair."""
    shown, accepted = f"{text[:60]!r} is not a formula", "e.g. x/(1+exp(-x))"
    names = "|".join(sorted(functions, key=len, reverse=True))
    if found := re.search(rf"\b({names})\s*(\^|\*\*)\s*(\d+)\s*\(", text):
        return FormulaError(shown, accepted, f"write {found[1]}(x)**{found[3]}")
    if found := re.search(rf"\b({names})\b\s*(-?)\s*([A-Za-z0-9]\w*)", text):
        return FormulaError(shown, accepted, f"write {found[1]}({found[2]}{found[3][:20]})")
    if "|" in text:
        return FormulaError(shown, accepted, "write abs(x)")
    if found := re.search(r"(\w+|\))\s+(\w+|\()|(\))\s*(\w+|\()", text):
        left, right = (g for g in found.groups() if g is not None)
        return FormulaError(shown, accepted, f"write a product with *, {left[:20]}*{right[:20]}")
    if text.count("(") != text.count(")"):
        return FormulaError(shown, accepted, f"it opens {text.count('(')} brackets and closes {text.count(')')}")
    return FormulaError(shown, accepted, "check brackets and operators")


def need_separate(names: Iterable[str], functions: Collection[str], text: str) -> None:
    """Refuse a variable such as ``tanhx``, which would otherwise be the identity function of a variable so named."""
    for name in names:
        if name in functions:
            power = re.search(rf"\b{name}\s*(?:\^|\*\*)\s*(\d+)", text)
            step = f"write {name}(x)" + (f"**{power[1]}" if power else "")
            raise FormulaError(f"the function {name} without brackets", "brackets around its argument", step)
        for function in sorted(functions, key=len, reverse=True):
            rest = name.removeprefix(function)
            if rest != name and re.fullmatch(r"[A-Za-z]|\d+[A-Za-z]?", rest):
                meant = re.sub(r"(\d)([A-Za-z])", r"\1*\2", rest)
                raise FormulaError(f"the name {name!r}", "a function with brackets", f"write {function}({meant})")


def refused_product(name: str, variables: Collection[str]) -> FormulaError | None:
    """Return the error for ``x(1 + x)``, None where `name` is not one of the variables."""
    if name in variables or (len(name) == 1 and name.isalpha()):
        return FormulaError(f"{name}(...) with the variable {name}", "a product with *", f"write {name}*(...)")
    return None
