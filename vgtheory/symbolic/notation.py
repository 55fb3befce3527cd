"""The field's symbols, one object each, so that formulas from different modules combine.

Names are the ones that a user types (`f.at(q=0.7, depth=50)`); how a symbol is printed is the LaTeX printer's business.
"""

import sympy as sp

x = sp.Symbol("x", real=True)  # the argument of every activation
z = sp.Symbol("z", real=True)  # a standard normal variable

sigma_w = sp.Symbol("sigma_w", positive=True)  # √N × standard deviation of a weight
sigma_b = sp.Symbol("sigma_b", nonnegative=True)  # standard deviation of a bias
q = sp.Symbol("q", positive=True)  # variance of a pre-activation
c = sp.Symbol("c", real=True)  # correlation of two inputs' pre-activations
chi = sp.Symbol("chi", positive=True)  # gradient gain per layer
width = sp.Symbol("width", integer=True, positive=True)  # N
depth = sp.Symbol("depth", integer=True, positive=True)  # L
layer = sp.Symbol("layer", integer=True, positive=True)  # l
eps = sp.Symbol("eps", positive=True)  # a threshold
p = sp.Symbol("p", positive=True)  # a failure probability

LATEX_NAMES = {
    sigma_w: r"\sigma_w",
    sigma_b: r"\sigma_b",
    chi: r"\chi",
    width: "N",
    depth: "L",
    layer: r"\ell",
    eps: r"\varepsilon",
}
