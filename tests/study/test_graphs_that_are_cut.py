"""inspect of modules that cut their own graph, and of the user's own parts, which are asked as they would be called."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from vgtheory import inspect  # noqa: E402


def real(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def squared(output):
    return output.square().mean()


def at_once(x):
    with torch.no_grad():
        return x * 1.0


class Cut(nn.Module):
    """Ten layers, between two of which nothing of the gradient comes through."""

    def __init__(self, cut):
        super().__init__()
        torch.manual_seed(0)
        self.layers, self.cut = nn.ModuleList(nn.Linear(16, 16) for _ in range(10)), cut

    def forward(self, x):
        for k, layer in enumerate(self.layers):
            x = torch.tanh(layer(x))
            if k == 4:
                x = self.cut(x)
        return x


@pytest.mark.parametrize(
    "cut",
    [
        lambda x: x.detach(),
        lambda x: x.data,
        at_once,
        lambda x: torch.cat(x.detach().chunk(2, 1), 1),
        torch.Tensor.detach_,
    ],
    ids=["detach", "data", "no_grad", "in pieces", "in place"],
)
def test_a_cut_in_the_middle_is_named_and_nothing_is_said_of_the_whole(cut):
    model = Cut(cut)
    squared(model(real(8, 16))).backward()
    without = [n.removesuffix(".weight") for n, p in model.named_parameters() if p.grad is None and "weight" in n]
    assert without == [f"layers.{k}" for k in range(5)]
    found = inspect(model, real(8, 16), squared)
    assert found.verdict == "no verdict"
    assert found.culprit is None
    assert "the graph is cut in front of layers.5" in found.text
    assert found.left_out[0].startswith(", ".join(without) + ": the graph is cut behind them")
    assert not any("does not depend" in what for what in found.left_out)


def test_what_no_loss_depends_on_is_no_cut_and_targets_that_are_held_fixed_leave_the_verdict():
    class Two(nn.Module):
        def __init__(self, cut):
            super().__init__()
            torch.manual_seed(0)
            self.one, self.other = (nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)) for _ in range(2))
            self.cut = cut

        def forward(self, x):
            y = self.other(x)
            zeros = torch.zeros_like(self.one(x)).detach()  # of its shape alone
            return self.one(x) + zeros, y.detach() if self.cut else y

    away = inspect(Two(False), real(4, 8), lambda out: squared(out[0]))
    assert (away.verdict, away.left_out[0].split(" the loss")[0]) == ("healthy", "other.0, other.2:")
    target = inspect(Two(True), real(4, 8), lambda out: squared(out[0] - out[1]))
    assert target.verdict == "healthy"
    assert target.left_out[0].startswith("other.0, other.2: the graph is cut behind them")


class Shaped(nn.Module):
    """tanh of tensors of one shape only."""

    def forward(self, x):
        b, n = x.shape
        assert (b, n) == (20, 8)
        return torch.tanh(x)


class _Sigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.sigmoid(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return gradient * y * (1 - y)


class OwnSigmoid(nn.Module):
    def forward(self, x):
        return _Sigmoid.apply(x)


class Normed(nn.Module):
    def forward(self, x):
        return x / x.square().mean(-1, keepdim=True).sqrt()


class Once(nn.Module):
    """Refuses numbers that it has not seen."""

    def forward(self, x):
        if getattr(self, "seen", x) is not x:
            raise ValueError("not those")
        self.seen = x
        return torch.tanh(x)


@pytest.mark.parametrize("own", [Shaped, OwnSigmoid, Normed, Once])
def test_parts_of_the_users_own_run_as_they_would_and_are_asked_in_their_own_shape(own):
    torch.manual_seed(0)
    part, x = own(), 8 * real(20, 8)
    model = nn.Sequential(nn.Linear(8, 8), part, nn.Linear(8, 1))
    found = inspect(model, x, squared)
    assert found.table.sizes["call"] == 2
    share = float(found.table.saturated[0])
    if own in (Normed, Once):  # no function of entries, or none that could be asked: no share is known
        assert share != share
    else:
        h = model[0](x).detach().requires_grad_()
        part(h).sum().backward()
        largest = 0.25 if own is OwnSigmoid else 1.0
        assert 0 < share == float((h.grad.abs() <= largest / 100).double().mean())


class Remembering(nn.Module):
    """Layers that each add what they gave in an earlier pass, and one beside them that the loss does not look at."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers, self.beside = nn.ModuleList(nn.Linear(16, 16) for _ in range(6)), nn.Linear(16, 4)
        self.memory, self.keeps = [torch.zeros(8, 16)] * 6, True

    def forward(self, x):
        for k, layer in enumerate(self.layers):
            h = torch.tanh(layer(x))
            seen = h.detach() if self.keeps or k == 0 else None
            x = h + 0.1 * self.memory[k]
            if self.keeps:
                self.memory[k] = seen
        return x, self.beside(x)


def test_what_a_model_keeps_of_one_inspection_says_nothing_in_the_next():
    model, x = Remembering(), real(8, 16)
    inspect(model, x)
    inspect(model, x)  # six cuts, through which comes what is kept; below there is one
    model.keeps = False
    again = inspect(model, x)
    model.memory = [kept.clone() for kept in model.memory]  # nothing but numbers
    fresh = inspect(model, x)
    assert (again.text, again.left_out, again.causes) == (fresh.text, fresh.left_out, fresh.causes)
