"""Lyapunov exponents against closed laws, integrals, the finite-depth spectrum, and QR of dense products in NumPy.

Statistical checks allow 4.5 standard errors (false alarm below 1e-4 for the numbers of one test); beside each stands
the same check on a value 1 or 2 % off, which must fail.
"""

import numpy as np
import pytest
import sympy as sp
from scipy import integrate, special, stats

import vgtheory as vg
from tests.oracles import weight_matrices
from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.spectra.jacobian import spectrum
from vgtheory.spectra.lyapunov import complex_formula, layers_between, lyapunov
from vgtheory.study.sample import sample

LINEAR = vg.Activation("x")
T = np.array([0.03, 0.2, 0.5, 0.77, 0.99])
ALLOWED = 4.5
SLOPES = {
    "tanh": lambda h: 1 / np.cosh(h) ** 2,
    "gelu": lambda h: special.ndtr(h) + h * np.exp(-(h**2) / 2) / np.sqrt(2 * np.pi),
    "sin": np.cos,
    "leaky_relu": lambda h: np.where(h > 0, 1.0, 0.01),
    "hard_tanh": lambda h: (np.abs(h) < 1) * 1.0,
    "relu": lambda h: (h > 0) * 1.0,
}


def network(act, sigma_w=1.0, family="gaussian", depth=10, width=100, **parts):
    return vg.Network(act, getattr(vg.Weights, family)(sigma_w), width, depth, **parts)


def holds(found, want, error):
    return bool(np.all(np.abs(np.asarray(found) - want) < ALLOWED * np.asarray(error)))


# ------------------------------------------------------------------ the limit law


def test_linear_and_relu_laws():
    assert np.allclose(np.exp(2 * lyapunov(network(LINEAR, 1.3)).ppf(T)), 1.69 * T, rtol=1e-12)
    relu = lyapunov(network("relu", 1.3))
    assert np.allclose(np.exp(2 * relu.ppf([0.6, 0.9])), 1.69 * np.array([0.1, 0.4]), rtol=1e-12)
    assert np.all(relu.ppf([0.1, 0.5]) == -np.inf)
    assert relu.cdf(relu.top) == 1
    assert relu.cdf(-50.0) == pytest.approx(0.5)
    assert relu.atoms == ((-np.inf, 0.5),)
    # e^{2λ} uniform: the density of λ is 2 e^{2λ}/σ_w².
    y = np.array([-2.0, -0.3, 0.2])
    assert np.allclose(lyapunov(network(LINEAR, 1.3)).pdf(y), 2 * np.exp(2 * y) / 1.69, rtol=1e-12)


def test_orthogonal_masks_have_the_law_of_two_atoms():
    # d² = 1 with probability p: e^{2λ} = σ_w² (1 − (1 − p)/t), t > 1 − p.
    law = lyapunov(network("relu", 1.3, "orthogonal"))
    t = np.array([0.55, 0.7, 0.95])
    assert np.allclose(np.exp(2 * law.ppf(t)), 1.69 * (1 - 0.5 / t), rtol=1e-12)


@pytest.mark.parametrize("q", [0.05, 0.5, pytest.param(30.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("name", ["tanh", "gelu", "silu", "sin", "elu", "relu", "hard_tanh", "leaky_relu", "softplus"])
def test_methods_agree_with_each_other(name, family, q):
    law = lyapunov(network(name, 1.4, family), q=q)
    p = law.zero_mass + (1 - law.zero_mass) * np.array([1e-4, 0.2, 0.5, 0.8, 0.95, 0.9999])
    y = law.ppf(p)
    assert (np.diff(y) > 0).all()
    assert np.allclose(law.cdf(y), p, rtol=1e-9)
    assert np.allclose(law.sf(y), 1 - p, atol=1e-12)
    assert law.ppf(1.0) == pytest.approx(law.top)
    assert law.cdf(law.top + 1) == 1
    low, high = law.support()
    assert low < y[0]
    assert y[-1] < high == law.top
    step = 1e-6 * (y[4] - y[2])
    assert law.pdf(y[3]) == pytest.approx(float(law.cdf(y[3] + step) - law.cdf(y[3] - step)) / (2 * step), rel=1e-4)
    # Mean in closed form against the quadrature of the quantiles, moments against each other.
    assert law.expect(lambda v: v) == pytest.approx(law.mean(), rel=1e-10, abs=1e-10)
    assert law.var() == pytest.approx(law.moment(2) - law.mean() ** 2, rel=1e-6)
    drawn = law.rvs(200, random_state=1)
    assert (
        stats.kstest(drawn[np.isfinite(drawn)], lambda v: (law.cdf(v) - law.zero_mass) / (1 - law.zero_mass)).pvalue
        > 1e-4
    )


@pytest.mark.parametrize("name", ["tanh", "hard_tanh", "gelu", "sin"])
def test_small_and_large_variances_leave_numbers(name):
    for family in ("gaussian", "orthogonal"):
        for q in (1e-3, 100.0):
            law = lyapunov(network(name, 1.4, family), q=q)
            y = law.ppf(law.zero_mass + (1 - law.zero_mass) * T)
            assert (np.diff(y) >= -1e-12).all()
            assert not np.isnan([*law.cdf(y), *law.pdf(y), law.mean()]).any()


@pytest.mark.parametrize(("name", "q"), [("tanh", 0.7), ("gelu", 1.0), ("sin", 4.0)])
def test_the_mean_exponent_is_the_mean_log_slope(name, q):
    """|det J|^{1/L}: E λ = ln σ_w + E ln|φ'| − 1/2 for Gaussian and ln σ_w + E ln|φ'| for orthogonal weights."""
    slope = SLOPES[name]
    zeros = {"gelu": [-0.7517915246935644], "sin": [(k + 0.5) * np.pi for k in range(-6, 6)]}.get(name, [])
    zeros = [v for v in zeros if abs(v) < 8.5 * np.sqrt(q)]
    ends = np.concatenate([[-8.5 * np.sqrt(q)], zeros, [0.1, 8.5 * np.sqrt(q)]])
    total = sum(
        integrate.quad(lambda h: np.log(np.abs(slope(h))) * stats.norm.pdf(h, scale=np.sqrt(q)), a, b, limit=200)[0]
        for a, b in zip(np.sort(ends)[:-1], np.sort(ends)[1:], strict=True)
    )
    for family, lost in (("gaussian", 0.5), ("orthogonal", 0.0)):
        assert lyapunov(network(name, 1.4, family), q).mean() == pytest.approx(np.log(1.4) + total - lost, abs=2e-7)


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("name", ["tanh", "gelu", "leaky_relu"])
def test_the_law_of_independent_slopes_by_qr(name, family):
    """Layers D W with D independent of W: frames do not matter, so exponents are means of ln R_kk of single matrices.

    The same W without D is the control variate, with the exponents of the linear limit law: most of the noise and of
    1/N, which both have, goes.  What is left at N = 200 is below 0.004; 1 % in σ_w shifts by 0.01.
    """
    rng, n, matrices = np.random.default_rng(7), 200, 30
    w = weight_matrices(family, matrices, n, n, 1.0, rng)
    # Slopes at stratified normals in random order: what is left of their law's own noise is O(1/N).
    h = special.ndtri((np.arange(n) + 0.5) / n)
    d = np.abs(SLOPES[name](rng.permuted(np.tile(h, (matrices, 1)), axis=1)))

    def logs(m):
        return np.log(np.abs(np.diagonal(np.linalg.qr(m, mode="r"), axis1=1, axis2=2)))

    share = (np.arange(n) + 0.5) / n
    known = lyapunov(network(LINEAR, 1.0, family)).ppf(1 - share)
    found = (logs(d[:, :, None] * w) - logs(w)).mean(axis=0) + known
    inside = (share > 0.05) & (share < 0.95) & (np.abs(share - 0.5) > 0.1)
    law = lyapunov(network(name, 1.0, family), q=1.0)
    apart = (found - law.ppf(1 - share))[inside]
    assert abs(apart.mean()) < 0.004
    assert not abs(apart.mean() - np.log(1.01)) < 0.004
    assert not abs(apart.mean() + np.log(1.01)) < 0.004
    bands = np.array([band.mean() for band in np.array_split(apart, 6)])
    assert np.abs(bands).max() < 0.015
    assert np.abs(bands - np.log(1.02)).max() > 0.015


@pytest.mark.parametrize("name", ["tanh", "gelu", "relu", "hard_tanh"])
@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_first_correction_of_finite_depth(name, family):
    """ln s = L λ(t) + ln(t/(1 − t))/2 + O(1/L) against the exact law at L = 100, 1000; without it O(1) is left."""
    error = {}
    for depth in (100, 1000, 10_000):
        net = network(name, 1.4, family, depth)
        law = lyapunov(net, q=0.5)
        p = law.zero_mass + (1 - law.zero_mass) * np.array([0.2, 0.5, 0.8])
        finite = spectrum(net, q=0.5).ppf_log(p)
        error[depth] = law.log_singular_value(p, depth) - finite
        assert np.abs(depth * law.ppf(p) - finite).max() > 0.1
    assert np.abs(error[100]).max() < 0.05
    assert np.abs(error[1000]).max() < 0.01
    ratio = error[1000] / error[10_000]
    assert np.all((ratio > 9) & (ratio < 11))


@pytest.mark.parametrize(("name", "sigma_w"), [("tanh", 1.5), ("gelu", 1.2)])
def test_first_correction_from_the_first_layer_on(name, sigma_w):
    """Where q_l has yet to settle its layers count: without them O(1) is left at any depth."""
    net = vg.Network(name, vg.Weights.gaussian(sigma_w, 0.3), 100, 400)
    law = lyapunov(net, q="profile")
    finite = spectrum(net).ppf_log([0.3, 0.6, 0.9])
    assert np.abs(law.log_singular_value([0.3, 0.6, 0.9], 400) - finite).max() < 0.02
    assert np.abs(lyapunov(net).log_singular_value([0.3, 0.6, 0.9], 400) - finite).max() > 0.05
    assert np.array_equal(law.ppf(T), lyapunov(net).ppf(T))


@pytest.mark.parametrize("sigma_w", [0.7, 1.0])
def test_first_correction_where_lengths_vanish(sigma_w):
    """Geometrically, or (at the critical point) like 1/l, where the sum of early layers grows like ln L."""
    net = network("tanh", sigma_w, depth=1000)
    finite = spectrum(net).ppf_log([0.3, 0.6, 0.9])
    assert np.abs(lyapunov(net, q="profile").log_singular_value([0.3, 0.6, 0.9], 1000) - finite).max() < 0.01
    assert np.abs(lyapunov(net).log_singular_value([0.3, 0.6, 0.9], 1000) - finite).max() > 0.1


def test_lengths_that_vanish_or_diverge():
    """q_l → 0: the slope at 0; q_l → ∞: the slopes far out, here those of ReLU."""
    law = lyapunov(network("tanh", 0.5))
    assert law.q == 0
    assert any("tends to 0" in said for said in law.assumptions)
    assert np.allclose(law.ppf(T), np.log(0.5) + np.log(T) / 2)
    far = lyapunov(network("gelu", 3.0))
    assert far.q == np.inf
    assert far.top == pytest.approx(np.log(3 / np.sqrt(2)))
    assert far.zero_mass == 0.5
    assert far.ppf(0.8) == pytest.approx(float(lyapunov(network("gelu", 3.0), q=1e6).ppf(0.8)), abs=2e-3)
    bent = lyapunov(network(vg.activation("elu", alpha=0.5), 0.4))
    assert sorted(np.exp(level / 2) for level, _ in bent.law.atoms) == pytest.approx([0.5, 1.0])
    with pytest.raises(NoSolutionError, match="no finite"):
        lyapunov(network(vg.Activation("x**3"), 0.5))
    with pytest.raises(NoSolutionError, match="diverges"):
        lyapunov(network(vg.Activation("x**2"), 3.0))


def test_constant_slopes_and_haar_matrices_have_one_exponent():
    law = lyapunov(network(LINEAR, 2.0, "orthogonal"))
    assert law.support() == (law.top, law.top)
    assert law.atoms == ((law.top, 1.0),)
    assert law.cdf([0.69, 0.7]).tolist() == [0, 1]
    assert law.pdf(0.7) == 0
    assert law.ppf(T) == pytest.approx(law.top)
    assert (law.mean(), law.var()) == pytest.approx((np.log(2), 0))
    assert np.allclose(law.finite_width(5), np.log(2))


def test_dropout_thins_the_slopes():
    # Keep 1 − p: d² = 1/(1 − p)² with probability 1 − p, so χ = σ_w²/(1 − p).
    law = lyapunov(network(LINEAR, 1.2, dropout=0.3))
    assert law.zero_mass == pytest.approx(0.3)
    assert law.top == pytest.approx(np.log(1.44 / 0.7) / 2)
    net = network("tanh", 1.4, dropout=0.2)
    assert lyapunov(net).top == pytest.approx(np.log(spectrum_chi(net)) / 2, abs=1e-9)


def spectrum_chi(net):
    """χ of a long iteration of the length map with dropout, by a midpoint sum."""
    z = (np.arange(200_000) + 0.5) * 1e-4 - 10
    w = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * 1e-4
    q, variance, keep = 1.0, net.sigmas[0][0] ** 2, 1 - net.drop_rate
    for _ in range(300):
        q = variance / keep * float(w @ np.tanh(np.sqrt(q) * z) ** 2)
    return variance / keep * float(w @ np.cosh(np.sqrt(q) * z) ** -4.0)


# ------------------------------------------------------------------ finite width

# λ_k of Newman (1986) at k = 1, 2, N/2, N − 1, N, computed with mpmath.
NEWMAN = {
    64: (-0.007853186132369627, -0.01585267429608206, -0.3464922655885516, -2.02147578385063, -2.714622964410575),
    1000: (-0.0005001666666002436, -0.0010009176677256981, -0.3465732569475728, -3.395911881661862, -4.089059062221807),
}


@pytest.mark.parametrize("width", NEWMAN)
def test_newman_exponents(width):
    got = lyapunov(network(LINEAR)).finite_width(width)
    assert np.allclose(got[[0, 1, width // 2 - 1, -2, -1]], NEWMAN[width], rtol=1e-11, atol=1e-13)


def grown(chains, layers, n, count, rng, one_layer):
    """Return ln R_kk of every layer, shape (layers, chains, count), for products of dense layers and QR in each."""
    frame = np.tile(np.eye(n)[:, :count], (chains, 1, 1)).astype(complex if one_layer is complex_layer else float)
    state, out = None, np.empty((layers, chains, count))
    for layer in range(layers):
        matrix, state = one_layer(chains, n, rng, state)
        frame, triangle = np.linalg.qr(matrix @ frame)
        with np.errstate(divide="ignore"):
            out[layer] = np.log(np.abs(np.diagonal(triangle, axis1=1, axis2=2)))
    return out


def linear_layer(chains, n, rng, state):
    return weight_matrices("gaussian", chains, n, n, 1.3, rng), None


def complex_layer(chains, n, rng, state):
    shape = (chains, n, n)
    return 1.3 * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2 * n), None


@pytest.mark.parametrize(("field", "layer"), [("real", linear_layer), ("complex", complex_layer)])
def test_exponents_and_variances_of_dense_products(field, layer):
    """Means and variances over 2.5e5 layers of width 4; 1 % in σ_w, and 3 % in the variance, are seen."""
    logs = grown(1000, 250, 4, 4, np.random.default_rng(5), layer).reshape(-1, 4)
    want = lyapunov(network(LINEAR, 1.3)).at_width(4, field)
    assert want.status == "proved"
    error = logs.std(axis=0) / np.sqrt(len(logs))
    assert holds(logs.mean(axis=0), want.value, error)
    assert not holds(logs.mean(axis=0), want.value + np.log(1.01), error)
    fourth = ((logs - logs.mean(axis=0)) ** 4).mean(axis=0)
    error = np.sqrt((fourth - logs.var(axis=0) ** 2) / len(logs))
    assert holds(logs.var(axis=0), want.layer_variance, error)
    assert not holds(logs.var(axis=0), 1.03 * want.layer_variance, error)


def relu_layer(family, biases, rate):
    """A layer of a real network: forward pass, its own slopes, dropout."""

    def one(chains, n, rng, x):
        x = np.sqrt(n) * np.eye(n)[np.zeros(chains, int)] if x is None else x
        w = weight_matrices(family, chains, n, n, 1.3, rng)
        h = np.einsum("cij,cj->ci", w, x) + biases * rng.standard_normal((chains, n))
        kept = (rng.random((chains, n)) >= rate) / (1 - rate)
        return (kept * (h > 0))[:, :, None] * w, kept * np.maximum(h, 0)

    return one


@pytest.mark.parametrize(
    ("family", "biases", "rate", "chains", "count"),
    [
        ("gaussian", 0.4, 0.0, 8000, 2),
        pytest.param("gaussian", 0.0, 0.2, 20_000, 3, marks=pytest.mark.slow),
        pytest.param("orthogonal", 0.4, 0.0, 20_000, 3, marks=pytest.mark.slow),
    ],
)
def test_relu_networks_of_small_width(family, biases, rate, chains, count):
    """Real ReLU networks of 12 layers and width 14; directions that died are left out, and counted."""
    n, depth = 14, 12
    rng = np.random.default_rng(11)
    logs = grown(chains, depth, n, count, rng, relu_layer(family, biases, rate))
    net = vg.Network("relu", getattr(vg.Weights, family)(1.3, biases), n, depth, dropout=rate or None)
    want = lyapunov(net).at_width(n)
    assert want.status == "proved"
    for k in range(count):
        alive = (logs[:, :, k] > -25).all(axis=0)  # what QR leaves of a zero column is rounding
        survival = want.survival(depth)[k]
        assert holds(alive.mean(), survival, np.sqrt(survival * (1 - survival) / chains) + 1 / chains)
        each = logs[:, alive, k]
        error = np.sqrt(want.layer_variance[k] / each.size)
        assert holds(each.mean(), want.value[k], error)
        assert not holds(each.mean(), want.value[k] + np.log(1.02), error)
        assert each.var() == pytest.approx(want.layer_variance[k], rel=0.03)
        assert each.var() != pytest.approx(1.06 * want.layer_variance[k], rel=0.03)


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_largest_and_mean_exponent_of_two_slopes(family):
    """Real leaky networks of width 5: λ_1 and the mean to 1 %; and what is known in closed form of constant slopes."""
    rng, n, chains, depth = np.random.default_rng(3), 5, 2000, 60
    act = vg.activation("leaky_relu", alpha=0.3)
    x, frame, total = np.sqrt(n) * np.tile(np.eye(n)[0], (chains, 1)), np.tile(np.eye(n), (chains, 1, 1)), []
    for _ in range(depth):
        w = weight_matrices(family, chains, n, n, 1.3, rng)
        h = np.einsum("cij,cj->ci", w, x) + 0.2 * rng.standard_normal((chains, n))
        slope = np.where(h > 0, 1.0, 0.3)
        x = slope * h
        frame, triangle = np.linalg.qr(slope[:, :, None] * w @ frame)
        total.append(np.log(np.abs(np.diagonal(triangle, axis1=1, axis2=2))))
    logs = np.concatenate(total)
    law = lyapunov(vg.Network(act, getattr(vg.Weights, family)(1.3, 0.2), n, depth))
    for found, want in ((logs[:, 0], law.top_at_width(n)), (logs.mean(axis=1), law.mean_at_width(n))):
        error = found.std() / np.sqrt(len(found))
        assert holds(found.mean(), want, error)
        assert not holds(found.mean(), want + np.log(1.01), error)
    for name in ("identity", "relu"):
        for width in (1, 6, 300):
            one = lyapunov(network(name, 1.3, family))
            assert one.top_at_width(width) == pytest.approx(one.finite_width(width)[0], abs=1e-11)
    line = lyapunov(network(LINEAR, 1.3, family))
    assert line.mean_at_width(9) == pytest.approx(line.finite_width(9).mean(), abs=1e-12)


def test_masked_exponents_by_enumeration():
    """E[ψ((n − k + 1)/2) | n ≥ k] over the binomial law by scipy.stats, and the formulas for LaTeX."""
    law, n = lyapunov(network("relu", 1.3, dropout=0.25)), 40
    want, rows = law.at_width(n), np.arange(n + 1)
    for k in (1, 7, 20, 39, 40):
        p = stats.binom.pmf(rows, n, 0.375) * (rows >= k)
        p /= p.sum()
        psi = special.digamma(np.maximum(rows - k + 1, 1) / 2)
        mean = float(p @ psi)
        scale = np.log(2 * 1.69 / 0.75**2 / n)
        assert want.value[k - 1] == pytest.approx((scale + mean) / 2, rel=1e-10)
        spread = float(p @ (special.polygamma(1, np.maximum(rows - k + 1, 1) / 2) + (psi - mean) ** 2)) / 4
        assert want.layer_variance[k - 1] == pytest.approx(spread, rel=1e-10)
        assert want.death[k - 1] == pytest.approx(stats.binom.cdf(k - 1, n, 0.375), rel=1e-9)
        formula, of_variance = law.formulas[-2:]
        formula = formula.at(sigma_w=1.3, d=sp.Rational(4, 3), p=0.375, width=n, k=k)
        assert float(formula.value()) == pytest.approx(want.value[k - 1], rel=1e-10)
        assert float(of_variance.at(p=0.375, width=n, k=k).value()) == pytest.approx(spread, rel=1e-10)
    assert (np.diff(want.value) < 0).all()


def test_formulas_say_what_the_arrays_say():
    law = lyapunov(network(LINEAR, 1.3))
    names = {f.name: f for f in law.formulas}
    at = {"width": 9, "k": 4}
    value = names["exponents at width N"].at(sigma_w=1.3, d=1, **at).value()
    assert float(value) == pytest.approx(law.finite_width(9)[3], rel=1e-12)
    spread = names["variance per layer at width N"].at(**at).value()
    assert float(spread) == pytest.approx(law.at_width(9).layer_variance[3], rel=1e-12)
    assert law.formulas[-1] == complex_formula()
    value = complex_formula().at(sigma_w=1.3, d=1, **at).value()
    assert float(value) == pytest.approx(law.finite_width(9, "complex")[3], rel=1e-12)
    assert r"\psi{\left(\frac{- k + N + 1}{2} \right)}" in vg.latex(names["exponents at width N"])


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_wide_networks_tend_to_the_limit_law(family):
    law = lyapunov(network("relu", 1.3, family))
    n = 4000
    share = (np.arange(n) + 0.5) / n
    inside = share < 0.3
    assert np.allclose(law.finite_width(n)[inside], law.ppf(1 - share)[inside], atol=2e-3)
    assert not np.allclose(law.finite_width(n)[inside] + 0.01, law.ppf(1 - share)[inside], atol=2e-3)
    assert lyapunov(network(LINEAR)).finite_width(10**6)[0] == pytest.approx(-5e-7, rel=1e-3)


def test_width_one_is_the_mean_log_of_a_normal_number():
    want = lyapunov(network(LINEAR, 1.0)).at_width(1)
    assert want.value == pytest.approx([-(np.euler_gamma + np.log(2)) / 2])
    assert want.layer_variance == pytest.approx([np.pi**2 / 8])
    assert sample(network(LINEAR, 1.0, width=1, depth=1), of="exponents", samples=3).log_growth.shape == (3, 1, 1)


# ------------------------------------------------------------------ sampled networks


@pytest.mark.parametrize(("act", "family"), [(LINEAR, "gaussian"), ("relu", "orthogonal"), ("relu", "gaussian")])
def test_triangular_factors_have_the_exact_exponents(act, family):
    """2e5 layers of width 60, ten leading directions; 1 % in σ_w is seen."""
    net = network(act, 1.3, family, depth=2000, width=60)
    found, want = sample(net, of="exponents", samples=100, seed=3, directions=10), lyapunov(net).at_width(60)
    assert found.attrs["method"] == "triangular"
    error = want.stderr(2000 - int(found.layer[0]), 100)[:10]
    assert holds(found.exponent, want.value[:10], error)
    assert not holds(found.exponent, want.value[:10] + np.log(1.01), error)
    assert np.allclose(found.exponent_stderr, error, rtol=0.5)


@pytest.mark.slow
def test_dense_networks_have_the_law_of_triangular_factors():
    net = vg.Network("relu", vg.Weights.gaussian(1.3, 0.2), 24, 400)
    found, want = sample(net, of="exponents", samples=40, method="dense"), lyapunov(net).at_width(24)
    error = want.stderr(400 - int(found.layer[0]), 40)[:3]
    assert holds(found.exponent[:3], want.value[:3], error)
    assert not holds(found.exponent[:3], want.value[:3] + np.log(1.02), error)


@pytest.mark.parametrize("name", ["tanh", "gelu", "leaky_relu", "identity"])
@pytest.mark.parametrize("family", ["gaussian", "orthogonal", "uniform"])
def test_growths_multiply_to_the_determinant_of_the_same_network(name, family):
    """Σ_k ln R_kk = Σ ln s of the same network, from the same seed, by another QR."""
    net = vg.Network(name, getattr(vg.Weights, family)(1.4, 0.1), 20, 50)
    growth = sample(net, of="exponents", samples=1, seed=4, method="dense").log_growth.sum("block")[0].values
    logs = vg.sample(net, seed=4).log_singular_value[0].values
    assert growth.sum() == pytest.approx(logs.sum(), abs=1e-6)
    assert (np.cumsum(growth) <= np.cumsum(logs) + 1e-6).all()


def test_layers_between_qr_steps_follow_the_error_rule():
    """One QR in each layer against the chosen number: within the tolerance per step; four times as many are far off."""
    net = network("tanh", 1.5, depth=160, width=64)
    exact = sample(net, of="exponents", qr_every=1).log_growth.values
    chosen = sample(net, of="exponents", tolerance=1e-6)
    k = chosen.attrs["qr_every"]
    assert k > 1
    assert chosen.attrs["rounding"] < 1e-6
    steps = 16 / k
    assert np.abs(chosen.log_growth.values - exact).max() < 10 * steps * 1e-6
    often = sample(net, of="exponents", qr_every=4 * k)
    assert often.attrs["rounding"] > 1e-4
    assert np.abs(often.log_growth.values - exact).max() > 10 * steps * 1e-6
    # Leading directions alone differ less and need fewer steps.
    few = sample(net, of="exponents", directions=4, tolerance=1e-6)
    assert few.attrs["qr_every"] > 2 * k
    assert np.abs(few.log_growth.values - exact[:, :, :4]).max() < 1e-5
    assert layers_between(np.full(16, 5.0), 1e-8) == 3
    assert layers_between(np.full(16, 50.0), 1e-8) == 1


@pytest.mark.slow
def test_leading_exponents_agree_with_forward_tangents():
    net = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.2), 30, 400)
    dense, tangents = (
        sample(net, of="exponents", samples=24, directions=3),
        vg.sample(net, of="growth", samples=64, directions=3),
    )
    error = np.hypot(dense.exponent_stderr, tangents.exponent_stderr)
    assert holds(dense.exponent, tangents.exponent, error)
    assert not holds(dense.exponent, tangents.exponent + np.log(1.02), error)


def test_real_networks_follow_the_limit_law():
    """tanh with its own forward pass, N = 150: within 1/N-effects of the law; 2 % in σ_w is seen."""
    net = vg.Network("tanh", vg.Weights.gaussian(1.5, 0.2), 150, 120)
    found, law = sample(net, of="exponents", samples=2).exponent.values, lyapunov(net)
    share = (np.arange(150) + 0.5) / 150
    apart = (found - law.ppf(1 - share))[:130]
    assert abs(apart.mean()) < 0.01
    assert not abs(apart.mean() + np.log(1.02)) < 0.01


def test_dead_directions_stay_dead():
    found = sample(network("relu", 1.4, depth=100, width=10), of="exponents", samples=4)
    growth = found.log_growth.values
    dead = np.isneginf(growth)
    assert dead[:, -1, -1].all()
    assert not (np.diff(dead.astype(int), axis=1) < 0).any()
    assert np.isneginf(found.exponent.values[-1])
    same = sample(network("relu", 1.4, depth=100, width=10), of="exponents", samples=2)
    assert np.array_equal(same.log_growth, growth[:2])


def test_homogeneous_networks_do_not_overflow():
    deep = network("leaky_relu", 4.0, depth=2000, width=6)
    assert np.isfinite(sample(deep, of="exponents").exponent).all()


def test_every_law_of_weights_and_shape_of_network_is_sampled():
    for weights in (vg.Weights.gaussian(1.2).tie(), vg.Weights.low_rank(1.2, rank=4, noise=0.5), vg.Weights.he()):
        assert np.isfinite(sample(vg.Network("tanh", weights, 6, 40), of="exponents").exponent).all()
    given = vg.Weights.given([np.diag([3.0, 2.0]), np.diag([1.0, 0.5])])
    found = sample(vg.Network("identity", given, 2, 2), of="exponents")
    assert np.allclose(found.log_growth[0, 0], np.log([3, 1]))
    mixed = sample(vg.Network("tanh", vg.Weights.gaussian(1.2), [9, 5, 7], 2), of="exponents")
    assert mixed.log_growth.shape == (1, 1, 5)
    thinned = sample(network("gelu", 1.4, depth=40, width=12, dropout=0.2), of="exponents", samples=2)
    assert np.isneginf(thinned.exponent[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in vg.catalogue if name != "step"])
def test_every_activation_of_the_catalogue_has_its_law(name):
    for family in ("gaussian", "orthogonal"):
        for q in (1e-2, 1.0, 10.0):
            law = lyapunov(network(vg.activation(name), 1.4, family), q=q)
            p = law.zero_mass + (1 - law.zero_mass) * T
            y = law.ppf(p)
            assert np.isfinite(y).all()
            assert np.allclose(law.cdf(y), p, rtol=1e-6) or law.std() < 1e-8
            assert law.expect(lambda v: v) == pytest.approx(law.mean(), rel=1e-8, abs=1e-10)


# ------------------------------------------------------------------ refusals


def test_refusals():
    with pytest.raises(UnsupportedError, match=r"vg\.sample"):
        lyapunov(network("tanh"), q=1.0).at_width(10)
    with pytest.raises(UnsupportedError, match="uniform weights"):
        lyapunov(network(LINEAR, family="uniform")).finite_width(10)
    with pytest.raises(InputError, match="stationary"):
        lyapunov(network("tanh"), q="now")
    with pytest.raises(UnsupportedError, match="slope 0"):
        lyapunov(network(vg.Activation(sp.Integer(1))))
    assert np.isnan(lyapunov(network("relu")).ppf(1.5))
    with pytest.raises(UnsupportedError, match="sigma_w > 0"):
        lyapunov(network("relu", 0.0))
    with pytest.raises(UnsupportedError, match="sigma_w > 0"):
        sample(network("relu", 0.0), of="exponents")
    with pytest.raises(InputError, match=r"width must be .* \(got 0\)"):
        lyapunov(network("relu")).at_width(0)
    with pytest.raises(InputError, match="20,000"):
        lyapunov(network("relu")).at_width(10**5)
    with pytest.raises(InputError, match="quaternion"):
        lyapunov(network("relu")).at_width(5, "quaternion")
    with pytest.raises(UnsupportedError, match="different widths"):
        lyapunov(vg.Network("tanh", vg.Weights.gaussian(1), [4, 5, 6], 2))
    with pytest.raises(UnsupportedError, match="skip"):
        lyapunov(network("tanh", skip=0.5))
    with pytest.raises(UnsupportedError, match="not exact for the slopes of tanh"):
        sample(network("tanh"), of="exponents", method="triangular")
    with pytest.raises(UnsupportedError, match="an hour"):
        sample(network("tanh", width=5000), of="exponents")
    with pytest.raises(UnsupportedError, match="overflow"):
        sample(network("x**2", 4.0, depth=100), of="exponents")
    with pytest.raises(InputError, match=r"directions must be .* \(got 101\)"):
        sample(network("tanh"), of="exponents", directions=101)
    with pytest.raises(InputError, match="tolerance"):
        sample(network("tanh"), of="exponents", tolerance=0)
