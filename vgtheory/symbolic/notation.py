"""The field's symbols as one table: the name that a user types, its LaTeX, its text, what it means.

Formulas from different modules combine because they share these objects (`f.at(q=0.7, depth=50)`); LaTeX, MathML and
the terminal print them from :data:`SYMBOLS`.
"""

from __future__ import annotations

from typing import NamedTuple

import sympy as sp


class Notation(NamedTuple):
    """How a symbol is written and what it stands for."""

    latex: str
    text: str
    meaning: str


SYMBOLS: dict[str, Notation] = {}


def _symbol(name: str, latex: str, text: str, meaning: str, **assumptions: bool) -> sp.Symbol:
    SYMBOLS[name] = Notation(latex, text, meaning)
    return sp.Symbol(name, **assumptions)


# fmt: off
x = _symbol("x", "x", "x", "the argument of every activation", real=True)
z = _symbol("z", "z", "z", "a standard normal variable", real=True)

sigma_w = _symbol("sigma_w", r"\sigma_w", "σ_w", "√N × standard deviation of a weight", positive=True)
sigma_b = _symbol("sigma_b", r"\sigma_b", "σ_b", "standard deviation of a bias", nonnegative=True)
q = _symbol("q", "q", "q", "variance of a pre-activation", positive=True)
c = _symbol("c", "c", "c", "correlation of two inputs' pre-activations", real=True)
chi = _symbol("chi", r"\chi", "χ", "gradient gain per layer", positive=True)
width = _symbol("width", "N", "N", "neurons per layer", integer=True, positive=True)
depth = _symbol("depth", "L", "L", "layers", integer=True, positive=True)
layer = _symbol("layer", "l", "l", "a layer, 1 to depth", integer=True, positive=True)
eps = _symbol("eps", r"\varepsilon", "ε", "a threshold", positive=True)
p = _symbol("p", "p", "p", "a failure probability, below 1", positive=True, integer=False)
BELOW_ONE = frozenset({p})
active = _symbol("active", r"p_{\varphi'}", "p_φ'", "share of the units of which φ' is not 0", positive=True)

# Quantities that bounds are about. The loss gradient at x_L is uniform on the unit sphere, independent of the network.
gradient_square = _symbol(
    "gradient_square", r"\mathbb{E}\left\|\partial\ell/\partial x_0\right\|^2", "E‖∂ℓ/∂x_0‖²",
    "mean squared gradient of the loss at the input", nonnegative=True,
)
gradient_norm = _symbol(
    "gradient_norm", r"\left\|\partial\ell/\partial x_0\right\|", "‖∂ℓ/∂x_0‖",
    "norm of the gradient of the loss at the input", nonnegative=True,
)
layer_gradient_square = _symbol(
    "layer_gradient_square", r"\mathbb{E}\left\|\partial\ell/\partial h_l\right\|^2", "E‖∂ℓ/∂h_l‖²",
    "mean squared gradient at layer l", nonnegative=True,
)
jacobian_norm = _symbol(
    "jacobian_norm", r"\left\|J\right\|", "‖J‖",
    "largest singular value of the Jacobian J", nonnegative=True,
)
singular_square = _symbol("singular_square", "s^2", "s²", "square of a singular value of J", nonnegative=True)
largest_square = _symbol(
    "largest_square", "s_+^2", "s₊²",
    "upper end of the continuous part of the law of the squared singular values of J", nonnegative=True,
)
smallest_square = _symbol(
    "smallest_square", "s_-^2", "s₋²",
    "lower end of the continuous part of the law of the squared singular values of J", nonnegative=True,
)
jacobian_least = _symbol(
    "jacobian_least", r"s_{\min}(J)", "s_min(J)",
    "smallest singular value of J", nonnegative=True,
)
log_stretch = _symbol(
    "log_stretch", r"\ln\left\|J v\right\|^2", "ln‖J v‖²",
    "logarithm of what J does to the squared length of a fixed unit vector v", real=True,
)
weight_norm = _symbol(
    "weight_norm", r"\max_l\left\|W_l\right\|", "max‖W_l‖",
    "largest norm of a weight matrix", nonnegative=True,
)
depth_to_vanish = _symbol(
    "depth_to_vanish", r"L_\varepsilon", "L_ε",
    "depth from which gradients are below ε", positive=True,
)
depth_float32 = _symbol(
    "depth_float32", r"L_{\mathrm{float32}}", "L_float32",
    "depth at which gradients leave float32's normal numbers", positive=True,
)
depth_float16 = _symbol(
    "depth_float16", r"L_{\mathrm{float16}}", "L_float16",
    "depth at which gradients leave float16's normal numbers", positive=True,
)
saturation_probability = _symbol(
    "saturation_probability", r"\mathbb{P}\left(|\varphi'(\sqrt{q}\,z)| \le \varepsilon\right)", "P(|φ'(√q z)| ≤ ε)",
    "probability that a neuron is saturated", nonnegative=True,
)
saturated_fraction = _symbol(
    "saturated_fraction", r"\mathbb{E}\,\#\{i : |\varphi'(h_i)| \le \varepsilon\}/N", "E #{|φ'(h_i)| ≤ ε}/N",
    "expected share of saturated neurons", nonnegative=True,
)

weight_gradient_square = _symbol(
    "weight_gradient_square", r"\mathbb{E}\left\|\partial\ell/\partial W_l\right\|_F^2", "E‖∂ℓ/∂W_l‖_F²",
    "mean squared gradient of the loss by the weights of layer l", nonnegative=True,
)
fixed_gradient_square = _symbol(
    "fixed_gradient_square", r"\mathbb{E}\left\|J^\top g\right\|^2", "E‖Jᵀg‖²",
    "mean squared gradient for a fixed unit vector g", nonnegative=True,
)
fixed_gradient_fourth = _symbol(
    "fixed_gradient_fourth", r"\mathbb{E}\left\|J^\top g\right\|^4", "E‖Jᵀg‖⁴",
    "fourth moment of the gradient for g normal with E‖g‖² = 1", nonnegative=True,
)
jacobian_mean_square = _symbol(
    "jacobian_mean_square", r"\mathbb{E}\left\|J\right\|^2", "E‖J‖²",
    "mean squared norm of J", nonnegative=True,
)
jacobian_least_square = _symbol(
    "jacobian_least_square", r"\mathbb{E}\,s_{\min}(J)^2", "E s_min(J)²",
    "mean squared smallest singular value of J", nonnegative=True,
)
jacobian_frobenius = _symbol(
    "jacobian_frobenius", r"\left\|J\right\|_F", "‖J‖_F",
    "Frobenius norm of J", nonnegative=True,
)
jacobian_entry = _symbol(
    "jacobian_entry", r"\max_{i,j}|J_{ij}|/(|W_L|\cdots|W_1|)_{ij}", "max|J_ij|/(|W_L|⋯|W_1|)_ij",
    "largest component of J over that of the product of absolute values", nonnegative=True,
)
jacobian_condition = _symbol(
    "jacobian_condition", r"\operatorname{cond}(J)", "cond(J)",
    "condition number of J", positive=True,
)
singular_count = _symbol(
    "singular_count", r"\mathbb{E}\,\#\left\{i : s_i(J)^2 \ge t\right\}", "E #{i : s_i(J)² ≥ t}",
    "mean number of singular values of J with s² ≥ t", nonnegative=True,
)
mean_log_det = _symbol("mean_log_det", r"\mathbb{E}\ln|\det J|^2", "E ln|det J|²", "mean of ln|det J|²", real=True)
var_log_det = _symbol(
    "var_log_det", r"\operatorname{Var}\ln|\det J|^2", "Var ln|det J|²",
    "variance of ln|det J|²", nonnegative=True,
)
stretch_fourth = _symbol(
    "stretch_fourth", r"\mathbb{E}\left\|J v\right\|^4", "E‖J v‖⁴",
    "fourth moment of ‖J v‖ for a fixed unit vector v", nonnegative=True,
)
stretch_tail = _symbol(
    "stretch_tail", r"\mathbb{P}\left(\left\|J v\right\|^2 \ge t\,\tfrac{N_L}{N_0}\chi_{\max}^L\right)",
    "P(‖J v‖² ≥ t N_L/N_0 χ_max^L)",
    "probability that ‖J v‖² exceeds t times its bound in mean", nonnegative=True,
)
stretch_persistence = _symbol(
    "stretch_persistence", r"\mathbb{P}\left(\left\|J v\right\|^2 \ge t\,\mathbb{E}\left\|J v\right\|^2\right)",
    "P(‖J v‖² ≥ t·E‖J v‖²)",
    "probability that ‖J v‖² exceeds t times its mean", nonnegative=True,
)
stretch_over_gains = _symbol(
    "stretch_over_gains", r"\sup_L \left\|J v\right\|^2/\prod_{l\le L}\chi(v_l)", "sup_L ‖J v‖²/∏χ(v_l)",
    "largest ratio over L of ‖J v‖² to the product of gains", nonnegative=True,
)
mean_log_stretch = _symbol(
    "mean_log_stretch", r"\mathbb{E}\ln\left\|J v\right\|^2", "E ln‖J v‖²",
    "mean of ln‖J v‖²", real=True,
)
var_log_stretch = _symbol(
    "var_log_stretch", r"\operatorname{Var}\ln\left\|J v\right\|^2", "Var ln‖J v‖²",
    "variance of ln‖J v‖²", nonnegative=True,
)
dead_probability = _symbol(
    "dead_probability", r"\mathbb{P}(J = 0)", "P(J = 0)",
    "probability that all neurons of some layer have slope 0", nonnegative=True,
)
weight_frobenius = _symbol(
    "weight_frobenius", r"\min_l\left\|W_l\right\|_F", "min‖W_l‖_F",
    "smallest Frobenius norm of a weight matrix", nonnegative=True,
)
weight_least = _symbol(
    "weight_least", r"\min_l s_{\min}(W_l)", "min s_min(W_l)",
    "smallest singular value of all weight matrices", nonnegative=True,
)
one_weight_norm = _symbol(
    "one_weight_norm", r"\left\|W_l\right\|", "‖W_l‖",
    "norm of one weight matrix", nonnegative=True,
)
one_weight_least = _symbol(
    "one_weight_least", r"s_{\min}(W_l)", "s_min(W_l)",
    "smallest singular value of one weight matrix", nonnegative=True,
)
one_weight_condition = _symbol(
    "one_weight_condition", r"\operatorname{cond}(W_l)", "cond(W_l)",
    "condition number of one weight matrix", positive=True,
)
depth_float32_last = _symbol(
    "depth_float32_last", r"L_{\mathrm{float32},0}", "L_float32,0",
    "depth at which gradients leave float32's subnormal numbers", positive=True,
)
depth_bfloat16_last = _symbol(
    "depth_bfloat16_last", r"L_{\mathrm{bfloat16},0}", "L_bfloat16,0",
    "depth at which gradients leave bfloat16's subnormal numbers", positive=True,
)
depth_float16_last = _symbol(
    "depth_float16_last", r"L_{\mathrm{float16},0}", "L_float16,0",
    "depth at which gradients leave float16's subnormal numbers", positive=True,
)
fraction = _symbol("fraction", "f", "f", "a share of a layer's neurons", positive=True)
saturated_tail = _symbol(
    "saturated_tail", r"\mathbb{P}\left(\#\{i : |\varphi'(h_i)| \le \varepsilon\} \ge f N\right)",
    "P(#{|φ'(h_i)| ≤ ε} ≥ f N)",
    "probability that at least a share f of a layer is saturated", nonnegative=True,
)
active_tail = _symbol(
    "active_tail", r"\mathbb{P}\left(\#\{i : |\varphi'(h_i)| \le \varepsilon\} \le f N\right)",
    "P(#{|φ'(h_i)| ≤ ε} ≤ f N)",
    "probability that at most a share f of a layer is saturated", nonnegative=True,
)
saturated_layer = _symbol(
    "saturated_layer", r"\mathbb{P}\left(|\varphi'(h_i)| \le \varepsilon \text{ for all } i\right)",
    "P(|φ'(h_i)| ≤ ε for all i)",
    "probability that a whole layer is saturated", nonnegative=True,
)
t = _symbol("t", "t", "t", "a threshold of a squared length", positive=True)
theta = _symbol("theta", r"\theta", "θ", "the exponent of a Chernoff bound", positive=True)
fineness = _symbol("fineness", r"\delta", "δ", "the fineness of a net of the sphere", positive=True)
reach = _symbol("reach", "H", "H", "a bound of every |h_l| in a given network", positive=True)
spread_before = _symbol("spread_before", "R_0", "R_0", "largest distance of a token from a centre", nonnegative=True)
spread_after = _symbol("spread_after", "R_L", "R_L", "the same distance after L layers", nonnegative=True)

# Quantities that the derivation of one activation is about.
slope_sup = _symbol("slope_sup", r"\sup_x \varphi'(x)", "sup φ'", "supremum of φ'", real=True)
slope_inf = _symbol("slope_inf", r"\inf_x \varphi'(x)", "inf φ'", "infimum of φ'", real=True)
kappa = _symbol("kappa", r"\kappa", "κ", "Lipschitz constant of φ", nonnegative=True)
saturated_set = _symbol("saturated_set", r"S_\varepsilon", "S_ε", "points where |φ'(x)| ≤ ε")
# fmt: on

# φ and its derivative as functions of which only the name is shown.
varphi, varphi_prime = sp.Function("varphi"), sp.Function("varphi_prime")
# Functions and constants that SymPy, LaTeX and text call differently; any other keeps its one name.
FUNCTIONS = {
    "varphi": Notation(r"\varphi", "φ", "the activation"),
    "varphi_prime": Notation(r"\varphi'", "φ'", "its derivative"),
    "log": Notation(r"\ln", "ln", "natural logarithm"),
    "Max": Notation(r"\max", "max", "the largest of several"),
    "Min": Notation(r"\min", "min", "the smallest of several"),
    "erfcx": Notation(r"\operatorname{erfcx}", "erfcx", "scaled complementary error function e^{x²} erfc x"),
    "sign": Notation(r"\operatorname{sign}", "sign", "−1, 0 or 1"),
}
for _name in ("sin", "cos", "tan"):
    FUNCTIONS[f"a{_name}"] = Notation(rf"\arc{_name}", f"arc{_name}", f"inverse of {_name}")
    FUNCTIONS[f"a{_name}h"] = Notation(rf"\operatorname{{ar{_name}h}}", f"ar{_name}h", f"inverse of {_name}h")
CONSTANTS = {
    "pi": Notation(r"\pi", "π", "3.14159…"),
    "E": Notation("e", "e", "Euler's number"),
    "oo": Notation(r"\infty", "∞", "infinity"),
}
