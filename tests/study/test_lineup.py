"""Networks side by side: the same numbers as one by one, and refusals."""

from dataclasses import replace

import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import InputError, NoSolutionError
from vgtheory.cli.app import run
from vgtheory.model.traits import MOST_STEPS
from vgtheory.study.lineup import at_criticality, lineup


def made(name, depth=12, **kw):
    return vg.Network(name, vg.Weights.gaussian(1.4, kw.pop("sigma_b", 0.1)), width=32, depth=depth)


@pytest.mark.slow
def test_each_row_is_that_networks_own_simulation_and_prediction():
    networks = [made("tanh"), made("gelu"), made("tanh")]
    found = lineup(networks, samples=16, seed=4)
    assert list(found.network.values) == ["tanh (1)", "gelu", "tanh (3)"]
    own = vg.simulate(networks[1], samples=16, seed=4).log_gradient_norm
    np.testing.assert_allclose(found["mean"].sel(network="gelu"), own.mean("sample"), rtol=1e-12)
    change = own[:, 0] - own[:, -1]
    assert float(found.change.sel(network="gelu")) == pytest.approx(float(change.mean()))
    np.testing.assert_allclose(
        found.predicted.sel(network="gelu"), vg.predict(networks[1]).log_gradient_norm, rtol=1e-12
    )
    assert float(found.critical_sigma_w[0]) == pytest.approx(vg.critical("tanh", sigma_b=0.1).sigma_w)


@pytest.mark.slow
def test_dead_networks_are_counted_apart():
    network = vg.Network("relu", vg.Weights.he(), width=1, depth=60)
    found = lineup([network, vg.Network("tanh", vg.Weights.gaussian(1.0), width=4, depth=60)], samples=8)
    assert float(found.dead[0]) == 1
    assert np.isnan(found.change[0])


def test_refusals():
    with pytest.raises(InputError, match="no networks"):
        lineup([])
    with pytest.raises(InputError, match="one depth"):
        lineup([made("tanh"), made("relu", depth=3)])
    with pytest.raises(NoSolutionError, match="larger sigma_b"):
        at_criticality(made("gelu", sigma_b=0))


@pytest.mark.parametrize("parts", [{"skip": "1/sqrt(depth)"}, {"norm": "rms"}, {"dropout": 0.2}, {}])
@pytest.mark.parametrize("law", [vg.Weights.uniform(2, 0.1), vg.Weights.orthogonal(2, 0.1)])
def test_at_criticality_changes_the_scale_and_nothing_else(parts, law):
    network = vg.Network("tanh", law, 8, 3, **parts)
    found = at_criticality(network)
    assert float(found.weights.sigma_w) == pytest.approx(vg.critical("tanh", sigma_b=0.1).sigma_w)
    assert replace(found, weights=law) == network
    assert replace(found.weights, sigma_w=law.sigma_w) == law


@pytest.mark.slow
def test_on_the_command_line(tmp_path, capsys):
    small = ["--width", "16", "--depth", "8", "--samples", "8"]
    out, csv = tmp_path / "c.svg", tmp_path / "c.csv"
    assert run(["compare", "sigmoid", "relu", "--critical", "--sigma-b", "0", *small, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "1.41421" in said
    assert "balanced" in said
    assert out.exists()
    assert run(["compare", "sigmoid", "tanh", *small, "--csv", str(csv)]) == 0
    assert len(csv.read_text().splitlines()) == 17
    assert run(["compare", "gelu", "--critical", "--sigma-b", "0", *small]) == 2
    assert run(["compare", "gelu", "--critical", "--sigma-w", "1", *small]) == 2


def test_several_inputs_are_refused_where_one_runs():
    for verb in (lambda **k: vg.compare([made("tanh")], **k), lambda **k: vg.advise(made("tanh"), **k)):
        with pytest.raises(InputError, match="inputs"):
            verb(inputs=2)
        with pytest.raises(InputError, match="inputs"):
            verb(inputs="nonsense")


def test_a_cell_at_criticality_has_its_own_critical_scale():
    cell = vg.Network(vg.blocks.lstm(vg.Weights.gaussian(1), forget_bias=1), 8, 3)
    found = at_criticality(cell)
    assert {float(m.weights.sigma_w) for m in found.block.matrices} == {vg.critical(cell).sigma_w}
    assert found.block.steps == cell.block.steps


def test_a_cell_beyond_the_reach_of_theory_is_compared_without_a_prediction():
    cell = vg.Network(vg.blocks.minimal(vg.Weights.gaussian(1)), 4, MOST_STEPS + 1)
    found = lineup([cell], samples=2)
    assert np.isnan(found.predicted).all()
    assert np.isfinite(found["mean"]).all()
