"""Why the product spreads: what the report says of the moments of the singular values."""

from types import SimpleNamespace

import pytest

import vgtheory as vg
from vgtheory.reporting.story_matrices import _exact_spread

W = vg.Weights


@pytest.mark.parametrize(
    ("act", "weights", "ratio", "layer"),
    [  # a layer adds the variance over the squared mean of Marchenko–Pastur (1) and of the slopes (1/p − 1)
        ("relu", W.gaussian(2**0.5), "21", "2"),
        ("relu", W.orthogonal(1.5), "11", "1"),
        ("identity", W.gaussian(0.7), "11", "1"),
        ("identity", W.orthogonal(3), "1", "0"),
    ],
)
def test_the_spread_of_a_product_is_the_sum_over_its_layers(act, weights, ratio, layer):
    law = vg.spectrum(vg.Network(act, weights, width=64, depth=10))
    text = str(_exact_spread(SimpleNamespace(law=law)))
    assert f"E s⁴ = {ratio} (E s²)²" in text
    assert f"adds {layer}, " in text


def test_nothing_is_said_where_moments_are_not_exact():
    law = vg.spectrum(vg.Network("tanh", W.gaussian(1.1), width=64, depth=3))
    assert _exact_spread(SimpleNamespace(law=law)) == ""
