"""Critical scales that are worth a try: stable ones at small biases."""

from __future__ import annotations

from collections.abc import Iterator

from vgtheory._errors import VgtheoryError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.kept import kept
from vgtheory.theory.asymptotics.critical_scale import critical_scale

# Biases at which a critical point is looked for where the network's own has none: small ones keep q* small, but GELU
# and SiLU have stable critical points from σ_b = 0.416 and 0.745 on only.
_BIASES = (0.0, 0.05, 0.2, 0.5, 0.8)


def critical_points(act: Activation, own_bias: float = 0.0) -> Iterator[tuple[float, float]]:
    """Yield (σ_w, σ_b) of the stable critical point at the given bias, or else of those at small ones."""
    for sigma_b in dict.fromkeys((own_bias, *_BIASES)):
        sigma_w = _stable(act, sigma_b)
        if sigma_w is not None:
            yield sigma_w, sigma_b
            if sigma_b == own_bias:
                return


@kept
def _stable(act: Activation, sigma_b: float) -> float | None:
    try:
        point = critical_scale(act, sigma_b)
    except VgtheoryError:
        return None
    return point.sigma_w if point.stable else None
