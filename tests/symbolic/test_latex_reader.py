"""LaTeX is read back: what the printer writes exactly means the same again; what is ambiguous is refused."""

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import formulas
from tests.thinning import thinned
from vgtheory._errors import VgtheoryError
from vgtheory.reporting.latex import latex
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.gaussian import gradient_gain, length_map
from vgtheory.symbolic.notation import q, x
from vgtheory.symbolic.parser import parse, read
from vgtheory.symbolic.printing import to_latex


def reads_back(expr, symbols):
    """Return whether the LaTeX of an expression means it, up to numbers that SymPy distributes over sums."""
    return read(to_latex(expr, exact=True), symbols) in (expr, read(str(expr), symbols))


@pytest.mark.parametrize("name", thinned(sorted(catalogue), 3))
def test_the_catalogue_and_its_derivatives_read_back(name):
    parameters = {p.symbol.name: p.symbol for p in catalogue[name].parameters}
    for act in (activation(name), catalogue[name](**parameters)):
        symbols = {x.name: x, **parameters}
        assert read(to_latex(act.expr, exact=True), symbols) == act.expr
        for order in (1, 2):
            expr = act.derivative(order)
            assert reads_back(expr, symbols)


@pytest.mark.parametrize("name", sorted(set(catalogue) - {"selu"}))
def test_what_is_shown_of_the_catalogue_is_an_activation_again(name):
    act = activation(name)
    assert Activation(latex(act)).expr == act.expr
    assert Activation(act._repr_latex_()).expr == act.expr


def test_shown_numbers_are_rounded_and_exact_ones_are_not():
    selu = activation("selu")
    assert Activation(latex(selu)).expr != selu.expr
    assert Activation(latex(selu, exact=True)).expr == selu.expr


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "sin", "gaussian", "relu_squared"])
def test_gaussian_means_read_back(name):
    for mean in (length_map(name), gradient_gain(name)):
        assert reads_back(mean.expr, {"q": q})


@given(formulas())
def test_random_formulas_read_back(text):
    expr, symbol, _ = parse(text)
    symbols = {symbol.name: symbol}
    assert reads_back(expr, symbols)


@pytest.mark.parametrize(
    ("latex_text", "formula"),
    [
        (r"\frac{x}{1+e^{-x}}", "x/(1+exp(-x))"),
        (r"$\varphi(x) = \max(0, x)$", "max(0,x)"),
        (r"\[ f(x) = \tfrac12 x \]", "x/2"),
        (r"x\,\Phi(x)", "x*normal_cdf(x)"),
        (r"x\sigma(1.702x)", "x*sigmoid(1.702*x)"),
        (r"x\,\sigma\left(x\right)", "x*sigmoid(x)"),
        (r"\xi(1+\xi)", "xi*(1+xi)"),
        (r"\mathrm{GELU}(x)", "gelu(x)"),
        (r"\operatorname{SiLU}(2x)", "silu(2*x)"),
        (r"x\tanh(\mathrm{softplus}(x))", "mish(x)"),
        (r"\max\{0,x\}", "max(0,x)"),
        (r"\min\left\{1,\max\{0,x\}\right\}", "min(1,max(0,x))"),
        (r"\log_2(1+x^2)", "log(1+x**2)/log(2)"),
        (r"\log_{10}\left(1+x^2\right)", "log(1+x**2)/log(10)"),
        (
            r"\begin{cases} x, & x > 0, \\ 0.1 x, & \text{otherwise}. \end{cases}",
            "Piecewise((x, x > 0), (0.1*x, True))",
        ),
        (
            r"\begin{cases} x & \text{if } x \ge 0 \\ e^x-1 & \text{if } x<0 \end{cases}",
            "Piecewise((x, x >= 0), (exp(x)-1, True))",
        ),
        (r"\tanh^2 x", "tanh(x)**2"),
        (r"\sin x \cos x", "sin(x)*cos(x)"),
        (r"\lvert x \rvert + |x - 1|", "abs(x)+abs(x-1)"),
        (r"\sqrt[3]{1 + x^2}^2", "((1+x**2)**(1/3))**2"),
        (r"x / \frac{2}{3}", "x/(2/3)"),
        (r"2 \cdot 10^{-3} x", "0.002*x"),
        (r"-x^{2} \cdot -3", "3*x**2"),
        (
            r"\begin{cases} x & x > 1 \vee x < -1 \\ \frac{x}{2} & \text{otherwise} \end{cases}",
            "Piecewise((x, (x > 1) | (x < -1)), (x/2, True))",
        ),
    ],
)
def test_latex_as_people_write_it(latex_text, formula):
    assert parse(latex_text)[0] == parse(formula)[0]


def test_parameters_are_known_by_their_latex():
    expr = parse(r"\sigma_w x + \alpha_{1} x^2 + \mathrm{gain}_{2}", ["sigma_w", "alpha_1", "gain_2"])[0]
    assert {s.name for s in expr.free_symbols} == {"x", "sigma_w", "alpha_1", "gain_2"}
    assert Activation(r"\max(x, \alpha x)", alpha=0.2).expr == sp.Max(x, x / 5)
    assert Activation(r"x\sigma(\beta x)", beta=2).expr == x / (1 + sp.exp(-2 * x))
    # A symbol that is said to be a parameter is no function.
    assert Activation(r"\sigma(x + 1)", sigma=2).expr == 2 * (x + 1)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (r"\sin 2x", r"\\sin\(x\)"),
        (r"\sin \omega x", r"\\sin\(x\)"),
        (r"\tanh^{-1}(x)", r"\\arctan"),
        (r"{x}^23", r"\^\{23\}"),
        (r"{x} 2", "in Python's notation"),
        (r"\input{/etc/passwd}", "input"),
        (r"\write18{true}", "write"),
        (r"\def\x{\x}\x", "def"),
        (r"\csname x\endcsname", "csname"),
        (r"\begin{array} x", "cases"),
        (r"\frac{x}", "end of the formula"),
        (r"\left( x", "'\\)'"),
        ("{" * 200 + "x" + "}" * 200, "nested"),
        (r"\frac{x}{" * 500, "nested"),
        ("x" + r"\cdot x" * 2000, "characters"),
        (r"\mathbb{E} x", "mathbb"),
        (r"\varphi(x)", r"\\sigma, \\Phi"),
        (r"x\psi(x)", r"\\cdot"),
        (r"\mathrm{Geelu}(x)", "did you mean gelu"),
        (r"\begin{cases} x & \text{whenever } x \ge 0 \\ 0 & \text{else}\end{cases}", "whenever"),
        ("x^{9^{9^{9}}}", "exponent"),
        (r"\text{αβγ}", "ASCII"),
        ("$", "end of the formula"),
        ("\\", "Latex|LaTeX"),
    ],
)
def test_what_is_not_a_formula_is_refused_by_name(text, hint):
    with pytest.raises(VgtheoryError, match=hint):
        parse(text)


@given(st.text(alphabet="\\fracsqtexp{}^_()[]|&x12 +-*/,=", max_size=60))
def test_text_of_latexs_letters_parses_or_is_refused_by_name(text):
    try:
        expr, symbol, _ = parse(text)
    except VgtheoryError:
        return
    assert isinstance(expr, sp.Expr)
    assert symbol.name.isidentifier()


TOKENS = [
    r"\frac",
    r"\sqrt",
    r"\tanh",
    r"\left(",
    r"\right)",
    "{",
    "}",
    "x",
    "^",
    "2",
    "+",
    r"\begin{cases}",
    r"\end{cases}",
    r"\\",
    "&",
    r"\text{otherwise}",
    "<",
    "e",
]


@given(st.lists(st.sampled_from(TOKENS), max_size=30))
def test_sequences_of_latex_tokens_parse_or_are_refused_by_name(tokens):
    try:
        parse(" ".join(tokens))
    except VgtheoryError:
        return
