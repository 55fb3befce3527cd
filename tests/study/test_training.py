"""watch: what is recorded in training is what autograd has, and a layer that dies is said."""

import copy
import io
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from vgtheory import inspect, watch  # noqa: E402
from vgtheory._errors import InputError, UnseenWarning, VanishingWarning  # noqa: E402


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


def ratios(model):
    """Return ‖∂W‖/‖W‖ of every Linear, by autograd's own numbers."""
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    return [float(m.weight.grad.double().norm() / m.weight.detach().double().norm()) for m in linear]


def test_update_ratios_are_of_the_gradients_that_an_optimiser_takes():
    model, x = net(), torch.randn(8, 16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    taken = []
    with watch(model, every=3) as seen:
        for _ in range(2):
            optimiser.zero_grad()
            for _ in range(3):  # accumulated
                scaler.scale(model(x).square().mean()).backward()
            scaler.unscale_(optimiser)
            nn.utils.clip_grad_norm_(model.parameters(), 1e-2)
            taken.append(ratios(model))
            scaler.step(optimiser)
            scaler.update()
    assert list(seen.record.step.values) == [0, 3]
    np.testing.assert_allclose(seen.record.update_ratio, taken, rtol=1e-5)


def test_each_of_several_optimisers_is_asked_for_its_own_weights():
    model, x = net(), torch.randn(8, 16)
    halves = [torch.optim.SGD(part.parameters(), lr=0.1) for part in (model[:4], model[4:])]
    scalers = [torch.amp.GradScaler("cpu", init_scale=2.0**k) for k in (4, 8)]
    with watch(model, every=1) as seen:
        (16 * model(x).square().mean()).backward()
        for p in model[4:].parameters():
            p.grad *= 16
        wanted = np.array(ratios(model)) / [16, 16, 256, 256]
        for scaler, optimiser in zip(scalers, halves, strict=True):
            scaler.scale(torch.zeros(()))  # which starts it
            scaler.step(optimiser)
    np.testing.assert_allclose(seen.record.update_ratio[0], wanted, rtol=1e-5)


def test_several_passes_for_one_loss_are_one_step():
    model, x = net(), torch.randn(8, 16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, every=2) as seen:
        for _ in range(3):
            optimiser.zero_grad()
            (model(x) - model(-x)).square().mean().backward()
            optimiser.step()
    assert list(seen.record.step.values) == [0, 2]
    assert bool(np.isfinite(seen.record.update_ratio).all())


class Parts(nn.Module):
    """Two networks of which the loop calls one or the other, or both; the whole is never called."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleDict({"maker": net(), "critic": net(2)})


def test_parts_that_a_loop_calls_are_seen():
    model, x = Parts(), torch.randn(8, 16)
    maker, critic = model.parts["maker"], model.parts["critic"]
    with watch(model, every=1) as seen:
        for _ in range(2):
            critic(x[:, :2]).mean().backward()
            critic(maker(x)).mean().backward()
    record = seen.record
    assert record.sizes == {"step": 4, "module": 8}
    made = record.module.str.startswith("parts.maker")
    assert bool(np.isnan(record.gradient_norm[::2, made]).all())
    assert bool(np.isfinite(record.gradient_norm[1::2]).all())


def test_a_fall_is_seen_in_modules_that_were_not_there_in_the_first_step():
    model, x = net(), torch.randn(8, 16)
    with watch(model, every=1) as seen:
        model(x).square().mean().backward()
        model[2] = nn.Linear(16, 16)
        model.append(nn.Linear(2, 2))
        model(x).square().mean().backward()
        with torch.no_grad():
            model[6].weight.mul_(1e-4)
        model(x).square().mean().backward()
        with pytest.warns(VanishingWarning, match="at step 2 its gradient.*below step 1's"):
            model(x)
    assert seen.record.module.values[-1] == "7"
    assert {alarm.partition(":")[0] for alarm in seen.alarms} >= {"0", "2", "4"}


@pytest.mark.parametrize(("act", "bias"), [(nn.Sigmoid, 0.0), (nn.ReLU, -50.0)])
def test_a_model_that_vanishes_from_the_beginning_is_said_once(act, bias):
    torch.manual_seed(0)
    model = nn.Sequential(*(m for _ in range(12) for m in (nn.Linear(16, 16), act())), nn.Linear(16, 1))
    nn.init.constant_(model[4].bias, bias)
    optimiser, x = torch.optim.SGD(model.parameters(), lr=0.01), torch.randn(32, 16)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", VanishingWarning)
        with watch(model, every=1) as seen:
            for _ in range(4):
                step(model, optimiser, x)
    (low,) = seen.falls
    assert [str(one.message) for one in said] == seen.alarms == [str(low)]
    assert (low.kind, low.where, low.numbers["step"]) == ("low", "0", 0 if act is nn.Sigmoid else 1)
    np.testing.assert_allclose(low.numbers["size"], np.exp(-seen.record.relative[int(low.numbers["step"]), 0]))
    assert str(low) in repr(seen)
    assert repr(seen).startswith("4 steps watched, 1 alarm")


def test_branches_that_begin_with_zeros_are_no_alarm():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 4), nn.Linear(4, 2))  # a first module without gradient in the first step
    nn.init.zeros_(model[1].weight)
    optimiser, x = torch.optim.SGD(model.parameters(), lr=0.1), torch.randn(8, 16)
    with watch(model, every=1) as seen:
        for _ in range(3):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x), torch.arange(8) % 2).backward()
            optimiser.step()
    assert seen.record.relative[0, 0] == -np.inf
    assert not seen.alarms


def test_numbers_that_are_not_finite_are_said_once():
    model, x = net(), torch.randn(8, 16)
    seen = watch(model, every=1)
    seen.begin()
    model(x).square().mean().backward()
    with torch.no_grad():
        model[2].weight[0, 0] = torch.nan
    model(x).square().mean().backward()
    with pytest.warns(VanishingWarning, match="2: at step 1 its output is no finite number"):
        model(x).square().mean().backward()
    seen.end()
    assert len(seen.alarms) == 1


@pytest.mark.parametrize("change", [nn.Module.eval, lambda model: model.requires_grad_(False)])
def test_a_watch_that_saw_nothing_says_so(change):
    model = net()
    change(model)
    with pytest.warns(UnseenWarning, match="training mode"), watch(model):
        model(torch.randn(8, 16))


def test_a_record_in_the_middle_of_a_step_takes_nothing_from_it():
    model = net()
    with watch(model, every=1) as seen:
        loss = model(torch.randn(8, 16)).square().mean()
        assert bool(np.isnan(seen.record.gradient_norm).all())
        loss.backward()
    assert bool(np.isfinite(seen.record.update_ratio).all())


def test_a_pass_that_fails_is_no_step():
    class Failing(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.fail = net(), True

        def forward(self, x):
            out = self.inner(x)
            if self.fail:
                raise RuntimeError("out of memory")
            return out

    model, x = Failing(), torch.randn(8, 16)
    with watch(model, every=1) as seen:
        with pytest.raises(RuntimeError, match="memory"):
            model(x)
        model.fail = False
        model(x).square().mean().backward()
    assert seen.record.sizes["step"] == 1
    assert bool(np.isfinite(seen.record.update_ratio).all())


def test_a_watched_model_can_be_copied_and_saved_and_its_copy_is_not_watched():
    model, x = net(), torch.randn(8, 16)
    with watch(model, every=1) as seen:
        loss = model(x).square().mean()
        twin = copy.deepcopy(model)
        torch.save(model, io.BytesIO())
        twin(x).square().mean().backward()
        loss.backward()
    assert seen.record.sizes["step"] == 1
    np.testing.assert_allclose(seen.record.update_ratio[0], ratios(model), rtol=1e-5)


@pytest.mark.parametrize("in_place", [False, True])
def test_watched_steps_of_a_compiled_model_run_without_compilation(in_place):
    class Own(nn.Module):  # torch compiles no Sequential in place
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(16, 16), nn.Linear(16, 2)

        def forward(self, x):
            return self.last(torch.tanh(self.first(x)))

    model, x, compiled = Own(), torch.randn(8, 16), []

    def backend(graph, examples):
        return lambda *given: compiled.append(0) or graph(*given)

    called = model
    if in_place:
        model.compile(backend=backend)
    else:
        called = torch.compile(model, backend=backend)
    called(x)  # compiled before it is watched
    before = len(compiled)
    assert before == 1
    with watch(called, every=2) as seen:
        for _ in range(4):
            called(x).square().mean().backward()
    assert list(seen.record.step.values) == [0, 2]
    assert list(seen.record.module.values) == ["first", "last"]
    assert len(compiled) == before + 2
    called(x)
    assert len(compiled) == before + 3


@pytest.mark.parametrize("reentrant", [False, True])
def test_what_checkpoints_run_again_is_no_step(reentrant):
    from torch.utils.checkpoint import checkpoint

    class Checked(Parts):
        def loss(self, x):
            h = checkpoint(self.parts["maker"], x, use_reentrant=reentrant)
            return self.parts["critic"](h).square().mean()

    model, x = Checked(), torch.randn(8, 16, requires_grad=True)
    with watch(model, every=1) as seen:
        for _ in range(2):
            model.loss(x).backward()
    assert seen.record.sizes == {"step": 2, "module": 8}
    assert bool(np.isfinite(seen.record.gradient_norm).all())


def test_weights_that_are_computed_from_others_have_a_ratio():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)), nn.Tanh(), nn.Linear(8, 8))
    with watch(model, every=1) as seen:
        model(torch.randn(4, 8)).square().mean().backward()
    assert list(seen.record.module.values) == ["0", "2"]
    assert bool((seen.record.update_ratio > 0).all())


class WithParameterOut(nn.Module):
    """As policies do, returns a parameter beside what it computes; so does a part of it."""

    def __init__(self):
        super().__init__()
        self.body, self.places = net(), nn.Embedding(4, 16)
        self.places.forward = lambda: self.places.weight
        self.log_std = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return self.body(x + self.places().sum(0)), self.log_std


def test_no_hooks_stay_on_parameters_that_are_returned():
    model = WithParameterOut()
    with watch(model, every=2) as seen:
        for _ in range(5):
            mean, log_std = model(torch.randn(8, 16))
            (mean.square().mean() + log_std.sum()).backward()
            assert len(model.places.weight._backward_hooks or ()) <= 1
    assert not model.log_std._backward_hooks
    assert not model.places.weight._backward_hooks
    assert np.isfinite(seen.record.gradient_norm).all()


def test_a_fall_is_seen_after_a_first_step_without_numbers():
    model, x = net(), torch.randn(8, 16)

    def train():
        for k in range(6):
            if k == 3:
                with torch.no_grad():
                    model[4].weight.mul_(1e-8)
            model.zero_grad()
            loss = model(x).square().mean()
            (loss * float("inf") if k == 0 else loss).backward()

    with watch(model, every=1) as seen, pytest.warns(VanishingWarning):
        train()
    fallen = [cause for cause in seen.falls if cause.kind == "fall"]
    assert {cause.where for cause in fallen} == {"0", "2"}
    assert {(cause.numbers["since"], cause.numbers["step"]) for cause in fallen} == {(1, 3)}


def test_one_infinite_gradient_at_the_last_module_is_no_fall_of_the_others():
    model, x = net(), torch.randn(8, 16)

    def train():
        for k in range(3):
            model.zero_grad()
            out = model(x)
            if k == 1:
                out.register_hook(lambda g: g * float("inf"))
            out.square().mean().backward()

    with watch(model, every=1) as seen, pytest.warns(VanishingWarning):
        train()
    assert [cause.kind for cause in seen.falls] == ["no number"]


def test_parts_are_heard_after_a_pass_of_the_whole_model():
    model, x = net(), torch.randn(8, 16)
    with watch(model, every=1) as seen:
        model(x).square().mean().backward()
        for _ in range(5):
            model[2](torch.tanh(model[0](x))).square().mean().backward()
    assert seen.record.sizes["step"] == 6


def test_an_inspection_of_the_model_is_no_step():
    model, x = net(), torch.randn(8, 16)
    with watch(model, every=1) as seen:
        model(x).square().mean().backward()
        inspect(model, x)
        made = model(x)
        inspect(model, 100 * x)  # while a step is heard
        made.square().mean().backward()
    assert seen.record.sizes["step"] == 2
    np.testing.assert_array_equal(seen.record.rms[0], seen.record.rms[1])


def test_gradients_that_a_fused_optimiser_unscales_are_recorded_unscaled():
    model, x = net(), torch.randn(8, 16)
    optimiser = torch.optim.Adam(model.parameters(), fused=True, lr=0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    with watch(model, every=1) as seen:
        scaler.scale(model(x).square().mean()).backward()
        scaler.step(optimiser)
    model.zero_grad()
    model(x).square().mean().backward()
    np.testing.assert_allclose(seen.record.update_ratio[0], ratios(model), rtol=1e-5)


def test_refusals():
    with pytest.raises(InputError, match="csv path"):
        watch(net(), out="run.txt")
    with pytest.raises(InputError, match="PyTorch module"):
        watch("model")
    with pytest.raises(InputError, match="every"):
        watch(net(), every=0)
