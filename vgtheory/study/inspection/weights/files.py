"""Weights by name from a file or a model in memory; nothing in a file is ever executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError
from vgtheory._untrusted import INDEX, check_weights_file, read_archive
from vgtheory.study.inspection.weights.keras_file import read_keras, read_sequential
from vgtheory.study.inspection.weights.onnx_file import read_onnx, read_program
from vgtheory.study.inspection.weights.onnx_graph import Program
from vgtheory.study.inspection.weights.safetensors_file import read_safetensors, read_sharded

Arrays = dict[str, NDArray]

_READERS = {
    ".safetensors": read_safetensors,
    ".npz": read_archive,
    ".onnx": read_onnx,
    ".keras": read_keras,
    ".h5": read_keras,
}
_PROGRAMS = {".onnx": read_program, ".keras": read_sequential, ".h5": read_sequential}  # of files that may tell order
_STATES = ("state_dict", "model_state_dict", "params")  # under which checkpoints keep a model beside an optimiser
_DEPTH = 20  # of nested mappings


def weights_by_name(model: Any) -> Arrays:
    """Return the floating-point arrays of a model by name, in the order in which it gives them.

    Characters of a name that are not printable are written as escapes, so that no terminal obeys them.

    Parameters
    ----------
    model : path of a .safetensors (or its .index.json), .npz, .onnx, .keras or .h5 file; a mapping of names to arrays
        or tensors (a ``state_dict``), also nested as Flax and Lightning have it; or an object with ``state_dict()``.

    Raises
    ------
    InputError : a file that does not exist, is corrupt, or is of a kind that can run code when read (pickles); tensors
        without numbers.
    UnsupportedError : an .onnx file while the package ``onnx`` is not installed.
    """
    if isinstance(model, (str, Path)):
        return _named(check_weights_file(Path(model)))
    state = model.state_dict() if callable(getattr(model, "state_dict", None)) else model
    if not isinstance(state, Mapping) or isinstance(state, xr.Dataset):
        accepted = (
            "a PyTorch module with inputs, a file name, a mapping of names to arrays, or an object with state_dict()"
        )
        raise InputError("model", accepted, "e.g. vg.inspect('weights.safetensors')", got=type(model).__name__)
    return _named({name: _as_array(name, value) for name, value in _flat(state)})


def program_by_name(path: Path) -> Program | str:
    """Return the chain of layers that a file tells, or in words why it is none; "" of a kind that tells none."""
    read = _PROGRAMS.get(path.suffix.lower())
    return "" if read is None else read(check_weights_file(path))


def _read(path: Path) -> Arrays:
    return read_sharded(path) if path.name.endswith(INDEX) else _READERS[path.suffix.lower()](path)


def _named(source: Path | Arrays) -> Arrays:
    arrays = _read(source) if isinstance(source, Path) else source
    found = {visible(name): a for name, a in arrays.items() if a.dtype.kind == "f"}
    if len(found) != sum(a.dtype.kind == "f" for a in arrays.values()):
        raise InputError("names", "different ones", "rename arrays whose names differ in control characters only")
    return found


def visible(name: str) -> str:
    r"""Return a name in which characters that are not printable are written as escapes.

    >>> print(visible("fc\x1b[31m.weight"))
    fc\x1b[31m.weight
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in name)


def _flat(state: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings, names joined by dots; of a checkpoint, those of the model in it only."""
    inner = next((state[key] for key in _STATES if isinstance(state.get(key), Mapping)), None)
    stack = [("", state if inner is None else inner, 0)]
    while stack:
        start, value, depth = stack.pop()
        if not isinstance(value, Mapping):
            yield start, value
        elif depth > _DEPTH:
            raise InputError(f"mappings nested more than {_DEPTH} deep", "a state_dict", "pass the inner mapping")
        else:
            parts = [(f"{start}.{key}" if depth else str(key), inside, depth + 1) for key, inside in value.items()]
            stack.extend(reversed(parts))


def _as_array(name: str, value: Any) -> NDArray:
    shown = visible(name)
    if hasattr(value, "detach"):  # a PyTorch tensor, recognised without loading torch; bfloat16 has no NumPy twin
        if type(value).__name__ in {"UninitializedParameter", "UninitializedBuffer"}:
            raise InputError(f"{shown}, which is not initialised", "tensors with numbers", "call model(x) once before")
        if value.is_meta:
            raise InputError(
                f"{shown} on the meta device", "tensors with numbers", "model.to_empty(device='cpu'), fill it"
            )
        value = value.detach().cpu()
        value = value.to_dense() if str(value.layout) != "torch.strided" else value
        value = value.dequantize() if value.is_quantized else value
        value = value.double().numpy() if value.is_floating_point() else value.numpy()
    try:
        array = np.asarray(value)
    except ValueError as problem:
        raise InputError(f"{shown} ({problem})", "an array of numbers", "drop or convert it") from None
    if array.dtype.kind not in "fiub":
        raise InputError(f"{shown} of type {array.dtype}", "arrays of real numbers", "drop or convert it")
    return array
