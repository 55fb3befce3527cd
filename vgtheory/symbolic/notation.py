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

weight_gradient_square = sp.Symbol("weight_gradient_square", nonnegative=True)  # E‖∂ℓ/∂W_l‖_F²
fixed_gradient_square = sp.Symbol("fixed_gradient_square", nonnegative=True)  # E‖Jᵀg‖² for a fixed unit vector g
fixed_gradient_fourth = sp.Symbol("fixed_gradient_fourth", nonnegative=True)  # E‖Jᵀg‖⁴ for g normal, E‖g‖² = 1
jacobian_mean_square = sp.Symbol("jacobian_mean_square", nonnegative=True)  # E‖J‖²
jacobian_least_square = sp.Symbol("jacobian_least_square", nonnegative=True)  # E s_min(J)²
jacobian_frobenius = sp.Symbol("jacobian_frobenius", nonnegative=True)  # ‖J‖_F
jacobian_entry = sp.Symbol("jacobian_entry", nonnegative=True)  # max |J_ij|/(|W_L| ⋯ |W_1|)_ij
jacobian_condition = sp.Symbol("jacobian_condition", positive=True)  # s_max(J)/s_min(J)
singular_count = sp.Symbol("singular_count", nonnegative=True)  # mean number of singular values of J with s² ≥ t
mean_log_det = sp.Symbol("mean_log_det", real=True)  # E ln |det J|²
var_log_det = sp.Symbol("var_log_det", nonnegative=True)
stretch_fourth = sp.Symbol("stretch_fourth", nonnegative=True)  # E‖J v‖⁴ for a fixed unit vector v
stretch_tail = sp.Symbol("stretch_tail", nonnegative=True)  # P(‖J v‖² ≥ t × its bound in mean)
stretch_persistence = sp.Symbol("stretch_persistence", nonnegative=True)  # P(‖J v‖² ≥ t E‖J v‖²)
stretch_over_gains = sp.Symbol("stretch_over_gains", nonnegative=True)  # sup over L of ‖J v‖²/∏χ(v_l)
mean_log_stretch = sp.Symbol("mean_log_stretch", real=True)  # E ln ‖J v‖²
var_log_stretch = sp.Symbol("var_log_stretch", nonnegative=True)
dead_probability = sp.Symbol("dead_probability", nonnegative=True)  # P(all neurons of some layer have slope 0)
weight_frobenius = sp.Symbol("weight_frobenius", nonnegative=True)  # min_l ‖W_l‖_F
weight_least = sp.Symbol("weight_least", nonnegative=True)  # min_l s_min(W_l)
one_weight_norm = sp.Symbol("one_weight_norm", nonnegative=True)  # ‖W_l‖ of one layer
one_weight_least = sp.Symbol("one_weight_least", nonnegative=True)  # s_min(W_l)
one_weight_condition = sp.Symbol("one_weight_condition", positive=True)  # cond(W_l)
depth_float32_last = sp.Symbol("depth_float32_last", positive=True)  # the depth at which they leave its subnormal ones
depth_bfloat16_last = sp.Symbol("depth_bfloat16_last", positive=True)
depth_float16_last = sp.Symbol("depth_float16_last", positive=True)
fraction = sp.Symbol("fraction", positive=True)  # a share of a layer's neurons
saturated_tail = sp.Symbol("saturated_tail", nonnegative=True)  # P(share of saturated neurons ≥ fraction)
active_tail = sp.Symbol("active_tail", nonnegative=True)  # P(share of saturated neurons ≤ fraction)
saturated_layer = sp.Symbol("saturated_layer", nonnegative=True)  # P(all neurons of a layer are saturated)
t = sp.Symbol("t", positive=True)  # a threshold of a squared length
reach = sp.Symbol("reach", positive=True)  # H, a bound of every |h_l| in a given network

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
    weight_gradient_square: r"\mathbb{E}\left\|\partial\ell/\partial W_\ell\right\|_F^2",
    fixed_gradient_square: r"\mathbb{E}\left\|J^\top g\right\|^2",
    fixed_gradient_fourth: r"\mathbb{E}\left\|J^\top g\right\|^4",
    jacobian_mean_square: r"\mathbb{E}\left\|J\right\|^2",
    jacobian_least_square: r"\mathbb{E}\,s_{\min}(J)^2",
    jacobian_frobenius: r"\left\|J\right\|_F",
    jacobian_entry: r"\max_{i,j}|J_{ij}|/(|W_L|\cdots|W_1|)_{ij}",
    jacobian_condition: r"\operatorname{cond}(J)",
    singular_count: r"\mathbb{E}\,\#\{i : s_i(J)^2 \ge t\}",
    mean_log_det: r"\mathbb{E}\ln|\det J|^2",
    var_log_det: r"\operatorname{Var}\ln|\det J|^2",
    stretch_fourth: r"\mathbb{E}\left\|J v\right\|^4",
    stretch_tail: r"\mathbb{P}\left(\left\|J v\right\|^2 \ge t\,\tfrac{N_L}{N_0}\chi_{\max}^L\right)",
    stretch_persistence: r"\mathbb{P}\left(\left\|J v\right\|^2 \ge t\,\mathbb{E}\left\|J v\right\|^2\right)",
    stretch_over_gains: r"\sup_L \left\|J v\right\|^2/\prod_{\ell\le L}\chi(v_\ell)",
    mean_log_stretch: r"\mathbb{E}\ln\left\|J v\right\|^2",
    var_log_stretch: r"\operatorname{Var}\ln\left\|J v\right\|^2",
    dead_probability: r"\mathbb{P}(J = 0)",
    weight_frobenius: r"\min_\ell\left\|W_\ell\right\|_F",
    weight_least: r"\min_\ell s_{\min}(W_\ell)",
    one_weight_norm: r"\left\|W_\ell\right\|",
    one_weight_least: r"s_{\min}(W_\ell)",
    one_weight_condition: r"\operatorname{cond}(W_\ell)",
    depth_float32_last: r"L_{\mathrm{float32},0}",
    depth_bfloat16_last: r"L_{\mathrm{bfloat16},0}",
    depth_float16_last: r"L_{\mathrm{float16},0}",
    fraction: "f",
    reach: "H",
    saturated_tail: r"\mathbb{P}\left(\#\{i : |\varphi'(h_i)| \le \varepsilon\} \ge f N\right)",
    active_tail: r"\mathbb{P}\left(\#\{i : |\varphi'(h_i)| \le \varepsilon\} \le f N\right)",
    saturated_layer: r"\mathbb{P}\left(|\varphi'(h_i)| \le \varepsilon \text{ for all } i\right)",
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
