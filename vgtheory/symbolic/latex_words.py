"""The LaTeX that is read as a formula, as tables: functions, letters, relations, brackets."""

from __future__ import annotations

import re

TOKEN = re.compile(r"\\[A-Za-z]+|\\\\|\\.|\d+\.?\d*|\.\d+|[A-Za-z]|\s+|.", re.DOTALL)
SPACE = {r"\,", r"\;", r"\:", r"\!", r"\ ", r"\quad", r"\qquad", r"\displaystyle", r"\limits", "&"}
SIZES = {r"\left", r"\right", r"\big", r"\Big", r"\bigl", r"\bigr", r"\Bigl", r"\Bigr", r"\biggl", r"\biggr"}
CLOSING = {"(": ")", "[": "]", "|": "|", r"\{": r"\}", r"\lvert": r"\rvert"}
FUNCTIONS = {
    "exp": "exp", "log": "log", "ln": "log", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "sech": "sech", "arctan": "atan", "atan": "atan", "asinh": "asinh", "arcsinh": "asinh",
    "arsinh": "asinh", "erf": "erf", "erfc": "erfc", "max": "Max", "min": "Min", "sign": "sign", "sgn": "sign",
    "sigmoid": "sigmoid", "softplus": "softplus", "relu": "relu", "ReLU": "relu", "abs": "Abs",
}  # fmt: skip
# Greek letters that are functions where a bracket follows: σ the logistic function, Φ the normal distribution's.
GREEK_FUNCTIONS = {"sigma": "sigmoid", "Phi": "normal_cdf", "theta": "Heaviside", "Theta": "Heaviside"}
CONDITION_WORDS = {"if", "for", "when", "where"}
GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "kappa", "mu", "nu", "xi",
    "rho", "sigma", "tau", "phi", "varphi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Sigma",
    "Phi", "Psi", "Omega", "ell", "lambda",
}  # fmt: skip
WORDS = {r"\mathrm", r"\operatorname", r"\text", r"\mathit", r"\mathbf"}
RELATIONS = {
    r"\le": "<=", r"\leq": "<=", r"\ge": ">=", r"\geq": ">=", "<": "<", ">": ">", r"\lt": "<", r"\gt": ">",
    r"\leqslant": "<=", r"\geqslant": ">=",
}  # fmt: skip
EQUALITIES = {"=": "Eq", r"\ne": "Ne", r"\neq": "Ne"}
LOGIC = {r"\wedge": "&", r"\land": "&", r"\vee": "|", r"\lor": "|"}
PRODUCTS = {r"\cdot": "*", r"\times": "*", "*": "*", "/": "/"}
LEFT_SIDE = re.compile(
    r"\s*\\?[A-Za-z]+\s*\{?\s*(?:\\left)?\s*\(\s*[A-Za-z]\s*(?:\\right)?\s*\)\s*\}?\s*&?=(.*)\Z", re.DOTALL
)
