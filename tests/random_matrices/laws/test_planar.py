"""Laws in the complex plane: area density, nested regions, marginal laws, draws, edges of the parameters."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from vgtheory import laws
from vgtheory._errors import InputError

LAWS = [laws.circular(), laws.elliptic(0.5), laws.elliptic(-0.9)]
DRAWS, ALARM = 20_000, 1e-6  # false-alarm rate of each Kolmogorov test; misplacing 4 % of the draws must be seen


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_draws_follow_radius_and_both_marginal_laws(law):
    z = law.rvs(DRAWS, random_state=1)
    for values, cdf in [(law.radius(z), law.cdf), (z.real, law.real().cdf), (z.imag, law.imag().cdf)]:
        values = values.copy()
        assert stats.kstest(values, cdf).pvalue > ALARM
        values[: DRAWS // 25] = values.max()
        assert stats.kstest(values, cdf).pvalue < ALARM


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_marginal_density_is_the_integral_over_a_line(law):
    width, height = law.real().support()[1], law.imag().support()[1]
    for x in np.array([-0.7, 0.1, 0.5]) * width:
        half = height * np.sqrt(1 - (x / width) ** 2)  # the chord of the ellipse
        inside = law.pdf(x + 1j * np.linspace(-0.999 * half, 0.999 * half, 5))
        assert np.ptp(inside) == 0
        assert law.real().pdf(x) == pytest.approx(2 * half * inside[0], rel=1e-12)
        assert law.pdf(x + 1.001j * half) == 0


def test_radius_is_the_modulus_without_correlation():
    law = laws.circular()
    z = np.array([0.3 + 0.4j, -0.5j, 2.0])
    np.testing.assert_allclose(law.radius(z), np.abs(z))
    np.testing.assert_allclose(law.ppf(law.cdf([0.1, 0.7])), [0.1, 0.7])
    assert quad(lambda r: 2 * np.pi * r * law.pdf(r), 0, 1)[0] == pytest.approx(1, abs=1e-12)
    assert law.support() == (0, 1)
    assert law.mean() == 0
    assert law.var() == 0.5


def test_moments_are_those_of_the_marginal_laws():
    law = laws.elliptic(0.3)
    square = law.real().moment(2) - law.imag().moment(2)
    assert law.moment(2) == pytest.approx(square, rel=1e-14)
    z = law.rvs(DRAWS, random_state=2)
    for order in (2, 4):  # five standard deviations: alarm 6e-7
        error = np.std((z**order).real) / np.sqrt(DRAWS)
        assert abs(np.mean((z**order).real) - law.moment(order)) < 5 * error


@pytest.mark.parametrize("tau", [1, -1])
def test_full_correlation_is_the_semicircle_on_an_axis(tau):
    law = laws.elliptic(tau)
    z = law.rvs(1000, random_state=0)
    along, across = (z.real, z.imag) if tau == 1 else (z.imag, z.real)
    assert (across == 0).all()
    assert stats.kstest(along, laws.semicircle().cdf).pvalue > ALARM
    assert law.pdf(1 if tau == 1 else 1j) == np.inf
    assert law.pdf(0.5 + 0.5j) == 0
    assert (law.real(), law.imag())[tau == 1].var() == 0


@pytest.mark.parametrize("tau", [1.01, -2, float("nan"), "0"])
def test_bad_correlation_is_refused(tau):
    with pytest.raises(InputError, match="tau"):
        laws.elliptic(tau)
