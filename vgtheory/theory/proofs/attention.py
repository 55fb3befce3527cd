"""Attention without skip connections and MLPs: how fast its tokens become equal, doubly exponentially."""

from __future__ import annotations

import sympy as sp

from vgtheory.model.network import BlockNetwork
from vgtheory.model.steps import Ask, Matrix
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import depth, p, spread_after, spread_before, weight_norm
from vgtheory.theory.proofs.norms import PROBABILITY

LARGEST_NORM = "max‖W_l‖ bounds ‖W_q‖, ‖W_k‖ and ‖W_v‖ of every head, and ‖W_out‖"
NAME = "rank collapse"


def attention_bounds(network: BlockNetwork) -> tuple[Formula, ...]:
    """Return the bound on the tokens' spread R_L after L layers of attention alone.

    R is the largest distance |x_t − c| of a token from a vector c that all have in common.  With x_t = c + r_t the
    score of token t at token u is, up to what depends on t alone, c·Wr_u + r_t·Wr_u, W = W_qᵀW_k/√d of a head: rows of
    attention are a softmax of one and the same vector moved by numbers of at most ‖W‖R².  Moving the arguments of a
    softmax by at most δ changes it by at most δ in the sum of absolute values (its derivative along v is the mean
    absolute deviation of v), so that the heads' outputs lie within ‖W‖R²·‖W_v‖R of common vectors.  H heads, side by
    side, are multiplied by W_out: R_l ≤ √H ‖W_q‖‖W_k‖‖W_v‖‖W_out‖ R_{l−1}³/√d, which L layers make to the power of
    (3^L − 1)/2.  That is the statement of Dong et al. (2021), with Euclidean lengths and another constant.  Under a
    causal mask rows are softmaxes of different lengths, and nothing of the kind holds.
    """
    block = network.block
    (mix,) = block.mixes("attention")
    heads = sp.Integer(mix.options[0])
    head_size = sp.Rational(network.widths[0], int(heads))
    norms = [_norm(matrix, network, heads) for matrix in block.matrices]
    found = [_collapse(weight_norm**4 * sp.sqrt(heads / head_size), NAME, (LARGEST_NORM,))]
    if None not in norms:
        gaussian = any(matrix.weights.family == "gaussian" for matrix in block.matrices)
        drawn = " and ".join(sorted({matrix.weights.family for matrix in block.matrices}))
        assumes = (f"{drawn} matrices", *((PROBABILITY,) if gaussian else ()))
        rate = sp.Mul(*norms) * sp.sqrt(heads / head_size)
        found.append(_collapse(rate, f"{NAME}, {drawn} matrices", assumes))
    return tuple(found)


def _collapse(rate: sp.Expr, name: str, assumes: tuple[str, ...]) -> Formula:
    """Return R_L ≤ rate^((3^L − 1)/2)·R_0^(3^L)."""
    return Formula(
        spread_after,
        rate ** ((3**depth - 1) / 2) * spread_before ** (3**depth),
        "upper bound",
        "proved",
        name,
        "Attention without skip connections, masks and MLPs makes tokens equal that are near each other, doubly "
        "exponentially with the depth.  Where rate·R_0² ≥ 1 it promises nothing.",
        assumes,
        ("dong2021",),
    )


def _norm(matrix: Matrix, network: BlockNetwork, heads: sp.Integer) -> sp.Expr | None:
    """Return a bound on the norms of the parts of a matrix that heads have, of W_out on its norm; None without one.

    Of d × N independent normal entries of variance σ²/N the norm exceeds σ(1 + √(d/N) + √(2 ln(1/p)/N)) with
    probability at most p (Davidson & Szarek 2001, theorem II.13); a layer has 3H + 1 of them.
    """
    law, size = matrix.weights, network.width
    sigma = law.sigma_at(size, size)[0] * sp.Abs(matrix.scale)
    if law.family == "orthogonal":
        return sigma
    if law.family != "gaussian":
        return None
    last = network.block.steps[-1]
    rows = sp.S.One if isinstance(last, Ask) and matrix.name == last.matrix else 1 / heads
    return sigma * (1 + sp.sqrt(rows) + sp.sqrt(2 * sp.log((3 * heads + 1) * depth / p) / size))
