"""Laws with symbols: combined they are what they become with numbers, and what needs numbers says so."""

from functools import reduce

import pytest
import sympy as sp

from vgtheory import laws
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices.laws.polynomials import sheet

MP = "c*z*G**2 - (z - 1 + c)*G + 1"
NUMBERS = {"c": sp.Rational(1, 3), "v": sp.Rational(2, 5)}


def marchenko_pastur(symbol):
    return laws.algebraic(MP.replace("c", symbol))


@pytest.mark.parametrize(
    "join",
    [
        lambda c, v: c + laws.algebraic("v*G**2 - z*G + 1"),
        lambda c, v: v + laws.algebraic("c*G**2 - z*G + 1"),
        lambda c, v: c * v,
        lambda c, v: c.beside_block(v, "v"),
    ],
)
def test_laws_of_different_symbols_are_joined(join):
    c, v = marchenko_pastur("c"), marchenko_pastur("v")
    with_symbols = join(c, v)
    assert set(map(str, with_symbols.equation.symbols)) == {"c", "v"}
    values = [moment.subs(NUMBERS) for moment in with_symbols.moments(6)]
    assert values == list(with_symbols.at(**NUMBERS).moments(6))


def test_sum_and_product_of_two_symbols_are_those_of_numbers():
    c, v = marchenko_pastur("c"), marchenko_pastur("v")
    noise = laws.algebraic("v*G**2 - z*G + 1")
    one, other, small = c.at(c=NUMBERS["c"]), v.at(v=NUMBERS["v"]), noise.at(v=NUMBERS["v"])
    assert (c + noise).at(**NUMBERS).equation == (one + small).equation
    assert (c * v).at(**NUMBERS).equation == (one * other).equation
    assert (c + noise).moments(2) == (1, sp.sympify("1 + c + v"))


def test_a_symbol_that_cancels_and_many_symbols():
    first, second = laws.algebraic("(z - a)*G - 1"), laws.algebraic("(z + a - b)*G - 1")
    assert (first + second).moments(2) == (sp.Symbol("b"), sp.Symbol("b") ** 2)
    point = laws.algebraic("z*G - 1")
    assert point.beside_block(point, "s").moments(2) == (0, 0)
    names = sp.symbols("a1:9")
    total = reduce(lambda a, b: a + b, (laws.algebraic(f"(z - {name})*G - 1") for name in names))
    assert total.moments(1)[0] == sp.Add(*names)


@pytest.mark.parametrize("call", ["mean", "var", "std"])
def test_moments_as_numbers_refuse_symbols(call):
    law = marchenko_pastur("c")
    with pytest.raises(InputError, match="symbols c"):
        getattr(law, call)()
    with pytest.raises(InputError, match="symbols c"):
        law.moment(2)
    assert law.at(c="1/2").moment(2) == 1.5


def test_an_edge_needs_its_name():
    with pytest.raises(InputError, match="symbol x"):
        _ = marchenko_pastur("x").edge_formulas
    assert len(marchenko_pastur("y").edge_formulas) == 3


def test_symbols_beside_a_law_that_only_its_mean_tells_need_numbers():
    law = (laws.algebraic(laws.marchenko_pastur(0.5)) + 1).inverse()
    c, noise = sp.Symbol("c"), laws.algebraic("v*G**2 - z*G + 1")
    for call in (
        lambda: law.transposed("c"),
        lambda: law + c,
        lambda: law * c,
        lambda: law / c,
        lambda: law.compressed("c"),
        lambda: law.gram_with_noise("c", 1),
        lambda: law.gram_with_noise(1, "c"),
        lambda: law + noise,
        lambda: marchenko_pastur("c") * law,
        lambda: law.beside_block(law, "c"),
    ):
        with pytest.raises(UnsupportedError, match=r"symbols .* give numbers"):
            call()
    with pytest.raises(InputError, match="rational"):
        _ = law * sp.sqrt(2)
    assert (law / 3).moments(1)[0] == law.moments(1)[0] / 3


def test_a_quotient_is_exact():
    law = laws.algebraic(laws.marchenko_pastur(1)) / 3
    assert law.moments(3) == (sp.Rational(1, 3), sp.Rational(2, 9), sp.Rational(5, 27))
    assert (marchenko_pastur("c") / sp.Symbol("s")).moments(1) == (1 / sp.Symbol("s"),)
    for zero in (0, 0.0, sp.Integer(0)):
        with pytest.raises(InputError, match="over 0"):
            _ = law / zero
    with pytest.raises(TypeError):
        _ = law / "3"


def test_a_support_too_wide_to_follow_is_refused(monkeypatch):
    monkeypatch.setattr(sheet, "_MOST_STEPS", 300)
    law = laws.algebraic(laws.marchenko_pastur(1))
    assert (law + 0.1).inverse().bands[0][1] == pytest.approx(10, rel=1e-15)
    with pytest.raises(UnsupportedError, match="300 steps"):
        _ = (law + 1e-4).inverse().bands


def test_a_symbol_may_have_any_name():
    """Symbols named as the unknowns of eliminations are, w and m, change no result."""
    for name in ("w", "m", "t"):
        law = marchenko_pastur(name)
        first, second = sp.Integer(1), 1 + sp.Symbol(name)
        assert law.beside_block(law, "1/2").moments(2) == (first, second)
        assert (law * law).moments(2) == (first, sp.expand(2 * second - 1))
