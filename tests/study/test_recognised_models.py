"""What inspect holds against theory: convolutions and stacks of blocks, and what is told apart by it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from vgtheory import Network, Weights, blocks, inspect  # noqa: E402
from vgtheory.study.inspection.modules.pooling import behind_pools  # noqa: E402


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
    assert float(said.split("about ")[1].split(" in")[0]) == pytest.approx(29 / 2 * np.log(4 / 9), abs=0.1)
    assert not any("too small" in cause for cause in padded.causes)


@pytest.mark.parametrize("options", [{"groups": 2}, {"dilation": 2, "padding": 2}, {"padding": 2}], ids=str)
def test_other_windows_are_measured_only(options):
    found = inspect(convolutions(3, 4, **options), real(2, 4, 8, 8))
    assert found.network is None
    assert found.theory is None


@pytest.mark.parametrize(
    "first",
    [
        lambda: nn.Conv2d(3, 16, 5, padding=2),
        lambda: nn.Conv2d(3, 16, 3, padding=1, padding_mode="circular"),
        lambda: nn.Conv2d(3, 16, 3, padding=1),
    ],
    ids=["wider window", "periodic", "alike"],
)
def test_a_network_is_that_of_its_first_layer_too(first):
    torch.manual_seed(0)
    more = [m for _ in range(4) for m in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())]
    found = inspect(nn.Sequential(first(), nn.ReLU(), *more, nn.Flatten(), nn.Linear(1024, 4)), torch.randn(4, 3, 8, 8))
    alike = first().kernel_size == (3, 3) and first().padding_mode == "zeros"
    assert (found.network is not None) == alike
    assert found.theory is not None


def test_strides_and_other_channels_have_theory_but_no_network_of_one_width():
    torch.manual_seed(0)
    shapes = [(3, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 32, 2)]
    layers = [part for i, o, s in shapes for part in (nn.Conv2d(i, o, 3, s, 1), nn.ReLU())]
    found = inspect(nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 4, 2)), real(8, 3, 8, 8))
    assert found.network is None
    np.testing.assert_allclose(found.theory.ratio[:-1], 1, atol=0.35)
    assert list(found.theory.call.values) == [1, 2, 3, 4, 5, 6]


def vgg(act, pool, dropout=0.0, size=16):
    """Three stages of two convolutions and pooling, and three linear layers; critical weights, no biases."""
    torch.manual_seed(0)
    layers, inputs = [], 3
    for channels in (32, 64, 128):
        layers += [nn.Conv2d(inputs, channels, 3, padding=1), act(), nn.Conv2d(channels, channels, 3, padding=1), act()]
        layers.append(pool())
        inputs = channels
    layers += [nn.Flatten(), nn.Linear(128 * (size // 8) ** 2, 256), act(), nn.Dropout(dropout)]
    layers += [nn.Linear(256, 256), act(), nn.Dropout(dropout), nn.Linear(256, 10)]
    for layer in layers:
        if hasattr(layer, "weight"):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu" if act is nn.ReLU else "linear")
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_average_pooling_flattening_and_dropout_are_predicted(act, dropout):
    found = inspect(vgg(act, lambda: nn.AvgPool2d(2), dropout), real(32, 3, 16, 16))
    assert found.unknown == ""
    theory = found.theory
    assert len(theory.call) == 9
    np.testing.assert_allclose(theory.ratio[:-1], 1, atol=0.1)
    assert theory.attrs["log_change"] == pytest.approx(theory.attrs["predicted_log_change"], abs=0.15)


@pytest.mark.parametrize(
    ("pool", "sides"), [(nn.AvgPool2d(2), (7, 8)), (nn.AvgPool2d((2, 3)), (6, 7)),
                        (nn.AdaptiveAvgPool2d((2, 3)), (4, 9)), (nn.AdaptiveAvgPool2d(1), (5, 3))], ids=str,
)  # fmt: skip
def test_the_squares_that_a_mean_gives_back_are_autograds(pool, sides):
    x = real(1, 1, *sides).double().requires_grad_()
    y = pool(torch.tanh(x))
    cotangent = real(*y.shape).double()
    (pooled,), node = behind_pools(y.grad_fn, {})
    assert (pooled.kind, pooled.before, node.name()) == ("mean", sides, "TanhBackward0")
    inner = torch.tanh(x).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(pool(inner), inner, cotangent)
    np.testing.assert_allclose(pooled.back(cotangent.square().flatten().numpy()), gradient.square().flatten())


def test_through_max_pooling_and_overlapping_windows_gains_are_measured_only():
    for pool in (lambda: nn.MaxPool2d(2), lambda: nn.AvgPool2d(3, 2, 1)):
        found = inspect(vgg(nn.ReLU, pool), real(32, 3, 16, 16))
        assert found.unknown.endswith("no max pooling nor windows that overlap: behind 2, 7, 12")
        gaps = np.isnan(found.theory.predicted_gain.values)
        assert list(np.flatnonzero(gaps)) == [1, 3, 5, 8]
        assert np.isfinite(found.theory.gain[:-1]).all()
        np.testing.assert_allclose(found.theory.ratio[~gaps], 1, atol=0.1)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_adaptive_pooling_is_a_mean_over_equal_windows(size):
    layers = convolutions(6, 32, act=nn.ReLU, gain=2**0.5)[:-3]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(size), nn.Flatten(), nn.Linear(32 * size**2, 8))
    found = inspect(model, real(16, 32, 8, 8))
    assert found.network.depth == 6
    assert float(found.theory.ratio[5]) == pytest.approx(1, abs=0.1)
    step = float(found.theory.predicted_gain[5])
    # PyTorch's default of the last layer is σ_w² = 1/3, and half of the slopes of ReLU are 1.
    assert step == pytest.approx((1 / 6 / (8 / size) ** 2) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    "wrap", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm], ids=["weight", "spectral"]
)
def test_weights_that_are_computed_are_recognised_by_what_is_multiplied_by(wrap):
    torch.manual_seed(0)
    layers = [part for _ in range(8) for part in (wrap(nn.Linear(64, 64)), nn.Tanh())]
    found = inspect(nn.Sequential(*layers, nn.Linear(64, 10)), real(32, 64))
    effective = [float(layer.weight.detach().square().mean() * 64) ** 0.5 for layer in layers[::2]]
    assert found.network.depth == 8
    assert float(found.network.weights.sigma_w) == pytest.approx(np.median(effective), rel=0.03)
    np.testing.assert_allclose(found.theory.ratio[:-1], 1, atol=0.15)
    assert set(found.table.kind.values) == {"Linear"}


class Layer(nn.Module):
    """A transformer's layer by hand, its weights in a `split` or one matrix, its norms in a place."""

    def __init__(self, norm="pre", split=False, causal=False, skip=True, width=64, heads=4, gain=1.0, phi=F.gelu):
        super().__init__()
        self.place, self.split, self.causal, self.skip, self.heads = norm, split, causal, skip, heads
        self.n1, self.n2, self.phi = nn.LayerNorm(width), nn.LayerNorm(width), phi
        self.qkv = nn.ModuleList(nn.Linear(width, width * (1 if split else 3)) for _ in range(3 if split else 1))
        self.proj, self.up, self.down = nn.Linear(width, width), nn.Linear(width, 128), nn.Linear(128, width)
        for part in (*self.qkv, self.proj, self.up, self.down):
            nn.init.normal_(part.weight, std=gain / part.in_features**0.5)
            nn.init.zeros_(part.bias)

    def attend(self, x):
        batch, tokens, width = x.shape
        parts = [part(x) for part in self.qkv] if self.split else self.qkv[0](x).chunk(3, -1)
        k, q, v = (p.view(batch, tokens, self.heads, -1).transpose(1, 2) for p in parts)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))

    def forward(self, x):
        for part, norm in ((self.attend, self.n1), (lambda y: self.down(self.phi(self.up(y))), self.n2)):
            y = part(norm(x) if self.place == "pre" else x)
            x = x + y if self.skip else y
            x = norm(x) if self.place == "post" else x
        return x


def stack(depth=3, **options):
    torch.manual_seed(0)
    return nn.Sequential(*(Layer(**options) for _ in range(depth)))


@pytest.mark.parametrize(
    "options", [{"norm": "post", "causal": True}, {"split": True, "skip": False}, {"split": True, "causal": True}],
    ids=str,
)  # fmt: skip
def test_handwritten_transformers_are_recognised_by_trial(options):
    found = inspect(stack(**options), real(16, 12, 64))
    plan = found.known.plan
    assert (plan.norm, plan.causal, plan.skip) == tuple(
        {"norm": "pre", "causal": False, "skip": True, **options}[k] for k in ("norm", "causal", "skip")
    )
    assert plan.order[:2] == (1, 0)  # keys come first there
    assert plan.heads == 4
    theory = found.theory
    assert list(theory.name.values) == ["0", "1", "2"]
    assert theory.attrs["log_change"] == pytest.approx(theory.attrs["predicted_log_change"], abs=0.4)


def test_torchs_transformer_layers_are_recognised_and_copies_are_said():
    torch.manual_seed(0)
    layers = [nn.TransformerEncoderLayer(64, 4, 128, dropout=0.1, norm_first=True) for _ in range(3)]
    found = inspect(nn.Sequential(*layers), real(12, 16, 64))  # tokens first, and dropout
    assert found.network.shape == (12,)
    assert found.network.block.name.startswith("residual pre-layer attention")
    np.testing.assert_allclose(found.theory.ratio, 1, atol=0.15)
    assert all(layer.training for layer in layers)
    copies = inspect(nn.TransformerEncoder(layers[0], 3, enable_nested_tensor=False), real(12, 16, 64))
    assert "layers.0 to layers.2 start as copies" in str(copies)
    assert copies.theory is None


class Scaled(Layer):
    def forward(self, x):
        return super().forward(x) * 1.01


def test_what_computes_anything_else_is_measured_only():
    torch.manual_seed(0)
    for model in (nn.Sequential(Scaled(), Scaled()), nn.Sequential(Layer(), Layer(causal=True))):
        found = inspect(model, real(4, 12, 64))
        assert found.network is None
        assert "Measured only" in str(found)
    trained = stack(2)
    with torch.no_grad():
        trained[1].n2.weight.mul_(1.5)
    assert inspect(trained, real(4, 12, 64)).network is None


@pytest.mark.slow
def test_missing_skips_are_blamed_by_theory():
    bare = inspect(stack(10, norm="none", skip=False, gain=0.7, phi=F.relu), real(8, 12, 64))
    assert bare.verdict == "vanishes"
    assert any(cause.startswith("skip connections: none around the parts of a block") for cause in bare.causes)


def normed(norm, act=nn.ReLU, width=128, depth=12):
    torch.manual_seed(0)
    layers = [part for _ in range(depth) for part in (nn.Linear(width, width), norm(width), act())]
    return nn.Sequential(*layers, nn.Linear(width, 64))


@pytest.mark.parametrize(("kind", "norm"), [("layer", nn.LayerNorm), ("batch", nn.BatchNorm1d)])
def test_layers_with_a_normalisation_are_recognised(kind, norm):
    model = normed(norm)
    found = inspect(model, real(256, 128))
    assert found.network == Network("relu", Weights.pytorch_default(), width=(128,) * 13, depth=12, norm=kind)
    np.testing.assert_allclose(found.theory.ratio[:-1], 1, atol=0.15)
    change = found.theory.attrs["log_change"]
    assert change == pytest.approx(found.theory.attrs["predicted_log_change"], abs=0.4)
    if kind == "batch":
        assert change > 1  # without it the change would be negative
        assert inspect(model.eval(), real(256, 128)).network is None  # a constant factor now
    with torch.no_grad():
        model.train()[4].weight.mul_(1.2)
    assert inspect(model, real(256, 128)).network is None


def test_convolutions_with_batch_norm_are_recognised_and_no_prediction_is_claimed():
    torch.manual_seed(0)
    parts = [m for _ in range(6) for m in (nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())]
    found = inspect(nn.Sequential(*parts, nn.Flatten(), nn.Linear(16 * 16, 3)), real(8, 16, 4, 4))
    block = blocks.conv("relu", Weights.pytorch_default(), padding="zeros", norm="batch")
    assert found.network == Network(block, width=16, depth=6, shape=(4, 4))
    assert found.theory is None
    assert "convolutions with batch norm, 0 to 15: their mean field hangs on how all positions" in str(found)


def test_the_step_that_is_not_known_is_named():
    def unknown(*layers, x=None):
        torch.manual_seed(0)
        return inspect(nn.Sequential(*layers), real(8, 3, 8, 8) if x is None else x).unknown

    first, second = ([nn.Conv2d(c, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 8, 3, padding=1)] for c in (3, 8))
    said = unknown(*first, nn.Tanh(), nn.MaxPool2d(2), *second, nn.Tanh(), nn.Flatten(), nn.Linear(128, 2))
    assert said == "theory covers 0 to 10, but no max pooling nor windows that overlap: behind 2"
    said = unknown(*first, nn.Tanh(), nn.LocalResponseNorm(2), *second, nn.Tanh(), nn.Flatten(), nn.Linear(512, 2))
    assert said == "theory covers 5 to 10; between 2 and 5 several paths meet in Div"
    layers = [nn.Linear(8, 8), nn.Tanh(), nn.Softmax(-1), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2)]
    assert unknown(*layers, x=real(4, 8)).endswith("between 0 and 3 there is Tanh, Softmax")
    layer = nn.Linear(8, 8)
    assert unknown(layer, nn.Tanh(), layer, nn.Tanh(), layer, x=real(4, 8)).endswith("0 is used 3 times")
    mixed = [nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)]
    assert "2 and 4 have another activation" in unknown(*mixed, x=real(4, 8))


def test_gated_layers_with_rms_norm_are_recognised():
    models = pytest.importorskip("benchmarks.models")
    found = inspect(*models.case("SwiGLU transformer"))
    assert (found.known.plan.kind, found.known.plan.wide, found.known.plan.causal) == ("rms", 3, True)


def test_a_gain_through_what_others_read_too_is_not_predicted():
    class Model(nn.Module):
        def __init__(self, branch):
            super().__init__()
            torch.manual_seed(0)
            self.layers = nn.ModuleList(nn.Linear(32, 32) for _ in range(6))
            self.head, self.branch = nn.Linear(64 if branch else 32, 3), branch

        def forward(self, x):
            seen = [x]
            for layer in self.layers:
                seen.append(torch.tanh(layer(seen[-1])))
            return self.head(torch.cat([seen[-1], seen[3]], 1) if self.branch else seen[-1])

    assert inspect(Model(False), real(16, 32)).network.depth == 6
    assert inspect(Model(True), real(16, 32)).network is None
