"""Real models in PyTorch, randomly initialised, with a batch and a loss: what ``vg.inspect`` is timed on."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F


class Case(NamedTuple):
    """A model, its input, and the loss of what it returns."""

    model: Any
    x: Any
    loss: Callable[[Any], Any]


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


class LanguageModel(nn.Module):
    """An embedding, one recurrent module, a readout."""

    def __init__(self, kind: str, vocabulary: int = 50, width: int = 128) -> None:
        super().__init__()
        self.emb = nn.Embedding(vocabulary, 64)
        self.rnn = getattr(nn, kind)(64, width, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

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
    """20 blocks x + relu(W x + b)."""

    def __init__(self, width: int = 128, depth: int = 20) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = x + torch.relu(block(x))
        return self.head(x)


class Sine(nn.Module):
    """sin(30 x)."""

    def forward(self, x: Any) -> Any:
        return torch.sin(30 * x)


def _mlp(act: type[nn.Module], widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for k in range(len(widths) - 1):
        layers += [nn.Linear(widths[k], widths[k + 1]), act()]
    return nn.Sequential(*layers[:-1])


def _normalised(norm: type[nn.Module]) -> nn.Sequential:
    blocks = [m for _ in range(20) for m in (nn.Linear(128, 128), norm(128), nn.ReLU())]
    return nn.Sequential(*blocks, nn.Linear(128, 10))


_MAKERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "sigmoid MLP, 30 layers": (lambda: _mlp(nn.Sigmoid, [64] + [128] * 29 + [10]), (32, 64)),
    "plain CNN, 56 layers": (PlainCNN, (8, 3, 32, 32)),
    "LSTM, 500 steps": (lambda: LanguageModel("LSTM"), (8, 500)),
    "GRU, 500 steps": (lambda: LanguageModel("GRU"), (8, 500)),
    "one Linear 20 times": (Tied, (32, 64)),
    "SIREN, default": (lambda: _mlp(Sine, [2, 256, 256, 256, 256, 256, 10]), (256, 2)),
    "batch norm, 20 layers": (lambda: _normalised(nn.BatchNorm1d), (32, 128)),
    "layer norm, 20 layers": (lambda: _normalised(nn.LayerNorm), (32, 128)),
    "residual, 20 blocks": (Residual, (32, 128)),
}
NAMES = tuple(_MAKERS)


def case(name: str) -> Case:
    """Return one of :data:`NAMES`; always the same numbers."""
    torch.manual_seed(0)
    make, shape = _MAKERS[name]
    model, draw = make(), torch.Generator().manual_seed(1)
    if isinstance(model, LanguageModel):
        words = torch.randint(0, 50, shape, generator=draw)
        return Case(model, words, lambda out: F.cross_entropy(out[:, -1], words[:, 0]))
    labels = torch.randint(0, 10, shape[:1], generator=draw)
    return Case(model, torch.randn(*shape, generator=draw), lambda out: F.cross_entropy(out, labels))
