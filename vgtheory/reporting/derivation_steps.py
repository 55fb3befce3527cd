"""A derivation told in steps: definition, derivatives, critical equation, bound, saturation, means, product, depth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy as sp

from vgtheory.reporting.derivation import Derivation
from vgtheory.reporting.document import code
from vgtheory.reporting.latex_document import ONE, Labels, Sheet, cited, equation, heading, paragraph
from vgtheory.reporting.symbolic_words import KNOWN, saturated_text
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.wording import number
from vgtheory.symbolic import notation as n
from vgtheory.symbolic.catalogue import catalogue
from vgtheory.symbolic.extrema import Extremum
from vgtheory.symbolic.formula import Formula, Kind, Status
from vgtheory.symbolic.gaussian import GaussianMean
from vgtheory.symbolic.saturation import Saturation

MAXIMISER, MINIMISER = sp.Symbol("x_max", real=True), sp.Symbol("x_min", real=True)
DIGITS = 15


@dataclass(frozen=True)
class Step:
    """One step: what it is called, what is found, and a few sentences around it (`prose` of the documents).

    Parameters
    ----------
    slug : a stable name, from which labels are made.
    title : the heading.
    before, after : text around the formulas; "" for none.
    formulas : what is found, with status and references.
    """

    slug: str
    title: str
    before: str = ""
    formulas: tuple[Formula, ...] = ()
    after: str = ""


def steps(found: Derivation) -> tuple[Step, ...]:
    """Return the derivation as steps, in the order of the proof."""
    return (
        _definition(found),
        _derivative(found, 1),
        _derivative(found, 2),
        _critical_equation(found),
        _bound(found),
        _saturation(found),
        _means(found),
        _product(found),
        _depth(found),
    )


def derivation_parts(found: Derivation, labels: Labels, level: int = 1, sheet: Sheet = ONE) -> Iterator[str]:
    """Yield the steps as pieces of a LaTeX document: heading, text, numbered equations with labels, references."""
    for step in steps(found):
        yield heading(step.title, level, numbered=level == 1)
        if step.before:
            yield paragraph(step.before)
        for formula in step.formulas:
            yield equation(formula, labels.new(f"{found.activation.name[:40]}:{step.slug}"), sheet)
        works = sorted({key for formula in step.formulas for key in formula.reference})
        if step.after or works:
            yield paragraph(step.after) + (f"({', '.join(map(cited, works))})\n" if works else "")
    yield paragraph("Decimals in the formulas are rounded to five digits; the sentences give more.")


def _definition(found: Derivation) -> Step:
    act = found.activation
    source = catalogue[act.name].reference if act.name in catalogue else ""
    facts = []
    values = [(name, value) for name, value in act.parameters if value.is_number]
    if values:
        facts.append("with " + ", ".join(f"{name} = {number(float(value), 6)}" for name, value in values))
    facts.append(f"an {act.parity} function" if act.parity else "neither even nor odd")
    if act.breakpoints:
        facts.append("not smooth at x = " + ", ".join(_short(b) for b in act.breakpoints))
    if act.homogeneous_degree is not None:
        facts.append(f"positively homogeneous of degree {act.homogeneous_degree}")
    ends = [(end, value) for end, value in zip(("−∞", "∞"), act.limits, strict=True) if value is not None]
    facts += [f"φ(x) → {_short(value)} as x → {end}" for end, value in ends]
    formula = Formula(n.varphi(act.symbol), act.expr, reference=(source,) if source else ())
    text = "; ".join(facts)
    return Step("definition", "Definition", f"The activation {code(act.name)}:", (formula,), _sentence(text))


def _derivative(found: Derivation, order: int) -> Step:
    x = found.activation.symbol
    formula = Formula(sp.Derivative(n.varphi(x), (x, order)), found.derivatives[order - 1])
    after = "Away from the points where φ is not smooth." if found.activation.breakpoints else ""
    return Step(("derivative", "second-derivative")[order - 1], ("Derivative", "Second derivative")[order - 1],
                formulas=(formula,), after=after)  # fmt: skip


def _critical_equation(found: Derivation) -> Step:
    title = "Critical equation"
    span = found.ranges[0]
    if isinstance(span, Unavailable):
        return Step("critical-equation", title, f"The extrema of φ' were not found: {span.reason}.")
    ends = ((span.sup, MAXIMISER, "largest"), (span.inf, MINIMISER, "smallest"))
    inner = [(end, at, word) for end, at, word in ends if end.equation is not None and end.attained]
    if not inner:
        return Step(
            "critical-equation",
            title,
            "No critical point of φ' is needed: φ' takes its extrema at points where φ is not smooth, on whole "
            "intervals, or approaches them as |x| → ∞.",
        )
    equations = [(end.equation, _status(end)) for end, _, _ in inner]
    formulas = [Formula(e.args[0], e.args[1], status=status) for e, status in equations if e is not None]
    formulas += [Formula(at, end.at, status=_status(end)) for end, at, _ in inner if not end.at.is_Float]
    places = [f"φ' is {word} at {at} {_about(end.at)}" for end, at, word in inner]
    return Step(
        "critical-equation",
        title,
        "Where φ' is smooth and takes an extremum in the open, φ''(x) = 0, that is",
        tuple(dict.fromkeys(formulas)),
        "Here " + "; ".join(places) + ".",
    )


def _bound(found: Derivation) -> Step:
    span, title = found.ranges[0], "Bound of the slope"
    if isinstance(span, Unavailable) or isinstance(found.steepest, Unavailable):
        reason = span.reason if isinstance(span, Unavailable) else getattr(found.steepest, "reason", "")
        return Step("bound", title, f"The range of φ' was not found: {reason}.")
    formulas, words = [], []
    named = ((n.slope_sup, span.sup, MAXIMISER, "sup φ'"), (n.slope_inf, span.inf, MINIMISER, "inf φ'"),
             (n.kappa, found.steepest, MAXIMISER, "κ = sup |φ'|"))  # fmt: skip
    for lhs, end, at, word in named:
        value = end.expr
        if value is None:
            value = n.varphi_prime(at) if end.at_root is None else end.at_root.subs(found.activation.symbol, at)
        if lhs == n.kappa and end.expr is None:
            value = n.slope_sup if end.enclosure == span.sup.enclosure else -n.slope_inf
        formulas.append(Formula(lhs, value, status=_status(end)))
        words.append(f"{word} {_size(end, found)}")
    return Step("bound", title, "", tuple(formulas), "Here " + "; ".join(words) + ".")


def _size(end: Extremum, found: Derivation) -> str:
    """Return an extremum's size and where it is taken, in words."""
    if end.expr is not None and end.expr.free_symbols:
        return f"= {code(str(end.expr))} ({KNOWN[end.status]})"
    lo, hi = end.enclosure
    exact = end.expr is None or end.expr.is_Rational
    size = f"{'=' if exact else '≈'} {number((lo + hi) / 2, DIGITS)}"
    return f"{'is infinite' if math.isinf(lo) or math.isinf(hi) else size}, {_place(end, found)} ({KNOWN[end.status]})"


def _place(end: Extremum, found: Derivation) -> str:
    """Return where an extremum of φ' is attained or approached, in words."""
    word = "attained" if end.attained else "approached but not attained"
    if end.at is None or end.at.free_symbols:
        return word
    if end.at.is_infinite:
        return f"{word} as x → {_short(end.at)}"
    act = found.activation
    for part in act.derivative_pieces(1) if end.attained else ():
        if part.lo < end.at <= part.hi and not part.expr.has(act.symbol):
            return f"{word} {_span(part.lo, part.hi)}"
    return f"{word} {'at x =' if end.attained else 'as x →'} {number(float(end.at), 10)}"


def _span(lo: sp.Expr, hi: sp.Expr) -> str:
    if lo.is_infinite:
        return "everywhere" if hi.is_infinite else f"for x < {_short(hi)}"
    return f"for x > {_short(lo)}" if hi.is_infinite else f"for {_short(lo)} < x < {_short(hi)}"


def _saturation(found: Derivation) -> Step:
    x, title = found.activation.symbol, "Saturation"
    before = f"The saturated set S_ε = {{{x} : |φ'({x})| ≤ ε}}."
    formulas: list[Formula] = []
    if isinstance(found.threshold, Saturation):
        held = () if found.threshold.condition is sp.true else (found.threshold.condition,)
        formulas.append(Formula(n.saturated_set, found.threshold.expr, status=found.threshold.status, conditions=held))
        formulas.append(Formula(n.saturation_probability, found.threshold.probability(n.q), conditions=held))
    if isinstance(found.saturated, Unavailable):
        return Step(
            "saturation", title, before, tuple(formulas), f"For ε = {number(found.eps)}: {found.saturated.reason}."
        )
    at = found.saturated
    if at.expr is not None and not formulas:
        formulas.append(Formula(n.saturated_set, at.expr, status=at.status))
        formulas.append(Formula(n.saturation_probability, at.probability(n.q), status=at.status))
        before += f" Here ε = {number(found.eps)}."
    where = f"S_ε = {saturated_text(at)}" if at.intervals else "φ' is above ε everywhere"
    after = f"For ε = {number(found.eps)}: {where}, {KNOWN[at.status]}."
    return Step("saturation", title, before, tuple(formulas), after)


def _means(found: Derivation) -> Step:
    both = [("E φ²", found.length), ("E φ'²", found.gain)]
    lost = [f"{name}: {mean.reason}." for name, mean in both if isinstance(mean, Unavailable)]
    # Without a closed form the equation would only repeat its left-hand side; its value at q = 1 says something.
    open_ones = {f: f.at(q=1) for _, f in both if isinstance(f, Formula) and f.expr.has(GaussianMean) and f.symbols}
    formulas = tuple(open_ones.get(mean, mean) for _, mean in both if isinstance(mean, Formula))
    values = [f"{name} is {number(float(open_ones[f].value()), 10)}" for name, f in both if f in open_ones]
    words = ["No closed form is known; certified at q = 1: " + ", ".join(values) + "."] if values else []
    return Step(
        "gaussian-means", "Gaussian means", "For a pre-activation √q z with z standard normal:", formulas,
        " ".join([*words, *lost]),
    )  # fmt: skip


def _product(found: Derivation) -> Step:
    title = "Product over the layers"
    before = (
        "By the chain rule ∂x_L/∂x_0 is the product of D_l W_l with D_l the diagonal matrix of φ'(h_l), so every layer "
        "multiplies the gradient by at most κ times the norm of its weights. For random weights the mean is sharper."
    )
    if isinstance(found.network, Unavailable):
        return Step("product", title, before, after=f"No bound applies: {found.network.reason}.")
    chosen = tuple(_layered(found.network))
    return Step("product", title, before, chosen, "" if chosen else _no_product(found))


def _no_product(found: Derivation) -> str:
    end = None if isinstance(found.steepest, Unavailable) else found.steepest.expr
    if end == 0:
        return "Here φ' is 0, and so is the gradient behind the last layer."
    return "No bound applies" + (": κ is infinite." if end is not None and end.is_infinite else ".")


def _layered(found: Sequence[Formula]) -> Iterator[Formula]:
    """Yield the bound by norms, and the first on the mean squared gradient from either side."""
    wanted: tuple[tuple[sp.Symbol, Kind], ...] = (
        (n.jacobian_norm, "upper bound"), (n.gradient_square, "equality"),
        (n.gradient_square, "upper bound"), (n.gradient_square, "lower bound"),
    )  # fmt: skip
    for lhs, kind in wanted:
        yield from [f for f in found if f.lhs == lhs and f.kind == kind and f.expr.has(n.depth)][:1]


def _depth(found: Derivation) -> Step:
    title = "Depth at which the gradient is lost"
    rate = _rate(found)
    if rate is None:
        return Step("depth", title, "No upper bound per layer holds for every σ_w, so no such depth follows.")
    factor, status = rate
    shrinks = (sp.Lt(factor, 1),)
    threshold, float32 = (2 * top / sp.log(1 / factor) for top in (sp.log(1 / n.eps), 126 * sp.log(2)))
    return Step(
        "depth", title,
        "If a layer's factor is below 1, the root mean square of the gradient is at most ε, or below the smallest "
        "normal number 2^{−126} of float32, from this depth on:",
        (
            Formula(n.depth_to_vanish, threshold, "upper bound", status, conditions=shrinks),
            Formula(n.depth_float32, float32, "upper bound", status, conditions=shrinks),
        ),
        _critical_scale(factor),
    )  # fmt: skip


def _rate(found: Derivation) -> tuple[sp.Expr, Status] | None:
    """Return the factor per layer of the bound rate^L on the mean squared gradient, as far as it depends on σ_w."""
    for bound in () if isinstance(found.network, Unavailable) else found.network:
        if bound.lhs == n.gradient_square and bound.kind in ("upper bound", "equality") and bound.expr.has(n.sigma_w):
            factor = bound.expr.subs(n.depth, 1)
            if sp.expand_power_base(bound.expr.subs(n.depth, 2) / factor**2, force=True) == 1:
                return factor, bound.status
    return None


def _critical_scale(factor: sp.Expr) -> str:
    slope = factor / n.sigma_w**2
    if slope.free_symbols:
        return ""
    return f"A layer's factor is below 1 for σ_w < {number(1 / math.sqrt(float(slope)), 10)}."


def _status(end: Extremum) -> Status:
    return "quadrature" if end.status == "numeric" else end.status


def _short(value: sp.Expr) -> str:
    if value.is_infinite:
        return "∞" if value == sp.oo else "−∞"
    if value.free_symbols or (value.is_Rational and value.q < 1000):
        return str(value).replace("-", "−")
    return number(float(value), 6)


def _about(value: sp.Expr) -> str:
    return f"= {_short(value)}" if value.is_Rational and value.q < 1000 else f"≈ {number(float(value), 10)}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." if text else ""
