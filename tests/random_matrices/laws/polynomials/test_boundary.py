"""Densities next to the ends of their bands, where rounded coefficients would drown them."""

import mpmath
import numpy as np
import pytest

from vgtheory import laws
from vgtheory._errors import InputError

GAPS = np.array([-0.004, 1.23606, 2.2])  # of the sum below: the second is 1.2e-4 wide


@pytest.fixture(scope="module")
def coins():
    return laws.discrete([-1, 1], [0.5, 0.5]) + laws.discrete([0, 1, 3], [0.25, 0.5, 0.25])


def _subordinated(x, first, second):
    """Return the density of a free sum of discrete laws: ω = z + h_b(z + h_a(ω)), h = 1/G − z, iterated above x."""

    def rest(w, law):
        return 1 / sum(mass / (w - place) for place, mass in law.items()) - w

    z = np.asarray(x) + 1e-9j
    w = z + 1j
    for _ in range(20_000):
        w = z + rest(z + rest(w, first), second)
    return -sum(mass / (w - place) for place, mass in first.items()).imag / np.pi


@pytest.mark.parametrize("heads", [0.5, 0.6])
def test_a_free_sum_of_atoms_follows_subordination(heads):
    places = np.array([-0.5, 0.5, 3.0])
    law = laws.discrete([-1, 1], [1 - heads, heads]) + laws.discrete([0, 1, 3], [0.25, 0.5, 0.25])
    wanted = _subordinated(places, {-1: 1 - heads, 1: heads}, {0: 0.25, 1: 0.5, 3: 0.25})
    np.testing.assert_allclose(law.pdf(places), wanted, rtol=1e-7)


def test_the_bands_of_a_sum_of_atoms_have_quarters_of_the_mass(coins):
    """A gap gives a projection of the algebra, whose trace is one of ℤ/2 + ℤ/4: sums of masses of the two laws."""
    np.testing.assert_allclose(coins.cdf(GAPS), [0.25, 0.5, 0.75], atol=1e-14)
    np.testing.assert_allclose(coins.cdf(coins.ppf([0.1, 0.4, 0.9])), [0.1, 0.4, 0.9], atol=1e-12)


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, 2.0**-50])
def test_digits_are_kept_where_g_is_infinite(coins, distance):
    """At 2 the leading coefficient has a double root: of the roots of P(x, ·) in 60 digits one has Im G < 0."""
    x = 2 - distance
    with mpmath.workdps(60):
        found = [mpmath.polyval([int(c) for c in reversed(row.coeffs())], mpmath.mpf(x)) for row in coins._sheet.rows]
        (root,) = (g for g in mpmath.polyroots(found[::-1], maxsteps=500, extraprec=400) if g.imag < -1e-20)
        wanted = float(-root.imag / mpmath.pi)
    assert coins.pdf(x) == pytest.approx(wanted, rel=1e-12)


def test_the_arcsine_law_to_its_ends():
    coin = laws.discrete([-1, 1], [0.5, 0.5])
    law = coin + coin + 5  # 2 sin of a uniform angle, moved
    x = np.array([3 + 1e-12, 4.0, 6.0, 7 - 1e-9])
    np.testing.assert_allclose(law.pdf(x), 1 / np.pi / np.sqrt((7 - x) * (x - 3)), rtol=1e-12)
    np.testing.assert_allclose(law.cdf(x[1:]), 0.5 + np.arcsin((x[1:] - 5) / 2) / np.pi, atol=1e-14)
    np.testing.assert_array_equal(law.pdf([3.0, 7.0]), np.inf)
    z = np.array([7 + 1e-9j, 3 - 1e-9 + 0j, 2 + 1j])
    np.testing.assert_allclose(law.stieltjes(z), 1 / (np.sqrt(z - 7) * np.sqrt(z - 3)), rtol=1e-12)


def test_the_density_at_an_end_is_its_limit():
    assert laws.algebraic("z*G**2 - z*G + 1").pdf(0) == laws.marchenko_pastur(1).pdf(0) == np.inf
    assert laws.algebraic("z*G**2/4 - (z - 3/4)*G + 1").pdf([0.25, 2.25]) == pytest.approx(0.0, abs=0)
    touching = laws.discrete([-1, 1], [0.5, 0.5]) + laws.semicircle(2.0)  # two bands that just meet at 0
    assert touching.pdf(0.0) == 0.0 < touching.pdf(1e-9)
    coins = laws.discrete([-1, 1], [0.5, 0.5]) + laws.discrete([0, 1, 3], [0.25, 0.5, 0.25])
    assert coins.pdf(2.0) == coins.pdf(0.0) == np.inf
    # At 1 another branch is infinite, and this one as it is beside it.
    assert coins.pdf(1.0) == pytest.approx(coins.pdf([1 - 1e-9, 1 + 1e-9]), rel=1e-7)


@pytest.mark.parametrize("steps", range(-2, 3))
@pytest.mark.parametrize("end", [0, 1])
def test_enclosures_beside_an_irrational_end(end, steps):
    """3/2 ± √2 are no doubles: the density √((b − x)(x − a))/(πx) at the doubles next to them, in 60 digits."""
    law = laws.algebraic("c*z*G**2 - (z - 1 + c)*G + 1").at(c="1/2")
    x = law.support()[end]
    for _ in range(abs(steps)):
        x = np.nextafter(x, np.sign(steps) * np.inf)
    with mpmath.workdps(60):
        a, b = mpmath.mpf(1.5) - mpmath.sqrt(2), mpmath.mpf(1.5) + mpmath.sqrt(2)
        inside = (b - mpmath.mpf(x)) * (mpmath.mpf(x) - a)
        wanted = mpmath.sqrt(inside) / (mpmath.pi * mpmath.mpf(x)) if inside > 0 else mpmath.mpf(0)
        low, high = law.enclosure(x)
        assert low <= wanted <= high
    assert high <= low * (1 + 1e-14)


def test_enclosures_at_ends_of_narrow_gaps(coins):
    for end in (x for band in coins.bands for x in band if x not in (0.0, 2.0)):
        low, high = coins.enclosure(end)
        assert 0 <= low <= high < 1e-7
    with pytest.raises(InputError, match="the density is finite"):
        coins.enclosure(2.0)
