"""The proof of a certificate: it compiles without overfull lines, and its printed numbers are the certificate's."""

import numpy as np
import pytest
from scipy import integrate

from tests.reporting.test_latex import compiled, needs_pdflatex
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.reporting.certificate_proof import proof_document
from vgtheory.theory.proofs import certificate, lyapunov
from vgtheory.theory.proofs.layered_network import layered
from vgtheory.theory.proofs.rates import model_of

NETWORKS = {
    "finite width": (Network("tanh", Weights.gaussian(1.3, 0.3), 100, 50), "vanishes"),
    "finite width from below": (Network("tanh", Weights.gaussian(1.5, 0.05), 100, 50), "explodes"),
    "no bias": (Network("sigmoid", Weights.gaussian(9, 0), 20, 50), "vanishes"),
    "bias": (Network("tanh", Weights.gaussian(1.2, 0.9), 1, 50), "vanishes"),
    "Haar": (Network("tanh", Weights.orthogonal(1, 0.8), 64, 50), "vanishes"),
    "symmetry": (Network("gelu", Weights.uniform(1), 64, 50), "vanishes"),
    "symmetry from below": (Network("leaky_relu", Weights.gaussian(2), 64, 50), "explodes"),
    "unequal widths": (Network("relu", Weights.xavier(), (10, 20, 5), 2), "vanishes"),
}


@pytest.mark.slow
@needs_pdflatex
@pytest.mark.parametrize("case", NETWORKS)
def test_the_proof_states_the_verdict_and_compiles(case, tmp_path):
    network, verdict = NETWORKS[case]
    found = certificate(network)
    assert found.verdict == verdict
    text = proof_document(network, found)
    assert text.count(r"\end{proof}") >= 2  # a lemma and the theorem, each with its proof
    assert verdict in text
    assert "Overfull" not in compiled(text, tmp_path)


def test_the_printed_table_proves_the_rate():
    """Whoever types in the table's numbers finds the inequality: an independent quadrature at many variances."""
    network = NETWORKS["finite width"][0]
    found = lyapunov.upper_rate(model_of(layered(network, "certificate")))
    text = proof_document(network, certificate(network))
    times = [float(t) for t in found.mixture.times]
    weights = [float(a) for a in found.mixture.weights]
    for number in (*times, *weights):
        assert f"{number:.6g}" in text

    def mean(f):
        return integrate.quad(lambda z: f(z) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi), -12, 12, epsabs=1e-13)[0]

    sigma_w, sigma_b, n, constant = 1.3, 0.3, 100, float(found.mixture.constant)
    worst = 0.0
    for v in np.geomspace(sigma_b**2, sigma_w**2 + sigma_b**2, 40):
        gain = mean(lambda z, v=v: np.cosh(np.sqrt(v) * z) ** -4)
        after = constant + sum(
            a
            * np.exp(-t * sigma_b**2)
            * mean(lambda z, v=v, t=t: np.exp(-t * sigma_w**2 / n * np.tanh(np.sqrt(v) * z) ** 2)) ** (n - 1)
            for t, a in zip(times, weights, strict=True)
        )
        before = constant + sum(a * np.exp(-t * v) for t, a in zip(times, weights, strict=True))
        worst = max(worst, sigma_w**2 * gain * after / before)
    assert worst <= float(found.rate)
    assert worst > float(found.rate) * 0.998  # the certified rate is not far above the true maximum
