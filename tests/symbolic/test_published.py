"""Published constants to the digits given, and the right values where public ones are wrong or not converged."""

import json
from pathlib import Path

import mpmath
import pytest
import sympy as sp

from vgtheory.symbolic import calculus
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.extrema import derivative_range
from vgtheory.symbolic.gaussian import dual_kernel, gaussian_mean, gradient_gain, length_map
from vgtheory.symbolic.notation import q

ROWS = json.loads((Path(__file__).parents[1] / "reference" / "symbolic.json").read_text(encoding="utf-8"))["values"]
PUBLISHED = {row["name"]: row for row in ROWS}

EXTREMA = {  # published name: (activation, order, end, sign of x at the maximiser)
    "sup |sigmoid_second|": ("sigmoid", 2, "sup"),
    "inf gelu_prime": ("gelu", 1, "inf"),
    "sup silu_prime": ("silu", 1, "sup"),
    "inf silu_prime": ("silu", 1, "inf"),
    "min silu": ("silu", 0, "inf"),
    "sup mish_prime": ("mish", 1, "sup"),
    "sup erf_prime": ("erf", 1, "sup"),
    "SELU sup derivative lambda*alpha / dropout alpha-prime": ("selu", 1, "sup"),
}
KERNELS = {
    "ReLU kernel E[relu relu] (arccos n=1)": "relu",
    "relu^2 kernel (arccos n=2)": "relu_squared",
    "LeakyReLU(0.1) kernel": "max(x, 0.1*x)",
    "|x| kernel": "abs(x)",
    "sign kernel": "sign(x)",
    "sin kernel": "sin",
    "cos kernel": "cos",
    "exp(-x^2) kernel": "gaussian",
    "exp kernel": "exp(x)",
    "Phi (probit) kernel": "probit",
}


def same(ours, name, key=None):
    """Whether a number agrees with the published one to the digits that are trusted, half a unit in the last."""
    row = PUBLISHED[name]
    value = sp.Float(str(row["value"] if key is None else row["value"][key]), 30)
    return abs(sp.Float(str(ours), 30) - value) <= sp.Float(10, 30) ** (1 - row["digits_trusted"]) * abs(value)


def at(formula, **values):
    names = {s.name for s in formula.expr.free_symbols}
    fixed = formula.at(**{k: v for k, v in values.items() if k in names}) if names else formula
    return sp.Float(mpmath.nstr(fixed.value(25), 25), 25)


@pytest.mark.parametrize("name", EXTREMA)
def test_extrema(name):
    source, order, end = EXTREMA[name]
    extremum = getattr(derivative_range(activation(source), order), end)
    assert same(extremum.digits(25), name)
    assert not same(extremum.digits(25) * (1 + sp.Float(10, 30) ** -9), name)
    place = PUBLISHED[name]["inputs"].get("x", "")
    if place.startswith(("1", "2", "-1.", "-2.")):
        assert abs(sp.N(extremum.root or extremum.at, 25) - sp.Float(place, 25)) < 1e-14


@pytest.mark.parametrize("name", KERNELS)
def test_kernels(name):
    inputs = {k: sp.Rational(str(v)) for k, v in PUBLISHED[name]["inputs"].items()}
    value = dual_kernel(KERNELS[name]).value
    assert value.status == "proved"
    correlation = inputs["k12"] / sp.sqrt(inputs["k11"] * inputs["k22"])
    assert same(at(value, q1=inputs["k11"], q2=inputs["k22"], c=correlation), name)


def test_selu():
    act = activation("selu")
    slope = sp.Float(str(PUBLISHED["SELU lambda01"]["value"]), 20)
    assert abs(act.derivative().subs(act.symbol, 1) - slope) < 1e-19
    assert same(at(gradient_gain(act), q=1), "SELU chi1=E phi'^2 at q=1 (sigma_w=1)")
    small = at(gradient_gain(act), q=sp.Rational(1, 10**30))
    assert same(small, "SELU small-signal threshold: lambda^2(1+alpha^2)/2 at q->0")
    # The map of (mean, variance) at (0, 1): its column of derivatives by the variance.
    mean, square = gaussian_mean(act.expr, q, act.symbol).expr, length_map(act).expr
    column = [sp.N(sp.diff(e, q).subs(q, 1), 20) for e in (mean, square)]
    name = next(n for n in PUBLISHED if n.startswith("SELU moment-map"))
    for ours, (_, want) in zip(column, PUBLISHED[name]["value"], strict=True):
        assert abs(ours - sp.Float(want, 20)) < 1e-10
    assert same(sp.sqrt(column[0] ** 2 + column[1] ** 2), "SELU Jacobian spectral norm at fixed point")


def test_single_means():
    for name, make, source in (
        ("ELU E phi'^2(q)", gradient_gain, "elu"),
        ("GELU E phi'^2(q)", gradient_gain, "gelu"),
        ("hardtanh E phi^2(q)", length_map, "hard_tanh"),
    ):
        assert same(at(make(source), q=PUBLISHED[name]["inputs"]["q"]), name)
    lecun = activation("lecun_tanh")
    assert same(sp.N(lecun.expr.subs(lecun.symbol, 1), 20), "LeCun 1.7159 tanh(2/3)")


# ---------------------------------------------------------------- public constants that are wrong or unconverged


def curvature_mean(name):
    """E φ φ'', which is (χ_q − χ)/σ_w²."""
    act = activation(name)
    product = zip(act.pieces, act.derivative_pieces(2), strict=True)
    parts = tuple(calculus.Piece(a.lo, a.hi, a.expr * b.expr) for a, b in product)
    return gaussian_mean(calculus.assemble(parts, act.symbol), q, act.symbol)


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_half_stable_points(name):
    """χ = χ_q = 1: E φφ'' = 0 at K*; one public repository carries a tenth of SiLU's C_b."""
    row = PUBLISHED[f"PDLT half-stable critical {name}"]["value"]
    k = sp.Rational(str(row["K_star"])) if name == "silu" else (3 + sp.sqrt(17)) / 2
    assert abs(at(curvature_mean(name), q=k)) < 1e-12
    weight = 1 / at(gradient_gain(name), q=k)
    bias = k - weight * at(length_map(name), q=k)
    assert float(weight) == pytest.approx(row["C_W"], rel=1e-9)
    assert float(bias) == pytest.approx(row["C_b"], rel=1e-9)
    assert float(bias) != pytest.approx(0.055514317, rel=0.5)


@pytest.mark.parametrize(
    ("name", "sigma_w", "variance", "chi_q", "printed"),
    [
        ("silu", "1.67953160069", "0.68945250", 1.0987, 1.718),  # on the edge, but unstable
        ("tanh", "1.304145840057", "0.512078504", 0.5425642642, 1.302),
        ("elu", "1.229251124068", "1.106930540", None, 1.227),
    ],
)
def test_critical_points_at_a_bias_of_one_fifth(name, sigma_w, variance, chi_q, printed):
    width, k = sp.Rational(sigma_w), sp.Rational(variance)
    gain = at(gradient_gain(name), q=k)
    assert float(width**2 * gain) == pytest.approx(1, abs=1e-8)
    assert float(width**2 * at(length_map(name), q=k)) + 0.04 == pytest.approx(float(k), abs=1e-8)
    if chi_q is not None:
        assert float(width**2 * (gain + at(curvature_mean(name), q=k))) == pytest.approx(chi_q, abs=1e-4)
    assert float(sp.Rational(str(printed)) ** 2 * gain) != pytest.approx(1, abs=1e-3)  # the constant in public


def test_gains_that_are_not_critical():
    # PyTorch's gain 5/3 of tanh: neither critical nor norm-preserving.
    name = "tanh with torch gain 5/3 (sigma_b=0): fixed point"
    k = PUBLISHED[name]["value"]["q"]
    assert float(sp.Rational(25, 9) * at(gradient_gain("tanh"), q=k)) == pytest.approx(1.2098313203826554, rel=1e-8)
    assert float(sp.Rational(25, 9) * at(length_map("tanh"), q=k)) == pytest.approx(k, rel=1e-8)
    # A peer's recipe gives 0.4246 for tanh at (1.5, 0.3).
    k = sp.Rational("0.96084427974")
    assert float(sp.Rational(9, 4) * at(gradient_gain("tanh"), q=k)) == pytest.approx(1.0609812641, abs=1e-9)


def test_the_second_derivative_of_relus_correlation_map_is_infinite_at_one():
    slope = dual_kernel("relu").slope
    (c,) = (s for s in slope.expr.free_symbols if s.name == "c")
    assert sp.limit(sp.diff(slope.expr, c), c, 1, "-") == sp.oo
