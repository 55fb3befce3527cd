"""Recurrent cells: what happens at a step of time, as formulas in gates and states; every cell is a row of data.

Gates are pre-activations U^k h + V^k x + b^k, each with a matrix U^k of its own whose entries have variance σ_w²/N.
``s(…)`` is the logistic function.  Weights and biases are tied over the steps unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.model.blocks.stacks import applied, to_weights
from vgtheory.model.program import Block
from vgtheory.model.steps import Ask, Map, Matrix, Mix, Step, width_symbol
from vgtheory.model.streams import constant, expression
from vgtheory.model.weights import Weights
from vgtheory.symbolic.building import CONSTANTS
from vgtheory.symbolic.catalogue import activation as to_activation

Reset = Literal["after", "before"]
LSTM = {"c": "s(f)*c + s(i)*tanh(g)", "h": "s(o)*tanh(c)"}


def cell(
    states: Mapping[str, str],
    weights: Weights,
    *,
    gates: tuple[str, ...] | None = None,
    name: str = "cell",
    tied: bool = True,
    fused: bool = False,
) -> Block:
    """Return the cell whose states follow these formulas, in order: a formula reads the states written before it.

    Parameters
    ----------
    states : formula of each state, e.g. ``{"c": "s(f)*c + s(i)*tanh(g)", "h": "s(o)*tanh(c)"}``; the last one is what
        the matrices multiply and what the loss reads.
    weights : distribution of the recurrent matrices and of their biases.
    gates : the names that stand for pre-activations; by default those that are not states.
    name : what the cell is called.
    tied : whether all steps have the same matrices and biases.
    fused : whether all gates are rows of one matrix; of orthogonal weights this is another distribution (orthonormal
        columns, Keras' kernels), of independent entries the same one.

    Raises
    ------
    InputError, FormulaError : a formula that is none, or that reads an unknown stream.

    Examples
    --------
    >>> cell({"c": "s(f)*c + s(i)*tanh(g)", "h": "s(o)*tanh(c)"}, Weights.gaussian(1)).carried
    ('h', 'c')
    """
    formulas = _formulas(states)
    found = sorted({s.name for e in formulas.values() for s in e.free_symbols} - set(formulas))
    gates = tuple(found) if gates is None else gates
    if not isinstance(name, str):
        raise InputError("name", "a text", 'e.g. name="my cell"', got=f"{name!r}"[:60])
    if not isinstance(fused, bool):
        raise InputError("fused", "True or False", "e.g. fused=True", got=f"{fused!r}"[:60])
    _check_gates(gates, found, str(name))
    _ = Map(tuple(formulas), tuple(formulas.values())).functions  # refused unless they are finite everywhere
    output = list(formulas)[-1]
    weights = to_weights(weights)
    return Block(
        name,
        tuple((state, f"{state}_new") for state in (output, *(s for s in formulas if s != output))),
        (*_asked(gates, weights, output, fused), *_sequence(formulas)),
        _matrices(gates, weights, fused),
        tied,
    )


def _check_gates(gates: Any, found: list[str], name: str) -> None:
    """Raise InputError unless the gates are the different names that the formulas read besides the states."""
    if not isinstance(gates, tuple) or len(set(gates)) < len(gates):
        raise InputError("gates", "a tuple of different names", 'e.g. gates=("f", "i")', got=f"{gates!r}"[:60])
    if not gates and not found:
        what = "of which a formula reads a gate, a name that is no state"
        raise InputError(f"the formulas of {name}", f"formulas {what}", 'e.g. {"h": "tanh(a)"}, whose gate is a')
    for unused in sorted(set(gates) - set(found)):
        raise InputError(f"the gate {unused} of the cell {name}", "a name that a formula reads", "drop it from gates=")
    for unknown in sorted(set(found) - set(gates)):
        raise InputError(f"{unknown} in the cell {name}", "a state or a gate", f'add "{unknown}" to gates=')


def _formulas(states: Any) -> dict[str, sp.Expr]:
    if not isinstance(states, Mapping) or not states:
        raise InputError("states", "formulas by name", 'e.g. {"h": "tanh(a)"}', got=f"{states!r}"[:60])
    for name in states:
        if not isinstance(name, str) or name in CONSTANTS:
            raise InputError(f"the state {name!r}", "a name that is no number's", "rename it")
    return {name: expression(text) for name, text in states.items()}


def _one_matrix(weights: Weights, fused: bool) -> bool:
    """Return whether all gates can be rows of one matrix: independent entries do not know it, orthogonal ones do."""
    return fused or weights.family != "orthogonal"


def _asked(gates: tuple[str, ...], weights: Weights, output: str, fused: bool) -> tuple[Step, ...]:
    if _one_matrix(weights, fused):
        return (Ask(gates, "U", output, driven=True),)
    return tuple(Ask((gate,), f"U{gate}", output, driven=True) for gate in gates)


def _matrices(gates: tuple[str, ...], weights: Weights, fused: bool) -> tuple[Matrix, ...]:
    if _one_matrix(weights, fused):
        return (Matrix("U", weights, len(gates), 1),)
    return tuple(Matrix(f"U{gate}", weights) for gate in gates)


def _sequence(formulas: Mapping[str, sp.Expr]) -> tuple[Step, ...]:
    """Return one Map a state; a state that was written is read by its new value."""
    steps: list[Step] = []
    written: dict[sp.Symbol, sp.Symbol] = {}
    for name, formula in formulas.items():
        steps.append(Map((f"{name}_new",), (formula.xreplace(written),)))
        written[sp.Symbol(name, real=True)] = sp.Symbol(f"{name}_new", real=True)
    return tuple(steps)


def rnn(act: Any, weights: Weights, tied: bool = True) -> Block:
    """Return h' = φ(U h + V x + b), Elman's network.

    Parameters
    ----------
    act : activation.
    weights : distribution of the recurrent matrix and of its bias.
    tied : whether all steps have the same matrix and bias.

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network(rnn("tanh", vg.Weights.gaussian(1.2)), width=16, depth=8)
    >>> study = vg.simulate(network, samples=4, inputs=vg.Inputs(variance=0.1))
    >>> sorted(study.log_stream_gradient_norm.sizes)
    ['layer', 'sample', 'stream']
    """
    act = to_activation(act)
    steps = (Ask(("a",), "U", "h", driven=True), Map(("h_new",), (applied(act, "a"),)))
    return Block(f"RNN {act.name}", (("h", "h_new"),), steps, (Matrix("U", to_weights(weights)),), tied)


def minimal(weights: Weights, update_bias: Any = 0, tied: bool = True) -> Block:
    """Return h' = u·h + (1 − u)·tanh(z), u = s(U h + V x + update_bias), z = V' x: Chen et al. (2018), minimalRNN.

    The candidate z reads the input alone: its pre-activation is the network's input.

    Parameters
    ----------
    weights : distribution of the recurrent matrix and of its bias.
    update_bias : constant that is added to the update gate's pre-activation.
    tied : whether all steps have the same matrix and bias.

    Examples
    --------
    >>> import vgtheory as vg
    >>> minimal(vg.Weights.gaussian(1)).name
    'minimal RNN'
    """
    bias = constant(update_bias, "update_bias")
    formula = expression(f"s(u + ({bias}))*h + (1 - s(u + ({bias})))*tanh(z)", ("u", "h", "z"))
    steps = (
        Ask(("u",), "U", "h", driven=True),
        Mix(("z",), "input"),
        Map(("h_new",), (formula,)),
    )
    return Block("minimal RNN", (("h", "h_new"),), steps, (Matrix("U", to_weights(weights)),), tied)


def gru(weights: Weights, update_bias: Any = 0, reset: Reset = "after", tied: bool = True) -> Block:
    """Return the gated recurrent unit: h' = z·h + (1 − z)·n, z = s(U_z h + x_z + update_bias), r = s(U_r h + x_r).

    Parameters
    ----------
    weights : distribution of the recurrent matrices and of their biases.
    update_bias : constant that is added to the update gate's pre-activation.
    reset : "after", n = tanh(x_n + r·(U_n h)), as PyTorch computes it; "before", n = tanh(x_n + U_n(r·h)), Cho et al.
        (2014).
    tied : whether all steps have the same matrices and biases.

    Raises
    ------
    InputError : another reset.

    Examples
    --------
    >>> import vgtheory as vg
    >>> vg.critical(gru(vg.Weights.gaussian(1))).formula.expr
    2
    """
    if reset not in ("after", "before"):
        raise InputError("reset", '"after" or "before"', 'e.g. reset="after"', got=f"{reset!r}")
    weights, bias = to_weights(weights), constant(update_bias, "update_bias")
    one = _one_matrix(weights, fused=False)
    asked: tuple[Step, ...] = (
        (Ask(("z", "r"), "U", "h", driven=True),)
        if one
        else (Ask(("z",), "Uz", "h", driven=True), Ask(("r",), "Ur", "h", driven=True))
    )
    matrices = (Matrix("U", weights, 2, 1),) if one else (Matrix("Uz", weights), Matrix("Ur", weights))
    if reset == "after":
        inner: tuple[Step, ...] = (
            Ask(("u",), "Un", "h"),
            Mix(("xn",), "input"),
            Map(("n",), (expression("tanh(xn + s(r)*u)", ("xn", "r", "u")),)),
        )
    else:
        inner = (
            Map(("k",), (expression("s(r)*h", ("r", "h")),)),
            Ask(("a",), "Un", "k", driven=True),
            Map(("n",), (expression("tanh(a)", ("a",)),)),
        )
    new = expression(f"s(z + ({bias}))*h + (1 - s(z + ({bias})))*n", ("z", "h", "n"))
    steps = (*asked, *inner, Map(("h_new",), (new,)))
    return Block(f"GRU, reset {reset}", (("h", "h_new"),), steps, (*matrices, Matrix("Un", weights)), tied)


class _Lstm:
    """The long short-term memory and its published initialisations: ``lstm(weights)``, ``lstm.keras()``, …

    Examples
    --------
    >>> import vgtheory as vg
    >>> vg.critical(lstm(vg.Weights.gaussian(1), forget_bias=1)).formula.expr
    4/(1 + E)
    >>> lstm.keras().name
    'LSTM, Keras'
    """

    def __call__(self, weights: Weights, forget_bias: Any = 1, tied: bool = True) -> Block:
        """Return c' = s(f)·c + s(i)·tanh(g), h' = s(o)·tanh(c'), f with forget_bias added.

        Hochreiter & Schmidhuber (1997); the forget gate is Gers et al. (2000), its bias 1 Jozefowicz et al. (2015).

        Parameters
        ----------
        weights : distribution of the recurrent matrices and of their biases.
        forget_bias : constant that is added to the forget gate's pre-activation.
        tied : whether all steps have the same matrices and biases.
        """
        bias = constant(forget_bias, "forget_bias")
        return self._built(f"s(f + ({bias}))*c + s(i)*tanh(g)", weights, tied)

    def pytorch(self, tied: bool = True) -> Block:
        """Return what ``torch.nn.LSTM`` draws: weights and both biases uniform on ±1/√N, no forget bias.

        Parameters
        ----------
        tied : whether all steps have the same matrices and biases.
        """
        gates = ("i", "f", "g", "o")
        ends = (-1 / sp.sqrt(width_symbol), 1 / sp.sqrt(width_symbol))
        sources = tuple(Mix((f"b{gate}",), "uniform", (), ends) for gate in gates)
        new = {"c": "s(f + bf)*c + s(i + bi)*tanh(g + bg)", "h": "s(o + bo)*tanh(c)"}
        return self._drawn("LSTM, PyTorch", new, Weights.pytorch_default(), sources, False, tied)

    def keras(self, forget_bias: Any = 1, tied: bool = True) -> Block:
        """Return what ``keras.layers.LSTM`` draws: one 4N × N matrix with orthonormal columns, forget bias 1.

        Parameters
        ----------
        forget_bias : constant that is added to the forget gate's pre-activation.
        tied : whether all steps have the same matrices and biases.
        """
        bias = constant(forget_bias, "forget_bias")
        new = {"c": f"s(f + ({bias}))*c + s(i)*tanh(g)", "h": LSTM["h"]}
        return self._drawn("LSTM, Keras", new, Weights.orthogonal(sp.Rational(1, 2)), (), True, tied)

    def chrono(self, longest: int, tied: bool = True) -> Block:
        """Return Keras' weights with chrono biases: b_f = ln u, b_i = −b_f, u uniform on [1, longest − 1].

        Tallec & Ollivier (2018), eq. 14.  Raises InputError for a time of less than 3 steps.

        Parameters
        ----------
        longest : T, the longest time over which something is to be kept, in steps.
        tied : whether all steps have the same matrices and biases.
        """
        if isinstance(longest, bool) or not isinstance(longest, int) or not 3 <= longest <= 10**9:
            raise InputError("longest", "a whole number of at least 3", "e.g. lstm.chrono(100)", got=f"{longest!r}")
        source = Mix(("b",), "log_uniform", (), (sp.S.One, sp.Integer(longest - 1)))
        new = {"c": "s(f + b)*c + s(i - b)*tanh(g)", "h": LSTM["h"]}
        return self._drawn(f"LSTM, chrono {longest}", new, Weights.orthogonal(sp.Rational(1, 2)), (source,), True, tied)

    def _built(self, state: str, weights: Weights, tied: bool) -> Block:
        return cell({"c": state, "h": LSTM["h"]}, weights, name="LSTM", tied=tied)

    def _drawn(
        self, name: str, states: Mapping[str, str], weights: Weights, sources: tuple[Mix, ...], fused: bool, tied: bool
    ) -> Block:
        gates = ("f", "g", "i", "o")
        steps = (*sources, *_asked(gates, weights, "h", fused), *_sequence(_formulas(states)))
        return Block(name, (("h", "h_new"), ("c", "c_new")), steps, _matrices(gates, weights, fused), tied)


lstm = _Lstm()
