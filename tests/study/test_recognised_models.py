"""What inspect holds against theory: convolutions and stacks of blocks, and what is told apart by it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from vgtheory import Network, Weights, blocks, inspect  # noqa: E402


def real(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def convolutions(depth=16, channels=24, mode="zeros", gain=1.0, act=nn.Tanh, **options):
    torch.manual_seed(0)
    layers = []
    for _ in range(depth):
        one = nn.Conv2d(channels, channels, 3, **{"padding": 1, "padding_mode": mode, **options})
        nn.init.normal_(one.weight, std=gain / (9 * channels) ** 0.5)
        nn.init.zeros_(one.bias)
        layers += [one, act()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3))


def test_convolutions_are_recognised_and_what_their_padding_costs_is_predicted():
    change = {}
    for padding in ("zeros", "circular"):
        found = inspect(convolutions(channels=64, mode=padding), real(16, 64, 4, 4))
        block = blocks.conv("tanh", Weights.lecun(), padding=padding)
        assert found.network.block.mixes("window")[0].options == (3, int(padding == "zeros"), 2, 1)
        assert found.network == Network(block, width=64, depth=16, shape=(4, 4))
        change[padding] = found.theory.attrs["log_change"], found.theory.attrs["predicted_log_change"]
        # With 64 channels gains fluctuate by a few per cent a layer.
        np.testing.assert_allclose(found.theory.ratio[:-1], 1, atol=0.15)
        assert change[padding][0] == pytest.approx(change[padding][1], abs=0.5)
    assert change["zeros"][1] < change["circular"][1] - 1


def test_padding_and_small_weights_are_told_apart():
    small = inspect(convolutions(30, gain=0.5, act=nn.ReLU), real(4, 24, 16, 16))
    assert small.verdict == "vanishes"
    assert any("where 1.41 is critical for relu, too small" in cause for cause in small.causes)
    assert not any("padding" in cause for cause in small.causes)
    padded = inspect(convolutions(30, gain=2**0.5, act=nn.ReLU), real(4, 24, 2, 2))
    assert padded.verdict == "vanishes"
    (said,) = (cause for cause in padded.causes if cause.startswith("padding"))
    # λ = 4/9 per layer on 2 × 2 positions, 29 layers between the first and the last: 29/2·ln(4/9).
    assert float(said.split("cost ")[1].split(" in")[0]) == pytest.approx(29 / 2 * np.log(4 / 9), abs=0.1)
    assert not any("too small" in cause for cause in padded.causes)


@pytest.mark.parametrize("options", [{"groups": 2}, {"dilation": 2, "padding": 2}, {"padding": 2}], ids=str)
def test_other_windows_are_measured_only(options):
    found = inspect(convolutions(3, 4, **options), real(2, 4, 8, 8))
    assert found.network is None and found.theory is None


def test_strides_and_other_channels_have_theory_but_no_network_of_one_width():
    torch.manual_seed(0)
    shapes = [(3, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 32, 2)]
    layers = [part for i, o, s in shapes for part in (nn.Conv2d(i, o, 3, s, 1), nn.ReLU())]
    found = inspect(nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 4, 2)), real(8, 3, 8, 8))
    assert found.network is None
    np.testing.assert_allclose(found.theory.ratio[:-1], 1, atol=0.35)
    assert list(found.theory.call.values) == [1, 2, 3, 4, 5]
