r"""The lemmas behind the certificates of vanishing and explosion, as LaTeX with a network's numbers in them."""

from __future__ import annotations

from vgtheory.reporting.latex_document import cited, equation
from vgtheory.reporting.latex_table import table
from vgtheory.symbolic.printing import decimal, to_latex
from vgtheory.symbolic.rounding import DOWN, UP
from vgtheory.theory.proofs.layered_network import Layer, LayeredNetwork
from vgtheory.theory.proofs.lyapunov import FiniteWidthRate, Model

END = r"\hfill$\Box$" + "\n"
COLUMNS = 3  # pairs (t_k, a_k) side by side


def lemma(number: int, title: str, statement: str, proof: str) -> str:
    """Return a lemma and its proof; both are LaTeX."""
    return rf"\textbf{{Lemma {number} ({title}).}} {statement}" + "\n\n" + rf"\emph{{Proof.}} {proof} {END}"


def symmetrisation(number: int, extreme: str, gamma: str) -> str:
    """Return the lemma of the symmetrised slope; `extreme` is \\sup or \\inf, gamma its value."""
    sign = r"\le" if extreme == r"\sup" else r"\ge"
    statement = (
        r"Let $g(h) = \tfrac12\left(\varphi'(h)^2 + \varphi'(-h)^2\right)$ and "
        rf"$\Gamma = {extreme}_h g(h) = {gamma}$. For every past and every tangent $T$"
        + equation(
            rf"\mathbb{{E}}\left[\|T_\ell\|^2 \mid \mathcal{{F}}_{{\ell-1}}\right] {sign} "
            r"\frac{N_\ell}{N_{\ell-1}}\,\sigma_w^2\,\Gamma\,\|T_{\ell-1}\|^2 ."
        )
    )
    proof = (
        r"Given the past, $(W_\ell, b_\ell)$ and $(-W_\ell, -b_\ell)$ have the same law, hence so have "
        r"$(h_i, (W_\ell T_{\ell-1})_i)$ and its negative, and $\varphi'(h_i)^2$ may be replaced by $g(h_i)$:"
        + equation(
            r"\begin{aligned}\mathbb{E}\left[\varphi'(h_i)^2 (W_\ell T_{\ell-1})_i^2 \mid \mathcal{F}_{\ell-1}\right]"
            r" &= \mathbb{E}\left[g(h_i) (W_\ell T_{\ell-1})_i^2 \mid \mathcal{F}_{\ell-1}\right] \\"
            rf" &{sign} \Gamma\, \mathbb{{E}}\left[(W_\ell T_{{\ell-1}})_i^2 \mid \mathcal{{F}}_{{\ell-1}}\right] . "
            r"\end{aligned}"
        )
        + r"The sum over $i$ gives $\mathbb{E}\left[\|W_\ell T_{\ell-1}\|^2\mid\mathcal{F}_{\ell-1}\right]"
        r" = (N_\ell/N_{\ell-1})\,\sigma_w^2\|T_{\ell-1}\|^2$ on the right."
    )
    return lemma(number, "symmetrised slope", statement, proof)


def conditional_law(number: int) -> str:
    """Return the exact conditional law of a tangent under Gaussian weights."""
    statement = (
        r"Let $v = \sigma_w^2\|x_{\ell-1}\|^2/N_{\ell-1} + \sigma_b^2$, which the past determines. Given the past the "
        r"pairs $(h_i, (W_\ell T_{\ell-1})_i)$ are independent and identically distributed, $h_i = \sqrt v\, z_i$ and"
        + equation(
            r"(W_\ell T_{\ell-1})_i = \frac{\sigma_w\|T_{\ell-1}\|}{\sqrt{N_{\ell-1}}}"
            r"\left(\rho\, z_i + \sqrt{1-\rho^2}\;\zeta_i\right)"
        )
        + r"with $z_i, \zeta_i$ independent standard normal and a $\rho \in [-1, 1]$ that the past determines. So with "
        r"$A(v) = \mathbb{E}\,\varphi'(\sqrt v z)^2$ and $B(v) = \mathbb{E}\,z^2\varphi'(\sqrt v z)^2$"
        + equation(
            r"\mathbb{E}\left[\|T_\ell\|^2 \mid \mathcal{F}_{\ell-1}\right] = \frac{N_\ell}{N_{\ell-1}}\,\sigma_w^2\,"
            r"\|T_{\ell-1}\|^2 \left[(1-\rho^2) A(v) + \rho^2 B(v)\right] ."
        )
    )
    proof = (
        r"Write $\tilde x = (x_{\ell-1}, \sigma_b\sqrt{N_{\ell-1}}/\sigma_w)$ and $\tilde T = (T_{\ell-1}, 0)$; the "
        r"bias is one more column of weights. The matrix $(W_\ell, b_\ell\,\sigma_w/(\sigma_b\sqrt{N_{\ell-1}}))$ has "
        r"independent normal entries (without bias the last column is left out), so its products with $\tilde x$ and "
        r"with the part of $\tilde T$ orthogonal to "
        r"$\tilde x$ are independent normal vectors; $\rho$ is the cosine between $\tilde T$ and $\tilde x$. In the "
        r"second display $\zeta_i$ is independent of $z_i$ and the mixed term has mean zero."
    )
    return lemma(number, "conditional law of a tangent", statement, proof)


def association(number: int) -> str:
    """Return B ≤ A and A nonincreasing, for g nonincreasing in |h|."""
    statement = (
        r"$g(h) = \tfrac12(\varphi'(h)^2+\varphi'(-h)^2)$ is nonincreasing in $|h|$ (proved for this activation in "
        r"ball arithmetic). Hence $B(v) \le A(v)$, and $A$ is nonincreasing."
    )
    proof = (
        r"By symmetry of $z$, $A(v) = \mathbb{E}\,g(\sqrt v z)$ and $B(v) = \mathbb{E}\,z^2 g(\sqrt v z)$. As "
        r"functions of $|z|$, $z^2$ is increasing and $g$ nonincreasing, so Chebyshev's association inequality gives "
        r"$B(v) \le \mathbb{E}z^2\;\mathbb{E}\,g(\sqrt v z) = A(v)$. For $v \le v'$ and every $z$, "
        r"$g(\sqrt{v'}z) \le g(\sqrt v z)$."
    )
    return lemma(number, "association", statement, proof)


def haar(number: int) -> str:
    """Return the step under Haar orthogonal weights."""
    statement = (
        r"Let $W_\ell = \sigma_w Q$ with $Q$ Haar distributed, $N$ wide, and $g$ nonincreasing in $|h|$ (proved for "
        r"this activation in ball arithmetic). With $A(v) = \mathbb{E}\,\varphi'(\sqrt v z)^2$"
        + equation(
            r"\mathbb{E}\left[\|T_\ell\|^2 \mid \mathcal{F}_{\ell-1}\right] \le \sigma_w^2 A(\sigma_b^2)\,"
            r"\|T_{\ell-1}\|^2 ."
        )
    )
    proof = (
        r"With $\hat x = x_{\ell-1}/\|x_{\ell-1}\|$, "
        r"$W_\ell T = \sigma_w\left[(T\cdot\hat x) u + \|T_\perp\| w\right]$, "
        r"$u$ uniform on the unit sphere and $w$ uniform on the unit sphere orthogonal to $u$, so "
        r"$\mathbb{E}[w_i^2\mid u] = (1-u_i^2)/(N-1)$ and $\mathbb{E}[w_i \mid u] = 0$. The function "
        r"$G(t) = \mathbb{E}_b\,g(t+b)$, $b \sim \mathcal{N}(0,\sigma_b^2)$, is even and nonincreasing in $|t|$ "
        rf"({cited('anderson1955')}), and $G(0) = A(\sigma_b^2)$. The aligned part has the factor "
        r"$N\,\mathbb{E}[G(\sigma_w\|x\|u_1)u_1^2] \le \mathbb{E}\,G \le G(0)$ by association, the orthogonal part "
        r"$\tfrac{N}{N-1}\mathbb{E}[G(\sigma_w\|x\|u_1)(1-u_1^2)] "
        r"\le G(0)\,\tfrac{N}{N-1}\left(1-\tfrac1N\right) = G(0)$."
    )
    return lemma(number, "Haar orthogonal weights", statement, proof)


def projection(number: int) -> str:
    """Return the step of the tangent's part orthogonal to the input."""
    statement = (
        r"Let $|\varphi| \le M$, $\kappa = \sup|\varphi'|$, and let $T^\perp_\ell$ be the part of $(T_\ell, 0)$ "
        r"orthogonal to $\tilde x_\ell = (x_\ell, \sigma_b\sqrt N/\sigma_w)$. Given the past and $h_\ell$,"
        + equation(
            r"\mathbb{E}\left[\|T^\perp_\ell\|^2 \mid \mathcal{F}_{\ell-1}, h_\ell\right] \ge \frac{\sigma_w^2}{N}"
            r"\,\|T^\perp_{\ell-1}\|^2\Bigl(\sum_i \varphi'(h_i)^2 - \kappa^2\Bigr) ."
        )
    )
    proof = (
        r"Given $h_\ell$ the vector $T_\ell$ is the sum of a fixed vector and of "
        r"$\frac{\sigma_w}{\sqrt N}\|T^\perp_{\ell-1}\|\,(\varphi'(h_i)\zeta_i)_i$ with $\zeta$ standard normal. The "
        r"projection $P$ orthogonal to $\tilde x_\ell$ depends on $h_\ell$ only, so "
        r"$\mathbb{E}\|PT_\ell\|^2 \ge \frac{\sigma_w^2}{N}\|T^\perp_{\ell-1}\|^2\sum_i\varphi'(h_i)^2"
        r"(1 - x_{\ell,i}^2/\|\tilde x_\ell\|^2)$, and the subtracted sum is at most $\kappa^2$."
    )
    return lemma(number, "orthogonal part", statement, proof)


def leave_one_out(number: int, upper: bool) -> str:
    """Return the step of the finite-width certificate."""
    law = (
        r"For $v > 0$ let $V'(v) = \sigma_b^2 + \frac{\sigma_w^2}{N}\sum_{j=1}^{N-1}\varphi(\sqrt v z_j)^2$: the next "
        r"variance with one neuron left out. "
    )
    if upper:
        statement = law + (
            r"Let $w$ be positive and nonincreasing and $\chi(v) = \sigma_w^2\max(A(v), B(v))$. Then"
            + equation(
                r"\mathbb{E}\left[\|T_\ell\|^2\, w(v_{\ell+1}) \mid \mathcal{F}_{\ell-1}\right] \le "
                r"\|T_{\ell-1}\|^2\, \chi(v_\ell)\, \mathbb{E}\,w(V'(v_\ell)) ."
            )
        )
        proof = (
            r"$\|T_\ell\|^2 = \sum_i Y_i$ with $Y_i = \varphi'(h_i)^2(W_\ell T_{\ell-1})_i^2$. The variance "
            r"$v_{\ell+1}$ is at least the sum without neuron $i$, which is distributed as $V'(v_\ell)$ and "
            r"independent of $Y_i$. As $w$ is nonincreasing, the left side is at most "
            r"$\sum_i \mathbb{E}[Y_i]\,\mathbb{E}\,w(V'(v_\ell))$, and Lemma 1 "
            r"bounds $\sum_i\mathbb{E}[Y_i]$ by $\chi(v_\ell)\|T_{\ell-1}\|^2$."
        )
        return lemma(number, "one neuron left out", statement, proof)
    statement = law + (
        r"Let $w$ be positive and nonincreasing and $d = \sigma_w^2M^2/N$. Then"
        + equation(
            r"\begin{aligned}\mathbb{E}\left[\|T^\perp_\ell\|^2\, w(v_{\ell+1}) \mid \mathcal{F}_{\ell-1}\right] \ge{}"
            r"& \|T^\perp_{\ell-1}\|^2\,\sigma_w^2\Bigl[A(v_\ell)\,\mathbb{E}\,w(V'(v_\ell)+d) \\ &\quad "
            r"- \frac{\kappa^2}{N}\,\mathbb{E}\,w(V'(v_\ell))\Bigr] .\end{aligned}"
        )
    )
    proof = (
        r"Multiply Lemma 2 by $w(v_{\ell+1})$, a function of $h_\ell$, and take the mean. In the sum over $i$, "
        r"$v_{\ell+1} \le V' + d$ with $V'$ the sum without neuron $i$, independent of $h_i$; in the term with "
        r"$\kappa^2$, $v_{\ell+1} \ge V'$ without any one neuron. $w$ is nonincreasing."
    )
    return lemma(number, "one neuron left out", statement, proof)


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
    tangent = r"\|T_\ell\|^2" if upper else r"\|T^\perp_\ell\|^2"
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
        + rf"so one layer multiplies $\mathbb{{E}}[{tangent}\, w(v_{{\ell+1}})]$ by at {extreme} "
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
