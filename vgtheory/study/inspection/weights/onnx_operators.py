"""The operators of ONNX that are read, and what a tensor is on its way through a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vgtheory.study.inspection.weights.onnx_functions import Formula

SAME = ("Identity", "Dropout", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze")
MOVED = ("Transpose", "Expand")  # the same numbers elsewhere, which a layer would read otherwise
MOST = 20_000  # operators of a graph
# Operators that are a part of a network by themselves.
PARTS: Mapping[str, str] = {
    "LayerNormalization": "layer norm",
    "SimplifiedLayerNormalization": "RMS norm",
    "RMSNormalization": "RMS norm",
    "BatchNormalization": "batch norm",
    "Conv": "convolution",
    "LSTM": "LSTM",
    "GRU": "GRU",
    "RNN": "RNN",
    "Attention": "softmax attention",
    "MultiHeadAttention": "softmax attention",
    "GroupQueryAttention": "softmax attention",
    "MaxPool": "pooling",
    "AveragePool": "pooling",
    "GlobalAveragePool": "pooling",
}
NORM_WORDS: Mapping[str, str] = {"layer": "layer norm", "rms": "RMS norm"}


@dataclass(frozen=True)
class Signal:
    """A tensor on the way: after so many layers, a function of what the last one gave, which read `source`.

    Attributes
    ----------
    skip : a factor behind the activation; 0 without one.
    summed : whether it is a function of a sum with a skip connection instead.
    attention : how much of MatMul, Softmax, MatMul it is of computed tensors.
    scaled : whether it is a normalisation with its own gain or shift.
    biases : how many were added behind the product of the layer.
    """

    layer: int
    formula: Formula
    source: str
    skip: float = 0.0
    summed: bool = False
    attention: int = 0
    scaled: bool = False
    biases: int = 0
