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

# Quantities that bounds are about. The loss gradient at x_L is uniform on the unit sphere, independent of the network.
gradient_square = sp.Symbol("gradient_square", nonnegative=True)  # E‖∂ℓ/∂x_0‖²
gradient_norm = sp.Symbol("gradient_norm", nonnegative=True)  # ‖∂ℓ/∂x_0‖
layer_gradient_square = sp.Symbol("layer_gradient_square", nonnegative=True)  # E‖∂ℓ/∂h_l‖²
jacobian_norm = sp.Symbol("jacobian_norm", nonnegative=True)  # ‖∂x_L/∂x_0‖, the largest singular value
jacobian_least = sp.Symbol("jacobian_least", nonnegative=True)  # its smallest singular value
log_stretch = sp.Symbol("log_stretch", real=True)  # ln ‖J v‖² for a fixed unit vector v
weight_norm = sp.Symbol("weight_norm", nonnegative=True)  # max_l ‖W_l‖
depth_to_vanish = sp.Symbol("depth_to_vanish", positive=True)  # the depth from which gradients are below eps
depth_float32 = sp.Symbol("depth_float32", positive=True)  # the depth at which they leave float32's normal numbers
depth_float16 = sp.Symbol("depth_float16", positive=True)
saturation_probability = sp.Symbol("saturation_probability", nonnegative=True)  # P(|φ'(√q z)| ≤ eps)
saturated_fraction = sp.Symbol("saturated_fraction", nonnegative=True)  # expected share of neurons with |φ'| ≤ eps

# Quantities that the derivation of one activation is about.
slope_sup = sp.Symbol("slope_sup", real=True)  # sup φ'
slope_inf = sp.Symbol("slope_inf", real=True)  # inf φ'
kappa = sp.Symbol("kappa", nonnegative=True)  # sup |φ'|, the Lipschitz constant of φ
saturated_set = sp.Symbol("saturated_set")  # {x : |φ'(x)| ≤ eps}
varphi = sp.Function("varphi")  # φ, as a function of which only the name is shown
varphi_prime = sp.Function("varphi_prime")  # its derivative

LATEX_FUNCTIONS = {"varphi": r"\varphi", "varphi_prime": r"\varphi'"}
LATEX_NAMES = {
    slope_sup: r"\sup_x \varphi'(x)",
    slope_inf: r"\inf_x \varphi'(x)",
    kappa: r"\kappa",
    saturated_set: r"S_\varepsilon",
    gradient_square: r"\mathbb{E}\left\|\partial\ell/\partial x_0\right\|^2",
    gradient_norm: r"\left\|\partial\ell/\partial x_0\right\|",
    layer_gradient_square: r"\mathbb{E}\left\|\partial\ell/\partial h_\ell\right\|^2",
    jacobian_norm: r"\left\|J\right\|",
    jacobian_least: r"s_{\min}(J)",
    log_stretch: r"\ln\left\|J v\right\|^2",
    weight_norm: r"\max_\ell\left\|W_\ell\right\|",
    depth_to_vanish: r"L_\varepsilon",
    depth_float32: r"L_{\mathrm{float32}}",
    depth_float16: r"L_{\mathrm{float16}}",
    saturation_probability: r"\mathbb{P}\left(|\varphi'(\sqrt{q}\,z)| \le \varepsilon\right)",
    saturated_fraction: r"\mathbb{E}\,\#\{i : |\varphi'(h_i)| \le \varepsilon\}/N",
    sigma_w: r"\sigma_w",
    sigma_b: r"\sigma_b",
    chi: r"\chi",
    width: "N",
    depth: "L",
    layer: r"\ell",
    eps: r"\varepsilon",
}
