"""inspect of PyTorch modules: every kind of network against hooks written by hand, and faults planted to be named."""

import copy
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.utils import parametrizations, prune  # noqa: E402

from vgtheory import Network, Weights, advise, blocks, compare, initialise, inspect  # noqa: E402
from vgtheory._errors import InputError, UnsupportedError  # noqa: E402
from vgtheory.study.inspection.modules.norms import norm_of  # noqa: E402

WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd, nn.Embedding, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)


def mlp(act, width=32, depth=20, norm=None, start=None):
    torch.manual_seed(0)
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), *([norm(width)] if norm else []), act()]
    net = nn.Sequential(*layers, nn.Linear(width, 4))
    for layer in net:
        if start and isinstance(layer, nn.Linear):
            start(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def orthogonal(weight):
    nn.init.orthogonal_(weight, gain=1.05)


def he(weight):
    nn.init.kaiming_normal_(weight)


class Residual(nn.Module):
    def __init__(self, depth=20, width=32, scale=1.0, without=None):
        super().__init__()
        torch.manual_seed(0)
        self.scale, self.without = scale, without
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        for k, block in enumerate(self.blocks):
            branch = self.scale * torch.relu(block(x))
            x = branch if k == self.without else x + branch
        return self.head(x)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inp, self.hid, self.out = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 4)

    def forward(self, x):
        x = torch.tanh(self.inp(x))
        for _ in range(20):
            x = torch.tanh(self.hid(x))
        return self.out(x)


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(30 * x)


class Language(nn.Module):
    def __init__(self, kind="LSTM", last=True, **options):
        super().__init__()
        torch.manual_seed(0)
        self.emb = nn.Embedding(20, 16)
        self.rnn = getattr(nn, kind)(16, 32, batch_first=True, **options)
        self.head, self.last = nn.Linear(64 if options.get("bidirectional") else 32, 20), last

    def forward(self, x):
        out = self.rnn(self.emb(x))[0]
        return self.head(out[:, -1] if self.last else out)


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.head = nn.GRUCell(8, 16), nn.Linear(16, 4)

    def forward(self, x):
        h = torch.zeros(len(x), 16)
        for step in x.unbind(1):
            h = self.cell(step, h)
        return self.head(h)


class Attention(nn.Module):
    """Queries, keys and values in parallel, pre-norm, with an MLP of GELUs; twice."""

    def __init__(self, width=16):
        super().__init__()
        torch.manual_seed(0)
        self.parts = nn.ModuleList(
            nn.ModuleDict({n: nn.Linear(width, width) for n in ("q", "k", "v", "out", "up", "down")}) for _ in range(2)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.place = nn.Parameter(torch.randn(5, width))

    def forward(self, x):
        x = x + self.place
        for k, p in enumerate(self.parts):
            y = self.norms[2 * k](x)
            x = x + p["out"](F.scaled_dot_product_attention(p["q"](y), p["k"](y), p["v"](y)))
            x = x + p["down"](F.gelu(p["up"](self.norms[2 * k + 1](x))))
        return x


class Convolutional(nn.Module):
    def __init__(self, depth=16):
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            *(m for _ in range(depth) for m in (nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, padding=1))),
        )
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(F.relu(self.features(x)).mean((2, 3)))


def real(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def tokens(*shape):
    return torch.randint(0, 20, shape, generator=torch.Generator().manual_seed(1))


def squared(output):
    return (output - 1).square().mean()


MODELS = {
    "sigmoid, default": (lambda: mlp(nn.Sigmoid, depth=29), real(16, 32), "vanishes"),
    "relu, He": (lambda: mlp(nn.ReLU, start=he), real(16, 32), "healthy"),
    "plain convolutions": (Convolutional, real(4, 3, 8, 8), "vanishes"),
    "tied": (Tied, real(16, 32), "vanishes"),
    "default SIREN": (lambda: mlp(Sine, depth=5), real(16, 32), "explodes"),
    "batch norm": (lambda: mlp(nn.ReLU, norm=nn.BatchNorm1d), real(16, 32), "healthy"),
    "layer norm": (lambda: mlp(nn.ReLU, norm=nn.LayerNorm), real(16, 32), "healthy"),
    "residual": (Residual, real(16, 32), "healthy"),
    "attention": (Attention, real(4, 5, 16), "healthy"),
    "encoder": (
        lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0),
        real(4, 5, 16),
        "healthy",
    ),
    "scaled": (lambda: planted(orthogonal, lambda w, b: w.mul_(1e-3)), real(16, 32), "vanishes"),
}


def planted(start, change, act=nn.Tanh, place=20):
    net = mlp(act, start=start)
    with torch.no_grad():
        change(net[place].weight, net[place].bias)
    return net


def truth(model, x, loss):
    """Rows (name, rms, gradient norm) of calls in their order, by hooks in float64."""
    model, rows = copy.deepcopy(model).double(), []

    def watch(name):
        def hook(module, inputs, output):
            out = output[0] if isinstance(output, tuple) else output
            row = [name, float(out.detach().square().mean().sqrt()), None]
            rows.append(row)
            out.register_hook(lambda gradient: row.__setitem__(2, float(gradient.norm())))

        return hook

    for name, module in model.named_modules():
        if isinstance(module, WEIGHTED):
            module.register_forward_hook(watch(name))
    loss(model(x.double() if x.is_floating_point() else x)).backward()
    return [row for row in rows if row[2] is not None]


@pytest.mark.parametrize("name", MODELS)
def test_rows_are_those_of_hooks_by_hand(name):
    make, x, verdict = MODELS[name]
    model = make().double()
    found = inspect(model, x, squared)
    rows = truth(model, x, squared)
    assert list(found.table.name.values) == [row[0] for row in rows]
    np.testing.assert_allclose(found.table.rms, [row[1] for row in rows], rtol=1e-12)
    np.testing.assert_allclose(found.table.gradient_norm, [row[2] for row in rows], rtol=1e-10)
    assert found.verdict == verdict
    assert (found.culprit is None) == (name != "scaled")
    assert np.isnan(found.table.gain[-1])
    single = inspect(copy.deepcopy(model).float(), x, squared)  # the same numbers: in float32, which is enough
    assert (single.verdict, single.culprit) == (found.verdict, found.culprit)
    # What multiplies gradients by e^12 multiplies float32's rounding of the signal as much.
    near = 1e-2 if verdict == "explodes" else 1e-4
    np.testing.assert_allclose(single.table.log_gradient_norm, found.table.log_gradient_norm, rtol=0, atol=near)
    np.testing.assert_allclose(single.table.rms, found.table.rms, rtol=near)


def test_what_float32_cannot_resolve_is_seen_in_float64():
    tiny = mlp(nn.Sigmoid, depth=60, width=32)  # gradients of 1e-50
    equal = mlp(nn.Tanh, start=lambda w: nn.init.constant_(w, 0.01))  # cross-entropy's sum over classes is 0
    large = mlp(nn.ReLU, start=lambda w: nn.init.normal_(w, std=20.0))  # beyond 1e38
    classes = torch.arange(16) % 4
    for model, loss in ((tiny, squared), (equal, lambda o: F.cross_entropy(o, classes)), (large, torch.sum)):
        found, rows = inspect(model, real(16, 32), loss), truth(model, real(16, 32), loss)
        np.testing.assert_allclose(found.table.rms, [row[1] for row in rows], rtol=1e-6)
        resolved = np.array([row[2] for row in rows])
        if model is not equal:
            np.testing.assert_allclose(found.table.gradient_norm, resolved, rtol=1e-6)
        assert found.verdict == ("explodes" if model is large else "vanishes")


# --- what a call is -----------------------------------------------------------------------------------------------


def test_a_module_that_is_used_twice_is_two_rows():
    found = inspect(Tied(), real(16, 32))
    assert list(found.table.name.values) == ["inp", *["hid"] * 20, "out"]


def test_parallel_branches_are_branches():
    found = inspect(Attention(), real(4, 5, 16), squared)
    t = found.table.set_index(call="name")
    norm = t.gradient_norm
    for one in ("q", "k", "v"):  # all three lead to the output projection, not to one another
        assert float(t.gain.sel(call=f"parts.0.{one}")) == pytest.approx(
            float(norm.sel(call=f"parts.0.{one}") / norm.sel(call="parts.0.out")), rel=1e-12
        )
    assert float(t.gain.sel(call="parts.0.up")) == pytest.approx(
        float(norm.sel(call="parts.0.up") / norm.sel(call="parts.0.down")), rel=1e-12
    )
    assert 0 <= float(t.saturated.sel(call="parts.0.up")) < 0.2
    assert np.isnan(t.saturated.sel(call="parts.0.down"))
    assert any("place" in what for what in found.left_out)


class Functional(nn.Module):
    """No module of its own for any weight."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.matrices = nn.ParameterList(nn.Parameter(torch.randn(16, 16) * 0.1) for _ in range(12))

    def forward(self, x):
        for k, matrix in enumerate(self.matrices):
            x = torch.tanh(F.linear(x, matrix) if k % 2 else x @ (matrix * 2).T)
        return x


def test_weights_without_modules_are_calls_too():
    found = inspect(Functional(), real(8, 16))
    assert list(found.table.name.values) == [f"matrices.{k}" for k in range(12)]
    assert found.verdict == "vanishes"
    expected = [0.1 * 4 * (1 if k % 2 else 2) for k in range(12)]
    np.testing.assert_allclose(
        found.table.sigma_w, expected, rtol=0.15
    )  # of what is multiplied by, not of what is kept


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: torch.nn.utils.parametrizations.weight_norm(layer),
        lambda layer: parametrizations.spectral_norm(layer),
        lambda layer: parametrizations.orthogonal(layer),
        lambda layer: prune.random_unstructured(layer, "weight", 0.5),
    ],
    ids=["weight_norm", "spectral_norm", "orthogonal", "pruned"],
)
def test_weights_that_are_computed_are_seen_as_they_are_used(change):
    net = nn.Sequential(*(m for _ in range(8) for m in (change(nn.Linear(16, 16)), nn.Tanh())))
    state = {n: t.clone() for n, t in net.state_dict().items()}
    net.eval()
    found = inspect(net, real(8, 16))
    assert found.table.sizes["call"] == 8
    assert set(found.table.kind.values) <= {"Linear", "ParametrizedLinear"}
    with torch.no_grad():
        net(real(8, 16))
        used = [math.sqrt(16 * float(net[2 * k].weight.square().mean())) for k in range(8)]
    np.testing.assert_allclose(found.table.sigma_w, used, rtol=1e-5)
    assert all(torch.equal(t, state[n]) for n, t in net.state_dict().items())


@pytest.mark.parametrize("wrap", [lambda s: Sine(), lambda s: nn.SiLU(), lambda s: nn.ReLU(inplace=True)])
def test_shares_are_those_of_the_models_own_activation(wrap):
    act = wrap(0)
    net = nn.Sequential(nn.Linear(8, 64), act, nn.Linear(64, 1)).double()
    x = 5 * real(16, 8).double()
    found = inspect(net, x)
    h = net[0](x).detach().requires_grad_()
    act(h.clone()).sum().backward()
    grid = torch.linspace(-12, 12, 2401, dtype=torch.float64).requires_grad_()
    act(grid.clone()).sum().backward()
    largest = max(float(h.grad.abs().max()), float(grid.grad.abs().max()))
    assert float(found.table.saturated[0]) == float((h.grad.abs() <= largest / 100).double().mean())
    assert float(found.table.dead[0]) == float((h.grad == 0).all(0).double().mean())
    assert np.isnan(found.table.saturated[1])


# --- planted faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [2, 20, 38])
@pytest.mark.parametrize(
    ("start", "act", "change", "word"),
    [
        (orthogonal, nn.Tanh, lambda w, b: w.mul_(1e-4), "σ_w"),
        (orthogonal, nn.Tanh, lambda w, b: w.fill_(1e-6), "equal"),
        (orthogonal, nn.Tanh, lambda w, b: w.zero_(), "weights are 0"),
        (orthogonal, nn.Tanh, lambda w, b: b.fill_(10.0), "saturated"),
        (orthogonal, nn.Sigmoid, lambda w, b: b.fill_(-60.0), "saturated"),
        (he, nn.ReLU, lambda w, b: b.fill_(-100.0), "φ' = 0"),
    ],
    ids=["scaled", "constant", "zero", "saturated", "saturated sigmoid", "dead"],
)
def test_the_one_layer_that_is_to_blame_is_named(start, act, change, word, place):
    model = planted(start, change, act, place) if act is not nn.Sigmoid else planted(wide, change, act, place)
    found = inspect(model, real(16, 32), squared)
    assert (found.verdict, found.culprit) == ("vanishes", str(place))
    assert word in found.causes[0]


def wide(weight):
    nn.init.orthogonal_(weight, gain=4.0)  # a sigmoid passes a quarter


def test_a_layer_that_is_too_large_is_named():
    model = planted(he, lambda w, b: w.mul_(1e4), nn.ReLU)
    found = inspect(model, real(16, 32), squared)
    assert (found.verdict, found.culprit) == ("explodes", "20")


def test_what_all_layers_have_is_nobodys_fault_alone():
    def equal(weight):
        nn.init.constant_(weight, 0.01)

    classes = torch.arange(16) % 4
    found = inspect(mlp(nn.Tanh, start=equal), real(16, 32), lambda out: F.cross_entropy(out, classes))
    assert (found.verdict, found.culprit) == ("vanishes", None)
    assert any(cause.startswith("symmetric units: in 21 of 21 calls") for cause in found.causes)
    dying = mlp(nn.ReLU, start=he)
    with torch.no_grad():
        for layer in dying:
            if isinstance(layer, nn.Linear):
                layer.bias.fill_(-1.0)
    found = inspect(dying, real(16, 32), squared)
    assert (found.verdict, found.culprit) == ("vanishes", None)
    assert any(cause.startswith("biases: -1 on average") for cause in found.causes)


def test_one_layer_alone_is_named_from_a_factor_of_ten_on():
    found = inspect(planted(he, lambda w, b: w.mul_(1e2), nn.ReLU), real(16, 32), squared)
    assert (found.verdict, found.culprit) == ("explodes", "20")
    assert 10 < math.exp(found.log_change) < 1000
    assert "σ_w = 14" in found.causes[0]


def test_a_saturated_layer_that_passes_the_gradient_on_is_said():
    found = inspect(planted(orthogonal, lambda w, b: w.mul_(1e3)), real(16, 32), squared)
    assert (found.verdict, found.culprit) == ("healthy", None)
    assert found.causes[0].startswith("20: 100% of its units are saturated")
    assert inspect(mlp(nn.Tanh, start=orthogonal), real(16, 32), squared).causes == ()


def test_a_missing_skip_is_named():
    found = inspect(Residual(scale=1e-4, without=7), real(16, 32), squared)
    assert (found.verdict, found.culprit) == ("vanishes", "blocks.7")
    assert "skip" in found.causes[0]
    assert inspect(Residual(scale=1e-4), real(16, 32), squared).culprit is None


def test_a_whole_network_at_fault_has_no_culprit():
    found = inspect(mlp(nn.Sigmoid, depth=29), real(16, 32), squared)
    assert found.culprit is None
    assert found.causes[1].startswith("weights: σ_w = 0.57")
    assert found.lost_at is not None
    alike = mlp(nn.Tanh, start=lambda w: nn.init.constant_(w, 0.01))
    assert any("identical" in cause for cause in inspect(alike, real(16, 32), squared).causes)


def test_signals_that_overflow_are_said_and_where():
    model = planted(he, lambda w, b: w.fill_(float("inf")), nn.ReLU)
    found = inspect(model, real(16, 32), squared)
    assert (found.verdict, found.culprit) == ("explodes", "20")


# --- recurrent modules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_gradient_against_time_is_that_at_the_inputs(kind):
    model, x = Language(kind), tokens(4, 60)
    twin = copy.deepcopy(model).double()
    found = inspect(twin, x, squared)
    seen = {}
    twin.emb.register_forward_hook(lambda m, i, out: out.register_hook(lambda g: seen.update(g=g)) and None)
    squared(twin(x)).backward()
    expected = seen["g"].norm(dim=(0, 2)).log().numpy()
    np.testing.assert_allclose(found.recurrence.log_gradient_norm, expected, rtol=1e-9)
    rounded = inspect(model, x, squared).recurrence.log_gradient_norm  # in float32: 60 factors, each to 2^−22
    np.testing.assert_allclose(rounded, expected, rtol=0, atol=60 * 2**-22)
    assert list(found.recurrence.time.values) == list(range(60))
    assert (found.verdict, found.culprit) == ("vanishes", "rnn")
    assert "e-fold every" in found.causes[0]


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_a_state_that_a_module_starts_from_and_all_its_layers_count(kind, batch):
    torch.manual_seed(3)
    module = getattr(nn, kind)(4, 6, num_layers=2).double()  # more steps than go back in one piece
    x, start = real(150, *batch, 4).double(), real(2, *batch, 6).double()
    first = (start, real(2, *batch, 6).double().neg()) if kind == "LSTM" else start
    found = inspect(module, (x, first), lambda out: out[0][-1].square().sum())
    given = x.clone().requires_grad_()
    module(given, first)[0][-1].square().sum().backward()
    expected = given.grad.reshape(150, -1).norm(dim=1).log().numpy()
    np.testing.assert_allclose(found.recurrence.log_gradient_norm, expected, rtol=1e-9)


class Started(nn.Module):
    """A recurrent module with a first state far from 0, whose arguments come by place or by name."""

    def __init__(self, call):
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.head, self.call = nn.RNN(4, 8), nn.Linear(8, 2), call
        self.start = torch.full((1, 3, 8), 5.0)

    def forward(self, x):
        return self.head(self.call(self.rnn, x, self.start)[0])


def test_arguments_of_recurrent_modules_count_by_name_as_by_place():
    ways = (
        lambda rnn, x, h: rnn(x, h),
        lambda rnn, x, h: rnn(x, hx=h),
        lambda rnn, x, h: rnn(hx=h, input=x),
    )
    by_place, *by_name = (inspect(Started(way), real(5, 3, 4), squared).recurrence for way in ways)
    for found in by_name:
        assert found.equals(by_place)


def test_parameters_of_the_loss_keep_their_gradient():
    heat = nn.Parameter(torch.ones(()))
    for model, x in ((Started(lambda rnn, x, h: rnn(x, h)), real(5, 3, 4)), (mlp(nn.Tanh), real(8, 32))):
        inspect(model, x, lambda out: (out * heat).square().mean())
        assert heat.grad is None


def test_passes_of_an_inspection_do_not_call_the_users_hooks_on_recurrent_modules():
    model, calls = nn.LSTM(4, 8), []
    model.register_forward_hook(lambda *_: calls.append(1))
    found = inspect(model, real(300, 2, 4), lambda out: out[0].sum())
    assert len(calls) == 1
    assert not found.left_out


def test_dropout_between_recurrent_layers_is_left_out_of_what_is_run_again_which_is_said():
    torch.manual_seed(0)
    model, x = nn.LSTM(4, 8, 2, dropout=0.5), real(100, 3, 4)
    found = inspect(model, x, lambda out: out[0].sum())
    assert found.left_out == ("dropout between the layers of LSTM, when the last output's gradient is sent back",)
    assert model.dropout == 0.5
    model.dropout = 0.0
    without = inspect(model, x, lambda out: out[0].sum())
    assert not without.left_out
    np.testing.assert_array_equal(found.recurrence.log_norm_from_last, without.recurrence.log_norm_from_last)
    assert not found.recurrence.log_gradient_norm.equals(without.recurrence.log_gradient_norm)


def test_a_gradient_is_followed_beyond_the_range_of_numbers():
    """A linear cell whose gradient falls by exactly 1e12 a step: by 1e1188 over 100 steps, in float32."""
    module = nn.RNN(4, 4, nonlinearity="relu")
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(torch.eye(4) * (1e-12 if "hh" in name else 1) if p.dim() > 1 else torch.zeros(4))
    for loss, verdict in ((lambda out: out[0][-1].sum(), "vanishes"), (lambda out: out[0].sum(), "healthy")):
        found = inspect(module, real(100, 2, 4).abs() + 0.1, loss)
        steps = np.diff(found.recurrence.log_norm_from_last)
        np.testing.assert_allclose(steps, 12 * math.log(10), rtol=1e-5)
        here = 12 * math.log(10) if verdict == "vanishes" else 0.0  # each step has its own loss beside it
        np.testing.assert_allclose(np.diff(found.recurrence.log_gradient_norm), here, rtol=1e-5, atol=1e-5)
        assert found.verdict == verdict


def test_a_loss_at_every_step_does_not_hide_how_far_a_gradient_goes_back():
    model, seen = Language(last=False), {}
    handle = model.emb.register_forward_hook(lambda m, i, o: o.register_hook(lambda g: seen.update(g=g)) and None)
    squared(model(tokens(4, 60))).backward()
    handle.remove()
    found = inspect(model, tokens(4, 60), squared)
    expected = seen["g"].norm(dim=(0, 2)).log().numpy()
    np.testing.assert_allclose(found.recurrence.log_gradient_norm, expected, rtol=0, atol=1e-4)
    assert found.verdict == "healthy"  # every step's loss reaches its own
    assert "the last output's own gradient, beside those of other steps, falls by" in found.causes[0]
    last = inspect(Language(), tokens(4, 60), squared).recurrence.log_gradient_norm
    fall = found.recurrence.log_norm_from_last[0] - found.recurrence.log_norm_from_last[-1]
    assert float(fall) == pytest.approx(float(last[0] - last[-1]), abs=3)


def test_cells_in_a_loop_are_a_recurrence():
    found = inspect(Cell(), real(4, 40, 8), squared)
    assert found.recurrence.sizes["time"] == 40
    assert (found.verdict, found.culprit) == ("vanishes", "cell")


def test_recurrent_modules_alone_bidirectional_and_packed():
    assert inspect(nn.LSTM(8, 16, num_layers=2), real(30, 4, 8)).recurrence.sizes["time"] == 30
    assert inspect(Language(bidirectional=True), tokens(4, 30), squared).recurrence is not None
    packed = nn.utils.rnn.pack_padded_sequence(real(30, 2, 8), [30, 20])

    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(8, 16), nn.Linear(16, 2)

        def forward(self, x):
            return self.head(self.rnn(nn.utils.rnn.pack_padded_sequence(x, [30, 20]))[1][-1])

    assert packed.data.shape == (50, 8)
    assert any("packed" in what for what in inspect(Packed(), real(30, 2, 8)).left_out)


# --- the network that a module is ----------------------------------------------------------------------------------


def test_a_plain_chain_is_recognised():
    found = inspect(mlp(nn.Sigmoid, depth=6), real(16, 32)).network
    assert found == Network("sigmoid", Weights.pytorch_default(), width=(32,) * 7, depth=6)
    relu = inspect(mlp(nn.ReLU, depth=6, start=he), real(16, 32)).network
    assert relu == Network("relu", Weights.he(), width=(32,) * 7, depth=6)
    tanh = inspect(mlp(nn.Tanh, depth=6, start=orthogonal), real(16, 32)).network
    assert (tanh.activation.name, tanh.weights.family) == ("tanh", "orthogonal")
    assert float(tanh.weights.sigma_w) == pytest.approx(1.05, rel=1e-6)
    siren = inspect(mlp(Sine, depth=4), real(16, 32)).network
    assert siren is None or float(siren.activation.expr.subs(siren.activation.symbol, 1).evalf()) == np.sin(30)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Residual(without=7),
        Tied,
        lambda: mlp(nn.ReLU, norm=lambda width: nn.GroupNorm(4, width)),
        lambda: planted(orthogonal, lambda w, b: w.mul_(1e-3)),
        lambda: nn.Sequential(
            *(m for _ in range(4) for m in (nn.Linear(32, 32), nn.Tanh(), nn.ReLU())), nn.Linear(32, 2)
        ),
        lambda: nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)),
    ],
    ids=["one skip missing", "tied", "norm", "scaled", "two functions", "two activations"],
)
def test_what_is_no_plain_chain_is_not_recognised(make):
    assert inspect(make(), real(16, 32)).network is None


def test_a_chain_with_skip_connections_is_recognised():
    class Plain(Residual):
        def forward(self, x):
            for block in self.blocks:
                x = x + torch.relu(block(x))
            return self.head(x)

    found = inspect(Plain(), real(16, 32)).network
    assert found == Network("relu", Weights.pytorch_default(), width=32, depth=20, skip=1)


def test_measured_and_predicted_gains_stand_side_by_side():
    found = inspect(mlp(nn.Sigmoid, depth=6, width=128), real(64, 128))
    theory = found.theory
    assert list(theory.name.values) == ["0", "2", "4", "6", "8", "10"]
    # Fluctuations between networks of this width are a few per cent a layer; a σ_w twice as large would give twice.
    np.testing.assert_allclose(theory.gain[:-1], theory.predicted_gain[:-1], rtol=0.15)
    assert theory.attrs["log_change"] == pytest.approx(theory.attrs["predicted_log_change"], abs=0.3)
    assert inspect(Tied(), real(16, 32)).theory is None


def test_a_recurrent_module_is_recognised_as_a_cell():
    found = inspect(Language("LSTM"), tokens(4, 20), squared).network
    assert found == Network(blocks.lstm.pytorch(), width=32, depth=20)
    model = Language("GRU")
    with torch.no_grad():
        model.rnn.bias_ih_l0[32:64].fill_(2.0)
        model.rnn.bias_hh_l0.zero_()
        for block in model.rnn.weight_hh_l0.chunk(3):
            nn.init.orthogonal_(block, gain=1.5)
    (found,) = [inspect(model, tokens(4, 20), squared).network]
    assert found == Network(blocks.gru(Weights.orthogonal(found_scale(found)), update_bias=2.0), width=32, depth=20)
    assert found_scale(found) == pytest.approx(1.5, rel=1e-6)
    assert inspect(Language("LSTM", num_layers=2), tokens(4, 20), squared).network is None


def found_scale(network):
    return float(network.block.matrices[0].weights.sigma_w)


@pytest.mark.slow  # remedies are measured
def test_advice_on_an_inspection_is_that_on_its_network():
    found = inspect(mlp(nn.Sigmoid, depth=10), real(16, 32))
    assert advise(found, samples=4).network == found.network


# --- the model is left as it was ----------------------------------------------------------------------------------


def test_the_module_keeps_everything():
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))
    model[0].weight.grad = torch.ones(8, 8)
    model[4].requires_grad_(False)
    state = {n: t.clone() for n, t in model.state_dict().items()}
    x = real(16, 8).requires_grad_()
    seed = torch.random.get_rng_state()
    for training in (True, False):
        model.train(training)
        one, two = (inspect(model, x, squared) for _ in range(2))
        assert one.table.equals(two.table)
        assert model.training is training
    assert torch.equal(torch.random.get_rng_state(), seed)
    assert all(torch.equal(t, state[n]) for n, t in model.state_dict().items())
    assert torch.equal(model[0].weight.grad, torch.ones(8, 8))
    assert [p.requires_grad for p in model.parameters()] == [True] * 4 + [False] * 2
    assert model[4].weight.grad is None
    assert x.grad is None
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert model[0].weight.dtype == torch.float32


def test_the_loss_keeps_its_targets_in_their_own_precision():
    target = real(16, 4)
    for loss in (lambda o: F.mse_loss(o, target), lambda o: F.binary_cross_entropy_with_logits(o, target.sigmoid())):
        assert inspect(mlp(nn.ReLU, start=he), real(16, 32), loss).verdict == "healthy"


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_gets_its_verdict(kind):
    found = inspect(mlp(nn.Sigmoid, depth=29).to(kind), real(16, 32).to(kind))
    assert found.verdict == "vanishes"
    assert float(found.table.log_gradient_norm[0] - found.table.log_gradient_norm[-1]) == pytest.approx(-56, abs=3)


def test_inputs_are_tensors_tuples_or_dicts():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.c = nn.Linear(8, 8), nn.Embedding(20, 8), nn.Linear(8, 2)

        def forward(self, values, ids=None, scale=1):
            return {"logits": self.c(torch.tanh(self.a(values) + self.b(ids))) * scale, "extra": None}

    values, ids = real(4, 8), tokens(4)
    one = inspect(Two(), (values, ids))
    two = inspect(Two(), {"values": values, "ids": ids, "scale": 1})
    assert list(one.table.name.values) == ["a", "b", "c"]
    assert one.table.equals(two.table)
    assert inspect(Two(), (values, ids), lambda out: out["logits"].square().sum()).verdict == "healthy"


def test_wrapped_modules_are_seen_through():
    net = mlp(nn.Tanh, depth=4)
    assert inspect(nn.DataParallel(net), real(16, 32)).table.equals(inspect(net, real(16, 32)).table)


@pytest.mark.slow  # loading the compiler takes seconds
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_modules_are_seen_through():
    net = mlp(nn.Tanh, depth=4)
    plain = inspect(net, real(16, 32))
    inside = nn.Sequential(torch.compile(net))
    assert inspect(inside, real(16, 32)).table.rms.equals(plain.table.rms)
    assert inspect(torch.compile(net), real(16, 32)).table.equals(plain.table)


# --- what is not seen ---------------------------------------------------------------------------------------------


def test_no_verdict_says_what_is_missing():
    found = inspect(nn.Linear(4, 4), real(3, 4))
    assert found.verdict == "no verdict"
    assert found.left_out
    assert found.culprit is None

    class Stopped(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.d = (nn.Linear(8, 8) for _ in range(4))

        def forward(self, x):
            with torch.no_grad():
                x = self.b(torch.tanh(self.a(x)))
            return self.c(torch.tanh(x))

    found = inspect(Stopped(), real(4, 8))
    assert found.verdict == "no verdict"
    assert "a, b" in found.left_out[0]
    assert "d.weight" in found.left_out[1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_refusals_name_the_line_to_type():
    net = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
    with pytest.raises(InputError, match=r"vg\.inspect\(model, x\)"):
        inspect(net)
    with pytest.raises(InputError, match=r"meta device.*torch\.device\(\"cpu\"\)"):
        inspect(net.to("meta"), real(4, 8))
    with pytest.raises(InputError, match=r"call model\(x\) once"):
        inspect(nn.Sequential(nn.LazyLinear(3)), real(4, 8))
    net = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
    with pytest.raises(InputError, match="raises RuntimeError"):
        inspect(net, real(4, 9))
    with pytest.raises(InputError, match=r"one number.*shape \(4, 2\)"):
        inspect(net, real(4, 8), lambda out: out)
    with pytest.raises(InputError, match="NaN"):
        inspect(net, real(4, 8) * float("nan"))
    with pytest.raises(InputError, match="activation beside a module"):
        inspect(net, real(4, 8), activation="tanh")
    with pytest.raises(UnsupportedError, match="TorchScript"):
        inspect(torch.jit.trace(net, real(4, 8)), real(4, 8))
    with pytest.raises(InputError, match=r"batch of at least one sample \(got shape \(0, 8\)\)"):
        inspect(net, torch.zeros(0, 8))
    for seed in ("a", -1, 0.5, True, 2**64):
        with pytest.raises(InputError, match="seed must be a whole number"):
            inspect(net, real(4, 8), seed=seed)
    assert inspect(net, real(4, 8), seed=2**64 - 1).verdict == "healthy"


def test_what_fails_on_the_way_back_is_said_like_what_fails_on_the_way_there():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            y = torch.sigmoid(self.a(x))
            z = self.b(y)
            y.mul_(2)
            return z + y

    class Refuses(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise KeyError("no way back")

    with pytest.raises(InputError, match=r"backward\(\) raises RuntimeError.*in place"):
        inspect(InPlace(), real(4, 8))
    net = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
    with pytest.raises(InputError, match=r"backward\(\) raises KeyError: 'no way back'"):
        inspect(net, real(4, 8), lambda out: Refuses.apply(out).sum())


def test_a_loss_without_a_gradient_has_no_verdict():
    found = inspect(mlp(nn.Tanh, depth=3), real(4, 32), lambda out: out.sum() * 0)
    assert found.verdict == "no verdict"
    assert "say another loss" in found.text
    found = inspect(Language(), tokens(4, 20), lambda out: out.sum() * 0)
    assert found.verdict == "no verdict"


def test_bare_parameters_are_said_not_to_be_watched():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.v, self.w = (nn.Parameter(torch.ones(8)) for _ in range(2))

        def forward(self, x):
            return torch.tanh(self.v * torch.tanh(self.w * x))

    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.a, self.b = nn.Parameter(torch.ones(8, 8)), nn.Linear(8, 8), nn.Linear(8, 2)

        def forward(self, x):
            return self.b(torch.tanh(self.a((x[:, None] * self.w).sum(-1))))

    assert any(
        what.startswith("v, w: ") and what.endswith("not watched") for what in inspect(Bare(), real(4, 8)).left_out
    )
    assert any(
        what.startswith("w: ") and what.endswith("not watched") for what in inspect(Product(), real(4, 8)).left_out
    )


@pytest.mark.parametrize(
    ("act", "start", "saturated"),
    [
        (nn.Sigmoid, lambda w: nn.init.orthogonal_(w, gain=40.0), True),
        (nn.Sigmoid, lambda w: nn.init.orthogonal_(w, gain=1.0), False),
        (nn.Tanh, lambda w: nn.init.orthogonal_(w, gain=0.3), False),
        (nn.ReLU, lambda w: nn.init.normal_(w, std=0.5 / 32**0.5), False),  # half of its units are flat at any scale
    ],
    ids=["large sigmoid", "small sigmoid", "small tanh", "small relu"],
)
def test_weights_that_saturate_are_not_called_too_small(act, start, saturated):
    model = mlp(act, start=start)
    if saturated:  # signals of one sign, as behind sigmoids, that leave no unit in the middle
        with torch.no_grad():
            for layer in model:
                if isinstance(layer, nn.Linear):
                    layer.bias.fill_(60.0)
    found = inspect(model, real(16, 32), squared)
    assert found.verdict == "vanishes"
    assert found.culprit is None
    assert found.causes[0].startswith("saturation") is saturated
    assert any("too small" in cause for cause in found.causes) is not saturated


# --- before and after -----------------------------------------------------------------------------------------------


def test_two_inspections_are_compared_call_by_call():
    model = planted(orthogonal, lambda w, b: w.mul_(1e-4))
    before = inspect(model, real(16, 32), squared)
    with torch.no_grad():
        model[20].weight.mul_(1e4)
    after = inspect(model, real(16, 32), squared)
    found = compare(before, after)
    assert (found.attrs["verdict_before"], found.attrs["verdict_after"]) == ("vanishes", "healthy")
    assert found.attrs["sentence"].startswith("Healthy, before: vanishes")
    np.testing.assert_array_equal(found.relative_after - found.relative_before, found.gained)
    k = list(found.name.values).index("20")
    assert float(found.sigma_w_after[k] / found.sigma_w_before[k]) == pytest.approx(1e4, rel=1e-4)
    assert np.abs(found.gained[k:]).max() < 1  # behind the layer nothing has changed; before it, all
    assert (found.gained[:k] > 7).all()
    wrapped = nn.Module()
    wrapped.model = model
    wrapped.forward = lambda x: wrapped.model(x)
    again = compare(after, inspect(wrapped, real(16, 32), squared))
    assert again.sizes["call"] == 21
    np.testing.assert_allclose(again.gained, 0, atol=1e-12)
    with pytest.raises(InputError, match="without a call in common"):
        compare(before, inspect(Tied(), real(16, 32)))
    with pytest.raises(InputError, match="the inspection afterwards"):
        compare(before, 1)


@pytest.mark.parametrize("rows", [4, 4096])
def test_activations_that_work_in_place_are_seen_where_they_were(rows):
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b = nn.Linear(8, 32), nn.Linear(32, 2)

        def forward(self, x):
            return self.b(torch.tanh_(self.a(x)))

    x = 5 * real(rows, 8)
    model = InPlace()
    slope = 1 - torch.tanh(model.a(x)) ** 2
    found = inspect(model, x)
    assert float(found.table.saturated[0]) == pytest.approx(float((slope <= 0.01).double().mean()), abs=1e-3)


@pytest.mark.parametrize("size", [1.0, 1e-30, 1e30])
@pytest.mark.parametrize("count", [1, 3000, 50_000])
def test_norms_are_those_of_float64(size, count):
    numbers = size * real(count)
    assert norm_of(torch, numbers) == pytest.approx(float(numbers.double().norm()), rel=3e-7)


@pytest.mark.parametrize("reentrant", [True, False])
def test_parts_that_are_checkpointed_are_seen_and_the_models_gradients_stay(reentrant):
    from torch.utils.checkpoint import checkpoint

    class Model(nn.Module):
        def __init__(self, saving):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.c = (nn.Linear(8, 8) for _ in range(3))
            self.saving = saving

        def forward(self, x):
            def part(y):
                return torch.tanh(self.b(y))

            y = torch.tanh(self.a(x))
            return self.c(checkpoint(part, y, use_reentrant=reentrant) if self.saving else part(y))

    x, model = torch.randn(4, 8, generator=torch.Generator().manual_seed(1)), Model(saving=True)
    found, plain = inspect(model, x), inspect(Model(saving=False), x)
    assert list(found.table.name.values) == ["a", "b", "c"]
    assert found.left_out == ()
    np.testing.assert_array_equal(found.table.gradient_norm, plain.table.gradient_norm)
    assert all(p.grad is None for p in model.parameters())
    model(x).sum().backward()  # checkpoints are there again
    assert model.b.weight.grad is not None


def test_a_gradient_that_dead_units_stop_is_0_without_a_second_pass():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    nn.init.constant_(model[2].bias, -100.0)
    kinds = []

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x):
            kinds.append(x.dtype)
            return self.inner(x)

    found = inspect(Model(), torch.randn(4, 8))
    assert kinds == [torch.float32]
    assert (found.verdict, found.culprit) == ("vanishes", "inner.2")
    model[1] = model[3] = nn.Tanh()  # slopes of 0 are rounded ones
    inspect(Model(), torch.randn(4, 8))
    assert kinds[1:] == [torch.float32, torch.float64]


class Translator(nn.Module):
    """A recurrent encoder whose last state a recurrent decoder starts from; the loss sees every step of the latter."""

    def __init__(self, cell):
        super().__init__()
        self.source, self.target = nn.Embedding(20, 16), nn.Embedding(20, 16)
        self.encoder, self.decoder = (cell(16, 24, batch_first=True) for _ in range(2))
        self.head = nn.Linear(24, 20)

    def forward(self, source, target):
        _, state = self.encoder(self.source(source))
        return self.head(self.decoder(self.target(target), state)[0])


@pytest.mark.parametrize("cell", [nn.GRU, nn.LSTM])
def test_gradients_of_a_translator_are_those_of_hooks_and_its_encoder_is_seen(cell):
    torch.manual_seed(0)
    model, draw = Translator(cell), torch.Generator().manual_seed(1)
    source, target = (torch.randint(0, 20, (4, 30), generator=draw) for _ in range(2))

    def loss(out):
        return F.cross_entropy(out.flatten(0, 1), target.flatten())

    found = inspect(model, (source, target), loss)
    norms, twin = {}, copy.deepcopy(model).double()
    for name in ("source", "target", "decoder", "head"):

        def hook(module, arguments, output, name=name):
            out = output[0] if isinstance(output, tuple) else output
            out.register_hook(lambda gradient: norms.__setitem__(name, float(gradient.norm())))

        getattr(twin, name).register_forward_hook(hook)
    loss(twin(source, target)).backward()
    table = found.table.set_index(call="name").gradient_norm
    assert {name: float(table.sel(call=name)) for name in norms} == pytest.approx(norms, rel=1e-6)
    assert list(found.table.name.values) == ["source", "encoder", "target", "decoder", "head"]
    assert found.left_out == ()
    assert found.table.gradient_norm[1] > 0


class Adapted(nn.Module):
    """A frozen layer and a trained branch of low rank beside it, which begins with zeros."""

    def __init__(self, width):
        super().__init__()
        self.base = nn.Linear(width, width).requires_grad_(False)
        self.down, self.up = nn.Linear(width, 4, bias=False), nn.Linear(4, width, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def test_branches_that_begin_with_zeros_are_not_to_blame():
    torch.manual_seed(0)
    model = nn.Sequential(*(part for _ in range(16) for part in (Adapted(32), nn.Tanh())), nn.Linear(32, 3))
    found = inspect(model, torch.randn(8, 32))
    plain = nn.Sequential(*(part.base if isinstance(part, Adapted) else part for part in model))
    assert (found.verdict, found.culprit) == ("vanishes", None)
    assert found.log_change == pytest.approx(inspect(plain, torch.randn(8, 32)).log_change, abs=0.5)
    assert "too small" in str(found)
    with torch.no_grad():
        model[10].base.weight.mul_(1e-3)
    assert inspect(model, torch.randn(8, 32)).culprit == "10.base"


def test_what_is_frozen_and_what_runs_without_gradients_is_said():
    torch.manual_seed(0)

    class Model(nn.Module):
        def __init__(self, gradients):
            super().__init__()
            self.back = nn.Sequential(*(p for _ in range(8) for p in (nn.Linear(32, 32), nn.Tanh())))
            self.head, self.gradients = nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 3)), gradients
            self.back.requires_grad_(False)

        def forward(self, x):
            with torch.set_grad_enabled(self.gradients):
                y = self.back(x)
            return self.head(y)

    found = inspect(Model(True), torch.randn(8, 32))
    norms = found.table.log_gradient_norm.values
    said = f"({norms[8] - norms[-1]:+.1f} in ln)."
    start = " The first 8 layers, back.0 to back.14, are frozen; back to head.0, the first that learns,"
    assert start in found.text
    assert found.text.endswith(said)
    detached = inspect(Model(False), torch.randn(8, 32))
    assert detached.left_out[0].startswith("back.0, back.2")
    assert detached.left_out[0].endswith("and 2 more: run without gradients (torch.no_grad, or detached)")
    assert "frozen" not in detached.text
    assert detached.unknown.endswith("2 uses of weights, where a chain has 3 or more")


def test_a_frozen_backbone_with_one_readout_or_none_and_one_frozen_layer_are_said():
    def made(*frozen):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4))
        for k in frozen:
            model[k].requires_grad_(False)
        return inspect(model, torch.randn(8, 16)).text

    start = (
        " The first 2 layers, 0 to 2, are frozen; only 4 learns, which the gradient reaches as it comes from the loss."
    )
    assert made(0, 2).endswith(start)
    assert made(0, 2, 4).endswith(" All of these layers are frozen: none of them learns.")
    assert " 0, the first layer, is frozen; back to 2, the first that learns, the gradient changes by" in made(0)
    assert "frozen" not in made(2)


def test_a_last_branch_that_begins_with_zeros_is_not_to_blame():
    torch.manual_seed(0)
    model = nn.Sequential(*(part for _ in range(5) for part in (Adapted(32), nn.Tanh())), Adapted(32))
    found = inspect(model, torch.randn(8, 32))
    plain = nn.Sequential(*(part.base if isinstance(part, Adapted) else part for part in model))
    alike = inspect(plain, torch.randn(8, 32))
    assert (found.verdict, found.culprit, found.reasons) == (alike.verdict, None, alike.reasons)
    assert found.text.count("In the first step no gradient reaches") == 1
    assert ", as the layers behind them start at 0; once those have learnt, it does." in found.text


def test_two_heads_are_told_what_the_gradient_starts_from():
    arch = pytest.importorskip("benchmarks.architectures")
    torch.manual_seed(0)
    model, x = arch.ActorCritic(), torch.randn(32, 16)
    first = inspect(model, x)
    said = "critic.0, critic.2: the loss (without loss=, the model's first output) does not depend on them"
    assert first.left_out == (said,)
    assert first.unknown == ""  # trunk and first head are a chain
    both = inspect(model, x, lambda out: out[0].square().sum() + out[1].square().sum())
    assert both.left_out == ()
    assert both.unknown.endswith("what trunk.4 gives goes to others than actor.0, too")


class Zeroed(nn.Module):
    """Blocks x + W_2 φ(W_1 x) from the input on, with W_2 = 0 at the start."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16, bias=False)) for _ in range(6)
        )
        self.head = nn.Linear(16, 3)
        for block in self.blocks:
            nn.init.zeros_(block[2].weight)

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


def test_blocks_that_begin_as_the_identity_are_healthy():
    torch.manual_seed(0)
    found = inspect(Zeroed(), torch.randn(8, 16))
    assert (found.verdict, found.culprit) == ("healthy", None)
    assert found.log_change == pytest.approx(
        float(np.log(found.table.gradient_norm[1] / found.table.gradient_norm[-1]))
    )
    assert list(found.table.name.values[found.table.waiting.values]) == [f"blocks.{k}.0" for k in range(6)]
    assert "In the first step no gradient reaches blocks.0.0, blocks.1.0" in found.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what compilation imports
def test_a_compiled_model_is_initialised_as_the_model_inside():
    torch.manual_seed(0)
    model = nn.Sequential(*(part for _ in range(8) for part in (nn.Linear(32, 32), nn.Tanh())), nn.Linear(32, 3))
    done = initialise(torch.compile(model), torch.randn(8, 32))
    assert done.changed.sizes["module"] == 9
    assert abs(inspect(model, torch.randn(8, 32)).log_change) < 1


def _root_mean_square(h):
    return h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6)


def _standardised(h):
    return (h - h.mean(-1, keepdim=True)) / (h.var(-1, keepdim=True) + 1e-5).sqrt()


def _response(h):
    size = h.norm(dim=-1, keepdim=True)
    return h * (size / (size.mean(0, keepdim=True) + 1e-6))


@pytest.mark.parametrize(
    ("norm", "wanted"),
    [
        (nn.LayerNorm(16), True),
        (nn.RMSNorm(16), True),
        (_root_mean_square, True),
        (_standardised, True),
        (lambda h: nn.functional.normalize(h, dim=-1), True),
        (lambda h: h / (h.std(-1, keepdim=True) + 1e-5), True),
        (_response, False),
        (lambda h: h * h.mean(-1, keepdim=True).sigmoid(), False),
        (lambda h: h.exp() / h.exp().sum(-1, keepdim=True), False),
        (torch.tanh, False),
    ],
)
def test_what_a_norm_takes_is_normalised_also_by_hand(norm, wanted):
    """Held against what it means: the output is the same when all of that layer's weights are three times as large."""

    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second = nn.Linear(16, 16, bias=False), nn.Linear(16, 1)

        def forward(self, x):
            return self.second(torch.tanh(norm(self.first(x))))

    model, x = Normed(), torch.randn(32, 16)
    assert inspect(model, x).table.normalised.values.tolist() == [wanted, False]
    before = model(x)
    with torch.no_grad():
        model.first.weight *= 3
        assert torch.allclose(model(x), before, atol=1e-3) is wanted


def test_parts_that_are_used_on_two_inputs_are_not_bypassed():
    """As a generator and a discriminator, and one matrix in a loop into which another one brings the input."""

    class Adversaries(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.G, self.D = (nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)) for _ in range(2))

        def forward(self, z, real):
            return self.D(self.G(z)), self.D(real)

    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.W, self.U, self.out = (nn.Linear(8, 8) for _ in range(3))

        def forward(self, x):
            z = torch.zeros_like(x)
            for _ in range(5):
                z = torch.tanh(self.W(z) + self.U(x))
            return self.out(z)

    x = torch.randn(4, 8)
    both = inspect(Adversaries(), (x, torch.randn(4, 8)), lambda o: o[0].exp().mean() + o[1].square().mean())
    assert both.table.sizes["call"] == 6
    assert not both.table.bypassed.values.any()
    assert not inspect(Loop(), x).table.bypassed.values.any()


def test_a_model_without_parameters_is_said_to_be_that():
    found = inspect(nn.Sequential(nn.Tanh(), nn.ReLU()), torch.randn(4, 8))
    assert found.verdict == "no verdict"
    assert "has no parameters" in found.text
    assert "fewer than two" in inspect(nn.Linear(8, 1), torch.randn(4, 8)).text
