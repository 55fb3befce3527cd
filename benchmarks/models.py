"""Real models in PyTorch, randomly initialised, with a batch and a loss: what ``vg.inspect`` is timed and tried on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune

from benchmarks import architectures as arch
from benchmarks.architectures import mlp


class Case(NamedTuple):
    """A model, its input, and the loss of what it returns."""

    model: Any
    x: Any
    loss: Callable[[Any], Any]


@dataclass(frozen=True)
class Entry:
    """How a model is made, the shape of its input (of words where `words`), and the one layer that is at fault."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    culprit: str | None = None
    words: bool = False
    output: Callable[[Any], Any] = lambda out: out  # the logits in what the model returns


def _planted(
    change: Callable[[Any, Any], object], start: Callable[[Any], object] | None = None, act: Any = nn.Tanh
) -> Any:
    """Return a maker of 21 orthogonal layers (or layers that `start` draws) of which the 11th is changed."""

    def make() -> nn.Sequential:
        net = mlp(act, [128] * 21 + [10], start or (lambda weight: nn.init.orthogonal_(weight, gain=1.05)))
        with torch.no_grad():
            change(net[20].weight, net[20].bias)
        return net

    return make


def _all(change: Callable[[Any, Any], object], act: Any) -> Any:
    """Return a maker of 21 layers that are all changed."""

    def make() -> nn.Sequential:
        net = mlp(act, [128] * 21 + [10], lambda weight: nn.init.kaiming_normal_(weight))
        with torch.no_grad():
            for layer in net:
                if isinstance(layer, nn.Linear):
                    change(layer.weight, layer.bias)
        return net

    return make


def _computed(wrap: Callable[[nn.Linear], Any]) -> Any:
    """Return a maker of 24 layers whose weights are computed from others."""
    return lambda: nn.Sequential(
        *(m for _ in range(24) for m in (wrap(nn.Linear(32, 32)), nn.Tanh())), nn.Linear(32, 10)
    )


def _pruned(layer: nn.Linear) -> nn.Linear:
    nn.init.normal_(layer.weight, std=1.2 / layer.in_features**0.5)
    return prune.random_unstructured(layer, "weight", 0.7)


def _he(weight: Any) -> Any:
    return nn.init.kaiming_normal_(weight)


def _logits(out: Any) -> Any:
    return out.logits


def _both(out: Any) -> Any:
    return torch.cat(out, -1)


MODELS = {
    "sigmoid MLP, 30 layers": Entry(lambda: mlp(nn.Sigmoid, [64] + [128] * 29 + [10]), (32, 64)),
    "plain CNN, 56 layers": Entry(arch.PlainCNN, (8, 3, 32, 32)),
    "ResNet-18": Entry(lambda: arch.ResNet(arch.Basic, (2, 2, 2, 2)), (4, 3, 64, 64)),
    "ResNet-50": Entry(lambda: arch.ResNet(arch.Bottleneck, (3, 4, 6, 3)), (4, 3, 64, 64)),
    "ViT, 6 layers": Entry(arch.ViT, (8, 3, 32, 32)),
    "LSTM, 500 steps": Entry(lambda: arch.LanguageModel("LSTM"), (8, 500), "rnn", words=True),
    "GRU, 500 steps": Entry(lambda: arch.LanguageModel("GRU"), (8, 500), "rnn", words=True),
    "one Linear 20 times": Entry(arch.Tied, (32, 64)),
    "batch norm, 20 layers": Entry(lambda: arch.normalised(nn.BatchNorm1d), (32, 128)),
    "layer norm, 20 layers": Entry(lambda: arch.normalised(nn.LayerNorm), (32, 128)),
    "batch norm, sigmoid": Entry(lambda: arch.normalised(nn.BatchNorm1d, nn.Sigmoid, 64), (32, 64)),
    "residual, 20 blocks": Entry(arch.Residual, (32, 128)),
    "SIREN": Entry(lambda: arch.siren(proper=True), (256, 2)),
    "SIREN, default": Entry(lambda: arch.siren(proper=False), (256, 2)),
    "one layer × 0.001": Entry(_planted(lambda w, b: w.mul_(1e-3)), (32, 128), "20"),
    "one layer × 1000": Entry(_planted(lambda w, b: w.mul_(1e3)), (32, 128)),
    "one constant layer": Entry(_planted(lambda w, b: w.fill_(1e-4)), (32, 128), "20"),
    "one saturated bias": Entry(_planted(lambda w, b: b.fill_(8.0)), (32, 128), "20"),
    "one dead bias": Entry(_planted(lambda w, b: b.fill_(-100.0), _he, nn.ReLU), (32, 128), "20"),
    "one missing skip": Entry(lambda: arch.Residual(scale=1e-3, without=7), (32, 128), "blocks.7"),
    "all weights 0.01": Entry(_all(lambda w, b: w.fill_(0.01), nn.Tanh), (32, 128)),
    "dead ReLU, bias −1": Entry(_all(lambda w, b: b.fill_(-1.0), nn.ReLU), (32, 128)),
    "RNN, 3 layers": Entry(lambda: arch.LanguageModel("RNN", 16, num_layers=3), (8, 60), "rnn", words=True),
    "SwiGLU transformer": Entry(lambda: arch.Llama(tied=False), (4, 24), words=True),
    "tied embedding": Entry(lambda: arch.Llama(tied=True), (4, 24), words=True),
    "mixture of experts": Entry(arch.Experts, (32, 64)),
    "MultiheadAttention": Entry(arch.Encoder, (8, 12, 64)),
    "actor and critic": Entry(arch.ActorCritic, (32, 16), output=_both),
    "policy and target": Entry(arch.PolicyTarget, (32, 16)),
    "weight_norm": Entry(_computed(parametrizations.weight_norm), (32, 32)),
    "spectral_norm": Entry(_computed(parametrizations.spectral_norm), (32, 32)),
    "pruned": Entry(_computed(_pruned), (32, 32)),
    "dict inputs": Entry(arch.Pretrained, (8, 12), words=True, output=_logits),
    "half precision": Entry(lambda: mlp(nn.Sigmoid, [64] + [128] * 29 + [10]).half(), (32, 64)),
}
NAMES = tuple(MODELS)
# Of the sizes that are trained: what is not arithmetic weighs less.
LARGE = {
    "tanh MLP, 20 × 512": Entry(lambda: mlp(nn.Tanh, [512] * 20 + [10]), (64, 512)),
    "ReLU MLP, 10 × 1024": Entry(lambda: mlp(nn.ReLU, [1024] * 10 + [10], _he), (32, 1024)),
    "saturated MLP, 20 × 512": Entry(
        lambda: mlp(nn.Tanh, [512] * 20 + [10], lambda w: nn.init.normal_(w, std=3 / 512**0.5)), (64, 512)
    ),
    "batch norm, 20 × 512": Entry(lambda: arch.normalised(nn.BatchNorm1d, width=512), (64, 512)),
    "residual, 20 × 512": Entry(lambda: arch.Residual(512), (64, 512)),
    "ResNet-18, 64 channels": Entry(lambda: arch.ResNet(arch.Basic, (2, 2, 2, 2), 64), (8, 3, 64, 64)),
    "plain CNN, 32 images": Entry(arch.PlainCNN, (32, 3, 32, 32)),
    "transformer, 12 × 256": Entry(lambda: arch.Llama(False, 256, 688, 12), (8, 64), words=True),
    "LSTM, 500 steps of 256": Entry(lambda: arch.LanguageModel("LSTM", 256), (32, 500), "rnn", words=True),
    "GRU, 500 steps of 256": Entry(lambda: arch.LanguageModel("GRU", 256), (32, 500), "rnn", words=True),
}
# Without the one whose own pass is in another precision.
TIMED = (*(name for name in NAMES if name != "half precision"), *LARGE)


def case(name: str) -> Case:
    """Return one of :data:`NAMES` or of :data:`LARGE`; always the same numbers."""
    torch.manual_seed(0)
    entry, draw = (MODELS | LARGE)[name], torch.Generator().manual_seed(1)
    model = entry.make()
    if entry.words:
        words: Any = torch.randint(0, arch.WORDS, entry.shape, generator=draw)
        given = {"input_ids": words, "attention_mask": torch.ones_like(words)} if name == "dict inputs" else words

        def last(out: Any) -> Any:
            return F.cross_entropy(entry.output(out)[:, -1], words[:, 0])

        return Case(model, given, last)
    x, labels = torch.randn(*entry.shape, generator=draw), torch.randint(0, 10, entry.shape[:1], generator=draw)
    if name.startswith("SIREN"):
        x = x.clamp(-1, 1)
        return Case(model, x, lambda out: F.mse_loss(out, x[:, :1]))
    kind = next(model.parameters()).dtype
    return Case(model, x.to(kind), lambda out: F.cross_entropy(entry.output(out), labels))
