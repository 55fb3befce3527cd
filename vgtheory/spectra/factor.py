"""A free factor of J Jᵀ, some equal layers, and the equations of a product of such factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vgtheory.kernels.spectral_far import prepare
from vgtheory.kernels.spectral_poles import panels_of
from vgtheory.kernels.spectral_sums import PLAIN, Factors, Laws, Rest, System
from vgtheory.spectra.slope_law import SlopeLaw

Kind = Literal["gaussian", "orthogonal", "residual", "residual-orthogonal", "residual-two"]
SLACK = 1e-9  # fractions that differ by less are equal
_POWER = {"residual": 1, "residual-orthogonal": 2, "residual-two": 0}


@dataclass(frozen=True)
class Factor:
    """`count` equal layers: J_l = D W (plain) or I + a D W, I + a W' D W (residual).

    Parameters
    ----------
    log_variance : ln σ_w² of W; for residual blocks ln a² σ_w² (times the variance of W').
    before, after : N_{l−1}/N_L and N_l/N_L.
    count : how many layers this one stands for; need not be an integer.
    """

    law: SlopeLaw
    count: float
    kind: Kind
    log_variance: float
    before: float = 1.0
    after: float = 1.0

    @property
    def is_residual(self) -> bool:
        """Return whether the block is I + Y."""
        return self.kind in _POWER

    @property
    def log_gain(self) -> float:
        """Return ln of what one layer multiplies E x by."""
        gain = self.log_variance + self.law.log_mean
        return float(np.logaddexp(0.0, gain)) if self.is_residual else gain

    @property
    def relative_variance(self) -> float:
        """Return what one layer adds to Var x/(E x)²: −d ln S/dm at m = 0, with m normalised by N_L."""
        own = self.law.relative_variance
        if self.kind == "gaussian":
            return own / self.after + 1 / self.before
        if self.kind == "orthogonal":
            return own / self.after + max(1 / self.before - 1 / self.after, 0.0)
        t = float(np.exp(self.log_variance + self.law.log_mean))
        own += {"residual": 1, "residual-orthogonal": 0, "residual-two": 2}[self.kind]
        return (2 * t + t**2 * own) / (1 + t) ** 2


def exponent_at_zero(parts: Sequence[Factor], p: float) -> float:
    """Return E, where z ∝ (m + p)^E next to z = 0 if E 1/d² is finite in every layer, and more if it is not.

    There ln z falls by e for each factor (1 + γm)^e of `rest_of` that vanishes at m = −p, and by 1 for each layer whose
    own live units are the fraction p: m + p = −z E 1/x to first order.  Square Gaussian layers have L + 1.
    """
    limits, shares, *_ = rest_of(parts, p)
    return float(shares[np.abs(limits) < SLACK].sum()) + sum(f.count for f in _tight(parts, p))


def reaches_zero(parts: Sequence[Factor], p: float) -> bool | None:
    """Return whether x > 0 comes as near 0 as one likes, None where that is not decided.

    Plain layers: E 1/x is infinite, or the slopes of a layer come near 0.  If all live units of a layer are needed,
    J B⁺ y = A D y is small for a unit vector y of its smallest slopes.  Blocks: J is invertible if all blocks are.
    """
    residual = [f.is_residual for f in parts]
    if any(residual):
        found = [_is_singular(f) for f in parts] if all(residual) else [None]
    elif exponent_at_zero(parts, p) > 1 + SLACK:
        return True
    else:
        found = [f.law.vanishes for f in _tight(parts, p)]
    return True if True in found else None if None in found else False


def _is_singular(block: Factor) -> bool | None:
    """Return whether I + Y is not invertible, None where that is not decided: whether −1 is in the spectrum of Y.

    Y is R-diagonal: its spectrum is the disc of radius √(E |Y|²), without the open disc of radius 1/√(E |Y|⁻²) if Y is
    invertible (Haagerup & Larsen (2000), "Brown's spectral distribution measure for R-diagonal elements in finite von
    Neumann algebras", proposition 4.6).
    """
    law = block.law
    outer = block.log_variance + law.log_mean
    if outer < -SLACK:
        return False
    if block.kind != "residual-orthogonal" or law.vanishes or law.zero_mass > 0:
        return True if outer > SLACK else None
    if law.vanishes is None or law.log_inverse is None:
        return None
    inner = block.log_variance - law.log_inverse
    if inner > SLACK:
        return False
    return True if outer > SLACK and inner < -SLACK else None


def log_density_at_zero(parts: Sequence[Factor], p: float) -> float | None:
    """Return ln of the limit at 0 of the density of s = √x; None where `exponent_at_zero` does not tell it.

    The density goes as s^(2/E − 1).  For E = 2 and p = 1 it is z = −(1 + m)² ∏ σ_w²/E d⁻², from S(−1) = E d⁻² of each
    layer, and the limit (2/π) √(∏ E d⁻²/σ_w²).
    """
    if any(f.is_residual or f.law.dark > 0 for f in parts):
        return None
    power = exponent_at_zero(parts, p)
    if power > 2 + SLACK:
        return np.inf
    tight = _tight(parts, p)
    inverses = [f.law.log_inverse for f in tight if f.law.log_inverse is not None]
    if np.inf in inverses and power > 2 - SLACK:
        return np.inf
    if np.inf in inverses or len(inverses) < len(tight):
        return None
    if power < 2 - SLACK:
        return -np.inf
    if p < 1 - SLACK or any(max(f.before, f.after) > 1 + SLACK for f in parts):
        return None
    total = sum(f.count * (inverse - f.log_variance) for f, inverse in zip(tight, inverses, strict=True))
    return float(np.log(2 / np.pi) + total / 2)  # p = 1: every layer is tight


def _tight(parts: Sequence[Factor], p: float) -> list[Factor]:
    """Return the plain layers whose live units are the fraction p."""
    return [f for f in parts if not f.is_residual and abs((1 - f.law.zero_mass) * f.after - p) < SLACK]


def system_of(parts: Sequence[Factor], p: float) -> System:
    """Return the equations of a product of which the fraction p of x is neither zero nor dark."""
    laws = [f.law for f in parts]
    sizes = [len(law.log_nodes) for law in laws]
    prepared = [prepare(law.log_nodes, law.weights) for law in laws]
    below, lower, above, upper, scaled, reference = map(np.concatenate, zip(*prepared, strict=True))
    kept = Laws(
        nodes=np.concatenate([law.log_nodes for law in laws]),
        scaled=scaled,
        reference=reference,
        weights=np.concatenate([law.weights for law in laws]),
        offsets=np.cumsum([0, *sizes]).astype(np.int64),
        atoms=np.array([law.zero_mass for law in laws]),
        tops=np.array([law.log_nodes[-1] for law in laws]),
        below=below,
        lower=lower,
        above=above,
        upper=upper,
        panels=panels_of([law.levels for law in laws], [law.shares for law in laws]),
    )
    factors = Factors(
        counts=np.array([float(f.count) for f in parts]),
        ratios=np.array([1 / f.after for f in parts]),
        powers=np.array([_POWER.get(f.kind, PLAIN) for f in parts], dtype=np.int64),
        log_s2=np.array([f.log_variance for f in parts]),
    )
    return System(kept, factors, rest_of(parts, p))


def rest_of(parts: Sequence[Factor], p: float) -> Rest:
    """Return (γ_j p − 1, e_j, e, p, constant) of ln z: see `kernels.spectral_sums`."""
    shares: dict[float, float] = {1.0: 1.0}
    log_power, constant = -1.0, 0.0
    for f in parts:
        n = f.count
        log_power += n
        if f.is_residual:
            shares[1.0] += n
            continue
        before, after = 1 / f.before, 1 / f.after
        constant += n * (f.log_variance + np.log(after))
        shares[after] = shares.get(after, 0.0) - n
        if f.kind == "gaussian" or before > after:
            shares[before] = shares.get(before, 0.0) + n
        if f.kind == "orthogonal" and before > after:
            shares[after] -= n
    kept = {gamma: e for gamma, e in shares.items() if abs(e) > 1e-12}
    limits = np.array([max(gamma * p - 1, -1.0) for gamma in kept])
    limits[np.abs(limits) < 1e-14] = 0.0
    return Rest(limits, np.array(list(kept.values())), float(log_power), p, float(constant))
