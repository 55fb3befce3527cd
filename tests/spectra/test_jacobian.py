"""`Spectrum` against checked values, moment formulas, the master equation's limits, and sampled networks."""

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy.special import digamma, ndtr, polygamma

import vgtheory as vg
from tests.random_matrices.law_defects import DEPTHS, NAMES, VARIANCES, critical_law, defects
from tests.thinning import thinned
from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.spectra.curve import Curve
from vgtheory.spectra.factor import Factor
from vgtheory.spectra.jacobian import spectrum
from vgtheory.spectra.product import Product
from vgtheory.spectra.profile import representative_lengths
from vgtheory.spectra.slope_law import WIDTH, slope_law
from vgtheory.spectra.spectrum import Spectrum
from vgtheory.study.sample import sample

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "spectra.json").read_text())
LAWS = {
    "linear": (lambda: vg.Activation("x"), 1.0),
    "relu": (lambda: vg.activation("relu"), 1.0),
    "hardtanh_q0.4": (lambda: vg.activation("hard_tanh"), 0.4),
    "tanh_q0.5": (lambda: vg.activation("tanh"), 0.5),
    "leaky0.3": (lambda: vg.activation("leaky_relu", alpha=sp.Rational(3, 10)), 1.0),
    "erf_q0.3": (lambda: vg.activation("erf"), 0.3),
}


def critical_curve(key):
    name, kind, depth = key.split("|")
    act, q = LAWS[name]
    law = slope_law(act(), q)
    return Curve(law, int(depth), "gaussian" if kind == "gauss" else "orthogonal", -law.log_mean)


def wrap(law):
    return Spectrum(law, (1.0,), "asymptotic", ())


@pytest.mark.parametrize("key", REFERENCE["cases"])
def test_edges_variance_and_atoms_agree_with_the_reference(key):
    case, curve = REFERENCE["cases"][key], critical_curve(key)
    assert curve.log_mean == pytest.approx(0.0, abs=1e-11)
    assert curve.relative_variance == pytest.approx(case["var"], rel=1e-11)
    assert sum(m for x, m in curve.atoms if x == -np.inf) == pytest.approx(case["atom0"], rel=1e-12)
    assert sum(m for x, m in curve.atoms if x > -np.inf) == pytest.approx(case["atom_top"], abs=1e-12)
    if not case["atom_top"]:
        assert curve.support[1] == pytest.approx(case["edge_max_logx"], abs=1e-11)
    if case["edge_min_logx"] is not None:
        assert curve.support[0] == pytest.approx(case["edge_min_logx"], abs=1e-9)


@pytest.mark.parametrize("key", REFERENCE["curve_points"])
def test_curve_points_agree_with_the_reference(key):
    points = REFERENCE["curve_points"][key]
    curve = critical_curve(key)
    # The reference's φ' is e^{−h²}; ours carries 2/√π.
    shift = np.log(4 / np.pi) if key.startswith("erf") else 0.0
    rows = curve.rows(np.log([p["r"] for p in points]) + shift)
    assert np.allclose(rows[:, 0], [p["logx"] for p in points], rtol=1e-11, atol=1e-11)
    assert np.allclose(rows[:, 1], [p["dens_logx"] for p in points], rtol=1e-9)
    assert np.allclose(rows[:, 2], [p["surv"] for p in points], rtol=0, atol=1e-11)


@pytest.mark.parametrize("key", ["tanh_q0.5|gauss|4", "leaky0.3|orth|16", "erf_q0.3|orth|4", "relu|gauss|16"])
def test_the_density_integrates_to_mass_mean_and_variance(key):
    """Gauss–Legendre in the quantile: E s² and E s⁴ from ppf alone, against the formulas."""
    law = wrap(critical_curve(key))
    x, w = np.polynomial.legendre.leggauss(60)
    t = np.concatenate([[0], 1 - 0.5 ** np.arange(1, 50)])
    p = ((t[1:] - t[:-1])[:, None] / 2 * x + (t[1:] + t[:-1])[:, None] / 2).ravel()
    weights = ((t[1:] - t[:-1])[:, None] / 2 * w).ravel()
    zero = law.law.law.zero_mass
    squares = np.exp(2 * law.ppf_log(zero + (1 - zero) * p)) * (1 - zero)
    mean = (weights * squares).sum()
    second = (weights * squares**2).sum() / (1 - zero)
    assert mean == pytest.approx(1.0, rel=1e-6)
    assert second - 1 == pytest.approx(law.var_square, rel=1e-5)


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu", "elu", "hard_tanh", "leaky_relu"])
@pytest.mark.parametrize("ensemble", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("depth", [3, 1000])
def test_quantiles_invert_the_distribution(name, ensemble, depth):
    law = slope_law(vg.activation(name), 1.0)
    s = wrap(Curve(law, depth, ensemble, -law.log_mean))
    p = np.linspace(0.02, 0.98, 25)
    y = s.ppf_log(p)
    positive = np.isfinite(y)
    assert np.array_equal(positive, p > law.zero_mass)
    atoms = [x for x, _ in s.atoms_log]
    free = positive & np.array([all(abs(v - a) > 1e-9 for a in atoms if np.isfinite(a)) for v in y])
    assert np.abs(s.cdf_log(y[free]) - p[free]).max(initial=0) < 1e-11
    assert np.all(np.diff(y[positive]) >= 0)
    assert np.all(s.pdf_log(y[free]) > 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_law_has_a_defect(name):
    """Seven of the 84 laws of every activation, all depths and q in turn; benchmarks/spectra.py asks all."""
    k = NAMES.index(name)
    for i, depth in enumerate(DEPTHS):
        q, ensemble = VARIANCES[(k + i) % len(VARIANCES)], ("gaussian", "orthogonal")[(k // 6 + i) % 2]
        assert defects(critical_law(name, q, ensemble, depth)) == [], (q, ensemble, depth)


@pytest.mark.parametrize(("q", "depth"), [(0.1, 1000), (0.4, 100), (3.0, 10), (0.1, 10_000)])
def test_a_dissolved_atom_is_not_the_edge(q, depth):
    """Hard tanh, orthogonal: ζ = r e^{iθ} with r = c sin(Lθ/(L − 1))/sin(θ/(L − 1)), c = Prob(φ' = 0), is explicit."""
    law = critical_law("hard_tanh", q, "orthogonal", depth)
    dead = law.law.law.zero_mass
    p = 1 - dead
    assert defects(law) == []
    assert depth * dead > 1
    theta = np.linspace(0.02, 0.95, 9) * np.pi * (depth - 1) / depth
    zeta = dead * np.sin(depth * theta / (depth - 1)) / np.sin(theta / (depth - 1)) * np.exp(1j * theta)
    m = p / (zeta - 1)
    log_x = np.log(np.abs(zeta)) + (depth - 1) * np.log(np.abs(p * zeta / (zeta - dead))) - depth * np.log(p)
    np.testing.assert_allclose(law.pdf_log(log_x / 2), -2 * m.imag / np.pi, rtol=1e-8)


def test_orthogonal_linear_network_is_one_atom():
    s = spectrum(vg.Network(vg.Activation("x"), vg.Weights.orthogonal(1.1), width=50, depth=10))
    assert s.atoms == ((pytest.approx(1.1**10), 1.0),)
    assert s.cdf_log(10 * np.log(1.1) + np.array([-1e-6, 1e-6])) == pytest.approx([0, 1], abs=1e-12)
    assert s.ppf(0.3) == pytest.approx(1.1**10)


def test_hard_tanh_atom_is_in_the_distribution():
    s = spectrum(vg.Network("hard_tanh", vg.Weights.orthogonal(1), width=50, depth=2), q=0.4)
    (_, dead), (place, mass) = s.atoms
    assert place == pytest.approx(1.0)
    assert mass == pytest.approx(1 - 2 * dead)
    assert s.cdf(1 - 1e-6) == pytest.approx(1 - mass, abs=1e-5)
    assert s.cdf(1.0) == pytest.approx(1.0, abs=1e-12)
    assert s.ppf(1 - mass / 2) == pytest.approx(1.0)


@pytest.mark.parametrize("ensemble", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("depth", [2, 20])
def test_equal_layers_split_in_two_groups_change_nothing(ensemble, depth):
    law = slope_law(vg.activation("tanh"), 0.5, WIDTH / 8)  # the curve sums without poles
    whole = wrap(Curve(law, depth, ensemble, 0.3))
    split = wrap(Product((Factor(law, 0.3 * depth, ensemble, 0.3), Factor(law, 0.7 * depth, ensemble, 0.3))))
    p = np.linspace(0.01, 0.99, 50)
    y = whole.ppf_log(p)
    assert np.abs(split.ppf_log(p) - y).max() < 1e-10
    assert np.abs(split.pdf_log(y) / whole.pdf_log(y) - 1).max() < 1e-10
    assert split.support_log()[1] == pytest.approx(whole.support_log()[1], abs=1e-11)
    assert split.var_square == pytest.approx(whole.var_square)


def test_representative_lengths_are_a_gauss_rule():
    log_q = np.log([2.25, 1.22, 0.97, 0.88, 0.84, 0.81, 0.80, 0.799, 0.7985, 0.798])
    nodes, counts = representative_lengths(log_q)
    for power in range(8):
        assert (counts * nodes**power).sum() == pytest.approx((log_q**power).sum(), abs=1e-10)


def distance(values, law):
    """Kolmogorov's distance of sampled ln s (−inf = dead) from the law's continuous part and atoms."""
    y = np.sort(values)
    n = len(y)
    finite = np.isfinite(y)
    f = law.cdf_log(y[finite])
    rank = np.arange(1, n + 1)[finite] / n
    return max(np.max(rank - f), np.max(f - rank + 1 / n))


# Singular values repel: the empirical law of one matrix is within about 3/N of the limit law; the finite width moves
# it by fluctuations of q_l and of the number of active units, of order 1/√N.  Over 12 other seeds at N = 300 the
# distance had means 0.015–0.027 and standard deviations 0.004–0.012, so that a bound of 0.06 raises a false alarm with
# probability below 2e-3 for a fresh seed (normal fit); the seeds below are fixed.
LIMIT = 0.06


@pytest.mark.parametrize(
    ("name", "weights", "depth"),
    thinned(
        [
            ("tanh", vg.Weights.gaussian(1.5, 0.3), 20),
            ("tanh", vg.Weights.uniform(1.5, 0.3), 20),
            ("tanh", vg.Weights.orthogonal(1.2, 0.3), 20),
            ("gelu", vg.Weights.gaussian(1.4, 0.3), 10),
            ("leaky_relu", vg.Weights.orthogonal(1.4, 0.1), 6),
        ],
        2,
    ),
)
def test_a_sampled_network_has_this_spectrum(name, weights, depth):
    net = vg.Network(name, weights, width=300, depth=depth)
    values = sample(net, seed=3).log_singular_value.values.ravel()
    assert distance(values, spectrum(net)) < LIMIT


def test_the_comparison_would_notice_wrong_inputs():
    """Power: σ_w wrong by 2 % shifts a narrow spectrum by 0.4; a stationary q is wrong in the first layers."""
    net = vg.Network(vg.activation("leaky_relu", alpha=0.8), vg.Weights.orthogonal(1.1), width=300, depth=20)
    values = sample(net, seed=3).log_singular_value.values.ravel()
    assert distance(values, spectrum(net)) < LIMIT < distance(values + 20 * np.log(1.02), spectrum(net))
    short = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.3), width=300, depth=5)
    values = sample(short, seed=3).log_singular_value.values.ravel()
    assert distance(values, spectrum(short)) < LIMIT < distance(values, spectrum(short, "stationary"))


def test_one_orthogonal_layer_is_the_law_of_the_slopes():
    """For erf, ln s = ln(2/√π) + ln σ_w − q z²: a chi-square law in closed form; ReLU is two atoms."""
    s = spectrum(vg.Network("erf", vg.Weights.orthogonal(1.3), width=50, depth=1), q=0.8)
    z = np.array([0.1, 0.5, 1.3, 2.5])
    y = np.log(2 / np.sqrt(np.pi)) + np.log(1.3) - 0.8 * z**2
    assert np.abs(s.cdf_log(y) - 2 * ndtr(-z)).max() < 1e-13
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / (0.8 * z)
    assert np.allclose(s.pdf_log(y), density, rtol=1e-6)
    assert np.allclose(s.ppf_log(2 * ndtr(-z)), y, atol=1e-9)
    relu = spectrum(vg.Network("relu", vg.Weights.orthogonal(1.3), width=50, depth=1))
    assert relu.atoms == ((0.0, 0.5), (pytest.approx(1.3), 0.5))
    assert relu.ppf(0.7) == pytest.approx(1.3)
    assert relu.cdf([1.29, 1.31]) == pytest.approx([0.5, 1.0])


def test_draws_follow_the_distribution():
    """False-alarm rate 1e-6 by Dvoretzky–Kiefer–Wolfowitz: 2 exp(−2 n d²)."""
    s = spectrum(vg.Network("relu", vg.Weights.he(), width=100, depth=20))
    for n in (2000, 50_000):
        draws = s.rvs_log(n, random_state=1)
        bound = np.sqrt(np.log(2e6) / (2 * n))
        assert abs(np.mean(np.isneginf(draws)) - 0.5) < bound
        y = np.sort(draws[np.isfinite(draws)])
        rank = (n - len(y) + np.arange(1, len(y) + 1)) / n
        assert np.abs(rank - s.cdf_log(y)).max() < bound + 1 / n
    assert s.rvs((2, 3), random_state=2).shape == (2, 3)


def test_densities_at_zero_are_their_limits():
    """Of one layer (2/π) √(E 1/(σ_w φ')²), the hard edge of a square D W; of more layers, and of 1/φ' too wild, ∞."""
    of = {name: vg.spectrum(vg.Network(name, vg.Weights.gaussian(1.3), 64, 1)) for name in ("identity", "tanh", "gelu")}
    assert of["identity"].pdf(0) == pytest.approx(2 / np.pi / 1.3, rel=1e-9)
    inverse = (2 * np.exp(8 * 1.69) + 8 * np.exp(2 * 1.69) + 6) / 16  # E cosh⁴
    # Units in the tail that the law of the slopes leaves out have 3e-4 of E 1/φ'².
    assert of["tanh"].pdf(0) == pytest.approx(2 / np.pi / 1.3 * inverse**0.5, rel=3e-4)
    assert of["gelu"].pdf(0) == np.inf
    for depth, modulus in ((1, 0), (2, 1), (3, np.inf)):
        network = vg.Network("identity", vg.Weights.gaussian(1), 64, depth)
        assert (vg.spectrum(network).pdf(0) < np.inf) == (depth == 1)
        assert vg.eigenvalues(network).moduli.pdf(0) == pytest.approx(modulus)  # P(|λ| ≤ r) = r^{2/L}
    halved = vg.eigenvalues(vg.Network("relu", vg.Weights.he(), 64, 2)).moduli
    assert halved.pdf(0) == pytest.approx(halved.pdf(1e-4), rel=1e-6)


@pytest.mark.parametrize("sigma_w", [0.6, 1.0, 2.0])
def test_the_density_beside_an_infinite_end_has_the_digits_that_ln_x_has(sigma_w):
    """Two orthogonal ReLU layers: half of x/σ_w⁴ is 0, the other half arcsine.

    What ln x is off by moves the density by half of it, in units of the distance from the end.
    """
    law = vg.spectrum(vg.Network("relu", vg.Weights.orthogonal(sigma_w), 10, 2)).law
    top, rounding = 4 * np.log(sigma_w), np.finfo(float).eps * max(1.0, abs(4 * np.log(sigma_w)))
    log_x = top - np.logspace(-13, 0.5, 200)
    distance = top - log_x
    survival = np.arctan(np.sqrt(np.expm1(distance))) / np.pi
    density, got = law.at_value(log_x)
    expected = 1 / (2 * np.pi * np.sqrt(np.expm1(distance)))
    assert np.abs((density / expected - 1) * distance).max() < 8 * rounding
    assert np.abs((got - survival) / expected).max() < 16 * rounding
    assert np.abs(law.at_probability(survival) - log_x).max() < 16 * rounding


@pytest.mark.parametrize("top", [True, False])
def test_quantiles_beside_a_regular_end_are_those_of_the_closed_form(top):
    """One linear Gaussian layer is the square of a semicircle: what is above x goes as (4 − x)^(3/2) near 4."""
    law = vg.spectrum(vg.Network(vg.Activation("x"), vg.Weights.gaussian(1.0), 10, 1)).law
    angle = np.logspace(-6, 0, 60) if top else np.pi - np.logspace(-6, 0, 60)  # √x = 2 cos(angle/2)
    survival = (angle - np.sin(angle)) / np.pi
    series = angle**3 / (6 * np.pi) * (1 - angle**2 / 20 * (1 - angle**2 / 42 * (1 - angle**2 / 72)))
    survival = np.where(angle < 0.1, series, survival)
    log_x = np.log(4) + 2 * np.log(np.where(angle < 1, np.cos(angle / 2), np.sin((np.pi - angle) / 2)))
    got = law.at_probability(survival)
    assert np.abs(got - log_x).max() < (1e-14 if top else 1e-9)


def test_quantiles_of_the_smallest_probabilities_from_either_side():
    """One linear Gaussian layer: s = 2 cos(t/2), P(S > s) = (t − sin t)/π, P(S < s) = 2s/π next to 0."""
    law = vg.spectrum(vg.Network(vg.Activation("x"), vg.Weights.gaussian(1.0), 10, 1))
    above = np.array([1e-300, 1e-30, 1e-18, 1e-15, 1e-12, 1e-9])
    np.testing.assert_allclose(law.isf(above), 2 * np.cos(np.cbrt(6 * np.pi * above) / 2), rtol=1e-9)
    np.testing.assert_allclose(law.isf(above[-2:]), 2 * np.cos(np.cbrt(6 * np.pi * above[-2:]) / 2), rtol=1e-11)
    below = np.array([1e-300, 1e-18, 1e-17, 1e-13, 1e-9])
    np.testing.assert_allclose(law.ppf(below), np.pi / 2 * below, rtol=1e-2, atol=2e-16)
    assert law.isf(0.0) == pytest.approx(2, rel=1e-15)
    assert law.ppf(0.0) == law.isf(1.0) == 0


@pytest.mark.parametrize(
    ("name", "weights", "widths"),
    [
        ("tanh", vg.Weights.orthogonal(1.3), (10, 10)),
        ("tanh", vg.Weights.gaussian(1.3), (10, 20, 10)),
        ("relu", vg.Weights.orthogonal(1.3), (10, 10, 10)),
        ("leaky_relu", vg.Weights.gaussian(1.3), (20, 10, 10)),
        ("leaky_relu", vg.Weights.orthogonal(1.3, 0.1), (10, 20, 30, 30)),
    ],
)
def test_quantiles_are_numbers_between_the_ends(name, weights, widths):
    law = vg.spectrum(vg.Network(name, weights, widths, len(widths) - 1))
    p = np.concatenate(
        [[0.0], np.logspace(-300, -9, 60), law.zero_mass + (1 - law.zero_mass) * np.logspace(-20, -9, 23)]
    )
    low, high = law.support_log()
    p = np.sort(p)
    for found in (law.ppf(p), law.isf(p)[::-1]):
        assert np.isfinite(found).all()
        assert (found[1:] >= found[:-1] * (1 - 1e-9)).all()
    assert law.isf(1e-18) == pytest.approx(np.exp(high), rel=1e-6)
    if law.zero_mass == 0:
        assert law.ppf_log(1e-18) == low


def test_refusals():
    tanh = vg.Weights.gaussian(0.9)
    with pytest.raises(NoSolutionError, match="tends to 0"):
        spectrum(vg.Network("tanh", tanh, width=10, depth=3), "stationary")
    with pytest.raises(UnsupportedError, match="layer norm"):
        spectrum(vg.Network("tanh", tanh, width=10, depth=2, norm="layer"))
    with pytest.raises(InputError, match=r"q must be .* \(got 'median'\)"):
        spectrum(vg.Network("tanh", tanh, width=10, depth=3), "median")
    s = spectrum(vg.Network("tanh", tanh, width=10, depth=3), 0.5)
    assert np.isnan([s.ppf(1.5), s.ppf(-0.1), s.cdf(np.nan)]).all()  # as every law


def test_deep_networks_overflow_only_where_asked():
    s = spectrum(vg.Network("tanh", vg.Weights.gaussian(3, 0), width=100, depth=5000))
    assert s.mean_square == np.inf
    assert np.isfinite(s.log_mean_square)
    assert np.isfinite(s.ppf_log([0.01, 0.5, 0.99])).all()


@pytest.mark.parametrize("weights", [vg.Weights.gaussian(0.1), vg.Weights.orthogonal(0.1)])
def test_far_above_a_law_nothing_is_left(weights):
    """Beyond every node by more than doubles hold."""
    s = spectrum(vg.Network("tanh", weights, width=64, depth=1000), 1.0)
    top = s.ppf_log(1.0)
    np.testing.assert_array_equal(s.cdf_log([0.0, top + 10, top + 300, top + 2000]), 1.0)
    assert s.cdf(1.0) == 1.0
    assert s.cdf_log(top - 1e-3) < 1.0


def test_points_that_are_not_the_law_are_refused():
    """Points whose mean is 1 % off are not believed."""
    product = spectrum(vg.Network("tanh", vg.Weights.gaussian(1.5, 0.05), width=512, depth=5)).law
    band = product.bands[0]
    rows = band.rows.copy()
    rows[:, 1] *= 1.01
    with pytest.raises(UnsupportedError, match="mean of s²"):
        product._believe([band._replace(rows=rows)])


def test_variances_of_every_layer_may_be_given():
    network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width=50, depth=6)
    profile = vg.spectrum(network)
    given = vg.spectrum(network, q=profile.q)
    x = np.linspace(0.05, 0.95, 7)
    np.testing.assert_allclose(given.ppf_log(x), profile.ppf_log(x), atol=1e-12)
    wrong = vg.spectrum(network, q=np.asarray(profile.q) * 1.02)
    assert np.abs(wrong.ppf_log(x) - profile.ppf_log(x)).max() > 1e-3
    for bad in ([0.5] * 5, [0.5] * 5 + [-1.0]):
        with pytest.raises(InputError, match="6 positive"):
            vg.spectrum(network, q=bad)


def test_a_plain_svd_of_a_deep_product_is_wrong_by_hundreds_of_decades():
    network = vg.Network("identity", vg.Weights.gaussian(1.0), width=30, depth=300)
    graded = vg.sample(network).log_singular_value.values[0] / np.log(10)
    generator = np.random.default_rng(0)
    product = np.eye(30)
    for _ in range(300):
        product = generator.standard_normal((30, 30)) / np.sqrt(30) @ product
    plain = np.log10(np.linalg.svd(product, compute_uv=False))
    # Both are draws of one law: ln|det J|² is a sum of independent ln(χ²_k/30), k = 1..30, 300 of each (Bartlett).
    k = np.arange(1, 31)
    mean = 300 * np.sum(digamma(k / 2) + np.log(2 / 30)) / 2 / np.log(10)
    spread = np.sqrt(300 * np.sum(polygamma(1, k / 2))) / 2 / np.log(10)
    assert abs(graded.sum() - mean) < 5 * spread
    assert abs(plain.sum() - mean) > 100 * spread
    assert abs(graded[0] - plain[0]) < 10
    assert plain[-1] - graded[-1] > 200


def test_a_law_is_printed_in_one_line():
    network = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), 100, 30)
    for law in (vg.spectrum(network), vg.eigenvalues(network), vg.lyapunov(network), vg.spectrum(network, q=1.0)):
        shown = repr(law)
        assert "\n" not in shown
        assert len(shown) < 120


@pytest.mark.parametrize("junk", [None, "tanh", [None], {}, object()])
def test_junk_gets_an_error_of_the_package(junk):
    network = vg.Network("relu", vg.Weights.he(), 20, 3)
    for verb in (vg.spectrum, vg.eigenvalues, vg.lyapunov):
        with pytest.raises(vg.VgtheoryError):
            verb(junk)
    for law in (vg.spectrum(network), vg.eigenvalues(network)):
        for name in ("cdf_log", "pdf_log", "ppf_log", "cdf", "ppf"):
            with pytest.raises(vg.VgtheoryError):
                getattr(law, name)(junk)
        with pytest.raises(vg.VgtheoryError):
            law.rvs(3, random_state="x")
