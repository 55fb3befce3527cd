"""What is said about a prediction: a table of layers and the sentences beside it."""

from __future__ import annotations

from typing import Any

from vgtheory.reporting.wording import chosen_layers, number
from vgtheory.theory.methods import CLOSURE, METHODS

PREDICTED = ("layer", "q", "χ", "typical ln‖∂ℓ/∂h_l‖", "spread", "root mean square", "width → ∞", "typical ln‖∂ℓ/∂W_l‖")


def prediction_rows(predicted: Any) -> tuple[tuple[str, ...], ...]:
    """Return the cells of :data:`PREDICTED` for both ends and the quarters of a prediction of ``vg.predict``."""
    shown = chosen_layers(predicted.sizes["layer"])
    names = (
        "q",
        "chi",
        "log_gradient_norm",
        "log_gradient_norm_std",
        "log_gradient_norm_rms",
        "log_gradient_norm_infinite_width",
        "log_weight_gradient_norm",
    )
    return tuple(
        (str(int(predicted["layer"][i])), *(number(float(predicted[name][i]), 5) for name in names)) for i in shown
    )


def prediction_sentences(predicted: Any) -> tuple[str, ...]:
    """Return how the numbers are known, whether they are to be trusted, and where mean field ends."""
    attrs = predicted.attrs
    said = [f"Known from {METHODS[attrs['method']].sentence}."]
    if attrs["method"] == CLOSURE and attrs["expansion"] != "holds":
        said.append(f"The expansion in 1/width {attrs['expansion'].replace('fails: ', 'fails here: ')}.")
    if attrs["reliable"] != "yes":
        said.append(f"Not reliable: {attrs['reliable'].removeprefix('no: ')}.")
    if attrs["dead_probability"] > 0:
        said.append(f"A whole layer is dead with probability {number(attrs['dead_probability'], 3)}.")
    if "depth_to_width" not in attrs:  # mean field alone, which knows of no spread
        return tuple(said)
    ratio = float(attrs["depth_to_width"])
    if ratio == float("inf"):
        return (*said, "Networks do not differ: every one has the same gradient norm.")
    variance = 4 * float(predicted["log_gradient_norm_std"][0]) ** 2
    verdict = "describes each of them" if variance < 0.25 else "is a rough guide to each of them"
    said.append(
        f"Networks of this kind differ by a factor of about e from depth/width = {number(ratio, 3)} on; here the "
        f"variance of ln‖∂ℓ/∂h_1‖² is {number(variance, 3)}, and the infinitely wide network "
        f"{verdict if variance <= 1 else 'no longer describes a single one'}."
    )
    return tuple(said)
