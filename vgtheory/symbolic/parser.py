"""Formula strings to SymPy without evaluating anything: an AST whitelist with every size bounded beforehand.

`sympify`, `S` and `parse_expr` execute code that a formula may contain, so none of them ever sees a user's text.
Literals and exponents are bounded *before* SymPy sees them: ``9**9**9`` or ``1e400000000`` hang it.
What is accepted prints (``str``) as a formula that is accepted again and means the same: processes exchange that text.
"""

import ast
import re
from collections.abc import Collection, Iterable, Mapping

import sympy as sp

from vgtheory._errors import FormulaError, VgtheoryError, shown
from vgtheory.symbolic.building import CONSTANTS, MODULES, NUMBER, Builder, need_moderate
from vgtheory.symbolic.careless import need_separate, refused_text, sign_hint
from vgtheory.symbolic.functions import FUNCTIONS
from vgtheory.symbolic.latex_reader import from_latex, is_latex, symbol_key
from vgtheory.symbolic.printing import symbol_latex
from vgtheory.symbolic.time_limit import TimeUp, time_limit

MAX_LENGTH = 1000
MAX_NODES = 800
MAX_NESTING = 50
TIME_LIMIT = 4.0  # seconds in which SymPy must have built a formula
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}\Z")
TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<glued>\w*)"
    r"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z]\w*)*)|\.[A-Za-z]\w*|[-+*/^(),&|~]|[<>]=?|=(?!=))"
)
# Names that print as SymPy's infinities and the imaginary unit: a variable of that name would not read back.
RESERVED = {"nan", "oo", "zoo", "inf", "I", "True", "False", "None"}


def parse(text: str, parameters: Collection[str] = ()) -> tuple[sp.Expr, sp.Symbol, dict[str, sp.Symbol]]:
    r"""Return (expression, variable, parameters by name) of a formula in one variable.

    Parameters
    ----------
    text : e.g. ``"x/(1+exp(-x))"``; ``^`` and ``**`` both mean power.  LaTeX is read too: ``r"\frac{x}{1+e^{-x}}"``,
        and whatever ``vg.latex(act, exact=True)`` writes of a formula; so is the code of frameworks, as syntax:
        ``"torch.where(x > 0, x, 0.1*x)"``, ``"x.clamp(0, 6)"``, ``"x*F.gelu(x)"``.
    parameters : names in the formula that are parameters and not the variable.

    Raises
    ------
    FormulaError : the text is not a formula, is too large, or has more than one variable.
    UnknownNameError : a function that is not known.

    Examples
    --------
    >>> parse(r"\alpha x^2 + \tanh x", ["alpha"])[0]
    alpha*x**2 + tanh(x)
    """
    text = _plain(text, parameters)
    tree = _tree(text)
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    called |= {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute) and _is_module(n.value)}
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


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in MODULES


def read(text: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """Return the expression of a formula whose names stand for the given symbols (and ``pi``, ``e``).

    Raises
    ------
    FormulaError : the text is not a formula, is too large, or has a name that is not among `symbols`.
    UnknownNameError : a function that is not known.
    """
    for name in symbols:
        if not IDENTIFIER.match(name) or name in RESERVED or name in FUNCTIONS or name == "Piecewise":
            step = f"write {name}(x)" if name in FUNCTIONS else "rename it"
            raise FormulaError(f"the name {name[:40]!r}", "a letter, then letters, digits or _, not a function", step)
    text = _plain(text, symbols)
    expr = _built(text, symbols)
    if expr.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I) or (expr.is_number and not expr.is_extended_real):
        raise FormulaError(f"the formula {text!r}", "a real, finite function", "check divisions by zero and roots")
    need_moderate(expr)
    _tree(str(expr))  # what cannot be read back is refused now, and not in the process that gets its text
    return expr


def _built(text: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """Return the expression that SymPy makes of a formula, whose own trouble with it becomes a refusal."""
    tree = _tree(text)
    try:
        with time_limit(TIME_LIMIT):
            # ast keeps no literal's spelling, and 0.2 must become 1/5 and not the nearest double, hence the text.
            return Builder(_normalise(text), symbols).build(tree.body)
    except VgtheoryError:
        raise
    except TimeUp:
        raise FormulaError(f"a formula that takes over {TIME_LIMIT:g} s to build", "less", "simplify it") from None
    except (ValueError, TypeError, ArithmeticError, AttributeError, NotImplementedError, RecursionError):
        # e.g. Max of a complex number, or of sqrt(-1) hidden in a branch
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise FormulaError(f"the formula {shown!r}", "a real, finite function", "check roots and logarithms") from None


def _plain(text: str, names: Iterable[str]) -> str:
    """Return formula text for LaTeX, in which the given symbols are written as the printer writes them."""
    if not isinstance(text, str) or not is_latex(text):
        return text
    return from_latex(text, {symbol_key(symbol_latex(name)): name for name in names if IDENTIFIER.match(name)})


def _normalise(text: str) -> str:
    return text.strip().replace("^", "**")


def _tree(text: str) -> ast.Expression:
    if not isinstance(text, str):
        raise FormulaError("a formula", "a text", "put it in quotes", got=shown(text))
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
            raise FormulaError(
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
