"""python-flint changes the numbers inside SymPy; with plain Python integers the answers are the same."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sympy as sp
from sympy.external.gmpy import GROUND_TYPES
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.extrema import derivative_range
from vgtheory.symbolic.gaussian import dual_kernel, gradient_gain
from vgtheory.symbolic.saturation import saturation
from vgtheory.symbolic.shape import tails

print(GROUND_TYPES)
for name in ("tanh", "gelu", "silu", "elu", "snake", "hard_swish", "max(tanh(x), x/2)"):
    act = activation(name)
    found = derivative_range(act)
    print(name, found.sup.enclosure, found.sup.status, found.inf.enclosure, saturation(act, 0.05).intervals)
    print(gradient_gain(act).at(q=0.7).value(15), [side.limit for side in tails(act)])
swish = activation("swish", beta=sp.Symbol("b", positive=True))
print(dual_kernel("erf").value.expr, derivative_range(swish, 0).inf.expr)
"""


def _run(ground_types):
    environment = {**os.environ, "SYMPY_GROUND_TYPES": ground_types}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_the_answers_do_not_depend_on_sympys_ground_types():
    python, flint = _run("python"), _run("flint")
    assert (python[0], flint[0]) == ("python", "flint")
    assert python[1:] == flint[1:]
