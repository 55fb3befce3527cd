"""`StableForm`: φ and φ' as one program, and its files in the user's cache: deriving one takes SymPy a while."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import sympy as sp

from vgtheory._atomic import write_text
from vgtheory.codegen.program import ACCEPTED, Instruction, Operand
from vgtheory.kernels._cache import private_directory
from vgtheory.symbolic.activation import Activation


@dataclass(frozen=True)
class StableForm:
    """φ and φ' as one program.

    Parameters
    ----------
    instructions : operations in order; the first is the input h.
    value, slope : registers (or constants) of φ(h) and φ'(h).
    slope_rest, slope_exponent : registers with φ' = slope_rest·e^{-slope_exponent}; slope_rest does not underflow.
    notes : where accuracy is not guaranteed, one sentence each; empty where it is.
    """

    instructions: tuple[Instruction, ...]
    value: Operand
    slope: Operand
    slope_rest: Operand
    slope_exponent: Operand
    notes: tuple[str, ...]


@cache
def _derivation() -> str:
    """Return a digest of what a form depends on besides the activation: the rules, the calculus, SymPy."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(sp.__version__.encode())
    for folder in ("codegen", "symbolic"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def form_key(act: Activation, order: int = 0) -> str:
    """Return the name in the cache of the form of an activation's derivative of this order and the next."""
    text = f"{_derivation()}\0{sp.srepr(act.expr)}\0{act.symbol.name}\0{order}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def load_form(key: str) -> StableForm | None:
    """Return the form that was kept under this key; None if there is none, or none that can be trusted."""
    place = private_directory("forms", key[:2])
    try:
        kept = json.loads((place / f"{key}.json").read_text()) if place else None
        return _read(kept) if kept else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(kept: dict) -> StableForm:
    instructions = tuple(Instruction(op, tuple(args)) for op, args in kept["instructions"])
    for index, instruction in enumerate(instructions):
        known = instruction.op in ACCEPTED and all(
            isinstance(a, float) or (isinstance(a, int) and 0 <= a < index) for a in instruction.args
        )
        if not known:
            raise ValueError(f"instruction {index} of a kept form")
    outputs = {name: kept[name] for name in ("value", "slope", "slope_rest", "slope_exponent")}
    if any(isinstance(a, int) and not 0 <= a < len(instructions) for a in outputs.values()):
        raise ValueError("output of a kept form")
    return StableForm(instructions, **outputs, notes=tuple(kept["notes"]))


def save_form(key: str, form: StableForm) -> None:
    """Keep a form, unless there is no cache."""
    place = private_directory("forms", key[:2])
    if place is None:
        return
    kept = asdict(form) | {"instructions": [(i.op, i.args) for i in form.instructions]}
    write_text(place / f"{key}.json", json.dumps(kept))
