"""Whatever a public callable is given: an answer, or one of the package's errors, never another exception."""

import contextlib
import inspect

import numpy as np
import pytest
import xarray as xr

import vgtheory as vg

VALUES = {
    "None": None,
    "a number": 3,
    "a name": "tanh",
    "a Dataset": xr.Dataset(),
    "a list": [1, 2],
    "an array": np.eye(2),
    "a network": vg.Network("tanh", vg.Weights.he(), 4, 3),
    "weights": vg.Weights.he(),
}
# Answers that take their time, and are asked for elsewhere.
COSTLY = {("meanfield.cookbook", "None")}


def callables():
    """Yield the name and the callable of everything public that can be called with values."""
    for name in vg.__all__:
        value = getattr(vg, name)
        inside = getattr(value, "__all__", []) if inspect.ismodule(value) and name != "plot" else ()
        for path, found in ((name, value), *((f"{name}.{other}", getattr(value, other)) for other in inside)):
            is_error = isinstance(found, type) and issubclass(found, BaseException)
            if callable(found) and not is_error and not inspect.isabstract(found):
                yield path, found


def required(found):
    """Return the positional parameters that have to be given, at least the first."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = [p for p in inspect.signature(found).parameters.values() if p.kind in positional]
    return [p for p in given if p.default is p.empty] or given[:1]


def is_answered_elsewhere(path, found, label):
    """Return whether this would be a real answer, which takes its time."""
    return (path, label) in COSTLY or (label == "a network" and required(found)[0].name == "network")


CASES = [
    pytest.param(path, found, label, id=f"{path}: {label}")
    for path, found in callables()
    for label in VALUES
    if required(found) and not is_answered_elsewhere(path, found, label)
]


@pytest.mark.parametrize(("path", "found", "label"), CASES)
def test_one_value_for_every_argument_is_answered_or_refused(path, found, label):
    parameters = required(found)
    values = [VALUES[label]] * (4 if found is vg.Network else len(parameters))
    with contextlib.suppress(vg.VgtheoryError):
        found(*values)


def test_there_are_hundreds_of_cases():
    assert len(CASES) > 500


@pytest.mark.parametrize(
    "call",
    [
        lambda n: vg.simulate(8, n),
        lambda n: vg.compare(vg.simulate(n, 8), vg.predict(n)),
        lambda n: vg.sweep(2, n, over={"sigma_w": [1]}),
        lambda n: vg.report("out", n),
        lambda n: vg.saturation(0.01, "tanh"),
        lambda n: vg.derivative_range(1, "tanh"),
        lambda n: vg.spectrum("profile", n),
        lambda n: vg.fixed_points(1.5, "tanh", 0.1),
        lambda n: vg.critical(0.1, sigma_b="tanh"),
        lambda n: vg.Network(n.weights, "tanh", 4, 3),
        lambda n: vg.Network("tanh", n.weights, "wide", 3),
        lambda n: vg.meanfield.cookbook("tanh"),
        lambda n: vg.phase_diagram([1, 2], "tanh", [0.1]),
        lambda n: vg.gaussian_mean(1.0, "x**2"),
    ],
)
def test_swapped_arguments_are_refused(call):
    with pytest.raises(vg.VgtheoryError):
        call(vg.Network("tanh", vg.Weights.he(), 4, 3))
