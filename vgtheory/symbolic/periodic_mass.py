"""`PeriodicMass`: the probability that a normal variable falls into a set of intervals repeated with a period."""

from __future__ import annotations

from typing import Any

import sympy as sp
from flint import arb

from vgtheory._errors import InputError, need_values
from vgtheory.symbolic.ball import number_ball, precision
from vgtheory.symbolic.enclosed import Enclosed


class PeriodicMass(Enclosed):
    """P(x ∈ ∪_k ∪_j [a_j + kT, b_j + kT]) for x normal with mean 0 and variance q.

    For q small against T² it is summed interval by interval, P(|x| > r) bounding what is left out; otherwise by
    Poisson's summation formula, Σ_j (b_j − a_j)/T + Σ_n e^{−2π²n²q/T²} Σ_j (sin(2πn b_j/T) − sin(2πn a_j/T))/(πn).
    """

    is_commutative = True
    is_extended_real = True

    def __new__(cls, ends: Any, period: Any, q: Any) -> PeriodicMass:
        """Return the probability, not evaluated; `ends` holds pairs (a_j, b_j) within one period."""
        obj: PeriodicMass = sp.Expr.__new__(cls, sp.Tuple(*(sp.Tuple(*e) for e in ends)), sp.sympify(period), q)
        return obj

    @property
    def is_number(self) -> bool:
        """Return whether nothing is left to fix."""
        return not self.free_symbols

    def _eval_evalf(self, prec: int) -> sp.Expr:
        if self.free_symbols:
            return self
        return sp.Float(self.enclosure(prec).mid().str(int(prec / 3.3) + 3, radius=False), precision=prec)

    def _sympystr(self, printer: Any) -> str:
        return f"PeriodicMass({', '.join(printer._print(a) for a in self.args)})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        ends, period, q = self.args
        inside = r" \cup ".join(rf"\left[{printer._print(a)}, {printer._print(b)}\right]" for a, b in ends)
        inside = rf"\left({inside}\right)" if len(ends) > 1 else inside
        shift = printer._print(period * sp.Symbol("k", integer=True))
        text = rf"\mathbb{{P}}\left(\sqrt{{{printer._print(q)}}}\,z \in {inside} + {shift}\ "
        text += r"\text{for a}\ k \in \mathbb{Z}\right)"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text

    def _plain(self, printer: Any) -> str:
        ends, period, q = self.args
        inside = " ∪ ".join(f"[{printer._print(a)}, {printer._print(b)}]" for a, b in ends)
        root = printer._print(sp.sqrt(q))
        return f"P({root} z ∈ {inside} + {printer._print(period)} k for a k ∈ ℤ)"

    def enclosure(self, bits: int) -> arb:
        """Return a ball around the probability. Raises UnsupportedError while symbols are free."""
        need_values("a probability", self.free_symbols)
        with precision(bits + 40):
            ends = [(number_ball(a), number_ball(b)) for a, b in self.args[0]]
            period, q = number_ball(self.args[1]), number_ball(self.args[2])
            if not q > 0:
                raise InputError("q", "a positive variance", "e.g. q=0.7", got=f"{self.args[2]}")
            rate = 2 * (arb.pi() / period) ** 2 * q
            return by_waves(ends, period, rate, bits) if rate > 1 else by_intervals(ends, period, q, bits)


def by_waves(ends: list[tuple[arb, arb]], period: arb, rate: arb, bits: int) -> arb:
    """Return the probability by Poisson's summation formula; rate = 2π²q/T² must exceed 1."""
    total, n = sum(((b - a) / period for a, b in ends), arb(0)), 1
    while True:
        decay = (-rate * n * n).exp()
        # |sin − sin| ≤ 2, and the sum of e^{−s n²}/n over n ≥ N is below e^{−s N²}/(1 − e^{−s}) for s > 1.
        rest = 2 * len(ends) * decay / (1 - (-rate).exp()) / arb.pi()
        if rest < arb(2) ** -(bits + 8):
            return total + arb(0, 1) * rest.upper()
        angle = 2 * arb.pi() * n / period
        total += decay * sum(((angle * b).sin() - (angle * a).sin() for a, b in ends), arb(0)) / (arb.pi() * n)
        n += 1


def by_intervals(ends: list[tuple[arb, arb]], period: arb, q: arb, bits: int) -> arb:
    """Return the probability, summed interval by interval."""
    root = (2 * q).sqrt()
    reach = (q * 2 * (bits + 10)).sqrt()  # P(|x| > reach) ≤ e^{−(bits + 10)}
    most = int(float((reach / period).upper())) + 2
    total = arb(0)
    for k in range(-most, most + 1):
        total += sum((((a + k * period) / root).erfc() - ((b + k * period) / root).erfc() for a, b in ends), arb(0)) / 2
    return total + arb(0, 1) * ((most - 1) * period / root).erfc()
