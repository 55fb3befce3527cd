"""Operations on whole vectors as calls: a kernel that needs each in many places holds the code of their loops once."""

from vgtheory.kernels._intrinsics import prefer_wide_vectors
from vgtheory.kernels._jit import REDUCTION_FLAGS, compiled, lent_call
from vgtheory.kernels.normals import fill
from vgtheory.kernels.signals import DROPPED, accumulate, combined, log_norm, scaled


@compiled(flags=REDUCTION_FLAGS, part=True, counted=False)
def products(g, slope, h):
    """Return ‖δ‖² and h·δ for δ = g ∘ slope."""
    prefer_wide_vectors()
    square = along = 0.0
    for i in range(g.size):
        delta = g[i] * slope[i]
        square += delta * delta
        along += h[i] * delta
    return square, along


@compiled(flags=REDUCTION_FLAGS, part=True, counted=False)
def two_products(g, h):
    """Return ‖g‖² and h·g."""
    prefer_wide_vectors()
    square = along = 0.0
    for i in range(g.size):
        square += g[i] * g[i]
        along += h[i] * g[i]
    return square, along


@compiled(flags=REDUCTION_FLAGS, part=True, counted=False)
def moments(g):
    """Return the sums of squares and of fourth powers."""
    prefer_wide_vectors()
    second = fourth = 0.0
    for i in range(g.size):
        square = g[i] * g[i]
        second += square
        fourth += square * square
    return second, fourth


@lent_call
def multiplied(out, a, b, factor):
    """Set out = factor·a∘b."""
    prefer_wide_vectors()
    for i in range(out.size):
        out[i] = factor * (a[i] * b[i])


@lent_call
def times(out, a, alpha):
    """Set out = αa."""
    scaled(out, a, alpha)


@lent_call
def summed(out, a, alpha, b, beta):
    """Set out = αa + βb."""
    combined(out, a, alpha, b, beta)


@lent_call
def added(out, b, beta):
    """Add βb to out."""
    accumulate(out, b, beta)


@lent_call
def log_length(vector):
    """Return ln‖vector‖; −inf for zeros, NaN if an element is NaN."""
    return log_norm(vector)


@lent_call
def normal(draw, out, key, sample, layer, purpose, start):
    """Fill with what `draw` makes of the counters from `start` on."""
    fill(draw, out, key, sample, layer, purpose, start)


@lent_call
def dropped(draw, key, sample, layer, vector, rate, chance):
    """Multiply by a mask that is 0 with the probability of dropout, p, and else 1/(1 − p)."""
    fill(draw, chance[: vector.size], key, sample, layer, DROPPED, 0)
    kept = 1.0 / (1.0 - rate)
    for i in range(vector.size):
        vector[i] *= kept if chance[i] >= rate else 0.0
