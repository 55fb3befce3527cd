"""Verdicts, culprits and causes of models whose truth hooks by hand give: what is not single is not singled out."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from vgtheory import inspect  # noqa: E402


def real(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def squared(output):
    return output.square().mean()


class Stream(nn.Module):
    """Blocks x + W_2 tanh(W_1 x) from the input on, alike but for one."""

    def __init__(self, scale, depth=16, width=32):
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width)) for _ in range(depth)
        )
        self.out, self.bare, self.keep = nn.Linear(width, 1), None, 1
        for block in self.blocks:
            nn.init.normal_(block[2].weight, std=scale / width**0.5)

    def forward(self, x):
        self.seen = [x]
        for k, block in enumerate(self.blocks):
            x = block(x) if k == self.bare else self.keep * x + block(x)
            self.seen.append(x)
        return self.out(x)


@pytest.mark.parametrize("scale", [1e-4, 0.05])
def test_small_branches_are_no_fault_of_a_stream_that_keeps_its_gradient(scale):
    model, x = Stream(scale), real(64, 32).requires_grad_()
    loss = squared(model(x))
    first, last = torch.autograd.grad(loss, [model.seen[1], model.seen[-1]])
    found = inspect(model, x.detach(), squared)
    assert (found.verdict, found.culprit) == ("healthy", None)
    rows = found.table.set_index(call="name").log_gradient_norm
    stream = float(rows.sel(call="blocks.0.2") - rows.sel(call="blocks.15.2"))
    assert stream == pytest.approx(float((first.norm() / last.norm()).log()), abs=1e-4)
    assert found.log_change == pytest.approx(
        stream + float(rows.sel(call="blocks.15.2") - rows.sel(call="out")), abs=1e-12
    )
    model.keep = 2
    assert inspect(model, x.detach(), squared).verdict == "explodes"  # the stream's own change is seen


def relu_chain():
    torch.manual_seed(0)
    model = nn.Sequential(*[p for _ in range(10) for p in (nn.Linear(32, 32), nn.ReLU())], nn.Linear(32, 1))
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=(2 / 32) ** 0.5)
    return model


@pytest.mark.parametrize("places", [(4,), (4, 12), (2, 4, 8, 12, 14, 16)])
def test_equal_faults_are_all_named_and_none_of_them_is_the_culprit(places):
    model = relu_chain()
    with torch.no_grad():
        for place in places:
            model[place].weight.mul_(1e-3)
    found = inspect(model, real(64, 32), squared)
    assert found.verdict == "vanishes"
    assert found.culprit == (str(places[0]) if len(places) == 1 else None)
    named = [cause for cause in found.reasons if cause.kind == "unlike scale"]
    if len(places) < 6:  # more than half of all is how the model is
        assert {cause.where for cause in named} == set(map(str, places))
    for cause in named:
        assert cause.numbers["sigma_w"] == pytest.approx(1.41e-3, rel=0.1)
        assert cause.numbers["here"] == pytest.approx(1e-3, rel=0.6)


def test_the_path_with_most_calls_is_judged_where_two_meet():
    class Looped(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.w, self.u, self.o = nn.Linear(16, 16), nn.Linear(8, 16), nn.Linear(16, 1)

        def forward(self, x):
            z = torch.zeros(len(x), 16)
            for _ in range(30):
                z = torch.tanh(self.w(z) + self.u(x))
            return self.o(z)

    model = Looped()
    with torch.no_grad():
        model.o.weight.mul_(3)
    found = inspect(model, real(32, 8), squared)
    assert (found.verdict, found.culprit) == ("vanishes", None)
    depth = next(cause for cause in found.reasons if cause.kind == "depth")
    norms = found.table.gradient_norm.values[found.table.name.values == "w"]
    assert depth.numbers["steps"] == 30
    assert depth.numbers["factor"] == pytest.approx(float(np.median(norms[:-1] / norms[1:])), rel=0.05)
    weights = next(cause for cause in found.reasons if cause.kind == "weights")
    own = 4 * float(model.w.weight.detach().square().mean().sqrt())
    assert weights.numbers["sigma_w"] == pytest.approx(own, rel=1e-6)


def test_rows_that_lose_the_gradient_beside_the_path_are_said():
    class Attention(nn.Module):
        def __init__(self, sharp):
            super().__init__()
            torch.manual_seed(0)
            self.i, self.o, self.sharp = nn.Linear(8, 16), nn.Linear(16, 1), sharp
            self.q, self.k, self.v = (nn.Linear(16, 16) for _ in range(3))

        def forward(self, x):
            h = self.i(x)
            weights = (self.q(h) @ self.k(h).transpose(1, 2) * self.sharp).softmax(-1)
            return self.o(weights @ self.v(h))

    found = inspect(Attention(1e6), real(4, 10, 8), squared)
    model = Attention(1e6)
    squared(model(real(4, 10, 8))).backward()
    assert float(model.q.weight.grad.norm()) < 2**-24 * float(model.v.weight.grad.norm())
    assert found.reasons[-1].names == ("q", "k")
    assert "But hardly any reaches q, k." in found.text
    assert found.lost_at == found.table.call.values[found.table.name.values == "k"]
    assert inspect(Attention(0.25), real(4, 10, 8), squared).reasons == ()


def test_gradients_of_derivatives_that_a_model_takes_inside_are_not_the_losses():
    class Score(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.n = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))

        def forward(self, t):
            t = t.detach().requires_grad_()
            return torch.autograd.grad(self.n(t).sum(), t, create_graph=True)[0]

    model, x, outputs = Score(), torch.rand(20, 1, generator=torch.Generator().manual_seed(1)), []
    handles = [part.register_forward_hook(lambda m, a, out: outputs.append(out)) for part in model.n[::2]]
    gradients = torch.autograd.grad(squared(model(x)), outputs, allow_unused=True)
    for handle in handles:
        handle.remove()
    found = inspect(model, x, squared)
    expected = [float(g.norm()) for g in gradients if g is not None]
    np.testing.assert_allclose(found.table.gradient_norm, expected, rtol=1e-4)
    assert len(expected) == 2
    assert found.verdict == "no verdict"
    assert any("n.4" in what and "derivative" in what for what in found.left_out)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_a_gradient_that_is_rounding_is_no_verdict(kind):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 5)).to(kind), real(20, 8).to(kind)
    constant = inspect(model, x, lambda out: out.softmax(-1).sum())  # 20, whatever the model says
    assert constant.verdict == "no verdict"
    assert "0 up to rounding" in constant.text
    small = inspect(model, x, lambda out: 1e-9 * squared(out))  # small, but a gradient
    assert small.verdict == "healthy"
    if kind == torch.float32:
        normed = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 16), nn.LayerNorm(16))
        assert inspect(normed, x, lambda out: out.mean()).verdict == "no verdict"  # always 0
        assert inspect(normed, x, lambda out: out[:, 0].mean()).verdict == "healthy"
        same = inspect(
            model, x, lambda o: nn.functional.kl_div(o.log_softmax(-1), o.detach().softmax(-1), reduction="sum")
        )
        assert same.verdict == "no verdict"


class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()


def test_nan_is_named_where_it_arises():
    torch.manual_seed(0)
    x, model = real(20, 8), nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), Root(), nn.Linear(8, 1))
    rooted = inspect(model, x, squared)
    assert (rooted.verdict, rooted.culprit) == ("no verdict", "3")
    assert rooted.text == "No verdict: NaN arises in sqrt in 3."
    model[3] = nn.Tanh()
    in_loss = inspect(model, x, lambda out: (out - 10).log().mean())
    assert in_loss.text == "No verdict: NaN arises in log in the loss."
    with torch.no_grad():
        model[2].weight[0, 0] = math.nan
    held = inspect(model, x, squared)
    assert (held.verdict, held.text) == ("no verdict", "No verdict: 2.weight holds NaN.")
    assert not any("depend" in what for what in held.left_out)
    with torch.no_grad():
        model.double()[2].weight.fill_(1e300)
    assert inspect(model, x.double(), squared).verdict == "explodes"  # beyond the range, and no NaN before
