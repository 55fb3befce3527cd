"""The verbs that are asked of an activation or of a block: its critical scale, and its gains."""

from __future__ import annotations

from typing import Any

from vgtheory._errors import InputError
from vgtheory.model.network import BlockNetwork
from vgtheory.model.program import Block
from vgtheory.theory.asymptotics import fixed_points
from vgtheory.theory.asymptotics import gains as unit_gains
from vgtheory.theory.asymptotics.programs.padding import CriticalConvolution, critical_convolution
from vgtheory.theory.asymptotics.programs.stacks import BlockGains, block_gains
from vgtheory.theory.asymptotics.programs.zero_state import CriticalCell, critical_cell


def critical(act: Any, sigma_b: float = 0.0) -> fixed_points.CriticalPoint | CriticalCell | CriticalConvolution:
    """Return the critical point of an activation at this σ_b, or the critical scale of a cell or a convolution.

    Parameters
    ----------
    act : an activation: χ = 1 on the curve of fixed points; of several a stable one with the least q.  A cell of
        ``vg.blocks``: the scale of its recurrent matrices at which a gradient at its zero state keeps its length.  A
        convolution, or a network of it where zeros are padded: the scale at which the mean squared gradient is kept.
    sigma_b : standard deviation of the biases; a block's weights carry their own.

    Raises
    ------
    InputError : σ_b negative or not finite, or given beside a block.
    NoSolutionError : there is no such point.
    UnsupportedError : no such point up to the q beyond which E φ² or E φ'² cannot be computed or is infinite; a block
        that is neither a recurrent cell nor a convolution, or a cell with random biases; zeros
        padded beside an activation that is not homogeneous.

    Notes
    -----
    Poole et al. (2016), Schoenholz et al. (2017) for activations; of cells see ``CriticalCell.formula``.

    Examples
    --------
    >>> import vgtheory as vg
    >>> round(critical("tanh", 0.05**0.5).sigma_w ** 2, 10)
    1.7609546396
    >>> round(critical(vg.blocks.lstm(vg.Weights.gaussian(1), forget_bias=1)).sigma_w, 4)
    1.0758
    >>> conv = vg.blocks.conv("relu", vg.Weights.he(), padding="zeros")
    >>> round(critical(vg.Network(conv, width=64, depth=24, shape=(4, 4))).sigma_w ** 2, 4)
    2.6262
    """
    if not isinstance(act, (Block, BlockNetwork)):
        return fixed_points.critical(act, sigma_b)
    if sigma_b != 0:
        raise InputError(
            "sigma_b beside a block", "0", "a block's weights carry their biases: leave it out", f"{sigma_b}"
        )
    block, shape = (act.block, act.shape) if isinstance(act, BlockNetwork) else (act, None)
    return critical_cell(block) if block.recurrent or not block.mixes("window") else critical_convolution(block, shape)


def gains(act: Any) -> unit_gains.Gains | BlockGains:
    """Return the gains of an activation at pre-activations of variance 1, or of a block at a stream of mean square 1.

    Of a block over one stream: ``length`` F, mean square of its result, ``gradient`` B, the factor of the squared
    gradient norm, and ``ratio`` D = B/F.  A pre-norm stream grows by ∏(1 + a²B/q_l) ≈ (q_L/q_0)^D; a gated block has
    one more than the plain one.

    Raises
    ------
    InputError : symbolic parameters.
    UnsupportedError : a mean at q = 1 that cannot be computed and is not shown to be infinite (then the gain is 0); a
        recurrent cell.

    Examples
    --------
    >>> import vgtheory as vg
    >>> round(gains("tanh").rms, 10)
    1.5925374197
    >>> w = vg.Weights.gaussian(1)
    >>> round(gains(vg.blocks.gated("silu", w, w, w)).ratio, 3)
    2.067
    """
    return block_gains(act) if isinstance(act, Block) else unit_gains.gains(act)
