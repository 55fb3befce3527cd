"""watch: what is recorded in training is what autograd has, and a layer that dies is said."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from vgtheory import watch  # noqa: E402
from vgtheory._errors import InputError, VanishingWarning  # noqa: E402


def net(width=16, depth=3):
    torch.manual_seed(0)
    return nn.Sequential(*(m for _ in range(depth) for m in (nn.Linear(width, width), nn.Tanh())), nn.Linear(width, 2))


def step(model, optimiser, x, scale=1.0):
    optimiser.zero_grad()
    (scale * model(x).square().mean()).backward()
    optimiser.step()


def test_the_record_is_what_autograd_has():
    model, x = net(), torch.randn(8, 16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    with watch(model, every=3) as seen:
        for k in range(7):
            step(model, optimiser, x, scale=10.0**k)
    record = seen.record
    assert list(record.step.values) == [0, 3, 6]
    assert list(record.module.values) == ["0", "2", "4", "6"]
    outputs = []
    h = x
    for part in model:
        h = part(h)
        if isinstance(part, nn.Linear):
            h.retain_grad()
            outputs.append(h)
    model.zero_grad()
    h.square().mean().backward()
    norms = np.array([float(h.grad.double().norm()) for h in outputs])
    np.testing.assert_allclose(record.rms[0], [float(h.detach().square().mean().sqrt()) for h in outputs], rtol=1e-5)
    for place, k in enumerate((0, 3, 6)):
        np.testing.assert_allclose(record.gradient_norm[place], 10.0**k * norms, rtol=1e-4)
        np.testing.assert_allclose(record.relative[place], np.log(norms / norms[-1]), atol=1e-4)
    ratio = [float(model[k].weight.grad.norm() / model[k].weight.detach().norm()) for k in (0, 2, 4, 6)]
    np.testing.assert_allclose(record.update_ratio[0], ratio, rtol=1e-4)
    assert not seen.alarms


def test_a_layer_that_dies_is_said_once():
    model, x = net(), torch.randn(8, 16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    with watch(model, every=1) as seen:
        step(model, optimiser, x)
        with torch.no_grad():
            model[2].bias.fill_(12.0)
        step(model, optimiser, x)
        with pytest.warns(VanishingWarning, match="at step 1"):
            step(model, optimiser, x)
    assert [alarm.partition(":")[0] for alarm in seen.alarms] == ["0", "2"]


def test_evaluation_is_no_step_and_nothing_is_left_behind():
    model, x = net(), torch.randn(8, 16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, every=2) as seen:
        for _ in range(3):
            step(model, optimiser, x)
            model.eval()
            model(x)
            model.train()
            with torch.no_grad():
                model(x)
        assert seen.record.sizes["step"] == 2
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not any(p._post_accumulate_grad_hooks for p in model.parameters())
    assert watch(model).record.sizes == {"step": 0, "module": 0}


def test_between_the_steps_that_are_watched_no_part_is_listened_to():
    model, x = net(), torch.randn(8, 16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, every=100):
        hooks = []
        for _ in range(3):
            step(model, optimiser, x)
            hooks.append(sum(len(m._forward_hooks) for m in model))
    assert hooks == [4, 0, 0]


class HuggingFace:
    """The part of transformers' Trainer and CallbackHandler that calls callbacks."""

    EVENTS = (
        "on_init_end",
        "on_train_begin",
        "on_epoch_begin",
        "on_step_begin",
        "on_step_end",
        "on_log",
        "on_train_end",
    )

    def __init__(self, callbacks):
        self.callbacks = callbacks

    def call(self, event, model):
        for callback in self.callbacks:
            getattr(callback, event)(object(), object(), object(), model=model)


class Lightning:
    """The part of Lightning's trainer that calls callbacks."""

    EVENTS = (
        "setup",
        "on_fit_start",
        "on_train_start",
        "on_train_batch_start",
        "on_train_batch_end",
        "on_train_end",
        "teardown",
    )

    def __init__(self, callbacks):
        self.callbacks = callbacks
        assert all(callback.state_key and callback.state_dict() == {} for callback in callbacks)

    def call(self, event, model):
        for callback in self.callbacks:
            hook = getattr(callback, event)
            if callable(hook):
                hook(self, model)


@pytest.mark.parametrize("library", [HuggingFace, Lightning])
def test_trainers_of_others_call_it_as_a_callback(library, tmp_path):
    model, x = net(), torch.randn(8, 16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = watch(model, every=2, out=tmp_path / "run.csv")
    trainer = library([seen])
    middle = len(library.EVENTS) // 2
    for event in library.EVENTS[: middle + 1]:
        trainer.call(event, model)
    for _ in range(5):
        step(model, optimiser, x)
    for event in library.EVENTS[middle + 1 :]:
        trainer.call(event, model)
    assert list(seen.record.step.values) == [0, 2, 4]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    lines = (tmp_path / "run.csv").read_text().splitlines()
    assert lines[0] == "step,module,rms,gradient_norm,relative,update_ratio"
    assert len(lines) == 1 + 3 * 4
    assert float(lines[-1].split(",")[2]) == float(seen.record.rms[-1, -1])
    with pytest.raises(AttributeError):
        seen.fit  # noqa: B018 - no event


def test_numbers_go_to_writers_of_scalars():
    class Writer:
        def __init__(self):
            self.seen = {}

        def add_scalar(self, tag, value, step):
            self.seen[tag, step] = value

    model, x, writer = net(), torch.randn(8, 16), Writer()
    with watch(model, every=1, out=writer) as seen:
        step(model, torch.optim.SGD(model.parameters(), lr=0.1), x)
    assert writer.seen["update_ratio/0", 0] == float(seen.record.update_ratio[0, 0])
    assert len(writer.seen) == 16


@pytest.mark.filterwarnings("ignore::vgtheory._errors.VanishingWarning")
def test_a_layer_whose_weights_no_longer_move_is_said():
    model, x = net(), torch.randn(8, 16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    with watch(model, every=1) as seen:
        step(model, optimiser, x)
        with torch.no_grad():
            model[4].weight.mul_(1e6)  # the same gradient on weights that are a million times as large
            model[6].weight.mul_(1.0)
        step(model, optimiser, x)
    assert any("update ratio" in alarm or "gradient" in alarm for alarm in seen.alarms)


def test_refusals():
    with pytest.raises(InputError, match="csv path"):
        watch(net(), out="run.txt")
    with pytest.raises(InputError, match="PyTorch module"):
        watch("model")
    with pytest.raises(InputError, match="every"):
        watch(net(), every=0)
