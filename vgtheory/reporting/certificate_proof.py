r"""A certificate as a LaTeX document: statement, lemmas, and the chain of inequalities with the network's numbers."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from vgtheory.model.network import Network
from vgtheory.reporting.latex_document import cited, document, equation, heading, paragraph, statement
from vgtheory.reporting.proof_lemmas import (
    association,
    conditional_law,
    decimal_exact,
    facts,
    haar,
    leave_one_out,
    mixture,
    projection,
    proved,
    referred,
    scales,
    symmetrisation,
)
from vgtheory.reporting.wording import describe
from vgtheory.symbolic.ball import outward
from vgtheory.symbolic.complex_ball import enclose
from vgtheory.symbolic.decimals import Decimal
from vgtheory.symbolic.notation import varphi
from vgtheory.symbolic.printing import decimal, to_latex
from vgtheory.symbolic.rounding import DOWN, UP
from vgtheory.theory.proofs import lyapunov
from vgtheory.theory.proofs.certificate import Certificate
from vgtheory.theory.proofs.layered_network import LayeredNetwork, layered
from vgtheory.theory.proofs.rates import model_of

SHORT, PLACES = 1000, 10**8  # denominators that are shown; decimals of what is rounded
NORMAL, SUBNORMAL = 126, 149  # float32: the smallest normal number is 2^−126, the smallest of all 2^−149
LAWS = {
    "gaussian": r"independent normal entries of variance $\sigma_w^2/N_{l-1}$",
    "orthogonal": r"the law of $\sigma_w Q$, $Q$ Haar-distributed orthogonal",
    "low_rank": r"a random law, symmetric under a change of sign, with "
    r"$\mathbb{E}\,W_l^\top W_l = (N_l/N_{l-1})\,\sigma_w^2 I$",
}
INDEPENDENT = r"independent entries of a law that is symmetric about 0, of variance $\sigma_w^2/N_{l-1}$"


def proof_document(network: Network, found: Certificate) -> str:
    """Return the proof of a certificate of this network, a document that pdflatex compiles."""
    s = layered(network, "certificate")
    title = f"The mean squared gradient {found.verdict} with depth"
    return document(title, _parts(s, network, found), describe(network))


def _parts(s: LayeredNetwork, network: Network, found: Certificate) -> Iterator[str]:
    upper = found.verdict == "vanishes"
    yield heading("LayeredNetwork")
    yield _setting(s, network)
    yield heading("Statement")
    yield _statement(found, upper)
    yield heading("Proof")
    yield from {"symmetry": _symmetry, "bias": _bias, "explosion": _explosion, "finite width": _finite_width}[
        found.proof
    ](s, found, upper)
    yield heading("What follows")
    yield _consequences(found, upper)


def _setting(s: LayeredNetwork, network: Network) -> str:
    act, law = network.activation, LAWS.get(s.family, INDEPENDENT)
    return (
        r"$h_l = W_l x_{l-1} + b_l$, $x_l = \varphi(h_l)$ for $l = 1, \dots, L$ with"
        + equation(rf"{to_latex(varphi(act.symbol))} = {to_latex(act.expr)} ,")
        + rf"and {scales(s.layers[0])}; "
        rf"$W_l$ has {law}, $b_l$ independent {s.network.weights.bias_family} entries of variance $\sigma_b^2$; "
        r"layers are independent. "
        + (rf"All layers are ${to_latex(s.layers[0].inputs)}$ wide. " if s.uniform_width else "")
        + r"The gradient $\partial\ell/\partial x_L$ of the loss is uniform on the unit sphere and independent of the "
        r"network. With $J = \partial x_L/\partial x_0$ therefore"
        + equation(
            r"\mathbb{E}\left\|\partial\ell/\partial x_0\right\|^2 = \frac{1}{N_L}\,\mathbb{E}\|J\|_F^2"
            r" = \frac{1}{N_L}\sum_{i=1}^{N_0}\mathbb{E}\|J e_i\|^2 ,"
        )
        + r"so it is enough to follow the tangents $T_l = \varphi'(h_l)\circ W_l T_{l-1}$, $T_0 = e_i$, "
        r"for which $T_L = Je_i$. $\mathcal{F}_{l}$ is what the layers up to $l$ determine." + "\n"
    )


def _statement(found: Certificate, upper: bool) -> str:
    at_every_width = found.proof in ("symmetry", "bias")
    scope = "At every depth $L$, every width and every input" if at_every_width else "At every depth $L$"
    sign = r"\le" if upper else r"\ge"
    inputs = "" if at_every_width else r", for inputs with $\|x_0\|^2 = N_0$,"
    claim = equation(
        rf"\mathbb{{E}}\left\|\partial\ell/\partial x_0\right\|^2 {sign} "
        rf"{_constant(found, upper)}\left({_shown(found.rate, upper)}\right)^{{L}} .",
        "gradient",
    )
    return statement("theorem", "", f"{scope}{inputs}\n{claim}", "gradient")


def _constant(found: Certificate, upper: bool) -> str:
    return "" if found.prefactor == 1 else rf"{_shown(found.prefactor, upper)}\cdot "


def _shown(value: sp.Expr, up: bool) -> str:
    """Return a number exactly where it is short, else as a decimal rounded to the safe side."""
    if isinstance(value, Decimal):
        return decimal_exact(value.number)
    if value.is_Rational and value.q < SHORT:
        return to_latex(value)
    safe = sp.Rational(outward(enclose(value, 17))[1 if up else 0]) * PLACES
    return decimal_exact(sp.Rational(sp.ceiling(safe) if up else sp.floor(safe), PLACES))


def _symmetry(s: LayeredNetwork, found: Certificate, upper: bool) -> Iterator[str]:
    known = s.slope.square_sup if upper else s.slope.square_inf
    assert known is not None
    yield symmetrisation(r"\sup" if upper else r"\inf", to_latex(known.value))
    sign = r"\le" if upper else r"\ge"
    yield _induction(s, r"\sigma_w^2\,\Gamma", found, upper, sign)


def _induction(s: LayeredNetwork, factor: str, found: Certificate, upper: bool, sign: str) -> str:
    largest = "" if s.uniform_width else "The factor is the worst of the layers'. "
    return proved(
        r"The factors $N_l/N_{l-1}$ multiply to $N_L/N_0$. Taking means layer by layer from "
        r"the last to the first,"
        + equation(
            r"\begin{aligned}\mathbb{E}\left\|\partial\ell/\partial x_0\right\|^2 &= \frac{1}{N_L}\sum_{i=1}^{N_0}"
            rf"\mathbb{{E}}\|T_L\|^2 "
            rf"{sign} \frac{{1}}{{N_L}}\cdot N_0\cdot\frac{{N_L}}{{N_0}}\left({factor}\right)^L \\"
            rf" &= \left({factor}\right)^L, \qquad {factor} {sign} {_shown(found.rate, upper)} .\end{{aligned}}"
        )
        + largest,
        "Conclusion",
    )


def _bias(s: LayeredNetwork, found: Certificate, upper: bool) -> Iterator[str]:
    if s.family == "orthogonal":
        yield haar()
    else:
        yield conditional_law()
        yield association()
    layer = s.layers[0]
    lo, hi = found.enclosure
    yield (
        r"\textbf{The certificate.} "
        + ("A layer" if s.family == "orthogonal" else r"$v_l \ge \sigma_b^2$ surely, so by the lemmas a layer")
        + r" multiplies $\mathbb{E}\|T_l\|^2$ by at most $(N_l/N_{l-1})\,\chi_{\max}$ with"
        + equation(
            rf"\chi_{{\max}} = \sigma_w^2 A(\sigma_b^2) = {to_latex(layer.sigma_w**2)}\;\mathbb{{E}}\,\varphi'"
            rf"\left({to_latex(layer.sigma_b)}\,z\right)^2 \in [{decimal(lo, 12, DOWN)},\ {decimal(hi, 12, UP)}] ."
        )
        + "Neither the width nor the depth nor the input enters.\n"
    )
    yield _induction(s, r"\chi_{\max}", found, upper, r"\le")


def _explosion(s: LayeredNetwork, found: Certificate, upper: bool) -> Iterator[str]:
    yield conditional_law()
    yield projection()
    yield association()
    lo, _ = found.enclosure
    yield proved(
        rf"{facts(s)}. Every variance is at most $v_{{\max}} = \sigma_w^2\max(M,1)^2+\sigma_b^2$, so by "
        rf"{referred('association')} $A(v_l) \ge A(v_{{\max}})$, and the mean of {referred('orthogonal part')} over "
        r"$h_l$ gives"
        + equation(
            r"\mathbb{E}\|T^\perp_l\|^2 \ge \sigma_w^2\left(A(v_{\max}) - \frac{\kappa^2}{N}\right)"
            rf"\mathbb{{E}}\|T^\perp_{{l-1}}\|^2, \qquad "
            rf"\sigma_w^2\left(A(v_{{\max}}) - \frac{{\kappa^2}}{{N}}\right) \ge {decimal(lo, 12, DOWN)} > 1 ."
        )
        + _orthogonal_start(),
        "Conclusion",
    )


def _orthogonal_start() -> str:
    return (
        r"Of the directions $T_0 = e_i$ together a squared length of at least $N_0 - 1$ is orthogonal to $\tilde x_0$, "
        r"and $\|T_L\| \ge \|T^\perp_L\|$; hence the theorem."
    )


def _finite_width(s: LayeredNetwork, found: Certificate, upper: bool) -> Iterator[str]:
    model = model_of(s)
    assert model is not None
    rate = lyapunov.upper_rate(model) if upper else lyapunov.lower_rate(model)
    assert rate is not None
    yield conditional_law()
    if upper:
        yield leave_one_out(upper)
    else:
        yield projection()
        yield leave_one_out(upper)
    yield rf"Here {facts(s)}, $N = {model.width}$, and every variance lies between $\sigma_b^2$ and " + (
        rf"$v_{{\max}} = \sigma_w^2\max(M,1)^2+\sigma_b^2 = {to_latex(model.most)}$." "\n"
    )
    if upper and model.decreasing:
        yield association()
        yield rf"By {referred('association')} $\chi(v) = \sigma_w^2A(v)$." + "\n"
    yield mixture(rate, model, upper)
    number = decimal_exact(rate.rate)
    first = r"\sigma_w^2 + \sigma_b^2"
    if upper:
        yield proved(
            rf"$\|T_l\|^2 w(v_{{l+1}})/{number}^l$ is a supermartingale "
            rf"(so by {cited('ville1939')} the bound holds for all depths at once up to a factor $1/p$, with "
            r"probability $1-p$). As $w(v_{L+1}) \ge w(v_{\max})$ and $v_1 = "
            + first
            + "$,"
            + equation(
                rf"\mathbb{{E}}\|T_L\|^2 \le {number}^{{L}}\;\frac{{w(v_1)}}{{w(v_{{\max}})}}\,\|T_0\|^2, \qquad "
                rf"\frac{{w(v_1)}}{{w(v_{{\max}})}} \le {decimal(rate.prefactor, side=UP)} . "
            )
            + "The mean over the directions $T_0 = e_i$ is the theorem.",
            "Conclusion",
        )
        return
    yield proved(
        r"By induction $\mathbb{E}[\|T^\perp_L\|^2 w(v_{L+1})] \ge "
        rf"{number}^{{L}}\,\|T^\perp_0\|^2 w(v_1)$ with $v_1 = {first}$. As $w(v_{{L+1}}) \le w(\sigma_b^2)$,"
        + equation(
            rf"\mathbb{{E}}\|T_L\|^2 \ge {number}^{{L}}\;\frac{{w(v_1)}}{{w(\sigma_b^2)}}\,\|T^\perp_0\|^2, \qquad "
            rf"\frac{{w(v_1)}}{{w(\sigma_b^2)}} \ge {decimal(rate.prefactor, side=DOWN)} . "
        )
        + _orthogonal_start(),
        "Conclusion",
    )


def _consequences(found: Certificate, upper: bool) -> str:
    rate = sp.Float(found.enclosure[1 if upper else 0])
    if rate <= 0:
        return paragraph("The gradient at the input is zero.")
    constant = sp.log(sp.Float(sp.N(found.prefactor)))
    per_layer = decimal(abs(sp.log(sp.Rational(rate))) / 2, side=DOWN)
    if not upper:
        return (
            rf"The root mean square of $\|\partial\ell/\partial x_0\|$ grows by at least ${per_layer}$ in $\ln$ per "
            "layer.\n"
        )
    depth = [int(sp.ceiling((2 * bits * sp.log(2) + constant) / -sp.log(rate).evalf())) for bits in (NORMAL, SUBNORMAL)]
    return (
        rf"The root mean square of $\|\partial\ell/\partial x_0\|$ falls by at least ${per_layer}$ in $\ln$ per layer. "
        rf"From depth {depth[0]} on it is below the smallest normal number of float32, $2^{{-126}}$, and from depth "
        rf"{depth[1]} on below its smallest number, $2^{{-149}}$. By Markov's inequality "
        rf"$\|\partial\ell/\partial x_0\|^2 \le {_constant(found, upper)}r^L/p$ with probability at "
        r"least $1-p$, $r$ the factor of the theorem." + "\n"
    )
