"""Blocks that mix tokens: attention, and transformers with their published initialisations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

import sympy as sp

from vgtheory._errors import InputError
from vgtheory.model.blocks import stacks
from vgtheory.model.blocks.stacks import X, gated, normalised, residual, sequence, to_weights, whole
from vgtheory.model.program import Block
from vgtheory.model.steps import Ask, Matrix, Mix
from vgtheory.model.weights import Weights, fan_in, fan_out
from vgtheory.symbolic.notation import depth

Norm = Literal["pre", "post", "none", "deep"]
Inner = Literal["plain", "gated"]
# What reads a stream and writes it back: the matrices that GPT-2 scales; and all but queries and keys, DeepNorm's.
OUTER = ("Wo", "W2", "Wout")
DEEP = ("Wv", *OUTER, "W1", "Wgate", "Wvalue")


def attention(weights: Weights, heads: int, causal: bool = False) -> Block:
    """Return x'_t = W_out Σ_u softmax_u(q_t·k_u/√d) v_u, head by head: queries W_q x, keys W_k x, values W_v x.

    Parameters
    ----------
    weights : distribution of the four matrices, without biases; variances σ²/width.
    heads : a divisor of the width; a head has d = width/heads components.
    causal : whether a token sees only itself and the tokens before it.

    Raises
    ------
    InputError : weights with biases, heads that are no whole number.

    Notes
    -----
    Vaswani et al. (2017), "Attention is all you need".

    Examples
    --------
    >>> import vgtheory as vg
    >>> network = vg.Network(attention(vg.Weights.gaussian(1), heads=2), width=16, depth=2, tokens=4)
    >>> study = vg.simulate(network, samples=2)
    >>> dict(study.cosine.sizes)
    {'sample': 2, 'layer': 3}
    """
    law, heads = _unbiased(weights), whole("heads", heads)
    if not isinstance(causal, bool):
        raise InputError("causal", "True or False", "e.g. causal=True", got=f"{causal!r}"[:60])
    names = ("q", "k", "v")
    asks = tuple(Ask((name,), f"W{name}", X) for name in names)
    mix = Mix(("m",), "attention", names, options=(heads, int(causal)))
    matrices = tuple(Matrix(name, law) for name in ("Wq", "Wk", "Wv", "Wo"))
    return Block(
        "causal attention" if causal else "attention", ((X, "y"),), (*asks, mix, Ask(("y",), "Wo", "m")), matrices
    )


class _Transformer:
    """A transformer's layer and its published initialisations: ``transformer(act, …)``, ``transformer.gpt2()``, …

    The presets have no biases, rotary positions or dropout, norms have no gain, and the stream begins with mean square
    1; width and depth are the network's.

    Examples
    --------
    >>> import vgtheory as vg
    >>> block = transformer("relu", vg.Weights.gaussian(1), heads=2, norm="pre")
    >>> study = vg.simulate(vg.Network(block, width=16, depth=2, tokens=4), samples=2)
    >>> sorted(study.cosine.sizes)
    ['layer', 'sample']
    """

    def __call__(
        self,
        act: Any,
        weights: Weights,
        heads: int,
        norm: Norm = "pre",
        mlp: Inner = "plain",
        scale: Any = 1,
        *,
        causal: bool = False,
        kind: Literal["layer", "rms"] = "layer",
        expansion: int = 4,
    ) -> Block:
        """Return a transformer's layer: attention, then an MLP, each with a norm and a skip connection of its own.

        Parameters
        ----------
        act : activation of the MLP.
        weights : distribution of all matrices, without biases; variances σ²/fan_in.
        heads, causal : of the attention.
        norm : "pre", x + scale·f(LN x); "post", LN(x + scale·f(x)); "none", x + scale·f(x); "deep" (DeepNorm),
            LN(αx + scale·f(x)) with α = (2L)^¼, and the weights of values, outputs and the MLP times (8L)^−¼.
        mlp : "plain", W_2 φ(W_1 x), or "gated", W_out(φ(W_gate x)·(W_value x)), with expansion·width hidden units.
        scale : of the branches: a number or an expression in ``depth``.
        kind : "layer" or "rms".

        Raises
        ------
        InputError : weights with biases, heads or an expansion that are no whole numbers, another norm or mlp.

        Notes
        -----
        Xiong et al. (2020) on pre- and post-norm; Wang et al. (2022), "DeepNet", for DeepNorm.

        Examples
        --------
        >>> transformer("silu", Weights.gaussian(1), heads=8, mlp="gated", scale="1/sqrt(2*depth)", kind="rms").name
        'pre-norm transformer'
        """
        if norm not in get_args(Norm) or mlp not in get_args(Inner):
            raise InputError(
                "transformer", 'norm "pre", "post", "none" or "deep", mlp "plain" or "gated"',
                'e.g. transformer("gelu", weights, 8, norm="pre")', got=f"{norm!r}, {mlp!r}",
            )  # fmt: skip
        law = _unbiased(weights)
        inner = stacks.mlp(act, law, law, expansion) if mlp == "plain" else gated(act, law, law, law, expansion)
        parts = [attention(law, heads, causal), inner]
        if norm == "deep":
            parts = [_scaled(part, (8 * depth) ** sp.Rational(-1, 4), DEEP) for part in parts]
        keep = (2 * depth) ** sp.Rational(1, 4) if norm == "deep" else 1
        layer = sequence(*(_sublayer(part, norm, kind, scale, keep) for part in parts))
        return replace(layer, name="transformer" if norm == "none" else f"{norm}-norm transformer")

    def original(self, heads: int = 8) -> Block:
        """Return the encoder's layer of Vaswani et al. (2017): post-norm, ReLU, Glorot's uniform weights.

        The paper says nothing of the weights.  Its program, tensor2tensor (models/transformer.py,
        ``transformer_base_v1``), has ``initializer = "uniform_unit_scaling"`` with gain 1, which is variance 1 over
        the mean of fan-in and fan-out; 8 heads of 64 components, 4·512 hidden units.
        """
        return self("relu", Weights.xavier(), heads, "post")

    def gpt2(self, heads: int = 12) -> Block:
        """Return GPT-2's layer: pre-norm, causal, GELU (tanh), N(0, 0.02²), times 1/√(2L) where a branch writes.

        Radford et al. (2019), section 2.3: the residual layers' weights are scaled by 1/√N, N their number.  That N is
        2L, two of them to a block, is how Hugging Face's program (modeling_gpt2.py) reads it; OpenAI's own
        (gpt-2, src/model.py), made for sampling, draws N(0, 0.02²) everywhere.
        """
        block = self("gelu_tanh", Weights.gaussian(sp.Rational(1, 50) * sp.sqrt(fan_in)), heads, causal=True)
        return replace(_scaled(block, 1 / sp.sqrt(2 * depth), OUTER), name="GPT-2 transformer")

    def llama(self, heads: int = 32) -> Block:
        """Return LLaMA's layer: pre-norm by RMS, causal, SwiGLU, N(0, 0.02²).

        Touvron et al. (2023), section 2.2, where nothing is said of the weights; Meta's program (llama/model.py) draws
        none.  0.02 is ``initializer_range`` of Hugging Face's (configuration_llama.py).  The 8/3·width hidden units,
        there rounded up to a multiple of 256, are 3·width here, and queries and keys are not rotated by position.
        """
        law = Weights.gaussian(sp.Rational(1, 50) * sp.sqrt(fan_in))
        block = self("silu", law, heads, mlp="gated", causal=True, kind="rms", expansion=3)
        return replace(block, name="LLaMA transformer")

    def vit(self, heads: int = 12) -> Block:
        """Return the vision transformer's layer: pre-norm, GELU (tanh), Glorot's uniform weights.

        Dosovitskiy et al. (2021), with the initialisers of its program (vision_transformer, vit_jax/models_vit.py):
        ``xavier_uniform`` for attention and MLP; ``nn.gelu`` of Flax is the approximation by tanh.  The biases of the
        MLP, N(0, 10⁻¹²), are left out.
        """
        return replace(self("gelu_tanh", Weights.xavier(), heads), name="vision transformer")

    def deepnorm(self, heads: int = 8) -> Block:
        """Return DeepNet's layer: LN((2L)^¼ x + f(x)), ReLU, Glorot's normal weights with gain (8L)^−¼.

        Wang et al. (2022), figure 2, encoder only: α = (2L)^¼ and gain β = (8L)^−¼ for values, outputs and the MLP, 1
        for queries and keys.  The same numbers stand in Microsoft's program (torchscale, architecture/encoder.py).
        """
        return self("relu", Weights.gaussian(sp.sqrt(2 * fan_in / (fan_in + fan_out))), heads, "deep")


transformer = _Transformer()


def _sublayer(part: Block, norm: Norm, kind: Literal["layer", "rms"], scale: Any, keep: Any) -> Block:
    if norm == "pre":
        return residual(normalised(part, kind), scale)
    layer = residual(part, scale, keep)
    return layer if norm == "none" else normalised(layer, kind, "after")


def _scaled(block: Block, scale: sp.Expr, names: tuple[str, ...]) -> Block:
    """Return the block, or a sequence of blocks, with the matrices of these names scaled."""
    chosen = [m.name.rpartition("_")[2] in names for m in block.matrices]
    matrices = tuple(
        replace(m, scale=scale * m.scale) if here else m for m, here in zip(block.matrices, chosen, strict=True)
    )
    return replace(block, matrices=matrices)


def _unbiased(weights: Any) -> Weights:
    law = to_weights(weights)
    if law.sigma_b != 0:
        raise InputError("sigma_b of a transformer's weights", "0", "give weights without biases", got=f"{law.sigma_b}")
    return law
