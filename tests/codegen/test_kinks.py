"""At the kinks of roots, where the formula of the slope is 0/0: the limit from the left; right values next to it."""

import math

import numpy as np
import pytest

from vgtheory.codegen.compiled import compile_activation
from vgtheory.codegen.evaluate import evaluator
from vgtheory.symbolic.activation import Activation

# formula, kink, slopes from the left and from the right
KINKS = [
    ("sqrt(x**2-2*x+1)", 1.0, -1.0, 1.0),
    ("sqrt((x-1)**2*(x+2)**2)", -2.0, -3.0, 3.0),
    ("sqrt((x-1)**2*(x+2)**2)", 1.0, -3.0, 3.0),
    ("sqrt(log(1+x**2))", 0.0, -1.0, 1.0),
    ("sqrt(1-exp(-x**2))", 0.0, -1.0, 1.0),
    ("sqrt(cosh(x)-1)", 0.0, -math.sqrt(0.5), math.sqrt(0.5)),
    ("sqrt(abs(x))", 0.0, -math.inf, None),
    ("abs(x)**0.75", 0.0, -math.inf, None),
    ("abs(x)**1.5", 0.0, 0.0, 0.0),
]


@pytest.mark.parametrize(("formula", "kink", "left", "right"), KINKS)
def test_slopes_at_kinks(formula, kink, left, right):
    e = evaluator(Activation(formula))
    assert e.slope(kink) == pytest.approx(left, rel=1e-14)
    assert e.log_slope(kink) == pytest.approx(math.log(abs(left)) if left else -math.inf, abs=1e-14)
    if right is not None and right:
        near = 1e-9 if kink else 1e-200
        assert e.slope([kink - near, kink + near]) == pytest.approx([left, right], rel=1e-8)


def test_machine_code_has_them_too():
    f = compile_activation("sqrt(x**2-2*x+1)")
    np.testing.assert_array_equal(f.gradient([1.0, 0.5, 1.5, math.nan]), [-1.0, -1.0, 1.0, math.nan])
