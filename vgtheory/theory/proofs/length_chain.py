"""The Markov chain of variances that the finite-width rate is about: v' = σ_b² + (σ_w²/N)Σφ(h_i)², h_i ~ N(0, v)."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from vgtheory.symbolic.activation import Activation


@dataclass(frozen=True)
class Model:
    """What the certificate is about: φ with its bounds, the scales, the width, and the range of v."""

    activation: Activation
    sigma_w: sp.Expr
    sigma_b: sp.Expr
    width: int
    value_bound: sp.Expr  # M
    kappa: sp.Expr
    gamma: sp.Expr  # sup of g(h) = (φ'(h)² + φ'(−h)²)/2
    decreasing: bool  # g nonincreasing in |h|, so that E z²φ'² ≤ E φ'² and the latter falls with v

    @property
    def least(self) -> sp.Expr:
        """Return σ_b², below every v."""
        return self.sigma_b**2

    @property
    def most(self) -> sp.Expr:
        """Return σ_w² max(M, 1)² + σ_b²: above every v, the first layer's with ‖x_0‖² = N_0 included."""
        return self.sigma_w**2 * sp.Max(self.value_bound, 1) ** 2 + self.sigma_b**2
