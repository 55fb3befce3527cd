"""Functions of truncated Taylor series with ball coefficients, each in a form that stays tight on wide balls."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import sympy as sp
from flint import arb, arb_series, ctx


def compose(derivatives: list[arb], s: arb_series) -> arb_series:
    """Return f(s), given f, f', f'', ... at the series' constant term."""
    step = s - s[0]
    result = arb_series([derivatives[-1] / math.factorial(len(derivatives) - 1)])
    for k in range(len(derivatives) - 2, -1, -1):
        result = result * step + derivatives[k] / math.factorial(k)
    return result


def _raised(c: arb, n: int) -> arb:
    """Return c**n by multiplication: Arb's own power goes through the logarithm for a ball centred at 0."""
    power = arb(1)
    for bit in bin(n)[2:]:
        power = power * power * (c if bit == "1" else 1)
    return power


def _from_slope(value: arb, slope: arb_series, s: arb_series) -> arb_series:
    """Return f(s) from f at the constant term and the series of f'(s)."""
    return (slope * s.derivative()).integral() + value


# Rows of terms (coefficient, power of the first quantity, power of the second).
Ladder: TypeAlias = tuple[tuple[tuple[int, int, int], ...], ...]


def _polynomial_jets(first: arb, second: arb, rules: Ladder) -> list[arb]:
    """Return successive derivatives, each a polynomial in two tightly enclosed quantities."""
    return [sum((c * _raised(first, i) * _raised(second, j) for c, i, j in row), arb(0)) for row in rules]


@lru_cache(maxsize=32)
def _ladder(kind: str, count: int) -> Ladder:
    """Return the derivatives 1..count of tanh (in T, S = 1 − T²) or of the logistic function (in s, t = 1 − s)."""
    a, b = sp.symbols("a b")
    # T' = S, S' = -2TS;   s' = st, t' = -st.
    rates = {"tanh": (b, -2 * a * b), "logistic": (a * b, -a * b)}[kind]
    rows, current = [], rates[0]
    for _ in range(count):
        terms = sp.Poly(current, a, b).terms()
        rows.append(tuple((int(c), i, j) for (i, j), c in terms))
        current = sp.expand(sp.diff(current, a) * rates[0] + sp.diff(current, b) * rates[1])
    return tuple(rows)


def _tanh(s: arb_series) -> arb_series:
    c = s[0]
    t, sech = c.tanh(), c.sech()
    return compose([t, *_polynomial_jets(t, sech * sech, _ladder("tanh", ctx.cap))][: ctx.cap], s)


def _logistic_parts(c: arb) -> tuple[arb, arb]:
    return 1 / (1 + (-c).exp()), 1 / (1 + c.exp())


def logistic(s: arb_series) -> arb_series:
    """Return 1/(1 + e^{−s})."""
    a, b = _logistic_parts(s[0])
    return compose([a, *_polynomial_jets(a, b, _ladder("logistic", ctx.cap))][: ctx.cap], s)


def softplus(s: arb_series) -> arb_series:
    """Return log(1 + e^s)."""
    c = s[0]
    a, b = _logistic_parts(c)
    # log(1 + e^c) = c + log(1 + e^{-c}): the form whose exponential is small keeps the ball tight.
    value = c.exp().log1p() if not c > 0 else c + (-c).exp().log1p()
    return compose([value, a, *_polynomial_jets(a, b, _ladder("logistic", ctx.cap))][: ctx.cap], s)


def _sinh(s: arb_series) -> arb_series:
    c = s[0]
    return compose([c.sinh() if k % 2 == 0 else c.cosh() for k in range(ctx.cap)], s)


def _cosh(s: arb_series) -> arb_series:
    c = s[0]
    return compose([c.cosh() if k % 2 == 0 else c.sinh() for k in range(ctx.cap)], s)


def _erfc(s: arb_series) -> arb_series:
    # Falling, so that the ends enclose it: on a wide ball Arb's own bound reaches below 0, where its logarithm ends.
    c = s[0]
    value = c.erfc() if c.is_exact() else c.lower().erfc().union(c.upper().erfc())
    return _from_slope(value, (s * s * -1).exp() * (-2 / arb.pi().sqrt()), s)


FUNCTIONS: dict[type, Callable[[arb_series], arb_series]] = {
    sp.exp: lambda s: s.exp(),
    sp.log: lambda s: s.log(),
    sp.sin: lambda s: s.sin(),
    sp.cos: lambda s: s.cos(),
    sp.tan: lambda s: s.tan(),
    sp.sinh: _sinh,
    sp.cosh: _cosh,
    sp.tanh: _tanh,
    sp.sech: lambda s: 1 / _cosh(s),
    sp.coth: lambda s: 1 / _tanh(s),
    sp.csch: lambda s: 1 / _sinh(s),
    sp.sec: lambda s: 1 / s.cos(),
    sp.csc: lambda s: 1 / s.sin(),
    sp.cot: lambda s: s.cos() / s.sin(),
    sp.atan: lambda s: s.atan(),
    sp.asin: lambda s: s.asin(),
    sp.acos: lambda s: s.acos(),
    sp.asinh: lambda s: _from_slope(s[0].asinh(), (1 + s * s).rsqrt(), s),
    sp.acosh: lambda s: _from_slope(s[0].acosh(), (s * s - 1).rsqrt(), s),
    sp.atanh: lambda s: _from_slope(s[0].atanh(), 1 / (1 - s * s), s),
    sp.erf: lambda s: s.erf(),
    sp.erfc: _erfc,
    sp.erfi: lambda s: s.erfi(),
    sp.LambertW: lambda s: s.lambertw(),
}
CONSTANTS: dict[sp.Expr, Callable[[], arb]] = {
    sp.pi: arb.pi,
    sp.E: arb.const_e,
    sp.EulerGamma: arb.const_euler,
    sp.Catalan: arb.const_catalan,
}


def whole_power(s: arb_series, n: int) -> arb_series:
    """Return s**n for n ≥ 0."""
    c = s[0]
    derivatives = [_raised(c, n - k) * math.perm(n, k) if k <= n else arb(0) for k in range(ctx.cap)]
    if n % 2 == 0 and n and c.contains(0):  # an even power is nowhere negative, which a product of balls forgets
        derivatives[0] = arb(0).union(_raised(c.abs_upper(), n))
    return compose(derivatives, s)
