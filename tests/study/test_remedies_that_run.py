"""The code of remedies, pasted into a script: it runs, the gradient does what is claimed, and the network trains."""

import ast
import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

import vgtheory as vg  # noqa: E402
from vgtheory._errors import UnsupportedError  # noqa: E402
from vgtheory.study.advice import code  # noqa: E402
from vgtheory.study.inspection.modules.model_copy import copied  # noqa: E402


def sigmoid_mlp(depth, width=32, inputs=16):
    torch.manual_seed(0)
    layers = [nn.Linear(inputs, width), nn.Sigmoid()]
    for _ in range(depth - 2):
        layers += [nn.Linear(width, width), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


class Convolutions(nn.Module):
    """A plain CNN whose activations are functions."""

    def __init__(self, depth=20):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.rest = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(depth))
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.first(x))
        for layer in self.rest:
            x = F.relu(layer(x))
        return self.fc(x.mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.head = getattr(nn, kind)(8, 16, batch_first=True), nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def real(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def pasted(text, model, seed=0):
    names = {"model": model}
    torch.manual_seed(seed)
    exec(text, names)  # noqa: S102 - what users are told to do
    return names["model"]


@pytest.mark.parametrize("name", code.FUNCTIONS)
def test_functions_are_those_of_the_catalogue(name):
    x = np.linspace(-5, 5, 101)
    value = eval(code.FUNCTIONS[name][0], {"torch": torch, "x": torch.tensor(x)})  # noqa: S307 - our own text
    np.testing.assert_allclose(value.numpy(), vg.compile(name)(x), rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method"), [("sigmoid", "dks"), ("softplus", "tat"), ("relu", "tat")])
def test_the_text_of_a_transformed_activation_is_that_activation(name, method):
    shaped = vg.calculus.transform(name, 20, method)
    network = vg.Network(shaped.activation, vg.Weights.gaussian(1), width=4, depth=20)
    text = code.transformed(network, vg.activation(name), shaped.parameters, name).pytorch
    model = pasted(text, nn.Sequential(nn.Linear(4, 4)))
    assert isinstance(model.model, nn.Sequential)
    names = {"model": nn.Identity()}
    exec(text, names)  # noqa: S102
    x = np.linspace(-4, 4, 33)
    np.testing.assert_allclose(
        names["phi"](torch.tensor(x)).numpy(), vg.compile(shaped.activation)(x), rtol=1e-8, atol=1e-10
    )


@pytest.mark.slow  # transforms and critical points are solved for
def test_every_remedy_of_a_deep_sigmoid_network_does_what_is_claimed():
    model, x = sigmoid_mlp(16), real(32, 16)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    found = vg.inspect(model, x)
    advice = vg.advise(found)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    kinds = {remedy.kind for remedy in advice.remedies}
    assert {"activation", "activation transform", "critical scale", "skip connection", "measured scales"} <= kinds
    for remedy in advice.remedies:
        changed = vg.inspect(pasted(remedy.code, sigmoid_mlp(16), seed=5), x)
        spread = 5 * max(remedy.trial.std, 0.05)  # five standard deviations, of which three draws tell little
        assert abs(changed.log_change - remedy.trial.simulated) < spread + 0.5, remedy.change
        assert abs(changed.log_change) < 0.3 * abs(found.log_change)
    priced = [remedy.cost != "" for remedy in advice.remedies]
    assert priced == sorted(priced)
    assert any("saturated" in r.cost for r in advice.remedies if r.kind == "critical scale")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "x"),
    [
        (Convolutions, real(4, 3, 8, 8)),
        (lambda: Recurrent("RNN"), real(4, 40, 8)),
        (lambda: Recurrent("LSTM"), real(4, 60, 8)),
    ],
    ids=["convolutions", "rnn", "lstm"],
)
def test_models_that_are_no_chain_get_remedies_that_were_measured(make, x):
    found = vg.inspect(make(), x)
    assert found.verdict == "vanishes"
    assert found.network is not None  # convolutions and cells are recognised, but remedies of chains are not theirs
    advice = vg.advise(found)
    best = advice.remedies[0]
    changed = vg.inspect(pasted(best.code, make(), seed=9), x)
    assert abs(changed.log_change) < 0.4 * abs(found.log_change)


@pytest.mark.parametrize(
    "compute",
    [lambda layer: prune.random_unstructured(layer, "weight", 0.3), nn.utils.weight_norm, nn.utils.spectral_norm],
    ids=["pruned", "weight norm", "spectral norm"],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's, of the old-style weight norm
def test_models_that_keep_computed_weights_are_copied_with_them(compute):
    torch.manual_seed(0)
    model = nn.Sequential(compute(nn.Linear(8, 8)), nn.Tanh(), nn.Linear(8, 2))
    x = real(4, 8)
    model(x)
    twin = copied(torch, model)
    wanted = model.eval()(x).detach()
    np.testing.assert_allclose(twin.eval()(x).detach(), wanted, rtol=1e-6)
    with torch.no_grad():
        for p in twin.parameters():
            p.mul_(2)
    assert bool(((twin(x) - wanted).abs() > 1e-3).all())
    np.testing.assert_allclose(model(x).detach(), wanted, rtol=1e-6)


def test_healthy_models_need_no_remedy_and_weights_alone_cannot_be_tried():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4))
    assert vg.advise(vg.inspect(model, real(8, 16))).remedies == ()
    weights = {f"{k}.weight": np.eye(8) for k in range(3)}
    with pytest.raises(UnsupportedError, match="stored weights cannot be run"):
        vg.advise(vg.inspect(weights, activation="tanh", order="names", skip=0))


@pytest.mark.slow
def test_thirty_layers_of_sigmoids_learn_digits_by_the_first_remedy():
    datasets = pytest.importorskip("sklearn.datasets")
    data, target = datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(target))  # the last digits are other people's
    data, target = torch.tensor(data[order] / 8 - 1, dtype=torch.float32), torch.tensor(target[order])
    train, test = slice(0, 1347), slice(1347, None)

    def accuracy(model):
        torch.manual_seed(1)
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(30):
            for rows in torch.randperm(1347).split(64):
                optimiser.zero_grad()
                F.cross_entropy(model(data[train][rows]), target[train][rows]).backward()
                optimiser.step()
        with torch.no_grad():
            return float((model(data[test]).argmax(1) == target[test]).double().mean())

    def make():
        return sigmoid_mlp(30, width=128, inputs=64)

    found = vg.inspect(make(), data[:64], lambda out: F.cross_entropy(out, target[:64]))
    assert found.verdict == "vanishes"
    best = vg.advise(found).remedies[0]
    assert accuracy(pasted(best.code, make())) >= 0.95, best.change
    assert accuracy(make()) < 0.3  # as it is, it does not learn at all


@pytest.mark.parametrize("act", ["softsign", "x*tanh(x)", "gelu"])
def test_imports_come_first(act):
    text = code.activation(vg.Network(act, vg.Weights.gaussian(1.5, 0.1), width=8, depth=4), "sigmoid").pytorch
    body = ast.parse(text).body
    first = 1 if act == "gelu" else 2
    assert [isinstance(statement, ast.Import) for statement in body] == [True] * first + [False] * (len(body) - first)
    assert text == text.lstrip()


def test_every_remedy_of_a_model_runs_where_nothing_but_the_model_is_defined():
    model, x = Recurrent("LSTM"), real(4, 30, 8)
    advice = vg.advise(vg.inspect(model, x))
    codes = [remedy.code for remedy in advice.remedies if remedy.code]
    assert codes
    for remedy, line in zip(reversed(advice.remedies), reversed(str(advice).splitlines()), strict=False):
        assert line.endswith(f"; loss {remedy.loss:.3g} after 30 steps")
    for text in codes:
        names = {"model": copy.deepcopy(model), "x": x}
        exec(text + "model(x)", names)  # noqa: S102 - what users are told to do


def test_a_signal_that_overflows_is_no_missing_gradient():
    torch.manual_seed(0)
    model = nn.Sequential(*(m for _ in range(30) for m in (nn.Linear(8, 8), nn.ReLU())), nn.Linear(8, 4))
    with torch.no_grad():
        for layer in model[::2]:
            layer.weight.mul_(1e12)
    answer = vg.advise(vg.inspect(model, torch.randn(4, 8)))
    assert answer.trial is None
    assert answer.problems[0].kind == "exploding"
    assert answer.remedies
    assert "inf" not in str(answer)
    assert not any("-inf" in reason for reason in answer.rejected)
