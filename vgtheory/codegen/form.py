"""`StableForm`: φ and φ' as one program, and its files in the user's cache: deriving one takes SymPy a while."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import sympy as sp

from vgtheory._atomic import write_text
from vgtheory.codegen.program import ACCEPTED, Instruction, Operand, live
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
    reach, far : the program holds for |h| ≤ reach, and `far`, slower, beyond; None where it holds everywhere.
    """

    instructions: tuple[Instruction, ...]
    value: Operand
    slope: Operand
    slope_rest: Operand
    slope_exponent: Operand
    notes: tuple[str, ...]
    reach: float = math.inf
    far: StableForm | None = None

    @cached_property
    def _needed(self) -> dict[tuple[str, ...], tuple[int, ...]]:
        return {}

    def needed(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Return the registers that the named outputs need, in order."""
        if names not in self._needed:
            self._needed[names] = live(self.instructions, tuple(getattr(self, name) for name in names))
        return self._needed[names]

    @property
    def everywhere(self) -> tuple[StableForm, ...]:
        """Return the form itself and the one for far out, if there is one."""
        return (self,) if self.far is None else (self, self.far)


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
    if place is None:
        return None
    try:
        digest, _, text = (place / f"{key}.json").read_text().partition("\n")
        return _read(json.loads(text)) if digest == _digest(text) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(kept: Any) -> StableForm:
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
    if not isinstance(kept["reach"], float) or not kept["reach"] > 0:
        raise ValueError("reach of a kept form")
    far = None if kept["far"] is None else _read(kept["far"])
    return StableForm(instructions, **outputs, notes=tuple(kept["notes"]), reach=kept["reach"], far=far)


def save_form(key: str, form: StableForm) -> None:
    """Keep a form, unless there is no cache."""
    place = private_directory("forms", key[:2])
    if place is None:
        return
    text = json.dumps(_plain(form))
    write_text(place / f"{key}.json", f"{_digest(text)}\n{text}")


def _plain(form: StableForm) -> dict:
    far = None if form.far is None else _plain(form.far)
    kept = {field.name: getattr(form, field.name) for field in fields(form)}
    return kept | {"instructions": [(i.op, i.args) for i in form.instructions], "far": far}
