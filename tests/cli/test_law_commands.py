"""`vgtheory law` and `vgtheory sample`: what they print and write, and one line for what they refuse."""

import numpy as np
import pytest

from tests.thinning import thinned
from vgtheory.cli.app import run
from vgtheory.random_matrices import naming

ARGUMENTS = {
    "marchenko_pastur": ["ratio=2"],
    "elliptic": ["tau=0.5"],
    "fuss_catalan": ["depth=3"],
    "raney": ["p=2.5", "r=0.5"],
    "free_bessel": ["s=2", "t=0.5"],
    "wishart_product": ["ratios=1,0.5"],
    "ginibre_product": ["factors=2"],
    "kesten_mckay": ["degree=3"],
    "wachter": ["a=0.6", "b=0.7"],
    "tracy_widom": ["beta=2"],
    "demmel_condition": ["size=3"],
    "gaussian_condition": ["size=3"],
    "finite_goe": ["size=4"],
    "finite_gue": ["size=5"],
    "finite_gse": ["size=4"],
    "finite_loe": ["size=3", "freedom=4"],
    "finite_lue": ["size=3", "freedom=4"],
    "finite_lse": ["size=3", "freedom=4"],
    "finite_ginibre": ["size=4"],
    "finite_real_ginibre": ["size=5"],
    "finite_product": ["size=2"],
    "algebraic": ["equation=G**2-z*G+1"],
    "from_r_transform": ["expression=1/(1-x)"],
    "from_s_transform": ["expression=(1+x)**-2"],
}
REFUSED = {
    "unknown law": (["law", "marchenko"], "marchenko_pastur"),
    "missing": (["law", "wachter", "--param", "a=1"], "without b"),
    "unknown parameter": (["law", "semicircle", "--param", "ratio=1"], "radius"),
    "bad value": (["law", "marchenko_pastur", "--param", "ratio=-1"], "ratio"),
    "no value": (["law", "marchenko_pastur", "--param", "ratio"], "NAME=VALUE"),
    "law figure": (["law", "semicircle", "--out", "a.bmp"], ".svg"),
    "unknown ensemble": (["sample", "goa"], "goe"),
    "size 0": (["sample", "goe", "--n", "0"], "size"),
    "no samples": (["sample", "goe", "--samples", "0"], "samples"),
    "beyond memory": (["sample", "ginibre", "--n", "10000000"], "GB"),
    "sample figure": (["sample", "goe", "--out", "a.csv"], ".npz"),
}


@pytest.mark.parametrize("name", thinned(sorted(naming.LAWS), 5))
def test_every_law_has_a_table_and_a_figure(name, tmp_path, capsys):
    figure = tmp_path / "law.svg"
    given = [part for item in ARGUMENTS.get(name, []) for part in ("--param", item)]
    assert run(["law", name, *given, "--out", str(figure)]) == 0
    shown = capsys.readouterr().out
    assert "variance" in shown
    assert "quantile 0.5" in shown
    assert figure.read_text().startswith("<?xml")


@pytest.mark.parametrize(
    "arguments",
    [
        ["goe", "--n", "60"],
        ["ginibre", "--n", "40", "--param", "field=complex"],
        ["haar", "--n", "30"],
        ["ginibre_products", "--n", "20", "--param", "factors=3"],
        ["spiked_wigner", "--n", "60", "--param", "spikes=3"],
        ["jacobi", "--n", "20", "--param", "first=30", "--param", "second=40"],
    ],
    ids=lambda a: a[0],
)
def test_samples_are_written_and_drawn(arguments, tmp_path, capsys):
    data, figure = tmp_path / "a.npz", tmp_path / "a.svg"
    for out in (data, figure):
        assert run(["sample", *arguments, "--samples", "3", "--seed", "2", "--out", str(out)]) == 0
    assert "distance" in capsys.readouterr().out
    with np.load(data) as found:
        assert found["eigenvalues"].shape == (3, int(arguments[2]))
    assert figure.read_text().startswith("<?xml")


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_bad_input_is_one_line(case, tmp_path, monkeypatch, capsys):
    arguments, expected = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert expected in lines[0]
    assert not list(tmp_path.iterdir())


def test_every_ensemble_has_a_name():
    size = {"regular_graphs": {"size": 6, "degree": 3}, "jacobi": {"size": 3, "first": 4, "second": 5}}
    more = {
        "hermite": {"beta": 3},
        "laguerre": {"freedom": 5},
        "circular_beta": {"beta": 1},
        "sparse": {"degree": 2},
        "spiked_wigner": {"spikes": [2.0]},
        "spiked_wishart": {"freedom": 6, "spikes": [3.0]},
        "elliptic_matrices": {"tau": 0.2},
        "ginibre_products": {"factors": 2},
    }
    for name in naming.ENSEMBLES:
        parameters = size.get(name, {"size": 3, **more.get(name, {})})
        assert naming.ensemble(name, **parameters).eigenvalues(0).shape == (parameters["size"],)


def test_the_size_of_a_matrix_is_not_lost_among_the_parameters(capsys):
    assert run(["sample", "goe", "--param", "size=100"]) == 2
    assert "--n 100" in capsys.readouterr().err
