"""Formula strings: nothing in them runs, nothing hangs, and what is accepted reads back as the same expression."""

import subprocess
import sys
from contextlib import suppress

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import formulas
from vgtheory._errors import FormulaError, VgtheoryError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.parser import parse, read

HOSTILE = [
    "", "   ", "x.__class__", "().__class__.__bases__", "__import__('os').system('true')", "lambda: 0",
    "[x for x in x]",
    "f'{x}'", "(x:=3)", "exec(x)", "eval(x)", "open(x)", "diff(x)", "integrate(x)", "solve(x)", "sympify(x)", "exp",
    "9**9**9", "1e400000000", "9" * 10_000, "9" * 400, "x**(10**9)", "exp(exp(exp(9**60)))", "x**64**64",
    "((((x+1)**64)**64)**64)**64", "0.1**64*0.1**64", "(2*x)**64*(3*x)**64", "exp(60)**exp(60)",
    "tanh(" * 60 + "x" + ")" * 60, "-" * 300 + "x", "x" * 10_000, "x+" * 499 + "x",
    "\u0445", "x\u2032", "x\0", "x\ny", "x #c",
    "x+y", "x<1", "x==1", "x if x else 1", "x and 1", "not x", "~x", "x//2", "x%2", "x@x", "x[0]", "{x",
    "{x,1}", "(x,)", "x;y", "2x", "0x10", "1j*x", "1_000*x", "'a'", "True", "None", "oo", "nan", "zoo", "I",
    "exp()", "exp(x,x)", "exp(*x)",
    "exp(x=1)", "exp(x)(x)", "max()", "max(1,2,3,4,x)", "sqrt(-1)", "x/0", "0/0", "0**-1", "log(0)", "(-1)**0.5",
    "Piecewise((x, x>0))", "Piecewise(x, x)", "Piecewise((x, sin(x)>0), (0, True))", "Piecewise((x, x), (0, True))",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: repr(t[:24]))
def test_hostile_text_is_refused_in_one_line(text):
    with pytest.raises(VgtheoryError) as caught:
        parse(text)
    message = str(caught.value)
    assert "\n" not in message
    assert "expected" in message or " must be " in message
    assert len(message) < 1200


@pytest.mark.slow
def test_refusals_of_the_whole_corpus_end_within_seconds_and_bounded_memory():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "from vgtheory.symbolic.parser import parse; from vgtheory._errors import VgtheoryError\n"
        f"for text in {HOSTILE!r}:\n"
        "    try: parse(text)\n"
        "    except VgtheoryError: continue\n"
        "    raise SystemExit(text)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr[-500:]


@pytest.mark.slow
def test_pure_python_ground_types_give_the_same_expressions():
    code = (
        "from vgtheory.symbolic.activation import Activation\n"
        "print(Activation('x/(1+exp(-1.702*x))').expr, Activation('abs(x)**0.5').expr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"SYMPY_GROUND_TYPES": "python", "PATH": ""},
    )
    assert run.stdout.strip() == "x/(1 + exp(-851*x/500)) sqrt(Abs(x))"


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused_by_name(text):
    with suppress(VgtheoryError):
        parse(text)


@given(st.text(alphabet="x19.e+-*/()^, explogtahmax", max_size=40))
def test_text_of_a_formulas_letters_parses_or_is_refused_by_name(text):
    try:
        expr, symbol, _ = parse(text)
    except VgtheoryError:
        return
    assert read(str(expr), {symbol.name: symbol}) == expr


@given(formulas())
def test_an_accepted_formula_prints_as_text_that_means_the_same(text):
    expr, symbol, _ = parse(text)
    assert read(str(expr), {symbol.name: symbol}) == expr


def test_a_formula_means_what_python_means():
    x = sp.Symbol("x", real=True)
    assert parse("x/(1+exp(-x))")[0] == x / (1 + sp.exp(-x))
    assert parse("-x^2")[0] == -(x**2)
    assert parse("0.1*t")[0] == sp.Symbol("t", real=True) / 10
    assert parse("max(x, alpha*x)", ["alpha"])[2] == {"alpha": sp.Symbol("alpha", real=True)}
    assert parse("Piecewise((x, x > 0), (0, True))")[0] == sp.Piecewise((x, x > 0), (0, True))


def test_two_variables_are_refused_with_the_one_to_fix():
    with pytest.raises(FormulaError, match=r"keep x .* alpha=0\.2"):
        parse("alpha*x")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("log(x)", r"log\(x\) is not real at x = -1"),
        ("x**0.5", r"sqrt\(x\) is not real at x = -1"),
        ("1/x", "1/x is not finite at x = 0"),
        ("1/(x**2-2)", "not finite at x = -1.41421"),
        ("1/(exp(t)-2)", "not finite at t = 0.693147"),
        ("tan(x)", "is not finite"),
        ("x**x", "not real"),
        ("tanh(x)/x**2", "not finite at x = 0"),
        ("abs(x)**-1", "not finite at x = 0"),
        ("1/(1+cos(x))", "not shown to be finite"),
    ],
)
def test_functions_with_holes_are_refused_with_a_point(text, where):
    with pytest.raises(FormulaError, match=where):
        Activation(text)


@pytest.mark.parametrize(
    "text",
    ["log(1+x**2)", "abs(x)**0.5", "1/(1+exp(-x))", "log(2+sin(x))", "1/(x**2+x+1)", "sqrt(1-cos(x))", "max(x,0)**0.5",
     "tan(tanh(x))", "2**x", "log(exp(x)-x)", "x/sqrt(1+x**2)", "1/(1+abs(x))", "0", "1"],
)  # fmt: skip
def test_functions_on_the_whole_line_are_accepted(text):
    assert Activation(text).is_numeric


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("torch.where(x>0, x, 0.1*x)", "Piecewise((x, x > 0), (0.1*x, True))"),
        ("np.where((x > -1) & (x < 1), x, 0)", "Piecewise((x, (x > -1) & (x < 1)), (0, True))"),
        ("x if x > 0 else 0.1*x", "Piecewise((x, x > 0), (0.1*x, True))"),
        ("F.silu(x)", "x*sigmoid(x)"),
        ("nn.SiLU()(x)", "x*sigmoid(x)"),
        ("nn.LeakyReLU(0.2)(x)", "Piecewise((x, x > 0), (0.2*x, True))"),
        ("torch.nn.functional.leaky_relu(x, negative_slope=0.2)", "Piecewise((x, x > 0), (0.2*x, True))"),
        ("F.elu(x, alpha=0.5)", "Piecewise((x, x > 0), (0.5*(exp(x)-1), True))"),
        ("x.clamp(0, 6)", "min(max(x, 0), 6)"),
        ("(x + 1).clamp(min=0)", "max(x+1, 0)"),
        ("tf.clip_by_value(x, -1, clip_value_max=1)", "min(max(x, -1), 1)"),
        ("x*gelu(x)", "x**2*normal_cdf(x)"),
        ("np.maximum(x, 0)", "max(x, 0)"),
        ("tf.nn.relu(x)", "relu(x)"),
        ("F.relu(input=x, inplace=True)", "relu(x)"),
        ("jax.nn.swish(2*x)", "2*x*sigmoid(2*x)"),
        ("x * torch.sigmoid(1.702 * x)", "x*sigmoid(1.702*x)"),
        ("0.5*x*(1 + np.tanh(np.sqrt(2/np.pi)*x))", "x*(1+tanh(sqrt(2/pi)*x))/2"),
        ("np.log1p(np.exp(x))", "log(1+exp(x))"),
        ("x.pow(2).neg().exp()", "exp(-x**2)"),
        ("F.softplus(x, beta=2)", "log(1+exp(2*x))/2"),
    ],
)
def test_code_that_people_paste_is_read_as_syntax(text, formula):
    assert parse(text)[0] == parse(formula)[0]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("2 tanh(x)", r"2\*tanh"),
        ("geelu(x)", "did you mean gelu"),
        ("torch.sigmod(x)", "did you mean sigmoid"),
        ("gelu(x, 2)", "1 argument"),
        ("F.leaky_relu(x, slope=0.2)", "argument 'slope'"),
        ("np.where(x > 0, x)", "three"),
        ("x.evalf()", "unknown function 'evalf'"),
        ("os.system(x)", "2 variables"),
        ("torch.load", "Attribute"),
        ("tanh(x)(x)", "product"),
        ("x.tanh.exp(x)", "2 arguments"),
    ],
)
def test_pasted_code_that_is_no_function_is_refused_with_a_step(text, step):
    with pytest.raises(VgtheoryError, match=step):
        parse(text)
