"""Kernels and biases from Keras' .keras, .weights.h5 and .h5 files, and the chain that a Sequential model is."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import InputError
from vgtheory._untrusted import check_size
from vgtheory.study.inspection.weights.onnx_functions import Named
from vgtheory.study.inspection.weights.onnx_graph import Program

_WEIGHTS, _CONFIG = "model.weights.h5", "config.json"  # members of a .keras archive
_LONGEST = 2**24  # bytes of a model's description
_DEPTH, _MOST = 20, 100_000  # of nested groups; links in all
_RATIO, _SMALL = 100, 2**26  # times the packed size, and bytes, beyond which an archive is a bomb
_SILENT = ("InputLayer", "Dropout", "Flatten", "Reshape")  # layers without a function
# Keras' names of activations that are others here, and parameters that are not the catalogue's.
_ACTIVATIONS: Mapping[str, Named] = {
    "elu": ("elu", ()),
    "gelu": ("gelu", ()),
    "leaky_relu": ("leaky_relu", (("alpha", 0.2),)),
    "mish": ("mish", ()),
    "relu": ("relu", ()),
    "relu6": ("relu6", ()),
    "selu": ("selu", ()),
    "sigmoid": ("sigmoid", ()),
    "silu": ("silu", ()),
    "softplus": ("softplus", ()),
    "softsign": ("softsign", ()),
    "swish": ("silu", ()),
    "tanh": ("tanh", ()),
}
_NONE = ("linear", None)


def read_keras(path: Path) -> dict[str, NDArray]:
    """Return the floating-point arrays of a Keras file: "name.kernel" (inputs first), "name.bias" of its layers.

    Only links within the file are followed, and no code of it is run.  Raises InputError for a damaged file.
    """
    return _opened(path)[0]


def read_sequential(path: Path) -> Program | str:
    """Return the chain of Dense layers that a Keras model is, or in words what it has that is none.

    Raises what :func:`read_keras` raises.
    """
    arrays, config = _opened(path)
    if config.get("class_name") != "Sequential":
        return "no description of a Sequential model in the file"
    try:
        return _chain(config["config"]["layers"], arrays)
    except (KeyError, TypeError, AttributeError, ValueError):
        return "a description of the model that is not Keras'"


def _chain(layers: Sequence[Mapping[str, Any]], arrays: Mapping[str, NDArray]) -> Program | str:
    kept: dict[str, NDArray] = {}
    functions: list[Any] = []
    for layer in layers:
        kind, config = layer["class_name"], layer["config"]
        if kind in _SILENT:
            continue
        if kind == "Dense":
            kernel, bias = f"{config['name']}.kernel", f"{config['name']}.bias"
            if kernel not in arrays or arrays[kernel].ndim != 2:
                return f"no kernel of {config['name']}"
            kept[f"{config['name']}.weight"] = np.asarray(arrays[kernel].T, dtype=np.float64)
            if bias in arrays:
                kept[f"{config['name']}.bias"] = np.asarray(arrays[bias], dtype=np.float64)
            functions.append(config.get("activation", "linear"))
        elif kind in ("Activation", "ReLU") and functions and functions[-1] in _NONE:
            if kind == "ReLU" and any(config.get(key) for key in ("max_value", "negative_slope", "threshold")):
                return f"{config['name']}, a ReLU with parameters"
            functions[-1] = "relu" if kind == "ReLU" else config["activation"]
        else:
            return f"{config['name']}, of kind {kind}"
    last = functions.pop() if functions else None
    between = {str(function) for function in functions}
    if len(between) != 1 or not between <= set(_ACTIVATIONS):
        return f"the activations {', '.join(sorted(between)) or 'none'} between its layers, where a chain has one"
    (name,) = between
    if last not in (*_NONE, "softmax", name):  # a softmax at the end belongs to the loss
        return f"{last} behind the last layer"
    order = tuple(key for key in kept if key.endswith(".weight"))
    return Program(kept, order, _ACTIVATIONS[name], 0.0, last == name)


def _opened(path: Path) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Return the arrays of a file and the description of the model in it, {} without one."""
    check_size(path.name, path.stat().st_size)
    try:
        if path.suffix.lower() == ".keras":
            with zipfile.ZipFile(path) as archive:
                config = json.loads(_member(archive, _CONFIG, _LONGEST))
                data = io.BytesIO(_member(archive, _WEIGHTS, max(_SMALL, _RATIO * path.stat().st_size)))
            return _arrays(path.name, data, config)
        return _arrays(path.name, path, None)
    except InputError:
        raise
    except Exception as problem:  # h5py, zipfile and zlib raise a dozen classes on damaged files
        said = str(problem).partition("\n")[0][:120]
        raise InputError(f"{path.name} ({said})", "an intact Keras file", "save the model again") from None


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    entry = archive.getinfo(name)
    if entry.file_size > most:
        raise ValueError(f"{name} of {entry.file_size:,} bytes")
    check_size(name, entry.file_size)
    with archive.open(entry) as file:
        return file.read(most + 1)[: entry.file_size]


def _arrays(name: str, source: Any, config: Any) -> tuple[dict[str, NDArray], dict[str, Any]]:
    h5py = import_module("h5py")
    with h5py.File(source, "r") as file:
        if config is None:
            text = file.attrs.get("model_config", "{}")
            config = json.loads(text if len(text) <= _LONGEST else "{}")
        places = _datasets(h5py, file)
        check_size(f"{name} unpacked", sum(place.size * place.dtype.itemsize for place in places.values()))
        arrays = {path: np.asarray(place[()]) for path, place in places.items()}
    config = config if isinstance(config, dict) else {}
    return _named(arrays, _saved_as(config)), config


def _datasets(h5py: Any, file: Any) -> dict[str, Any]:
    """Return the floating-point datasets by path that lie in the file itself."""
    found, waiting, seen = dict[str, Any](), [("", file, 0)], 0
    while waiting:
        start, group, depth = waiting.pop()
        for key in group:
            seen += 1
            if depth > _DEPTH or seen > _MOST:
                raise ValueError("groups without end")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise ValueError(f"{key[:80]!r} is a link to elsewhere")
            part = group[key]
            if isinstance(part, h5py.Group):
                waiting.append((f"{start}{key}/", part, depth + 1))
            elif part.is_virtual or part.external:
                raise ValueError(f"{key[:80]!r} lies in another file")
            elif part.dtype.kind == "f":
                found[f"{start}{key}"] = part
    return found


def _saved_as(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of a Sequential model's layers by those that a file of weights has for them.

    That is the class in small letters, and a number from the second of a class on.
    """
    out, counts = dict[str, str](), dict[str, int]()
    inside = config.get("config")
    for layer in inside.get("layers", []) if isinstance(inside, dict) else []:
        kind = re.sub(r"(?<=[a-z0-9])([A-Z])|(?<=[A-Z])([A-Z])(?=[a-z])", r"_\1\2", str(layer["class_name"])).lower()
        count = counts.setdefault(kind, 0)
        counts[kind] += 1
        out[f"{kind}_{count}" if count else kind] = str(layer["config"]["name"])
    return out


def _named(arrays: Mapping[str, NDArray], names: Mapping[str, str]) -> dict[str, NDArray]:
    """Return arrays by layer and "kernel" or "bias": older files say these words, newer ones number the variables.

    What is neither keeps its path.
    """
    out: dict[str, NDArray] = {}
    for path, array in arrays.items():
        if path.split("/")[0] in ("optimizer", "optimizer_weights"):
            continue
        parts = path.removeprefix("model_weights/").split("/")
        owner, place = (parts[-3], parts[-1]) if len(parts) > 2 and parts[-2] == "vars" else ("", "")
        word = parts[-1].partition(":")[0]
        if owner and (place, array.ndim) in (("0", 2), ("1", 1)):
            name = f"{names.get(owner, owner)}.{'kernel' if place == '0' else 'bias'}"
        elif word in ("kernel", "bias") and len(parts) > 1:
            name = f"{parts[0]}.{word}"
        else:
            name = path
        out[name if name not in out else path] = array
    return dict(sorted(out.items(), key=lambda item: _place(item[0], list(names.values()))))


def _place(name: str, order: Sequence[str]) -> tuple[int, list[int], str]:
    owner = name.rpartition(".")[0]
    known = order.index(owner) if owner in order else len(order)
    return known, [int(number) for number in re.findall(r"\d+", owner)], name
