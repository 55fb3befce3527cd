"""Products of free factors (profiles, rectangular layers, residual blocks) against moments, quadrature and networks."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.special import ndtri

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.codegen.evaluate import evaluator
from vgtheory.spectra.curve import Curve
from vgtheory.spectra.factor import Factor
from vgtheory.spectra.graded_product import GradedProduct
from vgtheory.spectra.jacobian import residual_limit, spectrum
from vgtheory.spectra.one_layer import OneLayer
from vgtheory.spectra.product import Product
from vgtheory.spectra.sampling import draw_weights
from vgtheory.spectra.slope_law import WIDTH, slope_law
from vgtheory.spectra.spectrum import Spectrum
from vgtheory.study.sample import sample

GAUSSIAN, ORTHOGONAL = vg.Weights.gaussian, vg.Weights.orthogonal


def relu():
    return slope_law(vg.activation("relu"), 1.0)


def tanh(q):
    return slope_law(vg.activation("tanh"), q)


def distance(values, law):
    """Kolmogorov's distance of sampled ln s (−inf = dead) from a law."""
    y = np.sort(np.ravel(values))
    n, finite = len(y), np.isfinite(y)
    f, rank = law.cdf_log(y[finite]), np.arange(1, n + 1)[finite] / n
    return max(np.max(rank - f), np.max(f - rank + 1 / n))


def moments(product):
    """Return E x and E x² by Gauss–Legendre over ln x, from the density alone, in panels clustered at the edges."""
    x, w = np.polynomial.legendre.leggauss(20)
    first = second = 0.0
    for band in product.bands:
        t = np.linspace(0, np.pi, 61)
        low = max(band.bottom, product.log_mean - 80)
        ends = low + (band.top - low) * (1 - np.cos(t)) / 2
        half = np.diff(ends)[:, None] / 2
        y = ((ends[1:] + ends[:-1])[:, None] / 2 + half * x).ravel()
        density = product.at_value(y)[0] * (half * w).ravel()
        first += (density * np.exp(y - product.log_mean)).sum()
        second += (density * np.exp(2 * (y - product.log_mean))).sum()
    for place, mass in product.atoms:
        first += mass * np.exp(place - product.log_mean)
        second += mass * np.exp(2 * (place - product.log_mean))
    return first, second - 1


PRODUCTS = {
    "profile": lambda: (Factor(tanh(0.5), 2.0, "gaussian", 0.1), Factor(tanh(2.0), 1.0, "gaussian", 0.1)),
    "mixed weights": lambda: (Factor(tanh(0.5), 2.0, "orthogonal", 0.1), Factor(relu(), 1.0, "gaussian", 0.5)),
    "rectangular": lambda: (
        Factor(relu(), 1.0, "gaussian", 0.5, 0.6, 1.3),
        Factor(relu(), 1.0, "gaussian", 0.2, 1.3, 1.0),
    ),
    "tall orthogonal": lambda: (
        Factor(relu(), 1.0, "orthogonal", 0.5, 0.6, 1.3),
        Factor(relu(), 1.0, "orthogonal", 0.2, 1.3, 1.0),
    ),
    "residual": lambda: (Factor(tanh(0.5), 4.0, "residual", -1.0), Factor(relu(), 2.0, "residual", -2.0)),
    "residual, orthogonal": lambda: (Factor(tanh(1.0), 5.0, "residual-orthogonal", -1.0),),
    "residual, two matrices": lambda: (Factor(relu(), 3.0, "residual-two", 0.0),),
    "plain and residual": lambda: (Factor(tanh(0.5), 2.0, "gaussian", 0.3), Factor(relu(), 2.0, "residual", -1.0)),
    "atom": lambda: (Factor(slope_law(vg.activation("hard_tanh"), 0.4), 2.0, "orthogonal", 0.0),),
    "atom inside": lambda: (Factor(slope_law(vg.activation("hard_tanh"), 30.0), 2.0, "residual", 0.7),),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_mean_and_variance_by_an_independent_quadrature(name):
    source = 0.6 if name in ("rectangular", "tall orthogonal") else 1.0
    product = Product(PRODUCTS[name](), source)
    mean, variance = moments(product)
    assert mean == pytest.approx(1, rel=2e-5)
    assert variance == pytest.approx(product.relative_variance, rel=5e-5)
    # Power: a scale wrong by 1 % in one factor is far outside.
    assert abs(1.01 * mean - 1) > 1e-3


@pytest.mark.parametrize("ensemble", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("name", ["tanh", "hard_tanh", "gelu", "leaky_relu"])
@pytest.mark.parametrize("depth", [3, 64])
def test_equal_factors_are_the_explicit_curve(name, ensemble, depth):
    law = slope_law(vg.activation(name), 0.4, WIDTH / 2)  # the curve sums without poles
    curve = Curve(law, depth, ensemble, 0.1)
    product = Product((Factor(law, 0.4 * depth, ensemble, 0.1), Factor(law, 0.6 * depth, ensemble, 0.1)))
    s = np.linspace(0.02, 0.98, 40) * (1 - law.zero_mass)
    x = curve.at_probability(s)
    places = [place for place, _ in curve.atoms if np.isfinite(place)]
    free = np.array([all(abs(v - place) > 1e-9 for place in places) for v in x])
    np.testing.assert_allclose(product.at_probability(s), x, atol=1e-9)
    for got, want in zip(product.at_value(x[free]), curve.at_value(x[free]), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9)
    assert product.support[1] == pytest.approx(curve.support[1], abs=1e-10)


@pytest.mark.parametrize(
    ("law", "count", "kind", "scale", "top", "low"),
    [
        # Largest and smallest ln x of chains made independently of this code.
        (lambda: tanh(1.0), 1, "residual", 1.0, 1.581, -3.56),
        (relu, 4, "residual", 0.98, 3.823, -6.71),
        (relu, 10, "residual", 0.18, 2.777, -3.13),
        (relu, 50, "residual", 0.045, 3.234, -3.29),
        (relu, 4, "residual-two", 1.96, 5.516, -27.24),
        (relu, 10, "residual-two", 0.36, 4.122, -5.03),
    ],
)
def test_edges_of_residual_spectra(law, count, kind, scale, top, low):
    product = Product((Factor(law(), float(count), kind, np.log(scale)),))
    assert product.support[1] == pytest.approx(top, abs=1e-3)
    assert product.support[0] == pytest.approx(low, abs=0.04)


def test_one_relu_block_has_two_bands():
    """Half of the rows of I + a D W are unit vectors: by interlacing half of the x lie at or above 1, half below."""
    product = Product((Factor(relu(), 1.0, "residual", np.log(2.0)),))
    lower, upper = product.bands
    assert upper.bottom == pytest.approx(np.log(1.0355), abs=2e-4)
    assert lower.top == pytest.approx(0.0, abs=1e-9)
    assert lower.rows[-1, 2] == pytest.approx(0.5, abs=1e-4)
    spectrum_of = Spectrum(product, (1.0,), "asymptotic", ())
    assert spectrum_of.cdf_log(0.01) == pytest.approx(0.5, abs=1e-9)
    assert spectrum_of.pdf_log(0.01) == 0
    p = np.array([0.1, 0.4, 0.499, 0.501, 0.6, 0.9])
    np.testing.assert_allclose(spectrum_of.cdf_log(spectrum_of.ppf_log(p)), p, atol=1e-9)


def test_linear_rectangular_networks_have_the_moments_of_free_products():
    """E x^k of Gaussian layers of widths 0.6, 1.3, 1: trace identities of rectangular Wishart products."""
    linear = slope_law(vg.activation("identity"), 1.0)
    product = Product(
        (Factor(linear, 1.0, "gaussian", 0.0, 0.6, 1.3), Factor(linear, 1.0, "gaussian", 0.0, 1.3, 1.0)), 0.6
    )
    assert product.atoms[0] == (-np.inf, pytest.approx(0.4))
    assert product.relative_variance == pytest.approx(1 / 0.6 + 1 / 1.3)
    assert moments(product)[1] == pytest.approx(product.relative_variance, rel=1e-5)


# A law is within about 3/N of one matrix's singular values where the law of D is exact; the means of φ'² fluctuate by
# 1/√N.  Distances over 8 seeds at N = 200 were 0.009 to 0.028: 0.045 is 5 standard deviations above their mean.
LIMIT = 0.045


@pytest.mark.parametrize(
    ("name", "weights", "depth", "skip"),
    [
        ("tanh", GAUSSIAN(1.0), 4, 1.0),
        ("tanh", GAUSSIAN(1.0, 0.1), 30, "1/sqrt(depth)"),
        ("tanh", ORTHOGONAL(1.0), 10, -0.3),
        ("relu", vg.Weights.he(), 10, 0.3),
        ("relu", vg.Weights.he(), 4, vg.Skip(0.7, 2)),
        ("gelu", GAUSSIAN(1.4, 0.1), 10, 0.3),
        ("relu", vg.Weights.he(), 1, 1.0),
    ],
)
def test_residual_networks_have_this_spectrum(name, weights, depth, skip):
    network = vg.Network(name, weights, 200, depth, skip=skip)
    law = spectrum(network)
    values = sample(network, seed=5).log_singular_value.values
    assert distance(values, law) < LIMIT
    if law.relative_var_square < 3:  # power: σ_w wrong by a tenth of the spread is seen
        low, high = law.support_log()
        assert distance(values + (high - low) / 10, law) > LIMIT


@pytest.mark.parametrize(
    ("name", "weights", "widths"),
    [
        ("relu", vg.Weights.he(), (150, 270, 180, 300, 240)),
        ("relu", ORTHOGONAL(1.4), (150, 270, 180, 300, 240)),
        ("tanh", ORTHOGONAL(1.2, 0.2), (180, 300, 180)),
        ("hard_tanh", vg.Weights.xavier(), (240, 160, 320, 240)),
        ("identity", GAUSSIAN(1.0), (240, 160, 320)),
    ],
)
def test_rectangular_networks_have_this_spectrum(name, weights, widths):
    network = vg.Network(name, weights, widths, len(widths) - 1)
    law = spectrum(network)
    values = sample(network, seed=5).log_singular_value.values.ravel()
    padded = np.append(values, np.full(widths[-1] - len(values), -np.inf))
    finite = np.isfinite(padded)
    assert abs(law.atoms[0][1] - np.mean(~finite)) < 0.06 if law.atoms else finite.all()
    assert distance(padded, law) < LIMIT
    assert distance(padded + 0.5, law) > LIMIT


def test_the_stream_of_relu_leaves_one_singular_value_apart():
    network = vg.Network("relu", vg.Weights.he(), 200, 50, skip=0.15)
    law = spectrum(network)
    largest, second = sample(network, seed=2).log_singular_value.values[0, :2]
    assert second < law.support_log()[1] + 0.2 < law.outlier_log
    assert law.outlier_log < largest + 0.3
    assert spectrum(vg.Network("tanh", GAUSSIAN(1.0), 200, 50, skip=0.15)).outlier_log is None


def test_deep_residual_networks_tend_to_the_closed_form():
    for weights in (vg.Weights.he(), ORTHOGONAL(2**0.5)):
        errors = []
        for depth in (20, 2000):
            network = vg.Network("relu", weights, 100, depth, skip="1/sqrt(depth)")
            x = np.linspace(-1.4, 1.4, 15)
            errors.append(np.abs(residual_limit(network).cdf_log(x) - spectrum(network).cdf_log(x)).max())
        assert errors[1] < 2e-4 < errors[0]


@pytest.mark.parametrize("strength", thinned([0.1, 1.0, 4.0], 3))
def test_the_closed_form_is_a_law(strength):
    network = vg.Network("identity", GAUSSIAN(1.0), 100, 100, skip=(strength / 100) ** 0.5)
    law = residual_limit(network)
    assert law.log_mean_square == pytest.approx(strength)
    y, step = np.linspace(*law.support_log(), 40_001, retstep=True)
    density = law.pdf_log(y)
    assert density.sum() * step == pytest.approx(1, abs=1e-5)
    assert (np.exp(2 * y - strength) * density).sum() * step == pytest.approx(1, abs=1e-5)
    assert (np.exp(4 * y - 2 * strength) * density).sum() * step == pytest.approx(1 + 2 * strength, rel=1e-4)
    np.testing.assert_allclose(law.cdf_log(y)[1:], np.cumsum(density)[1:] * step, atol=1e-4)
    p = np.array([0.01, 0.3, 0.5, 0.8])
    np.testing.assert_allclose(law.cdf_log(law.ppf_log(p)), p, atol=1e-12)
    np.testing.assert_allclose(law.ppf_log(p), -law.ppf_log(1 - p), atol=1e-12)


def test_without_a_branch_the_jacobian_is_the_identity():
    law = spectrum(vg.Network("tanh", GAUSSIAN(1.0), 50, 10, skip=0))
    assert law.atoms == ((1.0, 1.0),)
    assert law.cdf([0.999, 1.0]) == pytest.approx([0, 1])
    assert law.ppf(0.4) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "weights", "depth"),
    [
        ("gelu", GAUSSIAN(1.5, 0.05), 64),  # q grows by many decades
        ("softplus", ORTHOGONAL(1.2, 0.1), 100),
        ("hard_tanh", ORTHOGONAL(1.0), 3),  # an atom survives
        ("hard_tanh", ORTHOGONAL(1.02, 0.1), 10),
        ("elu", ORTHOGONAL(1.3, 0.1), 3),
        ("gelu", GAUSSIAN(1.4), 300),  # q falls by many decades
    ],
)
def test_profiles_far_from_stationary(name, weights, depth):
    network = vg.Network(name, weights, 100, depth)
    law = spectrum(network)
    p = np.linspace(0.5, 0.99, 7)
    y = law.ppf_log(p)
    free = np.array([all(abs(v - place) > 1e-9 for place, _ in law.atoms_log) for v in y])
    assert free.sum() >= 2
    np.testing.assert_allclose(law.cdf_log(y[free]), p[free], atol=1e-9)


def stratified_distances(network, seed=1):
    """Return Kolmogorov's distances of a product of independent D_l W_l, z of D_l stratified, from the spectrum: of
    its ln s, and of its ln s moved by 2 % of the probability; in units of 1/N_L."""
    law, act, generator = spectrum(network), evaluator(network.activation), np.random.default_rng(seed)
    product = GradedProduct(network.widths[0])
    for q, fan_in, fan_out, (sigma_w, _) in zip(
        law.q, network.widths, network.widths[1:], network.sigmas, strict=False
    ):
        log_slopes = act.log_slope(np.sqrt(q) * ndtri((np.arange(fan_out) + 0.5) / fan_out))
        drawn = draw_weights(network.weights, sigma_w, fan_out, fan_in, generator)
        product.multiply(drawn, generator.permutation(log_slopes))
    n = network.widths[-1]
    values = product.log_singular_values(min(network.widths[0], n))
    padded = np.append(values, np.full(n - len(values), -np.inf))
    wrong = law.ppf_log(0.7) - law.ppf_log(0.68)
    return n * distance(padded, law), n * distance(padded + wrong, law)


@pytest.mark.parametrize(
    ("name", "weights", "widths"),
    thinned(
        [
            # φ' alone decides the smallest s: of one layer that is narrow, or of all where q_l collapses.
            ("tanh", GAUSSIAN(1.5, 0.05), (800, 400)),
            ("tanh", ORTHOGONAL(1.5, 0.05), (300, 600, 300)),
            ("gelu", GAUSSIAN(1.5, 0.05), (600, 300)),
            ("elu", GAUSSIAN(1.5, 0.05), (600, 300)),
            ("tanhshrink", ORTHOGONAL(1.5, 0.05), (250,) * 4),
            ("softplus", ORTHOGONAL(0.3), (250,) * 3),
            *(
                pytest.param(*row, marks=pytest.mark.slow)
                for row in (
                    ("tanh", GAUSSIAN(1.5, 0.05), (1200, 300)),
                    ("tanh", GAUSSIAN(1.5, 0.05), (600, 300, 300)),
                    ("sin", GAUSSIAN(1.5, 0.05), (600, 300)),
                    ("softsign", ORTHOGONAL(1.5, 0.05), (300, 600, 300)),
                    ("softplus", ORTHOGONAL(0.8, 0.5), (300, 600, 300)),
                    ("tanhshrink", GAUSSIAN(1.5, 0.05), (300,) * 11),
                    ("tanhshrink", ORTHOGONAL(1.5, 0.05), (300,) * 11),
                )
            ),
        ],
        3,
    ),
)
def test_tails_that_follow_the_slopes_themselves(name, weights, widths):
    """Free probability alone is off by 2/N to 2.6/N over such rows; a law wrong by 2 % of its probability is seen."""
    near, far = stratified_distances(vg.Network(name, weights, widths, len(widths) - 1))
    assert near < 3.5 < far


def test_a_narrow_output_has_the_law_of_its_slopes():
    """N_L ≪ N: J Jᵀ is diagonal but for O(√(N_L/N)), with entries σ_w² φ'(h)² E φ'(h_1)²."""
    network = vg.Network("tanh", GAUSSIAN(1.5, 0.05), (4000, 4000, 1), 2)
    law, act = spectrum(network), vg.activation("tanh")
    first = slope_law(act, law.q[0]).log_mean + 2 * np.log(1.5)
    alone = OneLayer(act, law.q[1], 2 * np.log(1.5) + first)
    y = law.ppf_log(np.linspace(0.02, 0.94, 24))  # the density is infinite at the end of the one, not of the other
    assert np.abs(law.cdf_log(y) - (1 - alone.at_value(2 * y)[1])).max() < 0.002
    assert np.abs(law.cdf_log(y) - (1 - alone.at_value(2 * y + 0.02)[1])).max() > 0.002


def test_refusals():
    network = vg.Network("tanh", GAUSSIAN(1.0), 50, 5, skip=0.3)
    with pytest.raises(NoSolutionError, match="grows"):
        spectrum(network, "stationary")
    with pytest.raises(InputError, match="median"):
        spectrum(network, "median")
    with pytest.raises(UnsupportedError, match="layer norm"):
        spectrum(vg.Network("tanh", GAUSSIAN(1.0), 50, 5, skip=0.3, norm="layer"))
    with pytest.raises(InputError, match="skip="):
        residual_limit(vg.Network("tanh", GAUSSIAN(1.0), 50, 5))


@pytest.mark.slow
def test_slopes_below_the_range_of_doubles_are_no_atom():
    """SiLU's slope has one zero: however small φ' is, no direction dies.  Against sampled singular values."""
    network = vg.Network("silu", vg.Weights.orthogonal(1.9, 0.5), 120, 20)
    law = spectrum(network)
    assert law.atoms == ()
    assert law.unresolved == 0
    values = np.sort(sample(network, seed=3).log_singular_value.values.ravel())
    rank = (np.arange(len(values)) + 0.5) / len(values)
    seen = values > -300  # a sampled row that falls 1e300 behind another one is lost
    assert seen.mean() > 0.5
    assert np.abs(law.cdf_log(values[seen]) - rank[seen]).max() < 0.06
    assert np.abs(law.cdf_log(values[seen] - 100) - rank[seen]).max() > 0.06  # power


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), [("gelu", 2.0), ("softplus", 3.0), ("tanh", 30.0)])
def test_what_is_too_small_to_follow_is_said_and_no_atom(name, scale):
    law = spectrum(vg.Network(name, vg.Weights.orthogonal(scale, 0.5), 100, 20))
    assert law.atoms == ()
    assert 0 <= law.unresolved < 1
    p = np.linspace(law.unresolved + 0.01, 0.99, 7)
    assert (np.diff(law.ppf_log(p)) > 0).all()
    np.testing.assert_allclose(law.cdf_log(law.ppf_log(p)), p, atol=1e-8)


def test_relu_still_has_its_atom_beside_dark_units():
    law = spectrum(vg.Network("relu", vg.Weights.orthogonal(1.4), 100, 5))
    assert law.atoms[0] == (0.0, 0.5)


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("identity", [40, 20]),
        ("identity", [20, 40]),
        ("identity", [30, 30, 30, 10]),
        ("identity", [40, 20, 60]),
        ("relu", [40, 20]),
    ],
)
def test_rectangular_orthogonal_networks_with_few_values(name, widths):
    """Products of parts of rotations with one slope: their singular values are those of any sample."""
    network = vg.Network(name, vg.Weights.orthogonal(1.3), widths, len(widths) - 1)
    law, drawn = spectrum(network), sample(network, samples=40)
    logs = drawn.log_singular_value.values
    alive = logs[np.isfinite(logs)]
    place, mass = law.atoms[-1]
    np.testing.assert_allclose(np.exp(alive), place, rtol=1e-9)
    share = alive.size / (40 * widths[-1])
    assert share == pytest.approx(mass, abs=1e-12 if name == "identity" else 6 * np.sqrt(0.25 / (40 * widths[-1])))


@pytest.mark.slow
@pytest.mark.parametrize("q", ["profile"])
def test_one_orthogonal_layer_that_narrows(q):
    """J Jᵀ = σ_w² D²: the law of the slopes themselves."""
    network = vg.Network("tanh", vg.Weights.orthogonal(1.5, 0.1), [400, 200], 1)
    values = np.sort(sample(network, samples=20).log_singular_value.values.ravel())
    rank = (np.arange(len(values)) + 0.5) / len(values)
    assert np.abs(spectrum(network, q=q).cdf_log(values) - rank).max() < 2.2 / np.sqrt(len(values))


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_lengths_that_diverge_where_slopes_have_limits(family):
    """bent_identity has slopes 1/2 and 3/2 far out: as deep networks of those two slopes, half and half."""
    weights = getattr(vg.Weights, family)(1.5, 0.1)
    law = spectrum(vg.Network("bent_identity", weights, 200, 1000))
    assert law.atoms == ()
    assert law.q[-1] > 1e300
    # E ln s² per layer: orthogonal products keep E ln d², Gaussian ones lose 1 as N → ∞.
    p = (np.arange(400) + 0.5) / 400
    mean = 2 * law.ppf_log(p).mean() / 1000
    want = np.log(1.5**2) + np.log(0.75) - (family == "gaussian")
    assert mean == pytest.approx(want, abs=0.02)


def _least(network, q, slope, rng):
    """Return ln of the least singular value > 0 of one J with these variances, drawn whole."""
    product = np.eye(network.widths[0])
    for before, after, variance in zip(network.widths[:-1], network.widths[1:], q, strict=True):
        d = slope(np.sqrt(variance) * rng.standard_normal(after))
        product = d[:, None] * (rng.standard_normal((after, before)) * np.sqrt(2 / before)) @ product
    s = np.linalg.svd(product, compute_uv=False)
    return np.log(s[s > 1e-12].min())


@pytest.mark.parametrize(
    ("name", "widths", "reaches"),
    [
        ("tanh", [1, 1, 1], True),
        ("tanh", [1, 2, 1], True),
        ("relu", [4, 2, 2], True),
        ("relu", [4, 3, 3, 1], False),
        ("identity", [4, 2, 1], False),
    ],
)
def test_the_least_singular_value_tends_to_zero_where_the_law_reaches_it(name, widths, reaches):
    """Drawn Jacobians: it falls at least as 1/width at a hard edge, by 1.39 from 20 to 80, and stays at a soft one.

    Means of 100 draws have standard errors of up to 0.2 where it falls by 2 and more, of 0.09 where by 1.39, and of
    0.04 at a soft edge: 0.7 between two of them is five errors of their difference off in every case.
    """
    slopes = {"tanh": lambda h: 1 / np.cosh(h) ** 2, "relu": lambda h: (h > 0) * 1.0, "identity": np.ones_like}
    rng, means = np.random.default_rng(2), []
    for unit in (20, 80):
        network = vg.Network(name, vg.Weights.gaussian(2**0.5, 0.2), [unit * w for w in widths], len(widths) - 1)
        law = spectrum(network)
        means.append(np.mean([_least(network, law.q, slopes[name], rng) for _ in range(100)]))
    low = law.support_log()[0]
    assert np.isneginf(low) == reaches
    assert (means[1] - means[0] < -0.7) == reaches
    if not reaches:
        assert means[1] == pytest.approx(low, abs=0.15)


@pytest.mark.parametrize("name", ["tanh", "x*exp(-x**2)", "gelu"])
def test_square_gaussian_layers_reach_zero_whatever_their_variances(name):
    law = spectrum(vg.Network(name, vg.Weights.gaussian(1.3, 0.2), 1000, 4))
    assert law.support_log()[0] == -np.inf
    assert law.ppf_log(0) == -np.inf < law.ppf_log(1e-9)
    assert law.support()[0] == 0


def test_threads_that_ask_one_law_get_the_bits_of_one_thread():
    network = vg.Network("tanh", GAUSSIAN(1.3, 0.1), 256, 12)
    law, alone = vg.spectrum(network), vg.spectrum(network)
    starts = np.linspace(0.01, 0.05, 64)

    def ask(start, of=law):
        return of.pdf(np.linspace(start, 3, 60)), of.ppf(np.linspace(start, 0.98, 60))

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(ask, starts))
    for start, pair in zip(starts, found, strict=True):
        np.testing.assert_array_equal(pair, ask(start, alone))


@pytest.mark.parametrize("widths", [(10, 20, 30), (30, 10, 20), (30, 20, 10)])
def test_a_law_counts_the_outputs_and_a_sample_the_smaller_side(widths):
    network = vg.Network("tanh", vg.Weights.gaussian(1.0), widths, 2)
    found = vg.sample(network, samples=1).log_singular_value.values[0]
    assert found.size == min(widths[0], widths[-1])
    zeros = 1 - np.isfinite(found).sum() / widths[-1]
    assert vg.spectrum(network).zero_mass == pytest.approx(zeros, abs=1e-12)
