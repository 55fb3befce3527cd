"""A free factor of J Jᵀ, some equal layers, and the equations of a product of such factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vgtheory.kernels.spectral_law import prepare
from vgtheory.kernels.spectral_poles import panels_of
from vgtheory.kernels.spectral_sums import PLAIN, Factors, Laws, Rest, System
from vgtheory.spectra.slope_law import SlopeLaw

Kind = Literal["gaussian", "orthogonal", "residual", "residual-orthogonal", "residual-two"]
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


def system_of(parts: Sequence[Factor], p: float) -> System:
    """Return the equations of a product of which the fraction p of x is neither zero nor dark."""
    laws = [f.law for f in parts]
    sizes = [len(law.log_nodes) for law in laws]
    prepared = [prepare(law.log_nodes, law.weights)[:4] for law in laws]
    below, moment, above, inverse = (np.concatenate(parts) for parts in zip(*prepared, strict=True))
    kept = Laws(
        nodes=np.concatenate([law.log_nodes for law in laws]),
        ratios=np.concatenate([np.exp(law.log_nodes - law.log_nodes[-1]) for law in laws]),
        weights=np.concatenate([law.weights for law in laws]),
        offsets=np.cumsum([0, *sizes]).astype(np.int64),
        atoms=np.array([law.zero_mass for law in laws]),
        tops=np.array([law.log_nodes[-1] for law in laws]),
        below=below,
        moment=moment,
        above=above,
        inverse=inverse,
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
