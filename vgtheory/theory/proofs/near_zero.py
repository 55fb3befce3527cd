"""Without bias the variance v may come near 0: there the finite-width inequalities hold on a whole interval at once.

For v ≤ edge a mean E f(√v z) is f(0) up to ½v sup|f''| on |h| ≤ 8√edge and the mass outside; where φ has a breakpoint
there, up to sup|f'| E|h|.  The inequalities are linear in the coefficients of w; their rows are given here, as balls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import arb

from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import compile_jets, hull, jets, number_ball

DEVIATIONS = 8
PARTS = 32  # of the interval on which the least slope is sought


@dataclass(frozen=True)
class NearZero:
    """Bounds of Gaussian means for 0 ≤ v ≤ edge."""

    activation: Activation
    edge: arb
    kappa: arb
    bound: arb  # M

    @cached_property
    def reach(self) -> arb:
        """Return 8√edge."""
        return arb((DEVIATIONS * self.edge.sqrt()).upper())

    @cached_property
    def outside(self) -> arb:
        """Return the mass of |z| > 8."""
        return (DEVIATIONS / arb(2).sqrt()).erfc()

    @cached_property
    def at_zero(self) -> arb:
        """Return |φ(0)|, the larger side's."""
        act = self.activation
        sides = [p for p in act.pieces if number_ball(p.lo) <= 0 and number_ball(p.hi) >= 0]
        values = [abs(jets(compile_jets(p.expr, act.symbol), arb(0), 0)[0]) for p in sides]
        return values[0] if len(values) == 1 else values[0].max(values[1])

    @cached_property
    def square_jets(self) -> list[arb] | None:
        """Return enclosures of φ², (φ²)', (φ²)'' on |h| ≤ 8√edge; None where a breakpoint is."""
        act = self.activation
        if any(abs(number_ball(b)) <= self.reach for b in act.breakpoints):
            return None
        piece = next(p for p in act.pieces if number_ball(p.hi) > 0)
        found = jets(compile_jets(piece.expr**2, act.symbol), hull(-self.reach, self.reach), 2)
        return found if all(d.is_finite() for d in found) else None

    @cached_property
    def mean_square(self) -> arb:
        """Return an upper bound of E φ(√v z)², else Minkowski's (|φ(0)| + κ√v)²."""
        rough = (self.at_zero + self.kappa * self.edge.sqrt()) ** 2
        if self.square_jets is None:
            return rough
        fine = self.at_zero**2 + self.edge * abs(self.square_jets[2]).upper() / 2 + self.bound**2 * self.outside
        return rough.min(fine)

    @cached_property
    def least_gain(self) -> arb:
        """Return a lower bound of E φ'(√v z)²: the least φ'² on |h| ≤ 8√edge times the mass there."""
        act, least = self.activation, arb.pos_inf()
        for piece in act.derivative_pieces(1):
            lo, hi = number_ball(piece.lo).max(-self.reach), number_ball(piece.hi).min(self.reach)
            program = compile_jets(piece.expr, act.symbol)
            for k in range(PARTS) if lo < hi else ():
                part = hull(lo + (hi - lo) * k / PARTS, lo + (hi - lo) * (k + 1) / PARTS)
                least = least.min(arb(jets(program, part, 0)[0].abs_lower()) ** 2)
        return least * (1 - self.outside)

    def mean_of_exponential(self, tau: arb) -> arb:
        """Return an upper bound of E e^{−τφ(√v z)²}."""
        start = (-tau * self.at_zero**2).exp()
        rough = start + tau * 2 * self.bound * self.kappa * (2 * self.edge / arb.pi()).sqrt()
        if self.square_jets is None:
            return rough.min(arb(1))
        value, slope, curvature = self.square_jets
        largest = (-tau * arb(value.lower()).max(arb(0))).exp()
        second = (tau**2 * arb(abs(slope).upper()) ** 2 + tau * abs(curvature).upper()) * largest
        return rough.min(start + self.edge * second / 2 + self.outside).min(largest + self.outside).min(arb(1))


def upper_row(near: NearZero, taus: Sequence[arb], square: arb, gamma: arb, width: int) -> list[arb]:
    """Return σ_w²Γ·(1, (E e^{−τ_kφ²})^{N−1}, …): not below the columns of χ(v) E w(V'), to be compared with w(edge)."""
    top = square * gamma
    return [top, *(top * near.mean_of_exponential(tau) ** (width - 1) for tau in taus)]


def lower_row(near: NearZero, gain: arb, times: Sequence[arb], square: arb, loss: arb, width: int) -> list[arb]:
    """Return σ_w²·(E φ'² e^{−t_k m} − κ²/N): not above the columns of the lower twin, to be compared with w(0).

    e^{−tv} is convex, so by Jensen under the law tilted by φ'(h_i)² E[φ'² w(v')] ≥ E φ'² w(m), m ≥ the mean of v';
    the tilt changes the mean of φ(h_i)² alone, to at most κ² E φ²/E φ'².
    """
    share = (width - 1 + near.kappa**2 / gain) / width
    mean = square * near.mean_square * share
    return [square * (gain - loss), *(square * (gain * (-t * mean).exp() - loss) for t in times)]
