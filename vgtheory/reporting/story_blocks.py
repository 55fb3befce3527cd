"""The section on why, of networks that repeat a block: saturation, what carries the gradient, the matrices."""

from __future__ import annotations

import math

import sympy as sp

from vgtheory.model.inputs import Inputs
from vgtheory.model.network import BlockNetwork
from vgtheory.model.steps import Ask
from vgtheory.model.weights import INDEPENDENT
from vgtheory.reporting.document import Block, Equation, Heading, Paragraph, code
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.gradient_series import shares
from vgtheory.reporting.message import Text, said, t
from vgtheory.reporting.story_saturation import NONE, PART
from vgtheory.reporting.unavailable import Unavailable, attempt
from vgtheory.reporting.verdict import unit
from vgtheory.reporting.wording import (
    base,
    exponential,
    latex_exponential,
    latex_power_of_ten,
    number,
    power_of_ten,
)
from vgtheory.theory.asymptotics.blocks_or_activations import critical
from vgtheory.theory.asymptotics.programs.padding import padding_factor
from vgtheory.theory.asymptotics.programs.paths import (
    behind_norms,
    flat_shares,
    mean_square_slope,
    own_paths,
    read_variances,
    recurrent_matrices,
    skipped,
    zeros_around,
)
from vgtheory.theory.regime import Regime

Variances = dict[sp.Symbol, float]
COULD_BE = 0.1  # share of the change in ln beyond which saturation counts as a possible part of its cause


def block_steps(f: Findings) -> list[Block]:
    """Return the three steps of why: do units saturate, what is multiplied, by which matrices."""
    network = f.network
    assert isinstance(network, BlockNetwork)
    means = f.study["stream_square"].isel(layer=-1).mean("sample")
    squares = {name: float(means.sel(stream=name)) for name in network.block.carried}
    variances = attempt(read_variances, network, squares, Inputs().drive)
    known = {} if isinstance(variances, Unavailable) else variances
    return [
        Heading(t("Step 1: do the neurons saturate?")),
        Paragraph(_saturated(f, network, known, squares)),
        Heading(t("Step 2: the product over the depth")),
        *_product(f, network, known),
        Heading(t("Step 3: the matrices that are multiplied")),
        Paragraph(said(_matrices(network), _critical(network))),
    ]


def _saturated(f: Findings, network: BlockNetwork, variances: Variances, squares: dict[str, float]) -> Text:
    found = attempt(flat_shares, network.block, variances, squares)
    if isinstance(found, Unavailable):
        return t("How many units are saturated was not found: {reason}.", reason=found.reason)
    listed, complete = found
    if not listed:
        return t("How many units are saturated is not known here: the lengths of what they read are not predicted.")
    name, share = max(listed, key=lambda pair: pair[1])
    most: Text = t("Here there are none.")
    values: dict[str, Text] = {"share": number(100 * share, 2), "name": _written(name)}
    if share * f.subject.narrowest >= NONE and f.subject.recurrent:
        most = t("No function of the block has more of them than the one that reads {name}: {share} %.", **values)
    elif share * f.subject.narrowest >= NONE:
        most = t("No function of the block has more than {share} % of them.", **values)
    uncounted = t("Not counted: functions of several arguments, or of arguments of unknown length.")
    return said(
        t("A unit is saturated where the slope of its function is below 1 % of the largest."),
        most,
        None if complete else uncounted,
        _is_it_the_cause(f, network, [share for _, share in listed], complete),
    )


def _written(name: str) -> str:
    """Return the name of a stream: a letter as mathematics, a word as its owner wrote it."""
    return name if len(name) == 1 else code(name)


def _is_it_the_cause(f: Findings, network: BlockNetwork, flat: list[float], complete: bool) -> Text:
    """Return whether a loss of all saturated units would explain how the gradient shrinks.

    The functions of a block multiply where one follows the other, so that together they cost at most the product.
    """
    if f.regime is Regime.explodes:
        return t("Saturated units pass on less of a gradient than others do: what makes it grow are other factors.")
    if f.regime is not Regime.vanishes or max(flat) >= 1 or not complete:
        past = not f.subject.recurrent and max(flat) > PART and skipped(network.block, f.subject.depth)
        return t("Skip connections lead the gradient past them.") if past else ""
    cost = 0.5 * sum(math.log1p(-share) for share in flat)
    price: dict[str, Text] = {"cost": exponential(cost), "factor": exponential(f.growth.rate)}
    if cost > COULD_BE * f.growth.rate:
        return t(
            "That is not the cause: if they passed nothing at all, it would be a factor of {cost} per {unit} at worst, "
            "and that of the gradient is {factor}.",
            unit=unit(f), **price,
        )  # fmt: skip
    return t(
        "If they pass nothing, that alone is a factor of {cost} per {unit} at worst, and that of the gradient is "
        "{factor}.",
        unit=unit(f), **price,
    )  # fmt: skip


def _product(f: Findings, network: BlockNetwork, variances: Variances) -> list[Block]:
    depth, rate = f.subject.depth, f.growth.rate
    chain = t(
        "Backwards, the gradient is multiplied by the Jacobian of the block in every {unit}, {depth} times.",
        depth=str(depth), unit=unit(f),
    )  # fmt: skip
    if not math.isfinite(rate):
        return [Paragraph(chain)]
    mean = t("On average over networks its length changes by this factor per {unit}:", unit=unit(f))
    power = rf"{base(latex_exponential(rate))}^{{{depth}}} = {latex_power_of_ten(rate * depth)}"
    return [
        Paragraph(said(chain, mean)),
        Equation(power, t("simulated")),
        Paragraph(said(
            _gates(f, network, variances), _skip(f, network), _padding(network), _streams(f), _tokens(f)
        )),
    ]  # fmt: skip


def _gates(f: Findings, network: BlockNetwork, variances: Variances) -> Text:
    """Return what the gates on a state's own path keep of it, beside what a step passes on in all."""
    if not f.subject.recurrent:
        return ""
    paths = attempt(own_paths, network.block, variances)
    if isinstance(paths, Unavailable):
        return ""
    if not paths:
        return _matrix_alone(network, variances)
    path = max(paths, key=lambda found: found.square)
    root = math.sqrt(path.square)
    log_share = math.log(path.square) - 2 * f.growth.rate if root > 0 else -math.inf
    text = t(
        "Of its state {state} a step keeps what gates let through ({gates}): {mean} on average, {root} as root mean "
        "square, and {base}^{{depth}} = {total}.",
        state=_written(path.state), gates=", ".join(map(_written, path.gates)), mean=number(path.mean, 3),
        root=number(root, 3), base=base(number(root, 3)), depth=str(f.subject.depth),
        total=power_of_ten(f.subject.depth * math.log(root)) if root > 0 else "0",
    )  # fmt: skip
    if not path.gates:
        text = t("Of its state {state} a step keeps {mean}.", state=_written(path.state), mean=number(path.mean, 3))
    if not -math.inf < log_share < 0:
        return text
    return said(text, t(
        "This path carries {percent} % of what a step passes on of the squared gradient; the rest goes through the "
        "recurrent matrices.",
        percent=exponential(log_share + math.log(100), 2),
    ))  # fmt: skip


def _matrix_alone(network: BlockNetwork, variances: Variances) -> Text:
    """Return σ_w² E φ'² of a cell that hands no state on by a gate."""
    square = mean_square_slope(network.block, variances)
    if square is None:
        return ""
    sigma_w = network.block.matrices[0].sigmas(int(network.widths[0]), int(network.depth))[0]
    chi = sigma_w**2 * square
    return t(
        "No gate hands a state on: all of the gradient goes through the matrix and the slopes, and its square is "
        "multiplied by σ_w² E φ'(a)² = {sigma}^2·{slopes} = {chi} per step, its length by {root}.",
        sigma=number(sigma_w, 4), slopes=number(square, 3), chi=number(chi, 3), root=number(math.sqrt(chi), 3),
    )  # fmt: skip


def _skip(f: Findings, network: BlockNetwork) -> Text:
    """Return what skip connections carry of a block's factor, and how the growing stream makes branches count less."""
    change = f.predicted_log_norm
    if f.subject.recurrent or len(change) < 2 or not math.isfinite(change[0] - change[-1]):
        return ""
    keep = skipped(network.block, f.subject.depth)
    first, last = (exponential(2 * float(change[at] - change[at + 1]), 3) for at in (0, -2))
    if keep is None:
        return t(
            "Nothing leads past the block unchanged. Theory multiplies the square of the gradient by {first} in the "
            "first block, by {last} in the last one (width → ∞).",
            first=first, last=last,
        )  # fmt: skip
    text = t(
        "Of the squared gradient the skip connections carry {keep} through every block; with its branches the first "
        "block multiplies it by {first}, the last one by {last} (theory, width → ∞).",
        keep=number(keep, 3), first=first, last=last,
    )  # fmt: skip
    q = f.prediction["stream_square"].isel(stream=0).values
    if not (behind_norms(network.block) and keep == 1 and q[-1] > q[0] > 0):
        return text
    whole, growth = 2 * float(change[0] - change[-1]), float(q[-1] / q[0])
    ratio = number(whole / math.log(growth), 3)
    return said(text, t(
        "The stream grows from mean square {start} to {end}, so that what a branch behind a norm adds counts for less "
        "and less. The square of the gradient grows like a power of that, {growth}^{{D}} = {total}, and not "
        "exponentially in depth: D is B/F, what branches add to the gradient over what they add to the stream, on "
        "average over the blocks.",
        start=number(float(q[0]), 3), end=number(float(q[-1]), 3), growth=base(number(growth, 3)), D=ratio,
        total=power_of_ten(whole),
    ))  # fmt: skip


def _padding(network: BlockNetwork) -> Text:
    window = zeros_around(network.block)
    if window is None:
        return ""
    kept = math.prod(float(padding_factor(window.options[0], s).value()) for s in network.shape)
    root = math.sqrt(kept)
    return t(
        "Around the map lie zeros: they carry no signal, and what goes back to them is lost. Once that has settled, a "
        "layer keeps λ = {kept} of the squared gradient, √λ = {root} of its length, and {root}^{{depth}} = {total}.",
        kept=number(kept, 4), root=number(root, 4), depth=str(network.depth),
        total=power_of_ten(int(network.depth) * math.log(root)),
    )  # fmt: skip


def _streams(f: Findings) -> Text:
    found = sorted(shares(f.study).items(), key=lambda pair: -pair[1])
    if len(found) < 2:
        return ""
    name, share = found[0]
    return t(
        "Of what arrives after the first block, stream {name} carries {percent} % of the squared gradient.",
        name=name, percent=number(100 * share, 3),
    )  # fmt: skip


def _tokens(f: Findings) -> Text:
    if "cosine" not in f.study:
        return ""
    mean = f.study["cosine"].mean("sample").values
    if not mean[-1] > mean[0]:
        return ""
    kind = {"tokens": t("tokens"), "positions": t("positions"), "columns": t("columns")}[f.subject.columns]
    return t(
        "The {columns} grow alike: the mean cosine of two of them goes from {first} at the input to {last} at the "
        "output, and gradients of {columns} that are alike add up.",
        columns=kind, first=number(float(mean[0]), 2), last=number(float(mean[-1]), 2),
    )  # fmt: skip


def _matrices(network: BlockNetwork) -> Text:
    """Return the spectral facts of the block's matrices, from their distributions."""
    block, width, depth = network.block, int(network.widths[0]), int(network.depth)
    if not all(m.weights.family in (*INDEPENDENT, "orthogonal") for m in block.matrices):
        return t("The entries of a weight matrix are not independent here, so that no universal law holds for them.")
    equal, ends = set[float](), []  # singular values of orthogonal matrices; ends of the others' intervals
    for step in (step for step in block.steps if isinstance(step, Ask)):
        m = block.matrix(step.matrix)
        sigma, orthogonal = m.sigmas(width, depth)[0], m.weights.family == "orthogonal"
        rows = m.outputs if orthogonal else m.outputs / len(step.out)  # independent rows: every gate has its own
        ratio = math.sqrt(rows / m.read)
        if orthogonal:
            equal.add(sigma * max(1.0, ratio))
        else:
            ends.append((sigma * abs(1 - ratio), sigma * (1 + ratio)))
    if not equal and not ends:
        return ""
    stretch: list[Text] = []
    if equal:
        values = ", ".join(map(number, sorted(equal)))
        stretch.append(t("All singular values of an orthogonal matrix are equal; here: {values}.", values=values))
    if ends:
        low, high = number(min(end for end, _ in ends)), number(max(end for _, end in ends))
        law = t(
            "The singular values of its matrices lie between {low} and {high} (Marchenko–Pastur law).",
            low=low, high=high,
        )  # fmt: skip
        if equal:
            law = t(
                "The singular values of its other matrices lie between {low} and {high} (Marchenko–Pastur law).",
                low=low, high=high,
            )  # fmt: skip
        stretch.append(law)
    recurrent = recurrent_matrices(block)
    if block.tied:
        powers = t(
            "Without input, at the zero state, all steps would multiply by the same Jacobian, so that its powers act: "
            "what counts over many steps is its largest eigenvalue; of the recurrent matrices themselves that has "
            "modulus σ_w = {radius} as N → ∞.",
            radius=number(max((block.matrix(name).sigmas(width, depth)[0] for name in recurrent), default=0.0)),
        )  # fmt: skip
        return said(*stretch, powers if recurrent else "")
    return said(*stretch, t(
        "Every layer has its own, drawn independently: what one stretches is not what the next one stretches, and only "
        "mean squares multiply."
    ))  # fmt: skip


def _critical(network: BlockNetwork) -> Text:
    """Return the scale at which theory knows that the gradient is kept."""
    if not (network.block.recurrent or network.block.mixes("window")):
        return ""
    found = attempt(critical, network)
    if isinstance(found, Unavailable):
        return ""
    values = {"there": number(found.sigma_w, 5)}
    if network.block.recurrent:
        return t(
            "Without input, at the zero state, σ_w = {there} would keep the gradient; with inputs, which were "
            "simulated here, that scale is another one.",
            **values,
        )
    return t("σ_w = {there} would keep the gradient in every layer.", **values)
