"""Hypothesis strategies: formulas of activations, scales and widths of networks."""

from hypothesis import strategies as st

_BOUNDED = ["tanh({})", "erf({})", "sigmoid({})", "sin({})", "atan({})", "exp(-({})**2)", "1/(1+({})**2)"]
_GROWING = ["max({},0)", "abs({})", "softplus({})", "min({},1)", "asinh({})", "sqrt(1+({})**2)", "({})**2"]
_NUMBERS = ["0.1", "0.5", "1", "1.702", "2", "3"]


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """Return the text of a formula in x that is real and finite on the whole line."""
    inner = f"{draw(st.sampled_from(_NUMBERS))}*x + {draw(st.sampled_from(['0', *_NUMBERS]))}"
    outer = draw(st.sampled_from(_BOUNDED + _GROWING)).format(inner)
    shape = draw(st.sampled_from(["{}", "x*{}", "{}+0.1*x", "tanh({})", "2*{} - 1"]))
    return shape.format(f"({outer})")


sigmas = st.tuples(
    st.floats(0.1, 4.0).map(lambda s: round(s, 3)), st.floats(0.0, 2.0).map(lambda s: round(s, 3))
)  # (sigma_w, sigma_b)
widths = st.lists(st.integers(1, 64), min_size=2, max_size=8)
