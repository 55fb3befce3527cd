"""Laws against published numbers and those of independent programs."""

import json
from pathlib import Path

import numpy as np
import pytest

from vgtheory import laws
from vgtheory.random_matrices.laws.finite.meijer import log_weight

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "laws.json").read_text())


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_tracy_widom_to_ten_digits(beta):
    law, known = laws.tracy_widom(beta), REFERENCE["tracy_widom"][str(beta)]
    assert law.mean() == pytest.approx(known["mean"], abs=1e-10)
    assert law.var() == pytest.approx(known["var"], abs=1e-10)
    for x, value in known["cdf"].items():
        assert law.cdf(float(x)) == pytest.approx(value, abs=1e-10)


def test_tracy_widom_four_from_one_and_two():
    """2 F₄(x/√2) = F₁ + F₂/F₁ (Tracy & Widom 1996, eq. 53), which the determinants do not use."""
    x = np.linspace(-4, 2, 25)
    one, two = laws.tracy_widom(1).cdf(x), laws.tracy_widom(2).cdf(x)
    np.testing.assert_allclose(laws.tracy_widom(4).cdf(x / np.sqrt(2)), (one + two / one) / 2, atol=1e-12)


def test_density_of_complex_ginibre_matrices():
    law = laws.finite_ginibre(50)
    for r, value in REFERENCE["complex_ginibre_density_N50"].items():
        assert law.pdf(float(r)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("depth", [3, 50])
def test_fuss_catalan(depth):
    law, known = laws.fuss_catalan(depth), REFERENCE["fuss_catalan"][str(depth)]
    assert [law.moment(k) for k in range(1, 6)] == pytest.approx(known["moments_1to5"], rel=1e-13)
    assert law.var() == known["variance"]
    assert law.support()[1] == pytest.approx(known["lambda_max"], rel=1e-13)
    assert law.support()[1] / (np.e * depth) == pytest.approx(known["lambda_max_over_eL"], rel=1e-13)
    # Moments 0 to 3 of the density itself, by a rule that does not know them.
    for order, value in enumerate([1, *known["moments_1to5"][:3]]):
        by_density = law.expect(lambda x, k=order: x**k, 800)
        assert by_density == pytest.approx(value, rel=1e-9 if order else 1e-5)  # mass near 0: x^{1/(L + 1)} at 1e-300


def test_meijer_weight():
    for x, value in REFERENCE["meijer_weight_L3"].items():
        assert np.exp(log_weight(np.log([float(x)]), 3))[0] == pytest.approx(value, rel=1e-12)


def test_moduli_of_products():
    law = laws.ginibre_product(4)
    for r, value in REFERENCE["product_of_4_ginibre_modulus_cdf"].items():
        assert law.cdf(float(r)) == pytest.approx(value, rel=1e-14)
