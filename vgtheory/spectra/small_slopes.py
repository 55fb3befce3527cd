"""How small slopes that are not 0 become, apart from zeros of φ' inside an interval: far out, and next to a kink."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

import numpy as np
from scipy.special import logsumexp

from vgtheory._errors import UnsupportedError
from vgtheory.codegen.evaluate import evaluator
from vgtheory.kernels.quadrature import composite
from vgtheory.kernels.spectral_poles import ORDER
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.shape import tails

_FARTHEST, _PANEL = 38.0, 0.25  # in standard deviations: the normal density is 1e-314 there
_FALLEN = 40.0  # in ln: an integrand that is this far below its peak has no more to come
_BESIDE = np.array([1e-6, 1e-12])  # distances from a kink
_DROP = 3.0  # of ln|φ'| between them: more is a power of the distance, of at least 0.22


@lru_cache(maxsize=64)
def vanishes_beside(activation: Activation) -> bool:
    """Return whether φ', where it is not 0 throughout, tends to 0 at −∞, at ∞ or from one side of a kink."""
    pieces = activation.derivative_pieces()
    with suppress(UnsupportedError):  # no expansion at infinity
        for side, piece in zip(tails(activation), (pieces[0], pieces[-1]), strict=True):
            if side.limit == 0 and piece.expr != 0:
                return True
    log_slope = evaluator(activation).log_slope
    for piece in pieces:
        if piece.expr.free_symbols:
            for end, inwards in ((float(piece.lo), 1.0), (float(piece.hi), -1.0)):
                near, nearer = log_slope(end + inwards * _BESIDE) if np.isfinite(end) else (0.0, 0.0)
                if near - nearer > _DROP:
                    return True
    return False


def log_inverse_beyond(activation: Activation, scale: float, reach: float) -> float:
    """Return ln E φ'(h)⁻² over |h| > reach · scale, h ~ N(0, scale²), where φ' is not 0; inf where it is not finite.

    Slopes of tanh are e^(−2|h|): their inverse squares are largest 4 · scale² away from 0, far beyond all probability.
    """
    pieces, parts = activation.derivative_pieces(), [-np.inf]
    log_slope = evaluator(activation).log_slope
    z, w = composite(np.linspace(reach, _FARTHEST, int((_FARTHEST - reach) / _PANEL) + 1), ORDER)
    for sign, piece in ((-1.0, pieces[0]), (1.0, pieces[-1])):
        if piece.expr.free_symbols:
            logs = -2 * log_slope(sign * scale * z) - z * z / 2 - np.log(2 * np.pi) / 2
            if not logs[-1] < max(float(logs.max()), 0.0) - _FALLEN:
                return np.inf
            parts.append(float(logsumexp(logs, b=w)))
    return float(logsumexp(parts))
