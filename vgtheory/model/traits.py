"""What a network may have that a verb may not know: each trait a name, a test, and what takes it away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vgtheory._errors import Instead
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.model.steps import Ask, Map, Mix
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.integrability import is_flat, smoothness, why_infinite

MOST_STEPS = 1000  # of a recurrent cell that theory follows: the work grows with their square


@dataclass(frozen=True)
class Trait:
    """One trait.

    Attributes
    ----------
    name : as in "a network with NAME"; {norm} stands for the network's own.
    held : whether a network has it; cheap, and asked only where a verb minds.
    without : what takes it away.
    """

    name: str
    held: Callable[[Network], bool]
    without: Instead


def _norm(*kinds: str, place: str = "") -> Callable[[Network], bool]:
    return lambda n: n.norm is not None and n.norm.kind in kinds and place in ("", n.norm.place)


def _mixes(network: Network, *kinds: str) -> bool:
    return isinstance(network, BlockNetwork) and bool(network.block.mixes(*kinds))


def _is_attention_alone(network: Network) -> bool:
    """Return whether a block is queries, keys, values, attention without a mask and its outputs, and nothing else."""
    steps = network.block.steps if isinstance(network, BlockNetwork) else ()
    mixes = [step for step in steps if isinstance(step, Mix)]
    return (
        len(steps) == 5 and sum(isinstance(step, Ask) for step in steps) == 4 and not any(m.options[1] for m in mixes)
    )


def _is_relu(network: Network) -> bool:
    act = network.activation
    if act.homogeneous_degree != 1 or not act.is_numeric:
        return False
    slopes = act.derivative_pieces()
    return slopes[0].expr == 0 and slopes[-1].expr != 0


def _has_zero_weights(network: Network) -> bool:
    given = network.weights.arrays
    return network.weights.sigma_w == 0 if given is None else any(sigma_w == 0 for sigma_w, _ in given.layer_scales)


def _scales_differ(network: Network) -> bool:
    uneven = isinstance(network.width, tuple) or network.weights.arrays is not None
    return uneven and len(set(network.sigmas)) > 1


def _maps_by(network: Network, held: Callable[[Activation], bool]) -> bool:
    """Return whether a block maps a stream by a function of this kind."""
    steps = network.block.steps if isinstance(network, BlockNetwork) else ()
    return any(held(act) for step in steps if isinstance(step, Map) for act in step.functions)


def _is_spiked(act: Activation) -> bool:
    return any(edge.exponent < 0 for edge in smoothness(act).edges)


def _is_infinite(network: Network, *moments: tuple[int, int]) -> bool:
    act = network.activation
    return act.is_numeric and any(why_infinite(act, order, power) for order, power in moments)


_NO_NORM = Instead("drop norm=", "drop --norm")
_GAUSSIAN = Instead("use Weights.gaussian of the same sigma_w", "use --weights gaussian")
_ONE_WIDTH = Instead("give one width for all layers", "drop --widths")
_OTHER = Instead("use another activation", "use another activation")

SKIP = Trait("skip connections", lambda n: n.skip is not None, Instead("drop skip=", "drop --skip"))
SECOND_MATRIX = Trait(
    "a second matrix per branch",
    lambda n: n.skip is not None and n.skip.matrices == 2,
    Instead("use Skip(..., matrices=1)", "drop --skip"),
)
NORM = Trait("{norm}", lambda n: n.norm is not None, _NO_NORM)
UNIT_NORM = Trait("{norm}", _norm("layer", "rms"), _NO_NORM)
LATE_NORM = Trait("normalisation behind the activation", _norm("layer", "rms", place="after"), _NO_NORM)
BATCH_NORM = Trait("batch norm", _norm("batch"), _NO_NORM)
NO_BATCH_NORM = Trait(
    "no batch norm", lambda n: not _norm("batch")(n), Instead('give norm="batch"', "give --norm batch")
)
DROPOUT = Trait("dropout", lambda n: n.dropout is not None, Instead("drop dropout=", "drop --dropout"))
ORTHOGONAL = Trait("orthogonal weights", lambda n: n.weights.family == "orthogonal", _GAUSSIAN)
NOT_GAUSSIAN = Trait("weights that are not gaussian", lambda n: n.weights.family != "gaussian", _GAUSSIAN)
NOT_ISOTROPIC = Trait(
    "weights that are neither gaussian nor orthogonal", lambda n: not n.weights.is_isotropic, _GAUSSIAN
)
DRAWN = Trait("weights or biases that have to be drawn", lambda n: not n.weights.rotates, _GAUSSIAN)
DRAWN_OR_TIED = Trait(
    "weights or biases that have to be drawn", lambda n: n.weights.tied or not n.weights.rotates, _GAUSSIAN
)
DEPENDENT = Trait("weights that depend on each other", lambda n: not n.weights.has_independent_layers, _GAUSSIAN)
NO_KNOWN_NORM = Trait(
    "weights of no known norm",
    lambda n: not n.weights.is_isotropic and n.weights.family != "given" and not n.weights.has_independent_layers,
    _GAUSSIAN,
)
GIVEN = Trait("given weights", lambda n: n.weights.family == "given", _GAUSSIAN)
NO_PARAMETERS = Trait("an activation without parameters", lambda n: not n.activation.parameters, _OTHER)
TIED = Trait(
    "tied weights",
    lambda n: n.weights.tied,
    Instead("draw the weights anew in every layer", "drop --tied"),
)
BIASED = Trait("biases", lambda n: n.weights.sigma_b != 0, Instead("use sigma_b=0", "use --sigma-b 0"))
UNEQUAL_WIDTHS = Trait(
    "layers of different widths", lambda n: isinstance(n.width, tuple) and len(set(n.width)) > 1, _ONE_WIDTH
)
ONE_INPUT_UNIT = Trait(
    "inputs of one unit",
    lambda n: (n.width[0] if isinstance(n.width, tuple) else n.width) == 1,
    Instead("give an input width of at least 2", "give --width 2 or more"),
)
UNEQUAL_ENDS = Trait(
    "a Jacobian that is not square", lambda n: isinstance(n.width, tuple) and n.width[0] != n.width[-1], _ONE_WIDTH
)
ZERO_WEIGHTS = Trait("weights of scale 0", _has_zero_weights, Instead("give sigma_w > 0", "give a --sigma-w above 0"))
UNEQUAL_SCALES = Trait(
    "layers of different scales", _scales_differ, Instead("give one sigma_w and sigma_b", "give one --sigma-w")
)
FLAT = Trait("a slope that is 0 almost everywhere", lambda n: is_flat(n.activation), _OTHER)
STEEP = Trait("a slope with an infinite mean square", lambda n: _is_infinite(n, (1, 2)), _OTHER)
ROUGH = Trait("an activation with infinite fourth moments", lambda n: _is_infinite(n, (0, 4), (1, 4)), _OTHER)
CURVED = Trait("an activation that is not homogeneous", lambda n: n.activation.homogeneous_degree != 1, _OTHER)
NOT_RELU = Trait("an activation other than ReLU", lambda n: not _is_relu(n), Instead("use relu", "use relu"))
BLOCKS = Trait(
    "blocks",
    lambda n: isinstance(n, BlockNetwork),
    Instead("describe the network by an activation and weights", "name an activation"),
)
BATCH_NORM_OF_BLOCKS = Trait("batch norm", lambda n: _mixes(n, "batch"), Instead('use norm="layer"', ""))
BLOCKS_APART = Trait("no batch norm", lambda n: not _mixes(n, "batch"), Instead('give a convolution norm="batch"', ""))
NORMED_BLOCKS = Trait("norms", lambda n: _mixes(n, "layer", "rms", "batch"), Instead("use a block without norms", ""))
WINDOWED_BLOCKS = Trait("windows", lambda n: _mixes(n, "window"), Instead("use a block without convolutions", ""))
MIXED_ATTENTION = Trait(
    "attention beside anything else",
    lambda n: _mixes(n, "attention") and not _is_attention_alone(n),
    Instead("use vg.blocks.attention(weights, heads) alone", "name attention"),
)
ATTENDING = Trait(
    "tokens that attend to each other",
    lambda n: isinstance(n, BlockNetwork) and _mixes(n, "attention") and n.columns > 1,
    Instead("give tokens=1", "give --tokens 1"),
)
LONG_CELLS = Trait(
    f"more than {MOST_STEPS:,} steps",
    lambda n: isinstance(n, BlockNetwork) and n.block.recurrent and n.depth > MOST_STEPS,
    Instead(f"give a depth of at most {MOST_STEPS}", f"give at most --steps {MOST_STEPS}"),
)
SPIKED_BLOCKS = Trait("a slope that is unbounded at a point", lambda n: _maps_by(n, _is_spiked), _OTHER)
STEEP_BLOCKS = Trait(
    "a slope with an infinite mean square", lambda n: _maps_by(n, lambda act: bool(why_infinite(act, 1, 2))), _OTHER
)
DRAWN_BLOCKS = Trait(
    "matrices that have to be drawn",
    lambda n: isinstance(n, BlockNetwork) and not all(m.weights.is_isotropic for m in n.block.matrices),
    _GAUSSIAN,
)
