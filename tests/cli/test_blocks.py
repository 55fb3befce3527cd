"""Blocks on the command line: named where an activation may stand, with options of their own, or read from a file."""

import json
import shlex

import numpy as np
import pytest
import xarray as xr

import vgtheory as vg
from tests.thinning import thinned
from vgtheory.cli.app import run
from vgtheory.model.blocks.named import names

W = vg.Weights.gaussian(1)
SMALL = ["--width", "16", "--depth", "4", "--samples", "3"]


def studied(tmp_path, *words):
    out = tmp_path / "study.nc"
    assert run(["simulate", *words, "--out", str(out)]) == 0
    with xr.open_dataset(out, engine="h5netcdf") as found:
        return found.load()


@pytest.mark.parametrize(
    ("words", "network", "inputs"),
    thinned(
        [
            (
                ["lstm", "--forget-bias", "2", "--steps", "4", "--inputs", "same", "--input-variance", "0.5"],
                vg.Network(vg.blocks.lstm(W, 2), 16, 4),
                vg.Inputs(0.5, "same"),
            ),
            (["gru", "--reset", "before", "--no-tied"], vg.Network(vg.blocks.gru(W, 0, "before", False), 16, 4), 1),
            (
                ["transformer", "--heads", "4", "--norm", "post", "--tokens", "3", "--causal"],
                vg.Network(vg.blocks.transformer("gelu", W, 4, "post", causal=True), 16, 4, tokens=3),
                1,
            ),
            (
                ["conv", "--padding", "zeros", "--shape", "3x2", "--sigma-w", "1.5", "--weights", "orthogonal"],
                vg.Network(vg.blocks.conv("relu", vg.Weights.orthogonal(1.5), 3, "zeros"), 16, 4, shape=(3, 2)),
                1,
            ),
            (
                ["cell", "--states", "h=s(a)*h+tanh(b)"],
                vg.Network(vg.blocks.cell({"h": "s(a)*h+tanh(b)"}, W), 16, 4),
                1,
            ),
            (
                ["residual+gated", "--act", "gelu", "--scale", "1/depth"],
                vg.Network(vg.blocks.residual(vg.blocks.gated("gelu", W, W, W), "1/depth"), 16, 4),
                1,
            ),
        ],
        2,
    ),
    ids=lambda v: v[0] if isinstance(v, list) else "",
)
def test_a_named_block_is_simulated(words, network, inputs, tmp_path, capsys):
    sizes = [option for pair in zip(SMALL[::2], SMALL[1::2], strict=True) for option in pair]
    found = studied(tmp_path, *words, *(sizes if "--steps" not in words else ["--width", "16", "--samples", "3"]))
    assert found.attrs["spec"] == network.spec_json
    want = vg.simulate(network, 3, inputs=inputs)
    np.testing.assert_array_equal(found.log_stream_gradient_norm, want.log_stream_gradient_norm)
    assert "share that carries" in capsys.readouterr().out


def test_a_file_holds_a_network_of_blocks_or_of_layers(tmp_path, capsys):
    for name, network, yes in (
        ("a.json", vg.Network(vg.blocks.residual(vg.blocks.gated("gelu", W, W, W), "1/depth"), 16, 4), "simulate"),
        ("b.json", vg.Network("tanh", W, 16, 4, skip=0.5), "spectrum"),
    ):
        (tmp_path / name).write_text(network.spec_json)
        assert run(["capabilities", str(tmp_path / name)]) == 0
        rows = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert [yes, "yes"] in [row[:2] for row in rows]
    found = studied(tmp_path, str(tmp_path / "a.json"), "--samples", "3")
    assert vg.Network.from_spec(json.loads(found.attrs["spec"])).block.name == "residual gated gelu"


def test_a_cell_is_given_a_sequence(tmp_path):
    x = np.random.default_rng(1).standard_normal((3, 4))
    np.save(tmp_path / "x.npy", x)
    found = studied(tmp_path, "gru", *SMALL, "--inputs", str(tmp_path / "x.npy"))
    want = vg.simulate(vg.Network(vg.blocks.gru(W), 16, 4), 3, inputs=vg.Inputs(sequence=x))
    np.testing.assert_array_equal(found.log_stream_gradient_norm, want.log_stream_gradient_norm)


@pytest.mark.parametrize("name", names())
def test_every_block_has_help_with_an_example(name, capsys):
    assert run(["simulate", name, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"Example: vgtheory simulate {name}" in said
    assert ("--batch" in said) == (name in ("conv", "resnet"))
    assert ("--inputs" in said) == (name.partition(".")[0] in ("cell", "gru", "lstm", "minimal", "rnn"))


@pytest.mark.parametrize("name", ["attention", "cell", "conv", "resnet"])
def test_the_example_is_answered(name, tmp_path, capsys):
    run(["simulate", name, "--help"])
    example = capsys.readouterr().out.partition("Example: vgtheory ")[2].partition("\n\n")[0]
    words = shlex.split(example.replace("256", "8"))
    assert run([*words, "--samples", "1", "--out", str(tmp_path / "study.nc")]) == 0


def test_no_example_is_shown_of_a_verb_that_is_not_for_blocks(capsys):
    assert run(["spectrum", "lstm", "--help"]) == 0
    assert "Example" not in capsys.readouterr().out


def test_critical_scales_of_blocks(capsys):
    assert run(["critical", "lstm", "--forget-bias", "0"]) == 0
    assert "σ_w = 2   [proved]" in capsys.readouterr().out
    assert run(["critical", "conv", "--padding", "zeros", "--shape", "4x4"]) == 0
    assert "1.62054454" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["simulate", "lsmt"], "did you mean lstm"),
        (["simulate", "residual+mpl"], "did you mean mlp"),
        (["simulate", "transformer"], "--heads"),
        (["simulate", "transformer", "--heads", "3", "--tokens", "4"], "--width must be a multiple of the 3 heads"),
        (["simulate", "transformer", "--heads", "8", "--norm", "batch"], "accepted is pre, post, none, deep"),
        (["simulate", "lstm", "--heads", "8"], "--heads"),
        (["simulate", "lstm", "--forget-bias", "f"], "--forget-bias must be a real number"),
        (["simulate", "lstm", "--weights", "low_rank"], "independent entries or orthogonal"),
        (["simulate", "lstm", "--inputs", "often"], "fresh, same, none or a .npy file"),
        (["simulate", "lstm", "--inputs", "no.npy"], "no file"),
        (["simulate", "lstm", "--steps", "0"], "--depth must be a whole number"),
        (["simulate", "conv", "--shape", "4by4"], "--shape must be one or two whole numbers"),
        (["simulate", "cell", "--states", "tanh(a)"], "NAME=FORMULA"),
        (["simulate", "cell", "--states", "h=c.__class__"], "formula"),
        (["simulate", "no.json"], "no.json must be a .json file"),
        (["predict", "dense", "--inputs", "same"], "--inputs"),
        (["spectrum", "gru"], "dense layers"),
        (["critical", "minimal"], "do not act"),
    ],
)
def test_bad_input_is_one_line_that_speaks_shell(words, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert len(lines) == 1
    assert expected in lines[0]
    assert "vg." not in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_something_else_is_refused(tmp_path, capsys):
    for text in ("", "[1, 2]", "{}", '{"block": 3}', '{"block": {}, "width": "8", "depth": "2", "shape": [1]}'):
        (tmp_path / "n.json").write_text(text)
        assert run(["simulate", str(tmp_path / "n.json"), "--out", str(tmp_path / "o.nc")]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "o.nc").exists()


def test_a_block_is_swept_over_its_own_options(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--width", "12", "--steps", "4", "--samples", "3", "--inputs", "none"]
    assert run(["sweep", "lstm", "--over", "forget-bias=0,3", *words, "--out", "s.nc", "--figure", "s.svg"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split()[0] == "forget_bias"
    assert [line.split()[0] for line in said[1:3]] == ["0", "3"]
    with xr.open_dataset(tmp_path / "s.nc") as found:
        made = lambda forget_bias: vg.Network(vg.blocks.lstm(W, forget_bias), 12, 4)  # noqa: E731
        want = vg.sweep(made, 3, over={"forget_bias": [0, 3]}, inputs=vg.Inputs(kind="none"))
        np.testing.assert_array_equal(found.change, want.change)
    words = ["--heads", "2", "--width", "8", "--depth", "2", "--tokens", "3", "--samples", "2"]
    assert run(["sweep", "transformer", "--over", "norm=pre,post", *words]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:3]] == ["pre", "post"]
    assert run(["sweep", "tanh", "--over", "sigma-w=1,2", "--width", "8", "--depth", "3", "--samples", "4"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_blocks_stand_side_by_side(tmp_path, capsys):
    network = vg.Network(vg.blocks.rnn("tanh", W), 12, 4)
    (tmp_path / "own.json").write_text(network.spec_json)
    small = ["--width", "12", "--depth", "4", "--samples", "3", "--out", str(tmp_path / "f.svg")]
    assert run(["compare", "lstm", "gru", str(tmp_path / "own.json"), *small]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split("  ")[0] for row in rows[1:4]] == ["LSTM", "GRU, reset after", "RNN tanh"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sweep", "lstm", "--over", "forgot=1,2"], "did you mean forget_bias"),
        (["sweep", "lstm", "--over", "forget-bias"], "NAME=1,1.5,2"),
        (["sweep", "lstm", "--over", "width=a,b"], "numbers"),
        (["sweep", "lstm", "--over", "width=4,8", "--over", "width=4"], "width"),
        (["compare", "transformer", "lstm"], "--heads"),
        (["compare", "lstm", "gru", "--skip", "1"], "--skip beside lstm"),
        (["compare", "lstm", "tanh", "--samples", "2", "--width", "8", "--depth", "2"], "of one kind"),
    ],
)
def test_what_cannot_be_swept_or_compared_is_one_line(words, expected, capsys):
    assert run(words) == 2
    assert expected in capsys.readouterr().err.splitlines()[-1]
