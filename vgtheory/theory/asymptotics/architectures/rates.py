"""Rates per layer of architectures as formulas, each with what it assumes."""

from typing import Any

import sympy as sp

from vgtheory._errors import NoSolutionError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.extrema import slope_bound
from vgtheory.symbolic.formula import Formula
from vgtheory.symbolic.gaussian import gaussian_mean, gradient_gain, length_map
from vgtheory.symbolic.notation import chi, depth, p, sigma_b, sigma_w, weight_norm

scale = sp.Symbol("scale", real=True)  # a of a skip connection
batch = sp.Symbol("batch", integer=True, positive=True)  # inputs in a batch
gradient_ratio = sp.Symbol("gradient_ratio", nonnegative=True)  # ‖∂ℓ/∂x_0‖²/‖∂ℓ/∂x_L‖²
_WIDE = "the width tends to infinity at fixed depth; weights and biases are independent and centred"


def architecture_rates(act: Any) -> tuple[Formula, ...]:
    """Return the gain of the squared gradient norm per layer of other architectures, as formulas.

    In the symbols ``q`` (variance of a pre-activation), ``sigma_w``, ``sigma_b``, ``depth``, and where they occur
    ``scale`` (of a skip connection), ``p`` (rate of dropout) and ``batch``.

    Parameters
    ----------
    act : an Activation, a catalogue name or a formula, with numbers for its parameters.

    Raises
    ------
    NoSolutionError : φ is constant, so that nothing can be normalised.

    Examples
    --------
    >>> rates = {f.name: f for f in architecture_rates("relu")}
    >>> rates["batch normalisation"].expr
    pi/(-1 + pi)
    """
    act = to_activation(act)
    x = act.symbol
    slope, square = gradient_gain(act), length_map(act)
    one = {name: f.at(q=1).expr for name, f in (("slope", slope), ("square", square))}
    mean = gaussian_mean(act.expr, 1, x).expr
    variance = one["square"] - mean**2
    if sp.N(variance) < 1e-15:
        raise NoSolutionError(f"{act.name} is constant: there is nothing to normalise")

    def rate(lhs: sp.Expr, value: sp.Expr, name: str, says: str, reference: str, *assumes: str) -> Formula:
        assumed = (_WIDE, *assumes)
        return Formula(lhs, value, "asymptotic", "asymptotic", name, says, assumed, (reference,))

    branch = scale**2 * sigma_w**2 * slope.expr
    normal = sigma_w**2 * one["slope"] / (sigma_w**2 * one["square"] + sigma_b**2)
    found = [
        rate(chi, sigma_w**2 * slope.expr, "feed-forward", "The gain per layer.", "schoenholz2017"),
        rate(
            chi, 1 + branch, "residual", "The gain per layer with a skip connection of this scale.", "yang2017",
            "the loss gradient has no part along the mean of the signal",
        ),
        rate(
            gradient_ratio, sp.exp(sigma_w**2 * slope.expr), "residual, scale 1/√L",
            "The gain of the whole network for branches of scale 1/√L.", "yang2017",
            "the depth tends to infinity after the width", "E φ'² at the q of all layers, which is constant or "
            "replaced by its mean over the layers",
        ),
        rate(
            gradient_ratio, sp.S.One, "residual, learned zero",
            "Branches that start at scale 0 leave the gradient as it is.", "bachlechner2021",
        ),
        rate(
            chi, normal, "layer or RMS normalisation",
            "The gain per layer with the pre-activations normalised; it depends on σ_b/σ_w alone.",
            "yang2019",
        ),
        rate(
            chi, sp.simplify(one["slope"] / variance), "batch normalisation",
            "The gain per layer with batch normalisation before the activation, for any σ_w and σ_b.", "yang2019",
            "the batch tends to infinity after the width, of inputs that are not equal",
        ),
        rate(
            chi, sigma_w**2 * slope.expr / (1 - p), "dropout",
            "The gain per layer with dropout at rate p; two passes of one input keep a correlation below 1.",
            "schoenholz2017",
        ),
        rate(
            chi, sigma_w**2 * slope.expr, "convolution",
            "A convolution has the gain of the fully connected layer; the fan-in counts channels × positions; "
            "orthogonal at its centre and zero elsewhere (delta-orthogonal) it is an isometry like a rotation.",
            "xiao2018", "the number of channels tends to infinity",
        ),
        rate(
            chi, sigma_w**2 * slope.expr, "recurrent",
            "The gain per time step with the same weights at every step.", "chen2018",
            "the number of steps is fixed while the width tends to infinity, and every step has an input of its own",
        ),
        *_recurrent(act),
        *_fixed_rates(act),
    ]  # fmt: skip
    return tuple(found)


def _recurrent(act: Activation) -> tuple[Formula, ...]:
    bound = slope_bound(act)
    size = bound.expr if bound.expr is not None else sp.Float(bound.enclosure[1])
    if size in (sp.oo, 0):
        return ()
    return (
        Formula(
            gradient_ratio,
            (size * weight_norm) ** (2 * depth),
            "upper bound",
            "proved" if bound.expr is not None else "certified",
            "recurrent, vanishing",
            "With one matrix W at every step the gradient vanishes if sup|φ'| ‖W‖ < 1; a spectral radius of W below "
            "1/sup|φ'| is not enough.",
            ("none on the law of W; for independent normal entries ‖W‖ tends to 2 σ_w, its spectral radius to σ_w",),
            ("pascanu2013",),
        ),
    )


def _fixed_rates(act: Activation) -> tuple[Formula, ...]:
    if act.expr != act.symbol:
        return ()
    linear = Formula(
        chi,
        (batch - 2) / (batch - 3),
        "asymptotic",
        "asymptotic",
        name="batch normalisation, finite batch",
        statement="The gain per layer of a linear network with batch normalisation over this many inputs.",
        assumptions=(_WIDE,),
        reference=("yang2019",),
        conditions=(sp.Gt(batch, 3),),
    )
    return (linear,)
