"""Formula strings to SymPy without evaluating anything: an AST whitelist with every size bounded beforehand.

`sympify`, `S` and `parse_expr` execute code that a formula may contain, so none of them ever sees a user's text.
Literals and exponents are bounded *before* SymPy sees them: ``9**9**9`` or ``1e400000000`` hang it.
What is accepted prints (``str``) as a formula that is accepted again and means the same: processes exchange that text.
"""

import ast
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import pairwise

import sympy as sp
from sympy.core.relational import Relational

from vgtheory._errors import FormulaError, UnknownNameError, VgtheoryError
from vgtheory.symbolic.careless import (
    need_separate,
    refused_dot,
    refused_node,
    refused_product,
    refused_text,
    sign_hint,
)
from vgtheory.symbolic.latex_reader import from_latex, is_latex, symbol_key
from vgtheory.symbolic.printing import symbol_latex
from vgtheory.symbolic.time_limit import TimeUp, time_limit

MAX_LENGTH = 1000
MAX_NODES = 800
MAX_NESTING = 50
MAX_EXPONENT = 64
MAX_DIGITS = 100
TIME_LIMIT = 4.0  # seconds in which SymPy must have built a formula
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}\Z")
NUMBER = re.compile(r"(\d{1,100}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?[0-2]?\d|[eE][+-]?30)?\Z")
TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<glued>\w*)|(?P<name>[A-Za-z_]\w*)"
    r"|[-+*/^(),&|~]|[<>]=?)"
)
# Names that print as SymPy's infinities and the imaginary unit: a variable of that name would not read back.
RESERVED = {"nan", "oo", "zoo", "inf", "I", "True", "False", "None"}

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
    "Heaviside": sp.Heaviside,
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
COMPARISONS: dict[type, type[Relational]] = {ast.Lt: sp.Lt, ast.LtE: sp.Le, ast.Gt: sp.Gt, ast.GtE: sp.Ge}
CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi, "e": sp.E, "E": sp.E}
BINARY: dict[type, Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


def parse(text: str, parameters: Collection[str] = ()) -> tuple[sp.Expr, sp.Symbol, dict[str, sp.Symbol]]:
    r"""Return (expression, variable, parameters by name) of a formula in one variable.

    Parameters
    ----------
    text : e.g. ``"x/(1+exp(-x))"``; ``^`` and ``**`` both mean power.  LaTeX is read too: ``r"\frac{x}{1+e^{-x}}"``,
        and whatever ``vg.latex(act, exact=True)`` writes of a formula.
    parameters : names in the formula that are parameters and not the variable.

    Raises
    ------
    FormulaError : the text is not a formula, is too large, or has more than one variable.
    UnknownNameError : a function that is not one of ``FUNCTIONS``.

    Examples
    --------
    >>> parse(r"\alpha x^2 + \tanh x", ["alpha"])[0]
    alpha*x**2 + tanh(x)
    """
    text = _plain(text, parameters)
    tree = _tree(text)
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}
    free = sorted(names - set(parameters) - set(CONSTANTS))
    need_separate(free, FUNCTIONS, text)
    if len(free) > 1:
        variable_name = "x" if "x" in free else free[0]
        other = next(n for n in free if n != variable_name)
        raise FormulaError(
            f"the formula has {len(free)} variables ({', '.join(free)})",
            "one variable",
            f"keep {variable_name} and give the others values as parameters, e.g. {other}=0.2",
        )
    variable = sp.Symbol(free[0] if free else "x", real=True)
    symbols = {name: sp.Symbol(name, real=True) for name in sorted(names & set(parameters))}
    return read(text, {**symbols, variable.name: variable}), variable, symbols


def read(text: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """Return the expression of a formula whose names stand for the given symbols (and ``pi``, ``e``).

    Raises
    ------
    FormulaError : the text is not a formula, is too large, or has a name that is not among `symbols`.
    UnknownNameError : a function that is not one of ``FUNCTIONS``.
    """
    for name in symbols:
        if not IDENTIFIER.match(name) or name in RESERVED or name in FUNCTIONS or name == "Piecewise":
            step = f"write {name}(x)" if name in FUNCTIONS else "rename it"
            raise FormulaError(f"the name {name[:40]!r}", "a letter, then letters, digits or _, not a function", step)
    text = _plain(text, symbols)
    expr = _built(text, symbols)
    if expr.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I) or (expr.is_number and not expr.is_extended_real):
        raise FormulaError(f"the formula {text!r}", "a real, finite function", "check divisions by zero and roots")
    _need_moderate(expr)
    _tree(str(expr))  # what cannot be read back is refused now, and not in the process that gets its text
    return expr


def _built(text: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """Return the expression that SymPy makes of a formula, whose own trouble with it becomes a refusal."""
    tree = _tree(text)
    try:
        with time_limit(TIME_LIMIT):
            # ast keeps no literal's spelling, and 0.2 must become 1/5 and not the nearest double, hence the text.
            return _Builder(_normalise(text), symbols).build(tree.body)
    except VgtheoryError:
        raise
    except TimeUp:
        raise FormulaError(f"a formula that takes over {TIME_LIMIT:g} s to build", "less", "simplify it") from None
    except (ValueError, TypeError, ArithmeticError, AttributeError, NotImplementedError, RecursionError):
        # e.g. Max of a complex number, or of sqrt(-1) hidden in a branch
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise FormulaError(f"the formula {shown!r}", "a real, finite function", "check roots and logarithms") from None


def _need_moderate(expr: sp.Expr) -> None:
    """Refuse numbers and powers that grew while the expression was built, such as those of ((x**64)**64)**64."""
    powers = (p.exp for p in expr.atoms(sp.Pow) if not isinstance(p, sp.exp))
    if any(k.is_number and abs(k) > MAX_EXPONENT for k in powers):
        raise FormulaError("an exponent above 64", "exponents between -64 and 64", "use exp() for growth")
    if any(max(abs(r.p), r.q) >= 10**MAX_DIGITS for r in expr.atoms(sp.Rational)):
        raise FormulaError(f"a number of over {MAX_DIGITS} digits", "shorter numbers", "rescale the formula")


def _plain(text: str, names: Iterable[str]) -> str:
    """Return formula text for LaTeX, in which the given symbols are written as the printer writes them."""
    if not isinstance(text, str) or not is_latex(text):
        return text
    return from_latex(text, {symbol_key(symbol_latex(name)): name for name in names if IDENTIFIER.match(name)})


def _normalise(text: str) -> str:
    return text.strip().replace("^", "**")


def _tree(text: str) -> ast.Expression:
    if not isinstance(text, str):
        raise FormulaError(f"a formula of type {type(text).__name__}", "a string", "quote it")
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"a formula of {len(text)} characters", f"at most {MAX_LENGTH} characters", "shorten it")
    _scan(text)
    try:
        tree = ast.parse(_normalise(text), mode="eval")
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        raise refused_text(text, FUNCTIONS) from None
    nodes, nesting, level = 0, 0, list(ast.iter_child_nodes(tree))
    while level:
        nodes, nesting = nodes + len(level), nesting + 1
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if nodes > MAX_NODES:
        raise FormulaError(f"a formula of {nodes} terms", f"at most {MAX_NODES} terms", "shorten it")
    if nesting > MAX_NESTING:
        raise FormulaError(f"a formula nested {nesting} deep", f"at most {MAX_NESTING}", "flatten it")
    return tree


def _scan(text: str) -> None:
    """Refuse anything but numbers, names and operators, before the text meets any parser."""
    if not text.isascii() or not text.isprintable():
        odd = next(ch for ch in text if not (ch.isascii() and ch.isprintable()))
        raise FormulaError(f"{odd!r} ({odd!a}) in a formula", "printable ASCII", sign_hint(odd))
    text, at = text.strip(), 0
    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None:
            raise refused_dot(text) or FormulaError(
                f"{text[at:].strip()[0]!r} in a formula", "numbers, names, + - * / ** and brackets", "drop it"
            )
        if token["glued"]:
            piece = token["number"] + token["glued"]
            raise FormulaError(f"{piece[:40]!r} in a formula", "a product with *", _product(token))
        if token["number"] and not NUMBER.match(token["number"]):
            raise FormulaError(
                f"the number {token['number'][:40]!r}", "at most 40 decimals and powers of ten to e30", "rescale it"
            )
        at = token.end()


def _product(token: re.Match[str]) -> str:
    name = token["glued"] if IDENTIFIER.match(token["glued"]) else "x"
    return f"write {token['number'][:8]}*{name}"


class _Builder:
    def __init__(self, text: str, symbols: Mapping[str, sp.Symbol]) -> None:
        self.text, self.symbols = text, symbols

    def build(self, node: ast.expr) -> sp.Expr:
        match node:
            case ast.Constant():
                return self._number(node)
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.build(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.build(operand)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self._power(self.build(left), self.build(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                value = BINARY[type(op)](self.build(left), self.build(right))
                if value.is_number:
                    _need_moderate(value)  # products of products would double their digits at every step
                return value
            case ast.Call(func=ast.Name(id="Piecewise"), args=args, keywords=[]):
                return self._piecewise(args)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(name, args)
        raise refused_node(node)

    def _number(self, node: ast.Constant) -> sp.Expr:
        literal = ast.get_source_segment(self.text, node) or ""
        if not NUMBER.match(literal):
            raise FormulaError(f"{literal[:40]!r} in a formula", "decimal numbers", "write it as one")
        return sp.Rational(literal)

    def _name(self, name: str) -> sp.Expr:
        if name in self.symbols:
            return self.symbols[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        known = ", ".join([*self.symbols, *CONSTANTS])
        raise FormulaError(f"the name {name[:40]!r} in a formula", f"one of {known}", "correct it")

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        if exponent.is_number:
            if not abs(sp.N(exponent, 5)) <= MAX_EXPONENT:
                raise FormulaError("an exponent above 64", "exponents between -64 and 64", "use exp() for growth")
            if base.is_number and base != sp.E and exponent.is_Integer and not abs(sp.N(base, 5)) <= 1e6:
                raise FormulaError("a power of a number above 1e6", "moderate numbers", "rescale the formula")
        elif base.is_number and not (base.is_positive and abs(sp.N(base, 5)) <= 1e6):
            raise FormulaError(f"the power {base}**(...)", "a positive base of at most 1e6", "use exp()")
        power = base**exponent
        _need_moderate(power)
        return power

    def _call(self, name: str, args: list[ast.expr]) -> sp.Expr:
        if name not in FUNCTIONS:
            raise refused_product(name, self.symbols) or UnknownNameError.among("function", name, FUNCTIONS)
        most = 4 if name in VARIADIC else 1
        if not 1 <= len(args) <= most or any(isinstance(a, ast.Starred) for a in args):
            accepted = "1 to 4" if name in VARIADIC else "1 argument"
            raise FormulaError(f"{name} with {len(args)} arguments", accepted, f"write {name}(x)")
        values = [self.build(a) for a in args]
        if name in ("exp", "sinh", "cosh") and values[0].is_number and not abs(sp.N(values[0], 5)) <= MAX_EXPONENT:
            raise FormulaError(f"{name} of a number above 64", "moderate numbers", "rescale the formula")
        return FUNCTIONS[name](*values)

    def _piecewise(self, args: list[ast.expr]) -> sp.Expr:
        branches = []
        for arg in args:
            if not isinstance(arg, ast.Tuple) or len(arg.elts) != 2:
                raise FormulaError(
                    "a branch of Piecewise", "(value, condition)", "e.g. Piecewise((x, x > 0), (0, True))"
                )
            branches.append((self.build(arg.elts[0]), self._condition(arg.elts[1])))
        if not 1 <= len(branches) <= 8:
            raise FormulaError(f"Piecewise with {len(branches)} branches", "1 to 8", "write it with fewer")
        value = sp.Piecewise(*branches)
        if isinstance(value, sp.Piecewise) and value.args[-1][1] is not sp.true:
            raise FormulaError("Piecewise without a last branch", "a last branch (value, True)", "add one")
        return value

    def _condition(self, node: ast.expr) -> sp.Basic:
        match node:
            case ast.Constant(value=bool(value)):
                return sp.true if value else sp.false
            case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
                return sp.And(self._condition(left), self._condition(right))
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return sp.Or(self._condition(left), self._condition(right))
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                return sp.Not(self._condition(operand))
            case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in COMPARISONS for op in ops):
                sides = pairwise([self.build(n) for n in (left, *others)])
                return sp.And(*(self._compared(op, a, b) for op, (a, b) in zip(ops, sides, strict=True)))
            case ast.Call(func=ast.Name(id="Ne" | "Eq" as name), args=[left, right], keywords=[]):
                return self._compared(sp.Ne if name == "Ne" else sp.Eq, self.build(left), self.build(right))
        raise refused_node(node)

    def _compared(self, relation: ast.cmpop | type[Relational], a: sp.Expr, b: sp.Expr) -> sp.Basic:
        # Conditions on more than a linear expression make SymPy solve inequalities while it builds the Piecewise.
        if any(not u.is_polynomial() or sp.total_degree(u) > 1 for u in (a, b) if not u.is_number):
            raise FormulaError(f"the condition on {a} and {b}", "a comparison of x with a number", "e.g. x > 1")
        kind = COMPARISONS[type(relation)] if isinstance(relation, ast.cmpop) else relation
        return kind(a, b)
