r"""The lemmas behind the certificates of vanishing and explosion, as LaTeX with a network's numbers in them."""

from __future__ import annotations

from vgtheory.reporting.latex_document import cited, equation, slug, statement
from vgtheory.reporting.latex_table import table
from vgtheory.symbolic.printing import decimal, to_latex
from vgtheory.symbolic.rounding import DOWN, UP
from vgtheory.theory.proofs.layered_network import Layer, LayeredNetwork
from vgtheory.theory.proofs.lyapunov import FiniteWidthRate, Model

COLUMNS = 3  # pairs (t_k, a_k) side by side


def lemma(title: str, claim: str, proof: str) -> str:
    """Return a lemma and its proof; both are LaTeX."""
    return statement("lemma", title, claim, title) + proved(proof)


def proved(proof: str, title: str = "") -> str:
    """Return the environment of a proof."""
    return f"\\begin{{proof}}{f'[{title}]' if title else ''}\n{proof.strip()}\n\\end{{proof}}\n"


def referred(title: str) -> str:
    """Return a reference to the lemma of this title."""
    return rf"Lemma~\ref{{lemma:{slug(title)}}}"


def symmetrisation(extreme: str, gamma: str) -> str:
    """Return the lemma of the symmetrised slope; `extreme` is \\sup or \\inf, gamma its value."""
    sign = r"\le" if extreme == r"\sup" else r"\ge"
    claim = (
        r"Let $g(h) = \tfrac12\left(\varphi'(h)^2 + \varphi'(-h)^2\right)$ and "
        rf"$\Gamma = {extreme}_h g(h) = {gamma}$. For every past and every tangent $T$"
        + equation(
            rf"\mathbb{{E}}\left[\|T_l\|^2 \mid \mathcal{{F}}_{{l-1}}\right] {sign} "
            r"\frac{N_l}{N_{l-1}}\,\sigma_w^2\,\Gamma\,\|T_{l-1}\|^2 ."
        )
    )
    proof = (
        r"Given the past, $(W_l, b_l)$ and $(-W_l, -b_l)$ have the same law, hence so have "
        r"$(h_i, (W_l T_{l-1})_i)$ and its negative, and $\varphi'(h_i)^2$ may be replaced by $g(h_i)$:"
        + equation(
            r"\begin{aligned}\mathbb{E}\left[\varphi'(h_i)^2 (W_l T_{l-1})_i^2 \mid \mathcal{F}_{l-1}\right]"
            r" &= \mathbb{E}\left[g(h_i) (W_l T_{l-1})_i^2 \mid \mathcal{F}_{l-1}\right] \\"
            rf" &{sign} \Gamma\, \mathbb{{E}}\left[(W_l T_{{l-1}})_i^2 \mid \mathcal{{F}}_{{l-1}}\right] . "
            r"\end{aligned}"
        )
        + r"The sum over $i$ gives $\mathbb{E}\left[\|W_l T_{l-1}\|^2\mid\mathcal{F}_{l-1}\right]"
        r" = (N_l/N_{l-1})\,\sigma_w^2\|T_{l-1}\|^2$ on the right."
    )
    return lemma("symmetrised slope", claim, proof)


def conditional_law() -> str:
    """Return the exact conditional law of a tangent under Gaussian weights."""
    claim = (
        r"Let $v = \sigma_w^2\|x_{l-1}\|^2/N_{l-1} + \sigma_b^2$, which the past determines. Given the past the "
        r"pairs $(h_i, (W_l T_{l-1})_i)$ are independent and identically distributed, $h_i = \sqrt v\, z_i$ and"
        + equation(
            r"(W_l T_{l-1})_i = \frac{\sigma_w\|T_{l-1}\|}{\sqrt{N_{l-1}}}"
            r"\left(\rho\, z_i + \sqrt{1-\rho^2}\;\zeta_i\right)"
        )
        + r"with $z_i, \zeta_i$ independent standard normal and a $\rho \in [-1, 1]$ that the past determines. So with "
        r"$A(v) = \mathbb{E}\,\varphi'(\sqrt v z)^2$ and $B(v) = \mathbb{E}\,z^2\varphi'(\sqrt v z)^2$"
        + equation(
            r"\mathbb{E}\left[\|T_l\|^2 \mid \mathcal{F}_{l-1}\right] = \frac{N_l}{N_{l-1}}\,\sigma_w^2\,"
            r"\|T_{l-1}\|^2 \left[(1-\rho^2) A(v) + \rho^2 B(v)\right] ."
        )
    )
    proof = (
        r"Write $\tilde x = (x_{l-1}, \sigma_b\sqrt{N_{l-1}}/\sigma_w)$ and $\tilde T = (T_{l-1}, 0)$; the "
        r"bias is one more column of weights. The matrix $(W_l, b_l\,\sigma_w/(\sigma_b\sqrt{N_{l-1}}))$ has "
        r"independent normal entries (without bias the last column is left out), so its products with $\tilde x$ and "
        r"with the part of $\tilde T$ orthogonal to "
        r"$\tilde x$ are independent normal vectors; $\rho$ is the cosine between $\tilde T$ and $\tilde x$. In the "
        r"second display $\zeta_i$ is independent of $z_i$ and the mixed term has mean zero."
    )
    return lemma("conditional law of a tangent", claim, proof)


def association() -> str:
    """Return B ≤ A and A nonincreasing, for g nonincreasing in |h|."""
    claim = (
        r"$g(h) = \tfrac12(\varphi'(h)^2+\varphi'(-h)^2)$ is nonincreasing in $|h|$ (proved for this activation in "
        r"ball arithmetic). Hence $B(v) \le A(v)$, and $A$ is nonincreasing."
    )
    proof = (
        r"By symmetry of $z$, $A(v) = \mathbb{E}\,g(\sqrt v z)$ and $B(v) = \mathbb{E}\,z^2 g(\sqrt v z)$. As "
        r"functions of $|z|$, $z^2$ is increasing and $g$ nonincreasing, so Chebyshev's association inequality gives "
        r"$B(v) \le \mathbb{E}z^2\;\mathbb{E}\,g(\sqrt v z) = A(v)$. For $v \le v'$ and every $z$, "
        r"$g(\sqrt{v'}z) \le g(\sqrt v z)$."
    )
    return lemma("association", claim, proof)


def haar() -> str:
    """Return the step under Haar orthogonal weights."""
    claim = (
        r"Let $W_l = \sigma_w Q$ with $Q$ Haar distributed, $N$ wide, and $g$ nonincreasing in $|h|$ (proved for "
        r"this activation in ball arithmetic). With $A(v) = \mathbb{E}\,\varphi'(\sqrt v z)^2$"
        + equation(
            r"\mathbb{E}\left[\|T_l\|^2 \mid \mathcal{F}_{l-1}\right] \le \sigma_w^2 A(\sigma_b^2)\,"
            r"\|T_{l-1}\|^2 ."
        )
    )
    proof = (
        r"With $\hat x = x_{l-1}/\|x_{l-1}\|$, "
        r"$W_l T = \sigma_w\left[(T\cdot\hat x) u + \|T_\perp\| w\right]$, "
        r"$u$ uniform on the unit sphere and $w$ uniform on the unit sphere orthogonal to $u$, so "
        r"$\mathbb{E}[w_i^2\mid u] = (1-u_i^2)/(N-1)$ and $\mathbb{E}[w_i \mid u] = 0$. The function "
        r"$G(t) = \mathbb{E}_b\,g(t+b)$, $b \sim \mathcal{N}(0,\sigma_b^2)$, is even and nonincreasing in $|t|$ "
        rf"({cited('anderson1955')}), and $G(0) = A(\sigma_b^2)$. The aligned part has the factor "
        r"$N\,\mathbb{E}[G(\sigma_w\|x\|u_1)u_1^2] \le \mathbb{E}\,G \le G(0)$ by association, the orthogonal part "
        r"$\tfrac{N}{N-1}\mathbb{E}[G(\sigma_w\|x\|u_1)(1-u_1^2)] "
        r"\le G(0)\,\tfrac{N}{N-1}\left(1-\tfrac1N\right) = G(0)$."
    )
    return lemma("Haar orthogonal weights", claim, proof)


def projection() -> str:
    """Return the step of the tangent's part orthogonal to the input."""
    claim = (
        r"Let $|\varphi| \le M$, $\kappa = \sup|\varphi'|$, and let $T^\perp_l$ be the part of $(T_l, 0)$ "
        r"orthogonal to $\tilde x_l = (x_l, \sigma_b\sqrt N/\sigma_w)$. Given the past and $h_l$,"
        + equation(
            r"\mathbb{E}\left[\|T^\perp_l\|^2 \mid \mathcal{F}_{l-1}, h_l\right] \ge \frac{\sigma_w^2}{N}"
            r"\,\|T^\perp_{l-1}\|^2\Bigl(\sum_i \varphi'(h_i)^2 - \kappa^2\Bigr) ."
        )
    )
    proof = (
        r"Given $h_l$ the vector $T_l$ is the sum of a fixed vector and of "
        r"$\frac{\sigma_w}{\sqrt N}\|T^\perp_{l-1}\|\,(\varphi'(h_i)\zeta_i)_i$ with $\zeta$ standard normal. The "
        r"projection $P$ orthogonal to $\tilde x_l$ depends on $h_l$ only, so "
        r"$\mathbb{E}\|PT_l\|^2 \ge \frac{\sigma_w^2}{N}\|T^\perp_{l-1}\|^2\sum_i\varphi'(h_i)^2"
        r"(1 - x_{l,i}^2/\|\tilde x_l\|^2)$, and the subtracted sum is at most $\kappa^2$."
    )
    return lemma("orthogonal part", claim, proof)


def leave_one_out(upper: bool) -> str:
    """Return the step of the finite-width certificate."""
    law = (
        r"For $v > 0$ let $V'(v) = \sigma_b^2 + \frac{\sigma_w^2}{N}\sum_{j=1}^{N-1}\varphi(\sqrt v z_j)^2$: the next "
        r"variance with one neuron left out. "
    )
    if upper:
        claim = law + (
            r"Let $w$ be positive and nonincreasing and $\chi(v) = \sigma_w^2\max(A(v), B(v))$. Then"
            + equation(
                r"\mathbb{E}\left[\|T_l\|^2\, w(v_{l+1}) \mid \mathcal{F}_{l-1}\right] \le "
                r"\|T_{l-1}\|^2\, \chi(v_l)\, \mathbb{E}\,w(V'(v_l)) ."
            )
        )
        proof = (
            r"$\|T_l\|^2 = \sum_i Y_i$ with $Y_i = \varphi'(h_i)^2(W_l T_{l-1})_i^2$. The variance "
            r"$v_{l+1}$ is at least the sum without neuron $i$, which is distributed as $V'(v_l)$ and "
            r"independent of $Y_i$. As $w$ is nonincreasing, the left side is at most "
            r"$\sum_i \mathbb{E}[Y_i]\,\mathbb{E}\,w(V'(v_l))$, and " + referred("conditional law of a tangent") + r" "
            r"bounds $\sum_i\mathbb{E}[Y_i]$ by $\chi(v_l)\|T_{l-1}\|^2$."
        )
        return lemma("one neuron left out", claim, proof)
    claim = law + (
        r"Let $w$ be positive and nonincreasing and $d = \sigma_w^2M^2/N$. Then"
        + equation(
            r"\begin{aligned}\mathbb{E}\left[\|T^\perp_l\|^2\, w(v_{l+1}) \mid \mathcal{F}_{l-1}\right] \ge{}"
            r"& \|T^\perp_{l-1}\|^2\,\sigma_w^2\Bigl[A(v_l)\,\mathbb{E}\,w(V'(v_l)+d) \\ &\quad "
            r"- \frac{\kappa^2}{N}\,\mathbb{E}\,w(V'(v_l))\Bigr] .\end{aligned}"
        )
    )
    proof = (
        rf"Multiply {referred('orthogonal part')} by $w(v_{{l+1}})$, a function of $h_l$, and take the mean. In the "
        r"sum over $i$, $v_{l+1} \le V' + d$ with $V'$ the sum without neuron $i$, independent of $h_i$; in the "
        r"term with $\kappa^2$, $v_{l+1} \ge V'$ without any one neuron. $w$ is nonincreasing."
    )
    return lemma("one neuron left out", claim, proof)


def mixture(found: FiniteWidthRate, model: Model, upper: bool) -> str:
    """Return the choice of w, its table, and how the inequality was verified."""
    pairs = list(zip(found.mixture.times, found.mixture.weights, strict=True))
    cells = [(f"{float(t):.6g}", f"{float(a):.6g}") for t, a in pairs]
    rows = [[c for pair in cells[i : i + COLUMNS] for c in pair] for i in range(0, len(cells), COLUMNS)]
    rows = [row + [""] * (2 * COLUMNS - len(row)) for row in rows]
    constant = f"{float(found.mixture.constant):.6g}"
    relation, extreme = (r"\le", "most") if upper else (r"\ge", "least")
    left = (
        r"\chi(v)\,\mathbb{E}\,w(V'(v))"
        if upper
        else r"\sigma_w^2\left[A(v)\,\mathbb{E}\,w(V'(v)+d) - \tfrac{\kappa^2}{N}\mathbb{E}\,w(V'(v))\right]"
    )
    shift = "" if upper else r"With $V'+d$ the terms carry the further factor $e^{-t_kd}$." + "\n"
    tangent = r"\|T_l\|^2" if upper else r"\|T^\perp_l\|^2"
    near_zero = (
        r" Near $v = 0$, up to $10^{-4}$ of the range, the inequality is proved at once from Taylor bounds of "
        r"$\varphi^2$ and, for the lower bound, Jensen's inequality."
        if model.least == 0
        else ""
    )
    return (
        r"\textbf{The function $w$.} "
        + equation(rf"w(v) = {constant} + \sum_k a_k e^{{-t_k v}}")
        + r"with the numbers $t_k, a_k$ of the table, exact decimals. Its mean is a finite sum,"
        + equation(
            r"\mathbb{E}\,w(V'(v)) = "
            rf"{constant} + \sum_k a_k e^{{-t_k\sigma_b^2}}"
            r"\left(\mathbb{E}\, e^{-t_k\sigma_w^2\varphi(\sqrt v z)^2/N}\right)^{N-1}"
        )
        + "\n"
        + shift
        + table(["t_k", "a_k"] * COLUMNS, rows)
        + r"\textbf{Verification.} For every $v$ with "
        + rf"${decimal(model.least, side=DOWN)} \le v \le {to_latex(model.most, side=UP)}$"
        + equation(rf"{left} {relation} {decimal_exact(found.rate)}\; w(v) ,")
        + rf"so one layer multiplies $\mathbb{{E}}[{tangent}\, w(v_{{l+1}})]$ by at {extreme} "
        rf"{decimal_exact(found.rate)}. The range was cut into {found.boxes} intervals; on each one the difference of "
        r"the two sides, enclosed in ball arithmetic as its value in the middle plus the range of its derivative times "
        r"the half-length, has the right sign. The Gaussian means are composite Gauss--Legendre sums whose error is "
        rf"bounded on Bernstein ellipses ({cited('trefethen2008')}, theorem 4.5).{near_zero}" + "\n"
    )


def decimal_exact(value: object) -> str:
    """Return an exact short decimal with all its digits."""
    return f"{float(value):.10g}"  # type: ignore[arg-type]


def scales(layer: Layer) -> str:
    """Return σ_w, σ_b as LaTeX."""
    return rf"$\sigma_w = {to_latex(layer.sigma_w)}$, $\sigma_b = {to_latex(layer.sigma_b)}$"


def facts(s: LayeredNetwork) -> str:
    """Return M and κ as LaTeX."""
    slope = s.slope
    assert slope.value_bound is not None
    assert slope.largest is not None
    return rf"$M = {to_latex(slope.value_bound.value)}$, $\kappa = {to_latex(slope.largest.value)}$"
