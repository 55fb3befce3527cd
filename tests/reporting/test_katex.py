"""KaTeX in strict mode accepts every fragment that the package writes, and every equation of every derivation."""

import re

import pytest
import sympy as sp

import vgtheory as vg
from tests.katex import refused_by_katex
from vgtheory._errors import UnsupportedError
from vgtheory.reporting.derivation import derivation
from vgtheory.reporting.latex import latex
from vgtheory.symbolic import notation as n
from vgtheory.symbolic.printing import to_latex

SYMBOLIC = vg.Weights.gaussian(n.sigma_w, n.sigma_b)
NUMERIC = vg.Weights.gaussian(1, sp.Rational(1, 2))


def forms(name, obj):
    return {f"{name} {form}": latex(obj, form=form) for form in ("fragment", "aligned")}


def asked(verb, *arguments):
    """Return the answer as a list, [] where there is none."""
    try:
        return [verb(*arguments)]
    except UnsupportedError:
        return []


def fragments_of(name):
    """Return every fragment about one activation: derivatives, ranges, sets, means, kernels, bounds, steps."""
    entry = vg.catalogue[name]
    act, symbolic = entry(), entry(**{p.symbol.name: p.symbol for p in entry.parameters})
    objects = {"itself": act, "symbolic": symbolic, "exact": to_latex(symbolic.expr, exact=True)}
    objects |= {f"derivative {k}": a.derivative(k) for a in (act, symbolic) for k in (1, 2)}
    for what in (
        vg.calculus.length_map,
        vg.calculus.gradient_gain,
        vg.calculus.dual_kernel,
        vg.saturation,
        vg.derivative_range,
    ):
        more = (sp.Rational(1, 100),) if what is vg.saturation else ()
        objects |= {f"{what.__name__} {i}": found for i, found in enumerate(asked(what, act, *more))}
    networks = [
        vg.Network(act, SYMBOLIC, width=n.width, depth=n.depth),
        vg.Network(act, NUMERIC, width=64, depth=50),
        vg.Network(act, vg.Weights.orthogonal(1, 0), width=64, depth=50),
    ]
    for i, network in enumerate(networks):
        objects[f"network {i}"] = network
        objects |= {f"bound {i} {j}": bound for j, bound in enumerate(*asked(vg.bounds, network))}
    texts = {}
    for key, obj in objects.items():
        texts |= {f"{name} {key}": obj} if key == "exact" else forms(f"{name} {key}", obj)
    found = derivation(act)
    document = latex(found, form="document")
    texts |= forms(f"{name} derivation", found)
    shown = re.findall(r"\\begin\{equation\}\\label\{[^}]*\}\n(.*?)\n\\end\{equation\}", document, re.DOTALL)
    assert len(shown) >= 6
    return texts | {f"{name} equation {i}": text for i, text in enumerate(shown)}


@pytest.mark.parametrize("names", [("tanh", "relu", "gelu"), pytest.param(tuple(vg.catalogue), marks=pytest.mark.slow)])
def test_katex_accepts_every_fragment_about_an_activation(names):
    texts = {key: text for name in names for key, text in fragments_of(name).items()}
    assert len(texts) > 50 * len(names)
    assert refused_by_katex(texts) == {}


def test_katex_would_notice_what_it_does_not_know():
    wrong = {"unicode": "é", "command": r"\fit{x}", "open": r"\frac{1", "newline in a fragment": r"\text{$}"}
    assert set(refused_by_katex(wrong | {"right": r"\frac{1}{2}"})) == set(wrong)


def test_text_and_hostile_names_stay_accepted():
    texts = ["50% of \\input{x} & #1 ~ ^ σ_w² ≤ ‖J‖ <b> naïve 中 é", "$x$", "a_b^c", "{", "\\", "α−β ½ “q”"]
    named = [vg.Activation("x", name=text) for text in texts]
    assert refused_by_katex({f"{i} {type(o).__name__}": latex(o) for i, o in enumerate([*texts, *named])}) == {}
    symbols = [sp.Symbol(text) for text in texts]
    assert refused_by_katex({str(i): latex(s) for i, s in enumerate(symbols)}) == {}


def test_every_type_shows_itself_to_a_notebook():
    act = vg.activation("gelu")
    network = vg.Network(act, NUMERIC, width=64, depth=50)
    objects = [
        act, network, network.weights, vg.calculus.length_map(act), vg.calculus.dual_kernel(act),
        vg.saturation("tanh", 0.01), vg.saturation("gelu", 0.01), vg.saturation("tanh", n.eps),
        vg.derivative_range(act), vg.derivative_range("mish").sup, vg.derivative_range("relu_squared"),
        vg.derivative_range("tanh"), derivation(act), vg.catalogue["swish"],
        *vg.fixed_points("tanh", 1.5, 0.3), vg.critical("tanh", sigma_b=0.3),
        vg.Network("relu", vg.Weights.orthogonal(n.sigma_w), width=[3, 5, 2], depth=2),
        vg.Network("relu", SYMBOLIC, width=n.width, depth=n.depth),
    ]  # fmt: skip
    shown = {f"{i} {type(obj).__name__}": obj._repr_latex_() for i, obj in enumerate(objects)}
    assert all(text.startswith(r"$\displaystyle ") and text.endswith("$") for text in shown.values())
    assert refused_by_katex({key: text.strip("$") for key, text in shown.items()}) == {}
    assert refused_by_katex({key: latex(obj) for key, obj in zip(shown, objects, strict=True)}) == {}
