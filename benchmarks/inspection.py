"""``vg.inspect`` beside the model's own pass, and ``vg.watch`` beside training."""

from collections.abc import Mapping
from importlib import import_module
from time import process_time
from typing import Any

from benchmarks.measure import Line, ratio

_MOST = 2.0  # times the model's own pass
_EVERY, _SHARE = 100, 0.05  # steps from one that is watched to the next, and what that may cost
_TRAINED = ("sigmoid MLP, 30 layers", "residual, 20 blocks")


def lines(repeats: int = 5) -> tuple[list[Line], str]:
    """Return one line per model: CPU seconds of an inspection over those of one pass, in turn, on one thread."""
    try:
        import_module("torch")
    except ImportError:
        return [Line("inspect", "PyTorch", f"≤ {_MOST:g}", "not installed", None)], ""
    models, torch = import_module("benchmarks.models"), import_module("torch")
    from vgtheory import inspect

    torch.set_num_threads(1)
    found, details = [], []
    for name in models.TIMED:
        case = models.case(name)

        def own(case: Any = case) -> None:
            case.model.zero_grad()
            given = case.x
            output = case.model(**given) if isinstance(given, Mapping) else case.model(given)
            case.loss(output).backward()

        ours, theirs, factor = ratio(lambda case=case: inspect(*case), own, repeats, process_time)
        said = inspect(*case)
        details.append(f"{name:24s} {1e3 * ours:8.1f} ms  {1e3 * theirs:8.1f} ms  {factor:5.2f}  {said.text}")
        found.append(Line(f"inspect: {name}", "its own pass", f"≤ {_MOST:g} ×", f"{factor:.2f} ×", factor <= _MOST))
    for name in _TRAINED:
        share = _overhead(models.case(name), repeats)
        found.append(Line(f"watch, every=100: {name}", "the same steps", "≤ 5 %", f"{share:.1%}", share <= _SHARE))
    return found, "\n".join(details)


def _overhead(case: Any, repeats: int) -> float:
    """Return by how much longer 100 steps of training take while one of them is watched."""
    from vgtheory import watch

    torch = import_module("torch")
    optimiser = torch.optim.SGD(case.model.parameters(), lr=1e-3)

    def train() -> None:
        for _ in range(_EVERY):
            optimiser.zero_grad()
            case.loss(case.model(case.x)).backward()
            optimiser.step()

    def watched() -> None:
        with watch(case.model, every=_EVERY):
            train()

    return ratio(watched, train, repeats, process_time)[2] - 1


if __name__ == "__main__":
    print(lines()[1])
