"""Which verb does not work for which network, and why: one table that refusals, methods, options and docs come from.

A row says that a verb does not answer for a network with some traits, why, and what answers instead.  A verb answers
for every network that no row refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vgtheory._errors import Instead
from vgtheory.model import traits as has
from vgtheory.model.traits import Trait

# How a verb is written in Python and in a shell.
SPELLED = {
    "simulate": Instead("vg.simulate", "vgtheory simulate"),
    "simulate (batch)": Instead("vg.simulate(network, samples, batch=32)", "vgtheory simulate --batch 32"),
    "predict": Instead("vg.predict", "vgtheory predict"),
    "spectrum": Instead("vg.spectrum", "vgtheory spectrum"),
    "sample (singular values)": Instead('vg.sample(network, of="singular values")', ""),
}


@dataclass(frozen=True)
class Row:
    """A network with all of these traits is refused, for this reason; `use` are verbs that may answer instead.

    In `why`, {activation}, {weights}, {drawn} and {norm} stand for the network's, and {parts} for the traits of all
    rows that give this reason.
    """

    traits: tuple[Trait, ...]
    why: str
    use: tuple[str, ...] = ()


def _without(part: Trait, why: str, *use: str) -> Row:
    return Row((part,), why, use)


_FLAT = Row((has.FLAT,), "{activation} has slope 0 almost everywhere, so every gradient is 0")
_STEEP = Row((has.STEEP,), "E φ'² is infinite at every q, so there is no mean field of the gradient", ("simulate",))
_DEPENDENT = Row(
    (has.DEPENDENT,),
    "theory takes weights that are independent from layer to layer, with independent entries of finite variance or "
    "orthogonal, and {weights} weights are not that",
    ("simulate", "sample (singular values)"),
)
_CUT = Row((has.ZERO_WEIGHTS,), "its formulas need sigma_w > 0: weights that are all 0 pass nothing on", ("simulate",))
_PARTS = (has.SKIP, has.NORM, has.DROPOUT)
_ROTATES = Row(
    (has.DRAWN_OR_TIED,),
    "it needs rotation-invariant weights drawn anew in every layer, and normal biases, and {drawn} are not that",
)
_ONE_INPUT = Row(
    (has.BATCH_NORM,), "batch norm needs a batch of inputs, and only one input is followed here", ("simulate (batch)",)
)
_TIED_BRANCH = Row((has.TIED, has.SECOND_MATRIX), "tied weights with a second matrix per branch are not simulated")
_SIMULATED = (_ONE_INPUT, _TIED_BRANCH)
_IN_BATCHES = tuple(
    Row((part, has.BATCH_NORM), f"batch norm beside {part.name} is not simulated") for part in (has.SKIP, has.DROPOUT)
)


def _plain(why: str, *use: str) -> tuple[Row, ...]:
    return tuple(Row((part,), why + " {parts}", use) for part in _PARTS)


_SPECTRAL = (
    _without(has.NORM, "under {norm} J is no product of independent factors", "predict"),
    _without(has.DROPOUT, "the law of J is not worked out with dropout", "predict"),
    _DEPENDENT,
    _FLAT,
    _CUT,
)
_SAMPLED = ("simulate", "simulate (batch)")
_FLUCTUATIONS = (
    Row((has.ROUGH,), "E φ⁴ or E φ'⁴ is infinite, and fluctuations at finite width are made of them", _SAMPLED),
    Row((has.SKIP, has.NORM), "fluctuations of normalised branches beside skip connections are not known", _SAMPLED),
    *(
        Row(
            (has.ORTHOGONAL, part),
            "fluctuations with orthogonal weights beside " + part.name + " are not known",
            _SAMPLED,
        )
        for part in (has.SKIP, has.UNIT_NORM)
    ),
    Row(
        (has.BATCH_NORM,),
        "fluctuations under batch norm, which ties a batch's inputs together, are not known",
        _SAMPLED,
    ),
    Row((has.LATE_NORM, has.DROPOUT), "fluctuations under dropout behind a normalisation are not known", _SAMPLED),
)

_MEAN_FIELD = (_DEPENDENT, _FLAT, _STEEP, _CUT)
_EXPANDED = (*_MEAN_FIELD, _FLUCTUATIONS[0])

TABLE: dict[str, tuple[Row, ...]] = {
    "simulate": _SIMULATED,
    "simulate (exact)": (
        *_SIMULATED,
        Row(
            (has.DRAWN,),
            "it needs rotation-invariant weights and normal biases, and {drawn} are not that",
            ("simulate",),
        ),
        *(Row((has.TIED, part), f"tied weights beside {part.name} are drawn", ("simulate",)) for part in _PARTS),
    ),
    "simulate (chain)": (
        *_plain("a chain of independent layers is not known with", "simulate"),
        _without(has.NOT_GAUSSIAN, "the lengths of layers are independent for gaussian weights only", "simulate"),
        _without(has.TIED, "tied layers are not independent", "simulate"),
        _without(has.BIASED, "with biases lengths depend on the layers before", "simulate"),
        _without(has.CURVED, "a chain needs φ(th) = tφ(h) for t > 0, not {activation}", "simulate"),
        _CUT,
    ),
    "simulate (single)": (
        *_plain("single precision is not available with", "simulate"),
        replace(_ROTATES, use=("simulate",)),
    ),
    "simulate (inputs)": (
        *_plain("several inputs are not simulated with", "simulate"),
        _ROTATES,
        _CUT,
        Row((has.ONE_INPUT_UNIT,), "inputs of one unit and equal length are equal or opposite", ("simulate",)),
    ),
    "simulate (batch)": (
        _without(has.NO_BATCH_NORM, "a batch is for batch norm: without it inputs do not meet", "simulate"),
        *_IN_BATCHES,
    ),
    "coordinate_check": (*_plain("training steps are not simulated with", "simulate"), _ROTATES),
    "sweep": (
        *_SIMULATED,
        Row((has.GIVEN, has.NO_PARAMETERS), "given weights have no scales or sizes to sweep over", ("simulate",)),
    ),
    "compare": _SIMULATED,
    "advise": (*_IN_BATCHES, _TIED_BRANCH),
    "predict": _MEAN_FIELD,
    "predict (order 1/N)": (*_MEAN_FIELD, *_FLUCTUATIONS),
    "predict (closure)": (*_plain("the closure is not worked out with", "predict"), *_EXPANDED),
    "predict (exact law)": (
        *_plain("no exact law is known with", "predict"),
        _DEPENDENT,
        _CUT,
        _without(has.CURVED, "an exact law needs φ(th) = tφ(h) for t > 0, not {activation}", "predict"),
        _without(has.NOT_ISOTROPIC, "an exact law needs gaussian or orthogonal weights, not {weights} ones", "predict"),
    ),
    "predict (correlations)": (
        _without(has.BATCH_NORM, "correlations under batch norm depend on the whole batch"),
        *_MEAN_FIELD,
    ),
    "predict (layer covariance)": (*_plain("covariances of layers are not known with", "simulate"), *_EXPANDED),
    "predict (tangents)": (*_plain("tangents are not predicted with", "simulate"), *_EXPANDED),
    "bounds": (
        _without(has.DROPOUT, "no bound is proved with dropout", "simulate"),
        _without(has.UNIT_NORM, "no bound is proved with {norm}", "predict"),
        Row((has.SKIP, has.BATCH_NORM), "no bound is proved with batch norm beside skip connections", ("predict",)),
        Row((has.BATCH_NORM, has.NOT_RELU), "the growth under batch norm is known for ReLU only", ("predict",)),
        Row((has.NO_KNOWN_NORM,), "no bound is proved for {weights} weights", ("simulate",)),
        *(
            Row(
                (has.DEPENDENT, part), f"no bound is proved for tied or given weights beside {part.name}", ("simulate",)
            )
            for part in (has.SKIP, has.BATCH_NORM)
        ),
    ),
    "certificate": (*_plain("no certificate is known with", "predict"), _DEPENDENT),
    "spectrum": _SPECTRAL,
    "eigenvalues": (
        _without(has.SKIP, "with skip connections J is not R-diagonal", "spectrum"),
        _without(has.UNEQUAL_WIDTHS, "eigenvalues of layers of different widths are not known", "spectrum"),
        *_SPECTRAL,
    ),
    "lyapunov": (
        _without(has.SKIP, "exponents with skip connections are not known", "predict"),
        _SPECTRAL[0],
        _without(has.UNEQUAL_WIDTHS, "layers of different widths have no limit as depth → ∞", "spectrum"),
        _without(has.UNEQUAL_SCALES, "layers of different scales have no limit as depth → ∞", "spectrum"),
        _DEPENDENT,
        _FLAT,
        _CUT,
    ),
    "sample (singular values)": (
        _without(has.NORM, "the Jacobian of a layer with {norm} is not sampled", "simulate"),
        _without(has.DROPOUT, "the Jacobian of a layer with dropout is not sampled", "simulate"),
    ),
    "sample (eigenvalues)": (
        _without(has.UNEQUAL_ENDS, "eigenvalues need as many outputs as inputs", "sample (singular values)"),
        _without(has.NORM, "the Jacobian of a layer with {norm} is not sampled", "simulate"),
        _without(has.DROPOUT, "the Jacobian of a layer with dropout is not sampled", "simulate"),
    ),
    "sample (exponents)": (
        _without(has.SKIP, "exponents with skip connections are not sampled", "sample (singular values)"),
        _without(has.NORM, "the Jacobian of a layer with {norm} is not sampled", "simulate"),
        _CUT,
    ),
    "sample (growth)": (*_plain("growth without matrices is not sampled with", "simulate"), _ROTATES, _CUT),
    "report": (*_IN_BATCHES, _TIED_BRANCH),
}
VERBS = tuple(TABLE)
# The same for networks of blocks; a verb without an entry knows none.
_ONE_INPUT_OF_BLOCKS = replace(_ONE_INPUT, traits=(has.BATCH_NORM_OF_BLOCKS,))
_ASKED = ("simulate", "predict")
OF_BLOCKS: dict[str, tuple[Row, ...]] = {
    "simulate": (_ONE_INPUT_OF_BLOCKS,),
    "simulate (batch)": (
        Row((has.BLOCKS_APART,), "a batch is for batch norm: without it inputs do not meet", ("simulate",)),
    ),
    "predict": (
        Row(
            (has.BATCH_NORM_OF_BLOCKS,),
            "batch norm ties a batch's inputs together, and no mean field of blocks knows that",
            ("simulate (batch)",),
        ),
        replace(_STEEP, traits=(has.STEEP_BLOCKS,)),
        Row((has.LONG_CELLS,), f"theory follows at most {has.MOST_STEPS:,} steps of a recurrent cell", ("simulate",)),
        Row(
            (has.SPIKED_BLOCKS, has.ATTENDING),
            "means over two tokens of slopes that are unbounded at a point are not worked out",
            ("simulate",),
        ),
    ),
    "simulate (exact)": (
        _ONE_INPUT_OF_BLOCKS,
        Row((has.DRAWN_BLOCKS,), "only gaussian and orthogonal matrices are sampled exactly without being drawn"),
    ),
    "report": (_ONE_INPUT_OF_BLOCKS,),
    "advise": (_ONE_INPUT_OF_BLOCKS,),
    "sweep": (_ONE_INPUT_OF_BLOCKS,),
    "compare": (_ONE_INPUT_OF_BLOCKS,),
    "sample (growth)": (_ONE_INPUT_OF_BLOCKS,),
    "sample (exponents)": (_ONE_INPUT_OF_BLOCKS,),
    "bounds": (
        Row((has.NORMED_BLOCKS,), "a norm stretches short vectors without limit, so nothing bounds its slope", _ASKED),
        Row((has.WINDOWED_BLOCKS,), "no bound is proved for convolutions", _ASKED),
        Row((has.MIXED_ATTENTION,), "no bound is proved for attention beside anything else or under a mask", _ASKED),
    ),
}
NO_BLOCKS = (Row((has.BLOCKS,), "defined for dense layers only, and this network is built of {block} blocks", _ASKED),)
SYMBOLIC = ("bounds", "certificate", "sweep")  # the verbs that take symbols for sizes and scales
