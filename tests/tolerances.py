"""How far two numbers are apart: in units in the last place of the true value, taken from ball arithmetic."""

from collections.abc import Callable, Iterable, Sequence

import flint
import numpy as np

BITS = 3000  # 1 + erf cancels some 2300 bits at -40; nothing here needs more


def exact_values(function: Callable[[flint.arb], flint.arb], points: Iterable[float]) -> list[flint.arb]:
    """Return f at each double as a tight ball."""
    old, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        return [function(flint.arb(float(x))) for x in points]
    finally:
        flint.ctx.prec = old


def ulp_errors(
    computed: Sequence[float] | np.ndarray,
    true: list[flint.arb],
    scale: np.ndarray | None = None,
    dtype: type = np.float64,
) -> np.ndarray:
    """Return |computed − true| in ulp of the true value, or of `scale` where that is larger.

    A computed value that is not finite counts as infinitely wrong.
    """
    errors = np.empty(len(true))
    old, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        for i, (value, ball) in enumerate(zip(np.asarray(computed), true, strict=True)):
            size = max(abs(float(ball)), 0.0 if scale is None else abs(float(scale[i])))
            unit = float(np.spacing(dtype(size)))
            finite = np.isfinite(value)
            errors[i] = float(abs(flint.arb(float(value)) - ball) / flint.arb(unit)) if finite else np.inf
    finally:
        flint.ctx.prec = old
    return errors
