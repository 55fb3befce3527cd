"""Elementary functions of the kernels as text, for generated modules, whose caches notice no change in other files."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

_KERNELS = Path(__file__).parents[1] / "kernels"
_BASE = {"float64": "elementary", "float32": "elementary_single"}


@cache
def _text(dtype: str) -> str:
    """Return the files of elementary functions as one text, what others use first."""
    files = [_KERNELS / f"{_BASE[dtype]}{room}.py" for room in ("", "_erf", "_trigonometric")]
    return "\n\n".join(file.read_text(encoding="utf-8") for file in files)


def _names(text: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


@cache
def inlinable(dtype: str) -> dict[str, ast.FunctionDef]:
    """Return the elementary functions that may share the row pass's compiler flags, by name."""
    return {
        node.name: node
        for node in ast.parse(_text(dtype)).body
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.decorator_list[0]) == "elementwise"
    }


@cache
def _library(dtype: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return, for each constant and elementary function, its text and the names it uses."""
    parts = {}
    text = _text(dtype)
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            first = min((d.lineno for d in node.decorator_list), default=node.lineno)
            segment = "\n\n" + "\n".join(text.splitlines()[first - 1 : node.end_lineno]) + "\n"
            parts[node.name] = (segment, frozenset(_names(ast.unparse(node))))
        elif isinstance(node, ast.Assign):
            used = frozenset(_names(ast.unparse(node.value)))
            for target in ast.walk(node.targets[0]):
                if isinstance(target, ast.Name):
                    parts[target.id] = (ast.unparse(node) + "\n", used)
    return parts


def definitions(text: str, dtype: str) -> str:
    """Return the parts of the library that a text names and what they use, in the library's order."""
    library = _library(dtype)
    needed: set[str] = set()
    waiting = [n for n in _names(text) if n in library]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [n for n in library[name][1] if n in library]
    return "".join(segment for name, (segment, _) in library.items() if name in needed)
