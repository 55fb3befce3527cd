"""From the syntax tree of a formula to SymPy: a whitelist of nodes, every number bounded before SymPy sees it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from itertools import pairwise

import sympy as sp
from sympy.core.relational import Relational

from vgtheory._errors import FormulaError, UnknownNameError
from vgtheory.symbolic.careless import refused_node, refused_product
from vgtheory.symbolic.functions import FUNCTIONS, KNOWN, known_name

MAX_EXPONENT = 64
MAX_DIGITS = 100
NUMBER = re.compile(r"(\d{1,100}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?[0-2]?\d|[eE][+-]?30)?\Z")
COMPARISONS: dict[type, type[Relational]] = {ast.Lt: sp.Lt, ast.LtE: sp.Le, ast.Gt: sp.Gt, ast.GtE: sp.Ge}
CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi, "e": sp.E, "E": sp.E}
BINARY: dict[type, Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
# What may stand before a dot in pasted code; the name after the last dot says which function is meant.
MODULES = {
    "F", "K", "flax", "functional", "jax", "jnp", "keras", "lax", "math", "mx", "nn", "nnx", "np", "numpy", "scipy",
    "sp", "special", "sympy", "tensorflow", "tf", "torch",
}  # fmt: skip
IGNORED = {"inplace"}


def spelled(node: ast.expr) -> str | None:
    """Return the last name of ``name`` or of ``module.part.name``, None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    inner = node.value if isinstance(node, ast.Attribute) else None
    while isinstance(inner, ast.Attribute):
        inner = inner.value
    return (
        node.attr if isinstance(node, ast.Attribute) and isinstance(inner, ast.Name) and inner.id in MODULES else None
    )


def _too_large(exponent: sp.Expr) -> FormulaError:
    accepted = f"exponents between -{MAX_EXPONENT} and {MAX_EXPONENT}"
    return FormulaError(f"the exponent {sp.N(exponent, 5)}", accepted, "use exp() for growth")


def need_moderate(expr: sp.Expr) -> None:
    """Refuse numbers and powers that grew while the expression was built, such as those of ((x**64)**64)**64."""
    powers = (p.exp for p in expr.atoms(sp.Pow) if not isinstance(p, sp.exp))
    if large := [k for k in powers if k.is_number and abs(k) > MAX_EXPONENT]:
        raise _too_large(large[0])
    if any(max(abs(r.p), r.q) >= 10**MAX_DIGITS for r in expr.atoms(sp.Rational)):
        raise FormulaError(f"a number of over {MAX_DIGITS} digits", "shorter numbers", "rescale the formula")


class Builder:
    """Makes the expression of a syntax tree, node by node; nothing is looked up in Python's own namespaces."""

    def __init__(self, text: str, symbols: Mapping[str, sp.Symbol]) -> None:
        self.text, self.symbols = text, symbols

    def build(self, node: ast.expr) -> sp.Expr:
        """Return the expression of a node. Raises FormulaError and UnknownNameError for what no formula has."""
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
                    need_moderate(value)  # products of products would double their digits at every step
                return value
            case ast.Attribute(value=owner, attr=name) if spelled(owner) is not None and name in CONSTANTS:
                return CONSTANTS[name]
            case ast.IfExp(test=test, body=body, orelse=other):
                return sp.Piecewise((self.build(body), self._condition(test)), (self.build(other), True))
            case ast.Call(func=ast.Name(id="Piecewise"), args=args, keywords=[]):
                return self._piecewise(args)
            case ast.Call():
                return self._call(node)
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
                raise _too_large(exponent)
            if base.is_number and base != sp.E and exponent.is_Integer and not abs(sp.N(base, 5)) <= 1e6:
                raise FormulaError("a power of a number above 1e6", "moderate numbers", "rescale the formula")
        elif base.is_number and not (base.is_positive and abs(sp.N(base, 5)) <= 1e6):
            raise FormulaError(f"the power {base}**(...)", "a positive base of at most 1e6", "use exp()")
        power = base**exponent
        need_moderate(power)
        return power

    def _call(self, node: ast.Call) -> sp.Expr:
        """Return a function of its arguments: ``gelu(x)``, ``F.gelu(x)``, ``x.clamp(0, 6)`` or ``nn.SiLU()(x)``."""
        written, args, keywords = node.func, list(node.args), list(node.keywords)
        if isinstance(written, ast.Call):
            args, keywords, written = [*args, *written.args], [*keywords, *written.keywords], written.func
            if spelled(written) in (None, *FUNCTIONS):
                raise refused_node(node)
        name = spelled(written)
        if name is None and isinstance(written, ast.Attribute):
            name, args = written.attr, [written.value, *args]
        if name is None:
            raise refused_node(node)
        if name == "where":
            if len(args) != 3 or keywords:
                raise FormulaError(f"where with {len(args)} arguments", "three", "e.g. where(x > 0, x, 0.1*x)")
            return sp.Piecewise((self.build(args[1]), self._condition(args[0])), (self.build(args[2]), True))
        if name in ("pow", "power") and len(args) == 2 and not keywords:
            return self._power(self.build(args[0]), self.build(args[1]))
        return self._function(name, args, keywords)

    def _function(self, name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> sp.Expr:
        known = known_name(name)
        if known is None:
            raise refused_product(name, self.symbols) or UnknownNameError.among("function", name, KNOWN)
        function, given = KNOWN[known], dict(enumerate(args))
        for keyword in (k for k in keywords if k.arg not in IGNORED):
            place = next((i for i, names in enumerate(function.names) if keyword.arg in names), None)
            if place is None or place in given:
                raise FormulaError(f"the argument {str(keyword.arg)[:20]!r} of {name}", "its parameters", "drop it")
            given[place] = keyword.value
        most = len(function.names)
        if not function.required <= len(args) + len(keywords) or not all(i < most for i in given) or 0 not in given:
            accepted = f"{function.required} to {most}" if most > 1 else "1 argument"
            raise FormulaError(f"{name} with {len(args) + len(keywords)} arguments", accepted, f"write {name}(x)")
        if any(isinstance(a, ast.Starred) for a in args):
            raise FormulaError(f"{name} with a star", "arguments one by one", f"write {name}(x)")
        first = self.build(given[0])
        values = [first, *(self.build(given[i]) if i in given else None for i in range(1, max(given) + 1))]
        if known in ("exp", "sinh", "cosh") and first.is_number and not abs(sp.N(first, 5)) <= MAX_EXPONENT:
            raise FormulaError(f"{name} of a number above 64", "moderate numbers", "rescale the formula")
        return function.apply(*values)

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
