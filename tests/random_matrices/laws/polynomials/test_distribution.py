"""Bounds of distribution functions and quantiles against closed forms at 30 digits, and of atoms and gaps."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import fmpq

import vgtheory as vg
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.random_matrices.laws.polynomials.distribution import outward, quantile

laws = vg.laws


def semicircle_cdf(x, radius):
    x = mpmath.mpf(x) / radius
    return mpmath.mpf(1) / 2 + (x * mpmath.sqrt(1 - x * x) + mpmath.asin(x)) / mpmath.pi


@pytest.mark.parametrize("x", [-0.97, -0.5, 0.0, 0.3, 0.999999])
def test_a_semicircle(x):
    low, high = laws.semicircle(1.0).cdf_enclosure(x)
    with mpmath.workdps(30):
        want = semicircle_cdf(x, 1)
        assert low <= want <= high
        assert not low <= want + mpmath.mpf("3e-15") <= high  # bounds that anything would meet are none
    assert high - low < 3e-15


@pytest.mark.parametrize("x", [0.01, 0.3, 1.1, 2.5])
def test_a_marchenko_pastur_law(x):
    """∫ of the density from x to its end (1 + √c)², by quadrature at 30 digits; mass ½ at 0 for c = 2."""
    for c, top in ((0.5, (1 + 0.5**0.5) ** 2), (2.0, (1 + 2**0.5) ** 2)):
        law = laws.marchenko_pastur(c)
        with mpmath.workdps(30):
            a, b = (1 - mpmath.sqrt(c)) ** 2, (1 + mpmath.sqrt(c)) ** 2
            f = lambda t, a=a, b=b, c=c: mpmath.sqrt(abs((b - t) * (t - a))) / (2 * mpmath.pi * c * t)  # noqa: E731
            want = 1 - mpmath.quad(f, [max(a, x), 1.2 if x < 1.2 else 2.8, b])
            low, high = law.cdf_enclosure(x)
            assert low - mpmath.mpf("1e-25") <= want <= high + mpmath.mpf("1e-25")
        assert high - low < 3e-15
        assert law.cdf_enclosure(1.001 * top) == (1, 1)
        assert law.cdf_enclosure(-0.1) == (0, 0)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.93])
def test_quantiles_of_a_sum(q):
    law = laws.algebraic(laws.marchenko_pastur(0.5)) + laws.algebraic(laws.semicircle(1.0))
    low, high = law.ppf_enclosure(q)
    assert low < high <= low + 1e-13 * max(1.0, abs(low))
    assert law.cdf_enclosure(low)[1] < q <= law.cdf_enclosure(high)[0]
    assert low <= law.ppf(q) <= high
    assert law.cdf(low) == pytest.approx(q, abs=1e-12)


def test_gaps_and_atoms():
    """±1 with noise: a gap of mass ½ to either side.  Half of a law at 0, whose quantile is 0 up to there."""
    noisy = laws.algebraic(laws.discrete([-1, 1], ["1/2", "1/2"])) + laws.algebraic(laws.semicircle(0.5))
    near = laws.algebraic(laws.discrete([-1, 1], ["1/2", "1/2"])) + laws.algebraic(laws.semicircle(2.02))
    for symmetric in (noisy, near):  # in a gap, and where it has just closed: branch points lie off the axis over 0
        low, high = symmetric.cdf_enclosure(0.0)
        assert low <= 0.5 <= high < low + 3e-15
    law = laws.marchenko_pastur(2.0)
    assert law.ppf_enclosure(0.25) == (0, 0)
    assert law.cdf_enclosure(1e-9)[0] <= 0.5 <= law.cdf_enclosure(1e-9)[1]
    assert law.cdf_enclosure(0.0) == (0.5, 0.5)


@pytest.mark.parametrize("light", [Fraction(1, 10**10), Fraction(1, 3 * 10**30)])
def test_light_atoms(light):
    """Every mass counts, also one that no double beside 1 shows."""
    places, masses = [0, 1, 3], [Fraction(1, 2), Fraction(1, 2) - light, light]
    for order in (1, -1):
        law = laws.algebraic(laws.discrete(places, [str(mass) for mass in masses[::order]]))
        assert [mass for _, mass in law.atoms] == [float(mass) for mass in masses[::order]]
        for x in (-1, 0, 0.5, 1, 2, 3, 4):
            low, high = law.cdf_enclosure(x)
            want = sum(mass for place, mass in zip(places, masses[::order], strict=True) if place <= x)
            assert Fraction(low) <= want <= Fraction(high) <= Fraction(low) + Fraction(1, 2**52)
            assert (want == 1) == (low == 1)
            assert (want == 0) == (high == 0)
    assert law.ppf_enclosure(float(light) / 2) == (0, 0)
    assert law.ppf_enclosure(float(light) * 1.01) == (1, 1)


def test_a_light_atom_beside_a_band():
    """1 − 1/c at 0, below a band that begins 2e-19 from there."""
    c = Fraction("1.000000001")
    law = laws.marchenko_pastur(float(c))
    low, high = law.cdf_enclosure(0.0)
    assert Fraction(low) <= 1 - 1 / c <= Fraction(high)
    assert high - low < 1e-24
    assert law.cdf_enclosure(-1e-300) == (0, 0)


@pytest.mark.parametrize(
    ("law", "x", "value"),
    [
        (laws.marchenko_pastur(1.0), 0, 0),
        (laws.marchenko_pastur(0.25), 0.25, 0),
        (laws.marchenko_pastur(0.25), 2.25, 1),
        (laws.semicircle(1.0), -1, 0),
        (laws.semicircle(1.0), 1, 1),
        (laws.marchenko_pastur(4.0), 0, 0.75),
        (laws.marchenko_pastur(4.0), 1, 0.75),
        (laws.marchenko_pastur(4.0), 9, 1),
    ],
)
def test_ends_of_the_support(law, x, value):
    assert law.cdf_enclosure(x) == (value, value)


def test_ends_of_gaps():
    """±√Y of a Marchenko–Pastur law: of ratio ¼ on ±[½, 3/2]; of ratio 4 on ±[1, 3], with a mass of ¾ at 0."""
    empty = laws.algebraic("z*G**2 - (4*z**2 - 3)*G + 4*z")
    held = laws.algebraic("4*z*G**2 - (z**2 + 3)*G + z")
    for law, x, value in [(empty, x, 0.5) for x in (-0.5, 0, 0.5)] + [
        (held, -1, 0.125),
        (held, 0, 0.875),
        (held, 1, 0.875),
    ]:
        low, high = law.cdf_enclosure(x)
        assert low <= value <= high < low + 1e-15
    for q in (0.1251, 0.5, 0.8749):
        assert held.ppf_enclosure(q) == (0, 0)
    low, high = held.ppf_enclosure(0.12)
    assert -1.2 < low < high < -1


def test_quantiles_on_a_plateau_and_in_a_tail():
    assert laws.marchenko_pastur(4.0).ppf_enclosure(0.75) == (0, 0)
    low, high = laws.marchenko_pastur(1.0).ppf_enclosure(1e-17)  # some (π q/2)²
    assert low <= 2.4e-34 <= high < 1e-16
    low, high = laws.marchenko_pastur(0.25).ppf_enclosure(1e-17)
    assert 0.25 < low < high < 0.25 + 1e-11

    def below(x, closed):
        return (fmpq(1, 3), fmpq(2, 3))

    with pytest.raises(UnsupportedError, match="not decided"):
        quantile(below, 1.0, 0.5, [1.0])


def test_bounds_are_rounded_outward():
    for value in (fmpq(1, 3), fmpq(2, 3), fmpq(1, 10), fmpq(1, 10**400)):
        low, high = outward(value, value)
        assert Fraction(low) < Fraction(int(value.p), int(value.q)) < Fraction(high)
        assert np.nextafter(low, 1) == high
    assert outward(fmpq(0), fmpq(1)) == (0, 1)


def test_a_spectrum_of_singular_values():
    law = vg.spectrum(vg.Network("relu", vg.Weights.he(), 100, 2))
    for x in (0.3, 1.7):
        low, high = law.cdf_enclosure(x)
        assert high - low < 3e-15
        assert law.cdf(x) == pytest.approx(low, abs=1e-11)
    assert law.cdf_enclosure(-1.0) == (0, 0)
    assert law.cdf_enclosure(0.0) == (0.5, 0.5)
    assert law.ppf_enclosure(0.4) == law.ppf_enclosure(0.5) == (0, 0)
    low, high = law.ppf_enclosure(0.9999)
    assert law.cdf_enclosure(low)[1] <= 0.9999 <= law.cdf_enclosure(high)[0]
    assert high - low < 1e-12


def test_refusals():
    law = laws.semicircle(1.0)
    for q in (0, 1, -0.1, np.nan, "x"):
        with pytest.raises(InputError):
            law.ppf_enclosure(q)
    with pytest.raises(InputError):
        law.cdf_enclosure(np.inf)
    with pytest.raises(UnsupportedError, match="polynomial"):
        laws.tracy_widom(2).cdf_enclosure(0.0)
