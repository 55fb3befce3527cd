"""Modules of the usual architectures, small, with nothing but PyTorch: residual and plain CNNs, transformers, cells."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

WORDS = 50  # of the vocabulary


def mlp(act: Any, widths: list[int], start: Callable[[Any], object] | None = None) -> nn.Sequential:
    """Return Linear layers with activations between; `start` draws their weights."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), act()]
        if start is not None:
            start(layers[-2].weight)
    return nn.Sequential(*layers[:-1])


def normalised(norm: Any, act: Any = nn.ReLU, width: int = 128) -> nn.Sequential:
    """Return 20 layers with a normalisation before the activation."""
    blocks = [m for _ in range(20) for m in (nn.Linear(width, width), norm(width), act())]
    return nn.Sequential(*blocks, nn.Linear(width, 10))


class PlainCNN(nn.Module):
    """56 convolutions and ReLUs in three stages, without skip connections or norms."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1), nn.ReLU()]
        for stage, (fan_in, channels) in enumerate([(16, 16), (16, 32), (32, 64)]):
            for k in range(18):
                stride = 2 if k == 0 and stage > 0 else 1
                given = fan_in if k == 0 else channels
                layers += [nn.Conv2d(given, channels, 3, padding=1, stride=stride), nn.ReLU()]
        self.features, self.fc = nn.Sequential(*layers), nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        return self.fc(self.features(x).mean((2, 3)))


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    one = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    nn.init.kaiming_normal_(one.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(one, nn.BatchNorm2d(outputs))


class Basic(nn.Module):
    """Two convolutions with batch norm and a skip connection."""

    wider = 1

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.one, self.two = _conv(inputs, channels, 3, stride), _conv(channels, channels, 3)
        self.past = nn.Identity() if stride == 1 and inputs == channels else _conv(inputs, channels, 1, stride)

    def forward(self, x: Any) -> Any:
        return F.relu(self.past(x) + self.two(F.relu(self.one(x))))


class Bottleneck(nn.Module):
    """Three convolutions, the middle one narrow, with batch norm and a skip connection."""

    wider = 4

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        wide = self.wider * channels
        self.one, self.two = _conv(inputs, channels, 1), _conv(channels, channels, 3, stride)
        self.three = _conv(channels, wide, 1)
        self.past = nn.Identity() if stride == 1 and inputs == wide else _conv(inputs, wide, 1, stride)

    def forward(self, x: Any) -> Any:
        return F.relu(self.past(x) + self.three(F.relu(self.two(F.relu(self.one(x))))))


class ResNet(nn.Module):
    """The residual network of He et al. (2016) with a quarter of its channels."""

    def __init__(self, block: Any, counts: tuple[int, ...], channels: int = 16) -> None:
        super().__init__()
        self.stem, inputs = _conv(3, channels, 7, 2), channels
        self.layers = nn.ModuleList()
        for stage, count in enumerate(counts):
            for k in range(count):
                self.layers.append(block(inputs, channels << stage, 2 if k == 0 and stage else 1))
                inputs = block.wider * channels << stage
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, 1)
        for layer in self.layers:
            x = layer(x)
        return self.fc(x.mean((2, 3)))


class Layer(nn.Module):
    """A pre-norm layer of a transformer: attention and an MLP of GELUs, or of gated units with RMS norms."""

    def __init__(self, width: int, heads: int, hidden: int, gated: bool) -> None:
        super().__init__()
        norm = nn.RMSNorm if gated else nn.LayerNorm
        self.heads, self.before, self.between = heads, norm(width), norm(width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width, bias=not gated) for _ in range(4))
        self.up, self.down = nn.Linear(width, hidden, bias=not gated), nn.Linear(hidden, width, bias=not gated)
        self.gate = nn.Linear(width, hidden, bias=False) if gated else None

    def forward(self, x: Any) -> Any:
        n, tokens, width = x.shape
        y = self.before(x)
        q, k, v = (part(y).view(n, tokens, self.heads, -1).transpose(1, 2) for part in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.gate is not None)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, tokens, width))
        y = self.between(x)
        hidden = F.gelu(self.up(y)) if self.gate is None else F.silu(self.gate(y)) * self.up(y)
        return x + self.down(hidden)


def _drawn(model: nn.Module) -> None:
    """Draw the matrices as transformers do: entries of standard deviation 0.02."""
    for part in model.modules():
        if isinstance(part, (nn.Linear, nn.Embedding)):
            nn.init.normal_(part.weight, std=0.02)


class ViT(nn.Module):
    """Six pre-norm layers over the patches of images."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(0.02 * torch.randn(1, 17, width))
        self.layers = nn.Sequential(*(Layer(width, 4, 128, gated=False) for _ in range(6)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)
        _drawn(self)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.places
        return self.head(self.norm(self.layers(x))[:, 0])


class Llama(nn.Module):
    """Causal layers with RMS norms and SwiGLU; the embedding may be the readout, too."""

    def __init__(self, tied: bool, width: int = 64, hidden: int = 172, layers: int = 4) -> None:
        super().__init__()
        self.emb = nn.Embedding(WORDS, width)
        self.layers = nn.Sequential(*(Layer(width, 4, hidden, gated=True) for _ in range(layers)))
        self.norm, self.head = nn.RMSNorm(width), nn.Linear(width, WORDS, bias=False)
        _drawn(self)
        if tied:
            self.head.weight = self.emb.weight

    def forward(self, x: Any) -> Any:
        return self.head(self.norm(self.layers(self.emb(x))))


@dataclass
class Output:
    """What a pretrained model returns."""

    logits: Any
    hidden: Any = None


class Pretrained(nn.Module):
    """A transformer that takes named inputs and returns an object, as Hugging Face's do."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Llama(tied=True)

    def forward(self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None) -> Output:
        hidden = self.model.layers(self.model.emb(input_ids) * attention_mask[..., None])
        return Output(self.model.head(self.model.norm(hidden)))


class LanguageModel(nn.Module):
    """An embedding, one recurrent module, a readout."""

    def __init__(self, kind: str, width: int = 128, **options: Any) -> None:
        super().__init__()
        self.emb = nn.Embedding(WORDS, 64)
        self.rnn = getattr(nn, kind)(64, width, batch_first=True, **options)
        self.head = nn.Linear(width, WORDS)

    def forward(self, x: Any) -> Any:
        return self.head(self.rnn(self.emb(x))[0])


class Tied(nn.Module):
    """One Linear used 20 times."""

    def __init__(self) -> None:
        super().__init__()
        self.inp, self.hid, self.out = nn.Linear(64, 128), nn.Linear(128, 128), nn.Linear(128, 10)

    def forward(self, x: Any) -> Any:
        x = torch.tanh(self.inp(x))
        for _ in range(20):
            x = torch.tanh(self.hid(x))
        return self.out(x)


class Residual(nn.Module):
    """20 blocks x + scale·relu(W x + b), of which one may lack its skip connection."""

    def __init__(self, width: int = 128, depth: int = 20, scale: float = 1.0, without: int | None = None) -> None:
        super().__init__()
        self.scale, self.without = scale, without
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        for k, block in enumerate(self.blocks):
            branch = torch.relu(block(x))
            branch = branch if self.scale == 1 else self.scale * branch
            x = branch if k == self.without else x + branch
        return self.head(x)


class Sine(nn.Module):
    """sin(30 x)."""

    def forward(self, x: Any) -> Any:
        return torch.sin(30 * x)


def siren(proper: bool) -> nn.Sequential:
    """Return a network of sines, with the weights of Sitzmann et al. (2020) or PyTorch's."""
    net = mlp(Sine, [2, 256, 256, 256, 256, 256, 1])
    layers = [layer for layer in net if isinstance(layer, nn.Linear)] if proper else []
    with torch.no_grad():
        for k, layer in enumerate(layers):
            bound = math.sqrt(6 / layer.in_features) / 30 if k else 1 / layer.in_features
            layer.weight.uniform_(-bound, bound)
    return net


class Experts(nn.Module):
    """Four blocks, in each of which a router sends every sample to one of four MLPs."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.routers = nn.ModuleList(nn.Linear(width, 4) for _ in range(4))
        self.experts = nn.ModuleList(
            nn.ModuleList(mlp(nn.ReLU, [width, 2 * width, width]) for _ in range(4)) for _ in range(4)
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        for router, experts in zip(self.routers, self.experts, strict=True):
            share, chosen = router(x).softmax(-1).max(-1)
            y = torch.zeros_like(x)
            for k, expert in enumerate(experts):
                rows = (chosen == k).nonzero()[:, 0]
                if len(rows):
                    y = y.index_add(0, rows, share[rows, None] * expert(x[rows]))
            x = x + y
        return self.head(x)


class Encoder(nn.Module):
    """Three of torch's post-norm transformer layers, made one by one, and a readout."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.TransformerEncoderLayer(width, 4, 128, dropout=0.0, batch_first=True) for _ in range(3))
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        return self.head(self.layers(x).mean(1))


class ActorCritic(nn.Module):
    """A trunk of three layers with two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = mlp(nn.Tanh, [16, 64, 64, 64])
        self.actor, self.critic = mlp(nn.Tanh, [64, 64, 9]), mlp(nn.Tanh, [64, 64, 1])

    def forward(self, x: Any) -> Any:
        x = torch.tanh(self.trunk(x))
        return self.actor(x), self.critic(x)


class PolicyTarget(nn.Module):
    """A network and its frozen twin, whose values are subtracted."""

    def __init__(self) -> None:
        super().__init__()
        self.policy, self.target = (mlp(nn.ReLU, [16, 64, 64, 64, 10]) for _ in range(2))

    def forward(self, x: Any) -> Any:
        with torch.no_grad():
            past = self.target(x)
        return self.policy(x) - past
