"""Proposals for exact critical points; certified search decides which of them, if any, is the one that is meant.

SymPy's solvers hang on activations, so only bounded algebra is used: factors that are polynomials in x, in e^{ax}, in
tanh(ax) or in one wave sin(ax + b) of low degree, e^{ax} against a line (Lambert's W), multiples of π/4 for waves.
"""

from __future__ import annotations

import sympy as sp
from sympy.simplify.fu import TR8

from vgtheory.symbolic.factoring import MAX_OPERATIONS, factors

FEW_OPERATIONS = 8
MAX_DEGREE = 4


def critical_points(slope: sp.Expr, x: sp.Symbol) -> tuple[tuple[sp.Expr, bool], ...]:
    """Return (point, is a zero) pairs where `slope` may vanish; some zeros may be missing.

    A root of a factor of the numerator is a zero wherever `slope` is defined; the other proposals are guesses.
    """
    points: dict[sp.Expr, bool] = {}
    for factor in factors(slope, x):
        for substitution in (_in_x, _in_tanh, _in_exp, _in_lambert, _in_root, _in_wave):
            points |= dict.fromkeys(substitution(factor, x), True)
    rates = dict.fromkeys(_rate(f.args[0], x) for f in slope.atoms(sp.sin, sp.cos))
    guesses = [k * sp.pi / (4 * r) for r in rates if r is not None for k in range(-8, 9)]
    return tuple((dict.fromkeys([sp.Integer(0), *guesses], False) | points).items())


def vanishes(expr: sp.Expr) -> bool:
    """Return whether a constant is exactly 0 as far as SymPy's simplification can tell."""
    if expr == 0 or sp.count_ops(expr) > MAX_OPERATIONS:
        return expr == 0
    if expr.is_number and _is_far_from_zero(expr):
        return False
    try:
        return sp.radsimp(sp.expand(expr)) == 0 or sp.simplify(expr) == 0
    except TypeError:  # "Invalid NaN comparison", from SymPy's own assumptions about constants without a value
        return False


def vanishes_identically(expr: sp.Expr, x: sp.Symbol) -> bool:
    """Return whether a function of x is shown to be 0 everywhere."""
    if expr == 0:
        return True
    # A few numbers refute almost everything cheaply; only a survivor is worth a simplification.
    others = {s: sp.Rational(7, 10) for s in expr.free_symbols - {x}}
    points = (sp.Rational(3, 10), sp.Rational(17, 10))
    if any(_is_far_from_zero(expr.subs(others).subs(x, at)) for at in points):
        return False
    if sp.expand(expr) == 0:
        return True
    rewritten = expr.rewrite(sp.exp)
    if sp.expand(sp.together(rewritten).as_numer_denom()[0]) == 0:  # rational in exponentials: a simplification is slow
        return True
    return vanishes(rewritten)


def _is_far_from_zero(number: sp.Expr) -> bool:
    """Return whether a sum is not 0, from 20 digits of its value, for which SymPy takes up to 100 of its terms."""
    terms = [abs(sp.N(term, 20)) for term in sp.Add.make_args(number)]
    if sp.nan in terms:
        return False
    return bool(abs(sp.N(number, 20)) > 1e-90 * max(*terms, 1))


def tidy(expr: sp.Expr) -> sp.Expr:
    """Return a constant in the shortest form found by bounded simplification."""
    if expr.is_Atom or sp.count_ops(expr) > MAX_OPERATIONS:
        return expr
    forms = [expr, sp.radsimp(sp.expand(expr))]
    if sp.count_ops(forms[1]) > FEW_OPERATIONS:  # simplify takes a second on nested radicals
        forms.append(sp.simplify(expr))
    return min(forms, key=sp.count_ops)


def reduced_equation(slope: sp.Expr, x: sp.Symbol) -> sp.Eq:
    """Return slope = 0 with the factors that have no zero removed, solved for an exponential where that is linear."""
    found = [f for f in factors(slope, x) if f.has(x) and not isinstance(f, sp.exp)]
    product = sp.Mul(*found) if found else slope
    solved = _linear_exponential(product, x)
    return sp.Eq(*solved) if solved else sp.Eq(product, 0)


def value_at_root(value: sp.Expr, slope: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    """Return `value` with the exponential eliminated by slope = 0, e.g. 1/2 + x/4 for SiLU; None where it stays."""
    found = [f for f in factors(slope, x) if f.has(x) and not isinstance(f, sp.exp)]
    solved = _linear_exponential(sp.Mul(*found), x) if found else None
    if solved is None:
        return None
    u = sp.Dummy("u", positive=True)
    rate = solved[0].args[0] / x
    inside = _replace_exponentials(value, x, rate, u)
    if inside is None or sp.count_ops(inside) > MAX_OPERATIONS:
        return None
    return sp.cancel(inside.subs(u, solved[1]))


def _in_x(factor: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    return _real_roots(factor, x) if factor.is_polynomial(x) else []


def _in_tanh(factor: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    atoms = factor.atoms(sp.tanh)
    if len(atoms) != 1 or _rate(next(iter(atoms)).args[0], x) is None:
        return []
    t, node = sp.Dummy("t", real=True), next(iter(atoms))
    roots = _polynomial_roots(factor.xreplace({node: t}), t, x)
    inside = [r for r in roots if not (r.is_number and not abs(sp.N(r)) < 1)]
    return [a / _rate(node.args[0], x) for r in inside for a in _inverse_tanh(r)]


def _inverse_tanh(t: sp.Expr) -> list[sp.Expr]:
    """Return atanh t as ±acosh (1 − t²)^{−1/2}, both signs where that of t is open.

    SymPy (1.14) takes atanh(√999999/1000) for negative, and sets made with it come out wrong.
    """
    size = sp.acosh(1 / sp.sqrt(sp.radsimp(1 - sp.expand(t**2))))
    if t.is_number:
        return [size if sp.N(t) > 0 else -size]
    return [size, -size]


def _in_exp(factor: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    """Return the roots of a polynomial in e^{ax} or in e^{ax²}."""
    for degree in (1, 2):
        rates = [r for r in (_rate(e.args[0], x, degree) for e in factor.atoms(sp.exp)) if r is not None]
        if not rates:
            continue
        rate, u = min(rates, key=abs), sp.Dummy("u", positive=True)
        inside = _replace_exponentials(factor, x, rate, u, degree)
        if inside is None:
            continue
        top = sp.fraction(sp.together(inside))[0]
        palindromic = _palindromic(top, u, x) if degree == 1 else None
        if palindromic is not None:
            return [s * 2 * sp.acosh(sp.sqrt((palindromic + 1) / 2)) / rate for s in (1, -1)]
        roots = _polynomial_roots(top, u, x)
        powers = [sp.log(sp.radsimp(r)) / rate for r in roots if not _negative(r)]
        return powers if degree == 1 else [s * sp.sqrt(w) for w in powers for s in (1, -1) if not _negative(w)]
    return []


def _palindromic(top: sp.Expr, u: sp.Symbol, x: sp.Symbol) -> sp.Expr | None:
    """Return c of a multiple of u² − 2cu + 1, where c has a symbol: then log u = ±2 arcosh √((c + 1)/2)."""
    if top.has(x) or not top.is_polynomial(u) or sp.degree(top, u) != 2:
        return None
    first, middle, last = (sp.Poly(top, u).coeff_monomial(u**k) for k in (2, 1, 0))
    c = sp.factor(-middle / (2 * first))
    return sp.expand(c) if sp.simplify(first - last) == 0 and c.free_symbols else None


def _in_lambert(factor: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    """Return the roots of e^{rx} = a + bx: with u = a + bx it is w e^w for w = −ru/b (Corless et al. 1996)."""
    solved = _linear_exponential(factor, x)
    if solved is None:
        return []
    rate, side = solved[0].args[0] / x, solved[1]
    if (1 / side).is_polynomial(x):
        rate, side = -rate, 1 / side
    if not side.is_polynomial(x) or sp.degree(side, x) != 1:
        return []
    line = sp.Poly(side, x)
    a, b = line.coeff_monomial(1), line.coeff_monomial(x)
    inside = -rate / b * sp.exp(-rate * a / b)
    if inside.free_symbols or not inside.is_real or not sp.N(inside + sp.exp(-1)) >= 0:
        return []
    branches = (0,) if inside > 0 else (0, -1)
    return [sp.expand((-b / rate * sp.LambertW(inside, k) - a) / b) for k in branches]


def single_waves(expr: sp.Expr) -> sp.Expr:
    """Return products of sines and cosines as sums, e.g. 2·sin(x)·cos(x) as sin(2x)."""
    return sp.expand(TR8(sp.expand(expr)))


def _in_wave(factor: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    """Return the roots of a polynomial in one sine or cosine of ax + b, those of five periods around 0."""
    if not factor.atoms(sp.sin, sp.cos) or sp.count_ops(factor) > MAX_OPERATIONS:
        return []
    factor = single_waves(factor)
    waves = [w for w in factor.atoms(sp.sin, sp.cos) if w.has(x)]
    if len(waves) != 1 or not waves[0].args[0].is_polynomial(x) or sp.degree(waves[0].args[0], x) != 1:
        return []
    wave, t = waves[0], sp.Dummy("t", real=True)
    rate, shift = (wave.args[0].coeff(x, k) for k in (1, 0))
    values = [r for r in _polynomial_roots(factor.xreplace({wave: t}), t, x) if not (r.is_number and abs(sp.N(r)) > 1)]
    angles = [a for r in values for a in ((sp.asin(r), sp.pi - sp.asin(r)) if wave.func is sp.sin else _inverse_cos(r))]
    return [(a + 2 * k * sp.pi - shift) / rate for a in angles for k in range(-2, 3)]


def _in_root(factor: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    """Return the roots of a polynomial in x and w = √(ax² + c): A(w) + x·B(w) = 0 where A² = x²B² and x = −A/B."""
    powers = [p for p in factor.atoms(sp.Pow) if p.base.has(x) and not p.exp.is_Integer]
    bases = {p.base for p in powers}
    if len(bases) != 1 or any(not (2 * p.exp).is_Integer for p in powers) or sp.count_ops(factor) > MAX_OPERATIONS:
        return []
    base, w = bases.pop(), sp.Dummy("w", positive=True)
    if not base.is_polynomial(x) or sp.degree(base, x) != 2 or base.coeff(x, 1) != 0:
        return []
    square = (w**2 - base.subs(x, 0)) / base.coeff(x, 2)
    inside = factor.replace(lambda e: e.is_Pow and e.base == base, lambda e: w ** (2 * e.exp))
    top = sp.fraction(sp.together(inside))[0]
    if not top.is_polynomial(x, w):
        return []
    plain, odd = sp.S.Zero, sp.S.Zero
    for (degree,), c in sp.Poly(top, x).terms():
        plain, odd = (
            (plain + c * square ** (degree // 2), odd)
            if degree % 2 == 0
            else (plain, odd + c * square ** (degree // 2))
        )
    clear = sp.expand(plain**2 - square * odd**2) if odd != 0 else sp.expand(plain)
    clear = sp.Mul(*(f for f in sp.Mul.make_args(sp.factor(sp.numer(sp.together(clear)))) if f.as_base_exp()[0] != w))
    sizes = [r for r in _polynomial_roots(sp.expand(clear), w, x) if not _negative(r)]
    if odd != 0:
        return [sp.simplify((-plain / odd).subs(w, r)) for r in sizes]
    return [s * sp.sqrt(square.subs(w, r)) for r in sizes for s in (1, -1) if not _negative(square.subs(w, r))]


def _inverse_cos(value: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    return sp.acos(value), -sp.acos(value)


def _negative(value: sp.Expr) -> bool:
    if not value.is_number:
        return False
    number = sp.N(value)
    return not (number.is_real and number > 0)


def _replace_exponentials(expr: sp.Expr, x: sp.Symbol, rate: sp.Expr, u: sp.Symbol, degree: int = 1) -> sp.Expr | None:
    powers: dict[sp.Expr, sp.Expr] = {}
    for node in expr.atoms(sp.exp):
        if not node.has(x):
            continue
        r = _rate(node.args[0], x, degree)
        if r is None or not (r / rate).is_Integer:
            return None
        powers[node] = u ** (r / rate)
    return expr.xreplace(powers)


def _linear_exponential(expr: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, sp.Expr] | None:
    nodes = [e for e in expr.atoms(sp.exp) if e.has(x)]
    rates = [r for r in (_rate(e.args[0], x) for e in nodes) if r is not None]
    if not rates or len(rates) < len(nodes):
        return None
    rate, u = max(rates, key=abs), sp.Dummy("u", positive=True)
    inside = _replace_exponentials(expr, x, rate, u)
    if inside is None:
        return None
    top = sp.fraction(sp.together(inside))[0]
    if not (top.is_polynomial(u) and sp.degree(top, u) == 1):
        return None
    a, b = sp.Poly(top, u).all_coeffs()
    return (sp.exp(rate * x), sp.cancel(-b / a)) if a.has(x) and not (a.has(sp.exp) or b.has(sp.exp)) else None


def _polynomial_roots(expr: sp.Expr, t: sp.Symbol, x: sp.Symbol) -> list[sp.Expr]:
    return _real_roots(expr, t) if not expr.has(x) and expr.is_polynomial(t) else []


def _real_roots(expr: sp.Expr, t: sp.Symbol) -> list[sp.Expr]:
    polynomial = sp.Poly(expr, t)
    if not 1 <= polynomial.degree() <= MAX_DEGREE:
        return []
    roots = sp.roots(polynomial)
    return [r for r in roots if r.is_real is not False and not (r.is_number and sp.im(sp.N(r)) != 0)]


def _rate(argument: sp.Expr, x: sp.Symbol, degree: int = 1) -> sp.Expr | None:
    """Return a for an argument a·x^degree, else None."""
    rate = sp.cancel(argument / x**degree)
    return None if rate.has(x) else rate
