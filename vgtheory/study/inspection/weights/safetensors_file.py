"""Arrays from .safetensors files, in the order in which they lie there; also those that an index spreads over many."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import InputError
from vgtheory._untrusted import check_size

_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_WHOLE = {"I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}  # no weights
_HEADER = 100 * 2**20  # bytes of the header, as the format has it
_DIMENSIONS = 32
_SIDE = 2**48


def read_safetensors(path: Path) -> dict[str, NDArray]:
    """Return the floating-point tensors of a .safetensors file by name, in the order of their places in the file.

    The header is a length (8 bytes) and JSON: name → dtype, shape, data_offsets; bfloat16 becomes float32.  Its own
    readers give the names in an order that changes from call to call.  Raises InputError for a damaged file.
    """
    check_size(path.name, path.stat().st_size)
    try:
        with open(path, "rb") as file:
            start = file.read(8)
            (length,) = struct.unpack("<Q", start)
            if length > min(_HEADER, path.stat().st_size - 8):
                raise ValueError(f"a header of {length:,} bytes")
            header = json.loads(file.read(length).decode(), object_pairs_hook=_unique)
            data = np.frombuffer(file.read(), dtype=np.uint8)
        if not isinstance(header, dict):
            raise ValueError("a header that is no table")
        header.pop("__metadata__", None)
        placed = sorted((_place(name, part) for name, part in header.items()), key=lambda place: place[0])
        end = 0
        for first, last, name, _, _ in placed:
            if first != end or last < first:
                raise ValueError(f"{name[:80]!r} at {first}, where {end} is expected")
            end = last
        if end != len(data):
            raise ValueError(f"{len(data):,} bytes of tensors, {end:,} in its header")
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as problem:
        said = str(problem).partition("\n")[0][:120]
        raise InputError(f"{path.name} ({said})", "an intact safetensors file", "write it again") from None
    return {
        name: _numbers(data[first:last], kind, shape) for first, last, name, kind, shape in placed if kind not in _WHOLE
    }


def read_sharded(path: Path) -> dict[str, NDArray]:
    """Return the tensors of all files that a ``….safetensors.index.json`` names, which lie beside it."""
    check_size(path.name, path.stat().st_size)
    try:
        files = dict.fromkeys(json.loads(path.read_text())["weight_map"].values())
        names = [name for name in files if isinstance(name, str) and name.endswith(".safetensors")]
        if len(names) != len(files) or any(Path(name).name != name for name in names):
            raise ValueError("names of files elsewhere")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        said = str(problem).partition("\n")[0][:120]
        accepted = '{"weight_map": {name: file beside it}}'
        raise InputError(f"{path.name} ({said})", accepted, "save the model again") from None
    missing = [name for name in names if not (path.parent / name).is_file()]
    if missing:
        raise InputError(f"{path.name} without {missing[0]}", "all of its files beside it", "fetch them too")
    check_size(path.name, sum((path.parent / name).stat().st_size for name in names))
    return {key: a for name in names for key, a in read_safetensors(path.parent / name).items()}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _place(name: str, part: Any) -> tuple[int, int, str, str, tuple[int, ...]]:
    kind, shape, (first, last) = part["dtype"], tuple(part["shape"]), part["data_offsets"]
    if any(type(n) is not int or not 0 <= n < _SIDE for n in (*shape, first, last)) or len(shape) > _DIMENSIONS:
        raise ValueError(f"{name[:80]!r} of shape {str(shape)[:80]}")
    size = np.dtype(_FLOATS[kind]).itemsize if kind in _FLOATS else _WHOLE.get(kind)
    if size is None:
        raise ValueError(f"{name[:80]!r} of type {str(kind)[:20]}: convert it to float32")
    if math.prod(shape) * size != last - first:
        raise ValueError(f"{name[:80]!r} of shape {shape} beside {last - first} bytes")
    return first, last, name, kind, shape


def _numbers(data: NDArray, kind: str, shape: tuple[int, ...]) -> NDArray:
    array = data.view(_FLOATS[kind]) if data.size else np.empty(0, _FLOATS[kind])
    if kind == "BF16":  # the upper half of a float32
        array = (array.astype("<u4") << 16).view("<f4")
    return array.reshape(shape)
