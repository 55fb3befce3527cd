"""initialise never leaves a model worse than it was: residual networks, transformers, tied weights."""

import copy
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
arch = pytest.importorskip("benchmarks.architectures")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from vgtheory import initialise, inspect  # noqa: E402

_WEIGHTED = (nn.Linear, nn.Conv2d, nn.Embedding, nn.MultiheadAttention, nn.RNNBase)


class Branch(nn.Module):
    """x + down(relu(up(norm(x)))), He weights."""

    def __init__(self, width, norm=None):
        super().__init__()
        self.norm = nn.Identity() if norm is None else norm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        for layer in (self.up, self.down):
            nn.init.kaiming_normal_(layer.weight)

    def forward(self, x):
        return x + self.down(F.relu(self.up(self.norm(x))))


class PreActivation(nn.Module):
    """x + conv(relu(norm(conv(relu(norm(x)))))) eight times."""

    def __init__(self, channels=8, depth=8):
        super().__init__()
        self.stem, self.norm, self.fc = nn.Conv2d(3, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.Linear(8, 10)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2 * depth))
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2 * depth))

    def forward(self, x):
        x, y = self.stem(x), None
        for k, (norm, conv) in enumerate(zip(self.norms, self.convs, strict=True)):
            y = conv(F.relu(norm(x if k % 2 == 0 else y)))
            x = x if k % 2 == 0 else x + y
        return self.fc(F.relu(self.norm(x)).mean((2, 3)))


class Gated(nn.Module):
    """x + out(silu(gate(x))·value(x)), or without x."""

    def __init__(self, width, skip):
        super().__init__()
        self.skip = skip
        self.gate, self.value = nn.Linear(width, 2 * width, bias=False), nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(2 * width, width, bias=False)

    def forward(self, x):
        branch = self.out(F.silu(self.gate(x)) * self.value(x))
        return x + branch if self.skip else branch


class Autoencoder(nn.Module):
    """Matrices there, and transposed back; as bare parameters, or shared by two Linears."""

    def __init__(self, bare, width=32, depth=8):
        super().__init__()
        if bare:
            self.matrices = nn.ParameterList(
                nn.Parameter(torch.randn(width, width) / width**0.5 / 2) for _ in range(depth)
            )
        else:
            self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(2 * depth))
            for k in range(depth):
                self.layers[-1 - k].weight = self.layers[k].weight
        self.bare = bare

    def forward(self, x):
        if self.bare:
            for w in self.matrices:
                x = torch.tanh(x @ w.T)
            for w in reversed(list(self.matrices)):
                x = torch.tanh(x @ w)
            return x
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x


class Encoder(nn.Module):
    """Torch's layers of attention, the norm before or behind, and a readout."""

    def __init__(self, first, width=32):
        super().__init__()
        options = {"dropout": 0.0, "batch_first": True, "norm_first": first}
        self.layers = nn.Sequential(*(nn.TransformerEncoderLayer(width, 4, 64, **options) for _ in range(4)))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.layers(x).mean(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.RNN(8, 32, batch_first=True), nn.Linear(32, 4)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def residual(norm=None, width=32):
    return nn.Sequential(nn.Linear(width, width), *(Branch(width, norm) for _ in range(24)), nn.Linear(width, 10))


def stack(skip, width=32):
    return nn.Sequential(nn.Linear(width, width), *(Gated(width, skip) for _ in range(8)), nn.Linear(width, 10))


# How each is made, the shape of its input, and where its change in ln begins.
MODELS = {
    "plain CNN": (arch.PlainCNN, (2, 3, 32, 32), (-60, -45)),
    "sigmoid MLP": (lambda: arch.mlp(nn.Sigmoid, [64, *[64] * 29, 10]), (16, 64), (-70, -50)),
    "SIREN": (lambda: arch.siren(proper=True), (64, 2), (-0.5, 0.5)),
    "SIREN, default": (lambda: arch.siren(proper=False), (64, 2), (10, 15)),
    "tanh RNN": (Recurrent, (4, 60, 8), (-50, -20)),
    "ResNet-18": (lambda: arch.ResNet(arch.Basic, (2, 2, 2, 2)), (4, 3, 32, 32), (0.5, 3)),
    "ResNet-50": (lambda: arch.ResNet(arch.Bottleneck, (3, 4, 6, 3), 8), (4, 3, 64, 64), (3, 7)),
    "pre-activation": (PreActivation, (4, 3, 16, 16), (-5, 5)),
    "residual MLP": (residual, (16, 32), (10, 16)),
    "residual MLP, layer norm": (lambda: residual(nn.LayerNorm), (16, 32), (1, 4)),
    "residual blocks": (arch.Residual, (32, 128), (0.5, 2)),
    "SwiGLU": (lambda: stack(skip=False), (16, 32), (-math.inf, -100)),
    "SwiGLU, skips": (lambda: stack(skip=True), (16, 32), (-2, 2)),
    "pre-norm transformer": (lambda: Encoder(first=True), (4, 12, 32), (-3, 1)),
    "post-norm transformer": (lambda: Encoder(first=False), (4, 12, 32), (-3, 1)),
    "llama": (lambda: arch.Llama(tied=False), (4, 24), (1, 3)),
    "llama, tied": (lambda: arch.Llama(tied=True), (4, 24), (1, 3)),
    "autoencoder": (lambda: Autoencoder(bare=False), (16, 32), (-20, -5)),
    "autoencoder, bare": (lambda: Autoencoder(bare=True), (16, 32), (-20, -5)),
    "experts": (arch.Experts, (32, 64), (-5, -1)),
}


def made(name):
    torch.manual_seed(0)
    make, shape, _ = MODELS[name]
    draw = torch.Generator().manual_seed(1)
    words = name.startswith("llama")
    x = torch.randint(0, arch.WORDS, shape, generator=draw) if words else torch.randn(shape, generator=draw)
    return make(), x


def projected(out):
    draw = torch.Generator().manual_seed(7)
    return (out * torch.randn(out.shape, generator=draw, dtype=torch.float64).to(out)).sum()


def by_hooks(model, x):
    """Return ln of the gradient norm at the first weighted module over that at the last, or first step over last."""
    model, norms, times = copy.deepcopy(model).double(), [], []

    def seen(module, arguments, output):
        out = output[0] if isinstance(output, tuple) else output
        if isinstance(module, nn.RNNBase):
            arguments[0].requires_grad_()
            arguments[0].register_hook(times.append)
        place = len(norms)
        norms.append(0.0)
        out.register_hook(lambda gradient: norms.__setitem__(place, float(gradient.norm())))

    for part in model.modules():
        if isinstance(part, _WEIGHTED):
            part.register_forward_hook(seen)
            if isinstance(part, nn.RNNBase):
                part.register_forward_pre_hook(lambda m, given: (given[0].requires_grad_(),))
    out = model(x.double() if x.is_floating_point() else x)
    projected(out).backward()
    if times:
        steps = times[0].square().sum((0, 2)).sqrt()
        norms = [float(steps[0]), float(steps[-1])]
    return math.log(norms[0] / norms[-1]) if norms[0] > 0 else -math.inf


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore::vgtheory._errors.TargetMissedWarning")
def test_no_model_is_worse_than_it_was(name):
    model, x = made(name)
    state, bare = copy.deepcopy(model.state_dict()), name == "autoencoder, bare"
    truth = (lambda: inspect(model, x, projected).log_change) if bare else (lambda: by_hooks(model, x))
    before = truth()
    least, most = MODELS[name][2]
    assert least <= before <= most
    found = initialise(model, x, loss=projected)
    after = truth()
    assert found.before.log_change == pytest.approx(before, abs=1e-3)
    assert found.after.log_change == pytest.approx(after, abs=1e-3)
    assert abs(found.after.log_change) <= max(abs(found.before.log_change), 0.5)
    assert inspect(model, x, projected).table.equals(found.after.table)
    # What is said to be new, and nothing else, is new; and once more it is the same.
    new = {n.rpartition(".")[0] for n, t in model.state_dict().items() if not torch.equal(t, state[n])}
    said = set(found.changed.module.values.tolist())
    assert not said & {name for line in found.left_alone for name in line.rpartition("): ")[2].split(", ")}
    shared = {f"layers.{k}" for k in range(16)} if name == "autoencoder" else set()
    assert new - shared == {n.rpartition(".")[0] for n in said} if bare else new - shared == said - shared
    twin, _ = made(name)
    initialise(twin, x, loss=projected)
    assert all(torch.equal(t, twin.state_dict()[n]) for n, t in model.state_dict().items())


@pytest.mark.parametrize("name", ["ResNet-50", "residual MLP", "residual MLP, layer norm", "residual blocks"])
def test_branches_get_smaller_where_the_gradient_grows_through_them(name):
    model, x = made(name)
    found = initialise(model, x)
    assert abs(found.after.log_change) < found.before.log_change / 2 + 0.1
    assert abs(found.after.log_change) < 1.5
    ends = found.changed.where(~found.changed.drawn, drop=True)
    np.testing.assert_allclose(ends.after / ends.before, found.branch_scale, rtol=1e-5)
    assert 0 < found.branch_scale < 1
    assert found.branches == {"ResNet-50": 16, "residual blocks": 20}.get(name, 24)
    assert f"{found.branch_scale:.3g} times" in str(found)


def test_a_branch_adds_one_part_in_as_many_as_there_are():
    """Of linear branches the theory is exact: e^0.8 over B branches is v = e^(0.8/B) − 1 for each."""

    class Linear(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.layer = nn.Linear(width, width, bias=False)
            nn.init.normal_(self.layer.weight, std=width**-0.5)

        def forward(self, x):
            return x + self.layer(x)

    torch.manual_seed(0)
    width, branches = 256, 24
    model = nn.Sequential(nn.Linear(width, width), *(Linear(width) for _ in range(branches)), nn.Linear(width, width))
    found = initialise(model, torch.randn(8, width, generator=torch.Generator().manual_seed(1)))
    # Gaussian branches of σ = 1 have v = 1.  The gradient of one batch is off by (ln factor) 24·√(2·v/256) ≈ 0.02.
    assert found.before.log_change == pytest.approx(0.5 * branches * math.log(2), abs=1.2)
    assert found.branch_scale**2 == pytest.approx(math.expm1(0.8 / branches), rel=0.15)
    assert 0.3 < found.after.log_change <= 0.5


@pytest.mark.parametrize("scheme", ["orthogonal", "lsuv"])
def test_a_scheme_that_would_be_worse_changes_nothing(scheme):
    model, x = made("SIREN")
    state = copy.deepcopy(model.state_dict())
    found = initialise(model, x, scheme)
    assert found.changed.sizes["module"] == 0
    assert all(torch.equal(t, state[n]) for n, t in model.state_dict().items())
    assert found.after is found.before
    (said,) = found.left_alone
    assert f'scheme "{scheme}" would make that +' in said
    assert "0, 2, 4, 6, 8, 10" in said


def test_queries_and_gates_stand_in_their_branch_and_what_they_attend_to_does_not():
    model, x = made("llama")
    table = inspect(model, x).table
    inside = {n for n, b in zip(table.name.values.tolist(), table.bypassed.values.tolist(), strict=True) if b}
    parts = ("q", "k", "v", "out", "gate", "up", "down")
    assert inside == {f"layers.{k}.{part}" for k in range(4) for part in parts}

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.source, self.stream = nn.Linear(16, 16), nn.Linear(16, 16)
            self.k, self.q, self.out = (nn.Linear(16, 16) for _ in range(3))

        def forward(self, x):
            seen, stream = torch.tanh(self.source(x)), self.stream(x)
            return self.out(stream + torch.tanh(self.k(seen)) * torch.tanh(self.q(stream)))

    table = inspect(Both(), torch.randn(8, 16)).table
    assert dict(zip(table.name.values.tolist(), table.bypassed.values.tolist(), strict=True))["source"] is False


@pytest.mark.parametrize("name", ["residual MLP", "autoencoder, bare"])
def test_the_remedy_in_code_does_what_initialise_does(name):
    """Also of branches' ends and of matrices without a module."""
    from vgtheory.study.advice.measured import applied, proposals

    model, x = made(name)
    found = inspect(model, x)
    scales = next(one for one in proposals(found, found.subject) if one.kind == "measured scales")
    after, _ = applied(found.subject, scales.code.pytorch, seed=0)
    assert abs(found.log_change) > 5
    assert abs(after.log_change) < 1
    assert ("residual branches" in scales.change) == (name == "residual MLP")


class Listed(nn.Module):
    """x + g·norm(tanh(layer(x))) with the gains in a list and one in the model itself, three times as large."""

    def __init__(self):
        super().__init__()
        self.stem, self.head, self.gain = nn.Linear(32, 32), nn.Linear(32, 4), nn.Parameter(torch.full((32,), 3.0))
        self.layers = nn.ModuleList(nn.Linear(32, 32) for _ in range(12))
        self.gains = nn.ParameterList(nn.Parameter(torch.full((32,), 3.0)) for _ in range(11))

    def forward(self, x):
        x = self.stem(x)
        for layer, gain in zip(self.layers, [self.gain, *self.gains], strict=True):
            x = x + F.layer_norm(torch.tanh(layer(x)), (32,), gain)
        return self.head(x)


def test_the_remedy_in_code_changes_every_parameter_as_initialise_does():
    from vgtheory.study.advice.measured import applied, proposals

    torch.manual_seed(0)
    model, x = Listed(), torch.randn(16, 32, generator=torch.Generator().manual_seed(1))
    found = inspect(model, x)
    scales = next(one for one in proposals(found, found.subject) if one.kind == "measured scales")
    _, cured = applied(found.subject, scales.code.pytorch, seed=0)
    done = initialise(model, x)
    names = ["gain", *(f"gains.{k}" for k in range(11))]
    assert set(done.scaled) == set(names)
    assert set(done.changed.module.values) == {"stem", "head", *names}
    assert done.drawn == ("stem.weight", "head.weight")
    assert done.zeroed == ("stem.bias", "head.bias")
    for name, parameter in cured.named_parameters():  # the code has six digits
        size, wanted = (float(p.detach().double().norm()) for p in (parameter, model.get_parameter(name)))
        assert size == pytest.approx(wanted, rel=1e-5)


def test_branches_that_nothing_scales_are_named():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.norm = nn.Linear(32, 32), nn.LayerNorm(32, elementwise_affine=False)

        def forward(self, x):
            return x + self.norm(F.relu(self.up(x)))

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(32, 32), *(Bare() for _ in range(4)), Branch(32), nn.Linear(32, 4))
    (said,) = [line for line in initialise(model, torch.randn(16, 32)).left_alone if "nothing scales" in line]
    assert said.rpartition("): ")[2] == "1.up, 2.up, 3.up, 4.up"
