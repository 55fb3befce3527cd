"""Initialisers from .onnx files, in the order in which the graph lists them, and the chain that the graph is."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vgtheory._errors import InputError, UnsupportedError
from vgtheory._untrusted import check_size
from vgtheory.study.inspection.weights.onnx_graph import Program, program_of


def read_onnx(path: Path) -> dict[str, NDArray]:
    """Return the floating-point initialisers of an ONNX model by name; external data are read from beside the file.

    Raises InputError for a damaged model or external data that are missing, UnsupportedError without the package onnx.
    """
    return {name: array for name, array in _loaded(path)[1].items() if array.dtype.kind == "f"}


def read_program(path: Path) -> Program | str:
    """Return the chain of layers that an ONNX model's graph calls, or in words what it has that is no chain.

    Raises what :func:`read_onnx` raises.
    """
    graph, arrays = _loaded(path)
    if not graph.node:
        return "it has no operators"
    return program_of(graph.node, [i.name for i in graph.input], [o.name for o in graph.output], arrays)


def _loaded(path: Path) -> tuple[Any, dict[str, NDArray]]:
    """Return the graph and its constants by name."""
    try:
        onnx, numpy_helper = import_module("onnx"), import_module("onnx.numpy_helper")
    except ImportError:
        raise UnsupportedError(f"{path.name}: .onnx needs the package onnx; pip install 'vgtheory[onnx]'") from None
    check_size(path.name, path.stat().st_size)
    try:
        model = onnx.load(str(path), load_external_data=False)
        outside = [p for p in model.graph.initializer if p.data_location == onnx.TensorProto.EXTERNAL]
        for part in outside:
            # Refuses what points out of the folder: the model's word is no reason to open any file of the machine.
            onnx.external_data_helper.load_external_data_for_tensor(part, str(path.parent))
            part.data_location = onnx.TensorProto.DEFAULT  # or to_array reads it from the current folder
        check_size(path.name, sum(len(p.raw_data) for p in outside))
        parts = {p.name: numpy_helper.to_array(p) for p in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
                parts[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    except InputError:
        raise
    except Exception as problem:  # protobuf's own classes, which differ between its versions
        said = str(problem).partition("\n")[0][:120]
        hint = "keep its external data beside it, or export it again"
        raise InputError(f"{path.name} ({said})", "an intact ONNX model", hint) from None
    return model.graph, parts
