"""Arguments of the wrong kind that were accepted, ignored or met with a raw error: each is named now."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import RareDrawsWarning, TargetMissedWarning, UnseenWarning, VanishingWarning

NETWORK = vg.Network("tanh", vg.Weights.gaussian(1.2, 0.1), width=4, depth=2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: vg.simulate(NETWORK, 2, executor=3),
        lambda: vg.simulate(NETWORK, 2, progress=3),
        lambda: vg.simulate(NETWORK, 2, checkpoint=""),
        lambda: vg.sample(NETWORK, of="singular values", samples=2, executor="threads"),
        lambda: vg.sweep(NETWORK, 2, over={"sigma_w": [1, 2]}, executor=3),
        lambda: vg.report(NETWORK, "unused", progress=3),
        lambda: vg.report(NETWORK, ""),
        lambda: vg.latex(vg.activation("tanh"), path=3),
        lambda: vg.latex(vg.activation("tanh"), path=""),
        lambda: vg.latex(vg.activation("tanh"), path="."),
        lambda: vg.latex(vg.activation("tanh"), path="/nowhere/at/all.tex"),
    ],
)
def test_it_is_named(ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(vg.VgtheoryError):
        ask()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("widths", [np.array([4, 5, 6]), range(4, 7), (4, 5, 6), np.array([4, 5, 6], dtype=np.int8)])
def test_widths_are_any_sequence_of_whole_numbers(widths):
    network = vg.Network("tanh", vg.Weights.gaussian(1), widths, 2)
    assert network.width == (4, 5, 6)
    assert network == vg.Network.from_spec(network.spec)


@pytest.mark.parametrize("widths", [np.array([4.5, 5, 6]), np.ones((3, 3), dtype=int), ["4", "5", "6"], "456", [4, 5]])
def test_others_are_not(widths):
    with pytest.raises(vg.VgtheoryError, match="width"):
        vg.Network("tanh", vg.Weights.gaussian(1), widths, 2)


def test_a_text_is_quoted_where_a_number_is_asked_for():
    for ask in (
        lambda: vg.Network("tanh", vg.Weights.gaussian(1), "3", 2),
        lambda: vg.Network("tanh", vg.Weights.gaussian(1), 8, "3"),
        lambda: vg.fixed_points("tanh", "3"),
        lambda: vg.saturation("tanh", 0.1).probability("3"),
    ):
        with pytest.raises(vg.VgtheoryError, match="'3'"):
            ask()


@pytest.mark.parametrize(
    ("read", "spec", "wrong", "near"),
    [
        (vg.Network.from_spec, NETWORK.spec, "widht", "width"),
        (vg.Network.from_spec, NETWORK.spec, "sigma_W", "sigma_w"),
        (vg.Activation.from_spec, NETWORK.activation.spec, "expression", "expr"),
        (lambda spec: vg.Weights.from_spec(spec, {}), NETWORK.weights.spec, "biass", "bias"),
        (vg.Norm.from_spec, vg.Norm("layer").spec, "epsilon", "eps"),
        (lambda spec: vg.Skip.from_spec(spec, {}), vg.Skip(1).spec, "scal", "scale"),
    ],
)
def test_unknown_entries_of_a_description_are_refused_with_the_nearest(read, spec, wrong, near):
    read(spec)
    with pytest.raises(vg.VgtheoryError, match=rf"unknown entry .*'{wrong}'.*\b{near}\b"):
        read({**spec, wrong: "1"})


def test_what_capabilities_says_of_several_inputs_is_what_simulate_does():
    for width in (1, 2):
        network = vg.Network("tanh", vg.Weights.gaussian(1), width, 2)
        works = bool(vg.capabilities(network).works.sel(verb="simulate (inputs)"))
        assert works == (width == 2)
        if works:
            vg.simulate(network, 1, inputs=2)
        else:
            with pytest.raises(vg.VgtheoryError, match="one unit"):
                vg.simulate(network, 1, inputs=2)


def test_all_warnings_can_be_filtered_by_one_public_name():
    for kind in (RareDrawsWarning, VanishingWarning, UnseenWarning, TargetMissedWarning):
        assert issubclass(kind, vg.VgtheoryWarning)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=vg.VgtheoryWarning)
            warnings.warn("said", kind, stacklevel=1)


def test_a_report_is_refused_before_anything_heavy_is_loaded():
    code = """
import sys
import vgtheory as vg
network = vg.Network("tanh", vg.Weights.gaussian(1), 8, 3, norm="batch", dropout=0.1)
try:
    vg.report(network, "unused")
except vg.VgtheoryError:
    print([name for name in ("numba", "matplotlib", "xarray", "scipy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
