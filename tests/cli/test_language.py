"""Refusals are said in the language of --lang, all of them."""

import re

import pytest

from tests.thinning import thinned
from vgtheory.cli.app import run
from vgtheory.reporting.translation import languages, translator

TAKEN = "taken"  # a folder that holds a file of a report
ENGLISH = re.compile(r"\b(?:a|and|be|expected|give|got|holds|in|is|it|must|of|or|the|to|with)\b")
REFUSED = [
    ["sigmoid", "--depth", "0"],
    ["sigmoid", "--depth", "deep"],
    ["sigmoid", "--width", "-3"],
    ["sigmoid", "--samples", "0"],
    ["sigmoid", "--seed", "-1"],
    ["sigmoid", "--sigma-w", "-1"],
    ["sigmoid", "--sigma-w", "1e99"],
    ["sigmoid", "--sigma-w", ""],
    ["sigmoid", "--dropout", "1.5"],
    ["sigmoid", "--norm", "group"],
    ["sigmoid", "--skip", "wide"],
    ["sigmoid", "--init", "he", "--sigma-w", "2"],
    ["sigmoid", "--deph", "3"],
    ["sigmoid", "--param", "alpha"],
    ["sigmoid", "--out", TAKEN],
    ["sigmoyd"],
    ["no_such_thing"],
    ["x +"],
    ["x*y"],
    ["x + é"],
    ["sqrt(-1)*x"],
    [""],
    [],
]


@pytest.mark.parametrize("language", languages()[1:])
@pytest.mark.parametrize("words", thinned(REFUSED, 4), ids=" ".join)
def test_a_refusal_is_said_in_the_language(words, language, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / TAKEN).mkdir()
    (tmp_path / TAKEN / "report.html").write_text("mine")
    say = translator(language)
    say.missing.clear()
    assert run(["report", *words, "--lang", language]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert list(say.missing) == []
    assert not said.isascii()
    assert ENGLISH.findall(said) == []


def test_without_a_language_or_with_one_that_is_none_it_is_english(capsys):
    assert run(["report", "sigmoid", "--depth", "0"]) == 2
    assert run(["report", "sigmoid", "--depth", "0", "--lang", "xx"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == second == "vgtheory: --depth must be a whole number from 1 to 10,000,000 (got 0); e.g. --depth 100"
