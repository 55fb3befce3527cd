"""Blocks that networks repeat: dense layers, residual and gated ones, transformers, convolutions, recurrent cells."""

from vgtheory.model.blocks.cells import cell, gru, lstm, minimal, rnn
from vgtheory.model.blocks.maps import conv, resnet
from vgtheory.model.blocks.stacks import dense, gated, mlp, normalised, residual, sequence
from vgtheory.model.blocks.tokens import attention, transformer
from vgtheory.model.program import Block

__all__ = [
    "Block", "attention", "cell", "conv", "dense", "gated", "gru", "lstm", "minimal", "mlp", "normalised", "residual",
    "resnet", "rnn", "sequence", "transformer",
]  # fmt: skip
