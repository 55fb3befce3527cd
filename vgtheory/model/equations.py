r"""The equations of a block as LaTeX: its program read as mathematics, one row of an ``aligned`` environment a step.

Streams carry the layer as an index, l, or the step in time, t; a name that comes several times, as in a layer that is
a sequence of parts, is counted by a superscript.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import singledispatch
from typing import Any

import sympy as sp

from vgtheory.model.program import Block
from vgtheory.model.steps import Add, Ask, Map, Matrix, Mix, width_symbol
from vgtheory.symbolic.notation import width as N
from vgtheory.symbolic.printing import to_latex

LOGISTIC = sp.Function("s")
TOKEN = r"\tau"
IN_A_ROW = 4  # matrices of one distribution
NORMS = {
    "layer": r"\frac{%(x)s - \langle %(x)s \rangle}{\sqrt{\langle (%(x)s - \langle %(x)s \rangle)^2 \rangle}}",
    "rms": r"\frac{%(x)s}{\sqrt{\langle (%(x)s)^2 \rangle}}",
    "batch": r"\operatorname{BN}(%(x)s)",
}
NOTES = {
    "layer": r"\langle \cdot \rangle &: \text{mean over components}",
    "rms": r"\langle \cdot \rangle &: \text{mean over components}",
    "batch": r"\operatorname{BN} &: \text{to mean 0 and variance 1 over the batch and all positions}",
}


class Names:
    """How the streams and matrices of a block are written."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.index = "t" if block.recurrent else "l"
        self.logistic = False
        new = {to: name for name, to in block.streams}
        inner = _counted([name for step in block.steps for name in step.out if name not in new])
        once = {name for mix in block.mixes("uniform", "log_uniform") for name in mix.out}
        self._streams = {name: _with_index(_word(name), f"{self.index}-1") for name in block.carried}
        self._streams |= {to: _with_index(_word(name), self.index) for to, name in new.items()}
        self._streams |= {name: _with_index(text, "" if name in once else self.index) for name, text in inner.items()}
        after = "" if block.tied else self.index
        self._matrices = {
            name: _with_index(text, after) for name, text in _counted([m.name for m in block.matrices]).items()
        }

    def stream(self, name: str) -> str:
        """Return a stream as LaTeX, with its index."""
        return self._streams[name]

    def matrix(self, name: str, part: str = "") -> str:
        """Return a matrix as LaTeX, or the rows of it that give one stream."""
        return _with_index(self._matrices[name], part)

    def expression(self, expr: sp.Expr) -> str:
        """Return a formula in streams as LaTeX; 1/(1 + e^{−x}) is s(x)."""
        short = expr.replace(_is_logistic, lambda e: LOGISTIC(-_exponent(e)))
        self.logistic |= short.has(LOGISTIC)
        symbols = sorted(short.free_symbols, key=str)
        stands = {s: sp.Symbol(f"zq{'abcdefghijklmnopqrstuvwxyz'[k]}", real=True) for k, s in enumerate(symbols)}
        text = to_latex(short.xreplace(stands))
        for symbol, placeholder in stands.items():
            text = text.replace(rf"\mathrm{{{placeholder}}}", f"{{{self.stream(symbol.name)}}}")
        return text


def equations(block: Block) -> list[str]:
    r"""Return the rows of the block's equations, with ``&`` where they are aligned.

    >>> from vgtheory.model.blocks import rnn
    >>> from vgtheory.model.weights import Weights
    >>> for row in equations(rnn("tanh", Weights.gaussian(1.5, 0.1))):
    ...     print(row)
    a_{t} &= U h_{t-1} + \xi_{t} + b
    h_{t} &= \tanh{\left({a_{t}} \right)}
    U_{ij} &\sim \mathcal{N}\left(0, \frac{9}{4 N}\right), \quad b_i \sim \mathcal{N}\left(0, \frac{1}{100}\right)
    \xi_t &: \text{what the inputs add, independent for every gate}
    """
    names = Names(block)
    rows = [row for step in block.steps for row in _rows(step, names)]
    laws: dict[str, list[str]] = {}
    for matrix in block.matrices:
        laws.setdefault(_distribution(matrix), []).append(names.matrix(matrix.name))
    for law, of in laws.items():
        shown = [_with_index(name, "ij") if "sim" in law else name for name in of]
        rows += [law % ", ".join(shown[at : at + IN_A_ROW]) for at in range(0, len(shown), IN_A_ROW)]
    if names.logistic:
        rows.append(r"s(x) &= \frac{1}{1 + e^{-x}}")
    kinds = dict.fromkeys(NOTES[mix.kind] for mix in block.mixes(*NOTES))
    rows += kinds
    return [*rows, r"\xi_t &: \text{what the inputs add, independent for every gate}"] if block.recurrent else rows


def program_latex(block: Block, width: int, depth: int, shape: tuple[int, ...]) -> str:
    """Return the equations of a block and the sizes of its network as an ``aligned`` environment."""
    size = r" \times ".join(map(str, shape))
    columns = rf", \quad T = {size}" if math.prod(shape) > 1 else ""
    rows = [*equations(block), rf"N &= {width}, \quad L = {depth}{columns}"]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


@singledispatch
def _rows(step: Any, names: Names) -> list[str]:
    """Return the rows of a step."""
    raise AssertionError(step)


@_rows.register
def _(step: Ask, names: Names) -> list[str]:
    several = len(step.out) > 1
    law = names.block.matrix(step.matrix).weights
    rows = []
    for name in step.out:
        part = _word(name) if several else ""
        terms = [f"{names.matrix(step.matrix, part)} {names.stream(step.x)}"]
        terms += [_gate(r"\xi", part, names.index)] if step.driven else []
        terms += [_gate("b", part, "" if names.block.tied else names.index)] if law.sigma_b != 0 else []
        rows.append(f"{names.stream(name)} &= {' + '.join(terms)}")
    return rows


@_rows.register
def _(step: Map, names: Names) -> list[str]:
    return [
        f"{names.stream(name)} &= {names.expression(expr)}"
        for name, expr in zip(step.out, step.expressions, strict=True)
    ]


@_rows.register
def _(step: Add, names: Names) -> list[str]:
    terms = ((step.keep, step.x), (step.scale, step.y))
    shown = (f"{_factor(factor)}{names.stream(name)}" for factor, name in terms if factor != 0)
    return [f"{names.stream(step.out[0])} &= {' + '.join(shown)}"]


@_rows.register
def _(step: Mix, names: Names) -> list[str]:
    out = names.stream(step.out[0])
    if step.kind in NORMS:
        return [f"{out} &= {NORMS[step.kind] % {'x': names.stream(step.x[0])}}"]
    if step.kind == "input":
        return [rf"{out} &= {_gate(chr(92) + 'xi', _word(step.out[0]), names.index)}"]
    if step.kind == "window":
        kernel, zeros, dimensions, stride = step.options
        at = f"{stride if stride > 1 else ''}p + o"
        outside = r"\text{zeros outside the map}" if zeros else r"\text{closed to a ring}"
        reach = rf"o \in \{{{-(kernel // 2)}, \dots, {kernel // 2}\}}" + (f"^{dimensions}" if dimensions > 1 else "")
        position = _with_index(names.stream(step.x[0]), at)
        if kernel == 1:
            return [rf"{_with_index(out, 'p')} &= {_with_index(names.stream(step.x[0]), at.partition(' ')[0])}"]
        return [rf"{_with_index(out, 'p')} &= \left({position}\right)_{{{reach}}}, \quad {outside}"]
    if step.kind == "attention":
        heads, causal = step.options
        q, k, v = (names.stream(name) for name in step.x)
        seen = r"u \le \tau" if causal else "u"
        score = rf"\sqrt{{{heads}/N}} \, {{{_with_index(q, TOKEN)}}}^{{\mathsf T}} {_with_index(k, 'u')}"
        shown = rf"\sum_{{{seen}}} \operatorname{{softmax}}_u\left({score}\right) {_with_index(v, 'u')}"
        split = [rf"& \quad \text{{in each of {heads} heads}}"] if heads > 1 else []
        return [rf"{_with_index(out, TOKEN)} &= {shown}", *split]
    low, high = (to_latex(end.subs(width_symbol, N)) for end in step.numbers)
    uniform = rf"\mathcal{{U}}\left({low}, {high}\right)"
    return [rf"{out} &\sim \ln {uniform}" if step.kind == "log_uniform" else rf"{out} &\sim {uniform}"]


def _distribution(matrix: Matrix) -> str:
    """Return the distribution of a matrix's entries, and of its biases where it has some; %s stands for the matrix."""
    law = matrix.weights
    sigma_w, sigma_b = law.sigma_at(matrix.read * N, matrix.outputs * N)
    if law.family == "orthogonal":
        size = sp.sqrt(sp.Rational(matrix.outputs, matrix.read)) * sigma_w * matrix.scale
        kind = r"\text{Haar}" if matrix.outputs == matrix.read else r"\text{orthonormal columns}"
        row = rf"%s &= {_factor(size)}{kind}"
    else:
        row = rf"%s &\sim {_law(law.family, law.text, (sigma_w * matrix.scale) ** 2 / (matrix.read * N))}"
    if matrix.centre:
        row += r", \quad \text{middle tap only}"
    return row if sigma_b == 0 else rf"{row}, \quad b_i \sim {_law(law.bias_family, law.bias_family, sigma_b**2)}"


def _law(family: str, text: str, variance: sp.Expr) -> str:
    """Return a distribution of mean 0 as LaTeX: by its variance, a uniform one by its ends."""
    if family == "uniform":
        end = to_latex(sp.simplify(sp.sqrt(3 * variance)))
        return rf"\mathcal{{U}}\left(-{end}, {end}\right)"
    shown = to_latex(sp.simplify(variance))
    if family == "gaussian":
        return rf"\mathcal{{N}}\left(0, {shown}\right)"
    return rf"\text{{{text}, mean 0, variance }} {shown}"


def _counted(names: list[str]) -> dict[str, str]:
    """Return names without the prefixes of parts, as LaTeX; those that come several times with a number."""
    short = [_word(name) for name in names]
    several = {text for text, count in Counter(short).items() if count > 1}
    seen: Counter[str] = Counter()
    found = {}
    for name, text in zip(names, short, strict=True):
        seen[text] += 1
        head, under, tail = text.partition("_")
        found[name] = f"{head}^{{({seen[text]})}}{under}{tail}" if text in several else text
    return found


def _word(name: str) -> str:
    """Return the last part of a name as LaTeX: "p1_f_Wq" is W_{q}."""
    last = name.removesuffix("_new").rpartition("_")[2]
    match = re.fullmatch(r"([A-Za-z])(.*)", last)
    if match is None or not match[2]:
        return last
    under = match[2] if match[2].isdigit() or len(match[2]) == 1 else rf"\mathrm{{{match[2]}}}"
    return rf"{match[1]}_{{{under}}}"


def _with_index(text: str, index: str) -> str:
    """Return a symbol with one more index below."""
    if not index:
        return text
    return f"{text[:-1]}, {index}}}" if re.search(r"_\{[^{}]*(\{[^{}]*\})?[^{}]*\}$", text) else f"{text}_{{{index}}}"


def _gate(symbol: str, part: str, index: str) -> str:
    """Return what is added to a gate."""
    return (f"{symbol}^{{{part}}}" if part else symbol) + (f"_{{{index}}}" if index else "")


def _factor(value: sp.Expr) -> str:
    if value == 1:
        return ""
    text = to_latex(value)
    return rf"\left({text}\right) " if value.is_Add else f"{text} "


def _is_logistic(expr: sp.Expr) -> bool:
    if not (expr.is_Pow and expr.exp == -1 and expr.base.is_Add and len(expr.base.args) == 2):
        return False
    one, other = expr.base.args
    return bool(one == 1 and isinstance(other, sp.exp))


def _exponent(expr: sp.Expr) -> sp.Expr:
    return expr.base.args[1].args[0]


def layers_latex(network: Any) -> str:
    """Return the equations of a network of layers, one below the other."""
    act, weights, depth = network.activation, network.weights, network.depth
    rows = [
        r"h_l &= W_l x_{l-1} + b_l, \quad x_l = \varphi(h_l), \quad l = 1, \dots, "
        + ("L" if isinstance(depth, sp.Symbol) else to_latex(depth)),
        rf"\varphi({to_latex(act.symbol)}) &= {to_latex(act.expr)}",
        r"\sigma_w &= " + to_latex(weights.sigma_w) + r", \quad \sigma_b = " + to_latex(weights.sigma_b),
    ]
    widths = network.width if isinstance(network.width, tuple) else ()
    first = ", ".join(map(str, widths[:8])) + (r", \dots" if len(widths) > 8 else "")
    size = rf"(N_0, \dots, N_L) &= ({first})" if widths else f"N &= {to_latex(network.width)}"
    parts = rf" \quad \text{{({', '.join(network.parts)})}}" if network.parts else ""
    return r"\begin{aligned} " + r" \\ ".join([*rows, size + parts]) + r" \end{aligned}"
