"""The recurrent cell of this package that a recurrent module is."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import xarray as xr

from vgtheory.model.blocks import gru, lstm, rnn
from vgtheory.model.network import BlockNetwork
from vgtheory.model.weights import Weights
from vgtheory.study.inspection.causes import Cause
from vgtheory.study.inspection.modules.recognised import is_orthogonal
from vgtheory.study.inspection.weights.entries import EntryMoments, comes_from

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


@dataclass(frozen=True, eq=False)
class Cell:
    """A recurrent module of one layer and direction, as it was when it was seen: its gates' weights and biases."""

    kind: str
    activation: str
    weight: np.ndarray
    bias: np.ndarray
    steps: int

    def network(self) -> BlockNetwork:
        """Return the cell with tied weights over its steps, drawn from the distribution that its own seem to be of.

        Gates in PyTorch's order: i, f, g, o of an LSTM, r, z, n of a GRU.  Of the biases the forget gate's, or the
        update gate's, mean is kept, the others' spread as σ_b.
        """
        width = self.weight.shape[1]
        moments = EntryMoments.of(self.weight.ravel())
        drawn = comes_from(moments, "uniform", 1 / (3 * width))
        if drawn and self.kind == "LSTM" and abs(self._memory()) < 1 / sqrt(width):
            return BlockNetwork(lstm.pytorch(), width=width, depth=self.steps)
        sigma_w = sqrt(width * moments.square)
        if all(is_orthogonal(block) for block in np.split(self.weight, _GATES[self.kind])):
            weights = Weights.orthogonal(sigma_w)
        else:
            weights = Weights.gaussian(sigma_w)
        if self.kind == "LSTM":
            return BlockNetwork(lstm(weights, forget_bias=self._memory()), width=width, depth=self.steps)
        if self.kind == "GRU":
            return BlockNetwork(gru(weights, update_bias=self._memory()), width=width, depth=self.steps)
        return BlockNetwork(rnn(self.activation, weights), width=width, depth=self.steps)

    def theory(self, table: xr.Dataset) -> None:
        """Return None: over time only the gradient at the input is measured, which theory does not predict."""
        return None

    def causes(self, log_change: float) -> tuple[Cause, ...]:
        """Return what theory blames: nothing, since the fall over time is said with its number."""
        return ()

    def _memory(self) -> float:
        """Return the mean bias of the gate that keeps the state; 0 of a plain recurrent module."""
        if self.kind == "RNN":
            return 0.0
        return float(np.split(self.bias, _GATES[self.kind])[1].mean())


def cell_of(module: Any, steps: int) -> Cell | None:
    """Return the cell of a recurrent module of PyTorch; None with several layers, directions or a projection."""
    kind = type(module).__name__
    if kind not in _GATES or module.num_layers != 1 or module.bidirectional or getattr(module, "proj_size", 0):
        return None
    arrays = [
        p.detach().double().cpu().numpy().copy() for n, p in module.named_parameters() if "_hh_" in n or "_ih_" in n
    ]
    weight = arrays[1]
    bias = arrays[2] + arrays[3] if module.bias else np.zeros(len(weight))
    return Cell(kind, getattr(module, "nonlinearity", "tanh"), weight, bias, steps)
