"""Lyapunov exponents against closed laws, Newman's values, the finite-depth spectrum and QR of sampled products."""

import numpy as np
import pytest
import sympy as sp

import vgtheory as vg
from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.spectra.jacobian import spectrum
from vgtheory.spectra.lyapunov import lyapunov

LINEAR = vg.Activation("x")
T = np.array([0.03, 0.2, 0.5, 0.77, 0.99])


def network(act, sigma_w=1.0, family="gaussian", depth=10):
    return vg.Network(act, getattr(vg.Weights, family)(sigma_w), width=100, depth=depth)


def test_linear_and_relu_laws():
    assert np.allclose(np.exp(2 * lyapunov(network(LINEAR, 1.3)).ppf(T)), 1.69 * T, rtol=1e-12)
    relu = lyapunov(network("relu", 1.3))
    assert np.allclose(np.exp(2 * relu.ppf([0.6, 0.9])), 1.69 * np.array([0.1, 0.4]), rtol=1e-12)
    assert np.all(relu.ppf([0.1, 0.5]) == -np.inf)
    assert relu.cdf(relu.top) == 1
    assert relu.cdf(-50.0) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["tanh", "gelu", "relu", "hard_tanh"])
@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
def test_quantiles_invert_and_agree_with_a_thousand_layers(name, family):
    net = network(name, 1.4, family, depth=1000)
    law = lyapunov(net, q=0.5)
    p = law.zero_mass + (1 - law.zero_mass) * np.array([0.2, 0.5, 0.8, 0.95])
    assert np.allclose(law.cdf(law.ppf(p)), p, rtol=1e-10)
    assert law.ppf(1.0) == pytest.approx(law.top)
    finite = spectrum(net, q=0.5).ppf_log(p)
    if law.zero_mass == 0:
        assert np.allclose(law.log_singular_value(p, 1000), finite, atol=0.02)
    assert np.allclose(law.ppf(p), finite / 1000, atol=0.01)
    assert not np.allclose(law.ppf(p) + 0.02, finite / 1000, atol=0.01)


# λ_k of Newman (1986) at k = 1, 2, N/2, N − 1, N, computed with mpmath.
NEWMAN = {
    64: (-0.007853186132369627, -0.01585267429608206, -0.3464922655885516, -2.02147578385063, -2.714622964410575),
    1000: (-0.0005001666666002436, -0.0010009176677256981, -0.3465732569475728, -3.395911881661862, -4.089059062221807),
}


@pytest.mark.parametrize("width", NEWMAN)
def test_newman_exponents(width):
    got = lyapunov(network(LINEAR)).finite_width(width)
    assert np.allclose(got[[0, 1, width // 2 - 1, -2, -1]], NEWMAN[width], rtol=1e-11, atol=1e-13)


def test_newman_exponents_of_a_sampled_product():
    """QR of 4000 layers of width 8: each mean within 5 standard errors (false alarm 5e-6); 3 % off is seen."""
    rng, n, depth = np.random.default_rng(5), 8, 4000
    frame, logs = np.eye(n), []
    for _ in range(depth):
        frame, r = np.linalg.qr(rng.standard_normal((n, n)) / np.sqrt(n) @ frame)
        logs.append(np.log(np.abs(np.diag(r))))
    mean, error = np.mean(logs, axis=0), np.std(logs, axis=0) / np.sqrt(depth)
    law = lyapunov(network(LINEAR))
    assert np.all(np.abs(mean - law.finite_width(n)) < 5 * error)
    assert not np.all(np.abs(mean - law.finite_width(n) - np.log(1.1) / 2) < 5 * error)


def test_refusals():
    with pytest.raises(UnsupportedError, match="sample_spectrum"):
        lyapunov(network("tanh"), q=1.0).finite_width(10)
    with pytest.raises(InputError, match="stationary"):
        lyapunov(network("tanh"), q="profile")
    with pytest.raises(NoSolutionError):
        lyapunov(network("tanh", 0.5))
    with pytest.raises(UnsupportedError, match="slope 0"):
        lyapunov(network(vg.Activation(sp.Integer(1))))
    with pytest.raises(InputError, match="probability"):
        lyapunov(network("relu")).ppf(1.5)
