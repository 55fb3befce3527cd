"""Random networks of a few narrow layers: each has a spectrum, and its mass, mean and variance are the exact ones."""

import numpy as np
import pytest

import vgtheory as vg
from tests.spectra.test_product import stratified_distances
from vgtheory.codegen.evaluate import evaluator

NAMES = (
    *("tanh", "relu", "gelu", "softplus", "hard_tanh", "leaky_relu", "silu", "erf", "elu", "sigmoid"),
    *("selu", "mish", "softsign", "arctan", "hard_sigmoid", "relu6", "tanhshrink", "celu", "hard_swish", "sin"),
)
# Bands of laws with gaps, laws that thin out at their top, and probabilities of 1e-3 beside an atom.
HARD = [
    ("gelu", "orthogonal", (10, 10, 10), 0.3, 0.0),
    ("softplus", "gaussian", (10, 10, 40), 0.3, 0.0),
    ("hard_tanh", "orthogonal", (10, 20, 40), 0.3, 0.0),
    ("hard_tanh", "orthogonal", (10, 10, 20, 30), 0.6, 0.05),
    ("leaky_relu", "orthogonal", (30, 40, 20), 1.0, 0.05),
    ("leaky_relu", "orthogonal", (30, 40, 30), 1.5, 0.0),
    ("leaky_relu", "gaussian", (20, 10, 40), 1.0, 0.05),
    ("silu", "orthogonal", (20, 10, 30, 10), 0.3, 0.05),
    ("softplus", "orthogonal", (30, 10, 30, 30, 30), 0.3, 0.05),
]


def cell(seed):
    """Return (activation, weights, widths, σ_w, σ_b), drawn by this seed."""
    rng = np.random.default_rng(seed)
    widths = tuple(int(n) for n in rng.choice([10, 20, 30, 40], size=rng.integers(3, 6)))
    scale = float(rng.choice([0.3, 0.6, 1.0, 1.5, 2.0, 3.0]))
    return (
        str(rng.choice(NAMES)),
        str(rng.choice(["gaussian", "orthogonal"])),
        widths,
        scale,
        float(rng.choice([0, 0.05])),
    )


def network_of(name, ensemble, widths, sigma_w, sigma_b, times=1):
    weights = getattr(vg.Weights, ensemble)(sigma_w, sigma_b)
    return vg.Network(name, weights, tuple(times * n for n in widths), len(widths) - 1)


def exact_moments(network):
    """Return (ln E x, Var x/(E x)²) of x = s² by Gauss–Legendre panels between breakpoints and the sums over layers.

    Freeness adds N_L/N_l Var d²/(E d²)² for every D_l and N_L/N_{l−1} for every Gaussian W_l, for an orthogonal one
    what it takes away.
    """
    act, widths = evaluator(network.activation), np.array(network.widths, dtype=float) / network.widths[-1]
    t, w = np.polynomial.legendre.leggauss(16)
    second, log_mean, variance = 1.0, 0.0, 0.0
    gaussian = network.weights.family == "gaussian"
    if not gaussian:  # the first W has orthogonal rows where it narrows, as a square one has
        widths[0] = min(widths[0], widths[1])
    for layer, (sigma_w, sigma_b) in enumerate(network.sigmas):
        scale = np.sqrt(sigma_w**2 * second + sigma_b**2)
        kinks = [float(b) / scale for b in network.activation.breakpoints if abs(float(b)) < 9 * scale]
        ends = np.unique([*np.linspace(-9, 9, 721), *kinks])
        z = ((ends[1:] + ends[:-1])[:, None] / 2 + np.diff(ends)[:, None] / 2 * t).ravel()
        h, mass = scale * z, (np.diff(ends)[:, None] / 2 * w).ravel() * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        square = act.slope(h) ** 2
        mean = mass @ square
        log_mean += np.log(sigma_w**2 * mean)
        variance += (mass @ square**2 / mean**2 - 1) / widths[layer + 1]
        variance += 1 / widths[layer] if gaussian else max(1 / widths[layer] - 1 / widths[layer + 1], 0)
        second = mass @ act.value(h) ** 2
    return log_mean, variance


def integrals(law, log_mean):
    """Return the mass, E x/e^{log_mean} and E x²/e^{2 log_mean} of a law by its density, atoms and quantiles.

    Gauss–Legendre over ln s in panels between quantiles, denser towards the ends of bands.
    """
    floor = law.zero_mass + law.unresolved
    p = floor + (1 - floor) * (1 - np.cos(np.linspace(0, np.pi, 121)[1:-1])) / 2
    y = law.ppf_log(p)
    assert np.isfinite(y).all()
    t, w = np.polynomial.legendre.leggauss(16)
    angle = (1 - np.cos(np.pi * (t + 1) / 2)) / 2, w * np.pi / 4 * np.sin(np.pi * (t + 1) / 2)
    mass = floor + sum(m for place, m in law.atoms_log if place > -np.inf)
    first = sum(m * np.exp(2 * place - log_mean) for place, m in law.atoms_log if place > -np.inf)
    second = sum(m * np.exp(4 * place - 2 * log_mean) for place, m in law.atoms_log if place > -np.inf)
    for low, high in law.law.bands_log:
        low, high = max(low / 2, law.ppf_log(floor + 1e-9 * (1 - floor))), high / 2
        inner = y[(y > low) & (y < high)]
        ends = np.unique(
            np.concatenate([[low], inner, low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 41))) / 2])
        )
        x = (ends[:-1, None] + np.diff(ends)[:, None] * angle[0]).ravel()
        part = law.pdf_log(x) * (np.diff(ends)[:, None] * angle[1]).ravel()
        assert np.isfinite(part).all()
        mass += part.sum()
        first += part @ np.exp(2 * x - log_mean)
        second += part @ np.exp(4 * x - 2 * log_mean)
    return mass, first, second


def check(name, ensemble, widths, sigma_w, sigma_b):
    network = network_of(name, ensemble, widths, sigma_w, sigma_b)
    law = vg.spectrum(network)
    log_mean, variance = exact_moments(network)
    assert law.log_mean_square == pytest.approx(log_mean, abs=1e-7)
    assert law.relative_var_square == pytest.approx(variance, rel=1e-6, abs=1e-9)
    mass, first, second = integrals(law, log_mean)
    assert mass == pytest.approx(1, abs=1e-5)
    assert first == pytest.approx(1, abs=5e-5)
    assert second == pytest.approx(1 + variance, rel=1e-4)


def test_slopes_one_percent_larger_are_seen():
    """Power: the law of a network whose squared slopes are 1 % larger has not the moments of this one."""
    name, ensemble, widths, sigma_w, sigma_b = HARD[6]
    log_mean, _ = exact_moments(network_of(name, ensemble, widths, sigma_w, sigma_b))
    larger = vg.spectrum(network_of(name, ensemble, widths, sigma_w * 1.01 ** (1 / (2 * len(widths) - 2)), sigma_b))
    assert larger.log_mean_square != pytest.approx(log_mean, abs=1e-3)
    assert integrals(larger, log_mean)[1] != pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("case", HARD, ids=str)
def test_hard_networks(case):
    check(*case)


@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed):
    check(*cell(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30, 50))
def test_many_random_networks(seed):
    check(*cell(seed))


WIDE = [HARD[0], HARD[4], HARD[5], HARD[7], ("silu", "gaussian", (30, 40, 10), 0.6, 0.05)]


@pytest.mark.slow
@pytest.mark.parametrize("case", WIDE, ids=str)
def test_products_of_wide_layers_have_this_spectrum(case):
    """Kolmogorov's distance of one product of widths in this proportion, d² stratified; the power twin is moved by 2 %.

    In units of 1/N_L, N_L = 400: one matrix is within about 3.
    """
    near, moved = stratified_distances(network_of(*case, times=400 // case[2][-1]))
    assert near < 5
    assert moved > 5


def test_a_slope_that_falls_off_faster_than_every_power():
    """φ = e^{−1/x²} is followed to d < 10⁻⁶⁵, what is below is said; ln E x from closed forms."""
    law = vg.spectrum(vg.Network(vg.Activation("exp(-1/x**2)"), vg.Weights.gaussian(2.0, 0.5), 50, 3))
    q, log_mean = 4.25, 0.0
    for _ in range(3):
        t = 2 / np.sqrt(q)  # √(2a) at a = 2/q, and E z⁻⁶ e^{−a/z²} = e^{−t} (1/t³ + 3/t⁴ + 3/t⁵)
        log_mean += np.log(4 * 4 / q**3 * np.exp(-t) * (t**2 + 3 * t + 3) / t**5)
        q = 4 * np.exp(-t) + 0.25
    assert law.log_mean_square == pytest.approx(log_mean, abs=1e-9)
    assert 0 < law.unresolved < 0.9
    assert law.cdf_log(law.ppf_log(0.95)) == pytest.approx(0.95, abs=1e-9)
