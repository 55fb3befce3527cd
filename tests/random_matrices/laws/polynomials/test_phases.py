"""Where bands split: known transitions, and the gap of the leaky ReLU's spectrum decided for all slopes."""

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest

from vgtheory import laws
from vgtheory._errors import InputError


def test_two_atoms_under_a_semicircle_split_where_they_are_as_far_apart_as_it_is_wide():
    """Two equal atoms ±t and variance v: two bands if and only if t² > v (Pastur's equation, by hand)."""
    atoms = laws.algebraic("(z**2 - t**2)*G - z")
    found = laws.band_phases(atoms + laws.semicircle(1.0), 0.1, 3)
    assert [(p.bands, p.low, p.high) for p in found] == [(1, 0.1, 0.5), (2, 0.5, 3.0)]
    noisy = laws.discrete([-1, 1], [0.5, 0.5]) + laws.algebraic("v*G**2 - z*G + 1")
    assert [(p.bands, p.low, p.high) for p in laws.band_phases(noisy, 0.1, 3)] == [(2, 0.1, 1.0), (1, 1.0, 3.0)]


def test_a_layer_of_leaky_relu_has_a_gap_if_and_only_if_its_slope_is_small():
    """Squared slope a: two bands exactly for a + 1/a > 7 + 3√3, a < a*, over all of 0 < a < 1.

    The law is Marchenko–Pastur times a law on 1 and a; at a = 1/16 and σ² = 1 the gap's ends are known.
    """
    slopes = laws.algebraic("(z - 1)*(z - a)*G - z + (1 + a)/2")
    law = slopes * laws.marchenko_pastur(1.0)
    below, above = laws.band_phases(law, 0, 1)
    assert (below.bands, below.low, above.bands, above.high) == (2, 0.0, 1, 1.0)
    assert below.high == above.low == pytest.approx(0.0825518385763913848, rel=1e-15)
    assert below.high + 1 / below.high == pytest.approx(7 + 3 * sqrt(3), rel=1e-14)
    first, second = law.at(a="1/16").bands
    ratio = first[1] / second[0]
    assert ratio == pytest.approx(0.21657628996947842 / 0.23678641290143345, rel=1e-13)


def test_counts_agree_with_bands_at_values_between():
    law = laws.algebraic("(z - 1)*(z - 2)*(z - 5)*G - (z**2 - 16*z/3 + 17/3)") + laws.algebraic("v*G**2 - z*G + 1")
    phases = laws.band_phases(law, 0.01, 4)
    assert [p.bands for p in phases] == [3, 2, 1]
    assert all(p.high == q.low for p, q in pairwise(phases))
    for phase in phases:
        for share in (0.02, 0.98):
            value = round(phase.low + share * (phase.high - phase.low), 6)
            assert len(law.at(v=value).bands) == phase.bands


def test_bad_input_is_refused():
    one = laws.algebraic("c*z*G**2 - (z - 1 + c)*G + 1")
    two = one + laws.algebraic("v*G**2 - z*G + 1")
    for call in (
        lambda: laws.band_phases(laws.semicircle(), 0, 1),
        lambda: laws.band_phases(one.at(c=1), 0, 1),
        lambda: laws.band_phases(two, 0, 1),
        lambda: laws.band_phases(one, 1, 0),
        lambda: laws.band_phases(one, np.nan, 1),
    ):
        with pytest.raises(InputError):
            call()
