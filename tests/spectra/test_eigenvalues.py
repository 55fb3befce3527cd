"""Eigenvalues of the Jacobian: a product's against 1200-digit arithmetic, the law against closed forms and networks."""

import flint
import numpy as np
import pytest
from scipy.optimize import brentq

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.spectra.eigenvalues import eigenvalues
from vgtheory.spectra.graded_eigenvalues import log_eigenvalues
from vgtheory.spectra.graded_product import GradedProduct
from vgtheory.study.sample import sample

GAUSSIAN, ORTHOGONAL = vg.Weights.gaussian, vg.Weights.orthogonal


def by_high_precision(matrices, log_slopes, digits=1200):
    """Return ln λ of the product by Arb's approximate eigenvalues at this many digits, ln|λ| descending."""
    before, flint.ctx.dps = flint.ctx.dps, digits
    try:
        n = matrices[0].shape[0]
        product = flint.arb_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
        for w, logs in zip(matrices, log_slopes, strict=True):
            scales = [flint.arb(float(v)).exp() if np.isfinite(v) else flint.arb(0) for v in logs]
            product = flint.arb_mat(n, n, [scales[i] * float(w[i, j]) for i in range(n) for j in range(n)]) * product
        found = flint.acb_mat(product).eig(algorithm="approx")
        floor = max(abs(v).mid() for v in found) * flint.arb(10) ** (-digits // 2)
        logs = [v.mid().log() if abs(v).mid() > floor else None for v in found]
        values = [complex(float(v.real.mid()), float(v.imag.mid())) if v is not None else -np.inf for v in logs]
    finally:
        flint.ctx.dps = before
    return np.array(sorted(values, key=lambda v: -np.real(v)))


def product_of(matrices, log_slopes):
    product = GradedProduct(matrices[0].shape[0])
    for w, logs in zip(matrices, log_slopes, strict=True):
        product.multiply(w, logs)
    return product


@pytest.mark.parametrize(
    ("n", "depth", "kind"),
    [(12, 40, "linear"), (12, 40, "tanh"), (12, 40, "saturated"), (12, 40, "mask"), (8, 200, "linear")],
)
def test_small_eigenvalues_keep_their_digits(n, depth, kind):
    """Ranges of 70 to 380 in ln|λ|, where those of the plain product below 1e-16 ‖J‖ have no correct digit."""
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=(n, n)) / np.sqrt(n) for _ in range(depth)]
    h = rng.normal(size=(depth, n))
    log_slopes = {
        "linear": np.zeros((depth, n)),
        "tanh": 2 * (np.log(2) - np.abs(h) - np.log1p(np.exp(-2 * np.abs(h)))),
        "saturated": -6 * np.abs(h),
        "mask": np.where(h < 1.3, 0.0, -np.inf),
    }[kind]
    got, want = log_eigenvalues(product_of(matrices, log_slopes)), by_high_precision(matrices, log_slopes)
    finite = np.isfinite(want.real)
    assert np.array_equal(np.isfinite(got.real), finite)
    assert finite.all() == (kind != "mask")
    assert np.abs(got.real[finite] - want.real[finite]).max() < 1e-10
    # Arguments of conjugate pairs come in either order.
    assert np.abs(np.abs(got.imag[finite]) - np.abs(want.imag[finite])).max() < 1e-9
    if kind != "mask":
        plain = np.eye(n)
        for w, logs in zip(matrices, log_slopes, strict=True):
            plain = np.exp(logs)[:, None] * (w @ plain)
        with np.errstate(divide="ignore"):
            naive = np.sort(np.log(np.abs(np.linalg.eigvals(plain))))[::-1]
        assert np.abs(naive[finite] - want.real[finite]).max() > 10


def test_shallow_networks_have_the_eigenvalues_of_lapack():
    matrices = [np.random.default_rng(k).normal(size=(9, 9)) for k in range(2)]
    for weights, skip in ((vg.Weights.given(matrices), None), (vg.Weights.given(matrices), 0.4)):
        network = vg.Network("identity", weights, 9, 2, skip=skip)
        data = sample(network, of="eigenvalues")
        jacobian = np.eye(9)
        for w in matrices:
            jacobian = (w if skip is None else np.eye(9) + skip * w) @ jacobian
        want = np.linalg.eigvals(jacobian).astype(complex)
        got = np.exp(data.log_modulus.values[0] + 1j * data.argument.values[0])
        order = [np.lexsort((np.round(np.angle(v), 6), np.round(-np.abs(v), 6))) for v in (got, want)]
        np.testing.assert_allclose(got[order[0]], want[order[1]], rtol=1e-9)


def test_zero_eigenvalues_are_counted_by_rank():
    """J = ∏ D W has as many nonzero eigenvalues as its layer with the fewest active units."""
    n, depth = 60, 20
    rng = np.random.default_rng(3)
    matrices = [rng.normal(size=(n, n)) * np.sqrt(2 / n) for _ in range(depth)]
    network = vg.Network("relu", vg.Weights.given(matrices), n, depth)
    x = np.random.Generator(np.random.Philox(key=[4, 0])).standard_normal(n)
    x *= np.sqrt(n) / np.linalg.norm(x)
    active = []
    for w in matrices:
        h = w @ x
        active.append(int((h > 0).sum()))
        x = np.maximum(h, 0)
    data = sample(network, of="eigenvalues", seed=4)
    assert int(np.isfinite(data.log_modulus.values).sum()) == min(active)
    singular = sample(network, seed=4)
    assert int(np.isfinite(singular.log_singular_value.values).sum()) == min(active)


def test_closed_forms():
    p = np.array([0.55, 0.7, 0.9, 0.999])
    linear = eigenvalues(vg.Network("identity", GAUSSIAN(1.3), 100, 5))
    np.testing.assert_allclose(linear.ppf(p), 1.3**5 * p**2.5, rtol=1e-12)
    r = np.array([1e-3, 0.2, 1.0])
    np.testing.assert_allclose(linear.cdf(1.3**5 * r), r**0.4, rtol=1e-12)
    np.testing.assert_allclose(linear.pdf_log(5 * np.log(1.3) + np.log(r[:2])), 0.4 * r[:2] ** 0.4, rtol=1e-10)
    relu = eigenvalues(vg.Network("relu", vg.Weights.he(), 100, 4))
    assert relu.zero_mass == 0.5
    np.testing.assert_allclose(relu.ppf(p), (2 * p - 1) ** 2, rtol=1e-12)
    assert relu.ppf(0.4) == 0
    assert relu.cdf([0.0, 1.1]) == pytest.approx([0.5, 1.0])
    rotation = eigenvalues(vg.Network("identity", ORTHOGONAL(1.1), 100, 3))
    assert rotation.support_log() == pytest.approx((3 * np.log(1.1),) * 2)
    assert rotation.cdf([1.1**3 - 1e-6, 1.1**3 + 1e-6]) == pytest.approx([0, 1])
    assert rotation.ppf(0.3) == pytest.approx(1.1**3)
    matrix = eigenvalues(vg.Network("identity", GAUSSIAN(1), 100, 1))  # W itself
    np.testing.assert_allclose(matrix.ppf(p), vg.laws.circular().ppf(p), rtol=1e-12)


@pytest.mark.parametrize("weights", [GAUSSIAN(1.3, 0.2), ORTHOGONAL(1.3, 0.2)])
@pytest.mark.parametrize("name", ["tanh", "gelu", "hard_tanh", "erf"])
def test_a_stationary_law_is_the_limit_law_of_the_singular_values(name, weights):
    """|λ|^{1/L} has at every depth the law that s^{1/L} tends to."""
    p = np.array([1e-9, 0.02, 0.3, 0.6, 0.95, 1 - 1e-9])
    limit = vg.lyapunov(vg.Network(name, weights, 100, 7), q=0.6)
    for depth in (1, 7, 1000):
        law = eigenvalues(vg.Network(name, weights, 100, depth), q=0.6)
        got, want = law.ppf_log(p) / depth, limit.ppf(p)
        dead = p <= law.zero_mass
        assert np.all(np.isneginf(got[dead]))
        np.testing.assert_allclose(got[~dead], want[~dead], atol=1e-8, rtol=1e-9)
        assert law.log_radius / depth == pytest.approx(limit.top)
        free = ~dead & (p > 0.01) & (p < 0.99)
        np.testing.assert_allclose(law.cdf_log(law.ppf_log(p[free])), p[free], rtol=1e-11)


@pytest.mark.parametrize("family", [GAUSSIAN, ORTHOGONAL])
def test_a_profile_is_the_sum_over_its_layers(family):
    q = np.array([2.0, 0.9, 0.4])
    law = eigenvalues(vg.Network("tanh", family(1.2), 100, 3), q=q)
    z, w = np.polynomial.hermite_e.hermegauss(200)
    w = w / w.sum()
    for t in (0.05, 0.5, 0.93):
        total = 0.0
        for v in q:
            d2 = np.cosh(np.sqrt(v) * z) ** -4.0
            log_r = brentq(lambda u, d2=d2, t=t: (w / (1 + d2 * np.exp(-u))).sum() - t, -60, 30, xtol=1e-13)
            total += 2 * np.log(1.2) + log_r + np.log1p(-t) - (np.log(t) if family is ORTHOGONAL else 0)
        assert law.ppf_log(t) == pytest.approx(total / 2, abs=2e-5)
    y = law.ppf_log(0.4)
    slope = (law.cdf_log(y + 1e-5) - law.cdf_log(y - 1e-5)) / 2e-5
    assert law.pdf_log(y) == pytest.approx(slope, rel=1e-8)


def distance(values, law):
    y = np.sort(np.ravel(values))
    n, finite = len(y), np.isfinite(y)
    f, rank = law.cdf_log(y[finite]), np.arange(1, n + 1)[finite] / n
    return max(np.max(rank - f), np.max(f - rank + 1 / n))


# Over 12 seeds at N = 150 the distance had means of 0.03 to 0.074 and standard deviations of at most 0.021 (numbers of
# active units and q_l fluctuate by 1/√N): 0.14 is three of them above the largest, false alarms below 2e-3 for a fresh
# seed; the seeds below are fixed.  At N = 400 both are smaller by √(400/150).
LIMIT_WIDTH, LIMIT, LIMIT_WIDE = 150, 0.14, 0.085
CASES = [
    ("tanh", GAUSSIAN(1.5, 0.05)),
    ("tanh", ORTHOGONAL(1.5, 0.05)),
    ("relu", vg.Weights.he()),
    ("relu", ORTHOGONAL(2**0.5)),
]


@pytest.mark.parametrize("depth", [3, 20])
@pytest.mark.parametrize(("name", "weights"), thinned(CASES, 3))
def test_sampled_networks_have_these_moduli(name, weights, depth):
    network = vg.Network(name, weights, LIMIT_WIDTH, depth)
    values = sample(network, of="eigenvalues", seed=2).log_modulus.values
    law = eigenvalues(network)
    assert distance(values, law) < LIMIT
    # Power: moduli of J multiplied by 1.3 per layer, what σ_w wrong by 30 % would do, are seen.
    assert distance(values + depth * np.log(1.3), law) > LIMIT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "weights", "depth"), [(*CASES[0], 3), (*CASES[1], 3), (*CASES[0], 20), (*CASES[2], 20), (*CASES[3], 20)]
)
def test_wider_networks_are_closer(name, weights, depth):
    network = vg.Network(name, weights, 400, depth)
    data = sample(network, of="eigenvalues", seed=1)
    values, law = data.log_modulus.values, eigenvalues(network)
    assert distance(values, law) < LIMIT_WIDE
    assert distance(values + depth * np.log(1.12), law) > LIMIT_WIDE
    assert abs(values.max() - law.log_radius) < 0.05 * depth
    # Arguments are uniform: one Kolmogorov test at a false-alarm rate of 1e-4.
    turned = np.sort(data.argument.values[np.isfinite(values)]) / (2 * np.pi) + 0.5
    rank = np.arange(1, len(turned) + 1) / len(turned)
    assert np.abs(rank - turned).max() < 2.23 / np.sqrt(len(turned))


def test_refusals():
    with pytest.raises(UnsupportedError, match="skip"):
        eigenvalues(vg.Network("tanh", GAUSSIAN(1), 10, 3, skip=0.5))
    with pytest.raises(UnsupportedError, match="width"):
        eigenvalues(vg.Network("tanh", GAUSSIAN(1), (10, 20, 10), 2))
    with pytest.raises(InputError, match=r"of must be .* \(got 'moduli'\)"):
        sample(vg.Network("tanh", GAUSSIAN(1), 10, 3), of="moduli")
    with pytest.raises(UnsupportedError, match="as many outputs"):
        sample(vg.Network("tanh", GAUSSIAN(1), (10, 20, 30), 2), of="eigenvalues")
    law = eigenvalues(vg.Network("relu", vg.Weights.he(), 10, 3))
    assert np.isnan([law.ppf(1.5), law.cdf_log(np.nan)]).all()
    assert law.rvs(5, random_state=0).shape == (5,)
