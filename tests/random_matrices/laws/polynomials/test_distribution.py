"""Bounds of distribution functions and quantiles against closed forms at 30 digits, and of atoms and gaps."""

import mpmath
import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import InputError, UnsupportedError

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
            assert low - 1e-25 <= want <= high + 1e-25
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
    low, high = noisy.cdf_enclosure(0.0)
    assert low <= 0.5 <= high < low + 3e-15
    law = laws.marchenko_pastur(2.0)
    low, high = law.ppf_enclosure(0.25)
    assert low < 0 < high < 1e-10
    assert law.cdf_enclosure(1e-9)[0] <= 0.5 <= law.cdf_enclosure(1e-9)[1]
    with pytest.raises(InputError, match="beside it"):
        law.cdf_enclosure(0.0)


def test_a_spectrum_of_singular_values():
    law = vg.spectrum(vg.Network("relu", vg.Weights.he(), 100, 2))
    for x in (0.3, 1.7):
        low, high = law.cdf_enclosure(x)
        assert high - low < 3e-15
        assert law.cdf(x) == pytest.approx(low, abs=1e-11)
    assert law.cdf_enclosure(-1.0) == (0, 0)


def test_refusals():
    law = laws.semicircle(1.0)
    for q in (0, 1, -0.1, np.nan, "x"):
        with pytest.raises(InputError):
            law.ppf_enclosure(q)
    with pytest.raises(InputError):
        law.cdf_enclosure(np.inf)
    with pytest.raises(UnsupportedError, match="polynomial"):
        laws.tracy_widom(2).cdf_enclosure(0.0)
