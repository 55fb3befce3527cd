"""Texts that people or programs might give for a formula to make it run code, hang, or fill the memory."""

import random

UNARY = [
    "exp",
    "log",
    "sqrt",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "sech",
    "atan",
    "asinh",
    "erf",
    "erfc",
    "abs",
    "sign",
    "Heaviside",
    "sigmoid",
    "softplus",
    "relu",
    "normal_cdf",
]
ATOMS = ["x", "x", "x", "1", "2", "0.5", "3", "0.1", "64", "1e-30", "1e30", "pi", "e", "99999", "(-1)"]
POWERS = ["2", "3", "-1", "0.5", "64", "-64", "(1/3)", "x"]

ATTACKS = [
    # attribute walks and dunder names
    "x.__class__.__mro__[1].__subclasses__()",
    "().__class__.__base__.__subclasses__()",
    "x.func.__globals__",
    "__builtins__",
    "__import__('os').system('touch pwned')",
    "exp.__init__.__globals__['os']",
    "getattr(x, '__class__')",
    "vars()",
    "globals()",
    "x.subs",
    "x.evalf()",
    "Symbol('x')",
    "Function('f')(x)",
    "lambdify(x, x)",
    "exec('1')",
    "eval('1')",
    "compile(x)",
    "open('/etc/passwd')",
    "breakpoint()",
    "input()",
    "print(x)",
    "(lambda: x)()",
    "[y for y in x]",
    "{x: x}",
    "f'{x}'",
    "x := 1",
    "_",
    "__x__",
    "_x",
    "x__class__",
    "yield x",
    "await x",
    "import os",
    "x;import os",
    "x\nimport os",
    "x#",
    "'x'",
    '"x"',
    "`x`",
    # huge powers and literals
    "9**9**9",
    "9**9**9**9",
    "x**9**9",
    "x**(10**9)",
    "2**x**64**64",
    "(((x**64)**64)**64)**64",
    "1e400000000",
    "1e-400000000",
    "9" * 400,
    "0." + "9" * 400,
    "9" * 100_000,
    "exp(exp(exp(exp(64))))",
    "exp(64)**64",
    "sinh(64)**64",
    "(1+x)**64*(2+x)**64*(3+x)**64",
    "((1+x)**64)**64",
    "64**64**64",
    "0.1**64**64",
    "1e30**64",
    "(1e30*x)**64",
    "exp(1e30*x)",
    "factorial(99999)",
    "(x+1e30)**64/(x-1e-30)**64",
    # nesting
    "(" * 60 + "x" + ")" * 60,
    "tanh(" * 60 + "x" + ")" * 60,
    "max(x," * 60 + "x" + ")" * 60,
    "abs(x-" * 48 + "1" + ")" * 48,
    "max(x,max(1,min(x,2," * 14 + "x" + ")))" * 14,
    "-" * 60 + "x",
    "(" * 100_000,
    "sqrt(1+" * 48 + "x" + ")" * 48,
    "x**" * 60 + "x",
    "Piecewise((" * 60 + "x" + ", x>0),(0,True))" * 60,
    "sin(x+" * 48 + "x" + ")" * 48,
    "1/(1+" * 48 + "x" + ")" * 48,
    # length
    "x" * 100_000,
    "x+" * 50_000 + "x",
    "+".join(f"sin({k}*x)" for k in range(90)),
    "*".join(f"(x-{k})" for k in range(120)),
    "max(" + ",".join("x" * 400) + ")",
    " " * 100_000,
    "x" + " " * 100_000 + "+1",
    # look-alikes and invisible characters
    "\u0445",
    "\uff58",
    "\u212f**x",
    "x\u2044 2",
    "x\u00b2",
    "\u221ax",
    "\u03c3(x)",
    "e\u0445p(x)",
    "x\u200b",
    "\u202ex",
    "x\u0301",
    "\ufeffx",
    "\U0001d465",
    "ｅｘｐ(x)",
    "t\u0430nh(x)",
    "x\u00a0+1",
    "1\u06602",
    "\u0661*x",
    "x\0",
    "\0",
    "x\r",
    "x\x1b[31m",
    "\ud800",
    # LaTeX macros
    r"\input{/etc/passwd}",
    r"\write18{touch pwned}",
    r"\def\x{\x\x}\x",
    r"\catcode`\%=0",
    r"\csname end\endcsname",
    r"\loop\repeat",
    r"\newcommand{\a}{\a\a}\a",
    r"\openout1=pwned",
    r"\frac{" * 2000,
    r"\frac{x}{" * 60 + "1" + "}" * 60,
    r"\sqrt{" * 61 + "x" + "}" * 61,
    r"\left(" * 500,
    r"x^{9^{9^{9}}}",
    r"\begin{cases}" * 100,
    r"\begin{cases} x",
    r"\text{\input{x}}",
    r"\operatorname{__import__}(x)",
    r"\mathrm{os.system}",
    r"\verb|x|",
    "$" * 50,
    "{" * 5000,
    r"\\" * 500,
    r"\x_{\x_{\x}}",
    r"x_{__class__}",
    r"\alpha_{\beta_{\gamma}} x",
]


def random_formula(seed: int) -> str:
    """Return a formula of the grammar, often absurd: kinks of kinks, poles, towers of powers, complex constants."""
    draw = random.Random(seed)
    return _grown(draw, draw.choice([2, 3, 4, 5, 6, 8]))


def _grown(draw: random.Random, depth: int) -> str:
    kind = draw.random()
    if depth <= 0 or kind < 0.12:
        return draw.choice(ATOMS)
    if kind < 0.5:
        return f"{draw.choice(UNARY)}({_grown(draw, depth - 1)})"
    if kind < 0.6:
        return f"{draw.choice(['max', 'min'])}({_grown(draw, depth - 1)},{_grown(draw, depth - 1)})"
    if kind < 0.7:
        power = draw.choice([*POWERS, f"({_grown(draw, depth - 1)})"])
        return f"({_grown(draw, depth - 1)})**{power}"
    if kind < 0.75:
        where = f"x {draw.choice(['<', '>', '<=', '>='])} {draw.choice(['0', '1', '-1', '0.5'])}"
        return f"Piecewise(({_grown(draw, depth - 1)}, {where}), ({_grown(draw, depth - 1)}, True))"
    return f"({_grown(draw, depth - 1)}{draw.choice('+-*/')}{_grown(draw, depth - 1)})"
