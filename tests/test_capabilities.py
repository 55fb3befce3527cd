"""The table of what works: every cell (verb × parts × weights × shape × activation) is an answer or its refusal."""

import itertools
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.cli.app import run
from vgtheory.model.capabilities import refusal, require, works
from vgtheory.model.capability_rows import SPELLED, TABLE, VERBS
from vgtheory.model.traits import MOST_STEPS
from vgtheory.reporting.capability_table import markdown
from vgtheory.study.lineup import lineup
from vgtheory.study.sample import sample
from vgtheory.theory.asymptotics.across_layers import layer_covariance, tangent_norms
from vgtheory.theory.asymptotics.architectures import correlation_profile
from vgtheory.theory.proofs import certificate

PARTS = {
    "plain": {},
    "skip": {"skip": 0.5},
    "two matrices": {"skip": vg.Skip(0.5, matrices=2)},
    "layer": {"norm": "layer"},
    "rms-after": {"norm": "rms-after"},
    "batch": {"norm": "batch"},
    "dropout": {"dropout": 0.1},
    "skip, layer": {"skip": 0.5, "norm": "layer"},
    "skip, batch": {"skip": 0.5, "norm": "batch"},
    "skip, dropout": {"skip": 0.5, "dropout": 0.1},
    "layer, dropout": {"norm": "layer", "dropout": 0.1},
    "rms-after, dropout": {"norm": "rms-after", "dropout": 0.1},
    "batch, dropout": {"norm": "batch", "dropout": 0.1},
}
SHAPES = {"equal": [6, 6, 6, 6], "unequal": [6, 8, 5, 6], "narrow": [6, 7, 4]}
ACTIVATIONS = ("tanh", "relu", "leaky_relu", "step")


def weights(shape):
    w = vg.Weights
    draw = np.random.default_rng(0).standard_normal
    return {
        "gaussian": w.gaussian(1.2, 0.1),
        "unbiased": w.gaussian(1.2),
        "zero": w.gaussian(0, 0.1),
        "orthogonal": w.orthogonal(1.2, 0.1),
        "pytorch": w.pytorch_default(),
        "truncated": w.truncated_normal(1.2, 0.1),
        "rademacher": w.rademacher(1.2, 0.1),
        "sparse": w.sparse(1.2, 0.1, density=0.5),
        "low rank": w.low_rank(1.2, 0.1, rank=2, noise=0.5),
        "given": w.given([draw((n, m)) / m**0.5 for m, n in itertools.pairwise(shape)]),
        "tied": w.gaussian(1.2, 0.1).tie(),
        "tied orthogonal": w.orthogonal(1.2, 0.1).tie(),
    }


def networks():
    for (shape, sizes), (part, parts), act in itertools.product(SHAPES.items(), PARTS.items(), ACTIVATIONS):
        for law, distribution in weights(sizes).items():
            if shape != "equal" and ("skip" in parts or distribution.tied):
                continue
            yield f"{act}, {law}, {part}, {shape}", vg.Network(act, distribution, sizes, len(sizes) - 1, **parts)


NETWORKS = dict(networks())


def finite(values):
    assert np.isfinite(np.asarray(values, dtype=float)).all()


def real(values):
    assert not np.isnan(np.asarray(values, dtype=float)).any()


def sweep(network):
    if network.weights.family == "given":
        return vg.sweep(network, 2, over={"alpha": [0.1, 0.2]}).log_gradient_norm_mean
    return vg.sweep(network, 2, over={"sigma_w": [1.1, 1.2]}).log_q_mean


def compared(network):
    found = lineup([network, network], samples=4)
    assert (found.dead.values == 1).all() or np.isfinite(found.change.values).all()


def report(network, tmp_path):
    vg.report(network, tmp_path / "out", samples=8)


ASKED = {
    "simulate": lambda n: real(vg.simulate(n, 2).log_gradient_norm),
    "simulate (exact)": lambda n: real(vg.simulate(n, 2, method="exact").log_gradient_norm),
    "simulate (chain)": lambda n: real(vg.simulate(n, 2, method="chain").log_gradient_norm),
    "simulate (single)": lambda n: real(vg.simulate(n, 2, precision="single").log_gradient_norm),
    "simulate (inputs)": lambda n: real(vg.simulate(n, 2, inputs=2).log_gradient_norm),
    "simulate (batch)": lambda n: real(vg.simulate(n, 2, batch=4).log_gradient_norm),
    "coordinate_check": lambda n: real(vg.coordinate_check(n, [6], 1, 0.1, samples=2).rms),
    "sweep": lambda n: real(sweep(n)),
    "compare": compared,
    "advise": lambda n: vg.advise(n, samples=2),
    "predict": lambda n: finite(vg.predict(n).log_gradient_norm),
    "predict (order 1/N)": lambda n: finite(vg.predict(n, method="order 1/N").log_gradient_norm_std),
    "predict (closure)": lambda n: finite(vg.predict(n, method="closure").log_gradient_norm_std),
    "predict (exact law)": lambda n: finite(vg.predict(n, method="exact law").log_gradient_norm_std),
    "predict (correlations)": lambda n: finite(correlation_profile(n, 0.5)),
    "predict (layer covariance)": lambda n: finite(list(layer_covariance(n).values())),
    "predict (tangents)": lambda n: finite(tangent_norms(n).mean),
    "bounds": vg.bounds,
    "certificate": certificate,
    "spectrum": lambda n: real(vg.spectrum(n, q=1.0).ppf_log([0.3, 0.9])),
    "eigenvalues": lambda n: real(vg.eigenvalues(n, q=1.0).ppf_log([0.3, 0.9])),
    "lyapunov": lambda n: real(vg.lyapunov(n, q=1.0).ppf([0.6, 0.9])),
    "sample (singular values)": lambda n: real(sample(n).log_singular_value),
    "sample (eigenvalues)": lambda n: real(sample(n, of="eigenvalues").log_modulus),
    "sample (exponents)": lambda n: real(sample(n, of="exponents", samples=2, directions=2).log_growth),
    "sample (growth)": lambda n: real(sample(n, of="growth", samples=2, directions=2).log_growth),
    "report": None,  # takes a folder
}
COSTLY = (
    "advise",
    "report",
    "predict",
    "predict (closure)",
    "predict (exact law)",
    "coordinate_check",
    "simulate (batch)",
    "sample (growth)",
)


def ask(verb, network, tmp_path):
    return report(network, tmp_path) if verb == "report" else ASKED[verb](network)


def test_every_verb_of_the_table_is_asked_and_the_matrix_is_large():
    assert set(ASKED) == set(VERBS)
    assert len(NETWORKS) * len(VERBS) > 10_000
    assert all({other for row in TABLE[verb] for other in row.use} <= set(SPELLED) for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_refused_cell_raises_the_refusal_of_the_table(verb, tmp_path):
    refused = [(network, found) for network in NETWORKS.values() if (found := refusal(network, verb))]
    for network, found in refused:
        with pytest.raises(UnsupportedError) as caught:
            ask(verb, network, tmp_path)
        assert str(caught.value) == str(found.error)
    assert not list(tmp_path.iterdir())


# Which of a verb's answered cells are asked, of the costly verbs and of the others, in an order drawn once.
SAMPLES = {"default": (slice(0, 0), slice(0, 2)), "slow": (slice(0, 2), slice(2, 15))}


@pytest.mark.parametrize("size", ["default", pytest.param("slow", marks=pytest.mark.slow)])
@pytest.mark.parametrize("verb", VERBS)
def test_every_other_cell_is_an_answer(verb, size, tmp_path):
    names = [name for name, network in NETWORKS.items() if works(network, verb)]
    costly, cheap = SAMPLES[size]
    random.Random(verb).shuffle(names)
    for k, name in enumerate(names[costly if verb in COSTLY else cheap]):
        try:
            ask(verb, NETWORKS[name], tmp_path / str(k))
        except Exception as problem:
            problem.add_note(f"{verb}: {name}")
            raise


W = vg.Weights.gaussian(1.2)
ONE_STREAM = {
    "dense": lambda act: vg.blocks.dense(act, W),
    "pre-norm gated": lambda act: vg.blocks.residual(vg.blocks.normalised(vg.blocks.gated(act, W, W, W), "rms")),
    "post-norm": lambda act: vg.blocks.normalised(vg.blocks.residual(vg.blocks.dense(act, W)), "layer", "after"),
    "tied": lambda act: vg.blocks.rnn(act, W),
    "untied": lambda act: vg.blocks.rnn(act, W, tied=False),
    "cell": lambda act: vg.blocks.cell({"h": f"{act.replace('x', 'a')} + h/2"}, W),
}
COLUMNS = {
    "ring": ({"shape": (4,)}, lambda act: vg.blocks.conv(act, W)),
    "padded": ({"shape": (3, 3)}, lambda act: vg.blocks.conv(act, W, padding="zeros", norm="layer")),
    "batch norm": ({"shape": (4,)}, lambda act: vg.blocks.conv(act, W, norm="batch")),
    "one token": ({"tokens": 1}, lambda act: vg.blocks.transformer(act, W, 2)),
    "tokens": ({"tokens": 3}, lambda act: vg.blocks.transformer(act, W, 2, "post", "gated")),
}
BLOCKS = {name: ({}, make) for name, make in ONE_STREAM.items()} | COLUMNS


@pytest.mark.parametrize("act", ["tanh(x)", "relu(x)", "sign(x)", "abs(x)**0.75", "sqrt(abs(x))"])
@pytest.mark.parametrize("name", BLOCKS)
def test_networks_of_blocks_are_predicted_or_refused_by_the_table(name, act):
    sizes, make = BLOCKS[name]
    network = vg.Network(make(act), 16, 3, **sizes)
    if (found := refusal(network, "predict")) is None:
        finite(vg.predict(network).stream_square)
    else:
        with pytest.raises(UnsupportedError) as error:
            vg.predict(network)
        assert str(error.value) == str(found.error)


def test_cells_of_more_steps_than_theory_follows_are_refused_by_the_table():
    lstm = vg.blocks.lstm(W)
    assert works(vg.Network(lstm, 16, MOST_STEPS), "predict")
    with pytest.raises(UnsupportedError, match=r"1,000 steps.*vg.simulate"):
        vg.predict(vg.Network(lstm, 16, MOST_STEPS + 1))


def test_what_a_refusal_says_to_drop_is_enough():
    tried = 0
    for network, verb in itertools.product(NETWORKS.values(), VERBS):
        found = refusal(network, verb)
        step = found.instead[1].python if found else ""
        if re.fullmatch(r"drop ((, | and )?(skip|norm|dropout)=)+", step):
            changed = replace(network, **dict.fromkeys(re.findall(r"(\w+)=", step)))
            assert works(changed, verb), (verb, network)
            tried += 1
    assert tried > 1000


def test_the_verbs_named_instead_answer():
    for network, verb in itertools.product(NETWORKS.values(), VERBS):
        found = refusal(network, verb)
        if found and found.instead[0].python:
            named = [other for other, said in SPELLED.items() if f"{said.python} " in found.instead[0].python + " "]
            assert named
            assert all(works(network, other) for other in named)


def test_capabilities_says_what_the_table_says():
    network = vg.Network("tanh", vg.Weights.gaussian(1.5), 16, 4, norm="layer")
    found = vg.capabilities(network)
    assert found.verb.values.tolist() == list(VERBS)
    for verb in VERBS:
        row = found.sel(verb=verb)
        assert bool(row.works) is works(network, verb) is (str(row.why_not.values) == "")
    for value in (None, 3, "tanh", vg.Weights.he(), [network]):
        with pytest.raises(InputError, match="network must be a Network"):
            vg.capabilities(value)


def test_refusals_come_before_symbols_and_heavy_work():
    import sympy as sp

    with pytest.raises(InputError, match="symbolic"):
        require(vg.Network("tanh", vg.Weights.he(), sp.Symbol("N"), 3), "predict")
    assert vg.bounds(vg.Network("tanh", vg.Weights.he(), sp.Symbol("N"), sp.Symbol("L")))


def test_refusals_speak_the_shell_in_the_shell(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command, said in (
        (["lyapunov", "tanh", "--norm", "layer"], "drop --norm"),
        (["spectrum", "tanh", "--eigenvalues", "--skip", "1"], "drop --skip"),
        (["simulate", "tanh", "--norm", "batch"], "use vgtheory simulate --batch 32"),
        (["predict", "tanh", "--weights", "low_rank"], "use --weights gaussian"),
        (["certify", "tanh", "--tied"], "use --weights gaussian"),
    ):
        assert run(command) == 2
        shown = capsys.readouterr().err
        assert said in shown
        assert "skip=" not in shown
        assert "vg." not in shown
    assert not list(tmp_path.iterdir())


def test_help_offers_what_the_table_allows(capsys):
    hidden = {"certify": ("--skip", "--norm", "--dropout", "--tied", "low_rank"), "lyapunov": ("--skip", "--norm")}
    offered = {"report": ("--skip", "truncated_normal"), "lyapunov": ("--dropout",), "simulate": ("--skip", "batch")}
    for command in {**hidden, **offered}:
        assert run([command, "--help"]) == 0
        text = capsys.readouterr().out
        assert not [option for option in hidden.get(command, ()) if option in text]
        assert all(option in text for option in offered.get(command, ()))


def test_capabilities_prints_the_table(capsys):
    assert run(["capabilities"]) == 0
    assert "unequal widths" in capsys.readouterr().out
    assert run(["capabilities", "tanh", "--skip", "1", "--depth", "5"]) == 0
    assert "drop --skip" in capsys.readouterr().out
    assert run(["capabilities", "--markdown"]) == 0
    assert capsys.readouterr().out == markdown()
    assert run(["capabilities", "tanh", "--markdown"]) == 2


def test_the_documentation_has_the_table():
    assert (Path(__file__).parents[1] / "docs" / "capabilities.md").read_text() == markdown()
