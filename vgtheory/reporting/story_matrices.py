"""Step 3 of the section on why: the matrices that are multiplied, how their product spreads, where a gradient lies."""

from __future__ import annotations

import math

import numpy as np

from vgtheory.model.weights import INDEPENDENT
from vgtheory.reporting.document import Block, FigureBlock, FigureRow, Paragraph
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.message import Text, said, t
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.wording import ROUNDING, number, power_of_ten


def matrices_step(f: Findings) -> list[Block]:
    """Return step 3: the singular values and eigenvalues of one matrix, and of the product."""
    sigma_w = f.subject.last_scales[0]
    texts = [
        Paragraph(_one_matrix(f, sigma_w)),
        Paragraph(_isometry(f) or said(_spread_of_product(f), _exact_spread(f), _where_it_lies(f))),
    ]
    row = _figures_of_w(f) if f.subject.square and f.subject.family == "gaussian" and sigma_w > 0 else []
    if not (_isometry(f) or (isinstance(f.law, Unavailable) and isinstance(f.sampled, Unavailable))):
        caption = t("ln of the singular values s of J. Dotted: where the gradient lies.")
        alt = t("Density of the logarithm of the singular values of the Jacobian, with the gradient's factor marked.")
        row.append(FigureBlock("spectrum", caption, alt))
    return [*texts, FigureRow(tuple(row))] if row else [*texts]


def _figures_of_w(f: Findings) -> list[FigureBlock]:
    singular = t(
        "Singular values of W: a matrix drawn, {size} × {size}, and the Marchenko–Pastur law.", size=str(f.matrix_size)
    )
    plane = t(
        "Eigenvalues of W in the complex plane and the circular law: its edge, and 25, 50, 75 % of its mass (dotted)."
    )
    return [
        FigureBlock(
            "weight_singular",
            singular,
            t("Histogram of the singular values of one weight matrix under the quarter circle."),
        ),
        FigureBlock("weight_eigenvalues", plane, t("Eigenvalues of one weight matrix fill a disk of radius σ_w.")),
    ]


def _one_matrix(f: Findings, sigma_w: float) -> Text:
    family, widths = f.subject.family, f.subject.widths
    if family == "orthogonal" and f.subject.square:
        return t(
            "All singular values of an orthogonal weight matrix are σ_w = {sigma}, and its eigenvalues lie on the "
            "circle of that radius: the weights stretch all directions alike, and only the slopes spread the product.",
            sigma=number(sigma_w),
        )
    if family not in INDEPENDENT:
        return t("The entries of a weight matrix are not independent here, so that no universal law holds for them.")
    if not f.subject.square:
        ratio = math.sqrt(widths[1] / widths[0])
        first = f.subject.first_scales[0]
        return t(
            "One weight matrix stretches some directions and shrinks others: the singular values of the first one, "
            "{outputs} × {inputs}, lie between {low} and {high} (Marchenko–Pastur law).",
            outputs=str(widths[1]), inputs=str(widths[0]), low=number(first * abs(1 - ratio)),
            high=number(first * (1 + ratio)),
        )  # fmt: skip
    return t(
        "One weight matrix stretches some directions and shrinks others: its singular values lie between 0 and 2σ_w = "
        "{edge}, with root mean square σ_w (Marchenko–Pastur law), and its eigenvalues fill a disk of radius σ_w = "
        "{sigma} (circular law; here N = {width}).",
        edge=number(2 * sigma_w), sigma=number(sigma_w), width=str(widths[0]),
    )  # fmt: skip


def _isometry(f: Findings) -> Text:
    """Return what the product does where all its singular values are one number: stretch what it keeps alike."""
    if isinstance(f.law, Unavailable) or len(f.law.atoms_log) != 1:
        return ""
    place, mass = f.law.atoms_log[0]
    if not math.isfinite(place) or mass < 1 - ROUNDING:
        return ""
    if not f.subject.square:
        return t(
            "All singular values of the product J = ∂x_L/∂x_0 of {depth} such layers are {value}, and every gradient "
            "is multiplied by that; of the {inputs} directions of an input {outputs} arrive.",
            depth=str(f.subject.depth), value=power_of_ten(place), inputs=str(f.subject.widths[0]),
            outputs=str(f.subject.widths[-1]),
        )  # fmt: skip
    return t(
        "The product J = ∂x_L/∂x_0 of {depth} such layers stretches all directions alike, since |φ'(h)| is the same in "
        "all units: all its singular values are {value}, and every gradient is multiplied by that.",
        depth=str(f.subject.depth), value=power_of_ten(place),
    )  # fmt: skip


def _spread_of_product(f: Findings) -> Text:
    if isinstance(f.law, Unavailable):
        return t("The singular values of the product J = ∂x_L/∂x_0 are not known here: {reason}.", reason=f.law.reason)
    low, middle, high = (float(f.law.ppf_log(p)) for p in (0.1, 0.5, 0.99))
    if middle == -math.inf:
        return t(
            "The product J = ∂x_L/∂x_0 of {depth} such layers has singular values s that spread with every layer, "
            "since the directions that one layer stretches are not those of the next: {share} % of them are 0, "
            "directions that are lost, and one in a hundred is above {high}.",
            depth=str(f.subject.depth), share=number(100 * f.law.zero_mass, 3), high=power_of_ten(high),
        )  # fmt: skip
    return t(
        "The product J = ∂x_L/∂x_0 of {depth} such layers has singular values s that spread with every layer, since "
        "the directions that one layer stretches are not those of the next: half of them are below {middle}, one in "
        "ten is below {low}, one in a hundred above {high}.",
        depth=str(f.subject.depth), low=power_of_ten(low), middle=power_of_ten(middle), high=power_of_ten(high),
    )  # fmt: skip


def _exact_spread(f: Findings) -> Text:
    """Return how far the squared singular values spread, and what a layer adds, where their moments are exact.

    (E x² − (E x)²)/(E x)² of a free product is the sum over its factors (x = s²).
    """
    exact = getattr(f.law, "exact", None)
    if exact is None:
        return ""
    mean, square = exact.numbers(2)[1:]
    ratio = float(square / mean**2)
    return t(
        "Exactly, as N → ∞: E s⁴ = {ratio} (E s²)², where 1 would stretch all directions alike; each of the {depth} "
        "layers adds {more}, the spread of its own squared singular values.",
        ratio=number(ratio, 4), depth=str(exact.count), more=number((ratio - 1) / exact.count, 4),
    )  # fmt: skip


def _where_it_lies(f: Findings) -> Text:
    place = f.gradient_factor
    if isinstance(f.law, Unavailable) or place is None:
        return ""
    above = 1 - float(np.asarray(f.law.cdf_log(place)))
    return t(
        "The gradient meets all directions at once, so that its squared length is multiplied by the mean of s². That "
        "puts its factor, {factor}, towards the large ones: {percent} % of the singular values lie above it.",
        factor=power_of_ten(place), percent=number(100 * above, 2),
    )  # fmt: skip
