"""Every formula of `bounds` is LaTeX that KaTeX accepts in strict mode."""

import pytest

from tests.katex import refused_by_katex
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.reporting.latex import latex
from vgtheory.symbolic.printing import to_latex
from vgtheory.symbolic.rounding import DOWN
from vgtheory.theory.proofs import bounds
from vgtheory.theory.proofs.tied import powers_of_one_matrix

NETWORKS = (
    Network("tanh", Weights.gaussian(1.2, 0.8), 20, 30),
    Network("relu", Weights.he(), 20, 30),
    Network("identity", Weights.gaussian(1.1), 20, 30),
    Network("leaky_relu", Weights.orthogonal(1.1), 20, 30),
    Network("relu", Weights.he(), 20, 30, skip="1/sqrt(depth)"),
    Network("relu", Weights.he(), 20, 30, norm="batch"),
    Network("sigmoid", Weights.gaussian(1.5, 0.1), 512, 50),
    Network("gelu", Weights.orthogonal(1.3, 0.1), 96, 20),
    Network("selu", Weights.gaussian(1.5, 0.1), [30, 50, 20], 2),
)


@pytest.mark.slow
def test_katex_accepts_every_bound():
    found = [(f"{k} {f.name}", f) for k, network in enumerate(NETWORKS) for f in bounds(network)]
    found += [(f"recurrent {f.name}", f) for f in powers_of_one_matrix([[0.5, 2.0], [0.1, -0.3]], "identity")]
    texts = {name: latex(f) for name, f in found}
    texts |= {f"{name}, condition {k}": to_latex(c, side=DOWN) for name, f in found for k, c in enumerate(f.conditions)}
    assert refused_by_katex(texts) == {}
