r"""Formulas in LaTeX to formula text, for the LaTeX that the package writes and that people write by hand.

The text goes through the whitelist of :mod:`vgtheory.symbolic.parser` afterwards: here nothing is computed, and a
command that is not in the tables is refused.  What would be ambiguous, such as ``\sin 2x``, is refused as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vgtheory._errors import FormulaError, UnknownNameError
from vgtheory.symbolic.functions import KNOWN, known_name
from vgtheory.symbolic.latex_tokens import Tokens, as_factor
from vgtheory.symbolic.latex_words import (
    CLOSING,
    CONDITION_WORDS,
    EQUALITIES,
    FUNCTIONS,
    GREEK,
    GREEK_FUNCTIONS,
    LEFT_SIDE,
    LOGIC,
    PRODUCTS,
    RELATIONS,
    SIZES,
    TOKEN,
    WORDS,
)

MAX_LENGTH = 6000
MAX_NESTING = 60


def is_latex(text: str) -> bool:
    """Return whether `text` is meant as LaTeX: it has backslashes or braces, or letters side by side as in ``2 x``."""
    if "\\" in text or "{" in text or "$" in text:
        return True
    return bool(re.search(r"[A-Za-z0-9)]\s+[A-Za-z(]", text)) and not re.search(r"[A-Za-z_]\w", text)


def from_latex(text: str, names: Mapping[str, str]) -> str:
    r"""Return the formula text of a LaTeX formula; a left-hand side such as ``\varphi(x) =`` is left out.

    Parameters
    ----------
    names : LaTeX of a symbol, without braces and spaces, to its name; others are named after their letters.

    Raises
    ------
    FormulaError : a command that is not known, or a text that is not one formula.

    Examples
    --------
    >>> from_latex(r"\frac{x}{1 + e^{- x}}", {})
    'x/(1+exp(-x))'
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"a formula of {len(text)} characters", f"at most {MAX_LENGTH} characters", "shorten it")
    if not all(ch.isascii() and (ch.isprintable() or ch in "\n\t") for ch in text):
        raise FormulaError(f"{text[:40]!a} as a formula", "printable ASCII", r"write signs as commands, e.g. \alpha")
    body = re.sub(r"\A\s*(\$\$?|\\\[|\\\()|(\$\$?|\\\]|\\\))\s*\Z", "", text)
    body = re.sub(r"\A\s*\\displaystyle\b", "", body)
    equation = LEFT_SIDE.match(body)
    reader = _Reader(TOKEN.findall(equation[1] if equation else body), names)
    formula = reader.sum()
    if reader.peek() is not None:
        raise reader.refused(reader.peek())
    return formula


def symbol_key(latex: str) -> str:
    """Return the LaTeX of a symbol without what does not matter."""
    return re.sub(r"[{}\s]", "", latex)


class _Reader(Tokens):
    """A recursive-descent reader; each method returns formula text, in brackets where it is not a factor."""

    def sum(self) -> str:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise FormulaError(f"a formula nested over {MAX_NESTING} deep", f"at most {MAX_NESTING}", "flatten it")
        out = ""
        if self.peek() in ("+", "-"):
            out = self.take()
        out += self.term()
        while self.peek() in ("+", "-"):
            out += self.take() + self.term()
        self.nesting -= 1
        return out

    def term(self) -> str:
        out = self.factor()
        while True:
            token = self.peek()
            if token in PRODUCTS:
                self.take()
                sign = self.take() if self.peek() == "-" else ""
                factor = self.factor()
                mark = PRODUCTS[token]
                out += mark + (f"({sign}{factor})" if sign else as_factor(factor) if mark == "/" else factor)
            elif self.starts_factor(token):
                if token is not None and token[0] in "0123456789.":
                    raise self.refused(token)  # a number after a factor: 2 3 or x 2 is more likely a slip
                out += "*" + self.factor()
            else:
                return out

    def factor(self) -> str:
        return self.powered(self.atom())

    def powered(self, base: str) -> str:
        if self.peek() != "^":
            return base
        self.take()
        exponent = self.argument()
        return f"exp({exponent})" if base == "e" else f"{as_factor(base)}**{as_factor(exponent)}"

    def argument(self) -> str:
        """Return what stands in braces, or one token."""
        if self.peek() == "{":
            self.take()
            inner = self.sum()
            self.take("}")
            return inner
        token = self.take()
        if token.isdigit():  # x^23 is x^2 followed by 3
            if len(token) > 1:
                raise FormulaError(f"^{token[:20]} in a LaTeX formula", "braces around it", f"write ^{{{token[:20]}}}")
            return token
        self.at -= 1
        return self.atom()

    def half(self) -> str:
        r"""Return the numerator or denominator: ``\tfrac12`` is one half."""
        token = self.peek() or ""
        if token.isdigit() and len(token) > 1:
            self.tokens[self.at] = token[1:]
            return token[0]
        return self.argument()

    def atom(self) -> str:
        token = self.take()
        if token[0] in "0123456789.":
            return token
        if token == "{":
            self.at -= 1
            return as_factor(self.argument())
        if token in SIZES or token in CLOSING:
            self.at -= 1
            return self.bracketed()
        if token in (r"\frac", r"\tfrac", r"\dfrac"):
            top, bottom = self.half(), self.half()
            return (
                f"({as_factor(top)}/{as_factor(bottom)})"
                if self.peek() == "^"
                else f"{as_factor(top)}/{as_factor(bottom)}"
            )
        if token == r"\sqrt":
            return self.root()
        if token == r"\begin":
            return self.cases()
        if token == r"\pi":
            return "pi"
        self.at -= 1
        return self.named()

    def bracketed(self) -> str:
        if self.peek() in SIZES:
            self.take()
        opening = self.take()
        if opening not in CLOSING:
            raise self.refused(opening)
        inner = self.sum()
        if self.peek() in SIZES:
            self.take()
        self.take(CLOSING[opening])
        return f"Abs({inner})" if opening in ("|", r"\lvert") else f"({inner})"

    def root(self) -> str:
        if self.peek() != "[":
            return f"sqrt({self.argument()})"
        self.take()
        index = self.sum()
        self.take("]")
        return f"({self.argument()})**(1/{as_factor(index)})"

    def named(self) -> str:
        """Return a function of its argument, or a symbol."""
        token = self.take()
        name = self.word() if token in WORDS else token.lstrip("\\")
        written = name if token in WORDS or token.startswith("\\") else ""
        if written and token + name not in self.names:
            function = self.function(token, written)
            if function is not None:
                return self.call(written, function)
        if not (token in WORDS or (len(token) == 1 and token.isalpha()) or name in GREEK or token in self.names):
            raise self.refused(token)
        return self.symbol(token, name)

    def function(self, token: str, written: str) -> str | None:
        """Return the function that a name means here, None where it is a symbol."""
        bracket = self.peek() in ("(", "[", r"\left") or self.peek() in SIZES
        if written in FUNCTIONS:
            return FUNCTIONS[written]
        if written in GREEK:
            if not bracket or token in self.names:
                return None
            found = GREEK_FUNCTIONS.get(written)
            if found is None and not self.is_variable(token):
                known, product = ", ".join(rf"\{name}" for name in GREEK_FUNCTIONS), rf"write {token} \cdot (...)"
                raise FormulaError(f"{token}(...) in a LaTeX formula", f"a function, e.g. {known}", product)
            return found
        found = known_name(written)
        if found is None and bracket and token in WORDS:
            raise UnknownNameError.among("function", written.lower(), KNOWN)
        return found

    def symbol(self, token: str, name: str) -> str:
        key = token + name if token in WORDS else token
        while self.peek() == "_":
            self.take()
            if self.peek() == "{":
                sub = self.word()
            else:
                sub = self.take()
                sub = sub + self.word() if sub in WORDS else sub
            key, name = f"{key}_{sub}", f"{name}_{re.sub(r'[^A-Za-z0-9]+', '_', sub).strip('_')}"
        # lambda is a word of Python's grammar, by which the formula text is read afterwards.
        return self.names.get(symbol_key(key), "lam" if name == "lambda" else name)

    def call(self, function: str, name: str) -> str:
        """Return a function, named as formula text names it, of its argument; `function` is how it was written."""
        power = base = ""
        if self.peek() == "_" and name == "log":
            self.take()
            base = self.argument()
        if self.peek() == "^":
            self.take()
            power = self.argument()
            if power.startswith("-"):
                raise FormulaError(f"\\{function}^{{{power}}}", "a positive power", r"write \arctan or \frac{1}{...}")
        at = self.peek()
        if at == "{" and self.at + 1 < len(self.tokens) and self.tokens[self.at + 1] in (r"\left", "("):
            self.take()
            inner = self.arguments()
            self.take("}")
        elif at in ("(", r"\left", "[", r"\{") or at in SIZES:
            inner = self.arguments()
        elif at == "{":
            inner = self.argument()
        else:
            inner = self.bare(function)
        value = f"(log({inner})/log({base}))" if base else f"{name}({inner})"
        return f"{value}**{as_factor(power)}" if power else value

    def arguments(self) -> str:
        if self.peek() in SIZES:
            self.take()
        opening = self.take()
        if opening not in ("(", "[", "|", r"\{"):
            raise self.refused(opening, "(")
        out = self.sum()
        while self.peek() == ",":
            self.take()
            out += "," + self.sum()
        if self.peek() in SIZES:
            self.take()
        self.take(CLOSING[opening])
        return f"Abs({out})" if opening == "|" else out

    def bare(self, function: str) -> str:
        r"""Return the argument of ``\tanh x``, of which it must be clear where it ends."""
        token = self.peek()
        clear = token is not None and (token in (r"\frac", r"\sqrt") or token[0] == "\\" or token.isalpha())
        inner = self.factor() if clear else ""
        after = self.peek()
        if not clear or (self.starts_factor(after) and (after or "").lstrip("\\") not in FUNCTIONS):
            raise FormulaError(
                f"\\{function} without brackets", "brackets around its argument", f"write \\{function}(x)"
            )
        return inner

    def cases(self) -> str:
        if self.word() != "cases":
            raise FormulaError("an environment in a LaTeX formula", "cases", "write the formula alone")
        branches = []
        while True:
            value = self.sum()
            self.skip(",", ";")
            self.take("&")
            branches.append(f"({value},{self.condition()})")
            self.skip(",", ";", ".")
            if self.take() == r"\end":
                break
            if self.peek() == r"\end":
                self.take()
                break
        self.word()
        return f"Piecewise({','.join(branches)})"

    def condition(self) -> str:
        if self.peek() in WORDS:
            self.take()
            word = self.word()
            if word in ("otherwise", "else", "True"):
                return "True"
            if word not in CONDITION_WORDS:
                raise self.refused(word, "if")
        out = self.comparison()
        while self.peek() in LOGIC:
            out = f"({out}){LOGIC[self.take()]}({self.comparison()})"
        return out

    def comparison(self) -> str:
        if self.peek() in (r"\neg", r"\lnot"):
            self.take()
            return f"~({self.comparison()})"
        left, mark = self.sum(), self.take()
        if mark in EQUALITIES:
            return f"{EQUALITIES[mark]}({left},{self.sum()})"
        out = left
        while mark in RELATIONS:
            out += RELATIONS[mark] + self.sum()
            if self.peek() not in RELATIONS:
                return out
            mark = self.take()
        raise self.refused(mark, "<")
