"""Where a closure is not to be trusted.

Without a doubt mean and standard deviation of ln‖δ_l‖ are right, in every layer, to a tenth of the largest standard
deviation of a layer, with Gaussian weights and with orthogonal ones of 48 units and more.  That is what networks of 2
to 64 units and 3 to 40 layers keep in simulations, not what is proved.  Of a last layer's own spread, which can be tiny
and heavy-tailed, it says nothing (GELU without bias, 12 units: off by a factor of 3).  Nothing tells which narrower
orthogonal layers keep it: without a doubt means were off by up to .36 of that spread (probit, σ_w = .8, 12 units, 25
layers; .11 of 24 units; .12 of 32 and 40 layers), standard deviations by .11 (SELU, 8 units, 3 layers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vgtheory.theory.asymptotics.closure import Closure

# The closure takes a layer's ln X for normal: from here on it is off by more than a tenth of its spread.
NARROWEST = 1.0
MOST_FIXED = 0.5  # of the noise of orthogonal layers: dying units of 6 are off by .11 to .21 of the spread, of 8 by .07
SELDOM_LOST = 1e-5  # chance of a layer with next to no slope: rarer than that it does not show in any sample
SELDOM_FEW = 1e-3  # chance of a layer of few active units: beside it their networks decide neither mean nor spread
UNRESOLVED = 0.01  # of a layer's logarithms: one per cent of what it does to a gradient; of a gradient's spread


def closure_doubts(found: Closure, noise: float, fixed: float, dies: bool) -> tuple[str, ...]:
    """Return what speaks against a closure.

    Parameters
    ----------
    noise : the largest relative variance that one layer gives to the squared gradient, v_η/N.
    fixed : the relative size of its order 1/N² where rows are orthogonal, else 0.
    dies : whether slopes can be exactly zero, so that layers without any are left out of the statistics.
    """
    if noise > NARROWEST:
        return (f"the layers are too narrow: max v_η/N = {noise:.3g} > {NARROWEST:g}; use vg.simulate",)
    if found.lost > SELDOM_LOST and not dies:
        return (f"with a chance of {found.lost:.2g} next to nothing passes some layer, which is left out",)
    if found.few_active > SELDOM_FEW:
        words = f"with a chance of {found.few_active:.2g} a layer has few active units"
        return (f"{words}, and its length varies by more than itself; use vg.simulate",)
    if fixed > MOST_FIXED:
        words = f"orthogonal rows fix more of the narrowest layer than the order 1/N² knows: {fixed:.2g} of its noise"
        return (f"{words} > {MOST_FIXED:g}; use vg.simulate",)
    if found.unresolved > UNRESOLVED:
        return (f"between the lengths worked out logarithms are off by {found.unresolved:.2g}; use vg.simulate",)
    if found.left_between > UNRESOLVED:
        words = f"between the lengths followed a mean is off by {found.left_between:.2g} of its spread"
        return (f"{words}; use vg.simulate",)
    return ()
