"""Writes the elementary functions' bodies into the row pass: one function compiles much faster than a dozen.

Works on syntax trees of straight-line functions: assignments, then one return.  Repeated calls with the same arguments
are written once.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping


def inlined(lines: list[str], functions: Mapping[str, ast.FunctionDef]) -> list[str]:
    """Return the statements with calls of the given functions replaced by their bodies."""
    inliner = _Inliner(functions)
    for statement in ast.parse("\n".join(lines)).body:
        assert isinstance(statement, ast.Assign)  # what `source` writes
        target = statement.targets[0]
        if isinstance(target, ast.Tuple):
            inliner.pair(target, statement.value)
        else:
            value = inliner.visit(statement.value)
            inliner.lines.append(ast.unparse(ast.Assign([target], value, lineno=0)))
    return inliner.lines


class _Inliner(ast.NodeTransformer):
    def __init__(self, functions: Mapping[str, ast.FunctionDef]) -> None:
        self.functions = functions
        self.lines: list[str] = []
        self.names: dict[str, ast.expr] = {}
        self.done: dict[str, list[ast.expr]] = {}
        self.known: dict[str, ast.expr] = {}  # expressions written already: names are assigned once, so they stand
        self.count = 0

    def pair(self, target: ast.Tuple, value: ast.expr) -> None:
        """Write an assignment of several results."""
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in self.functions:
            for element, result in zip(target.elts, self._call(value), strict=True):
                self._emit(element, result)
        else:
            self._emit(target, self.visit(value))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace a local variable or parameter of the function being written by its value."""
        return self.names.get(node.id, node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Replace a call by the name of its result."""
        if isinstance(node.func, ast.Name) and node.func.id in self.functions:
            return self._call(node)[0]
        return self.generic_visit(node)  # type: ignore[return-value]

    def _call(self, node: ast.Call) -> list[ast.expr]:
        assert isinstance(node.func, ast.Name)
        arguments = [self._named(self.visit(a)) for a in node.args]
        key = ast.unparse(ast.Call(node.func, arguments, []))
        if key not in self.done:
            self.done[key] = self._body(self.functions[node.func.id], arguments)
        return self.done[key]

    def _body(self, function: ast.FunctionDef, arguments: list[ast.expr]) -> list[ast.expr]:
        outer = self.names
        self.names = dict(zip((a.arg for a in function.args.args), arguments, strict=True))
        result: list[ast.expr] = []
        for statement in copy.deepcopy(function.body):  # a transformer changes what it visits
            if isinstance(statement, ast.Assign):
                self._assign(statement)
            elif isinstance(statement, ast.Return) and statement.value is not None:
                parts = statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]
                result = [self._named(self.visit(part)) for part in parts]
        self.names = outer
        return result

    def _assign(self, statement: ast.Assign) -> None:
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Name):
            self.names[target.id] = self._named(self.visit(value))
            return
        assert isinstance(target, ast.Tuple)
        assert isinstance(value, ast.Call)
        names = [element.id for element in target.elts if isinstance(element, ast.Name)]
        if isinstance(value.func, ast.Name) and value.func.id in self.functions:
            results = self._call(value)
        else:
            results = [self._fresh() for _ in names]
            self._emit(ast.Tuple(results, ast.Store()), self.generic_visit(value))  # type: ignore[arg-type]
        self.names.update(zip(names, results, strict=True))

    def _fresh(self) -> ast.expr:
        self.count += 1
        return ast.Name(f"t{self.count}", ast.Load())

    def _named(self, value: ast.expr) -> ast.expr:
        if isinstance(value, (ast.Name, ast.Constant)):
            return value
        if isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant):
            return value
        text = ast.unparse(value)
        if text not in self.known:
            self.known[text] = self._fresh()
            self._emit(self.known[text], value)
        return self.known[text]

    def _emit(self, target: ast.expr, value: ast.expr) -> None:
        self.lines.append(ast.unparse(ast.Assign([target], value, lineno=0)))
