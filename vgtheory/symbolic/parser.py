"""Formula strings to SymPy without evaluating anything: an AST whitelist with every size bounded beforehand.

`sympify`, `S` and `parse_expr` execute code that a formula may contain, so none of them ever sees a user's text.
Literals and exponents are bounded *before* SymPy sees them: ``9**9**9`` or ``1e400000000`` hang it.
"""

import ast
import re
from collections.abc import Callable, Collection

import sympy as sp

from vgtheory._errors import FormulaError, UnknownNameError

MAX_LENGTH = 500
MAX_NODES = 200
MAX_NESTING = 40
MAX_EXPONENT = 64
MAX_MAGNITUDE = 10**30
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}\Z")
NUMBER = re.compile(r"(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?\Z")

FUNCTIONS: dict[str, Callable[..., sp.Expr]] = {
    "exp": sp.exp,
    "log": sp.log,
    "ln": sp.log,
    "sqrt": sp.sqrt,
    "sin": sp.sin,
    "cos": sp.cos,
    "tan": sp.tan,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "tanh": sp.tanh,
    "sech": lambda t: 1 / sp.cosh(t),
    "atan": sp.atan,
    "arctan": sp.atan,
    "asinh": sp.asinh,
    "erf": sp.erf,
    "erfc": sp.erfc,
    "abs": sp.Abs,
    "Abs": sp.Abs,
    "sign": sp.sign,
    "min": sp.Min,
    "max": sp.Max,
    "Min": sp.Min,
    "Max": sp.Max,
    "sigmoid": lambda t: 1 / (1 + sp.exp(-t)),
    "softplus": lambda t: sp.log(1 + sp.exp(t)),
    "relu": lambda t: sp.Max(t, 0),
    "normal_cdf": lambda t: (1 + sp.erf(t / sp.sqrt(2))) / 2,
}
VARIADIC = {"min", "max", "Min", "Max"}
CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi, "e": sp.E, "E": sp.E}
BINARY: dict[type, Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


def parse(text: str, parameters: Collection[str] = ()) -> tuple[sp.Expr, sp.Symbol, dict[str, sp.Symbol]]:
    """Return (expression, variable, parameters by name) of a formula in one variable.

    Parameters
    ----------
    text : e.g. ``"x/(1+exp(-x))"``; ``^`` and ``**`` both mean power.
    parameters : names in the formula that are parameters and not the variable.

    Raises
    ------
    FormulaError : the text is not a formula, is too large, or has more than one variable.
    UnknownNameError : a function that is not one of ``FUNCTIONS``.
    """
    tree = _tree(text)
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}
    for name in sorted(names):
        if not IDENTIFIER.match(name):
            raise FormulaError(f"the name {name[:40]!r}", "a letter, then letters, digits or _", "rename it")
    free = sorted(names - set(parameters) - set(CONSTANTS))
    if len(free) > 1:
        raise FormulaError(
            f"the formula has {len(free)} variables ({', '.join(free)})",
            "one variable",
            f"fix the others as parameters, e.g. --param {free[0]}=0.2",
        )
    variable = sp.Symbol(free[0] if free else "x", real=True)
    symbols = {name: sp.Symbol(name, real=True) for name in sorted(names & set(parameters))}
    # ast keeps no literal's spelling, and 0.2 must become 1/5 and not the nearest double, hence the text.
    expr = _Builder(_normalise(text), {**symbols, variable.name: variable}).build(tree.body, 0)
    if expr.has(sp.nan, sp.zoo, sp.oo, -sp.oo) or (not expr.is_extended_real and expr.is_number):
        raise FormulaError(f"the formula {text!r}", "a real, finite function", "check divisions by zero and roots")
    return expr, variable, symbols


def _normalise(text: str) -> str:
    return text.strip().replace("^", "**")


def _tree(text: str) -> ast.Expression:
    if not isinstance(text, str):
        raise FormulaError(f"a formula of type {type(text).__name__}", "a string", "quote it")
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"a formula of {len(text)} characters", f"at most {MAX_LENGTH} characters", "shorten it")
    if not text.isascii() or not text.isprintable():
        raise FormulaError("a formula with other than printable ASCII", "printable ASCII", "retype the formula")
    try:
        tree = ast.parse(_normalise(text), mode="eval")
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        raise FormulaError(
            f"{text[:60]!r} is not a formula", "e.g. x/(1+exp(-x))", "check brackets and operators"
        ) from None
    nodes = sum(1 for _ in ast.walk(tree))
    if nodes > MAX_NODES:
        raise FormulaError(f"a formula of {nodes} terms", f"at most {MAX_NODES} terms", "shorten it")
    return tree


class _Builder:
    def __init__(self, text: str, symbols: dict[str, sp.Symbol]) -> None:
        self.text, self.symbols = text, symbols

    def build(self, node: ast.expr, nesting: int) -> sp.Expr:
        if nesting > MAX_NESTING:
            raise FormulaError(f"a formula nested over {MAX_NESTING} deep", f"at most {MAX_NESTING}", "flatten it")
        match node:
            case ast.Constant():
                return self._number(node)
            case ast.Name(id=name):
                return self.symbols[name] if name in self.symbols else CONSTANTS[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.build(operand, nesting + 1)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.build(operand, nesting + 1)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self._power(self.build(left, nesting + 1), self.build(right, nesting + 1))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                return BINARY[type(op)](self.build(left, nesting + 1), self.build(right, nesting + 1))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(name, args, nesting)
        kind = type(node).__name__
        raise FormulaError(
            f"{kind} in a formula", "numbers, names, + - * / **, brackets and calls", "write it with those"
        )

    def _number(self, node: ast.Constant) -> sp.Expr:
        literal = ast.get_source_segment(self.text, node) or ""
        if not NUMBER.match(literal):
            raise FormulaError(
                f"the literal {literal[:40]!r}", "a decimal number of at most 40 digits", "write it as one"
            )
        number = sp.Rational(literal)
        if number > MAX_MAGNITUDE:
            raise FormulaError(f"the number {literal}", "at most 1e30 in magnitude", "rescale the formula")
        return number

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        if exponent.is_number:
            if not abs(sp.N(exponent, 5)) <= MAX_EXPONENT:
                raise FormulaError("an exponent above 64", "exponents between -64 and 64", "use exp() for growth")
            if base.is_number and base != sp.E and not abs(sp.N(base, 5)) <= 1e6:
                raise FormulaError("a power of a number above 1e6", "moderate numbers", "rescale the formula")
        elif base.is_number and not (base.is_positive and abs(sp.N(base, 5)) <= 1e6):
            raise FormulaError(f"the power {base}**(...)", "a positive base of at most 1e6", "use exp()")
        return base**exponent

    def _call(self, name: str, args: list[ast.expr], nesting: int) -> sp.Expr:
        if name not in FUNCTIONS:
            raise UnknownNameError.among("function", name, FUNCTIONS)
        most = 4 if name in VARIADIC else 1
        if not 1 <= len(args) <= most or any(isinstance(a, ast.Starred) for a in args):
            raise FormulaError(f"{name} with {len(args)} arguments", f"1 to {most}", f"write {name}(x)")
        values = [self.build(a, nesting + 1) for a in args]
        if name in ("exp", "sinh", "cosh") and values[0].is_number and not abs(sp.N(values[0], 5)) <= 64:
            raise FormulaError(f"{name} of a number above 64", "moderate numbers", "rescale the formula")
        return FUNCTIONS[name](*values)
