"""The symbolic side of the laws: G, M, R and S as formulas, and the polynomial equation of G.

One row per family: what is known in closed form, in the family's parameters; the rest follows from it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import sympy as sp

from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.laws.atom import PointMass
from vgtheory.random_matrices.laws.free.convolution import FreeProduct, FreeSum
from vgtheory.random_matrices.laws.free.explicit_transforms import GivenR, GivenS
from vgtheory.random_matrices.laws.free_bessel import FreeBessel
from vgtheory.random_matrices.laws.fuss_catalan import FussCatalan
from vgtheory.random_matrices.laws.kesten_mckay import KestenMcKay
from vgtheory.random_matrices.laws.marchenko_pastur import MarchenkoPastur
from vgtheory.random_matrices.laws.polynomials.equation import Equation, equation_of
from vgtheory.random_matrices.laws.raney import Raney
from vgtheory.random_matrices.laws.real import RealLaw
from vgtheory.random_matrices.laws.semicircle import Semicircle
from vgtheory.random_matrices.laws.wachter import Wachter
from vgtheory.random_matrices.laws.wishart_product import WishartProduct
from vgtheory.symbolic.formula import Formula, exact

Z, G_VALUE, ARGUMENT, M_VALUE = sp.Symbol("z"), sp.Symbol("G"), sp.Symbol("g"), sp.Symbol("m")


@dataclass(frozen=True)
class Transforms:
    """What is known of a law in closed form; iterating gives the formulas that exist.

    G(z) = E 1/(z − X);  M(z) = zG(z) − 1;  R(g) + 1/g and (1 + m)/(m S(m)) are the inverses of G and M;
    `equation` is the equation between z and G.
    """

    stieltjes: Formula | None = None
    moments: Formula | None = None
    r: Formula | None = None
    s: Formula | None = None
    equation: Formula | None = None

    def __iter__(self) -> Iterator[Formula]:
        return (value for f in fields(self) if (value := getattr(self, f.name)) is not None)


@dataclass(frozen=True)
class Known:
    """The closed forms of one family, in Z, ARGUMENT (of R), M_VALUE (of S) and G_VALUE (in the equation = 0)."""

    stieltjes: sp.Expr | None = None
    r: sp.Expr | None = None
    s: sp.Expr | None = None
    equation: sp.Expr | None = None
    reference: tuple[str, ...] = ()


def _roots(low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """Return √((z − low)(z − high)) with the cut on the segment, as it must lie for G."""
    return sp.sqrt(Z - low) * sp.sqrt(Z - high)


def _semicircle(radius: sp.Expr) -> Known:
    return Known(
        stieltjes=2 * (Z - _roots(-radius, radius)) / radius**2,
        r=radius**2 * ARGUMENT / 4,
        equation=Semicircle.equation(Z, G_VALUE, radius),
        reference=("wigner1955", "voiculescu1986"),
    )


def _marchenko_pastur(ratio: sp.Expr, variance: sp.Expr) -> Known:
    low, high = (variance * (1 + sign * sp.sqrt(ratio)) ** 2 for sign in (-1, 1))
    line = Z - variance * (1 - ratio)
    return Known(
        stieltjes=(line - _roots(low, high)) / (2 * ratio * variance * Z),
        r=variance / (1 - ratio * variance * ARGUMENT),
        s=1 / (variance * (1 + ratio * M_VALUE)),
        equation=MarchenkoPastur.equation(Z, G_VALUE, ratio, variance),
        reference=("marchenko1967", "voiculescu1987"),
    )


def _fuss_catalan(depth: sp.Expr) -> Known:
    return Known(
        s=(1 + M_VALUE) ** -depth,
        equation=FussCatalan.equation(Z, G_VALUE, depth),
        reference=("mlotkowski2010",),
    )


def _raney(p: sp.Expr, r: sp.Expr) -> Known:
    found = Raney.equation(Z, G_VALUE, p, r)
    root = (1 + M_VALUE) ** (1 / r)
    return Known(
        s=(root - 1) * (1 + M_VALUE) ** (1 - p / r) / M_VALUE,
        equation=equation_of(found, "equation").expr if found.is_polynomial(Z, G_VALUE) else found,
        reference=("mlotkowski2010",),
    )


def _kesten_mckay(degree: sp.Expr) -> Known:
    edge = 2 * sp.sqrt(degree - 1)
    return Known(
        stieltjes=2 * (degree - 1) / ((degree - 2) * Z + degree * _roots(-edge, edge)),
        r=degree * (sp.sqrt(1 + 4 * ARGUMENT**2) - 1) / (2 * ARGUMENT),
        equation=KestenMcKay.equation(Z, G_VALUE, degree),
        reference=("mckay1981",),
    )


def _wachter(a: sp.Expr, b: sp.Expr) -> Known:
    total = a + b
    low, high = (((sp.sqrt(a * (total - 1)) + sign * sp.sqrt(b)) / total) ** 2 for sign in (-1, 1))
    line = Z * total - 1 - a
    # G z − 1 = 2a/(line + (a + b)√…), the root of m²(1 − z) − m(z(a + b) − 1 − a) + a that decays.
    root = sp.sqrt(ARGUMENT**2 + 2 * (a - b) * ARGUMENT + total**2)
    return Known(
        stieltjes=(1 + 2 * a / (line + total * _roots(low, high))) / Z,
        r=(ARGUMENT - total + root) / (2 * ARGUMENT),
        s=(total + M_VALUE) / (a + M_VALUE),
        equation=Wachter.equation(Z, G_VALUE, a, b),
        reference=("wachter1980",),
    )


def _free_bessel(s: sp.Expr, t: sp.Expr) -> Known:
    return Known(
        s=(1 + M_VALUE) ** (1 - s) / (t + M_VALUE),
        equation=FreeBessel.equation(Z, G_VALUE, s, t),
        reference=("banica2011",),
    )


def _wishart_product(*ratios: sp.Expr) -> Known:
    return Known(
        s=1 / sp.prod([1 + c * M_VALUE for c in ratios]),
        equation=WishartProduct.equation(Z, G_VALUE, ratios),
        reference=("burda2010",),
    )


def _point_mass(place: sp.Expr) -> Known:
    return Known(
        stieltjes=1 / (Z - place),
        r=place,
        s=None if place == 0 else 1 / place,
        equation=PointMass.equation(Z, G_VALUE, place),
        reference=("voiculescu1986",),
    )


# Family -> (its parameters and their symbols, its closed forms).
FAMILIES: dict[type[RealLaw], tuple[dict[str, str], Callable[..., Known]]] = {
    Semicircle: ({"radius": "rho"}, _semicircle),
    MarchenkoPastur: ({"ratio": "c", "variance": "v"}, _marchenko_pastur),
    FussCatalan: ({"depth": "L"}, _fuss_catalan),
    Raney: ({"p": "p", "r": "r"}, _raney),
    KestenMcKay: ({"degree": "d"}, _kesten_mckay),
    Wachter: ({"a": "a", "b": "b"}, _wachter),
    FreeBessel: ({"s": "s", "t": "t"}, _free_bessel),
    PointMass: ({"place": "x"}, _point_mass),
}


def _algebraic(found: Equation) -> Known:
    """Return the equation, and R or S where z is a rational function of G or of m."""
    equation = found.expr
    in_m = sp.numer(sp.together(equation.subs(G_VALUE, (1 + M_VALUE) / Z)))
    r = sp.simplify(sp.solve(equation, Z)[0] - 1 / G_VALUE) if sp.degree(equation, Z) == 1 else None
    factors = [part for part, _ in sp.factor_list(in_m)[1] if part.has(M_VALUE) and sp.degree(part, Z) == 1]
    s = sp.simplify((1 + M_VALUE) / (M_VALUE * sp.solve(factors[0], Z)[0])) if factors else None
    return Known(r=r if r is None else r.subs(G_VALUE, ARGUMENT), s=s, equation=equation, reference=("voiculescu1986",))


def _known(law: RealLaw, symbolic: bool) -> Known:
    if type(law) in FAMILIES:
        names, family = FAMILIES[type(law)]
        if symbolic:
            return family(*(sp.Symbol(symbol, positive=True) for symbol in names.values()))
        return family(*(exact(getattr(law, name)) for name in names))
    if isinstance(law, WishartProduct):
        return _wishart_product(*(exact(c) for c in law.ratios))
    if isinstance(law, GivenR):
        return Known(r=law.expr.subs(law.symbol, ARGUMENT), reference=("voiculescu1986",))
    if isinstance(law, GivenS):
        return Known(s=law.expr.subs(law.symbol, M_VALUE), reference=("voiculescu1987",))
    if isinstance(law, FreeSum):
        first, second = (_known(part, symbolic=False) for part in (law.a, law.b))
        if first.r is not None and second.r is not None:
            return Known(r=first.r + second.r, reference=("voiculescu1986",))
    if isinstance(law, FreeProduct):
        first, second = (_known(part, symbolic=False) for part in (law.a, law.b))
        if first.s is not None and second.s is not None:
            return Known(s=first.s * second.s, reference=("voiculescu1987",))
    if isinstance(law, RealLaw) and law.algebraic_equation is not None:
        return _algebraic(law.algebraic_equation)
    raise UnsupportedError(f"{law}: no transform of it is known in closed form; use .stieltjes(z) for numbers")


def transforms(law: RealLaw, symbolic: bool = False) -> Transforms:
    """Return G, M, R, S and the equation of G of a law, as far as they are known in closed form.

    Parameters
    ----------
    symbolic : keep the parameters of the family as symbols; otherwise they have the law's values, as exact rationals.

    Raises
    ------
    UnsupportedError : nothing is known in closed form.

    Examples
    --------
    >>> from vgtheory.random_matrices.laws.marchenko_pastur import marchenko_pastur
    >>> found = transforms(marchenko_pastur(0.5))
    >>> found.r.expr, found.s.expr
    (1/(1 - g/2), 1/(m/2 + 1))
    """
    known = _known(law, symbolic)
    source = known.reference

    def formula(name: str, argument: sp.Symbol, value: sp.Expr | None, title: str) -> Formula | None:
        if value is None:
            return None
        return Formula(sp.Function(name)(argument), value, name=title, reference=source)

    moments = None if known.stieltjes is None else Z * known.stieltjes - 1
    equation = None
    if known.equation is not None:
        equation = Formula(
            sp.expand(known.equation) if known.equation.is_polynomial(Z, G_VALUE) else known.equation,
            sp.Integer(0),
            name="equation of G",
            statement="G = G(z) is the branch with zG → 1 as z → ∞",
            reference=source,
        )
    return Transforms(
        formula("G", Z, known.stieltjes, "Stieltjes transform"),
        formula("M", Z, moments, "moment transform"),
        formula("R", ARGUMENT, known.r, "R-transform"),
        formula("S", M_VALUE, known.s, "S-transform"),
        equation,
    )
