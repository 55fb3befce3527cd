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


class Scaled(nn.Module):
    def forward(self, x):
        return x * 1e-5


class InBetween(nn.Module):
    """Ten layers, between two of which the signal is scaled by no module."""

    def __init__(self, depth):
        super().__init__()
        torch.manual_seed(0)
        self.layers, self.depth = nn.ModuleList(nn.Linear(32, 32) for _ in range(depth)), depth

    def forward(self, x):
        for k, layer in enumerate(self.layers):
            x = torch.tanh(layer(x))
            if k == self.depth // 2:
                x = x * 1e-5
        return x


def tanh_chain(depth=10, norm=None, act=nn.Tanh):
    torch.manual_seed(0)
    parts = [p for _ in range(depth) for p in (nn.Linear(32, 32), *([norm(32)] if norm else []), act())]
    return nn.Sequential(*parts, nn.Linear(32, 1))


def with_scale():
    model = tanh_chain()
    model.insert(8, Scaled())
    return model


def with_gamma():
    model = tanh_chain(6, nn.LayerNorm)
    nn.init.constant_(model[7].weight, 1e-5)
    return model


def with_variance():
    model = tanh_chain(3, nn.BatchNorm1d).eval()
    model[4].running_var.fill_(1e12)
    return model


@pytest.mark.parametrize(("make", "culprit"), [(with_scale, "8"), (with_gamma, "7"), (with_variance, "4")])
def test_the_module_that_changes_the_gradient_is_named_though_it_has_no_matrix(make, culprit):
    model, x, seen = make(), real(64, 32), {}
    part = dict(model.named_modules())[culprit]

    def hook(module, given, output):
        given[0].register_hook(lambda g: seen.update(before=float(g.norm())))
        output.register_hook(lambda g: seen.update(after=float(g.norm())))

    handle = part.register_forward_hook(hook)
    squared(model(x)).backward()
    handle.remove()
    found = inspect(model, x, squared)
    assert (found.verdict, found.culprit, found.reasons[0].where) == ("vanishes", culprit, culprit)
    assert found.reasons[0].numbers["here"] == pytest.approx(seen["before"] / seen["after"], rel=1e-3)


@pytest.mark.parametrize("depth", [4, 10])
def test_what_no_module_does_is_said_to_happen_between_two(depth):
    found = inspect(InBetween(depth), real(64, 32), squared)
    assert (found.verdict, found.culprit) == ("vanishes", None)
    assert found.causes[0].startswith(
        f"between layers.{depth // 2}, layers.{depth // 2 + 1}, in no module of their own"
    )


class Clamped(nn.Module):
    def forward(self, x):
        return x.clamp(100.0, 101.0)


@pytest.mark.parametrize("act", [lambda: nn.Threshold(100.0, 0.0), Clamped])
def test_units_behind_thresholds_and_clamps_are_seen_to_be_dead(act):
    model = tanh_chain(4)
    model[3] = act()
    found = inspect(model, real(64, 32), squared)
    assert found.table.dead.values[1] == 1
    assert (found.verdict, found.culprit, found.reasons[0].kind) == ("vanishes", "2", "dead layer")


def test_the_block_without_the_skip_that_the_others_have_is_named():
    model = Stream(0.001)
    model.bare = 7
    found = inspect(model, real(64, 32), squared)
    loss = squared(model(real(64, 32).requires_grad_()))
    first, last = torch.autograd.grad(loss, [model.seen[1], model.seen[-1]])
    assert float((first.norm() / last.norm()).log()) < -math.log(10)
    assert found.verdict == "vanishes"
    assert found.culprit == "blocks.7.0"  # what reads the stream there
    assert found.reasons[0].kind == "missing skip"
    assert not any(
        cause.kind in ("missing skips", "missing parts") and "skip" in str(cause) for cause in found.reasons[1:]
    )


def test_a_dead_way_beside_others_is_said_where_it_is_and_not_by_the_whole():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.down, self.mid, self.up = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(32, 16)
            self.out = nn.Linear(16, 1)
            nn.init.constant_(self.mid.bias, -50.0)

        def forward(self, x):
            a = torch.relu(self.down(x))
            return self.out(torch.relu(self.up(torch.cat([torch.relu(self.mid(a)), a], 1))))

    found = inspect(Two(), real(64, 16), squared)
    assert (found.verdict, found.culprit) == ("vanishes", "mid")
    assert found.text.startswith("Vanishes at mid; the gradient norm changes by a factor of")


class Gated(nn.Module):
    """Convolutions tanh(f(x))·sigmoid(g(x)) one after another, and a ReLU in front of the last one."""

    def __init__(self, depth=8):
        super().__init__()
        torch.manual_seed(0)
        self.start, self.out = nn.Conv1d(1, 16, 1), nn.Conv1d(16, 8, 1)
        self.f, self.g, self.r = (
            nn.ModuleList(nn.Conv1d(16, 16, kernel, padding=kernel // 2) for _ in range(depth)) for kernel in (3, 3, 1)
        )

    def forward(self, x):
        x = self.start(x)
        for f, g, r in zip(self.f, self.g, self.r, strict=True):
            x = r(torch.tanh(f(x)) * torch.sigmoid(g(x)))
        return self.out(torch.relu(x))


def test_what_theory_knows_of_the_last_step_alone_is_not_said_of_the_whole():
    found = inspect(Gated(), real(4, 1, 40), squared)
    assert found.verdict == "vanishes"
    assert found.unknown.startswith("theory covers r.7 to out")
    assert not any("critical" in cause for cause in found.causes)
    assert any(cause.kind == "weights" and "critical" not in cause.numbers for cause in found.reasons)
