"""Writes the weight files of these tests with PyTorch's own initialisers: python -m tests.study.make_weights.

Run once, with torch 2.13 (CPU) and safetensors installed; the files lie in tests/reference/weights/.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parents[1] / "reference" / "weights"


def sigmoid_default(depth: int = 50, width: int = 32) -> nn.Module:
    """Return Linear and Sigmoid in turn, as nn.Linear initialises them, with a linear output."""
    layers: list[nn.Module] = []
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(width, width))


def relu_he(depth: int = 12, width: int = 64) -> nn.Module:
    """Return Linear and ReLU in turn, He-normal weights, zero biases."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        linear = nn.Linear(width, width)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Residual(nn.Module):
    """x + tanh(W x + b), orthogonal W of gain 1, between an input and an output projection."""

    def __init__(self, depth: int = 12, width: int = 48) -> None:
        super().__init__()
        self.first = nn.Linear(20, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.last = nn.Linear(width, 10)
        for block in self.blocks:
            nn.init.orthogonal_(block.weight)
            nn.init.zeros_(block.bias)


def main() -> None:
    """Write the three files."""
    torch.manual_seed(0)
    HERE.mkdir(exist_ok=True)
    for name, module in {"sigmoid_default": sigmoid_default(), "relu_he": relu_he(), "residual": Residual()}.items():
        save_file(module.state_dict(), HERE / f"{name}.safetensors")


if __name__ == "__main__":
    main()
