"""A prediction of blocks held against a study: means that are right hold, means that are off are found out."""

import numpy as np
import pytest
import xarray as xr

import vgtheory as vg

W = vg.Weights.gaussian(1)
LAYERS, STREAMS = 8, ("h", "c")


def datasets(shift=0.0, samples=64, error=0.0, seed=0):
    """Return a prediction that is off by `shift` standard deviations in one layer, and a study of normal numbers."""
    rng = np.random.default_rng(seed)
    walk = rng.standard_normal((samples, LAYERS, len(STREAMS))).cumsum(axis=1)
    expected = np.zeros((LAYERS, len(STREAMS))) + error * rng.standard_normal((LAYERS, len(STREAMS)))
    expected[3, 1] += shift * 2.0  # the walk's standard deviation there
    walk[:, -1, 1] = expected[-1, 1] = -np.inf
    dims = ("layer", "stream")
    coords = {"layer": np.arange(LAYERS), "stream": list(STREAMS)}
    name = "log_stream_gradient_norm"
    predicted = {name: (dims, expected)} | ({f"{name}_error": (dims, np.full_like(expected, error))} if error else {})
    return xr.Dataset(predicted, coords), xr.Dataset({name: (("sample", *dims), walk)}, coords)


def test_false_alarms_are_as_rare_as_stated_and_errors_are_found():
    """60 right predictions at a stated rate of 1 %: 5 or more alarms would have a chance of 3e-4."""
    verdicts = [vg.compare(*datasets(seed=k)).attrs["verdict"] for k in range(60)]
    assert verdicts.count("violated") <= 4
    own = [vg.compare(*datasets(error=0.3, seed=k)).attrs["verdict"] for k in range(60)]
    assert own.count("violated") <= 4
    found = [vg.compare(*datasets(shift=1.5, seed=k)) for k in range(20)]
    assert all(one.attrs["verdict"] == "violated" for one in found)
    assert "stream c after layer 3" in found[0].attrs["sentence"]
    assert vg.compare(*datasets(samples=20_000), tolerance=0.1).attrs["verdict"] == "holds"
    assert str(found[0].verdict.sel(stream="c")[-1].values) == "no gradient"


def test_a_cell_is_predicted_as_it_is_simulated():
    network, inputs = vg.Network(vg.blocks.gru(vg.Weights.gaussian(1.5)), width=256, depth=6), vg.Inputs(0.5)
    predicted = vg.predict(network, inputs=inputs)
    found = vg.compare(predicted, vg.simulate(network, 32, inputs=inputs), tolerance=0.5)
    assert found.attrs["verdict"] != "violated", found.attrs["sentence"]
    wrong = predicted.copy()
    wrong["log_stream_gradient_norm"] = predicted.log_stream_gradient_norm + 0.05 * (6 - predicted.layer)
    assert vg.compare(wrong, vg.simulate(network, 32, inputs=inputs), tolerance=0.5).attrs["verdict"] == "violated"
    with pytest.raises(vg.VgtheoryError, match="different inputs"):
        vg.compare(predicted, vg.simulate(network, 8))
    with pytest.raises(vg.VgtheoryError, match="different networks"):
        vg.compare(predicted, vg.simulate(vg.Network(vg.blocks.gru(W), 16, 6), 8, inputs=inputs))
