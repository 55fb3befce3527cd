import pytest
import sympy as sp

from vgtheory.symbolic import notation as n
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.gaussian import GaussianMean
from vgtheory.symbolic.printing import decimal, to_latex
from vgtheory.symbolic.special import erfcx

x = n.x


@pytest.mark.parametrize(
    ("expr", "latex"),
    [
        (n.sigma_w**2 * n.chi, r"\chi \sigma_w^{2}"),
        (n.width + n.depth, "L + N"),
        (n.eps * n.layer, r"\varepsilon l"),
        (sp.log(x), r"\ln{\left(x \right)}"),
        (1 - sp.tanh(x) ** 2, r"\operatorname{sech}^{2}{\left(x \right)}"),
        (sp.sech(x) ** 2, r"\operatorname{sech}^{2}{\left(x \right)}"),
        (sp.exp(-x), "e^{- x}"),
        (sp.exp(-(x**2) / 2), "e^{- x^{2}/2}"),
        (erfcx(x), r"\operatorname{erfcx}{\left(x \right)}"),
        (erfcx(x) ** 2, r"\operatorname{erfcx}^{2}{\left(x \right)}"),
        (sp.asin(n.q), r"\arcsin{\left(q \right)}"),
        (sp.Rational("1.0507009873554804934193349852946") * x, "1.0507 x"),
        (sp.Rational(1, 3) * x, r"\frac{x}{3}"),
        (sp.Float(0.1) * x, "0.1 x"),
        (sp.Symbol("gain_2"), r"\mathrm{gain}_{2}"),
        (sp.Symbol("q1"), "q_{1}"),
        (sp.Symbol("alpha"), r"\alpha"),
        (sp.Symbol("a%b$"), r"\mathrm{a.b.}"),
        (sp.Integer(10) ** 40, "10^{40}"),
        (GaussianMean(x**2, x, n.q), r"\mathbb{E}_{x \sim \mathcal{N}(0, q)}\left[x^{2}\right]"),
        (sp.Function("varphi")(x).diff(x), r"\varphi'{\left(x \right)}"),
    ],
)
def test_the_notation_of_the_field(expr, latex):
    assert to_latex(expr) == latex


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.05070098, "1.0507"),
        (2.0, "2"),
        (0, "0"),
        (-0.00002, r"-2 \cdot 10^{-5}"),
        (1e-9, "10^{-9}"),
        (-1e-9, "-10^{-9}"),
        (123456.7, "123460"),
        (123457, "123457"),
        (1e300, "10^{300}"),
        (float("inf"), r"\infty"),
        (0.99999999, "1"),
    ],
)
def test_decimals_are_short(number, text):
    assert decimal(number) == text


def test_the_catalogue_prints_without_long_numbers_or_floats():
    for name in catalogue:
        act = activation(name)
        for expr in (act.expr, act.derivative()):
            text = to_latex(expr)
            assert not any(len(word) > 7 for word in "".join(c if c.isdigit() else " " for c in text).split()), name
            assert text.count("{") == text.count("}")
            assert text.count(r"\left") == text.count(r"\right")


def test_an_activation_shows_itself_in_a_notebook():
    assert activation("tanh")._repr_latex_() == r"$\displaystyle \tanh{\left(x \right)}$"
