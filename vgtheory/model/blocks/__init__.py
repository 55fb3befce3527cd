"""Blocks that networks repeat: dense layers, residual and gated ones, recurrent cells, and cells from formulas."""

from vgtheory.model.blocks.cells import cell, gru, lstm, minimal, rnn
from vgtheory.model.blocks.stacks import dense, gated, mlp, normalised, residual
from vgtheory.model.program import Block

__all__ = ["Block", "cell", "dense", "gated", "gru", "lstm", "minimal", "mlp", "normalised", "residual", "rnn"]
