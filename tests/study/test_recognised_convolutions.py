"""What inspect predicts of convolutions whose maps shrink: held against hooks over fresh draws of the weights."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from vgtheory import inspect  # noqa: E402

DRAWS = 24
# A prediction is wrong by O(1/width), here up to 0.5 %, besides the sampling error of the mean.  Beyond four of that is
# Student's t with 23 degrees of freedom once in 1,780 gains: at most one false alarm in that many, where the prediction
# is within these 0.5 % (one in 68 runs of all 26 gains here).
BIAS, ERRORS = 0.005, 4


def lenet(act, channels=(128, 256), padding=0, pool=nn.AvgPool2d, early=False):
    """Return LeNet, wider: convolutions of 5 × 5 without padding, so that maps shrink, and means of 2 × 2."""

    def seen():
        return (pool(2), act()) if early else (act(), pool(2))

    sides = 4 + padding // 2
    start = nn.Conv2d(1, channels[0], 5, padding=padding), *seen(), nn.Conv2d(*channels, 5), *seen(), nn.Flatten()
    return nn.Sequential(
        *start, nn.Linear(channels[1] * sides**2, 240), act(), nn.Linear(240, 240), act(), nn.Linear(240, 9)
    )


def shrinking(act, channels=64):
    """Return convolutions without padding, with less than half a window of it, and with strides."""
    shapes = [(3, 1, 0), (3, 1, 0), (5, 1, 1), (3, 2, 0), (5, 2, 2), (3, 1, "valid")]
    layers = [m for k, s, p in shapes for m in (nn.Conv2d(channels, channels, k, s, p), act())]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, 9))


def log_ratios(make, shape):
    """Return ln of measured over predicted gains, (draw, step), over fresh weights and inputs."""
    out = []
    for seed in range(DRAWS):
        torch.manual_seed(seed)
        found = inspect(make(), torch.randn(*shape))
        assert found.unknown == ""
        out.append(np.log(found.theory.ratio.values[:-1]))
    return np.array(out)


def agrees(logs):
    error = logs.std(0, ddof=1) / len(logs) ** 0.5
    return np.abs(logs.mean(0)) <= BIAS + ERRORS * error


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        pytest.param(lambda: shrinking(nn.Tanh), (8, 64, 17, 17), id="shrinking"),
        *(
            pytest.param(partial(lenet, *said, **named), (16, 1, 28, 28), id=name, marks=pytest.mark.slow)
            for name, said, named in (
                ("LeNet, tanh", (nn.Tanh,), {}),
                ("LeNet, ReLU", (nn.ReLU,), {}),
                ("LeNet, padded", (nn.Tanh,), {"padding": 2}),
                ("mean, then tanh", (nn.Tanh,), {"early": True}),
                ("mean, then ReLU", (nn.ReLU,), {"early": True}),
            )
        ),
    ],
)
def test_gains_of_shrinking_maps_are_those_of_hooks(make, shape):
    logs = log_ratios(make, shape)
    assert agrees(logs).all()
    for error in (-0.02, 0.02):  # gains that are 2 % off would not do
        assert not agrees(logs + error).all()


def test_behind_a_maximum_in_front_of_the_activation_gains_are_measured_only():
    torch.manual_seed(0)
    found = inspect(lenet(nn.ReLU, pool=nn.MaxPool2d, early=True), torch.randn(16, 1, 28, 28))
    assert found.unknown == "theory covers 0 to 11, but no max pooling nor windows that overlap: behind 0, 3"
    assert list(np.isnan(found.theory.predicted_gain.values)) == [True, True, False, False, True]
    np.testing.assert_allclose(found.theory.ratio[2:4], 1, atol=0.25)  # one draw of 120 and 84 units


def test_gains_by_position_are_those_of_brute_force():
    """One unpadded window over 7 × 7 positions: the squares by position against convolutions with squared kernels."""
    from vgtheory.study.inspection.modules.filters import Filter
    from vgtheory.study.inspection.weights.chain import Layer

    for kernel, stride, zeros in ((3, 1, 0), (3, 2, 0), (5, 1, 1), (5, 2, 2), (1, 2, 0)):
        conv = nn.Conv2d(1, 1, kernel, stride, zeros, bias=False).double()
        nn.init.ones_(conv.weight)
        one = Filter(1, Layer("a", np.ones((1, kernel**2)), None), (7, 7), kernel, stride, zeros, 1.0)
        numbers = torch.arange(49.0, dtype=torch.float64).view(1, 1, 7, 7)
        out = conv(numbers)
        assert one.made == tuple(out.shape[2:])
        middle = torch.zeros_like(conv.weight)
        middle[..., kernel // 2, kernel // 2] = 1
        read = nn.functional.conv2d(numbers, middle, stride=stride, padding=zeros)
        np.testing.assert_array_equal(one.middles, read.flatten().detach())
