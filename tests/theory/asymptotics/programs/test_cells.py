"""Cells in the limit of large width: closed critical scales, the finite-time law, populations against samples."""

import numpy as np
import pytest
import sympy as sp
from scipy.special import gammaln

import vgtheory as vg

W = vg.Weights.gaussian(1)


def s(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("bias", [0, 1, 2.5])
def test_critical_scales_of_the_lstm(bias):
    a, b = s(bias), 0.25
    assert vg.critical(vg.blocks.lstm(W, bias)).sigma_w == pytest.approx((1 - a) / b, rel=1e-12)
    assert vg.critical(vg.blocks.lstm(W, bias, tied=False)).sigma_w == pytest.approx((1 - a * a) ** 0.5 / b, rel=1e-12)
    assert vg.critical(vg.blocks.lstm(vg.Weights.orthogonal(1), bias)).sigma_w == pytest.approx((1 - a) / b, rel=1e-12)


@pytest.mark.parametrize("bias", [0, 2])
@pytest.mark.parametrize("reset", ["after", "before"])
def test_critical_scales_of_the_gru(bias, reset):
    z = s(bias)
    assert vg.critical(vg.blocks.gru(W, bias, reset)).formula.expr == 2
    untied = vg.critical(vg.blocks.gru(W, bias, reset, tied=False)).sigma_w
    assert untied == pytest.approx(2 * ((1 + z) / (1 - z)) ** 0.5, rel=1e-12)


def test_critical_scales_are_statements():
    found = vg.critical(vg.blocks.rnn("tanh", W)).formula
    assert (found.expr, found.status) == (1, "proved")
    assert "width → ∞" in " ".join(found.assumptions)
    assert vg.latex(found)
    assert vg.critical(vg.blocks.lstm(W)).formula.expr == 4 / (1 + sp.E)
    with pytest.raises(vg.VgtheoryError, match="do not act"):
        vg.critical(vg.blocks.minimal(W))
    for act in ("relu", "leaky_relu", "Max(x, x/2)"):
        with pytest.raises(vg.VgtheoryError, match="a kink at its zero state"):
            vg.critical(vg.blocks.rnn(act, W))
    with pytest.raises(vg.VgtheoryError, match="does not stay"):
        vg.critical(vg.blocks.rnn("softplus", W))


def finite_time(steps, a, scale):
    """Return ln Σ_k C(T,k)² a^{2(T−k)} scale^{2k}: the mean of |(a + bU)^T v|² for tied U as the width grows."""
    k = np.arange(steps + 1)
    terms = 2 * (gammaln(steps + 1) - gammaln(k + 1) - gammaln(steps - k + 1)) + 2 * (steps - k) * np.log(a)
    terms = terms + 2 * k * np.log(scale)
    return terms.max() + np.log(np.exp(terms - terms.max()).sum())


@pytest.mark.parametrize(
    "sigma", [1.4, pytest.param(0.8, marks=pytest.mark.slow), pytest.param(1.0758, marks=pytest.mark.slow)]
)
def test_populations_at_the_zero_state_follow_the_finite_time_law(sigma):
    network = vg.Network(vg.blocks.lstm(vg.Weights.gaussian(sigma)), width=4096, depth=60)
    theory = vg.predict(network, inputs=vg.Inputs(kind="none")).sel(stream="c")
    g, error = theory.log_stream_gradient_norm, theory.log_stream_gradient_norm_error
    # The paths of c from l to L − 1 and one step through h at the end.
    want = [0.5 * finite_time(59 - layer, s(1.0), 0.25 * sigma) for layer in (0, 30)]
    assert float(g[0] - g[30]) == pytest.approx(want[0] - want[1], abs=0.01 + 5 * float(np.hypot(error[0], error[30])))
    # The power twin: the law of fresh weights at every step is far away.
    untied = 0.5 * 30 * np.log(s(1.0) ** 2 + (0.25 * sigma) ** 2)
    assert abs(float(g[0] - g[30]) - untied) > 1


CELLS = {
    "LSTM": (vg.blocks.lstm(W, 1), vg.Inputs(1.0)),
    "LSTM untied": (vg.blocks.lstm(W, 1, tied=False), vg.Inputs(1.0)),
    "LSTM, one input": (vg.blocks.lstm(vg.Weights.gaussian(2, 0.1), 1), vg.Inputs(1.0, kind="same")),
    "LSTM, chrono": (vg.blocks.lstm.chrono(40), vg.Inputs(0.4)),
    "LSTM, PyTorch": (vg.blocks.lstm.pytorch(), vg.Inputs(1 / 3)),
    "GRU": (vg.blocks.gru(vg.Weights.gaussian(1.5), 1), vg.Inputs(0.5)),
    "GRU before": (vg.blocks.gru(vg.Weights.orthogonal(1.2), reset="before"), vg.Inputs(0.5)),
    "minimal": (vg.blocks.minimal(vg.Weights.gaussian(2)), vg.Inputs(0.5)),
    "RNN": (vg.blocks.rnn("tanh", vg.Weights.gaussian(1.5, 0.2)), vg.Inputs(0.1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_populations_predict_wide_cells(name):
    block, inputs = CELLS[name]
    network = vg.Network(block, width=1024, depth=20)
    theory, study = vg.predict(network, inputs=inputs), vg.simulate(network, 32, inputs=inputs, seed=2)
    stream = network.block.carried[-1]
    seen = study.log_stream_gradient_norm.sel(stream=stream).isel(layer=slice(0, 19))
    said = theory.sel(stream=stream).isel(layer=slice(0, 19))
    error = np.hypot(seen.std("sample") / 32**0.5, said.log_stream_gradient_norm_error)
    assert (abs(seen.mean("sample") - said.log_stream_gradient_norm) < 5 * error + 0.03).all()
    # The same check fails for rates that are wrong by 2 % of an e-fold per step.
    wrong = said.log_stream_gradient_norm + 0.02 * np.arange(20, 1, -1)
    assert (abs(seen.mean("sample") - wrong) > 5 * error + 0.03).any()
    squares = np.log(study.stream_square.sel(stream=stream)[:, 1:])
    error = squares.std("sample") / 32**0.5
    want = np.log(theory.stream_square.sel(stream=stream)[1:])
    assert (abs(squares.mean("sample") - want) < 5 * error + 0.03).all()


def test_a_cell_is_predicted_and_says_when_it_is_not_to_be_trusted():
    good = vg.predict(vg.Network(vg.blocks.gru(W), width=512, depth=8), inputs=vg.Inputs(0.5))
    assert good.attrs["reliable"] == "yes"
    assert good.log_stream_gradient_norm.sizes == {"layer": 9, "stream": 1}
    long = vg.predict(vg.Network(vg.blocks.gru(W), width=16, depth=30))
    assert "steps/width" in long.attrs["reliable"]
    with pytest.raises(vg.VgtheoryError, match="at most 1000"):
        vg.predict(vg.Network(vg.blocks.gru(W), width=64, depth=2000))


@pytest.mark.slow
def test_populations_are_driven_by_a_sequence_as_by_equal_or_independent_inputs():
    network = vg.Network(vg.blocks.lstm(vg.Weights.gaussian(2)), width=1024, depth=10)
    pairs = (("same", np.ones((1, 10))), ("fresh", 10**0.5 * np.eye(10)))
    found = {}
    for kind, sequence in pairs:
        a, b = (vg.predict(network, inputs=i) for i in (vg.Inputs(0.5, kind), vg.Inputs(0.5, sequence=sequence)))
        errors = np.hypot(a.log_stream_gradient_norm_error, b.log_stream_gradient_norm_error)
        off = abs(a.log_stream_gradient_norm - b.log_stream_gradient_norm).isel(layer=slice(0, 9))
        assert (off <= 6 * errors.isel(layer=slice(0, 9)) + 0.02).all()
        found[kind] = float(a.log_stream_gradient_norm[0, 1])
    assert abs(found["same"] - found["fresh"]) > 0.1
