"""initialise: gradients that vanished or exploded arrive, weights that were to be kept are kept."""

import warnings
from collections import UserDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from vgtheory import initialise, inspect  # noqa: E402
from vgtheory._errors import InputError, TargetMissedWarning  # noqa: E402


def chain(act, depth=29, width=32, norm=None):
    torch.manual_seed(0)
    layers = [m for _ in range(depth) for m in (nn.Linear(width, width), *([norm(width)] if norm else []), act())]
    return nn.Sequential(*layers, nn.Linear(width, 4))


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(30 * x)


class Last(nn.Module):
    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.head = getattr(nn, kind)(8, 32, batch_first=True), nn.Linear(32, 4)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def convolutions(depth=24):
    torch.manual_seed(0)
    start = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()]
    middle = [m for _ in range(depth) for m in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())]
    return nn.Sequential(*start, *middle, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


def real(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def over_all(found):
    logs = found.table.log_gradient_norm if found.recurrence is None else found.recurrence.log_gradient_norm
    return float(logs[0] - logs[-1])


@pytest.mark.parametrize(
    ("make", "x", "before"),
    [
        (lambda: chain(nn.Sigmoid), real(16, 32), -50),
        (lambda: chain(nn.Tanh), real(16, 32), -15),
        (convolutions, real(4, 3, 8, 8), -15),
        (lambda: chain(Sine, depth=5), real(16, 32), 10),
        (lambda: Last("RNN"), real(4, 60, 8), -20),
    ],
    ids=["sigmoid", "tanh", "convolutions", "sines", "tanh over time"],
)
def test_a_critical_network_keeps_its_gradient(make, x, before):
    model = make()
    found = initialise(model, x)
    assert abs(over_all(found.before)) > abs(before)
    assert abs(over_all(found.after)) <= 2
    assert inspect(model, x).table.equals(found.after.table)  # it is the model itself that has changed


@pytest.mark.slow
def test_the_scale_of_a_deep_sigmoid_network_is_that_of_theory():
    model = chain(nn.Sigmoid, width=128, depth=20)
    found = initialise(model, real(32, 128))
    inner = found.changed["after"][8:-1]
    # Theory: orthogonal, χ = 1 at σ_b = 0.  χ goes like σ_w here, so a gain that is met to 10 % leaves σ_w 20 %.
    assert float(np.exp(np.log(inner).mean())) == pytest.approx(10.15, rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_gates_get_a_memory(kind):
    with pytest.warns(TargetMissedWarning, match="Shorter sequences"):  # better is not good
        found = initialise(Last(kind), real(4, 100, 8))
    assert found.keeps_size is False
    assert over_all(found.before) < -30
    assert over_all(found.after) > over_all(found.before) / 4


@pytest.mark.parametrize("norm", [nn.LayerNorm, nn.BatchNorm1d])
def test_normalised_layers_buffers_mode_and_random_numbers_are_kept(norm):
    model = chain(nn.ReLU, depth=6, norm=norm)
    seed = torch.random.get_rng_state()
    for scheme in ("critical", "lsuv", "orthogonal"):
        nn.init.constant_(model[18].weight, 1e-4)  # worse than any that are drawn
        state = {n: t.clone() for n, t in model.state_dict().items()}
        found = initialise(model, real(16, 32), scheme)
        new = {n.partition(".")[0] for n, t in model.state_dict().items() if not torch.equal(t, state[n])}
        assert set(found.changed.module.values) == new == {"18"}, scheme
    assert "normalised" in found.left_alone[0]
    assert torch.equal(torch.random.get_rng_state(), seed)
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_bypassed_layers_and_computed_weights_are_kept():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.blocks = nn.ModuleList(nn.Linear(16, 16) for _ in range(4))
            self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(16, 16))
            self.head = nn.Linear(16, 2)

        def forward(self, x):
            for block in self.blocks:
                x = x + torch.relu(block(x))
            return self.head(torch.tanh(self.normed(x)))

    model = Residual()
    state = {n: t.clone() for n, t in model.state_dict().items()}
    found = initialise(model, real(8, 16))
    changed = {name: bool(drawn) for name, drawn in zip(found.changed.module.values, found.changed.drawn, strict=True)}
    assert changed == {"head": True}
    new = {n.rpartition(".")[0] for n, t in model.state_dict().items() if not torch.equal(t, state[n])}
    assert new == set(changed)
    assert "skip" in found.left_alone[0]


def test_lsuv_leaves_the_scale_of_a_layer_with_one_output_number_without_a_word():
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", TargetMissedWarning)
        initialise(model, real(1, 8), "lsuv")
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())


def test_lsuv_has_outputs_of_variance_one_and_orthogonal_weights():
    model = convolutions(depth=8)
    found = initialise(model, real(4, 3, 8, 8), "lsuv")
    seen = []
    for part in model:
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            part.register_forward_hook(lambda m, i, out: seen.append(float(out.detach().double().std())))
    model(real(4, 3, 8, 8))
    np.testing.assert_allclose(seen, 1, rtol=1e-4)
    assert np.isfinite(found.after.table.gradient_norm).all()
    for scheme in ("orthogonal", "lsuv"):
        initialise(model, real(4, 3, 8, 8), scheme)
        w = model[2].weight.detach().flatten(1).double()
        gram = w @ w.T
        np.testing.assert_allclose(gram / gram[0, 0], np.eye(8), atol=1e-6)


def test_half_precision_and_seeds():
    for kind in (torch.float64, torch.bfloat16):
        one, two, three = (chain(nn.Tanh, depth=5).to(kind) for _ in range(3))
        for model, seed in ((one, 0), (two, 0), (three, 1)):
            initialise(model, real(8, 32), "orthogonal", seed=seed)
        assert torch.equal(one[0].weight, two[0].weight)
        assert not torch.equal(one[0].weight, three[0].weight)
        assert one[0].weight.dtype == kind


def test_refusals():
    model = chain(nn.Tanh, depth=3)
    with pytest.raises(InputError, match="scheme must be one of critical, orthogonal, lsuv"):
        initialise(model, real(4, 32), "he")
    with pytest.raises(InputError, match="PyTorch module"):
        initialise({"a.weight": np.ones((2, 2))}, real(4, 32))
    with pytest.raises(InputError, match="x must be"):
        initialise(model, None)
    for module in (nn.ReLU(), nn.Identity(), nn.LayerNorm(32)):
        with pytest.raises(InputError, match="no use of weights is seen"):
            initialise(module, real(4, 32))
    for seed in (-1, "a", 0.5):
        with pytest.raises(InputError, match="seed must be a whole number"):
            initialise(model, real(4, 32), seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("width", [4, 8])
def test_a_target_that_is_missed_is_said_first_and_warned_of(width):
    torch.manual_seed(0)
    model = nn.Sequential(*(m for _ in range(30) for m in (nn.Linear(width, width), nn.Sigmoid())))
    with pytest.warns(TargetMissedWarning, match="does not keep its size"):
        found = initialise(model, real(16, width))
    assert found.keeps_size is False
    assert abs(over_all(found.after)) > np.log(10)
    assert abs(over_all(found.after)) < abs(over_all(found.before))
    assert str(found).startswith("Target missed")
    scales = dict(zip(found.changed.module.values.tolist(), found.changed.after.values.tolist(), strict=True))
    at_limit = {name for name, scale in scales.items() if abs(np.log(scale)) > np.log(50) - 1e-5}
    assert set(found.at_limit) == at_limit
    assert inspect(model, real(16, width)).table.equals(found.after.table)
    if width == 8:  # a third of its units are saturated
        assert found.after.table.saturated.mean() > 0.25
        assert "too small" not in str(found.after)


def test_a_target_that_is_met_is_claimed_and_no_verdict_is_neither():
    found = initialise(chain(nn.Tanh, depth=12), real(16, 32))
    assert found.keeps_size is True
    assert found.at_limit == ()
    assert "missed" not in str(found)
    assert initialise(nn.Linear(8, 4), real(4, 8)).keeps_size is None
    shrunk = initialise(chain(nn.Sigmoid), real(16, 32), "orthogonal")  # aims at something else: said, not warned of
    assert shrunk.keeps_size is False


@pytest.mark.parametrize("scheme", ["critical", "lsuv", "orthogonal"])
def test_layers_with_frozen_parameters_are_kept_and_said(scheme):
    model = chain(nn.Tanh, depth=6)
    model[0].requires_grad_(False)
    model[4].weight.requires_grad_(False)
    model[6].bias.requires_grad_(False)
    state = {n: t.clone() for n, t in model.state_dict().items()}
    frozen = [n for n, p in model.named_parameters() if not p.requires_grad]
    found = initialise(model, real(16, 32), scheme)
    same = {n for n, t in model.state_dict().items() if torch.equal(t, state[n])}
    assert same == {f"{layer}.{part}" for layer in (0, 4, 6) for part in ("weight", "bias")}
    assert found.left_alone == ("kept (frozen: requires_grad=False): 0, 4, 6",)
    assert list(found.changed.module.values) == ["2", "8", "10", "12"]
    assert [n for n, p in model.named_parameters() if not p.requires_grad] == frozen


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sigmoid MLP, 30 layers", "plain CNN, 56 layers", "SIREN, default"])
def test_real_models_keep_their_gradient(name):
    models = pytest.importorskip("benchmarks.models")
    case = models.case(name)
    assert abs(inspect(*case).log_change) > 10
    initialise(case.model, case.x, loss=case.loss)
    assert abs(inspect(*case).log_change) <= 2


class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()


def identities():
    model = nn.Sequential(*(m for _ in range(12) for m in (nn.Linear(2, 2), nn.ReLU())), nn.Linear(2, 1))
    for layer in model[::2]:
        nn.init.eye_(layer.weight)
        nn.init.constant_(layer.bias, 0.1)
    return model


def roots():
    model = nn.Sequential(nn.Linear(8, 8), Root(), nn.Linear(8, 8), Root(), nn.Linear(8, 1))
    torch.manual_seed(0)
    for layer in model[::2]:
        nn.init.uniform_(layer.weight, 0.1, 0.3)
        nn.init.constant_(layer.bias, 0.5)
    return model


@pytest.mark.parametrize("make", [identities, roots])  # drawn anew: no signal, or NaN
@pytest.mark.parametrize("scheme", ["critical", "orthogonal"])
def test_no_healthy_model_is_left_without_a_gradient(make, scheme):
    model = make()
    x = torch.rand(16, model[0].in_features, generator=torch.Generator().manual_seed(1))
    state = {n: t.clone() for n, t in model.state_dict().items()}
    found = initialise(model, x, scheme, loss=lambda out: out.square().mean())
    assert found.before.verdict == "healthy"
    assert all(torch.equal(t, state[n]) for n, t in model.state_dict().items())
    assert found.keeps_size is True
    assert f'scheme "{scheme}" would have no verdict: ' in found.left_alone[0]


@pytest.mark.parametrize(
    ("make", "loss"),
    [(lambda: chain(nn.Tanh, depth=4), lambda out: (0 * out).sum()), (lambda: nn.Linear(32, 4), None)],
    ids=["loss without a gradient", "one layer"],
)
def test_without_evidence_nothing_is_changed_and_that_is_said(make, loss):
    model = make()
    state = {n: t.clone() for n, t in model.state_dict().items()}
    found = initialise(model, real(16, 32), loss=loss)
    assert all(torch.equal(t, state[n]) for n, t in model.state_dict().items())
    assert found.keeps_size is None
    assert found.left_alone[0].startswith("kept (No verdict: ")


def test_a_signal_that_is_lost_is_found_again():
    model = chain(nn.ReLU, depth=4)
    with torch.no_grad():
        for layer in model[::2]:
            layer.bias.zero_()
        model[2].weight.zero_()
    found = initialise(model, real(16, 32), loss=lambda out: out.square().mean())
    assert found.before.verdict == "no verdict"  # the output is 0, and so is its gradient
    assert found.keeps_size is True


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt])
def test_an_exception_in_the_middle_leaves_the_model_as_it_was(problem):
    model, calls = chain(nn.Tanh, depth=4), []
    state = {n: t.clone() for n, t in model.state_dict().items()}

    def loss(out):
        calls.append(0)
        if len(calls) > 2:
            raise problem
        return out.square().sum()

    with pytest.raises(InputError if problem is ValueError else problem):
        initialise(model, real(16, 32), loss=loss)
    assert all(torch.equal(t, state[n]) for n, t in model.state_dict().items())


class Slopes(nn.Module):
    """A product whose module has vectors that are no biases, and one that is."""

    def __init__(self):
        super().__init__()
        self.slope, self.gain, self.shift = (nn.Parameter(torch.full((n,), 0.25)) for n in (1, 16, 16))
        self.weight = nn.Parameter(torch.randn(16, 16) * 0.1)

    def forward(self, x):
        return F.linear(F.prelu(x, self.slope) * self.gain, self.weight, self.shift)


class Kernel(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(16, 16) / 8)

    def forward(self, x):
        return x @ self.kernel


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = (nn.Parameter(torch.randn(16, 16) / 8) for _ in range(3))

    def forward(self, x):
        return torch.tanh(torch.tanh(x @ self.first) @ self.second.T) @ self.third


def test_of_the_vectors_of_a_product_its_bias_alone_is_zeroed():
    torch.manual_seed(0)
    model = nn.Sequential(*(Slopes() for _ in range(4)), nn.Linear(16, 4))
    found = initialise(model, real(32, 16))
    assert {"0", "1", "2", "3"} <= set(found.changed.module.values)
    for part in model[:4]:
        assert (part.slope == 0.25).all()
        assert (part.gain == 0.25).all()
        assert (part.shift == 0).all()


def test_a_product_is_a_layer_wherever_it_stands():
    torch.manual_seed(0)
    parts = nn.Sequential(Kernel(), nn.Tanh(), Kernel(), nn.Tanh(), Kernel())
    assert initialise(parts, real(8, 16)).changed.module.values.tolist() == ["0", "2", "4"]
    assert initialise(Bare(), real(8, 16)).changed.module.values.tolist() == ["first", "second", "third"]


@pytest.mark.parametrize("convert", [lambda x: x.numpy(), lambda x: x.double(), lambda x: UserDict(x=x)])
def test_lsuv_takes_what_inspect_takes_also_of_bare_matrices(convert):
    model, sizes = Bare(), []
    initialise(model, convert(real(8, 16)), "lsuv")
    out = real(8, 16)
    for matrix in (model.first, model.second.T, model.third):
        out = out @ matrix
        sizes.append(float(out.detach().double().std()))
        out = torch.tanh(out)
    np.testing.assert_allclose(sizes, 1, rtol=1e-5)


def test_lsuv_keeps_every_mode_and_buffer_and_all_random_numbers():
    class Noise(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("runs", torch.zeros(()))

        def forward(self, x):
            self.runs += 1
            return x + 0.1 * torch.randn_like(x)

    model = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), Noise(), nn.Tanh(), nn.Linear(16, 4))
    model[1].eval()
    x, seed = real(8, 16), torch.random.get_rng_state()
    found = initialise(model, x, "lsuv")
    assert found.changed.module.values.tolist() == ["4"]
    assert not model[1].training
    assert model[2].training
    assert model[2].runs == 0
    assert torch.equal(torch.random.get_rng_state(), seed)


def test_weights_in_half_precision_are_rounded_once_however_many_rounds_scale_them():
    drawn, scaled = (chain(nn.Sigmoid, depth=12).bfloat16() for _ in range(2))
    initialise(drawn, real(8, 32).bfloat16(), "orthogonal")
    initialise(scaled, real(8, 32).bfloat16())
    for one, other in zip(drawn[::2], scaled[::2], strict=True):
        ratio = other.weight.detach().double() / one.weight.detach().double()
        assert float(ratio.max() / ratio.min()) <= (1 + 2**-8) / (1 - 2**-8)  # unit roundoff of bfloat16
    assert float((scaled[2].weight.norm() / drawn[2].weight.norm()).detach()) > 2
