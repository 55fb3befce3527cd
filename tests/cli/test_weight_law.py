"""Every law of weights can be asked for on the command line."""

import json

import numpy as np
import pytest
import xarray as xr

import vgtheory as vg
from vgtheory.cli.app import run
from vgtheory.cli.weight_law import weight_law

LAWS = {
    "gaussian": vg.Weights.gaussian(1.2, 0.05),
    "orthogonal": vg.Weights.orthogonal(1.2, 0.05),
    "uniform": vg.Weights.uniform(1.2, 0.05),
    "rademacher": vg.Weights.rademacher(1.2, 0.05),
    "truncated-normal:cut=1.5": vg.Weights.truncated_normal(1.2, 0.05, 1.5),
    "sparse:density=0.2": vg.Weights.sparse(1.2, 0.05, 0.2),
    "low_rank:rank=2,noise=0.3": vg.Weights.low_rank(1.2, 0.05, 2, 0.3),
}


@pytest.mark.parametrize("text", LAWS)
def test_what_is_typed_is_the_law(text):
    assert weight_law(1.2, None, text, None) == LAWS[text]


@pytest.mark.parametrize("tied", [False, True])
def test_the_study_is_the_one_of_the_library(tied, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    typed = ["simulate", "tanh", "--sigma-w", "1.2", "--weights", "sparse:density=0.2"]
    typed += ["--width", "32", "--depth", "6", "--samples", "3"]
    assert run(typed + ["--tied"] * tied) == 0
    capsys.readouterr()
    law = vg.Weights.sparse(1.2, 0.05, 0.2)
    expected = vg.simulate(vg.Network("tanh", law.tie() if tied else law, width=32, depth=6), 3)
    with xr.open_dataset("study.nc") as found:
        np.testing.assert_array_equal(found.log_gradient_norm, expected.log_gradient_norm)
        assert json.loads(found.attrs["spec"]) == json.loads(expected.attrs["spec"])
