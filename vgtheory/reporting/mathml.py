r"""LaTeX to presentation MathML, for the LaTeX that this package writes: pages show formulas without any script.

One printer decides the notation (:mod:`vgtheory.symbolic.printing`); this turns its output into what browsers draw,
so that the page, the LaTeX document and the copy button never disagree.  A command that is not known is shown by its
name, as text, and never lost.
"""

from __future__ import annotations

import re
from html import escape

from vgtheory.reporting.signs import LETTERS, OPERATORS

_TOKEN = re.compile(r"\\[a-zA-Z]+\*?|\\.|\d+(?:\.\d+)?|[{}^_&']|\s+|.", re.DOTALL)
_NAMED = {
    "sin", "cos", "tan", "sinh", "cosh", "tanh", "sech", "csch", "coth", "exp", "log", "ln", "erf", "erfc",
    "arcsin", "arccos", "arctan", "arg", "det", "dim", "gcd", "ker", "Pr", "sign", "asinh", "acosh", "atanh", "sec",
    "csc", "cot",
}  # fmt: skip
_LIMITS = {"sum": "∑", "prod": "∏", "max": "max", "min": "min", "sup": "sup", "inf": "inf", "lim": "lim",
           "limsup": "lim sup", "liminf": "lim inf"}  # fmt: skip
_SPACES = {"\\,": "0.17em", "\\:": "0.22em", "\\;": "0.28em", "\\ ": "0.3em", "\\quad": "1em", "\\qquad": "2em"}
_ACCENTS = {
    "hat": "^",
    "bar": "¯",
    "overline": "¯",
    "tilde": "~",
    "widetilde": "~",
    "widehat": "^",
    "dot": "˙",
    "vec": "→",
}
_DOUBLE = {"E": "𝔼", "P": "ℙ", "R": "ℝ", "N": "ℕ", "Z": "ℤ", "C": "ℂ"}
_SCRIPT_LETTERS = {"N": "𝒩", "F": "ℱ", "O": "𝒪", "L": "ℒ"}
_IGNORED = {"displaystyle", "textstyle", "limits", "nolimits", "mathopen", "mathclose", "nonumber", "allowbreak"}
_SIZES = {"big": "1.2em", "Big": "1.8em", "bigg": "2.4em", "Bigg": "3em"}
_SIZED = re.compile(r"([bB]igg?)[lr]?")
_FENCES = "{}|‖⟨⟩⌈⌉⌊⌋"
_FIXED = ' stretchy="false" lspace="0" rspace="0"'
_STRETCHY = ' fence="true" stretchy="true" symmetric="true" lspace="0" rspace="0"'
_TALL = re.compile(
    r"<m(?:frac|sqrt|root|under|over|underover|table|subsup)\b|<msu[bp]>(?:<mrow>)*<mo|minsize|<msub>.*<msup>|<msup>.*<msub>"
)
_TIGHT = ' lspace="0" rspace="0"'
_THIN = '<mspace width="0.17em"/>'  # on either side of a named function, as TeX sets it
_TABLES = {"cases": ("{", ""), "aligned": ("", ""), "matrix": ("", ""), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"),
           "split": ("", ""), "gathered": ("", "")}  # fmt: skip


def to_mathml(latex: str, display: bool = True) -> str:
    r"""Return a ``<math>`` element for LaTeX without dollar signs.

    >>> to_mathml(r"\sigma_w^{2}", display=False)
    '<math><mrow><msubsup><mi>σ</mi><mi>w</mi><mn>2</mn></msubsup></mrow></math>'
    """
    parser = _Parser(_TOKEN.findall(latex))
    body = parser.row(())
    style = ' display="block"' if display else ""
    return f"<math{style}><mrow>{body}</mrow></math>"


_ENDS, _NO_BREAK = re.compile(r"\A\s+|\s+\Z"), "\u00a0"  # spaces at the ends of a text would be dropped
_OPERAND = re.compile(r"(?:</m(?:i|n|sup|sub|subsup|sqrt|root|frac|row|under|over|underover)>|[)\]}|‖⌉⌋⟩]</mo>)\Z")
_OPENING = re.compile(r"\{?(?:\(|\[|\||\\left|\\[bB]igg?l?\(|[-+=,.;)\]}&/]|\\(?:right|le|ge|cdot|sim|,|;|quad|\\))")


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at = tokens, 0

    def peek(self) -> str | None:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> str:
        token = self.peek() or ""
        self.at += 1
        return token

    def row(self, stops: tuple[str, ...]) -> str:
        out: list[str] = []
        operand = False  # whether what comes before would run into the name of a function
        while (token := self.peek()) is not None and token not in stops:
            named = self.is_named()
            signed = token in ("-", "+") and not operand and bool(out)
            element = self.scripted()
            if signed:  # of a number, where the row tells browsers only that of its beginning
                element = element.replace("<mo>", '<mo form="prefix">', 1)
            out.append(_THIN + element if named and operand else element)
            operand = bool(_OPERAND.search(element)) if element else operand
            if named and self.peek() not in (None, *stops) and not _OPENING.match(self.rest()):
                out.append(_THIN)
                operand = False
        return "".join(out)

    def rest(self) -> str:
        """Return a few tokens ahead, without spaces."""
        return "".join(t for t in self.tokens[self.at : self.at + 8] if not t.isspace())

    def is_named(self) -> bool:
        """Whether a function that is written as a word comes next."""
        name = (self.peek() or "")[1:]
        return name in _NAMED or (name in _LIMITS and name not in ("sum", "prod")) or name.startswith("operatorname")

    def scripted(self) -> str:
        token = self.peek()
        base, under = ("<mrow></mrow>", False) if token in ("^", "_", "'") else self.atom()
        sub = sup = ""
        while (mark := self.peek()) in ("^", "_", "'"):
            self.take()
            if mark == "'":
                sup += "<mo>′</mo>"
            elif mark == "_":
                sub += self.argument()
            else:
                sup += self.argument()
        if "<mo>′</mo>" in sup and sup != "<mo>′</mo>":
            sup = f"<mrow>{sup}</mrow>"
        if not sub and not sup:
            return base
        kind = "under" if under else "sub", "over" if under else "sup"
        if sub and sup:
            return f"<m{kind[0]}{kind[1]}>{base}{sub}{sup}</m{kind[0]}{kind[1]}>"
        tag = kind[0] if sub else kind[1]
        return f"<m{tag}>{base}{sub or sup}</m{tag}>"

    def argument(self) -> str:
        """Return one element: a group in braces or a single token."""
        if self.peek() == "{":
            return self.group()
        return self.atom()[0]

    def group(self) -> str:
        self.take()
        inner = self.row(("}",))
        self.take()
        # A single element needs no wrapping; `<` counts decide cheaply whether it is one.
        return inner if re.fullmatch(r"<m[inot]>[^<]*</m[inot]>", inner) else f"<mrow>{inner}</mrow>"

    def raw(self) -> str:
        """Return the text of a group in braces, as it stands."""
        self.peek()
        if self.take() != "{":
            return ""
        start, level = self.at, 1
        while self.at < len(self.tokens) and level:
            level += {"{": 1, "}": -1}.get(self.tokens[self.at], 0)
            self.at += 1
        return "".join(self.tokens[start : self.at - 1])

    def atom(self) -> tuple[str, bool]:
        """Return (element, whether its scripts go above and below)."""
        token = self.peek() or ""
        if token == "{":
            return self.group(), False
        self.take()
        if not token:
            return "<mrow></mrow>", False
        if token[0].isdigit():
            return f"<mn>{token}</mn>", False
        if token.startswith("\\"):
            return self.command(token)
        if token.isalpha():
            return f"<mi>{escape(token)}</mi>", False
        shown = {"-": "−", "*": "∗", "~": " "}.get(token, token)
        return f"<mo{_FIXED if token in '()[]|' else _TIGHT if token == '/' else ''}>{escape(shown)}</mo>", False

    def command(self, token: str) -> tuple[str, bool]:
        name = token[1:]
        if token in _SPACES:
            return f'<mspace width="{_SPACES[token]}"/>', False
        if name in LETTERS:
            upright = ' mathvariant="normal"' if name in ("infty", "partial") else ""
            return f"<mi{upright}>{LETTERS[name]}</mi>", False
        if name in OPERATORS or name in "{}%#&_|":
            shown = OPERATORS.get(name, {"|": "‖"}.get(name, name))
            return f"<mo{_FIXED if shown in _FENCES else ''}>{escape(shown)}</mo>", False
        if name in _NAMED:
            return f"<mi>{name}</mi>", False
        if name in _LIMITS:
            tag = "mo" if name in ("sum", "prod") else "mi"
            return f"<{tag}>{_LIMITS[name]}</{tag}>", True
        if name == "int":
            return "<mo>∫</mo>", False
        if name in _IGNORED or name == "!":
            return "", False
        if sized := _SIZED.fullmatch(name):
            size = _SIZES[sized[1]]
            return self.delimiter(f' minsize="{size}" maxsize="{size}"'), False
        return self.structure(name), False

    def structure(self, name: str) -> str:
        match name:
            case "frac" | "tfrac" | "dfrac":
                return f"<mfrac>{self.argument()}{self.argument()}</mfrac>"
            case "binom":
                pair = self.argument() + self.argument()
                return f'<mrow><mo>(</mo><mfrac linethickness="0">{pair}</mfrac><mo>)</mo></mrow>'
            case "sqrt":
                return self.root()
            case "left":
                return self.fenced()
            case "begin":
                return self.table(self.raw())
            case "text" | "textrm" | "mbox" | "textit":
                return f"<mtext>{escape(_ENDS.sub(_NO_BREAK, self.raw()))}</mtext>"
            case "operatorname" | "operatorname*" | "mathrm" | "mathsf" | "mathtt":
                word = self.raw().replace("\\", "").replace(",", "").strip()
                return f'<mi mathvariant="normal">{escape(word)}</mi>'
            case "mathbb":
                letter = self.raw()
                return f"<mi>{_DOUBLE.get(letter, escape(letter))}</mi>"
            case "mathcal":
                letter = self.raw()
                return f"<mi>{_SCRIPT_LETTERS.get(letter, escape(letter))}</mi>"
            case "mathbf" | "boldsymbol" | "mathit":
                return self.argument()
            case "overset" | "underset" | "stackrel":
                script, base = self.argument(), self.argument()
                tag = "munder" if name == "underset" else "mover"
                return f"<{tag}>{base}{script}</{tag}>"
            case _ if name in _ACCENTS:
                return f'<mover accent="true">{self.argument()}<mo>{_ACCENTS[name]}</mo></mover>'
        return f"<mtext>{escape(name)}</mtext>"

    def root(self) -> str:
        if self.peek() != "[":
            return f"<msqrt>{self.argument()}</msqrt>"
        self.take()
        index = self.row(("]",))
        self.take()
        return f"<mroot>{self.argument()}<mrow>{index}</mrow></mroot>"

    def fenced(self) -> str:
        opening = self.delimiter()
        inner = []
        while self.peek() not in (None, "\\right"):
            inner.append(self.row(("\\right", "\\middle")))
            if self.peek() == "\\middle":
                self.take()
                inner.append(self.delimiter())
        self.take()
        shown = f"{opening}{''.join(inner)}{self.delimiter()}"
        # Browsers keep room for the widest size of a bracket that may stretch.
        return f"<mrow>{shown if _TALL.search(shown) else shown.replace(_STRETCHY, _FIXED)}</mrow>"

    def delimiter(self, size: str = "") -> str:
        token = self.take()
        name = token.lstrip("\\") if len(token) > 1 else token
        shown = "" if token == "." else "‖" if token == "\\|" else OPERATORS.get(name, name)
        return f"<mo{_STRETCHY}{size}>{escape(shown)}</mo>" if shown else ""

    def table(self, name: str) -> str:
        rows: list[list[str]] = [[]]
        if name == "array":
            self.raw()
        while self.peek() not in (None, "\\end"):
            cell = self.row(("&", "\\\\", "\\end"))
            rows[-1].append(f"<mtd>{cell}</mtd>")
            token = self.peek()
            if token == "&":
                self.take()
            elif token == "\\\\":
                self.take()
                rows.append([])
        self.take()
        self.raw()
        body = "".join(f"<mtr>{''.join(cells)}</mtr>" for cells in rows if cells)
        opening, closing = _TABLES.get(name, ("", ""))
        align = ' columnalign="right left"' if name in ("aligned", "split") else ' columnalign="left"'
        fences = [f'<mo fence="true" stretchy="true">{f}</mo>' if f else "" for f in (opening, closing)]
        return f"<mrow>{fences[0]}<mtable{align}>{body}</mtable>{fences[1]}</mrow>"
