"""A watch over training as the trainers of other libraries call theirs, and the places that its numbers go to."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vgtheory._errors import InputError

_BEGIN = ("on_train_begin", "on_train_start")  # as transformers' Trainer and Lightning call it
_END = ("on_train_end", "on_exception")
_COLUMNS = ("rms", "gradient_norm", "relative", "update_ratio")
Row = dict[str, dict[str, float]]


class Callback(ABC):
    """What trainers expect of a callback: every event is a method, and those that are not used do nothing.

    It serves ``transformers.Trainer(callbacks=[...])`` and Lightning's ``Trainer(callbacks=[...])``.
    """

    state_key = "vgtheory.watch"

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name in _BEGIN:
            return lambda *_, **__: self.begin()
        if name in _END:
            return lambda *_, **__: self.end()
        if name.startswith("on_") or name in ("setup", "teardown", "load_state_dict"):
            return lambda *_, **__: None
        raise AttributeError(name)

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: a watch starts anew with a training that is resumed."""
        return {}

    @abstractmethod
    def begin(self) -> None:
        """Start watching."""

    @abstractmethod
    def end(self) -> None:
        """Stop watching."""


def to_sink(out: Any) -> Callable[[int, Row], None] | None:
    """Return what takes the numbers of a step: lines of a CSV file, or scalars of TensorBoard's ``SummaryWriter``.

    Raises InputError for anything else, and for a folder that is missing.
    """
    if out is None:
        return None
    if hasattr(out, "add_scalar"):
        return lambda step, row: _scalars(out, step, row)
    path = Path(out) if isinstance(out, (str, Path)) else None
    if path is None or path.suffix != ".csv" or not path.parent.is_dir():
        accepted = "a .csv path in a folder that exists, or an object with add_scalar(tag, value, step)"
        raise InputError("out", accepted, 'e.g. out="run.csv"', got=repr(out)[:60])
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(("step", "module", *_COLUMNS))
    return lambda step, row: _lines(path, step, row)


def _scalars(writer: Any, step: int, row: Row) -> None:
    for name, values in row.items():
        for column in _COLUMNS:
            if column in values:
                writer.add_scalar(f"{column}/{name}", values[column], step)


def _lines(path: Path, step: int, row: Row) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for name, values in row.items():
            writer.writerow((step, name, *(repr(values[c]) if c in values else "" for c in _COLUMNS)))
