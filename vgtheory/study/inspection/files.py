"""Weights by name from a file or a model in memory; nothing in a file is ever executed."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from vgtheory._errors import InputError, UnsupportedError

Arrays = dict[str, NDArray]

MAX_BYTES = 16 * 2**30  # of the numbers in one file; more is not a mistake that memory should pay for
_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
_WHOLE = {"I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"}  # counters and masks, not weights
_PICKLES = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"}


def weights_by_name(model: Any) -> Arrays:
    """Return the floating-point arrays of a model by name, in the order in which it gives them.

    Parameters
    ----------
    model : path of a .safetensors, .npz or .onnx file; a mapping of names to arrays or tensors (a ``state_dict``); or
        an object with a ``state_dict()`` method, such as a PyTorch module.

    Raises
    ------
    InputError : a file that does not exist, is corrupt, or is of a kind that can run code when read (pickles).
    UnsupportedError : an .onnx file while the package ``onnx`` is not installed.
    """
    if isinstance(model, (str, Path)):
        return _from_file(Path(model))
    state = model.state_dict() if callable(getattr(model, "state_dict", None)) else model
    if not isinstance(state, Mapping):
        accepted = "a file name, a mapping of names to arrays, or a module with state_dict()"
        raise InputError(f"a model of type {type(model).__name__}", accepted, "e.g. vg.inspect('weights.safetensors')")
    arrays = {str(name): _as_array(str(name), value) for name, value in state.items()}
    return {name: a for name, a in arrays.items() if a.dtype.kind == "f"}


def _from_file(path: Path) -> Arrays:
    if not path.is_file():
        raise InputError(f"no file {path}", "an existing .safetensors, .npz or .onnx file", "check the path")
    kind = path.suffix.lower()
    if kind in _PICKLES:
        step = "save it with safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
        raise InputError(f"{path.name}", "a file that cannot run code (a pickle can)", step)
    readers = {".safetensors": _safetensors, ".npz": _npz, ".onnx": _onnx}
    if kind not in readers:
        raise InputError(f"{path.name}", "a .safetensors, .npz or .onnx file", "convert the weights to one of them")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path.name} of {path.stat().st_size:,} bytes", f"up to {MAX_BYTES:,}", "split the file")
    return readers[kind](path)


def _safetensors(path: Path) -> Arrays:
    try:
        parts = deserialize(path.read_bytes())
    except (SafetensorError, ValueError, OverflowError) as problem:
        raise InputError(f"{path.name} ({problem})", "an intact safetensors file", "write it again") from None
    out = {}
    for name, part in parts:
        kind, shape, data = part["dtype"], part["shape"], part["data"]
        if kind in _FLOATS:
            out[name] = np.frombuffer(data, _FLOATS[kind]).reshape(shape)
        elif kind == "BF16":  # the upper half of a float32
            out[name] = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
        elif kind not in _WHOLE:
            raise InputError(f"{name} of type {kind}", "float64, float32, float16 or bfloat16", "convert it")
    return out


def _npz(path: Path) -> Arrays:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_BYTES:
            raise InputError(f"{path.name} of {size:,} bytes unpacked", f"up to {MAX_BYTES:,}", "split the file")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError, MemoryError) as problem:
        if isinstance(problem, InputError):
            raise
        said = str(problem).partition("\n")[0]
        raise InputError(f"{path.name} ({said})", "an intact .npz of plain arrays", "write it with np.savez") from None
    return {name: a for name, a in arrays.items() if a.dtype.kind == "f"}


def _onnx(path: Path) -> Arrays:
    try:
        onnx, numpy_helper = import_module("onnx"), import_module("onnx.numpy_helper")
    except ImportError:
        raise UnsupportedError(f"{path.name}: .onnx needs the package onnx; pip install 'vgtheory[onnx]'") from None
    try:
        model = onnx.load(str(path), load_external_data=False)
        parts = {p.name: numpy_helper.to_array(p) for p in model.graph.initializer if not p.external_data}
    except Exception as problem:  # protobuf's own classes, which differ between its versions
        said = str(problem).partition("\n")[0][:80]
        raise InputError(f"{path.name} ({said})", "an intact ONNX model", "export it again") from None
    return {name: a for name, a in parts.items() if a.dtype.kind == "f"}


def _as_array(name: str, value: Any) -> NDArray:
    if hasattr(value, "detach"):  # a PyTorch tensor, recognised without loading torch; bfloat16 has no NumPy twin
        value = value.detach().cpu()
        value = value.double().numpy() if value.is_floating_point() else value.numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} of type {array.dtype}", "arrays of real numbers", "drop or convert it")
    return array
