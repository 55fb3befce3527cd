"""The curve (λ(r), t(r)) of exponents and probabilities, on which the law of Lyapunov exponents is explicit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vgtheory.kernels.quadrature import Array
from vgtheory.spectra.curve import Ensemble
from vgtheory.spectra.slope_law import SlopeLaw

_STEPS = 200  # of a safeguarded Newton iteration, which needs some ten
_MARGIN = 45.0  # ln r beyond the law's nodes where t has reached its limit to rounding
_AT_ONCE = 2_000_000  # numbers of a block of points times nodes
_ACCURATE = 1e-8  # a Newton step in ln r after which the iteration ends
_MOST_STEPS = 4000  # of a sum over ln r


@dataclass(frozen=True)
class ExponentCurve:
    """t = E r/(r + d²) and e^{2λ} = σ_w² r (1 − t), over t for orthogonal weights; both increase with r > 0.

    The same λ(t) of every layer, summed, gives the moduli of the eigenvalues at finite depth.
    """

    law: SlopeLaw
    ensemble: Ensemble
    log_sigma: float

    def quantile(self, probability: Array) -> Array:
        """Return λ at probabilities between the mass of dead directions and 1, shape (n,)."""
        share = (probability - self.law.zero_mass) / (1 - probability)
        return self.at(self._log_r(np.log(share), self._logit))[0]

    def by_exponent(self, exponent: Array) -> Array:
        """Return ln r at exponents inside the support, shape (n,)."""
        return self._log_r(exponent, self._value)

    def sweep(self) -> tuple[Array, Array]:
        """Return exponents over all r with the weights of a quadrature in t.

        In ln r the integrand is made of Fermi functions, for which equal steps of 1/2 are exact to rounding.
        """
        low, high = self.law.log_nodes[0] - _MARGIN, self.law.log_nodes[-1] + _MARGIN
        x = np.linspace(low, high, min(_MOST_STEPS, int(2 * (high - low)) + 2))
        parts = [self.at(x[i : i + self._block]) for i in range(0, len(x), self._block)]
        value, weight = (np.concatenate([part[j] for part in parts]) for j in (0, 3))
        used = np.isfinite(value) & (weight > 0)
        return value[used], weight[used]

    @property
    def _block(self) -> int:
        return max(1, _AT_ONCE // max(1, len(self.law.log_nodes)))

    def _log_r(self, target: Array, of: Callable[[Array], tuple[Array, Array]]) -> Array:
        """Return ln r where an increasing function is `target`, shape (n,); `of` gives it with its derivative."""
        block = self._block
        parts = [self._root(target[i : i + block], of) for i in range(0, len(target), block)]
        return np.concatenate(parts)

    def _root(self, target: Array, of: Callable[[Array], tuple[Array, Array]]) -> Array:
        low = np.full(target.shape, self.law.log_nodes[0] - _MARGIN)
        high = np.full(target.shape, self.law.log_nodes[-1] + _MARGIN)
        x, out = (low + high) / 2, np.empty(target.shape)
        left = np.arange(len(target))
        for _ in range(_STEPS):
            value, slope = of(x)
            low, high = np.where(value < target[left], x, low), np.where(value < target[left], high, x)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = (target[left] - value) / slope
            done = np.abs(step) <= _ACCURATE  # quadratic convergence: what is left is its square
            inside = done | ((x + step > low) & (x + step < high))
            new = np.where(inside, x + np.where(inside, step, 0.0), (low + high) / 2)
            moved = ~(done | (high - low <= 1e-14 * (1 + np.abs(x))))
            out[left] = new
            left, low, high, x = left[moved], low[moved], high[moved], new[moved]
            if not len(left):
                break
        return out

    def _value(self, log_r: Array) -> tuple[Array, Array]:
        value, _, slope, _ = self.at(log_r)
        return value, slope

    def _logit(self, log_r: Array) -> tuple[Array, Array]:
        """Return ln((t − dead)/(1 − t)), which is close to linear in ln r, and its derivative."""
        fermi, beyond = self._fermi(log_r)
        w = self.law.weights
        below, above, rate = fermi @ w, beyond @ w, (fermi * beyond) @ w
        return np.log(below) - np.log(above), rate / below + rate / above

    def _fermi(self, log_r: Array) -> tuple[Array, Array]:
        """Return r/(r + d²) and d²/(r + d²), shape (n, nodes), each to full relative precision."""
        x = log_r[:, None] - self.law.log_nodes
        small = np.exp(-np.abs(x))
        large = 1 / (1 + small)
        small *= large
        return np.where(x > 0, large, small), np.where(x > 0, small, large)

    def at(self, log_r: Array) -> tuple[Array, Array, Array, Array]:
        """Return (λ, t, dλ/dln r, dt/dln r) at ln r, shape (n,): E[d² r/(r + d²)] is r(1 − t)."""
        fermi, beyond = self._fermi(log_r)
        w = self.law.weights
        t, above, rate = fermi @ w + self.law.zero_mass, beyond @ w, (fermi * beyond) @ w
        level = log_r + np.log(above)
        if self.ensemble == "gaussian":
            slope = beyond**2 @ w / above
        else:
            # Var r/(r + d²), centred, and from the side where it is small.
            apart = np.where((t < 0.5)[:, None], fermi - t[:, None], above[:, None] - beyond)
            slope = (apart**2 @ w + self.law.zero_mass * above**2) / (above * t)
            level = level - np.log(t)
        return self.log_sigma + level / 2, t, slope / 2, rate
