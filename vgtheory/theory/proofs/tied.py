"""Tied and given weights: what one matrix, or a product of given ones, proves about J whatever the inputs and biases.

With one matrix J_t = ∏ W D_s, D_s = diag φ'.  That the spectral radius of W lies below 1/κ does not suffice for
nonlinear φ: the diagonal factors change from step to step.  W = [[1.5, 1.5], [−1.5, −1.2]] has spectral radius 0.671,
yet a ReLU network started at (1, 0) keeps its second unit off and ‖J_t‖ = 1.5^t.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from flint import acb, acb_mat, arb, arb_mat
from numpy.typing import NDArray

from vgtheory._errors import InputError
from vgtheory.model.network import Network
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import number_ball, outward, precision
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.decimals import Decimal
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.notation import depth, jacobian_norm, p
from vgtheory.theory.proofs.certified_slope import Known, certified_slope
from vgtheory.theory.proofs.norms import PROBABILITY

Matrix = NDArray[np.float64]
BITS = 96
LARGEST, LARGEST_EIGEN = 2000, 100  # rows; for eigenvalues in ball arithmetic
ROUNDING = 2.0**-53  # u, the relative rounding error of a double
SCALING_STEPS, SETTLED = 60, 1e-3  # of the iterations for x and S; the change at which the latter stops


def tied_bounds(network: Network) -> tuple[Formula, ...]:
    """Return the bounds of a network whose layers share one matrix, or whose matrices are given."""
    kappa, arrays = certified_slope(network.activation).largest, network.weights.arrays
    if kappa is None:
        return ()
    if arrays is None:
        return (_drawn_norm(network, kappa),)
    first = arrays.weights[0]
    if all(np.array_equal(w, first) for w in arrays.weights) and len(first) == first.shape[1] <= LARGEST:
        return powers_of_one_matrix(first, network.activation)
    return (_product_of_norms(arrays.weights, kappa),)


def _drawn_norm(network: Network, kappa: Known) -> Formula:
    """Return (κ‖W‖)^L for a random W: σ_w for a Haar matrix, for a Gaussian one ‖W‖ ≤ σ_w(2 + √(2 ln(1/p)/N)).

    The latter with probability at least 1 − p (Gordon 1985; Davidson & Szarek 2001, theorem II.13).
    """
    law, width = network.weights, network.width
    size = sp.Integer(width[0]) if isinstance(width, tuple) else width
    steps = depth if network.depth.is_number else network.depth
    gaussian = law.family == "gaussian"
    spread = 2 + sp.sqrt(2 * sp.log(1 / p) / size) if gaussian else sp.S.One
    return Formula(
        jacobian_norm,
        (kappa.value * law.sigma_at(size, size)[0] * spread) ** steps,
        "upper bound",
        kappa.status,
        "norm of the tied matrix",
        ("With probability at least 1 − p no" if gaussian else "No")
        + " gradient at any input of this network is amplified by more than this.",
        (f"one {law.family} matrix in all layers", *((PROBABILITY,) if gaussian else ())),
        ("gordon1985", "davidson2001") if gaussian else ("pascanu2013",),
    )


def _product_of_norms(weights: Sequence[Matrix], kappa: Known) -> Formula:
    """Return ∏ κ‖W_l‖, each norm certified."""
    sizes: dict[bytes, sp.Rational] = {}
    total = sp.Integer(1)
    for w in weights:
        key = w.tobytes() + repr(w.shape).encode()
        if key not in sizes:
            sizes[key] = certified_norm(w)
        total *= sizes[key]
    return Formula(
        jacobian_norm,
        kappa.value ** len(weights) * Decimal(total),
        "upper bound",
        "certified",
        "product of norms",
        "Whatever the input and the biases, no gradient of this network is amplified by more than ∏ κ‖W_l‖.",
        (),
        ("pascanu2013",),
    )


def powers_of_one_matrix(matrix: Any, act: Activation | str) -> tuple[Formula, ...]:
    """Return what one tied matrix proves about ‖J_t‖ = ‖∏ W D_s‖; ``depth`` is the number of steps t.

    Every upper bound below 1 per step proves that gradients vanish, whatever the inputs.  The largest of them at least
    1 is necessary for gradients not to vanish, none of them is sufficient.  For linear φ the spectral radius decides.

    Parameters
    ----------
    matrix : W, square, finite numbers.
    act : an Activation, a catalogue name or a formula string.

    Raises
    ------
    InputError : a matrix that is not square, not finite, or larger than 2000 × 2000.

    Notes
    -----
    (a) κ‖W‖ (Pascanu et al. 2013); (b) κ ρ(|W|), |W| entrywise, by Perron and Frobenius; (c) κ‖S W S⁻¹‖ for a
    diagonal S > 0, which commutes with every D; (d) φ linear: J_t = (aW)^t, between ρ^t and cond(V) ρ^t, aW = VΛV⁻¹.

    Examples
    --------
    >>> found = powers_of_one_matrix([[1.5, 1.5], [-1.5, -1.2]], "relu")
    >>> [f.name for f in found]
    ['norm of the matrix', 'spectral radius of |W|', 'scaled norm']
    """
    w, act = _square(matrix), activation(act)
    kappa = certified_slope(act).largest
    if kappa is None:
        return ()
    slope = act.derivative(1)
    linear = _linear(w, slope) if slope.is_number else []
    return (_norm(w, kappa), _perron(w, kappa), _scaled(w, kappa), *linear)


def _square(matrix: Any) -> Matrix:
    try:
        w = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        w = np.empty(0)
    if w.ndim != 2 or w.shape[0] != w.shape[1] or not 1 <= len(w) <= LARGEST or not np.isfinite(w).all():
        raise InputError(
            f"a matrix of shape {w.shape}", f"a square matrix of finite numbers, at most {LARGEST} rows", "pass W"
        )
    return w


def _formula(value: sp.Expr, kappa: Known, name: str, statement: str, reference: tuple[str, ...] = ()) -> Formula:
    text = f"{statement}, whatever the inputs; below 1 per step gradients vanish."
    return Formula(jacobian_norm, (kappa.value * value) ** depth, "upper bound", "certified", name, text, (), reference)


def _norm(w: Matrix, kappa: Known) -> Formula:
    """Return κ‖W‖ per step: sufficient for vanishing below 1, so that κ‖W‖ ≥ 1 is necessary for anything else."""
    return _formula(
        Decimal(certified_norm(w)), kappa, "norm of the matrix", "‖J_t‖ is at most (κ‖W‖)^t", ("pascanu2013",)
    )


def _perron(w: Matrix, kappa: Known) -> Formula:
    """Return κ ρ(|W|) per step with a constant: |J_t| ≤ κ^t |W|^t entrywise.

    Collatz and Wielandt: with r = max_i (|W|x)_i/x_i for a positive vector x, |W|^t x ≤ r^t x, hence ‖|W|^t‖_∞ ≤
    (max x/min x) r^t, and ‖·‖ ≤ √n ‖·‖_∞.
    """
    absolute = np.abs(w)
    x = _positive_vector(absolute)
    # Sums of nonnegative products: a relative error of at most (n + 2) roundings.
    ratio = float(np.max((absolute @ x) / x)) * (1 + 2 * (len(x) + 3) * ROUNDING)
    spread = float(x.max() / x.min() * np.sqrt(len(x))) * (1 + 8 * ROUNDING)
    return Formula(
        jacobian_norm,
        Decimal(sp.Rational(spread)) * (kappa.value * Decimal(sp.Rational(ratio))) ** depth,
        "upper bound",
        "certified",
        "spectral radius of |W|",
        "‖J_t‖ is at most a constant times (κ ρ(|W|))^t, |W| entrywise, whatever the inputs; below 1 per step "
        "gradients vanish.",
    )


def _positive_vector(absolute: Matrix) -> Matrix:
    """Return a positive vector near the Perron vector; a small shift keeps it positive for reducible matrices."""
    shifted = absolute + 1e-9 * max(float(absolute.max()), 1e-300)
    x = np.ones(len(absolute))
    for _ in range(SCALING_STEPS):
        x = shifted @ x
        x = np.maximum(x / x.max(), 1e-12)
    return x


def _scaled(w: Matrix, kappa: Known) -> Formula:
    """Return κ‖S W S⁻¹‖ per step for a diagonal S found by balancing, with the constant max S/min S.

    S consists of powers of two, so that the scaled matrix is exact.
    """
    s = _balancing(w)
    scaled = s[:, None] * w / s[None, :]
    spread = sp.Rational(float(s.max())) / sp.Rational(float(s.min()))
    return Formula(
        jacobian_norm,
        Decimal(spread) * (kappa.value * Decimal(certified_norm(scaled))) ** depth,
        "upper bound",
        "certified",
        "scaled norm",
        "‖J_t‖ is at most max S/min S times (κ‖S W S⁻¹‖)^t for a positive diagonal S, which commutes with every D, "
        "whatever the inputs; below 1 per step gradients vanish.",
    )


def _balancing(w: Matrix) -> Matrix:
    """Return powers of two S such that rows and columns of S W S⁻¹ have nearly equal norms (Osborne's iteration)."""
    s = np.ones(len(w))
    for _ in range(SCALING_STEPS):
        scaled = (s[:, None] * w / s[None, :]) ** 2
        np.fill_diagonal(scaled, 0.0)
        rows, columns = scaled.sum(1), scaled.sum(0)
        if not ((rows > 0) & (columns > 0)).all():
            return np.ones(len(w))
        step = (columns / rows) ** 0.125  # half a step, as all rows move at once
        s = s * step
        if np.max(np.abs(step - 1)) < SETTLED:
            break
    return np.asarray(2.0 ** np.round(np.log2(s / s.max())))


def _linear(w: Matrix, slope: sp.Expr) -> list[Formula]:
    """Return ρ^t ≤ ‖(aW)^t‖ ≤ cond(V) ρ^t for W = VΛV⁻¹, from B = V⁻¹WV enclosed with V in floating point.

    B is diagonal up to rounding: ‖B‖ ≤ max|b_ii| + ‖B − diag B‖_F, and by Gershgorin's theorem an eigenvalue lies
    within twice the sum of the radii of the largest b_ii.
    """
    if len(w) > LARGEST_EIGEN:
        return []
    with precision(BITS):
        found = _radius(w, abs(number_ball(slope)))
    if found is None:
        return []
    low, high, constant = found
    return [
        Formula(
            jacobian_norm,
            Decimal(low) ** depth,
            "lower bound",
            "certified",
            "spectral radius, linear",
            "For a linear activation ‖J_t‖ is at least ρ^t: gradients vanish if and only if ρ < 1.",
        ),
        Formula(
            jacobian_norm,
            Decimal(constant) * Decimal(high) ** depth,
            "upper bound",
            "certified",
            "spectral radius, linear, from above",
            "For a linear activation ‖J_t‖ is at most cond(V) ρ^t; before it falls it may grow.",
        ),
    ]


def _radius(w: Matrix, slope: arb) -> tuple[sp.Rational, sp.Rational, sp.Rational] | None:
    """Return numbers below and above |a|ρ(W), and one above cond(V); None where W is too near to a defective one."""
    vectors = np.linalg.eig(w)[1]
    v = acb_mat([[acb(float(z.real), float(z.imag)) for z in row] for row in vectors])
    try:
        inverse = v.inv()
    except ZeroDivisionError:
        return None
    b, n = inverse * acb_mat(arb_mat(w.tolist())) * v, len(w)
    diagonal = [abs(b[i, i]) for i in range(n)]
    rest = sum((abs(b[i, j]) ** 2 for i in range(n) for j in range(n) if i != j), arb(0)).sqrt()
    top = diagonal[0]
    for size in diagonal[1:]:
        top = top.max(size)
    radii = rest * n
    condition = _frobenius(v) * _frobenius(inverse)
    if not condition.is_finite():
        return None
    low, high = outward(slope * (top - 2 * radii))[0], outward(slope * (top + rest))[1]
    return sp.Rational(max(low, 0.0)), sp.Rational(high), sp.Rational(outward(condition)[1])


def _frobenius(matrix: acb_mat) -> arb:
    return sum((abs(x) ** 2 for x in matrix.entries()), arb(0)).sqrt()


def certified_norm(w: Matrix) -> sp.Rational:
    """Return a number not below ‖W‖₂, close to it, for W of any shape.

    ‖W‖ < θ if and only if [[θ, Wᵀ], [W, θ]] is positive definite; a floating-point Cholesky decomposition that runs to
    its end proves so once the diagonal is lowered by γ/(1 − γ) times the trace, γ = (m + 1)u/(1 − (m + 1)u) for size m
    (Rump 2006, theorem 2.3).
    """
    rows, columns = w.shape
    size = rows + columns
    estimate = float(np.linalg.norm(w, 2))
    if estimate == 0:
        return sp.Integer(0)
    gamma = (size + 2) * ROUNDING
    for margin in (1e-9, 1e-6, 1e-3, 1.0):
        theta = estimate * (1 + margin + 2 * gamma * size)
        block = np.zeros((size, size))
        block[columns:, :columns], block[:columns, columns:] = w, w.T
        np.fill_diagonal(block, theta * (1 - 2 * gamma * size))  # twice what the theorem asks for
        try:
            np.linalg.cholesky(block)
        except np.linalg.LinAlgError:
            continue
        return sp.Rational(theta)
    return sp.Rational(float(np.sqrt(np.sum(w * w))) * (1 + 2 * w.size * ROUNDING))
