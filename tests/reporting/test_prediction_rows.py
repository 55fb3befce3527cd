"""What `vgtheory predict` says: the rows, the sentences, the figure and the files."""

import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory.cli.app import run
from vgtheory.reporting.prediction_rows import PREDICTED, prediction_rows, prediction_sentences
from vgtheory.theory.asymptotics.prediction import predict_layers


def predicted(name="tanh", width=64, depth=20, weights=None, **parts):
    return vg.predict(vg.Network(name, weights or vg.Weights.gaussian(1.5, 0.1), width, depth, **parts))


def test_rows_are_both_ends_and_the_quarters():
    rows = prediction_rows(predicted(depth=100))
    assert [row[0] for row in rows] == ["1", "26", "51", "76", "100"]
    assert {len(row) for row in rows} == {len(PREDICTED)}
    assert len(prediction_rows(predicted(depth=1))) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    thinned(
        [
            ({"name": "relu", "width": 8}, ("exact law", "dead with probability")),
            ({"width": 5000}, ("order 1/width", "describes each of them")),
            (
                {"name": "gelu", "depth": 60, "weights": vg.Weights.gaussian(1.4, 0.3)},
                ("closure", "fails here", "a single"),
            ),
            ({"name": "sigmoid", "width": 3, "weights": vg.Weights.gaussian(4, 0.5)}, ("Not reliable", "too narrow")),
            ({"name": "identity", "weights": vg.Weights.orthogonal(1)}, ("do not differ",)),
            ({"norm": "rms"}, ("order 1/width", "describes")),
            ({"norm": "batch"}, ("width to infinity", "Not reliable")),
        ],
        2,
    ),
)
def test_sentences(options, said):
    text = " ".join(prediction_sentences(predicted(**options)))
    assert all(part in text for part in said)


@pytest.mark.parametrize("parts", [{}, {"norm": "rms"}, {"norm": "batch"}, {"skip": 0.5}])
def test_columns_say_what_the_data_set_says(parts):
    network = vg.Network("gelu", vg.Weights.gaussian(1.4, 0.3), width=16, depth=12, **parts)
    columns, dataset = predict_layers(network), vg.predict(network)
    assert columns.dataset().identical(dataset)
    assert prediction_rows(columns) == prediction_rows(dataset)
    assert prediction_sentences(columns) == prediction_sentences(dataset)
    assert columns.dims == dataset["q"].dims
    assert columns.sizes == dataset["q"].sizes


def test_the_figure_has_every_curve_and_the_simulation():
    network = vg.Network("tanh", vg.Weights.gaussian(1.5), 400, 12)
    upper, lower = vg.plot.prediction(vg.predict(network), vg.simulate(network, 10))
    names = upper.get_legend_handles_labels()[1]
    assert names == ["95 % of networks", "typical network", "root mean square", r"width $\to\infty$", "simulated mean"]
    assert lower.get_xlim() == (1.0, 12.0)


def test_the_command(tmp_path, capsys):
    out, csv = tmp_path / "p.svg", tmp_path / "p.csv"
    network = ["--width", "300", "--depth", "12"]
    assert run(["predict", "tanh", *network, "--samples", "16", "--out", str(out), "--csv", str(csv)]) == 0
    text = capsys.readouterr().out
    assert "typical ln‖∂ℓ/∂h_l‖" in text
    assert "Undecided" in text
    assert out.read_text().startswith("<?xml")
    assert len(csv.read_text().splitlines()) == 13
    assert run(["predict", "exp(x**2)", *network]) == 2
    assert "not all finite" in capsys.readouterr().err
    assert run(["predict", "tanh", *network, "--sigma-w", "0"]) == 2
    assert "give a --sigma-w above 0" in capsys.readouterr().err
